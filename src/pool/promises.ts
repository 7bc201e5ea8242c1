import type { AttaccaError } from '../core/errors.js';
import { compileGlob } from '../core/glob.js';
import { decodeUtf8 } from '../core/utf8.js';
import { failure } from './emit.js';
import { objectName } from './objects.js';
import { inWords, someOf } from './room.js';
import { OBJECT } from './rows.js';
import type { PromiseRow } from './sessions.js';
import type { PoolState } from './state.js';

/** The promises that an object's name meets, whatever their state. */
export function promisesOf(pool: PoolState, object: number): PromiseRow[] {
  const found = [...(pool.promisesByName.get(objectName(pool, object)) ?? [])];
  for (const promise of pool.promiseGlobs) {
    if (meets(pool, promise, object)) found.push(promise);
  }
  return found;
}

/** Whether the object's name matches a promise's glob. */
function meets(pool: PoolState, promise: PromiseRow, object: number): boolean {
  const record = pool.objects.get(object, OBJECT.name);
  const start = pool.arena.start(record);
  return promise.matches(pool.arena.chunk(record), start, start + pool.arena.size(record));
}

/** Whether a promise that is not closed is met by the object's name. */
export function isPromised(pool: PoolState, object: number): boolean {
  const named = pool.promisesByName.get(objectName(pool, object));
  if (named?.some((promise) => promise.state !== 'closed') === true) return true;
  return pool.promiseGlobs.some(
    (promise) => promise.state !== 'closed' && meets(pool, promise, object),
  );
}

/** The promises that a name would meet which no object has yet. */
export function promisesOfName(pool: PoolState, name: Uint8Array): PromiseRow[] {
  const exact = pool.promisesByName.get(decodeUtf8(name)) ?? [];
  const globs = pool.promiseGlobs.filter((each) => each.matches(name, 0, name.length));
  return [...exact, ...globs];
}

/**
 * The error for a require that only closed promises could have met, or null: while nobody has
 * promised the name, or somebody's promise is open, it may still come.
 */
export function nobodyWillOffer(pool: PoolState, object: number): AttaccaError | null {
  if (pool.promisesByName.size === 0 && pool.promiseGlobs.length === 0) return null;
  if (isPromised(pool, object)) return null;
  // What is open is offered when it is sealed.
  if (pool.open.versions.has(pool.objects.get(object, OBJECT.current))) return null;
  const promises = promisesOf(pool, object);
  if (promises.length === 0) return null;
  const name = objectName(pool, object);
  const members = someOf(promises.map((promise) => promise.member));
  const patterns = someOf(promises.map((promise) => promise.pattern));
  return failure(
    'nobody-will-offer',
    `Cannot require "${name}": nobody will offer it any more; promised and closed by ` +
      inWords(members),
    { name, members, promises: patterns },
  );
}

/** Tells whether a name meets a glob; a promise of one name is found by that name instead. */
export function matcherOf(pattern: string, isGlob: boolean): PromiseRow['matches'] {
  if (!isGlob) return () => false;
  const glob = compileGlob(pattern);
  return (name, start, end) => glob.matches(name, start, end);
}

/** Keeps a promise where requires look for it. */
export function addPromise(pool: PoolState, promise: PromiseRow): void {
  pool.promises.set(promise.id, promise);
  if (promise.glob) {
    pool.promiseGlobs.push(promise);
    return;
  }
  const same = pool.promisesByName.get(promise.pattern);
  if (same === undefined) pool.promisesByName.set(promise.pattern, [promise]);
  else same.push(promise);
}

export function removePromise(pool: PoolState, promise: PromiseRow): void {
  pool.promises.delete(promise.id);
  const list = promise.glob ? pool.promiseGlobs : pool.promisesByName.get(promise.pattern);
  if (list === undefined) return;
  const index = list.indexOf(promise);
  if (index >= 0) list.splice(index, 1);
  if (!promise.glob && list.length === 0) pool.promisesByName.delete(promise.pattern);
}
