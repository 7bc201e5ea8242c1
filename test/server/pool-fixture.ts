import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type PoolServer, type ServeOptions, serve } from '../../src/server/index.js';

/** A private directory that goes with the test. */
export async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Small, so that several fit beside one another in a container's /dev/shm. */
const MEMORY_BYTES = 32 * 1024 * 1024;

/** Serves a pool of its own for one test, in this process. */
export async function poolOf(t: TestContext, options: ServeOptions = {}): Promise<PoolServer> {
  const directory = await scratch(t);
  const server = await serve({
    address: `unix:${directory}/socket`,
    name: 'test',
    memoryBytes: MEMORY_BYTES,
    ...options,
  });
  t.after(() => server.close());
  return server;
}
