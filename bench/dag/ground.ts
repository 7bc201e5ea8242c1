import { join } from 'node:path';
import type { Participant } from '../harness/participant.js';
import { numberOf } from '../harness/reply.js';
import { median } from '../harness/statistics.js';
import { COMMAND } from '../product/start-pool.js';
import { bytesMoved, forkJoin, type Job, type Shape } from './graph.js';

const GRAPH_MS = 200_000;
const FIRST_BYTES = 10;
/** Objects of this size go after their graph: those of all graphs would not fit into memory. */
const CLEARED_BYTES = 16 * 1024 * 1024;
/** Jobs that may run, or wait for their input, at a time. */
export const SLOTS = 4;

export type Environment = Readonly<Record<string, string>>;

/** How jobs find their objects: by name in a pool, or as files in a directory. */
export interface Ground {
  readonly env: Environment;
  /** Whether a job may start before its inputs are there. */
  readonly waits: boolean;
  place(object: string): string;
}

export function poolGround(address: string): Ground {
  return { env: { ATTACCA_POOL: address }, waits: true, place: (object) => object };
}

export function filesIn(directory: string): Ground {
  return { env: {}, waits: false, place: (object) => join(directory, object) };
}

export interface Size {
  readonly name: string;
  readonly bytes: number;
  readonly shape: Shape;
}

/** A job of a graph with its objects where the ground has them. */
export interface PlacedJob {
  readonly inputs: readonly string[];
  readonly output: string;
}

/** The graph's jobs; `tag` keeps the objects of several graphs apart. */
export function placedJobs(ground: Ground, tag: string, jobs: readonly Job[]): PlacedJob[] {
  const place = (object: string): string => ground.place(`${tag}-${object}`);
  return jobs.map(({ inputs, output }) => ({ inputs: inputs.map(place), output: place(output) }));
}

/** Runs a graph, a process a job; returns GB/s of all that is read and written. */
export async function runGraph(
  launcher: Participant,
  ground: Ground,
  size: Size,
  tag: string,
  commandOf: (job: PlacedJob) => readonly string[],
): Promise<number> {
  const jobs = forkJoin(size.shape);
  const placed = placedJobs(ground, tag, jobs);
  const launches = jobs.map(({ inputs }, index) => ({
    argv: commandOf(placed[index] as PlacedJob),
    after: ground.waits ? [] : jobs.flatMap((job, at) => (inputs.includes(job.output) ? [at] : [])),
  }));
  const wish = { jobs: launches, slots: SLOTS, env: ground.env };
  const ms = numberOf(await launcher.ask('run', wish, GRAPH_MS), 'ms');
  await clear(launcher, ground, size, placed);
  return bytesMoved(jobs, size.bytes) / 1e9 / (ms / 1e3);
}

/** Removes what the jobs of a graph have made, if it is large. */
export async function clear(
  launcher: Participant,
  ground: Ground,
  size: Size,
  jobs: readonly PlacedJob[],
): Promise<void> {
  if (size.bytes < CLEARED_BYTES) return;
  const made = jobs.map(({ output }) => output);
  const remove = ground.waits ? [process.execPath, COMMAND, 'rm', '-q'] : ['rm', '-f'];
  await runMs(launcher, [...remove, ...made], ground.env);
}

/** Milliseconds that one command takes. */
export async function runMs(
  launcher: Participant,
  argv: readonly string[],
  env: Environment = {},
): Promise<number> {
  const wish = { jobs: [{ argv, after: [] }], slots: 1, env };
  return numberOf(await launcher.ask('run', wish, GRAPH_MS), 'ms');
}

/** From the start of a command to the first byte that it says; the median of some. */
export async function firstByteMs(
  launcher: Participant,
  argv: readonly string[],
  env: Environment = {},
): Promise<number> {
  const times: number[] = [];
  for (let i = -2; i < FIRST_BYTES; i++) {
    const ms = numberOf(await launcher.ask('firstByte', { argv, env }), 'ms');
    if (i >= 0) times.push(ms);
  }
  return median(times);
}
