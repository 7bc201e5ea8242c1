import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import { cpuNsOf } from '../harness/cpu.js';
import type { Participant } from '../harness/participant.js';
import { numberOf } from '../harness/reply.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { commandAbsent, nodePackageAbsent } from '../rivals/installed.js';
import { natsAbsent, startNats } from '../rivals/nats.js';
import { startRedis } from '../rivals/redis.js';
import { BATCH } from './sides.js';

const TIMEOUT_MS = 300_000;
/** Subscriptions of which each event matches one. */
const SELECTING = [1, 10, 1_000] as const;
/** Subscriptions of which each event matches all. */
const FAN_OUTS = [10, 100] as const;
/** Held offers that a producer has under way. */
const IN_FLIGHT = 64;
/** A thousand subscriptions cost so much more than ten, at most: it is matches that cost. */
const GROWTH_MAX = 1.25;
/** What is measured is warm. */
const WARM_SHARE = 0.5;

interface Lengths {
  readonly events: number;
  readonly deliveries: number;
  readonly held: number;
}

const LENGTHS: Readonly<Record<string, Lengths>> = {
  m: { events: 50_000, deliveries: 200_000, held: 5_000 },
  s: { events: 5_000, deliveries: 20_000, held: 500 },
  l: { events: 500_000, deliveries: 2_000_000, held: 50_000 },
};

/** How much is told, and to whom. */
interface Load {
  readonly subscriptions: number;
  readonly isFanOut: boolean;
  readonly isEmit: boolean;
  readonly count: number;
}

interface Way {
  readonly source: Participant;
  readonly sink: Participant;
  /** Of what is between them. */
  readonly cpuNs: () => number;
}

type Opening = (stage: Stage) => Promise<{ readonly at: string; readonly pid: number }>;

async function open(stage: Stage, kind: string, opening: Opening): Promise<Way> {
  const { at, pid } = await opening(stage);
  const member = async (role: string): Promise<Participant> => {
    const flags = extraFlags('BENCH_CLIENT_FLAGS');
    const participant = await stage.crew.node('events/member.js', { flags });
    await participant.ask('open', { kind, at, role });
    return participant;
  };
  return {
    source: await member('source'),
    sink: await member('sink'),
    cpuNs: () => (pid === 0 ? Number.NaN : cpuNsOf(pid)),
  };
}

/** From the first one published until the last one has come. */
async function flow({ source, sink, cpuNs }: Way, load: Load): Promise<[us: number, cpu: number]> {
  const { subscriptions, isFanOut, isEmit, count } = load;
  await sink.ask('subscribe', { subscriptions, isFanOut });
  const matches = isFanOut ? subscriptions : 1;
  const send = async (first: number, some: number): Promise<[us: number, cpu: number]> => {
    const coming = sink.ask('expect', { count: (first + some) * matches }, TIMEOUT_MS);
    coming.catch(() => {});
    const before = cpuNs();
    // To all is to one number, which everybody wants.
    const what = { first, count: some, subscriptions: isFanOut ? 1 : subscriptions, isEmit };
    const { startNs } = await source.ask('publish', what, TIMEOUT_MS);
    const doneNs = numberOf(await coming, 'doneNs');
    const us = (doneNs - Number(startNs)) / 1e3 / some;
    return [us, (cpuNs() - before) / 1e3 / some];
  };
  const warm = Math.ceil((count * WARM_SHARE) / BATCH) * BATCH;
  await send(0, warm);
  return await send(warm, count);
}

/** One part of the benchmark: what is measured, of the product, its rivals, and in `step`. */
interface Part {
  readonly specs: readonly MetricSpec[];
  readonly measure: (way: Way) => Promise<Samples>;
  readonly inStep: object;
  /** Of the first metric, what one event of `step` is divided by. */
  readonly matches: number;
  /** Of the product alone, as a limit: the same with less. */
  readonly less?: { readonly name: string; readonly measure: (way: Way) => Promise<Samples> };
}

const spec = (name: string, goals: MetricSpec['goals'] = []): MetricSpec => ({
  ...{ name, unit: 'us', better: 'lower', goals },
});

function selecting(subscriptions: number, { events }: Lengths, isEmit: boolean): Part {
  const name = `us_per_${isEmit ? 'emit' : 'event'}_${subscriptions}`;
  const serverName = `server_${name}`;
  const load = { subscriptions, isFanOut: false, isEmit, count: events };
  const isMany = subscriptions > 10;
  const of = 'ten_subscriptions';
  const told = (cpuUs: number): Samples => (Number.isNaN(cpuUs) ? {} : { [serverName]: cpuUs });
  const part: Part = {
    specs: [
      spec(name, isMany ? [{ of, atMost: GROWTH_MAX }] : []),
      spec(serverName, isMany ? [{ of, atMost: GROWTH_MAX }] : []),
    ],
    async measure(way) {
      const [us, cpuUs] = await flow(way, load);
      return { [name]: us, ...told(cpuUs) };
    },
    inStep: { ...load, warm: Math.ceil(events * WARM_SHARE) },
    matches: 1,
  };
  if (!isMany) return part;
  const measure = async (way: Way): Promise<Samples> => {
    const [us, cpuUs] = await flow(way, { ...load, subscriptions: 10 });
    return { [name]: us, ...told(cpuUs) };
  };
  return { ...part, less: { name: of, measure } };
}

function fanOut(subscriptions: number, { deliveries }: Lengths): Part {
  const name = `us_per_delivery_${subscriptions}`;
  const count = Math.ceil(deliveries / subscriptions / BATCH) * BATCH;
  const load = { subscriptions, isFanOut: true, isEmit: false, count };
  return {
    specs: [spec(name)],
    async measure(way) {
      const [us] = await flow(way, load);
      return { [name]: us / subscriptions };
    },
    inStep: { ...load, warm: count },
    matches: subscriptions,
  };
}

/** Offers that go on when somebody has acknowledged them: a question and its answer. */
function held(inFlight: number, { held: count }: Lengths): Part {
  const name = inFlight === 1 ? 'us_per_held' : `us_per_held_${inFlight}`;
  return {
    specs: [spec(name)],
    async measure({ source, sink }) {
      await sink.ask('answer');
      await source.ask('ask', { first: 0, count, inFlight }, TIMEOUT_MS);
      const reply = await source.ask('ask', { first: count, count, inFlight }, TIMEOUT_MS);
      return { [name]: numberOf(reply, 'us') };
    },
    inStep: { subscriptions: 1, isFanOut: false, isHeld: true, count, warm: count },
    matches: 1,
  };
}

const OPENINGS: Readonly<Record<string, Opening>> = {
  attacca: async (stage) => {
    const { address, pid } = await startPool(stage);
    return { at: address, pid };
  },
  nats: async (stage) => ({ at: await startNats(stage), pid: 0 }),
  redis: async (stage) => ({ at: await startRedis(stage), pid: 0 }),
};

function contendersOf({ measure, specs, inStep, matches, less }: Part): Contender[] {
  const contender = (name: string, kind: Contender['kind'], part: Partial<Contender>) => ({
    ...{ name, kind, timeoutMs: TIMEOUT_MS },
    measure: async (stage: Stage) => {
      const opening = OPENINGS[name.replace(/_.*/u, '')] ?? OPENINGS['attacca'];
      return await measure(await open(stage, name, opening as Opening));
    },
    ...part,
  });
  const metric = specs[0]?.name ?? '';
  const redisAbsent = commandAbsent('redis-server') ?? nodePackageAbsent('redis');
  const isHeld = metric.startsWith('us_per_held');
  return [
    contender(PRODUCT, 'product', {}),
    contender('nats', 'rival', { absent: natsAbsent() }),
    contender('redis_channels', 'rival', { absent: redisAbsent }),
    ...(isHeld ? [] : [contender('redis_streams', 'rival', { absent: redisAbsent })]),
    contender('step', 'limit', {
      async measure(stage) {
        const limit = await stage.crew.node('events/step-limit.js');
        const reply = await limit.ask('run', inStep, TIMEOUT_MS);
        const us = numberOf(reply, 'us') / matches;
        return Object.fromEntries(specs.map(({ name }) => [name, us]));
      },
    }),
    ...(less === undefined
      ? []
      : [
          contender(less.name, 'limit', {
            measure: async (stage) =>
              await less.measure(await open(stage, PRODUCT, OPENINGS['attacca'] as Opening)),
          }),
        ]),
  ];
}

export const events: Benchmark = {
  name: 'events',
  describe:
    'events of a pool, to those who select them, and offers that wait for who is told before',
  sizes: {
    m: '50,000 events to 1, 10 and 1,000 subscriptions, 200,000 deliveries, 5,000 held offers',
    s: 'a tenth of that, to see that it runs',
    l: 'ten times that',
  },
  async run(context) {
    const lengths = LENGTHS[context.size];
    if (lengths === undefined) return;
    const parts = [
      ...SELECTING.map((subscriptions) => selecting(subscriptions, lengths, false)),
      selecting(SELECTING[2], lengths, true),
      ...FAN_OUTS.map((subscriptions) => fanOut(subscriptions, lengths)),
      ...[1, IN_FLIGHT].map((inFlight) => held(inFlight, lengths)),
    ];
    for (const part of parts) await context.compare(contendersOf(part), part.specs);
  },
};
