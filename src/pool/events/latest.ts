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
  const stepOf = (version: number): number => queue.stepOf.get(version) ?? 0;
  const next = standing.takeFirst((version) => stepOf(version) === standing.step);
  if (next !== 0) return next;
  if (one.unacked.count > 0) return null;
  const step = newestWhole(pool, queue, standing);
  if (step === null) return null;
  standing.step = step;
  const older = new Set<number>();
  const skipped = standing.drop((version) => stepOf(version) < step);
  for (const version of skipped) older.add(stepOf(version));
  for (const version of skipped) unpin(pool, one, version);
  if (older.size === 0) return standing.takeFirst((version) => stepOf(version) === step);
  return { from: Math.min(...older), to: Math.max(...older), steps: older.size };
}

/** The newest step of what is kept that is whole; null when none is. */
function newestWhole(pool: PoolState, queue: StepQueue, standing: Standing): number | null {
  const steps = new Set<number>();
  standing.each((version) => steps.add(queue.stepOf.get(version) ?? 0));
  for (const step of [...steps].sort((left, right) => right - left)) {
    if (isWhole(pool, queue, step)) return step;
  }
  return null;
}

/**
 * A step is whole when each member that has offered to the queue has begun a later one, or has
 * left, or has closed what it had promised; or when all promises of the pool are closed.
 */
function isWhole(pool: PoolState, queue: StepQueue, step: number): boolean {
  if (areAllClosed(pool)) return true;
  for (const [id, newest] of queue.producers) {
    const member = pool.members.get(id);
    assert(member !== undefined, 'who offers to a queue is a member');
    if (newest <= step && !hasClosed(pool, member.name, member.promises.size)) return false;
  }
  return true;
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
