import { BLOCK_LEASE } from '../catalog/extents.js';
import { assert } from '../core/assert.js';
import type { AttaccaError } from '../core/errors.js';
import { EVENT } from '../protocol/index.js';
import { failure } from './emit.js';
import { type Actor, noteVersion, providerOf } from './events/noting.js';
import { endStep } from './events/queues.js';
import { pinBefore } from './events/standing.js';
import { hideVersion } from './indexing.js';
import { dropMeasure } from './measuring.js';
import { freed } from './memory.js';
import { forEachHandle, forgetIfUnused, handleState, objectName } from './objects.js';
import { endOpen } from './opening.js';
import { endParts, freeParts, isGrowing, mayGoOn, missingOf, namedOf } from './parts.js';
import { failUnmet } from './promising.js';
import { noteGone } from './provenance.js';
import { keepUnready } from './readiness.js';
import { failRequire } from './require.js';
import { HANDLE, HANDLE_STATE, OBJECT, PARTITION, VERSION, VERSION_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { endTimer } from './timers.js';
import { isReady, missingTold } from './wanted.js';

export function versionHas(pool: PoolState, version: number, flag: number): boolean {
  return (pool.versions.get(version, VERSION.flags) & flag) !== 0;
}

/**
 * Ends the offer of a version: later requires bind to the next one, those that are bound are still
 * served from the bytes that the pool holds. `by`: who does it, which is its provider as a rule.
 */
export function withdrawVersion(
  pool: PoolState,
  version: number,
  by: Actor = providerOf(pool, version),
): void {
  const { versions, objects } = pool;
  const object = versions.get(version, VERSION.object);
  assert(objects.get(object, OBJECT.current) === version, 'the offered version is the current one');
  const isOpen = versionHas(pool, version, VERSION_FLAG.open);
  pinBefore(pool, version);
  // What a group has ends with it, and stays for it as long as it is owed to somebody.
  for (const member of pool.groups.get(version)?.values() ?? []) {
    if (versionHas(pool, member, VERSION_FLAG.offered)) withdrawVersion(pool, member, by);
  }
  noteVersion(pool, EVENT.withdraw, version, by);
  if (isOpen) endOpen(pool, version);
  const isParted = versions.get(version, VERSION.partition) !== 0;
  if (isParted) failUnready(pool, version);
  keepUnready(pool, version);
  hideVersion(pool, object, version);
  objects.set(object, OBJECT.current, 0);
  const flags = versions.get(version, VERSION.flags);
  versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.offered);
  if (pool.events.queues.size > 0) endStep(pool, version);

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
  if (isParted) endParts(pool, version);
  else endWhole(pool, version);
  // Who waited for it to be sealed may have waited for nobody else.
  if (isOpen) failUnmet(pool, object);
  freeIfOwedToNobody(pool, version);
}

/** What one handle has offered whole is withdrawn. */
function endWhole({ versions, members, handles }: PoolState, version: number): void {
  const member = members.get(versions.get(version, VERSION.providerMember));
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
}

/** Requires that wait for parts which will not come: their version ends without them. */
function failUnready(pool: PoolState, version: number): void {
  const { versions, handles } = pool;
  const object = versions.get(version, VERSION.object);
  if (missingOf(pool, version) === 0) return;
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) !== version || isReady(pool, handle)) return;
    failRequire(pool, handle, partsMissing(pool, handle, version));
  });
}

/** Why a handle will not have all that it requires of a version. */
export function partsMissing(pool: PoolState, handle: number, version: number): AttaccaError {
  const name = objectName(pool, pool.versions.get(version, VERSION.object));
  const number = pool.versions.get(version, VERSION.number);
  const missing = missingTold(pool, handle);
  const what = isGrowing(pool, version) ? 'finished it' : `offered ${missing} of its elements`;
  const why = `version ${number} has ended, and nobody has ${what}`;
  const fields = { name, version: number, missing };
  return failure('parts-missing', `Cannot demand "${name}": ${why}`, fields);
}

/** Versions in parts that are over end: complete, or without anybody who may offer the rest. */
export function settleParts(pool: PoolState): void {
  const { objects, versions, partitions, partitionsDue } = pool;
  for (let object = partitionsDue.pop(); object !== undefined; object = partitionsDue.pop()) {
    const version = objects.get(object, OBJECT.current);
    const partition = version === 0 ? 0 : versions.get(version, VERSION.partition);
    if (partition === 0 || partitions.get(partition, PARTITION.active) > 0) continue;
    if (missingOf(pool, version) > 0 && mayGoOn(pool, object)) continue;
    withdrawVersion(pool, version);
  }
}

/** Frees a withdrawn version when no require is bound to it and nobody reads or moves its bytes. */
export function freeIfOwedToNobody(pool: PoolState, version: number): void {
  if (!isOwedToNobody(pool, version)) return;
  freeBytes(pool, version);
  dropVersion(pool, version);
}

export function isOwedToNobody(pool: PoolState, version: number): boolean {
  const { versions } = pool;
  if (versions.get(version, VERSION.requires) > 0) return false;
  if (versions.get(version, VERSION.leases) > 0) return false;
  if (versions.get(version, VERSION.moving) > 0) return false;
  if (versions.get(version, VERSION.groups) > 0) return false;
  if (versions.get(version, VERSION.pins) > 0) return false;
  return !versionHas(pool, version, VERSION_FLAG.offered);
}

/** The slice of a version that is owed to nobody else becomes a lease of the session. */
export function giveSlice(pool: PoolState, version: number, session: Session): void {
  assert(versionHas(pool, version, VERSION_FLAG.slice), 'a slice is given');
  dropMeasure(pool, pool.versions.get(version, VERSION.bytes));
  pool.extents.give(pool.versions.get(version, VERSION.bytes), BLOCK_LEASE, session.id);
  dropVersion(pool, version);
}

/** What is kept for standing requires alone is lost: its row stays, to be told of. */
export function loseBytes(pool: PoolState, version: number): void {
  const { versions } = pool;
  freeBytes(pool, version);
  const gone = VERSION_FLAG.inline | VERSION_FLAG.slice;
  versions.set(version, VERSION.flags, versions.get(version, VERSION.flags) & ~gone);
  versions.set(version, VERSION.bytes, 0);
}

function freeBytes(pool: PoolState, version: number): void {
  const { versions } = pool;
  const bytes = versions.get(version, VERSION.bytes);
  if (versions.get(version, VERSION.partition) !== 0) freeParts(pool, version);
  else if (versionHas(pool, version, VERSION_FLAG.inline)) {
    pool.bytesInline -= pool.arena.size(bytes);
    pool.arena.free(bytes);
  } else if (versionHas(pool, version, VERSION_FLAG.slice)) {
    freed(pool, bytes);
  }
}

function dropVersion(pool: PoolState, version: number): void {
  const { versions, objects } = pool;
  const object = versions.get(version, VERSION.object);
  if (versionHas(pool, version, VERSION_FLAG.stored)) {
    pool.effects.push({ kind: 'unstore', ...namedOf(pool, version), part: 0 });
  }
  const next = versions.get(version, VERSION.next);
  const previous = versions.get(version, VERSION.previous);
  if (next !== 0) versions.set(next, VERSION.previous, previous);
  if (previous !== 0) versions.set(previous, VERSION.next, next);
  else objects.set(object, OBJECT.old, next);
  noteGone(pool, version);
  pool.spaces.release(versions.get(version, VERSION.space));
  pool.attributes.free(versions.get(version, VERSION.attributes));
  const members = pool.groups.get(version);
  pool.groups.delete(version);
  pool.readySince.delete(version);
  pool.unreadyOld.delete(version);
  versions.release(version);
  forgetIfUnused(pool, object);
  if (members !== undefined) letGo(pool, members);
}

/** A group is gone that had them. */
function letGo(pool: PoolState, members: ReadonlyMap<number, number>): void {
  for (const member of members.values()) {
    pool.versions.add(member, VERSION.groups, -1);
    freeIfOwedToNobody(pool, member);
  }
}

/** Above all events: what is open has none, and is known by its number. */
const OPEN = 2 ** 52;

/** By what a version is known among all of a name: the event of its offer; 0 for none. */
export function offerOf({ versions }: PoolState, version: number): number {
  if (version === 0) return 0;
  return versions.getWide(version, VERSION.seq) || OPEN + versions.get(version, VERSION.number);
}
