import { assert } from '../core/assert.js';
import { leaveNewest } from './provenance.js';
import type { PoolState } from './state.js';

/**
 * Gives back what the tables of a pool have grown to when it is empty: else a pool that had a
 * million objects once would have a snapshot of a million rows for ever. Only between batches, when
 * no step has a row in hand. Rows are named by rows of the other tables, by handles of sessions and
 * members, and by who waits: where there is none of them, no row is named, and to count from 1
 * again means nothing else to anybody. The place of a LIST that goes on behind the end is the end.
 */
export function beginAnew(pool: PoolState): void {
  const { objects, handles, versions, waits, spaces, arena } = pool;
  if (objects.used > 0 || handles.used > 0 || versions.used > 0 || waits.used > 0) return;
  if (pool.leaseWaits.length > 0 || pool.events.operationsHeld > 0) return;
  assert(pool.all === 0, 'nothing of an empty pool can be found');
  assert(pool.unboundHead === 0 && pool.failures.size === 0, 'no row of an empty pool is named');
  assert(pool.leaseWaitsByObject.size === 0, 'nobody waits for an object of an empty pool');
  const { directory, terms, shapes, partitions, parts, wanted, measures } = pool;
  pool.regions.clear();
  pool.partIndexes.clear();
  for (const table of [objects, handles, versions, partitions, parts, wanted]) table.beginAnew();
  for (const table of [measures.rows, waits, directory]) table.beginAnew();
  // Events may tell of what is gone, and hold what it said.
  if (spaces.used === 0 && arena.bytesUsed === 0) {
    for (const table of [spaces, arena, terms, shapes]) table.beginAnew();
  }
  leaveNewest(pool);
}
