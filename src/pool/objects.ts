import { hashBytes } from '../catalog/hash.js';
import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { decodeUtf8 } from '../core/utf8.js';
import { hideObject, showObject } from './indexing.js';
import { HANDLE, HANDLE_STATE, HANDLE_STATE_MASK, OBJECT, VERSION } from './rows.js';
import type { Member } from './sessions.js';
import type { PoolState } from './state.js';
import { dropWanted } from './wanted.js';

/** The object with the name `bytes[start, end)`, or 0. */
export function findObject(
  pool: PoolState,
  bytes: Uint8Array,
  start: number,
  end: number,
  hash: number = hashBytes(bytes, start, end, pool.options.hashSeed),
): number {
  const { nameKey } = pool;
  nameKey.set(bytes, start, end);
  const first = pool.directory.first(hash);
  if (first === 0 || nameKey.same(first)) return first;
  return pool.directory.find(hash, nameKey.same);
}

/** Refuses with `memory-full` when the manager's records take all the memory they may. */
export function checkRecords(pool: PoolState): void {
  const used = pool.arena.bytesUsed + pool.terms.postings.bytesUsed;
  if (used >= LIMITS.recordBytesMax) {
    refuse('memory-full', 'Cannot keep more: names and attributes take all the memory they may', {
      limit: LIMITS.recordBytesMax,
      used,
    });
  }
}

/** The object with that name; made when it is not there. */
export function findOrMakeObject(
  pool: PoolState,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const hash = hashBytes(bytes, start, end, pool.options.hashSeed);
  const known = findObject(pool, bytes, start, end, hash);
  if (known !== 0) return known;
  const row = pool.objects.allocate();
  const fields = pool.objects.fields(row);
  const at = pool.objects.at(row);
  fields[at + OBJECT.name] = pool.arena.store(bytes, start, end);
  fields[at + OBJECT.hash] = hash;
  pool.directory.insert(hash, row);
  showObject(pool, row, bytes, start, end);
  return row;
}

export function objectName(pool: PoolState, object: number): string {
  const { arena } = pool;
  const record = pool.objects.get(object, OBJECT.name);
  const start = arena.start(record);
  return decodeUtf8(arena.chunk(record), start, start + arena.size(record));
}

/** Forgets the name when no handle, version or reader hangs on it. */
export function forgetIfUnused(pool: PoolState, object: number): void {
  const { objects } = pool;
  if (objects.get(object, OBJECT.handles) !== 0) return;
  if (objects.get(object, OBJECT.current) !== 0 || objects.get(object, OBJECT.old) !== 0) return;
  assert(objects.get(object, OBJECT.unbound) === 0, 'an open require has a handle');
  // The row will be another object's: what waits for memory for this one must not mean that.
  for (const each of pool.leaseWaitsByObject.get(object) ?? []) each.objectRow = 0;
  pool.leaseWaitsByObject.delete(object);
  hideObject(pool, object);
  pool.directory.remove(objects.get(object, OBJECT.hash), object);
  pool.arena.free(objects.get(object, OBJECT.name));
  objects.release(object);
}

/** Makes a handle of a member on an object. */
export function makeHandle(
  pool: PoolState,
  object: number,
  member: Member,
  number: number,
): number {
  const { handles, objects } = pool;
  const row = handles.allocate();
  const fields = handles.fields(row);
  const at = handles.at(row);
  fields[at + HANDLE.object] = object;
  fields[at + HANDLE.member] = member.id;
  fields[at + HANDLE.number] = number;
  const first = objects.get(object, OBJECT.handles);
  fields[at + HANDLE.next] = first;
  if (first !== 0) handles.set(first, HANDLE.previous, row);
  objects.set(object, OBJECT.handles, row);
  fields[at + HANDLE.memberNext] = member.handles;
  if (member.handles !== 0) handles.set(member.handles, HANDLE.memberPrevious, row);
  member.handles = row;
  member.handleCount++;
  member.session.handles.set(number, row);
  return row;
}

/** Frees a handle; forgets the object if that was the last thing on it. */
export function dropHandle(pool: PoolState, handle: number): void {
  const { handles, objects } = pool;
  assert(handles.get(handle, HANDLE.wait) === 0, 'a dropped handle has no demand that waits');
  const object = handles.get(handle, HANDLE.object);
  const next = handles.get(handle, HANDLE.next);
  const previous = handles.get(handle, HANDLE.previous);
  if (next !== 0) handles.set(next, HANDLE.previous, previous);
  if (previous !== 0) handles.set(previous, HANDLE.next, next);
  else objects.set(object, OBJECT.handles, next);

  const member = memberOf(pool, handle);
  if (mayProvide(pool, handle)) objects.set(object, OBJECT.declarer, member.id);
  const memberNext = handles.get(handle, HANDLE.memberNext);
  const memberPrevious = handles.get(handle, HANDLE.memberPrevious);
  if (memberNext !== 0) handles.set(memberNext, HANDLE.memberPrevious, memberPrevious);
  if (memberPrevious !== 0) handles.set(memberPrevious, HANDLE.memberNext, memberNext);
  else member.handles = memberNext;
  member.handleCount--;
  member.session.handles.set(handles.get(handle, HANDLE.number), 0);

  if (handleState(pool, handle) === HANDLE_STATE.failed) pool.failures.delete(handle);
  dropWanted(pool, handle);
  lookAtParts(pool, object);
  pool.spaces.release(handles.get(handle, HANDLE.space));
  pool.attributes.free(handles.get(handle, HANDLE.attributes));
  handles.release(handle);
  forgetIfUnused(pool, object);
}

/** A handle is gone that might have offered what is missing of a version in parts. */
export function lookAtParts({ objects, versions, partitionsDue }: PoolState, object: number): void {
  const current = objects.get(object, OBJECT.current);
  if (current !== 0 && versions.get(current, VERSION.partition) !== 0) partitionsDue.push(object);
}

export function memberOf(pool: PoolState, handle: number): Member {
  const member = pool.members.get(pool.handles.get(handle, HANDLE.member));
  assert(member !== undefined, 'a handle belongs to a member');
  return member;
}

export function handleState(pool: PoolState, handle: number): number {
  return pool.handles.get(handle, HANDLE.state) & HANDLE_STATE_MASK;
}

export function hasFlag(pool: PoolState, handle: number, flag: number): boolean {
  return (pool.handles.get(handle, HANDLE.state) & flag) !== 0;
}

/** Whether a handle offers, has offered, or may yet: its member has not required by it. */
export function mayProvide(pool: PoolState, handle: number): boolean {
  const state = handleState(pool, handle);
  return state >= HANDLE_STATE.declared && state <= HANDLE_STATE.withdrawn;
}

/** Sets the state and replaces the flags. */
export function setHandleState(pool: PoolState, handle: number, state: number, flags = 0): void {
  pool.handles.set(handle, HANDLE.state, state | flags);
}

export function addFlags(pool: PoolState, handle: number, flags: number): void {
  pool.handles.set(handle, HANDLE.state, pool.handles.get(handle, HANDLE.state) | flags);
}

export function clearFlags(pool: PoolState, handle: number, flags: number): void {
  pool.handles.set(handle, HANDLE.state, pool.handles.get(handle, HANDLE.state) & ~flags);
}

/** All handles on an object; the visitor may drop the one it is given. */
export function forEachHandle(
  pool: PoolState,
  object: number,
  visit: (handle: number) => void,
): void {
  let handle = pool.objects.get(object, OBJECT.handles);
  while (handle !== 0) {
    const next = pool.handles.get(handle, HANDLE.next);
    visit(handle);
    handle = next;
  }
}

/** One more (or less) open require that waits for the next version of the object. */
export function countUnbound(pool: PoolState, object: number, delta: 1 | -1): void {
  const { objects } = pool;
  const count = objects.add(object, OBJECT.unbound, delta);
  if (delta === 1 && count === 1) {
    const head = pool.unboundHead;
    objects.set(object, OBJECT.unboundNext, head);
    objects.set(object, OBJECT.unboundPrevious, 0);
    if (head !== 0) objects.set(head, OBJECT.unboundPrevious, object);
    pool.unboundHead = object;
  } else if (count === 0) {
    const next = objects.get(object, OBJECT.unboundNext);
    const previous = objects.get(object, OBJECT.unboundPrevious);
    if (next !== 0) objects.set(next, OBJECT.unboundPrevious, previous);
    if (previous !== 0) objects.set(previous, OBJECT.unboundNext, next);
    else pool.unboundHead = next;
    objects.set(object, OBJECT.unboundNext, 0);
    objects.set(object, OBJECT.unboundPrevious, 0);
  }
}
