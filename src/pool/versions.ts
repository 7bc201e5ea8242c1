import { BLOCK_LEASE } from '../catalog/extents.js';
import { assert } from '../core/assert.js';
import { hideVersion } from './indexing.js';
import { freed } from './memory.js';
import { forgetIfUnused } from './objects.js';
import { noteGone } from './provenance.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { endTimer } from './timers.js';

export function versionHas(pool: PoolState, version: number, flag: number): boolean {
  return (pool.versions.get(version, VERSION.flags) & flag) !== 0;
}

/**
 * Ends the offer of a version: later requires bind to the next one, those that are bound are still
 * served from the bytes that the pool holds.
 */
export function withdrawVersion(pool: PoolState, version: number): void {
  const { versions, objects, handles } = pool;
  const object = versions.get(version, VERSION.object);
  assert(objects.get(object, OBJECT.current) === version, 'the offered version is the current one');
  hideVersion(pool, object, version);
  objects.set(object, OBJECT.current, 0);
  const flags = versions.get(version, VERSION.flags);
  versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.offered);

  const old = objects.get(object, OBJECT.old);
  versions.set(version, VERSION.next, old);
  versions.set(version, VERSION.previous, 0);
  if (old !== 0) versions.set(old, VERSION.previous, version);
  objects.set(object, OBJECT.old, version);

  const lifetime = versions.get(version, VERSION.lifetime);
  if (lifetime !== 0) {
    versions.set(version, VERSION.lifetime, 0);
    endTimer(pool, lifetime);
  }
  const member = pool.members.get(versions.get(version, VERSION.providerMember));
  if (member !== undefined) {
    member.offers--;
    member.bytesOffered -= versions.getWide(version, VERSION.size);
  }
  const provider = versions.get(version, VERSION.provider);
  if (provider !== 0) {
    handles.set(provider, HANDLE.state, HANDLE_STATE.withdrawn);
    handles.set(provider, HANDLE.version, 0);
    versions.set(version, VERSION.provider, 0);
  }
  freeIfOwedToNobody(pool, version);
}

/** Frees a withdrawn version when no require is bound to it and no reader holds it. */
export function freeIfOwedToNobody(pool: PoolState, version: number): void {
  if (!isOwedToNobody(pool, version)) return;
  freeBytes(pool, version);
  dropVersion(pool, version);
}

export function isOwedToNobody(pool: PoolState, version: number): boolean {
  const { versions } = pool;
  if (versions.get(version, VERSION.requires) > 0) return false;
  if (versions.get(version, VERSION.leases) > 0) return false;
  return !versionHas(pool, version, VERSION_FLAG.offered);
}

/** The slice of a version that is owed to nobody else becomes a lease of the session. */
export function giveSlice(pool: PoolState, version: number, session: Session): void {
  assert(versionHas(pool, version, VERSION_FLAG.slice), 'a slice is given');
  pool.extents.give(pool.versions.get(version, VERSION.bytes), BLOCK_LEASE, session.id);
  dropVersion(pool, version);
}

function freeBytes(pool: PoolState, version: number): void {
  const { versions } = pool;
  const bytes = versions.get(version, VERSION.bytes);
  if (versionHas(pool, version, VERSION_FLAG.inline)) {
    pool.bytesInline -= pool.arena.size(bytes);
    pool.arena.free(bytes);
  } else if (versionHas(pool, version, VERSION_FLAG.slice)) {
    freed(pool, bytes);
  }
}

function dropVersion(pool: PoolState, version: number): void {
  const { versions, objects } = pool;
  const object = versions.get(version, VERSION.object);
  const next = versions.get(version, VERSION.next);
  const previous = versions.get(version, VERSION.previous);
  if (next !== 0) versions.set(next, VERSION.previous, previous);
  if (previous !== 0) versions.set(previous, VERSION.next, next);
  else objects.set(object, OBJECT.old, next);
  noteGone(pool, version);
  pool.spaces.release(versions.get(version, VERSION.space));
  pool.attributes.free(versions.get(version, VERSION.attributes));
  versions.release(version);
  forgetIfUnused(pool, object);
}
