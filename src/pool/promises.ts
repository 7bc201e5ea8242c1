import type { AttaccaError } from '../core/errors.js';
import { compileGlob } from '../core/glob.js';
import { parseSelector } from '../core/selector/parser.js';
import { type Facts, factsOf } from '../core/selector/verdict.js';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.js';
import { failure } from './emit.js';
import { objectName } from './objects.js';
import { inWords, someOf } from './room.js';
import { OBJECT } from './rows.js';
import type { PromiseKind, PromiseRow } from './sessions.js';
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

/** What a pattern means. A promise of one name is found by that name; a selector by none. */
export function meantByPromise(
  kind: PromiseKind,
  pattern: string,
): Pick<PromiseRow, 'facts' | 'matches'> {
  const matches = (): boolean => false;
  if (kind === 'selector') return { facts: factsOf(parseSelector(pattern)), matches };
  if (kind === 'name') return { facts: factsOfName(pattern), matches };
  const glob = compileGlob(pattern);
  return {
    facts: glob.literal
      ? factsOfName(decodeUtf8(glob.prefix))
      : { values: new Map(), namePrefix: glob.prefix },
    matches: (name, start, end) => glob.matches(name, start, end),
  };
}

function factsOfName(name: string): Facts {
  return { values: new Map([['name', [name]]]), namePrefix: encodeUtf8(name) };
}

/** Keeps a promise where requires look for it. */
export function addPromise(pool: PoolState, promise: PromiseRow): void {
  pool.promises.set(promise.id, promise);
  if (promise.kind !== 'name') {
    patternsOf(pool, promise.kind).push(promise);
    return;
  }
  const same = pool.promisesByName.get(promise.pattern);
  if (same === undefined) pool.promisesByName.set(promise.pattern, [promise]);
  else same.push(promise);
}

/** Where a promise is kept. */
export function listOf(
  pool: PoolState,
  { kind, pattern }: Pick<PromiseRow, 'kind' | 'pattern'>,
): PromiseRow[] | undefined {
  return kind === 'name' ? pool.promisesByName.get(pattern) : patternsOf(pool, kind);
}

function patternsOf(pool: PoolState, kind: 'glob' | 'selector'): PromiseRow[] {
  return kind === 'glob' ? pool.promiseGlobs : pool.promiseSelectors;
}

export function removePromise(pool: PoolState, promise: PromiseRow): void {
  pool.promises.delete(promise.id);
  const list = listOf(pool, promise);
  if (list === undefined) return;
  const index = list.indexOf(promise);
  if (index >= 0) list.splice(index, 1);
  if (promise.kind === 'name' && list.length === 0) pool.promisesByName.delete(promise.pattern);
}
