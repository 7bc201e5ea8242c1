import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import type { TestContext } from 'node:test';
import { type JoinOptions, join, type Pool, type Transport } from '../../../src/client/index.js';
import { type PoolServer, type ServeOptions, serve } from '../../../src/server/index.js';

export const TRANSPORTS: readonly Transport[] = ['shared-memory', 'socket'];

const MiB = 1024 * 1024;

/** Serves a pool in this process for one test. */
export async function servePool(t: TestContext, options: ServeOptions = {}): Promise<PoolServer> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-client-'));
  const server = await serve({
    address: `unix:${directory}/socket`,
    name: 'test',
    memoryBytes: 64 * MiB,
    ...options,
  });
  t.after(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return server;
}

/** Another number is another way to use the pool: a connection of its own in the same process. */
let separate = 1_000;

/** Joins with a connection of its own, as another process would. */
export async function joinApart(
  server: PoolServer,
  member: string,
  options: Partial<JoinOptions> = {},
): Promise<Pool> {
  separate++;
  return await join({ address: server.address, member, reconnectMs: separate, ...options });
}

/** The code of the error that a promise rejects with; `none` when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** The error that a promise must reject with. */
export async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}

/** An array of floats that tell where they are. */
export function ramp(length: number, start = 0): Float32Array {
  return Float32Array.from({ length }, (_, index) => start + index);
}
