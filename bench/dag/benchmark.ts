import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
import { median } from '../harness/statistics.js';
import { startPool } from '../product/start-pool.js';
import { bytesMoved, forkJoin, type Shape } from './graph.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TIMEOUT_MS = 300_000;
const GRAPH_MS = 200_000;
/** Jobs that may run, or wait for their input, at a time: twice what is usual on two cores. */
const SLOTS = 4;
const FIRST_BYTES = 10;

interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly shape: Shape;
}

const LONG: Shape = { width: 4, depth: 4 };
/** All of a graph's objects lie in memory at the same time. */
const SHORT: Shape = { width: 2, depth: 2 };

const SIZES: readonly Size[] = [
  { name: '1KiB', bytes: KiB, shape: LONG },
  { name: '1MiB', bytes: MiB, shape: LONG },
  { name: '16MiB', bytes: 16 * MiB, shape: LONG },
  { name: '256MiB', bytes: 256 * MiB, shape: LONG },
  { name: '1GiB', bytes: GiB, shape: SHORT },
];

function sizesOf(size: string): readonly Size[] {
  return size === 's' ? SIZES.slice(0, 2).map((each) => ({ ...each, shape: SHORT })) : SIZES;
}

const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

/** How jobs find their objects: by name in a pool, or as files in a directory. */
interface Ground {
  readonly program: string;
  /** Whether a job may start before its inputs are there. */
  readonly waits: boolean;
  readonly env: Readonly<Record<string, string>>;
  place(object: string): string;
}

async function runGraph(launcher: Participant, ground: Ground, size: Size): Promise<number> {
  const jobs = forkJoin(size.shape);
  const place = (object: string): string => ground.place(`${size.name}-${object}`);
  const launches = jobs.map(({ inputs, output }) => ({
    argv: [
      process.execPath,
      script(ground.program),
      inputs.map(place).join(','),
      place(output),
      String(size.bytes),
      // The source counts as a job of each chain.
      String(size.shape.depth + 1),
    ],
    after: ground.waits ? [] : jobs.flatMap((job, at) => (inputs.includes(job.output) ? [at] : [])),
  }));
  const wish = { jobs: launches, slots: SLOTS, env: ground.env };
  const ms = numberOf(await launcher.ask('run', wish, GRAPH_MS), 'ms');
  return bytesMoved(jobs, size.bytes) / 1e9 / (ms / 1e3);
}

async function firstByteMs(
  launcher: Participant,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  const times: number[] = [];
  for (let i = -2; i < FIRST_BYTES; i++) {
    const ms = numberOf(await launcher.ask('firstByte', { argv, env }), 'ms');
    if (i >= 0) times.push(ms);
  }
  return median(times);
}

function filesIn(directory: string): Ground {
  return {
    program: 'job-file',
    waits: false,
    env: {},
    place: (object) => join(directory, object),
  };
}

async function poolGround(stage: Stage): Promise<Ground> {
  const { address } = await startPool(stage);
  return {
    program: 'job-pool',
    waits: true,
    env: { ATTACCA_POOL: address },
    place: (object) => object,
  };
}

/** From exec to the first byte of an input that is there, less the same program over a file. */
async function taxMs(launcher: Participant, pool: Ground, files: Ground): Promise<number> {
  const last = '1KiB-joined';
  await runGraph(launcher, files, { name: '1KiB', bytes: KiB, shape: SHORT });
  const byFile = [process.execPath, script('first-byte-file'), files.place(last)];
  const byPool = [process.execPath, script('first-byte-pool'), last];
  const fileMs = await firstByteMs(launcher, byFile, {});
  return (await firstByteMs(launcher, byPool, pool.env)) - fileMs;
}

async function measure(stage: Stage, ground: Ground, sizes: readonly Size[]): Promise<Samples> {
  const launcher = await stage.crew.node('dag/launcher.js');
  const samples: Record<string, number> = {};
  for (const size of sizes) samples[`GBps_${size.name}`] = await runGraph(launcher, ground, size);
  if (ground.waits) {
    samples['tax_ms'] = await taxMs(launcher, ground, filesIn(stage.memoryDirectory));
  }
  return samples;
}

function specsOf(sizes: readonly Size[]): MetricSpec[] {
  return [
    { name: 'tax_ms', unit: 'ms', better: 'lower', goals: [{ atMost: 15 }] },
    ...sizes.map(
      ({ name, bytes }): MetricSpec => ({
        name: `GBps_${name}`,
        unit: 'GB/s',
        better: 'higher',
        goals: ['shm_files', 'disk_files'].map((of) => ({ of, atLeast: bytes >= MiB ? 1 : 0.9 })),
      }),
    ),
  ];
}

export const dag: Benchmark = {
  name: 'dag',
  describe: 'a fork-join graph of short jobs, each a process that reads one object and writes one',
  sizes: { m: '1 KiB to 1 GiB', s: '1 KiB and 1 MiB, to see that it runs' },
  async run(context) {
    const sizes = sizesOf(context.size);
    const contenders: Contender[] = [
      {
        name: PRODUCT,
        kind: 'product',
        timeoutMs: TIMEOUT_MS,
        measure: async (stage) => await measure(stage, await poolGround(stage), sizes),
      },
      {
        name: 'shm_files',
        kind: 'rival',
        timeoutMs: TIMEOUT_MS,
        measure: async (stage) => await measure(stage, filesIn(stage.memoryDirectory), sizes),
      },
      {
        name: 'disk_files',
        kind: 'rival',
        timeoutMs: TIMEOUT_MS,
        measure: async (stage) => await measure(stage, filesIn(stage.diskDirectory), sizes),
      },
    ];
    await context.compare(contenders, specsOf(sizes));
  },
};
