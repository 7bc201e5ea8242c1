import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../harness/benchmark.js';
import { within } from '../harness/within.js';

const READY_MS = 30_000;
const BUNDLE = fileURLToPath(new URL('../../bin/attacca.cjs', import.meta.url));
const UNBUNDLED = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** The command as users have it: bundled. */
export const COMMAND = existsSync(BUNDLE) ? BUNDLE : UNBUNDLED;

export interface BenchPool {
  readonly address: string;
  /** Of the manager. */
  readonly pid: number;
}

/**
 * Serves a pool for one measurement, as `attacca serve` does it; its memory is the stage's. `more`
 * are words of the command.
 */
export async function startPool(stage: Stage, more: readonly string[] = []): Promise<BenchPool> {
  const address = `unix:${join(stage.memoryDirectory, 'pool', 'socket')}`;
  const words = ['serve', '--address', address, '--shm-dir', stage.memoryDirectory, ...more];
  const argv = [process.execPath, ...extraFlags('BENCH_SERVER_FLAGS'), COMMAND, ...words];
  const server = stage.crew.command(argv);
  let said = '';
  server.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ready = new Promise<void>((resolve, reject) => {
    if (server.stdout !== null) {
      createInterface({ input: server.stdout }).once('line', () => resolve());
    }
    server.once('exit', (code) => reject(new Error(`attacca serve ended with ${code}\n${said}`)));
  });
  await within(READY_MS, ready);
  return { address, pid: server.pid ?? 0 };
}

/** For profiling by hand: `BENCH_SERVER_FLAGS=--cpu-prof`. */
export function extraFlags(variable: string): string[] {
  return (process.env[variable] ?? '').split(' ').filter((flag) => flag !== '');
}
