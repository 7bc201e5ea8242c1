import { assert } from '../../core/assert.js';
import type { PoolState } from '../state.js';
import { queueOf, type StepQueue } from './queues.js';
import { type Standing, unpin } from './standing.js';
import type { Subscription } from './subscription.js';

/** Steps that one was not given, as a newer one was whole. */
interface Missed {
  readonly from: number;
  readonly to: number;
  readonly steps: number;
}

/**
 * What one who wants the newest whole step is given next: an object of the step that it has, or,
 * when it has done with that, the first of the newest that is whole. What is older is let go, and
 * told as missed before. Null: it waits.
 */
export function nextOfNewest(
  pool: PoolState,
  one: Subscription,
  standing: Standing,
): number | Missed | null {
  const queue = queueOf(pool, one);
  if (queue === null) return null;
  if (standing.step !== null) {
    const next = standing.shift(standing.step);
    if (next !== 0) return next;
  }
  if (one.unacked.count > 0) return null;
  const step = newestWhole(pool, queue, standing);
  if (step === null) return null;
  standing.step = step;
  const older = [...standing.linedSteps()].filter((each) => each < step);
  if (older.length === 0) return standing.shift(step);
  older.sort((left, right) => left - right);
  for (const each of older) for (const version of standing.drop(each)) unpin(pool, one, version);
  return { from: older[0] ?? step, to: older.at(-1) ?? step, steps: older.length };
}

/** The newest step of what is kept that is whole; null when none is. */
function newestWhole(pool: PoolState, queue: StepQueue, standing: Standing): number | null {
  const end = endOfWhole(pool, queue);
  let newest: number | null = null;
  for (const step of standing.linedSteps()) {
    if (step < end && (newest === null || step > newest)) newest = step;
  }
  return newest;
}

/**
 * The first step that is not whole. One is whole when each member that has offered to the queue has
 * begun a later one, or has left, or has closed what it had promised; or when all promises of the
 * pool are closed.
 */
function endOfWhole(pool: PoolState, { producers }: StepQueue): number {
  let end = Number.POSITIVE_INFINITY;
  if (areAllClosed(pool)) return end;
  for (const [id, newest] of producers) {
    const member = pool.members.get(id);
    assert(member !== undefined, 'who offers to a queue is a member');
    if (newest < end && !hasClosed(pool, member.name, member.promises.size)) end = newest;
  }
  return end;
}

function areAllClosed({ promises }: PoolState): boolean {
  for (const { state } of promises.values()) if (state !== 'closed') return false;
  return promises.size > 0;
}

function hasClosed(pool: PoolState, name: string, open: number): boolean {
  if (open > 0) return false;
  for (const promise of pool.promises.values()) if (promise.member === name) return true;
  return false;
}
