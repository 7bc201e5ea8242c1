import { Reader } from '../../core/bytes.js';
import type { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { decodeUtf8 } from '../../core/utf8.js';
import type { Value } from '../../core/value.js';
import {
  MESSAGE,
  messageName,
  readDeclare,
  readDelete,
  readEmit,
  readEndSelected,
  readGather,
  readLeave,
  readOfferGroup,
  readPromise,
  readTag,
  readTagSelected,
  readUnkeep,
} from '../../protocol/index.js';
import { failure } from '../emit.js';
import { memberOf, objectName } from '../objects.js';
import { inWords, type Room } from '../room.js';
import { HANDLE } from '../rows.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { beginDeadline, whoOf } from './deciding.js';
import type { HeldOperation } from './held-operation.js';
import { blockerOf, heldOf } from './lanes.js';
import { stepReason } from './queue-waits.js';
import type { Subscription } from './subscription.js';

/**
 * Held operations that wait for something else than a word of subscribers: for room in the log, for
 * their step, for the store. Each has the deadline of the pool, and says for what it waits.
 */

/** What a request is about, for people. */
interface Subject {
  readonly object: string;
  readonly member: string;
}

/** Holds an operation until there is room for its event, or its deadline. */
export function waitForRoom(pool: PoolState, held: HeldOperation): void {
  pool.events.roomWaits.add(held);
  beginDeadline(pool, held);
}

/** Those who must miss nothing and keep the log from forgetting its oldest events. */
export function slowest({ events }: PoolState): Subscription[] {
  return [...events.blockers].filter((one) => oldestFor(one) < events.log.endOfOldest);
}

/** The oldest event that one needs who must miss none. */
export function oldestFor({ behindAt, unacked }: Subscription): number {
  return Math.min(behindAt || Number.POSITIVE_INFINITY, unacked.oldest);
}

/** For what an operation waits, and what ends it; null: for a word of subscribers, or its turn. */
function reasonOf(
  pool: PoolState,
  held: HeldOperation,
): { readonly because: string; readonly endsWith: string } | null {
  const { events } = pool;
  if (events.roomWaits.has(held)) {
    const who = inWords(slowest(pool).map((one) => whoOf(pool, one)));
    return {
      because: `there is no room for its event, as ${who} must miss none and is behind`,
      endsWith: 'an acknowledgement, the end of who is behind, its deadline',
    };
  }
  if (events.stepWaits.has(held)) {
    const endsWith = 'an acknowledgement, the end of who is behind, its deadline';
    return { because: stepReason(pool, held), endsWith };
  }
  if (pool.storeWaits.has(held)) {
    const { object } = subjectOf(pool, held);
    const what = held.code === MESSAGE.offerGroup ? `something of "${object}"` : `"${object}"`;
    return {
      because: `another offer of ${what} is written to the store`,
      endsWith: 'the end of that offer, its deadline',
    };
  }
  const { store } = held;
  if (store === null || store.left === 0) return null;
  const { length } = store.pieces;
  const because =
    held.code === MESSAGE.offerGroup
      ? `bytes of ${store.left} of its objects are written to the store, of ${length} in all`
      : 'its bytes are written to the store';
  return { because, endsWith: 'the store, its deadline' };
}

/** For what one waits, in words; null: for a word of subscribers, or its turn. */
export function waitsBecause(pool: PoolState, held: HeldOperation): string | null {
  return reasonOf(pool, held)?.because ?? null;
}

/** The error of what has waited for too long; null: its deadline is not that of the pool. */
export function timedOut(pool: PoolState, held: HeldOperation): AttaccaError | null {
  const reason = reasonOf(pool, held);
  if (reason === null) return null;
  const { object: name } = subjectOf(pool, held);
  const what = `${VERBS[held.code] ?? 'offer'}${name === '' ? '' : ` "${name}"`}`;
  const waitedMs = pool.now - held.since;
  return failure('deadline-passed', `Cannot ${what}: ${reason.because}`, { name, waitedMs });
}

/** Of what is no offer. */
const VERBS: { readonly [code: number]: string } = {
  [MESSAGE.declare]: 'declare',
  [MESSAGE.tag]: 'tag',
  [MESSAGE.tagSelected]: 'tag what is selected',
  [MESSAGE.gather]: 'gather in what is selected',
  [MESSAGE.seal]: 'seal',
  [MESSAGE.emit]: 'emit',
  [MESSAGE.promise]: 'promise',
};

/** Of what and by whom a held request is. */
export function subjectOf(pool: PoolState, { session, code, message }: HeldOperation): Subject {
  const r = new Reader();
  pool.arena.read(r, message, 0);
  return subjectIn(pool, session, code, r);
}

/** A message that names an object, and who asks for it. */
interface Named {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly member: number;
}

/** Of what and by whom a request is, as far as its message says it, on whose body `r` stands. */
export function subjectIn(pool: PoolState, session: Session, code: number, r: Reader): Subject {
  const { decoder } = pool;
  const text = (start: number, end: number): string => decodeUtf8(r.bytes, start, end);
  const by = (member: number): string => session.members.get(member)?.name ?? '';
  const ofName = ({ nameStart, nameEnd, member }: Named): Subject => {
    return { object: text(nameStart, nameEnd), member: by(member) };
  };
  switch (code) {
    case MESSAGE.declare:
      readDeclare(r, decoder.declare);
      return ofName(decoder.declare);
    case MESSAGE.tag:
      readTag(r, decoder.tag);
      return ofName(decoder.tag);
    case MESSAGE.delete:
      readDelete(r, decoder.delete);
      return ofName(decoder.delete);
    case MESSAGE.unkeep:
      readUnkeep(r, decoder.unkeep);
      return ofName(decoder.unkeep);
    case MESSAGE.tagSelected:
      readTagSelected(r, decoder.tagSelected);
      return { object: '', member: by(decoder.tagSelected.member) };
    case MESSAGE.gather:
      readGather(r, decoder.gather);
      return { object: '', member: by(decoder.gather.member) };
    case MESSAGE.endSelected:
      readEndSelected(r, decoder.endSelected);
      return { object: '', member: by(decoder.endSelected.member) };
    case MESSAGE.leave:
      readLeave(r, decoder.leave);
      return { object: '', member: by(decoder.leave.member) };
    case MESSAGE.join:
    case MESSAGE.close:
      return { object: '', member: '' };
    case MESSAGE.emit:
      readEmit(r, decoder.emit);
      return { object: '', member: by(decoder.emit.member) };
    case MESSAGE.promise: {
      readPromise(r, decoder.promise);
      const { member, patternStart, patternEnd } = decoder.promise;
      return { object: text(patternStart, patternEnd), member: by(member) };
    }
    case MESSAGE.offerGroup:
      readOfferGroup(r, decoder.offer, decoder.group);
      return subjectOfHandle(pool, session.handles.get(decoder.offer.handle));
    default:
      return subjectOfHandle(pool, session.handles.get(r.u32()));
  }
}

/** What a member has a handle of; `handle`: 0 when there is none. */
function subjectOfHandle(pool: PoolState, handle: number): Subject {
  if (handle === 0) return { object: '', member: '' };
  const object = objectName(pool, pool.handles.get(handle, HANDLE.object));
  return { object, member: memberOf(pool, handle).name };
}

const within = (group: string, because: string): string => `it is in "${group}": ${because}`;

/** Whether something by a name goes to the store for an operation: for a group there is much. */
function isStoring(pool: PoolState, { store }: HeldOperation, name: string): boolean {
  return store?.pieces.some(({ object }) => objectName(pool, object) === name) ?? false;
}

/** What waits for something else than subscribers; of one object, if `name` says which. */
export function addOtherWaits(
  pool: PoolState,
  waits: Value[],
  room: Room,
  name: string | null,
): void {
  const { events, storing, storeWaits, now } = pool;
  const toStore = [new Set(storing.values()), new Set(storeWaits.keys())];
  for (const all of [events.roomWaits, events.stepWaits, ...toStore]) {
    for (const held of all) {
      if (room.isFull) return;
      const { object, member } = subjectOf(pool, held);
      const isOfIt = name === null || object === name || isStoring(pool, held, name);
      const reason = isOfIt ? reasonOf(pool, held) : null;
      if (reason === null) continue;
      room.add(waits, {
        ...{ object, member, what: 'held', sinceMs: now - held.since },
        deadlineMs: held.timer === 0 ? null : pool.waits.deadlineOf(held.timer) - now,
        promisedBy: [],
        ...reason,
        ...(name === null || object === name ? {} : { because: within(object, reason.because) }),
      });
    }
  }
}

/** So many are told of those that wait behind one. */
const BEHIND_MAX = 10;

/** What stands behind others of its own session that are held; of one object, if `name` says. */
export function addBehindWaits(
  pool: PoolState,
  waits: Value[],
  room: Room,
  name: string | null,
): void {
  for (const session of pool.sessions.values()) {
    const told = new Map<HeldOperation, number>();
    for (const held of heldOf(session)) {
      if (waits.length >= LIMITS.explainRowsMax || room.isFull) return;
      const first = blockerOf(held);
      const count = first === null ? 0 : (told.get(first) ?? 0);
      if (first === null || count === BEHIND_MAX) continue;
      const { object, member } = subjectOf(pool, held);
      if (name !== null && object !== name) continue;
      told.set(first, count + 1);
      const { object: other } = subjectOf(pool, first);
      const what = `${messageName(first.code) ?? 'request'}${other === '' ? '' : ` of "${other}"`}`;
      room.add(waits, {
        ...{ object, member, what: 'held', sinceMs: pool.now - held.since },
        ...{ deadlineMs: null, promisedBy: [] },
        because: `its ${messageName(held.code) ?? 'request'} waits behind the ${what} that is held`,
        endsWith: 'the answer to what it waits behind',
      });
    }
  }
}
