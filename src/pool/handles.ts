import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { mergeSpace } from '../core/space.js';
import { type Declare, EVENT, MEMBER_NONE, type SetFields } from '../protocol/index.js';
import { noteHandle } from './events/noting.js';
import {
  checkRecords,
  clearFlags,
  dropHandle,
  findOrMakeObject,
  handleState,
  hasFlag,
  makeHandle,
  objectName,
  setHandleState,
} from './objects.js';
import { leaveOpen } from './opening.js';
import { isInParts, leaveParts } from './parts.js';
import { endOwed } from './parts-owed.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, VERSION, VERSION_FLAG } from './rows.js';
import type { Member, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { freeIfOwedToNobody, versionHas } from './versions.js';

const STATE_NAMES = [
  'unknown',
  'declared',
  'sealed',
  'offered',
  'withdrawn',
  'required',
  'demanded',
  'retracted',
  'failed',
  'opening',
  'opened',
] as const;

export function stateName(pool: PoolState, handle: number): string {
  return STATE_NAMES[handleState(pool, handle)] ?? 'unknown';
}

/** The handle of a session by the client's number. */
export function handleOf(session: Session, number: number): number {
  const handle = session.handles.get(number);
  if (handle === 0) {
    refuse('unknown-handle', `Cannot use handle ${number}: it is not declared`, { handle: number });
  }
  return handle;
}

export function memberOfSession(session: Session, number: number): Member {
  const member = session.members.get(number);
  if (member === undefined) {
    refuse('not-a-member', `Cannot act as member ${number}: it has not joined`, { member: number });
  }
  return member;
}

/** Who asks for a change that needs no member: null for a program that is none. */
export function askerOf(session: Session, number: number): Member | null {
  return number === MEMBER_NONE ? null : memberOfSession(session, number);
}

/** A call that the handle's state does not allow. */
export function wrongState(pool: PoolState, handle: number, action: string): never {
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const state = stateName(pool, handle);
  refuse('wrong-state', `Cannot ${action} "${name}": the handle is ${state}`, { name, state });
}

/** Whether a session may have one more handle, of that number. */
export function checkNewHandle(pool: PoolState, session: Session, number: number): void {
  if (session.handles.get(number) !== 0) {
    refuse('handle-in-use', `Cannot declare handle ${number}: it is in use`, { handle: number });
  }
  if (session.handles.used >= LIMITS.sessionHandlesMax) {
    refuse('handle-limit', 'Cannot declare: the session holds too many handles', {
      limit: LIMITS.sessionHandlesMax,
    });
  }
  checkRecords(pool);
}

/** DECLARE. */
export function declare(pool: PoolState, session: Session, message: Declare): void {
  const member = memberOfSession(session, message.member);
  checkNewHandle(pool, session, message.handle);
  if (pool.objects.used >= LIMITS.objectsMax) {
    refuse('handle-limit', 'Cannot declare: the pool holds too many objects', {
      limit: LIMITS.objectsMax,
    });
  }
  const { bytes } = pool.reader;
  // Attributes first: they may be refused, and then nothing else must have changed.
  const attributes = pool.attributes.store(bytes, message.attributes, session.keys);
  const object = findOrMakeObject(pool, bytes, message.nameStart, message.nameEnd);
  const handle = makeHandle(pool, object, member, message.handle);
  const space = pool.spaces.intern(bytes, message.spaceStart, message.spaceEnd);
  const fields = pool.handles.fields(handle);
  const at = pool.handles.at(handle);
  fields[at + HANDLE.state] = HANDLE_STATE.declared;
  fields[at + HANDLE.space] = space;
  fields[at + HANDLE.attributes] = attributes;
  noteHandle(pool, EVENT.declare, handle);
}

/** SET: adds to what the handle says. */
export function set(pool: PoolState, session: Session, message: SetFields): void {
  const handle = handleOf(session, message.handle);
  if (handleState(pool, handle) !== HANDLE_STATE.declared) wrongState(pool, handle, 'set');
  checkRecords(pool);
  const { handles, spaces, attributes, scratch, reader } = pool;
  const over = attributes.store(reader.bytes, message.attributes, session.keys);
  const base = handles.get(handle, HANDLE.attributes);
  if (over !== 0) {
    try {
      handles.set(handle, HANDLE.attributes, attributes.merge(base, over));
    } finally {
      attributes.free(over);
    }
    attributes.free(base);
  }
  const space = handles.get(handle, HANDLE.space);
  scratch.reset();
  mergeSpace(scratch, spaces.bytes(space), spaces.start(space), reader.bytes, message.spaceStart);
  handles.set(handle, HANDLE.space, spaces.intern(scratch.bytes, 0, scratch.at));
  spaces.release(space);
}

/** SEAL: fixes what the handle says. Sealing again changes nothing. */
export function seal(pool: PoolState, handle: number): void {
  const state = handleState(pool, handle);
  if (state === HANDLE_STATE.declared) {
    setHandleState(pool, handle, HANDLE_STATE.sealed);
    noteHandle(pool, EVENT.seal, handle);
  } else if (state !== HANDLE_STATE.sealed) wrongState(pool, handle, 'seal');
}

/** Ends the reader's lease that a delivered handle holds, if any. */
export function endReaderLease(pool: PoolState, handle: number): void {
  const { handles, versions } = pool;
  if (!hasFlag(pool, handle, HANDLE_FLAG.leased)) return;
  const version = handles.get(handle, HANDLE.version);
  assert(version !== 0, 'a lease names its version');
  clearFlags(pool, handle, HANDLE_FLAG.leased);
  versions.add(version, VERSION.leases, -1);
  pool.readerLeases--;
  endOwed(pool, handle, version);
  freeIfOwedToNobody(pool, version);
}

/** DISPOSE: frees the handle, where its state allows. */
export function dispose(pool: PoolState, handle: number): void {
  const { handles, versions } = pool;
  const state = handleState(pool, handle);
  if (state === HANDLE_STATE.required || state === HANDLE_STATE.opening) {
    wrongState(pool, handle, 'dispose');
  }
  if (state === HANDLE_STATE.offered) {
    const version = handles.get(handle, HANDLE.version);
    if (!versionHas(pool, version, VERSION_FLAG.scopePool)) wrongState(pool, handle, 'dispose');
    noteHandle(pool, EVENT.dispose, handle);
    leaveOpen(pool, handle, true);
    if (isInParts(pool, version)) leaveParts(pool, handle);
    else {
      versions.set(version, VERSION.provider, 0);
      handles.set(handle, HANDLE.version, 0);
    }
  }
  if (state !== HANDLE_STATE.offered) noteHandle(pool, EVENT.dispose, handle);
  if (state === HANDLE_STATE.opened) leaveOpen(pool, handle, true);
  endReaderLease(pool, handle);
  dropHandle(pool, handle);
}
