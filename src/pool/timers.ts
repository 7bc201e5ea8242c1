import { refuse } from '../core/assert.js';
import { ENDLESS, LIMITS } from '../core/limits.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** When a deadline given in ms from now passes: 0 is the pool's default, ENDLESS never. */
function deadlineAt(pool: PoolState, deadlineMs: number): number {
  if (deadlineMs === ENDLESS) return Number.POSITIVE_INFINITY;
  return pool.now + (deadlineMs === 0 ? pool.options.deadlineDefaultMs : deadlineMs);
}

/** Refuses with `wait-limit` when the pool has too many waits. */
export function checkWaits(pool: PoolState): void {
  if (pool.waits.used - pool.timers >= LIMITS.waitsMax) {
    refuse('wait-limit', 'Cannot wait: the pool holds too many waits', { limit: LIMITS.waitsMax });
  }
}

/** Begins a wait of a request; refused with `wait-limit` when the pool has too many. */
export function beginWait(
  pool: PoolState,
  session: Session,
  request: number,
  kind: number,
  subject: number,
  deadlineMs: number,
): number {
  checkWaits(pool);
  return pool.waits.begin(kind, session.id, request, subject, {
    now: pool.now,
    deadline: deadlineAt(pool, deadlineMs),
  });
}

/** Refuses with `wait-limit` when the pool has too many timers. */
export function checkTimers(pool: PoolState): void {
  if (pool.timers >= LIMITS.timersMax) {
    refuse('wait-limit', 'Cannot offer with a lifetime: the pool runs too many', {
      limit: LIMITS.timersMax,
    });
  }
}

/** Ends a timer, because it is due or what it was for is gone. */
export function endTimer(pool: PoolState, timer: number): void {
  pool.timers--;
  pool.waits.end(timer);
}

/**
 * A timer that nobody asked for by a request: a lifetime, a grace; or of what is held, with the
 * `order` in which that was asked for.
 */
export function beginTimer(
  pool: PoolState,
  kind: number,
  subject: number,
  afterMs: number,
  order = pool.waits.nextOrder(),
): number {
  pool.timers++;
  const times = { now: pool.now, deadline: pool.now + afterMs, order };
  return pool.waits.begin(kind, 0, 0, subject, times);
}
