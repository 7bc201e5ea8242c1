import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../harness/benchmark.js';

const START_MS = 10_000;
const LOOK_MS = 20;

/** Redis on a Unix socket, without persistence: memory beside memory. Returns the socket's path. */
export async function startRedis(stage: Stage): Promise<string> {
  const socket = join(stage.memoryDirectory, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'];
  stage.crew.command(['redis-server', ...options, '--dir', stage.diskDirectory]);
  const until = performance.now() + START_MS;
  while (!existsSync(socket)) {
    if (performance.now() > until) throw new Error(`Redis did not start within ${START_MS} ms`);
    await sleep(LOOK_MS);
  }
  return socket;
}
