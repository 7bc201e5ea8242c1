import { LIMITS } from '../core/limits.js';
import { encodeUtf8 } from '../core/utf8.js';
import { EVENT } from '../protocol/index.js';
import { KEY } from './attributes.js';
import { namesOf } from './depended.js';
import { noteVersion } from './events/noting.js';
import { isObject } from './looking.js';
import { findObject, forEachHandle, handleState, hasFlag, objectName } from './objects.js';
import { addVersionFlag } from './offer.js';
import { isInParts, missingOf } from './parts.js';
import { deliver } from './require.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';
import { isReady } from './wanted.js';

/**
 * What is *ready*: offered, all of it, and so is all that it depends on (`.depends-on`, an
 * attribute or a tag). A version that was ready stays so, though what it depends on is withdrawn;
 * what depends on itself never is. Looked at when something is offered, completed, or tagged, and
 * from there along the index of who depends on it: what depends on nothing costs nothing.
 */

/** The list of names that a version depends on, a term; 0 for none. */
export function dependenciesOf(pool: PoolState, version: number): number {
  const { attributes, objects, versions } = pool;
  const tags = objects.get(versions.get(version, VERSION.object), OBJECT.tags);
  const tagged = attributes.termOf(tags, KEY.dependsOn);
  if (tagged !== 0) return tagged;
  return attributes.termOf(versions.get(version, VERSION.attributes), KEY.dependsOn);
}

/** Whether all of a version is there. */
export function isComplete(pool: PoolState, version: number): boolean {
  if (versionHas(pool, version, VERSION_FLAG.open)) return false;
  return !isInParts(pool, version) || missingOf(pool, version) === 0;
}

export function isVersionReady(pool: PoolState, version: number): boolean {
  if (versionHas(pool, version, VERSION_FLAG.ready)) return true;
  return isComplete(pool, version) && dependenciesOf(pool, version) === 0;
}

/** Something was offered, or completed: who waits for it is told at the end of the message. */
export function noteComplete(pool: PoolState, version: number): void {
  const { depended, unreadyOld, readyDue, versions } = pool;
  if (unreadyOld.has(version)) unreadyOld.due.add(version);
  else if (isAsked(pool) || !depended.isEmpty || unreadyOld.size > 0) {
    readyDue.add(versions.get(version, VERSION.object));
  }
}

/** What objects depend on has changed: whether they are ready is asked anew. */
export function dependsAnew(pool: PoolState, rows: readonly number[]): void {
  const { objects, versions, unreadyOld } = pool;
  for (const object of rows) {
    let old = unreadyOld.size === 0 ? 0 : objects.get(object, OBJECT.old);
    for (; old !== 0; old = versions.get(old, VERSION.next)) {
      if (unreadyOld.has(old)) unreadyOld.due.add(old);
    }
    const current = objects.get(object, OBJECT.current);
    if (current === 0) continue;
    const flags = versions.get(current, VERSION.flags);
    versions.set(current, VERSION.flags, flags & ~VERSION_FLAG.ready);
    pool.readySince.delete(current);
    pool.readyDue.add(object);
  }
}

/** A version is withdrawn: who has required it may wait for what it depends on. */
export function keepUnready(pool: PoolState, version: number): void {
  if (isVersionReady(pool, version)) {
    const object = pool.versions.get(version, VERSION.object);
    // With its tags, what it depended on has gone in this message: a group may have it still.
    if (!versionHas(pool, version, VERSION_FLAG.ready) && pool.readyDue.has(object)) {
      addDependent(pool, object);
    }
    // It stays so, whatever its name is said to depend on from now on.
    addVersionFlag(pool, version, VERSION_FLAG.ready);
    return;
  }
  if (dependenciesOf(pool, version) === 0) return;
  const name = lackedBy(pool, version);
  pool.unreadyOld.wait(version, name);
  // All that it depends on has come with this message.
  if (name === '') pool.unreadyOld.due.add(version);
}

/** Tells of what became ready with the last message, and hands it over. */
export function settleReady(pool: PoolState): void {
  const { readyDue, unreadyOld } = pool;
  while (readyDue.size + unreadyOld.due.size > 0) {
    // What is added meanwhile has its turn, too.
    for (const object of readyDue) {
      readyDue.delete(object);
      if (isObject(pool, object)) settleCurrent(pool, object);
    }
    for (const version of unreadyOld.due) {
      unreadyOld.due.delete(version);
      settleOld(pool, version);
    }
  }
}

function settleCurrent(pool: PoolState, object: number): void {
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0 || !becomesReady(pool, current)) return;
  if (isAsked(pool)) noteVersion(pool, EVENT.ready, current);
  addDependent(pool, object);
  serve(pool, current);
}

function settleOld(pool: PoolState, version: number): void {
  if (!becomesReady(pool, version)) {
    pool.unreadyOld.wait(version, lackedBy(pool, version));
    return;
  }
  pool.unreadyOld.delete(version);
  // A group may have it still.
  addDependent(pool, pool.versions.get(version, VERSION.object));
  serve(pool, version);
}

/** Whether somebody is told what is ready: else no event says it. */
function isAsked({ events }: PoolState): boolean {
  return (events.kinds & (1 << EVENT.ready)) !== 0;
}

function becomesReady(pool: PoolState, version: number): boolean {
  if (versionHas(pool, version, VERSION_FLAG.ready) || !isComplete(pool, version)) return false;
  const term = dependenciesOf(pool, version);
  if (term !== 0 && !areReady(pool, version, term)) return false;
  addVersionFlag(pool, version, VERSION_FLAG.ready);
  // Of the others it is known when: when they were offered.
  if (term !== 0 || isInParts(pool, version)) {
    const { end } = pool.events.log;
    // Without an event of its own: as of the last one.
    pool.readySince.set(version, isAsked(pool) ? end : end - 1);
  }
  return true;
}

/** Whether all that a version depends on is ready. */
function areReady(pool: PoolState, version: number, term: number): boolean {
  return lackedOf(pool, version, term) === null;
}

/** The first that a version depends on and that is not ready; null when all are. */
function lackedOf(pool: PoolState, version: number, term: number): string | null {
  for (const name of namesOf(pool, term)) {
    const other = dependencyOf(pool, version, name);
    if (other === 0 || !isVersionReady(pool, other)) return name;
  }
  return null;
}

/** The name that a version waits for which is withdrawn and not ready; '' when it is for itself. */
function lackedBy(pool: PoolState, version: number): string {
  const term = dependenciesOf(pool, version);
  return (term === 0 ? null : lackedOf(pool, version, term)) ?? '';
}

/** Finds those of a pool that was restored by what they lack, as they were. */
export function waitAnew(pool: PoolState, versions: readonly number[]): void {
  for (const version of versions) pool.unreadyOld.wait(version, lackedBy(pool, version));
}

/** What a version depends on by a name: of a group what is in it, else what is offered; or 0. */
export function dependencyOf(pool: PoolState, version: number, name: string): number {
  const bytes = encodeUtf8(name);
  const object = findObject(pool, bytes, 0, bytes.length);
  if (object === 0) return 0;
  return pool.groups.get(version)?.get(object) ?? pool.objects.get(object, OBJECT.current);
}

/** What depends on an object is to be looked at. */
function addDependent(pool: PoolState, object: number): void {
  const { depended, terms, readyDue, unreadyOld } = pool;
  if (depended.isEmpty && unreadyOld.size === 0) return;
  const name = objectName(pool, object);
  unreadyOld.wake(name);
  for (const term of depended.termsOf(name)) {
    for (const row of terms.postings.some(terms.rowsOf(term), LIMITS.objectsMax)) {
      readyDue.add(row);
    }
  }
}

/** Answers demands that waited until a version is ready. */
function serve(pool: PoolState, version: number): void {
  const { handles, versions } = pool;
  if (versions.get(version, VERSION.requires) === 0) return;
  forEachHandle(pool, versions.get(version, VERSION.object), (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) !== version) return;
    if (handles.get(handle, HANDLE.wait) === 0 || !hasFlag(pool, handle, HANDLE_FLAG.ready)) return;
    if (isReady(pool, handle)) deliver(pool, handle);
  });
}
