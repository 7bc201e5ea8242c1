import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { numberOf } from '../harness/reply.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { commandAbsent, pythonAbsent } from '../rivals/installed.js';
import { startRedis } from '../rivals/redis.js';
import { DISTINCT, type Flow } from './flow.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const TIMEOUT_MS = 600_000;
const FLOW_MS = 300_000;
/** After the consumer is told, so that it has required what it waits for. */
const SETTLE_MS = 100;
/** What the limit copies to, larger than every cache. */
const ROOM_BYTES = 512 * MiB;
const FULL_SPEED = 0.8;
const WARM_OBJECTS = 4_000;
/** Not so small that they travel in messages: those that go in batches, and those that do not. */
const WARM_BYTES = [32 * KiB, 128 * KiB] as const;

const SIZES = [
  { name: '4KiB', bytes: 4 * KiB },
  { name: '64KiB', bytes: 64 * KiB },
  { name: '1MiB', bytes: MiB },
  { name: '8MiB', bytes: 8 * MiB },
] as const;
type Size = (typeof SIZES)[number];

interface Load {
  readonly producers: number;
  readonly count: number;
}

const LOADS: Readonly<Record<string, readonly Load[]>> = {
  m: [1, 2, 4].map((producers) => ({ producers, count: 250 })),
  s: [{ producers: 2, count: 20 }],
  l: [250, 1_260].flatMap((count) => [1, 2, 4].map((producers) => ({ producers, count }))),
};

const metricOf = (load: Load, size: Size): string =>
  `MiBps_${size.name}_${load.producers}x${load.count}`;

/** The first flow of a pool, when its memory is fresh. */
const coldMetricOf = (load: Load): string => `cold_${metricOf(load, SIZES[3])}`;

function specsOf(load: Load): MetricSpec[] {
  return [
    ...SIZES.map(
      (size): MetricSpec => ({
        name: metricOf(load, size),
        unit: 'MiB/s',
        better: 'higher',
        goals: size.bytes >= MiB ? [{ of: 'memcpy', atLeast: FULL_SPEED }] : [],
      }),
    ),
    { name: coldMetricOf(load), unit: 'MiB/s', better: 'higher' },
  ];
}

/** The processes of one way: producers, and the consumer that gets from all. */
interface Members {
  readonly producers: readonly Participant[];
  readonly consumer: Participant;
}

async function flow(members: Members, one: Flow): Promise<number> {
  const { producers, consumer } = members;
  await Promise.all(
    producers.map((each) => each.ask('prepare', { bytes: one.bytes, distinct: DISTINCT })),
  );
  const consuming = consumer.ask('consume', one, FLOW_MS);
  consuming.catch(() => {});
  await sleep(SETTLE_MS);
  const produced = await Promise.all(
    producers.map((each, producer) => each.ask('produce', { ...one, producer }, FLOW_MS)),
  );
  const consumed = await consuming;
  const total = one.producers * one.count * one.bytes;
  if (numberOf(consumed, 'bytes') !== total) throw new Error('The consumer did not get all bytes');
  const startNs = Math.min(...produced.map((reply) => numberOf(reply, 'startNs')));
  return total / MiB / ((numberOf(consumed, 'doneNs') - startNs) / 1e9);
}

/**
 * The largest objects first: they show what fresh memory costs, and programs whose code no compiler
 * has seen yet. Then many small ones, so that what follows is warm.
 */
async function measure(members: Members, load: Load): Promise<Samples> {
  const samples: Record<string, number> = {};
  const [, , , large] = SIZES;
  const cold = { ...load, bytes: large.bytes, tag: 'cold' };
  samples[coldMetricOf(load)] = await flow(members, cold);
  const warmCount = Math.ceil(WARM_OBJECTS / load.producers);
  for (const bytes of WARM_BYTES) {
    await flow(members, { ...load, count: warmCount, bytes, tag: `warm-${bytes}` });
  }
  for (const size of SIZES) {
    const one = { ...load, bytes: size.bytes, tag: size.name };
    samples[metricOf(load, size)] = await flow(members, one);
  }
  return samples;
}

type Starting = (stage: Stage) => Promise<Participant>;

async function open(stage: Stage, load: Load, start: Starting, at: object): Promise<Members> {
  const consumer = await start(stage);
  await consumer.ask('open', { ...at, role: 'consumer' });
  const producers = await Promise.all(
    Array.from({ length: load.producers }, async (_, producer) => {
      const participant = await start(stage);
      await participant.ask('open', { ...at, role: 'producer', producer });
      return participant;
    }),
  );
  return { producers, consumer };
}

const startNode: Starting = async (stage) =>
  await stage.crew.node('sink/member.js', { flags: extraFlags('BENCH_CLIENT_FLAGS') });

const startPython =
  (script: string): Starting =>
  async (stage) =>
    await stage.crew.python(`python/${script}`);

async function directory(stage: Stage): Promise<string> {
  const path = join(stage.memoryDirectory, 'files');
  await mkdir(path);
  return path;
}

function contendersOf(load: Load): Contender[] {
  const contender = (
    name: string,
    absent: string | null,
    opening: (stage: Stage) => Promise<Members>,
  ): Contender => ({
    name,
    kind: name === PRODUCT ? 'product' : 'rival',
    absent,
    timeoutMs: TIMEOUT_MS,
    measure: async (stage) => await measure(await opening(stage), load),
  });
  return [
    contender(PRODUCT, null, async (stage) => {
      const { address } = await startPool(stage);
      return await open(stage, load, startNode, { transport: 'attacca', at: address });
    }),
    contender('shm_files', null, async (stage) =>
      open(stage, load, startNode, { transport: 'shm_files', at: await directory(stage) }),
    ),
    contender('redis', commandAbsent('redis-server') ?? pythonAbsent('redis'), async (stage) =>
      open(stage, load, startPython('redis_side.py'), { at: await startRedis(stage) }),
    ),
    contender('adios2_sst', pythonAbsent('adios2'), async (stage) =>
      open(stage, load, startPython('sst_side.py'), { at: await directory(stage) }),
    ),
    memcpy(load),
  ];
}

function memcpy(load: Load): Contender {
  return {
    name: 'memcpy',
    kind: 'limit',
    async measure(stage) {
      const member = await startNode(stage);
      const samples: Record<string, number> = {};
      for (const size of SIZES) {
        const { bytes } = size;
        const count = load.producers * load.count;
        // Twice: the first lets the compiler do its work.
        await member.ask('memcpy', { bytes, count, room: ROOM_BYTES });
        const reply = await member.ask('memcpy', { bytes, count, room: ROOM_BYTES });
        samples[metricOf(load, size)] = (count * bytes) / MiB / numberOf(reply, 'seconds');
      }
      return samples;
    },
  };
}

export const sink: Benchmark = {
  name: 'sink',
  describe: 'several producers offer objects, one consumer demands all and reads every byte',
  sizes: {
    m: '1, 2 and 4 producers, 250 objects each, 4 KiB to 8 MiB',
    s: '2 producers, 20 objects each, to see that it runs',
    l: '250 and 1,260 objects each',
  },
  async run(context) {
    for (const load of LOADS[context.size] ?? []) {
      await context.compare(contendersOf(load), specsOf(load));
    }
  },
};
