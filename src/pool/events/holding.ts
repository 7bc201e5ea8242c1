import { refuse } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { EVENT, MESSAGE, SUBSCRIBE } from '../../protocol/index.js';
import { emitFail, emitOk, failure, flushOk } from '../emit.js';
import { NOTHING_AHEAD } from '../measures.js';
import { inWords, someOf } from '../room.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { beginStore, endStore, isStoredAs, storeAsked, storeTaken } from '../storing.js';
import { offerOf } from '../versions.js';
import { announce, endedAhead, kindsOf } from './announcing.js';
import { endComplete } from './completing.js';
import {
  beginHoldTimer,
  dropHeld,
  endHoldTimer,
  endQuestion,
  releaseHeld,
  whoOf,
} from './deciding.js';
import { advance, arrive, eachCandidate, wants } from './delivering.js';
import { endSubscription } from './ending.js';
import { type HeldOperation, type Lane, measureBytes } from './held-operation.js';
import type { SelectedAhead } from './held-selected.js';
import { oldestFor, slowest, subjectIn, waitForRoom, waitsBecause } from './held-waits.js';
import { enterLanes, hasTurn, heldOf, isBehind, isEnding, lanesOf, leaveLanes } from './lanes.js';
import {
  beginMeasureBefore,
  checkKnown,
  endMeasureBefore,
  knownAheadOf,
  knownBefore,
  measureAsked,
  sayMeasured,
} from './measured-before.js';
import { makeRoom } from './noting.js';
import { aheadOf, releaseSteps, waitForStep } from './queue-waits.js';
import { keepDue } from './queues.js';
import { announceSelected, SELECTING } from './selecting-ahead.js';
import type { Attachment, Subscription } from './subscription.js';

/** Applies a request whose body `pool.reader` stands on; true: it is to be answered with OK. */
type Apply = (pool: PoolState, session: Session, request: number, code: number) => boolean;

/** Whether a request may have to wait for others: what most requests of most pools need not. */
export function mayHold({ events, options }: PoolState, session: Session): boolean {
  if (session.lanes.size > 0 || events.beforeTotal > 0 || events.isFull) return true;
  return events.queuesAhead > 0 || options.hasStore;
}

/**
 * Holds a request that stands behind one that is held, or that subscribers must let go before it
 * takes effect; true when it is held. `pool.reader` stands on its body, and does afterwards.
 */
export function hold(pool: PoolState, session: Session, request: number, code: number): boolean {
  const lanes = lanesOf(pool, session, code);
  if (lanes.length === 0) return false;
  if (isBehind(session, lanes)) {
    keep(pool, session, request, code, lanes);
    if (isEnding(session)) letEnd(pool, session);
    return true;
  }
  const gate = nextGate(pool, session, code, null);
  if (gate === null) return false;
  gate(keep(pool, session, request, code, lanes));
  return true;
}

/** Begins that an operation, which is held, waits for something. */
type Gate = (held: HeldOperation) => void;

/**
 * What a request waits for next, on whose body `pool.reader` stands; null: for nothing. In this
 * order, and each time from the first of them, as what was so before may be so no more: room for
 * its events, its step, its bytes measured, the word of who is told before, its bytes in the store.
 * `held`: as what it is held already.
 */
function nextGate(
  pool: PoolState,
  session: Session,
  code: number,
  held: HeldOperation | null,
): Gate | null {
  if (mustWaitForRoom(pool, session, code)) return (own) => waitForRoom(pool, own);
  if (aheadOf(pool, session, code) !== null) return (own) => waitForStep(pool, own);
  const { reader } = pool;
  const toMeasure = isToMeasure(held ?? NOTHING_BEFORE) ? measureAsked(pool, session, code) : null;
  if (toMeasure !== null) {
    const message = held === null ? reader.remaining : 0;
    checkHolds(pool, message + measureBytes(toMeasure), held === null ? 1 : 0);
    return (own) => beginMeasureBefore(pool, own, toMeasure);
  }
  const question = ask(pool, session, code, held);
  const { passed, ends } = question;
  if (held !== null) Object.assign(held, { passed, ends });
  if (question.asked.size > 0) {
    return (own) => {
      Object.assign(own, { passed, ends });
      wait(pool, own, question);
    };
  }
  const toStore = storeAsked(pool, session, code);
  if (toStore === null || (held !== null && isStoredAs(held, toStore))) return null;
  return (own) => {
    Object.assign(own, { passed, ends });
    beginStore(pool, own, toStore);
  };
}

/** Those who have to let an operation go, by the events by which they were told; perhaps nobody. */
interface Question {
  readonly asked: ReadonlyMap<number, readonly Subscription[]>;
  /** A bit for each kind of which all were told. */
  readonly passed: number;
  /** Of which offer they were told that it ends. */
  readonly ends: number;
  /** What they were told of by a selector. */
  readonly selected: SelectedAhead | null;
}

/**
 * Tells those who are to be told before, but not of what all were told already. `held`: what is
 * held already; of another nobody is asked for whom it could not wait (`hold-limit`).
 */
function ask(
  pool: PoolState,
  session: Session,
  code: number,
  held: HeldOperation | null = null,
): Question {
  const { events, reader } = pool;
  const before = held ?? NOTHING_BEFORE;
  let { passed, ends } = before;
  if (events.beforeTotal === 0) return { asked: NOBODY, passed, ends, selected: null };
  const { at } = reader;
  const bytes = held === null ? reader.remaining : null;
  try {
    for (const kind of kindsOf(pool, session, code)) {
      if (events.beforeCounts[kind] === 0) continue;
      reader.at = at;
      const isEnd = kind === EVENT.withdraw || kind === EVENT.delete;
      const ending = isEnd ? endingAhead(pool, session, code) : ends;
      // Who let one version go has not let go another that came in its place.
      if ((passed & (1 << kind)) !== 0 && (ending === ends || ending === 0)) continue;
      passed |= 1 << kind;
      ends = ending;
      const isOffer = kind === EVENT.offer;
      const known = isOffer ? knownBefore(pool, session, code, before.measure) : [];
      checkKnown(pool, known, (tell) => announce(pool, session, code, kind, tell));
      reader.at = at;
      const asked = new Map<number, readonly Subscription[]>();
      let index = 0;
      const tell = (seq: number): void => {
        const own = known[index++] ?? null;
        if (own !== null && 'count' in own) sayMeasured(pool, seq, own);
        const askedOf = tellBefore(pool, seq, bytes);
        if (askedOf.length > 0) asked.set(seq, askedOf);
      };
      let selected: SelectedAhead | null = null;
      if (SELECTING.has(code)) {
        const mayHold = (all: SelectedAhead): void => {
          checkHolds(pool, all.bytes + (bytes ?? 0), held === null ? 1 : 0);
        };
        selected = announceSelected(pool, session, code, kind, { mayHold, tell });
      } else announce(pool, session, code, kind, tell);
      if (asked.size > 0) return { asked, passed, ends, selected };
    }
    return { asked: NOBODY, passed, ends, selected: null };
  } finally {
    reader.at = at;
  }
}

const NOBODY: Question['asked'] = new Map();
const NOTHING_BEFORE = { passed: 0, ends: 0, measure: null } as const;

/** The event of the offer that a request would end; 0: none. */
function endingAhead(pool: PoolState, session: Session, code: number): number {
  return offerOf(pool, endedAhead(pool, session, code));
}

/**
 * Tells of what may come, if anybody wants it; returns those who have to let it go. `bytes`: of
 * what would have to be held for them; null: it is.
 */
function tellBefore(pool: PoolState, seq: number, bytes: number | null): readonly Subscription[] {
  const { events } = pool;
  const told: Subscription[] = [];
  eachCandidate(pool, events.before, seq, (one) => {
    if (wants(pool, one, seq, one.passesRest)) told.push(one);
  });
  const asked = told.filter(({ flags }) => (flags & SUBSCRIBE.acknowledge) !== 0);
  if (told.length === 0) events.log.undo();
  if (asked.length > 0 && bytes !== null) {
    try {
      checkHolds(pool, bytes);
    } catch (error) {
      events.log.undo();
      throw error;
    }
  }
  for (const one of told) if (one.behindAt === 0) arrive(pool, one, seq);
  return asked;
}

/** An operation waits for those who were asked. */
function wait(pool: PoolState, held: HeldOperation, { asked, selected }: Question): void {
  held.seqs = [...asked.keys()];
  if (selected !== null) {
    held.selected = selected;
    pool.events.bytesHeld += selected.bytes;
  }
  held.since = pool.now;
  for (const [seq, askedOf] of asked) {
    for (const one of askedOf) {
      held.waitsFor.set(one.id, pool.now + one.deadlineMs);
      held.owed.set(one.id, (held.owed.get(one.id) ?? 0) + 1);
      one.holds.add(seq);
    }
    pool.events.held.set(seq, held);
  }
  beginHoldTimer(pool, held);
}

/** So many of the operations that are held are looked at for who holds them, the oldest first. */
const HOLDS_LOOKED_MAX = 100;

/** `hold-limit` when `more` are too many, of so many bytes: with those who hold the oldest. */
function checkHolds(pool: PoolState, bytes: number, more = 1): void {
  const { events } = pool;
  const isFull =
    events.operationsHeld + more > LIMITS.operationsHeldMax ||
    events.bytesHeld + bytes > LIMITS.operationsHeldBytesMax;
  if (!isFull) return;
  const by = new Set<string>();
  let looked = 0;
  for (const held of events.held.values()) {
    if (looked++ === HOLDS_LOOKED_MAX) break;
    for (const id of held.waitsFor.keys()) {
      const one = events.subscriptions.get(id);
      if (one !== undefined) by.add(whoOf(pool, one));
    }
  }
  const [first] = events.roomWaits.size > 0 ? events.roomWaits : events.stepWaits;
  const because = first === undefined ? null : waitsBecause(pool, first);
  const who = by.size === 0 ? '' : ` by ${inWords(someOf(by))}`;
  const why = by.size > 0 || because === null ? '' : `: ${because}`;
  refuse('hold-limit', `Cannot go on: too many operations are held${who}${why}`, {
    held: events.operationsHeld,
    limit: LIMITS.operationsHeldMax,
    by: someOf(by),
  });
}

/** Keeps a request as it came, in its lanes; `hold-limit` when the pool holds too many. */
function keep(
  pool: PoolState,
  session: Session,
  request: number,
  code: number,
  lanes: readonly Lane[],
): HeldOperation {
  const { events, reader, arena } = pool;
  checkHolds(pool, reader.remaining);
  const message = arena.store(reader.bytes, reader.at, reader.limit);
  events.operationsHeld++;
  events.bytesHeld += arena.size(message);
  const since = pool.now;
  const waitsFor = new Map<number, number>();
  const owed = new Map<number, number>();
  const order = pool.waits.nextOrder();
  const head = { session, request, code, message, lanes, waitsFor, owed, since, order };
  const nothing = { seqs: [], passed: 0, ends: 0, selected: null, timer: 0 };
  const held = { ...head, ...nothing, store: null, measure: null, veto: null };
  enterLanes(held);
  return held;
}

/**
 * What brings new events: it waits while a subscriber that must miss none has no room for more. So
 * does SEAL of an open object, which is its offer.
 */
const BRINGS_EVENTS: ReadonlySet<number> = new Set([
  ...[MESSAGE.declare, MESSAGE.offer, MESSAGE.offerPart, MESSAGE.append],
  ...[MESSAGE.offerGroup, MESSAGE.tag, MESSAGE.tagSelected, MESSAGE.gather, MESSAGE.emit],
  MESSAGE.promise,
]);

/**
 * Who is behind must not wait for itself: so its own member goes on, and so does what names no
 * member (a tag of a program that looks) of a connection that has such a one. Its other members
 * wait as all others do.
 */
function mustWaitForRoom(pool: PoolState, session: Session, code: number): boolean {
  const { events, members, reader } = pool;
  if (!events.isFull) return false;
  const isOffer = code === MESSAGE.seal && kindsOf(pool, session, code).includes(EVENT.offer);
  if (!isOffer && !BRINGS_EVENTS.has(code)) return false;
  // Not kept while nobody wants to know of it.
  const { kinds, beforeCounts } = events;
  const isDeclare = code === MESSAGE.declare && beforeCounts[EVENT.declare] === 0;
  if (isDeclare && (kinds & (1 << EVENT.declare)) === 0) return false;
  const own = blockersOf(pool, session);
  if (own.length === 0) return true;
  if (isEnding(session)) return false;
  const { at } = reader;
  try {
    const by = subjectIn(pool, session, code, reader).member;
    return by !== '' && !own.some(({ member }) => members.get(member)?.name === by);
  } finally {
    reader.at = at;
  }
}

/** Those of a session who must miss none. */
function blockersOf({ events: { blockers } }: PoolState, session: Session): readonly Attachment[] {
  if (blockers.size === 0) return [];
  const all = [...session.subscriptions.values()];
  return all.flatMap(({ one, attachment }) => (blockers.has(one) ? [attachment] : []));
}

/**
 * A member wants to leave, or the session to end, behind all that it has asked for. What waits of
 * that for one of its own who is behind would wait until its deadline: that one reads no more.
 */
function letEnd(pool: PoolState, session: Session): void {
  const { events } = pool;
  if (blockersOf(pool, session).length === 0) return;
  for (const held of heldOf(session)) {
    if (!events.roomWaits.delete(held)) continue;
    endHoldTimer(pool, held);
    events.released.add(held);
  }
}

/** The first of a set, taken out of it. */
function takeFirst<T>(set: Set<T>): T | undefined {
  for (const first of set) {
    set.delete(first);
    return first;
  }
  return undefined;
}

/** Does what became due with the last message: before the next one, or the end of the step. */
export function settleEvents(pool: PoolState, apply: Apply): void {
  const { events } = pool;
  if (!events.isDue) return;
  for (;;) {
    const held = events.released.takeFirst();
    if (held !== null) {
      settleHeld(pool, held, apply);
      continue;
    }
    const one = takeFirst(events.due);
    if (one !== undefined) {
      if (events.subscriptions.has(one.id)) advance(pool, one);
      continue;
    }
    if (events.queuesDue.size > 0) {
      keepDue(pool);
      continue;
    }
    if (events.isStepDue) {
      events.isStepDue = false;
      releaseSteps(pool);
      if (events.released.size > 0) continue;
    }
    if (events.isOverfull) {
      events.isOverfull = false;
      endSlowest(pool);
      continue;
    }
    if (events.isFull || events.roomWaits.size > 0) {
      makeRoom(pool);
      const first = events.isFull ? null : events.roomWaits.takeFirst();
      if (first !== null) {
        endHoldTimer(pool, first);
        events.released.add(first);
        continue;
      }
    }
    if (events.isCompletionDue) {
      events.isCompletionDue = false;
      endComplete(pool);
      continue;
    }
    return;
  }
}

/** Those who keep the log from forgetting what it has no room for. */
function endSlowest(pool: PoolState): void {
  const { events } = pool;
  for (const one of slowest(pool)) {
    const at = oldestFor(one);
    const why = 'Cannot go on: it is behind by more than the pool keeps';
    endSubscription(pool, one, failure('subscriber-slow', why, { lost: events.log.end - at }));
  }
}

/** Applies an operation that was let go, or refuses it; then what stands behind it. */
function settleHeld(pool: PoolState, held: HeldOperation, apply: Apply): void {
  const { session, request, code, message } = held;
  const { arena, reader } = pool;
  arena.read(reader, message, 0);
  try {
    if (held.veto !== null) throw held.veto;
    const gate = nextGate(pool, session, code, held);
    if (gate !== null) {
      gate(held);
      return;
    }
    // What is asked for by now, and was not before, would be a gate.
    if (held.store !== null && storeAsked(pool, session, code) === null) endStore(pool, held);
    pool.isStored = held.store !== null;
    pool.storedPart = held.store?.ask ?? 0;
    pool.measures.ahead = knownAheadOf(held);
    pool.selectedAhead = held.selected;
    if (apply(pool, session, request, code)) emitOk(pool, session, request);
    storeTaken(pool, held);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    endStore(pool, held);
    emitFail(pool, session, request, error);
  } finally {
    pool.isStored = false;
    pool.measures.ahead = NOTHING_AHEAD;
    pool.selectedAhead = null;
  }
  flushOk(pool, session);
  // The end of its session has freed it already.
  if (session.ended) return;
  releaseHeld(pool, held);
  for (const next of leaveLanes(held)) pool.events.released.add(next);
}

/** Why a request that is held comes to nothing, with those who have not let it go. */
function cancelledHeld(pool: PoolState, held: HeldOperation): AttaccaError {
  const because = waitsBecause(pool, held);
  if (because !== null) {
    const why = `Cannot go on: it was cancelled while it was held: ${because}`;
    return failure('cancelled', why, { by: [], because });
  }
  const by: string[] = [];
  for (const id of held.waitsFor.keys()) {
    const one = pool.events.subscriptions.get(id);
    if (one !== undefined) by.push(whoOf(pool, one));
  }
  const who = by.length === 0 ? '' : ` by ${inWords(someOf(by))}`;
  return failure('cancelled', `Cannot go on: it was cancelled while it was held${who}`, {
    by: someOf(by),
  });
}

/** Whether nobody was told of an offer yet, and it is not measured. */
function isToMeasure({ passed, measure }: Pick<HeldOperation, 'passed' | 'measure'>): boolean {
  return measure === null && (passed & (1 << EVENT.offer)) === 0;
}

/** Ends a request that is held, or stands behind one; false when there is none of that number. */
export function cancelHeld(pool: PoolState, session: Session, request: number): boolean {
  for (const held of heldOf(session)) {
    if (held.request !== request || pool.events.released.has(held)) continue;
    const error = cancelledHeld(pool, held);
    if (hasTurn(held)) {
      // What stands behind it has its turn with the answer.
      endQuestion(pool, held);
      endStore(pool, held);
      endMeasureBefore(pool, held);
      held.veto = error;
      pool.events.roomWaits.delete(held);
      pool.events.stepWaits.delete(held);
      pool.events.released.add(held);
      return true;
    }
    releaseHeld(pool, held);
    emitFail(pool, session, request, error);
    for (const next of leaveLanes(held)) pool.events.released.add(next);
    return true;
  }
  return false;
}

/** A session ends: what it has asked for and is not done is dropped. */
export function dropHeldOf(pool: PoolState, session: Session): void {
  const { events } = pool;
  for (const held of heldOf(session)) {
    events.released.delete(held);
    events.roomWaits.delete(held);
    events.stepWaits.delete(held);
    endStore(pool, held);
    endMeasureBefore(pool, held);
    dropHeld(pool, held);
  }
  session.lanes.clear();
}
