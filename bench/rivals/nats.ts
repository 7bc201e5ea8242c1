import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Stage } from '../harness/benchmark.js';
import { nodePackageAbsent } from './installed.js';

const SERVER = fileURLToPath(new URL('../../../bench/.rivals/bin/nats-server', import.meta.url));
const START_MS = 10_000;
const LOOK_MS = 20;

/** Why NATS cannot take part, or null. */
export function natsAbsent(): string | null {
  if (existsSync(SERVER)) return nodePackageAbsent('@nats-io/transport-node');
  return 'not installed; install with: bench/install-rivals.sh';
}

/** Starts NATS for one measurement, on a port of the system's choice. Returns the port. */
export async function startNats(stage: Stage): Promise<string> {
  const directory = stage.memoryDirectory;
  const words = ['--addr', '127.0.0.1', '--port', '-1', '--ports_file_dir', directory];
  stage.crew.command([SERVER, ...words]);
  const until = performance.now() + START_MS;
  while (performance.now() <= until) {
    const file = (await readdir(directory)).find((name) => name.endsWith('.ports'));
    const text = file === undefined ? '' : await readFile(join(directory, file), 'utf8');
    const port = /:(\d+)"/.exec(text)?.[1];
    if (port !== undefined) return port;
    await sleep(LOOK_MS);
  }
  throw new Error(`NATS did not start within ${START_MS} ms`);
}
