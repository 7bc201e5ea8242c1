import { refuse } from '../core/assert.js';
import { EVENT, type Tag } from '../protocol/index.js';
import { storeTags } from './conforming.js';
import { objectDeleted, pinnedOf } from './events/gone.js';
import { noteName } from './events/noting.js';
import { pinBefore } from './events/standing.js';
import { pinnersOf } from './events/told.js';
import { retag } from './indexing.js';
import { checkRecords, forEachHandle, handleState, memberOf, objectName } from './objects.js';
import { failRequire } from './require.js';
import { inWords, someOf } from './room.js';
import { HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { Member, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { withdrawVersion } from './versions.js';

/** So many of those that depend on an object are named. */
const DEPENDING_MAX = 100;
const NONE: ReadonlySet<number> = new Set();

/**
 * DELETE: ends the object's offer and its tags. Refused while a require is open, unless forced,
 * which fails those. Readers keep what they hold.
 */
export function deleteObject(
  pool: PoolState,
  by: Member | null,
  object: number,
  force: boolean,
  together: ReadonlySet<number> = NONE,
): void {
  checkDelete(pool, object, force, together);
  const name = objectName(pool, object);
  noteName(pool, EVENT.delete, by, object);
  retag(pool, object, 0);
  // The handles keep the row alive until the last of them is failed; nothing is read after that.
  const current = pool.objects.get(object, OBJECT.current);
  const error = objectDeleted(name);
  if (current !== 0) pinBefore(pool, current);
  for (const version of pinnedOf(pool, object)) {
    const flags = pool.versions.get(version, VERSION.flags);
    pool.versions.set(version, VERSION.flags, flags | VERSION_FLAG.deleted);
  }
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) === HANDLE_STATE.required) failRequire(pool, handle, error);
  });
  if (current !== 0) withdrawVersion(pool, current, by);
}

/** Refuses what only force would delete: with `object-required`, or `object-depended-on`. */
export function checkDelete(
  pool: PoolState,
  object: number,
  force: boolean,
  together: ReadonlySet<number> = NONE,
): void {
  const name = objectName(pool, object);
  const waiting: string[] = [];
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) === HANDLE_STATE.required) {
      waiting.push(memberOf(pool, handle).name);
    }
  });
  for (const version of pinnedOf(pool, object)) {
    if (!force) waiting.push(...pinnersOf(pool, version));
  }
  if (waiting.length > 0 && !force) {
    refuse(
      'object-required',
      `Cannot delete "${name}": ${inWords(someOf(waiting))} ${waiting.length === 1 ? 'requires' : 'require'} it`,
      {
        name,
        members: someOf(waiting),
      },
    );
  }
  const depending = force ? [] : dependingOn(pool, name, together);
  if (depending.length > 0) {
    const why = `${inWords(depending)} ${depending.length === 1 ? 'depends' : 'depend'} on it`;
    refuse('object-depended-on', `Cannot delete "${name}": ${why}`, { name, objects: depending });
  }
}

/** Some of the other objects that depend on one of that name, but of those that go with it. */
function dependingOn(pool: PoolState, name: string, together: ReadonlySet<number>): string[] {
  const { postings } = pool.terms;
  const names: string[] = [];
  for (const term of pool.depended.termsOf(name)) {
    // Of those that go with it, and itself, more may have to be passed over.
    const most = DEPENDING_MAX + together.size + 1;
    for (const row of postings.some(pool.terms.rowsOf(term), most)) {
      if (together.has(row)) continue;
      const other = objectName(pool, row);
      if (other !== name) names.push(other);
      if (names.length === DEPENDING_MAX) return names;
    }
  }
  return names;
}

/** TAG: sets and removes tags of an object. */
export function tag(
  pool: PoolState,
  session: Session,
  by: Member | null,
  object: number,
  message: Tag,
): void {
  checkRecords(pool);
  const { attributes, objects } = pool;
  const over = storeTags(pool, session, message.attributes);
  const base = objects.get(object, OBJECT.tags);
  const removed: number[] = [];
  for (let index = 0; index < message.removedCount; index++) {
    removed.push(session.keys.known(message.removed[index] as number));
  }
  try {
    retag(pool, object, attributes.merge(base, over, removed));
    noteName(pool, EVENT.tag, by, object);
  } finally {
    attributes.free(over);
  }
}
