import type { RowTester, Span } from '../../catalog/compile.js';
import { hashBytes } from '../../catalog/hash.js';
import { isTextOf } from '../../catalog/row-tests.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { ValueMap } from '../../core/value.js';
import { writeMap } from '../../core/value-codec.js';
import {
  beginEvent,
  EVENT,
  EVENT_FLAG,
  type EventHead,
  endEvent,
  SLOW,
  SUBSCRIBE,
} from '../../protocol/index.js';
import { emit, failure } from '../emit.js';
import { objectName } from '../objects.js';
import { isVersionReady } from '../readiness.js';
import { OBJECT, VERSION, WAIT, WAIT_KIND } from '../rows.js';
import type { PoolState } from '../state.js';
import { beginTimer, endTimer } from '../timers.js';
import { decideMissed } from './deciding.js';
import { endCaughtUp, endSubscription } from './ending.js';
import { textOf } from './event-keys.js';
import { ROW } from './event-log.js';
import { goneOf } from './gone.js';
import { nextOfNewest } from './latest.js';
import {
  attributesAt,
  kindAt,
  memberAt,
  numberAt,
  type Place,
  spaceRowAt,
  tagsAt,
  termAt,
  textAt,
  timeAt,
} from './places.js';
import { isOfSnapshot, pinOffered, pinSnapshot, type Standing, versionOf } from './standing.js';
import type { Attachment, Subscription } from './subscription.js';
import type { EventValues, SubscriptionIndex } from './subscription-index.js';
import { hasRoomFor } from './unread.js';

/** Tries the event that has just come on all who may want it. `offered`: the version it begins. */
export function tell(pool: PoolState, offered = 0): void {
  const { events } = pool;
  if (events.afterCount === 0) return;
  const seq = events.log.end - 1;
  eachCandidate(pool, events.after, seq, (one) => {
    const isStanding = one.standing !== null;
    if (isStanding ? offered === 0 : one.behindAt !== 0) return;
    if (!wants(pool, one, seq, one.passesRest)) return;
    if (one.standing === null) arrive(pool, one, seq);
    else pinOffered(pool, one, one.standing, offered);
  });
}

/** Those in an index that may want an event: what is left to be asked is their `passesRest`. */
export function eachCandidate(
  pool: PoolState,
  index: SubscriptionIndex,
  seq: number,
  visit: (one: Subscription) => void,
): void {
  index.each(new ValuesAt(pool, seq), visit);
}

/** The values of an event, as an index asks for them. */
class ValuesAt implements EventValues {
  readonly #pool: PoolState;
  readonly #seq: number;
  /** Of the key that was asked for last. */
  #term = 0;

  constructor(pool: PoolState, seq: number) {
    this.#pool = pool;
    this.#seq = seq;
  }

  hashOf(key: number): number | null {
    const { options, terms } = this.#pool;
    if (key !== 0) {
      this.#term = termAt(this.#pool, this.#seq, key);
      return this.#term === 0 ? null : terms.hashOf(this.#term);
    }
    textAt(this.#pool, this.#seq, ROW.name, NAME);
    return hashBytes(NAME.bytes, NAME.start, NAME.end, options.hashSeed);
  }

  isValue(key: number, value: Uint8Array): boolean {
    const { arena, terms } = this.#pool;
    if (key !== 0) return arena.equals(terms.valueOf(this.#term), value, 0, value.length);
    return isTextOf(value, NAME);
  }
}

const NAME: Span = { bytes: new Uint8Array(0), start: 0, end: 0 };

/** Whether a subscription asks for an event; one whose selector is too much for it ends. */
export function wants(
  pool: PoolState,
  one: Subscription,
  place: Place,
  passes: RowTester = one.passes,
): boolean {
  const kind = kindAt(pool, place);
  const isAsked = (one.kinds & (1 << (kind & 0xff))) !== 0;
  if (!isAsked && !(place < 0 && isReadyIn(pool, one, place))) return false;
  const isBefore = (kind & (EVENT_FLAG.before << 8)) !== 0;
  if (isBefore !== ((one.flags & SUBSCRIBE.before) !== 0)) return false;
  if ((kind & 0xff) === EVENT.emit && one.topics.size > 0) {
    if (!one.topics.has(textOf(pool, place, ROW.topic))) return false;
  }
  if ((one.flags & SUBSCRIBE.own) === 0) {
    const member = memberAt(pool, place);
    if (member !== 0 && one.attachments.some((each) => each.member === member)) return false;
  }
  const { work } = pool.events;
  work.begin();
  try {
    return passes(place, work);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    endSubscription(pool, one, error);
    return false;
  }
}

/** An event is wanted by one who stands at the head. */
export function arrive(pool: PoolState, one: Subscription, seq: number): void {
  const taker = takerOf(pool, one);
  if (taker === null) one.behindAt = seq;
  else give(pool, one, taker, seq);
}

/** Who takes the next delivery: the one with most room; null when nobody has any. */
function takerOf(pool: PoolState, { attachments, unacked }: Subscription): Attachment | null {
  if (unacked.count >= LIMITS.eventsUnackedMax) return null;
  let best: Attachment | null = null;
  let room = 0;
  for (const each of attachments) {
    const free = each.window - each.inFlight;
    if (free <= room) continue;
    if (!hasRoomFor(pool, each.session)) {
      pool.events.unreadBy.add(each.session);
      continue;
    }
    best = each;
    room = free;
  }
  return best;
}

/** A delivery that is new. `place`: the event; below 0 a version; 0 for a marker. */
function give(pool: PoolState, one: Subscription, to: Attachment, place: number): void {
  const n = ++one.n;
  one.unacked.push(n, place, to.id);
  to.inFlight++;
  write(pool, one, to, n, 0);
}

/**
 * Delivers what one who is behind has room for; of the log it looks at so many events, and gives so
 * many bytes, and no more at a time.
 */
export function advance(pool: PoolState, one: Subscription): void {
  const { standing } = one;
  if (standing !== null) pinSnapshot(pool, one, standing);
  if (standing?.isOverfull === true) {
    const why = `Cannot go on: it would keep more than ${LIMITS.pinsMax} objects`;
    endSubscription(pool, one, failure('subscriber-slow', why, { limit: LIMITS.pinsMax }));
  }
  if (!pool.events.subscriptions.has(one.id)) return;
  if (!giveAgain(pool, one)) return;
  if (standing !== null) givePinned(pool, one, standing);
  else if (one.snapshot !== null && !giveSnapshot(pool, one, one.snapshot)) return;
  if (one.behindAt !== 0) catchUp(pool, one);
  if (isUntilNow(one)) endCaughtUp(pool, one);
  if (isDrained(one) && (one.flags & SUBSCRIBE.untilComplete) !== 0) {
    pool.events.isCompletionDue = true;
  }
}

/** Gives what nobody has any more to others; whether all of it has somebody. */
function giveAgain(pool: PoolState, one: Subscription): boolean {
  while (one.unacked.orphans > 0) {
    const taker = takerOf(pool, one);
    if (taker === null) return false;
    const n = one.unacked.adopt(taker.id);
    taker.inFlight++;
    write(pool, one, taker, n, EVENT_FLAG.again);
  }
  return true;
}

/** Whether there is something to do for one that has more room than before. */
export function hasMore(one: Subscription): boolean {
  if (one.behindAt !== 0 || one.standing !== null || one.snapshot !== null) return true;
  return one.unacked.orphans > 0 || (one.flags & SUBSCRIBE.untilComplete) !== 0 || isUntilNow(one);
}

function isUntilNow({ attachments }: Subscription): boolean {
  for (const { until } of attachments) if (until !== 0) return true;
  return false;
}

/** Whether all that has come was delivered and acknowledged. */
export function isDrained(one: Subscription): boolean {
  const isGiven = one.standing === null || one.standing.count === 0;
  return isGiven && one.behindAt === 0 && one.snapshot === null && one.unacked.count === 0;
}

/** Gives what a standing require keeps, while somebody has room for it. */
export function givePinned(pool: PoolState, one: Subscription, standing: Standing): void {
  const isNewest = (one.flags & SUBSCRIBE.latest) !== 0;
  while (standing.count > 0) {
    const taker = takerOf(pool, one);
    if (taker === null) return;
    const next = isNewest ? nextOfNewest(pool, one, standing) : standing.shift();
    if (next === null || next === 0) return;
    if (typeof next === 'number') give(pool, one, taker, -next);
    else {
      one.gaps.set(one.n + 1, next);
      give(pool, one, taker, 0);
    }
  }
}

/** Goes on with what was there when it began; whether all of it is delivered. */
function giveSnapshot(
  pool: PoolState,
  one: Subscription,
  snapshot: NonNullable<Subscription['snapshot']>,
): boolean {
  const end = Math.min(snapshot.end, pool.objects.end);
  for (let looked = 0; snapshot.next < end; snapshot.next++) {
    const taker = takerOf(pool, one);
    if (taker === null) return false;
    if (looked++ === LIMITS.eventsLookedMax) {
      goOnLater(pool, one);
      return false;
    }
    const version = pool.objects.get(snapshot.next, OBJECT.current);
    if (isOfSnapshot(pool, one, version) && wants(pool, one, -version)) {
      give(pool, one, taker, -version);
    }
    if (!pool.events.subscriptions.has(one.id)) return false;
  }
  one.snapshot = null;
  return true;
}

/** Whether what is offered was ready when a subscription began that asks for that alone. */
function isReadyIn(pool: PoolState, one: Subscription, place: Place): boolean {
  if ((one.kinds & (1 << EVENT.ready)) === 0) return false;
  const version = -place;
  if (!isVersionReady(pool, version)) return false;
  return (pool.readySince.get(version) ?? 0) <= one.from;
}

function catchUp(pool: PoolState, one: Subscription): void {
  const { log } = pool.events;
  let looked = 0;
  let bytesGiven = 0;
  if (one.behindAt < log.first && !passGap(pool, one)) return;
  for (let seq = one.behindAt; seq < log.end; seq++) {
    const taker = takerOf(pool, one);
    const isEnough = bytesGiven >= LIMITS.turnAnswerBytesMax;
    if (taker === null || isEnough || looked++ === LIMITS.eventsLookedMax) {
      one.behindAt = seq;
      if (taker !== null) goOnLater(pool, one);
      return;
    }
    const { out } = taker.session;
    bytesGiven -= out.at;
    if (wants(pool, one, seq)) give(pool, one, taker, seq);
    bytesGiven += out.at;
    if (!pool.events.subscriptions.has(one.id)) return;
  }
  one.behindAt = 0;
}

/** Events that it has not seen are gone: it is told how many, or ends. False: it does not go on. */
function passGap(pool: PoolState, one: Subscription): boolean {
  const { log } = pool.events;
  if (one.slow !== SLOW.drop) {
    const lost = log.first - one.behindAt;
    const why = `Cannot go on: it is behind by more than the pool keeps, ${lost} events`;
    endSubscription(pool, one, failure('subscriber-slow', why, { lost }));
    return false;
  }
  const taker = takerOf(pool, one);
  if (taker === null) return false;
  const from = one.behindAt;
  one.gaps.set(one.n + 1, { from, to: log.first - 1, steps: 0 });
  one.behindAt = log.first;
  give(pool, one, taker, 0);
  // What it is never asked of it cannot answer.
  decideMissed(pool, one, { from, to: log.first - 1 });
  return true;
}

/** The turn of one that was behind has come. */
export function goOn(pool: PoolState, timer: number): void {
  const one = pool.events.subscriptions.get(pool.waits.rows.get(timer, WAIT.subject));
  endTimer(pool, timer);
  if (one === undefined) return;
  one.timer = 0;
  advance(pool, one);
}

/** Others have their turn first. */
export function goOnLater(pool: PoolState, one: Subscription): void {
  if (one.timer === 0) one.timer = beginTimer(pool, WAIT_KIND.events, one.id, 0);
}

/** It may go on: before the step ends. */
export function markDue({ events }: PoolState, one: Subscription): void {
  events.due.add(one);
}

/** Writes a delivery, new or again. */
function write(pool: PoolState, one: Subscription, to: Attachment, n: number, flags: number): void {
  const place = one.unacked.eventOf(n);
  const gap = one.gaps.get(n);
  if (gap !== undefined) {
    const { from, to: last, steps } = gap;
    const isOfSteps = steps > 0;
    const fields = isOfSteps ? { from, to: last, steps } : { from, to: last };
    const seq = isOfSteps ? one.from : last;
    writeMarker(pool, to, { n, seq, kind: EVENT.gap, flags }, fields);
    return;
  }
  if (one.standing !== null) {
    writePinned(pool, one, to, n, flags);
    return;
  }
  // What is delivered again may be gone meanwhile.
  const isThere = place > 0 ? place >= pool.events.log.first : isOfSnapshot(pool, one, -place);
  if (isThere) {
    const seq = place > 0 ? place : one.from;
    const told = place > 0 ? flags : flags | EVENT_FLAG.snapshot;
    const isOfReady = place < 0 && (one.kinds & (1 << EVENT.offer)) === 0;
    const kind = isOfReady ? { kind: EVENT.ready } : {};
    writeEvent(pool, to, place, { n, seq, flags: told, ...kind });
    return;
  }
  const seq = place > 0 ? place : one.from;
  writeMarker(pool, to, { n, seq, kind: EVENT.gap, flags }, { from: seq, to: seq });
}

/** Tells of a version that is kept for who is told; or that it is not to be had any more. */
function writePinned(
  pool: PoolState,
  one: Subscription,
  to: Attachment,
  n: number,
  flags: number,
): void {
  const version = versionOf(one.unacked.eventOf(n));
  const seq = pool.versions.getWide(version, VERSION.seq);
  const told = flags | (seq <= one.from ? EVENT_FLAG.snapshot : 0);
  const gone = goneOf(pool, version);
  if (gone === null) {
    writeEvent(pool, to, -version, { n, seq, flags: told });
    return;
  }
  const name = objectName(pool, pool.versions.get(version, VERSION.object));
  const { code, message, fields } = gone;
  const why = { name, reason: code, message, fields };
  writeMarker(pool, to, { n, seq, kind: EVENT.lost, flags: told }, why);
}

function writeEvent(
  pool: PoolState,
  { session, number }: Attachment,
  place: Place,
  of: { readonly n: number; readonly seq: number; readonly flags: number; readonly kind?: number },
): void {
  const { attributes, spaces } = pool;
  const kind = kindAt(pool, place);
  const out = emit(pool, session);
  const before = out.at;
  const start = beginEvent(out, {
    subscription: number,
    n: of.n,
    seq: of.seq,
    kind: of.kind ?? kind & 0xff,
    flags: of.flags | (place > 0 ? kind >>> 8 : 0),
    version: numberAt(pool, place),
    timeMs: timeAt(pool, place),
  });
  for (const field of TEXTS) {
    textAt(pool, place, field, NAME);
    out.u32(NAME.end - NAME.start);
    out.rawRange(NAME.bytes, NAME.start, NAME.end);
  }
  const space = spaceRowAt(pool, place);
  out.rawRange(spaces.bytes(space), spaces.start(space), spaces.end(space));
  attributes.writeMap(out, attributesAt(pool, place), tagsAt(pool, place));
  out.u32(0);
  endEvent(out, start);
  pool.events.bytesTold += out.at - before;
}

const TEXTS = [ROW.who, ROW.name, ROW.topic] as const;

/** Writes what is no event but about them. */
export function writeMarker(
  pool: PoolState,
  { session, number }: Attachment,
  head: Pick<EventHead, 'n' | 'seq' | 'kind' | 'flags'>,
  fields: ValueMap,
): void {
  const { options, now, spaces } = pool;
  const out = emit(pool, session);
  const timeMs = options.wallMs + now;
  const start = beginEvent(out, { ...head, subscription: number, version: 0, timeMs });
  for (let text = 0; text < TEXTS.length; text++) out.u32(0);
  out.rawRange(spaces.bytes(0), spaces.start(0), spaces.end(0));
  out.u32(0);
  writeMap(out, fields);
  endEvent(out, start);
}
