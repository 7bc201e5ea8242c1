import type { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { EVENT, SUBSCRIBE } from '../../protocol/index.js';
import type { PoolState } from '../state.js';
import { endTimer } from '../timers.js';
import { decideAll, whoOf } from './deciding.js';
import { markDue, writeMarker } from './delivering.js';
import { endPins } from './standing.js';
import type { Attachment, Subscription } from './subscription.js';

/** Ends a subscription: who takes part is told why, and nothing waits for it any more. */
export function endSubscription(
  pool: PoolState,
  one: Subscription,
  error: AttaccaError | null,
): void {
  const by = whoOf(pool, one);
  dismiss(pool, one, error);
  forget(pool, one, by);
}

/** Ends it for those who wanted no more than there was when they came, and have all of that. */
export function endCaughtUp(pool: PoolState, one: Subscription): void {
  const { behindAt, snapshot, unacked } = one;
  for (const each of [...one.attachments]) {
    if (each.until === 0 || snapshot !== null || (behindAt !== 0 && behindAt < each.until))
      continue;
    if (unacked.hasBefore(each.until)) continue;
    tellEnd(pool, one, each, { reason: 'complete' });
    detach(pool, one, each);
  }
}

/** Who takes part has no more of a subscription to come, and is told why. */
export function dismiss(pool: PoolState, one: Subscription, error: AttaccaError | null): void {
  const fields =
    error === null
      ? { reason: 'complete' }
      : { reason: error.code, message: error.message, fields: error.fields };
  for (const each of one.attachments) {
    tellEnd(pool, one, each, fields);
    freeNumber(pool, each);
  }
  one.attachments.length = 0;
}

function tellEnd(pool: PoolState, { n }: Subscription, to: Attachment, fields: ValueMap): void {
  const seq = pool.events.log.end - 1;
  writeMarker(pool, to, { n: n + 1, seq, kind: EVENT.end, flags: 0 }, fields);
}

/** A subscription is there no longer, which `by` had. */
function forget(pool: PoolState, one: Subscription, by: string): void {
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
  decideAll(pool, one, by);
}

/** The number is its client's to use again, for whichever of its members. */
function freeNumber(pool: PoolState, { session, member, number }: Attachment): void {
  session.subscriptions.delete(number);
  pool.members.get(member)?.subscriptions.delete(number);
}

/** A member takes no more events: what it has not acknowledged is for others, or for later. */
export function detach(pool: PoolState, one: Subscription, gone: Attachment): void {
  const by = whoOf(pool, one);
  const index = one.attachments.indexOf(gone);
  if (index >= 0) one.attachments.splice(index, 1);
  freeNumber(pool, gone);
  if (one.name === '') {
    forget(pool, one, by);
    return;
  }
  one.unacked.orphan(gone.id);
  markDue(pool, one);
}
