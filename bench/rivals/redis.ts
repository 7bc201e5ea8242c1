import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stage } from '../harness/benchmark.js';

const START_MS = 10_000;
const LOOK_MS = 20;

/** Redis on a Unix socket, without persistence: memory beside memory. */
export function redisCommand(place: { socket: string; directory: string }): string[] {
  const options = ['--port', '0', '--unixsocket', place.socket, '--save', '', '--appendonly', 'no'];
  return ['redis-server', ...options, '--dir', place.directory];
}

/** Waits until a Redis that was started listens. */
export async function redisListens(socket: string): Promise<void> {
  const until = performance.now() + START_MS;
  while (!existsSync(socket)) {
    if (performance.now() > until) throw new Error(`Redis did not start within ${START_MS} ms`);
    await sleep(LOOK_MS);
  }
}

/** Starts Redis for one measurement. `more` are options. Returns the socket's path. */
export async function startRedis(stage: Stage, more: readonly string[] = []): Promise<string> {
  const socket = join(stage.memoryDirectory, 'redis.sock');
  stage.crew.command([...redisCommand({ socket, directory: stage.diskDirectory }), ...more]);
  await redisListens(socket);
  return socket;
}
