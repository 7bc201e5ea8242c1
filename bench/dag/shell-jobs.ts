/**
 * Jobs that are programs of the shell and know nothing of pools: `attacca exec`, `attacca run -j`.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Samples } from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { COMMAND } from '../product/start-pool.js';
import { bytesMoved, forkJoin } from './graph.js';
import {
  clear,
  firstByteMs,
  type Ground,
  type PlacedJob,
  placedJobs,
  runGraph,
  runMs,
  type Size,
  SLOTS,
} from './ground.js';

const FIRST_BYTE_FILE = fileURLToPath(new URL('./first-byte-file.js', import.meta.url));

/** As many lines of a job list, and more: the difference is what each job costs. */
const FEW = 20;
const MANY = 120;

/** The work of a job as a line for the shell; `at` says where an object is. */
function line(job: PlacedJob, bytes: number, at: (object: string) => string): string {
  const { inputs, output } = job;
  if (inputs.length === 0) return `head -c ${bytes} /dev/zero > ${at(output)}`;
  return `cat ${inputs.map(at).join(' ')} > ${at(output)}`;
}

const inBraces = (object: string): string => `{${object}}`;
const asItIs = (path: string): string => path;

function objectWords({ inputs, output }: PlacedJob): string[] {
  return [...inputs.flatMap((input) => ['--in', input]), '--out', output];
}

function commandOf(ground: Ground, bytes: number): (job: PlacedJob) => string[] {
  if (!ground.waits) return (job) => ['sh', '-c', line(job, bytes, asItIs)];
  return (job) => {
    const words = ['exec', ...objectWords(job), '--', 'sh', '-c', line(job, bytes, inBraces)];
    return [process.execPath, COMMAND, ...words];
  };
}

/** A list of jobs as `attacca run -j` takes it. */
async function writeList(path: string, jobs: readonly PlacedJob[], bytes: number): Promise<void> {
  const lines = jobs.map((job) => `${objectWords(job).join(' ')} -- ${line(job, bytes, inBraces)}`);
  await writeFile(path, `${lines.join('\n')}\n`);
}

const runList = (path: string): string[] => [
  process.execPath,
  COMMAND,
  'run',
  '-q',
  '-j',
  `${SLOTS}`,
  path,
];

/** The graph by `attacca exec`, a process a job, or by the shell over files. */
export async function measureShellJobs(
  launcher: Participant,
  ground: Ground,
  sizes: readonly Size[],
): Promise<Samples> {
  const samples: Record<string, number> = {};
  for (const size of sizes) {
    const tag = `exec-${size.name}`;
    const command = commandOf(ground, size.bytes);
    samples[`exec_GBps_${size.name}`] = await runGraph(launcher, ground, size, tag, command);
    // Over files there is no other way to run a list than to start its jobs.
    if (!ground.waits) samples[`run_GBps_${size.name}`] = samples[`exec_GBps_${size.name}`] ?? 0;
  }
  return samples;
}

/** The graph by one `attacca run -j`. */
export async function measureRunList(
  launcher: Participant,
  ground: Ground,
  sizes: readonly Size[],
  directory: string,
): Promise<Samples> {
  const samples: Record<string, number> = {};
  for (const size of sizes) {
    const jobs = forkJoin(size.shape);
    const path = join(directory, `jobs-${size.name}`);
    const placed = placedJobs(ground, `run-${size.name}`, jobs);
    await writeList(path, placed, size.bytes);
    const ms = await runMs(launcher, runList(path), ground.env);
    await clear(launcher, ground, size, placed);
    samples[`run_GBps_${size.name}`] = bytesMoved(jobs, size.bytes) / 1e9 / (ms / 1e3);
  }
  return samples;
}

/** From exec to the first byte of an input that is there, less the same command over a file. */
export async function execTaxMs(
  launcher: Participant,
  pool: Ground,
  files: Ground,
  object: string,
): Promise<number> {
  const words = ['exec', '--in', object, '--', 'head', '-c', '1', inBraces(object)];
  const byPool = await firstByteMs(launcher, [process.execPath, COMMAND, ...words], pool.env);
  return byPool - (await firstByteMs(launcher, ['head', '-c', '1', files.place(object)]));
}

/** From exec to the first byte of a Node program that only writes it, less `head` on a file. */
export async function nodeStartMs(launcher: Participant, directory: string): Promise<number> {
  const path = join(directory, 'first-byte');
  await writeFile(path, '1');
  const started = await firstByteMs(launcher, [process.execPath, FIRST_BYTE_FILE, path]);
  return started - (await firstByteMs(launcher, ['head', '-c', '1', path]));
}

/**
 * What a job of a list costs beyond the same line run by `xargs` over files: from lists of two
 * lengths, so that starting the command itself does not count.
 */
export async function jobOverheadMs(
  launcher: Participant,
  pool: Ground,
  files: Ground,
  object: string,
  directory: string,
): Promise<number> {
  const times: number[] = [];
  for (const count of [FEW, MANY]) {
    const names = Array.from({ length: count }, (_, index) => `overhead-${count}-${index}`);
    const list = join(directory, `list-${count}`);
    const jobs = names.map((output) => ({ inputs: [object], output }));
    await writeList(list, jobs, 0);
    const lines = names.map((name) => `cat ${files.place(object)} > ${files.place(name)}`);
    const script = join(directory, `lines-${count}`);
    await writeFile(script, `${lines.join('\n')}\n`);
    const xargs = ['xargs', '-a', script, '-d', '\n', '-n', '1', '-P', `${SLOTS}`, 'sh', '-c'];
    times.push(await runMs(launcher, runList(list), pool.env), await runMs(launcher, xargs));
  }
  const [fewPool = 0, fewFiles = 0, manyPool = 0, manyFiles = 0] = times;
  return (manyPool - fewPool - (manyFiles - fewFiles)) / (MANY - FEW);
}
