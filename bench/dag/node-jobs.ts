/** Jobs that are Node programs: with the library, or over files. */
import { fileURLToPath } from 'node:url';
import type { Samples } from '../harness/benchmark.js';
import type { Participant } from '../harness/participant.js';
import { firstByteMs, type Ground, type PlacedJob, runGraph, type Size } from './ground.js';

const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));

function commandOf(ground: Ground, { bytes, shape }: Size): (job: PlacedJob) => string[] {
  const program = script(ground.waits ? 'job-pool' : 'job-file');
  // The source counts as a job of each chain.
  const depth = String(shape.depth + 1);
  return ({ inputs, output }) => [
    process.execPath,
    program,
    inputs.join(','),
    output,
    String(bytes),
    depth,
  ];
}

export async function measureNodeJobs(
  launcher: Participant,
  ground: Ground,
  sizes: readonly Size[],
): Promise<Samples> {
  const samples: Record<string, number> = {};
  for (const size of sizes) {
    const command = commandOf(ground, size);
    samples[`GBps_${size.name}`] = await runGraph(launcher, ground, size, size.name, command);
  }
  return samples;
}

/** From exec to the first byte of an input that is there, less the same program over a file. */
export async function nodeTaxMs(
  launcher: Participant,
  pool: Ground,
  files: Ground,
  object: string,
): Promise<number> {
  const byPool = [process.execPath, script('first-byte-pool'), pool.place(object)];
  const byFile = [process.execPath, script('first-byte-file'), files.place(object)];
  const poolMs = await firstByteMs(launcher, byPool, pool.env);
  return poolMs - (await firstByteMs(launcher, byFile, files.env));
}
