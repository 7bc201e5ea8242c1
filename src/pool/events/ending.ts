import type { AttaccaError } from '../../core/errors.js';
import { EVENT, SUBSCRIBE } from '../../protocol/index.js';
import type { PoolState } from '../state.js';
import { endTimer } from '../timers.js';
import { decideAll } from './deciding.js';
import { markDue, writeMarker } from './delivering.js';
import { endPins } from './standing.js';
import type { Attachment, Subscription } from './subscription.js';

/** Ends a subscription: who takes part is told why, and nothing waits for it any more. */
export function endSubscription(
  pool: PoolState,
  one: Subscription,
  error: AttaccaError | null,
): void {
  dismiss(pool, one, error);
  forget(pool, one);
}

/** Who takes part has no more of a subscription to come, and is told why. */
export function dismiss(pool: PoolState, one: Subscription, error: AttaccaError | null): void {
  const fields =
    error === null
      ? { reason: 'complete' }
      : { reason: error.code, message: error.message, fields: error.fields };
  const n = one.n + 1;
  for (const each of one.attachments) {
    writeMarker(pool, each, { n, seq: pool.events.log.end - 1, kind: EVENT.end, flags: 0 }, fields);
    each.session.subscriptions.delete(each.number);
  }
  one.attachments.length = 0;
}

/** A subscription is there no longer. */
function forget(pool: PoolState, one: Subscription): void {
  const { events } = pool;
  events.subscriptions.delete(one.id);
  if (one.name !== '') events.byName.delete(one.name);
  ((one.flags & SUBSCRIBE.before) !== 0 ? events.before : events.after).remove(one);
  events.count(one, -1);
  events.blockers.delete(one);
  events.standing.delete(one);
  events.measuredFor.delete(one);
  one.snapshot = null;
  if (one.timer !== 0) endTimer(pool, one.timer);
  one.timer = 0;
  endPins(pool, one);
  decideAll(pool, one);
}

/** A member takes no more events: what it has not acknowledged is for others, or for later. */
export function detach(pool: PoolState, one: Subscription, gone: Attachment): void {
  const index = one.attachments.indexOf(gone);
  if (index >= 0) one.attachments.splice(index, 1);
  gone.session.subscriptions.delete(gone.number);
  if (one.name === '') {
    forget(pool, one);
    return;
  }
  one.unacked.orphan(gone.id);
  markDue(pool, one);
}
