import type { AttaccaError } from '../../core/errors.js';
import { EVENT, SILENCE } from '../../protocol/index.js';
import { failure } from '../emit.js';
import { nameOfMember } from '../looking.js';
import { WAIT_KIND } from '../rows.js';
import type { PoolState } from '../state.js';
import { beginTimer, endTimer } from '../timers.js';
import { writeMarker } from './delivering.js';
import { ROW } from './event-log.js';
import { type HeldOperation, measureBytes } from './held-operation.js';
import { timedOut } from './held-waits.js';
import type { Subscription } from './subscription.js';

/** A subscriber lets an operation go. */
export function allow(pool: PoolState, one: Subscription, seq: number): void {
  const held = pool.events.held.get(seq);
  if (!one.holds.delete(seq) || held === undefined) return;
  // Of a group it has to let go each object that it was told of.
  const owed = (held.owed.get(one.id) ?? 1) - 1;
  held.owed.set(one.id, owed);
  if (owed > 0) return;
  held.owed.delete(one.id);
  held.waitsFor.delete(one.id);
  if (held.waitsFor.size === 0) decided(pool, held);
}

/** A subscriber does not let an operation be: nobody else is asked any more. */
export function veto(pool: PoolState, one: Subscription, seq: number, error: AttaccaError): void {
  const held = pool.events.held.get(seq);
  if (held === undefined || !one.holds.has(seq)) return;
  held.veto = error;
  decided(pool, held);
}

/** Nobody is waited for any more; it is applied, or refused, before the step ends. */
function decided(pool: PoolState, held: HeldOperation): void {
  endQuestion(pool, held);
  // For what it may have to wait behind that it has its time, as if it had come now.
  held.since = pool.now;
  pool.events.released.add(held);
}

/** Nobody has a say in it any more. */
export function endQuestion(pool: PoolState, held: HeldOperation): void {
  const { events } = pool;
  endHoldTimer(pool, held);
  for (const seq of held.seqs) {
    events.held.delete(seq);
    for (const id of held.waitsFor.keys()) events.subscriptions.get(id)?.holds.delete(seq);
  }
  held.waitsFor.clear();
  held.owed.clear();
}

/** What a subscriber owes that is gone, or was silent for too long, is decided as it declared. */
function silent(
  pool: PoolState,
  one: Subscription,
  seq: number,
  why: string,
  by = whoOf(pool, one),
): void {
  if (one.silence === SILENCE.allow) {
    allow(pool, one, seq);
    return;
  }
  const error = failure('subscriber-silent', `Cannot go on: ${by} ${why}, and silence means no`, {
    subscriber: by,
  });
  veto(pool, one, seq, error);
}

/** For people: a subscription by its name, or by who has it. */
export function whoOf(pool: PoolState, one: Subscription): string {
  if (one.name !== '') return `the subscription "${one.name}"`;
  const [first] = one.attachments;
  return first === undefined ? 'a subscriber' : nameOfMember(pool, first.member);
}

/** What waits for one that is not told of it, as the pool keeps it no more. */
export function decideMissed(
  pool: PoolState,
  one: Subscription,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  for (const seq of [...one.holds]) {
    if (seq >= from && seq <= to) silent(pool, one, seq, 'was too far behind to be asked');
  }
}

/** All that waits for a subscription that is over, which `by` had. */
export function decideAll(pool: PoolState, one: Subscription, by: string): void {
  for (const seq of [...one.holds]) silent(pool, one, seq, 'is gone', by);
}

/** The wait for the first of those that an operation waits for is over. */
export function holdTimedOut(pool: PoolState, timer: number): void {
  const { events } = pool;
  const held = events.heldByTimer.get(timer);
  if (held === undefined) return;
  events.heldByTimer.delete(timer);
  endTimer(pool, timer);
  held.timer = 0;
  const error = timedOut(pool, held);
  if (error !== null) {
    events.roomWaits.delete(held);
    events.stepWaits.delete(held);
    held.veto = error;
    events.released.add(held);
    return;
  }
  for (const [id, until] of [...held.waitsFor]) {
    const one = events.subscriptions.get(id);
    if (until > pool.now || one === undefined) continue;
    for (const seq of held.seqs) {
      if (one.holds.has(seq)) silent(pool, one, seq, 'did not answer in time');
    }
  }
  if (held.waitsFor.size > 0) beginHoldTimer(pool, held);
}

export function beginHoldTimer(pool: PoolState, held: HeldOperation): void {
  let first = Number.POSITIVE_INFINITY;
  for (const until of held.waitsFor.values()) first = Math.min(first, until);
  if (first === Number.POSITIVE_INFINITY) return;
  beginTimerOf(pool, held, first - pool.now);
}

/** What waits for something else than subscribers has the deadline of the pool. */
export function beginDeadline(pool: PoolState, held: HeldOperation): void {
  const leftMs = held.since + pool.options.deadlineDefaultMs - pool.now;
  if (leftMs === Number.POSITIVE_INFINITY) return;
  beginTimerOf(pool, held, leftMs);
}

function beginTimerOf(pool: PoolState, held: HeldOperation, leftMs: number): void {
  held.timer = beginTimer(pool, WAIT_KIND.hold, 0, Math.max(0, leftMs), held.order);
  pool.events.heldByTimer.set(held.timer, held);
}

export function endHoldTimer(pool: PoolState, held: HeldOperation): void {
  if (held.timer === 0) return;
  pool.events.heldByTimer.delete(held.timer);
  endTimer(pool, held.timer);
  held.timer = 0;
}

/** An operation is dropped before it was decided: those who were asked are told. */
export function dropHeld(pool: PoolState, held: HeldOperation): void {
  const { events } = pool;
  const asked = [...held.waitsFor.keys()];
  const seqs = new Set(held.seqs);
  endQuestion(pool, held);
  for (const id of asked) {
    const one = events.subscriptions.get(id);
    if (one !== undefined) tellCancelled(pool, one, seqs);
  }
  releaseHeld(pool, held);
}

/** An operation is held no longer, and its message is not needed. */
export function releaseHeld(pool: PoolState, held: HeldOperation): void {
  const { events, arena } = pool;
  events.countReleased();
  events.bytesHeld -= bytesOfHeld(pool, held);
  arena.free(held.message);
}

/** What is kept of one that is held: its message, what is measured for it, what it selects. */
export function bytesOfHeld({ arena }: PoolState, held: HeldOperation): number {
  const { message, measure, selected } = held;
  const measured = measure === null ? 0 : measureBytes(measure.all);
  return arena.size(message) + measured + (selected?.bytes ?? 0);
}

function tellCancelled(pool: PoolState, one: Subscription, seqs: ReadonlySet<number>): void {
  one.unacked.each((n, seq, holder) => {
    if (!seqs.has(seq)) return;
    const to = one.attachments.find(({ id }) => id === holder);
    if (to === undefined) return;
    const { log } = pool.events;
    const name = seq >= log.first ? log.text(seq, ROW.name) : '';
    writeMarker(pool, to, { n, seq, kind: EVENT.cancelled, flags: 0 }, { name });
  });
}
