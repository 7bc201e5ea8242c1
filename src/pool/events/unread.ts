import { LIMITS } from '../../core/limits.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { hasMore, markDue } from './delivering.js';

/**
 * Events bring what nobody has asked for just now: so a process that does not read, or is stopped,
 * must not make us keep more and more for it, however many subscriptions it has and however wide
 * their windows are. What it was sent and has not acknowledged bounds what it is told. Who sends it
 * knows that (`unread`), and every loop that does the same batches knows the same.
 */

/** Whether a session may be told of one more event. */
export function hasRoomFor(pool: PoolState, session: Session): boolean {
  const { unread, sessions, events, dirty } = pool;
  const owed = unread.bytesHeldFor(session.id) + session.out.at;
  if (owed >= LIMITS.sessionEventBytesMax) return false;
  // What was told before the outputs were taken is held by now.
  const told = dirty.length === 0 ? 0 : events.bytesTold;
  if (unread.bytesHeld + told < LIMITS.repliesBytesMax) return true;
  // Together too much: who is owed more than an even share is who does not read.
  return owed <= LIMITS.repliesBytesMax / sessions.size;
}

/** Whether somebody has room again who was told no more. */
export function mayTellMore(pool: PoolState): boolean {
  for (const session of pool.events.unreadBy) if (hasRoomFor(pool, session)) return true;
  return false;
}

/** Goes on, before the step ends, with those that have room again; whether there are any. */
export function tellMore(pool: PoolState): boolean {
  let isAny = false;
  for (const session of [...pool.events.unreadBy]) {
    if (!hasRoomFor(pool, session)) continue;
    pool.events.unreadBy.delete(session);
    isAny = true;
    const all = [...session.subscriptions.values()].map(({ one }) => one).filter(hasMore);
    // What is furthest behind first: it needs what the log forgets next.
    all.sort((one, other) => one.behindAt - other.behindAt);
    for (const one of all) markDue(pool, one);
  }
  return isAny;
}
