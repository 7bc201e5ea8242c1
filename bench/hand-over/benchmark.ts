import { spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Benchmark,
  type Contender,
  type MetricSpec,
  PRODUCT,
  type Samples,
  type Stage,
} from '../harness/benchmark.js';
import { numberOf, type Reply } from '../harness/reply.js';
import { median, quantile } from '../harness/statistics.js';
import { extraFlags, startPool } from '../product/start-pool.js';
import { commandAbsent, pythonAbsent } from '../rivals/installed.js';
import { startRedis } from '../rivals/redis.js';
import { type HandedOver, nodePair, pythonPair, rayPair, type Way, type Wish } from './pairs.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TIMEOUT_MS = 300_000;
/** From here on a few hand-overs say enough, and no tail. */
const LARGE_BYTES = 16 * MiB;
/** Between two raw round trips: as long as both sides of a hand-over lie still. */
const PAUSE_MS = 3;
const PINGS = 3_000;
const LARGE_PINGS = 300;
/** Small hand-overs before each large one: the allocation between them is not one. */
const AMONG = 10;
const WARM = 3;
const LARGE = 3;
/** For one size; at least so many hand-overs are measured. */
const BUDGET_MS = 5_000;
const LEAST = 2;
/** Small ones before anything is measured: compilers have done their work by then. */
const WARM_FIRST = { wish: { bytes: 4 * KiB, mode: 'place', sum: false }, count: 200 } as const;

interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly count: number;
}

const SIZES: readonly Size[] = [
  { name: '0B', bytes: 0, count: 100 },
  { name: '4KiB', bytes: 4 * KiB, count: 200 },
  { name: '64KiB', bytes: 64 * KiB, count: 100 },
  { name: '1MiB', bytes: MiB, count: 50 },
  { name: '16MiB', bytes: 16 * MiB, count: 15 },
  { name: '256MiB', bytes: 256 * MiB, count: 5 },
  { name: '1GiB', bytes: GiB, count: 5 },
];

/** The largest of a run: summed, and handed over from own memory, as well. */
function largest(sizes: readonly Size[]): Size {
  return sizes.at(-1) as Size;
}

function sizesOf(size: string): readonly Size[] {
  if (size !== 's') return SIZES;
  return SIZES.filter(({ bytes }) => bytes <= MiB).map((each) => ({ ...each, count: 10 }));
}

function specsOf(sizes: readonly Size[]): MetricSpec[] {
  const last = largest(sizes).name;
  const goalsOf = ({ name }: Size): Pick<MetricSpec, 'goals'> => {
    if (name === '1GiB') return { goals: [{ atMost: 100 }] };
    return name === '4KiB' ? { goals: [{ of: 'raw_round_trip', atMost: 3 }] } : {};
  };
  return [
    ...sizes.flatMap((size): MetricSpec[] => [
      { name: `p50_us_${size.name}`, unit: 'us', better: 'lower', ...goalsOf(size) },
      { name: `p99_us_${size.name}`, unit: 'us', better: 'lower' },
    ]),
    {
      name: `read_all_ms_${last}`,
      unit: 'ms',
      better: 'lower',
      goals: [{ of: 'own_array', atMost: 1.25 }],
    },
    { name: `own_memory_ms_${last}`, unit: 'ms', better: 'lower' },
  ];
}

/** Hands over so often, or until the time for it is used up: some take seconds for a gigabyte. */
async function repeat(way: Way, wish: Wish, count: number, warm: number): Promise<HandedOver[]> {
  const all: HandedOver[] = [];
  const until = performance.now() + BUDGET_MS;
  for (let i = -warm; i < count; i++) {
    if (i >= LEAST && performance.now() > until) break;
    const one = await way.handOver(wish);
    if (i >= 0) all.push(one);
  }
  return all;
}

async function measure(way: Way, sizes: readonly Size[]): Promise<Samples> {
  const samples: Record<string, number> = {};
  const warming = Math.min(WARM_FIRST.count, 10 * largest(sizes).count);
  await repeat(way, WARM_FIRST.wish, warming, 0);
  for (const { name, bytes, count } of sizes) {
    const wish = { bytes, mode: 'place', sum: false } as const;
    const times = (await repeat(way, wish, count, WARM)).map(({ firstUs }) => firstUs);
    samples[`p50_us_${name}`] = quantile(times, 0.5);
    if (bytes < LARGE_BYTES) samples[`p99_us_${name}`] = quantile(times, 0.99);
  }
  const { name, bytes } = largest(sizes);
  const all = await repeat(way, { bytes, mode: 'place', sum: true }, LARGE, 1);
  const own = await repeat(way, { bytes, mode: 'own', sum: false }, LARGE, 1);
  samples[`read_all_ms_${name}`] = median(all.map(({ doneUs }) => doneUs)) / 1e3;
  samples[`own_memory_ms_${name}`] = median(own.map(({ firstUs }) => firstUs)) / 1e3;
  return samples;
}

async function emptyDirectory(stage: Stage): Promise<string> {
  const path = join(stage.memoryDirectory, 'files');
  await mkdir(path);
  return path;
}

function namedPipe(stage: Stage): string {
  const path = join(stage.memoryDirectory, 'pipe');
  const made = spawnSync('mkfifo', [path]);
  if (made.status !== 0) throw new Error('Cannot make a named pipe: mkfifo failed');
  return path;
}

type Opening = (stage: Stage) => Promise<Way>;

/** Back to back: nobody has fallen asleep. Small objects, then the largest. */
async function measurePing(stage: Stage, sizes: readonly Size[]): Promise<Samples> {
  const { address: at } = await startPool(stage);
  const flags = extraFlags('BENCH_CLIENT_FLAGS');
  const [one, other] = await Promise.all([
    stage.crew.node('hand-over/ping.js', { flags }),
    stage.crew.node('hand-over/ping.js', { flags }),
  ]);
  await one.ask('open', { at, member: 'one' });
  await other.ask('open', { at, member: 'other' });
  const ping = async (tag: string, bytes: number, count: number, among = 0): Promise<Reply> => {
    const wish = { tag, bytes, count, among };
    const [reply] = await Promise.all([
      one.ask('ping', wish, TIMEOUT_MS),
      other.ask('pong', wish, TIMEOUT_MS),
    ]);
    return reply;
  };
  await ping('warm', 4 * KiB, PINGS);
  // There and back are two hand-overs of a small object, or of a large one and a small one.
  const small = await ping('small', 4 * KiB, PINGS);
  const { name, bytes } = largest(sizes);
  const large = await ping('large', bytes, LARGE_PINGS, AMONG);
  return {
    [backToBack('4KiB')]: numberOf(small, 'us') / 2,
    [backToBack(name)]: numberOf(large, 'us') - numberOf(large, 'smallUs') / 2,
  };
}

const backToBack = (size: string): string => `back_to_back_us_${size}`;

function pingSpecs(sizes: readonly Size[]): MetricSpec[] {
  const { name } = largest(sizes);
  return [
    {
      name: backToBack('4KiB'),
      unit: 'us',
      better: 'lower',
      goals: [{ of: 'raw_round_trip', atMost: 3 }],
    },
    { name: backToBack(name), unit: 'us', better: 'lower', goals: [{ atMost: 100 }] },
  ];
}

const WAYS: readonly { name: string; absent?: () => string | null; open: Opening }[] = [
  {
    name: PRODUCT,
    open: async (stage) => await nodePair(stage, 'attacca', (await startPool(stage)).address),
  },
  { name: 'pipe', open: async (stage) => await nodePair(stage, 'pipe', namedPipe(stage)) },
  {
    name: 'unix_socket',
    open: async (stage) =>
      await nodePair(stage, 'unix_socket', join(stage.memoryDirectory, 'socket')),
  },
  {
    name: 'shm_file',
    open: async (stage) => await nodePair(stage, 'shm_file', await emptyDirectory(stage)),
  },
  {
    name: 'shm_numpy_memmap',
    absent: () => pythonAbsent('numpy'),
    open: async (stage) => await pythonPair(stage, 'mmap_side.py', await emptyDirectory(stage)),
  },
  {
    name: 'redis',
    absent: () => commandAbsent('redis-server') ?? pythonAbsent('redis'),
    open: async (stage) => await pythonPair(stage, 'redis_side.py', await startRedis(stage)),
  },
  { name: 'ray', absent: () => pythonAbsent('ray'), open: rayPair },
  {
    name: 'adios2_sst',
    absent: () => pythonAbsent('adios2'),
    open: async (stage) => await pythonPair(stage, 'sst_side.py', await emptyDirectory(stage)),
  },
];

function rawRoundTrip(sizes: readonly Size[]): Contender {
  return {
    name: 'raw_round_trip',
    kind: 'limit',
    async measure(stage) {
      const [echo, caller] = await Promise.all([
        stage.crew.node('hand-over/limits.js'),
        stage.crew.node('hand-over/limits.js'),
      ]);
      const path = join(stage.memoryDirectory, 'echo');
      await echo.ask('echo', { path });
      const samples: Record<string, number> = {};
      const trips = async (bytes: number, writtenBytes: number, count: number): Promise<Reply> =>
        await caller.ask('roundTrips', { path, bytes, writtenBytes, count, pauseMs: PAUSE_MS });
      for (const { name, bytes } of sizes.slice(0, 2)) {
        await trips(bytes, 0, 50);
        const reply = await trips(bytes, 0, 200);
        samples[`p50_us_${name}`] = numberOf(reply, 'p50Us');
        samples[`p99_us_${name}`] = numberOf(reply, 'p99Us');
      }
      // A few bytes, when as many were written just before as are handed over.
      const { name, bytes } = largest(sizes);
      samples[`p50_us_${name}`] = numberOf(await trips(0, bytes, 10), 'p50Us');
      return samples;
    },
  };
}

/** The same without a pause. */
function rawBackToBack(): Contender {
  return {
    name: 'raw_round_trip',
    kind: 'limit',
    async measure(stage) {
      const [echo, caller] = await Promise.all([
        stage.crew.node('hand-over/limits.js'),
        stage.crew.node('hand-over/limits.js'),
      ]);
      const path = join(stage.memoryDirectory, 'echo');
      await echo.ask('echo', { path });
      const wish = { path, bytes: 4 * KiB, writtenBytes: 0, count: PINGS, pauseMs: 0 };
      await caller.ask('roundTrips', wish);
      return { [backToBack('4KiB')]: numberOf(await caller.ask('roundTrips', wish), 'p50Us') };
    },
  };
}

/** Copying and reading in one process: what handing over from own memory cannot go below. */
function ownMemory({ name, bytes }: Size, limit: 'memcpy' | 'own_array'): Contender {
  return {
    name: limit,
    kind: 'limit',
    async measure(stage) {
      const participant = await stage.crew.node('hand-over/limits.js');
      const reply = await participant.ask('memory', { bytes, count: 5 });
      return limit === 'memcpy'
        ? { [`own_memory_ms_${name}`]: numberOf(reply, 'copyMs') }
        : { [`read_all_ms_${name}`]: numberOf(reply, 'sumMs') };
    },
  };
}

export const handOver: Benchmark = {
  name: 'hand-over',
  describe: 'from offer() called to the first value read by a consumer whose demand is pending',
  sizes: { m: 'nothing to 1 GiB', s: 'nothing to 1 MiB, 10 times each, to see that it runs' },
  async run(context) {
    const sizes = sizesOf(context.size);
    const ways = WAYS.map(
      ({ name, absent, open }): Contender => ({
        name,
        kind: name === PRODUCT ? 'product' : 'rival',
        absent: absent?.() ?? null,
        timeoutMs: TIMEOUT_MS,
        measure: async (stage) => await measure(await open(stage), sizes),
      }),
    );
    const last = largest(sizes);
    const limits = [rawRoundTrip(sizes), ownMemory(last, 'memcpy'), ownMemory(last, 'own_array')];
    await context.compare([...ways, ...limits], specsOf(sizes));
    const product: Contender = {
      name: PRODUCT,
      kind: 'product',
      timeoutMs: TIMEOUT_MS,
      measure: async (stage) => await measurePing(stage, sizes),
    };
    await context.compare([product, rawBackToBack()], pingSpecs(sizes));
  },
};
