import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { beginningOf, encodeUtf8 } from '../core/utf8.js';
import type { Value, ValueMap } from '../core/value.js';
import type { Join } from '../protocol/index.js';
import { EVENT, writeBye, writeWelcome } from '../protocol/index.js';
import { endMeetingsOf } from './barriers.js';
import { emit, flushOk } from './emit.js';
import { dropHeldOf } from './events/holding.js';
import { noteMember } from './events/noting.js';
import { detachAll } from './events/subscribing.js';
import { endReaderLease } from './handles.js';
import { Indices } from './indices.js';
import type { Input } from './input.js';
import { dropLeaseWaitsOf, freeLeasesOf } from './memory.js';
import { dropHandle, handleState, objectName } from './objects.js';
import { leaveOpen } from './opening.js';
import { isInParts, leaveParts, withdrawParts } from './parts.js';
import { endPromisesOf } from './promising.js';
import { abandonRequire, cancelDemand } from './require.js';
import { Room } from './room.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import { type Member, PROCESS_TEXT_MAX, Session } from './sessions.js';
import { wantSlab } from './slabs.js';
import type { PoolState } from './state.js';
import { beginStay, endStay } from './stays.js';
import { mustNotStop } from './stopping.js';
import { versionHas, withdrawVersion } from './versions.js';

/** Names of members that are gone are kept for `explain`, the latest so many. */
const DEPARTED_MAX = 4_096;

export function openSession(
  pool: PoolState,
  input: Extract<Input, { kind: 'session-opened' }>,
): void {
  assert(!pool.sessions.has(input.session), 'a session is opened once');
  const process = describe(input.process);
  pool.sessions.set(input.session, new Session(input.session, process, pool.now));
  if (pool.extents.slabs.size === 0) wantSlab(pool, 0);
}

/** What answers show of a process, each field at most so long. */
function describe(process: ValueMap): ValueMap {
  const shown: { [key: string]: Value } = {};
  for (const key of ['client', 'host', 'pid', 'command']) {
    const value = process[key];
    if (typeof value === 'string') shown[key] = beginningOf(value, PROCESS_TEXT_MAX);
    else if (typeof value === 'number') shown[key] = value;
  }
  return shown;
}

/** JOIN: gives a session's member its name. */
export function join(
  pool: PoolState,
  session: Session,
  request: number,
  message: Join,
  size: number,
): void {
  mustNotStop(pool, 'join');
  if (size > LIMITS.attributeBytesMax) {
    refuse('too-large', `Cannot join: what the member says of itself takes ${size} bytes`, {
      size,
      limit: LIMITS.attributeBytesMax,
    });
  }
  if (session.members.has(message.member)) {
    refuse('bad-argument', `Cannot join: the member number ${message.member} is in use`);
  }
  if (pool.members.size >= LIMITS.membersMax) {
    refuse('member-limit', 'Cannot join: the pool has too many members', {
      limit: LIMITS.membersMax,
    });
  }
  const { component } = message.parsed;
  const { index: wanted } = message.parsed;
  const index = wanted === 'any' ? (pool.indices.get(component)?.lowestFree() ?? 0) : wanted;
  const name = index === null ? component : `${component}[${index}]`;
  const holder = pool.membersByName.get(name);
  if (holder !== undefined) {
    pool.effects.push({ kind: 'name-contested', session: holder.session.id });
    const { host, pid } = holder.session.process;
    refuse('name-in-use', `Cannot join as "${name}": process ${pid} on ${host} has that name`, {
      name,
      pid: pid ?? null,
      host: host ?? null,
    });
  }
  const id = pool.memberIdNext++;
  const member: Member = {
    id,
    number: message.member,
    session,
    name,
    nameBytes: encodeUtf8(name),
    component,
    index,
    info: message.info,
    since: pool.now,
    handles: 0,
    handleCount: 0,
    offers: 0,
    bytesOffered: 0,
    openRequires: 0,
    promises: new Set(),
    subscriptions: new Set(),
    activity: beginStay(pool, session, { id, name, info: message.info }),
  };
  addMember(pool, member);
  noteMember(pool, EVENT.join, member, member.nameBytes);
  const granted = { component, index, deadlineDefaultMs: pool.options.deadlineDefaultMs };
  writeWelcome(emit(pool, session), request, { member: member.id, name, granted });
}

/** Keeps a member wherever members are looked for. */
export function addMember(pool: PoolState, member: Member): void {
  const { session, component, index } = member;
  session.members.set(member.number, member);
  pool.members.set(member.id, member);
  pool.membersByName.set(member.name, member);
  if (index === null) return;
  const indices = pool.indices.get(component) ?? new Indices();
  indices.add(index);
  pool.indices.set(component, indices);
}

/**
 * LEAVE: on one host the pool holds the bytes of everything offered, so leaving never waits. It
 * takes back nothing that is owed: offers of scope member end, those who required them are still
 * served.
 */
export function leave(pool: PoolState, session: Session, request: number, member: Member): void {
  const withdrawn = removeMember(pool, member, 'left');
  session.members.delete(member.number);
  writeBye(emit(pool, session), request, withdrawn);
}

/**
 * Ends all that a member has; returns the names whose offer ended with it, as many as an answer
 * holds.
 */
function removeMember(
  pool: PoolState,
  member: Member,
  how: 'left' | 'crashed',
  stay: 'left' | 'crashed' = how,
): string[] {
  const withdrawn: string[] = [];
  const room = new Room();
  endMeetingsOf(pool, member, how);
  const { handles, objects, arena } = pool;
  // First, as what ends with the member must not fail requires that go with it; for the same reason
  // promises come last.
  for (let at = member.handles; at !== 0; at = handles.get(at, HANDLE.memberNext)) {
    if (handleState(pool, at) !== HANDLE_STATE.required) continue;
    // The session of a member that leaves goes on: its demand is a request to be answered.
    if (how === 'left') cancelDemand(pool, at);
    abandonRequire(pool, at);
  }
  // What has ended has no locks of its other handles to be given to who waits.
  // Groups come last: what is in them would end with them, and not be told.
  for (const groups of [false, true]) {
    for (let at = member.handles; at !== 0; at = handles.get(at, HANDLE.memberNext)) {
      if (handleState(pool, at) !== HANDLE_STATE.offered) continue;
      if (pool.groups.has(handles.get(at, HANDLE.version)) !== groups) continue;
      if (!endsOffer(pool, at, how) || how !== 'left') continue;
      const object = handles.get(at, HANDLE.object);
      const size = arena.size(objects.get(object, OBJECT.name));
      if (room.take(size + 4)) withdrawn.push(objectName(pool, object));
    }
  }
  for (let handle = member.handles; handle !== 0; handle = member.handles) {
    leaveOpen(pool, handle, how === 'left');
    endReaderLease(pool, handle);
    dropHandle(pool, handle);
  }
  endPromisesOf(pool, member, how);
  detachAll(pool, member);
  const kind = stay === 'left' ? EVENT.leave : EVENT.crash;
  noteMember(pool, kind, member, member.nameBytes);
  endStay(pool, member.activity, stay);
  pool.members.delete(member.id);
  pool.membersByName.delete(member.name);
  if (member.index !== null) {
    const indices = pool.indices.get(member.component);
    indices?.remove(member.index);
    if (indices?.size === 0) pool.indices.delete(member.component);
  }
  pool.departed.set(member.id, { name: member.name, how: stay, when: pool.now });
  if (pool.departed.size > DEPARTED_MAX) {
    const [oldest] = pool.departed.keys();
    if (oldest !== undefined) pool.departed.delete(oldest);
  }
  return withdrawn;
}

/** Keeps or ends what a member that goes has offered; whether it has ended. */
function endsOffer(pool: PoolState, handle: number, how: 'left' | 'crashed'): boolean {
  const { handles, versions } = pool;
  const version = handles.get(handle, HANDLE.version);
  leaveOpen(pool, handle, how === 'left');
  if (versionHas(pool, version, VERSION_FLAG.scopePool)) {
    if (isInParts(pool, version)) leaveParts(pool, handle);
    else {
      versions.set(version, VERSION.provider, 0);
      handles.set(handle, HANDLE.version, 0);
    }
    return false;
  }
  if (isInParts(pool, version)) withdrawParts(pool, handle);
  else withdrawVersion(pool, version);
  return true;
}

/**
 * The end of a session, by END or by death, in one step: members that have not left have crashed,
 * memory leased and not offered is free again.
 */
export function endSession(pool: PoolState, session: Session, crashed: boolean): void {
  dropHeldOf(pool, session);
  for (const member of [...session.members.values()]) {
    // A program that ends its session in order has made what it made.
    removeMember(pool, member, 'crashed', crashed ? 'crashed' : 'left');
  }
  session.members.clear();
  dropLeaseWaitsOf(pool, session);
  freeLeasesOf(pool, session);
  session.ended = true;
  pool.events.unreadBy.delete(session);
  pool.sessions.delete(session.id);
  flushOk(pool, session);
  pool.effects.push({ kind: 'session-ended', session: session.id, crashed });
}
