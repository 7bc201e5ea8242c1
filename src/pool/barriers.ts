import { refuse } from '../core/assert.js';
import type { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import type { BarrierFields } from '../protocol/index.js';
import { emitFail, emitOk, failure, flushOk } from './emit.js';
import { memberOfSession } from './handles.js';
import { inWords, Room, someOf } from './room.js';
import { WAIT, WAIT_KIND } from './rows.js';
import type { Member, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginWait, checkWaits } from './timers.js';

/** So many barriers, and so many members of each, are told. */
const TOLD_MAX = 100;

/** Members that meet, as long as not all have come: the last one ends it. */
interface Barrier {
  readonly id: number;
  readonly name: string;
  /** How many meet. */
  readonly members: number;
  /** Who is there, in the order of coming, with the wait of each. */
  readonly arrivals: Map<Member, number>;
}

/** The barriers at which somebody waits. */
export class Barriers {
  readonly byName = new Map<string, Barrier>();
  readonly byId = new Map<number, Barrier>();
  idNext = 1;

  add(barrier: Barrier): void {
    this.byName.set(barrier.name, barrier);
    this.byId.set(barrier.id, barrier);
  }

  remove(barrier: Barrier): void {
    this.byName.delete(barrier.name);
    this.byId.delete(barrier.id);
  }
}

/**
 * BARRIER: waits until so many members have called it by one name; the next ones are the next
 * round. Returns whether this one was the last: then all are answered.
 */
export function meet(
  pool: PoolState,
  session: Session,
  request: number,
  message: BarrierFields,
): boolean {
  const { barriers } = pool;
  const member = memberOfSession(session, message.member);
  const name = decodeUtf8(pool.reader.bytes, message.nameStart, message.nameEnd);
  const known = barriers.byName.get(name);
  if (known !== undefined) checkMayMeet(known, member, message.members);
  if ((known?.arrivals.size ?? 0) + 1 === message.members) {
    if (known !== undefined) open(pool, known);
    return true;
  }
  checkWaits(pool);
  if (known === undefined && barriers.byId.size >= LIMITS.barriersMax) {
    refuse('wait-limit', `Cannot meet at "${name}": members wait at too many others`, {
      limit: LIMITS.barriersMax,
    });
  }
  const barrier = known ?? begin(pool, name, message.members);
  const { deadline } = message;
  const wait = beginWait(pool, session, request, WAIT_KIND.barrier, barrier.id, deadline);
  barrier.arrivals.set(member, wait);
  return false;
}

function checkMayMeet(barrier: Barrier, member: Member, members: number): void {
  const { name, arrivals } = barrier;
  const here = someOf([...arrivals.keys()].map((each) => each.name));
  if (members !== barrier.members) {
    const why = `${inWords(here)} ${here.length === 1 ? 'says' : 'say'} ${barrier.members}`;
    refuse('bad-argument', `Cannot meet at "${name}" as one of ${members}: ${why}`);
  }
  if (!arrivals.has(member)) return;
  refuse('wrong-state', `Cannot meet at "${name}": ${member.name} is there already`, { name });
}

function begin({ barriers }: PoolState, name: string, members: number): Barrier {
  const barrier: Barrier = { id: barriers.idNext++, name, members, arrivals: new Map() };
  barriers.add(barrier);
  return barrier;
}

/** All have come. */
function open(pool: PoolState, barrier: Barrier): void {
  const { waits, barriers } = pool;
  barriers.remove(barrier);
  for (const [{ session }, wait] of barrier.arrivals) {
    const request = waits.rows.getWide(wait, WAIT.request);
    waits.end(wait);
    emitOk(pool, session, request);
    flushOk(pool, session);
  }
}

/** A member goes on without having met the others: its deadline has passed, or it was cancelled. */
export function endMeeting(pool: PoolState, wait: number, how: 'deadline' | 'cancel'): void {
  const { rows } = pool.waits;
  const barrier = pool.barriers.byId.get(rows.get(wait, WAIT.subject));
  const arrival = [...(barrier?.arrivals ?? [])].find(([, at]) => at === wait);
  if (barrier === undefined || arrival === undefined) return;
  const [member] = arrival;
  const request = rows.getWide(wait, WAIT.request);
  const { name } = barrier;
  const error =
    how === 'deadline'
      ? missed(pool, barrier, wait)
      : failure('cancelled', `Cannot meet at "${name}": it was cancelled`, { name });
  takeBack(pool, barrier, member);
  emitFail(pool, member.session, request, error);
}

/** The error of who has waited too long: who has come, and how many have not. */
function missed({ waits, now }: PoolState, barrier: Barrier, wait: number): AttaccaError {
  const { name, members, arrivals } = barrier;
  const since = waits.rows.getWide(wait, WAIT.since);
  const askedMs = waits.rows.getWide(wait, WAIT.deadline) - since;
  const here = someOf([...arrivals.keys()].map((each) => each.name));
  const missing = members - arrivals.size;
  const why = `${missing} of ${members} did not come within ${askedMs} ms; ${inWords(here)} did`;
  return failure('deadline-passed', `Cannot meet at "${name}": ${why}`, {
    ...{ name, waitedMs: now - since },
    ...{ members: here, missing },
  });
}

function takeBack(pool: PoolState, barrier: Barrier, member: Member): void {
  const wait = barrier.arrivals.get(member);
  if (wait === undefined) return;
  barrier.arrivals.delete(member);
  pool.waits.end(wait);
  if (barrier.arrivals.size === 0) pool.barriers.remove(barrier);
}

/** A member is gone: nobody counts on its having come. */
export function endMeetingsOf(pool: PoolState, member: Member, how: 'left' | 'crashed'): void {
  for (const barrier of pool.barriers.byId.values()) {
    const wait = barrier.arrivals.get(member);
    if (wait === undefined) continue;
    const request = pool.waits.rows.getWide(wait, WAIT.request);
    const { name } = barrier;
    takeBack(pool, barrier, member);
    if (how === 'crashed') continue;
    const why = `Cannot meet at "${name}": ${member.name} has left`;
    const fields = { name, member: member.name };
    emitFail(pool, member.session, request, failure('cancelled', why, fields));
  }
}

/** Who waits at barriers, or at one of that name. */
export function addMeetings(
  pool: PoolState,
  waits: Value[],
  room: Room,
  name: string | null = null,
): void {
  const one = name === null ? undefined : pool.barriers.byName.get(name);
  const all = name === null ? pool.barriers.byId.values() : one === undefined ? [] : [one];
  for (const barrier of all) {
    const missing = barrier.members - barrier.arrivals.size;
    const here = someOf([...barrier.arrivals.keys()].map((each) => each.name));
    for (const [member, wait] of barrier.arrivals) {
      if (waits.length >= LIMITS.explainRowsMax || room.isFull) return;
      const deadline = pool.waits.deadlineOf(wait);
      room.add(waits, {
        object: barrier.name,
        member: member.name,
        what: 'barrier',
        sinceMs: pool.now - pool.waits.rows.getWide(wait, WAIT.since),
        deadlineMs: deadline === Number.POSITIVE_INFINITY ? null : deadline - pool.now,
        promisedBy: [],
        because: `${missing} of ${barrier.members} have not come; ${inWords(here)} did`,
        endsWith: `${missing} more, its deadline`,
      });
    }
  }
}

/** A name that is no object's, but at which members meet; null when none do. */
export function explainMeeting(pool: PoolState, bytes: Uint8Array): Value {
  const name = decodeUtf8(bytes);
  const waits: Value[] = [];
  addMeetings(pool, waits, new Room(), name);
  if (waits.length === 0) return null;
  return { name, offered: null, waits, promises: [], readers: [], withdrawn: [] };
}

/** What INFO tells of barriers. */
export function barrierRows({ barriers }: PoolState, room = new Room()): Value[] {
  const rows: Value[] = [];
  for (const { name, members, arrivals } of barriers.byId.values()) {
    const here = [...arrivals.keys()].slice(0, TOLD_MAX).map((each) => each.name);
    const row: ValueMap = { name, members, here, missing: members - arrivals.size };
    if (rows.length >= TOLD_MAX || !room.add(rows, row)) break;
  }
  return rows;
}

export function saveBarriers({ barriers }: PoolState, w: StateWriter): void {
  w.u32(barriers.idNext);
  w.u32(barriers.byId.size);
  for (const { id, name, members, arrivals } of barriers.byId.values()) {
    w.u32(id);
    w.text(name);
    w.u32(members);
    w.u32(arrivals.size);
    for (const [member, wait] of arrivals) {
      w.u32(member.id);
      w.u32(wait);
    }
  }
}

export function restoreBarriers(pool: PoolState, r: StateReader): void {
  const { barriers, waits } = pool;
  barriers.idNext = r.u32();
  for (let count = r.count(16); count > 0; count--) {
    const head = { id: r.u32(), name: r.text(), members: r.u32() };
    const arrivals = new Map<Member, number>();
    for (let left = r.count(8); left > 0; left--) {
      const member = pool.members.get(r.u32());
      const wait = r.u32();
      checkSaved(member !== undefined && waits.rows.has(wait), 'who waits at a barrier is there');
      arrivals.set(member, wait);
    }
    checkSaved(!barriers.byName.has(head.name) && arrivals.size > 0, 'a barrier is there once');
    barriers.add({ ...head, arrivals });
  }
}
