import { SUBSCRIBE } from '../../protocol/index.js';
import type { PoolState } from '../state.js';
import { isDrained } from './delivering.js';
import { endSubscription } from './ending.js';

/**
 * Ends those that end by themselves: all that was promised is closed, and all that has come is
 * delivered and acknowledged. While nobody has promised anything nothing is known to be over.
 */
export function endComplete(pool: PoolState): void {
  if (pool.promises.size === 0) return;
  for (const { state } of pool.promises.values()) if (state !== 'closed') return;
  if (pool.events.operationsHeld > 0) return;
  for (const one of [...pool.events.subscriptions.values()]) {
    if ((one.flags & SUBSCRIBE.untilComplete) === 0 || one.attachments.length === 0) continue;
    if (isDrained(one)) endSubscription(pool, one, null);
  }
}
