import { settleLeases } from './memory.js';
import { settleReady } from './readiness.js';
import type { PoolState } from './state.js';
import { settleParts } from './versions.js';

/** What a change has made due of objects and memory, before the next one. */
export function settleObjects(pool: PoolState): void {
  settleParts(pool);
  if (pool.readyDue.size + pool.unreadyOld.due.size > 0) settleReady(pool);
  settleLeases(pool);
}
