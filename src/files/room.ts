import type { Pool } from '../client/pool.js';
import { refuse } from '../core/assert.js';
import { formatBytes } from '../core/format-bytes.js';
import { isMap, type Value } from '../core/value.js';

/** Memory that is not there yet: what comes is waited for until there is room. */
export interface Wanted {
  /** What is to be imported. */
  readonly bytes: number;
  /** What no object has. */
  readonly free: number;
  readonly limit: number;
}

/** The pool's memory, and what no object has of it; null: it does not say. */
export async function memoryOf(pool: Pool): Promise<Omit<Wanted, 'bytes'> | null> {
  const { memory } = await pool.info();
  if (memory === undefined || !isMap(memory)) return null;
  const [limit, offered] = [numberOf(memory['limit']), numberOf(memory['offered'])];
  // What is leased may be this process's own.
  return { limit, free: Math.max(0, limit - offered) };
}

const numberOf = (value: Value | undefined): number => (typeof value === 'number' ? value : 0);

/**
 * Holds what is to be imported against the pool's memory. `memory-full`, at once, for what can
 * never be there beside what it replaces; null when there is room now.
 */
export async function roomFor(
  pool: Pool,
  path: string,
  bytes: number,
  former: number,
): Promise<Wanted | null> {
  const memory = await memoryOf(pool);
  if (memory === null) return null;
  const { limit, free } = memory;
  if (bytes + former > limit) {
    const has = `it has ${formatBytes(bytes)}, the pool's memory ${formatBytes(limit)}`;
    const beside = `, with ${formatBytes(former)} of what it replaces: that can be replaced first`;
    const why = former === 0 || bytes > limit ? has : `${has}${beside}`;
    const fields = { path, size: bytes, former, limit };
    refuse('memory-full', `Cannot import "${path}": ${why}`, fields);
  }
  return bytes > free ? { bytes, free, limit } : null;
}
