import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServeOptions, serve } from '../server/index.js';

export type {
  Level,
  LevelBytes,
  LevelCapacity,
  LevelDurability,
  LevelEntry,
  LevelFound,
  LevelKey,
  LevelStream,
  PutOptions,
} from '../levels/level.js';
export type { ServeOptions } from '../server/index.js';
export { FaultyLevel, faultyLevel, type LevelFaults } from './faulty-level.js';
export { type LevelCase, type LevelTried, levelCases } from './level-cases.js';
export { MemoryLevel } from './memory-level.js';

/** A pool for the length of a test. */
export interface TestPool extends AsyncDisposable {
  /** For `join({ address })`, or ATTACCA_POOL of a child process. */
  readonly address: string;
  /** Stops the pool and removes all it made; again: nothing. */
  close(): Promise<void>;
}

/** Enough for tests, and small enough for many at once. */
const MEMORY_BYTES = 64 * 1024 * 1024;

/**
 * Serves a pool in this process, in a private directory of its own, for tests of programs that use
 * Attacca. Options as of `serve`, without an address; memory is 64 MiB unless said otherwise.
 *
 * ```ts
 * await using pool = await testPool();
 * await using member = await join({ address: pool.address, member: 'tested' });
 * ```
 */
export async function testPool(options: Omit<ServeOptions, 'address'> = {}): Promise<TestPool> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-test-'));
  const server = await serve({
    memoryBytes: MEMORY_BYTES,
    ...options,
    address: `unix:${join(directory, 'socket')}`,
  });
  const close = async (): Promise<void> => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  };
  return { address: server.address, close, [Symbol.asyncDispose]: close };
}
