import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { decodeUtf8, encodeUtf8 } from '../core/utf8.js';
import { EVENT, PROMISE_KIND, type PromiseFields } from '../protocol/index.js';
import { wantComplete } from './events/completing.js';
import { noteMember } from './events/noting.js';
import { meantBy } from './events/subscriptions.js';
import { memberOfSession } from './handles.js';
import { findObject, forEachHandle, handleState, hasFlag, lookAtParts } from './objects.js';
import { missingOf } from './parts.js';
import { addPromise, listOf, meantByPromise, nobodyWillOffer, removePromise } from './promises.js';
import { failRequire } from './require.js';
import { HANDLE_FLAG, HANDLE_STATE, OBJECT, PARTITION, VERSION, WAIT_KIND } from './rows.js';
import type { Member, PromiseKind, PromiseRow, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginTimer, endTimer } from './timers.js';
import { isReady } from './wanted.js';

/** Their names, by code. */
const KINDS: readonly PromiseKind[] = ['name', 'glob', 'selector'];
assert(PROMISE_KIND.selector === 2, 'kinds of promises are numbered as they are listed');

/**
 * PROMISE: a member says what it will offer. A promise of the same member and pattern that is
 * closed, or in grace after a crash, gives way to it.
 */
export function promise(pool: PoolState, session: Session, message: PromiseFields): void {
  const member = memberOfSession(session, message.member);
  if (session.promises.has(message.promise)) {
    refuse('bad-argument', `Cannot promise: the number ${message.promise} is in use`);
  }
  const { bytes } = pool.reader;
  const text = decodeUtf8(bytes, message.patternStart, message.patternEnd);
  const kind = KINDS[message.kind] as PromiseKind;
  const pattern = kind === 'selector' ? meantBy(pool, text) : text;
  const meant = meantByPromise(kind, pattern);
  for (const old of samePromises(pool, member.name, { kind, pattern })) {
    if (old.state !== 'open') forget(pool, old);
  }
  makeRoom(pool, kind);
  const row: PromiseRow = {
    id: pool.promiseIdNext++,
    member: member.name,
    kind,
    pattern,
    ...meant,
    state: 'open',
    since: pool.now,
    memberId: member.id,
    timer: 0,
  };
  session.promises.set(message.promise, row);
  member.promises.add(message.promise);
  addPromise(pool, row);
  wantComplete(pool);
  noteMember(pool, EVENT.promise, member, encodeUtf8(pattern));
}

function samePromises(
  pool: PoolState,
  member: string,
  what: Pick<PromiseRow, 'kind' | 'pattern'>,
): PromiseRow[] {
  const list = listOf(pool, what) ?? [];
  return list.filter((each) => each.member === member && each.pattern === what.pattern);
}

/** Closed promises are kept, to tell late requires; the oldest of them go when room is short. */
function makeRoom(pool: PoolState, kind: PromiseKind): void {
  const isPattern = kind !== 'name';
  const patterns = pool.promiseGlobs.length + pool.promiseSelectors.length;
  const globsFull = isPattern && patterns >= LIMITS.promiseGlobsMax;
  if (!globsFull && pool.promises.size < LIMITS.promisesMax) return;
  for (const each of pool.promises.values()) {
    if (each.state !== 'closed' || (globsFull && each.kind === 'name')) continue;
    removePromise(pool, each);
    return;
  }
  refuse('promise-limit', 'Cannot promise: the pool holds too many open promises', {
    limit: globsFull ? LIMITS.promiseGlobsMax : LIMITS.promisesMax,
  });
}

/** CLOSE: a promise is kept, or will not be. */
export function close(pool: PoolState, session: Session, number: number): void {
  const row = session.promises.get(number);
  if (row === undefined) {
    refuse('unknown-promise', `Cannot close promise ${number}: there is none with that number`);
  }
  session.promises.delete(number);
  pool.members.get(row.memberId)?.promises.delete(number);
  closePromise(pool, row);
}

/** Closes the promises of a member that leaves, or gives those of a dead one their grace. */
export function endPromisesOf(pool: PoolState, member: Member, how: 'left' | 'crashed'): void {
  const { promises } = member.session;
  for (const number of member.promises) {
    const row = promises.get(number);
    assert(row?.memberId === member.id, 'a member knows its own promises');
    promises.delete(number);
    row.memberId = 0;
    if (how === 'left') closePromise(pool, row);
    else {
      row.state = 'grace';
      row.timer = beginTimer(pool, WAIT_KIND.grace, row.id, pool.options.promiseGraceMs);
    }
  }
}

/** The grace of a dead member's promise is over. */
export function graceOver(pool: PoolState, promiseId: number): void {
  const row = pool.promises.get(promiseId);
  if (row === undefined) return;
  row.timer = 0;
  closePromise(pool, row);
}

function closePromise(pool: PoolState, row: PromiseRow): void {
  const member = pool.members.get(row.memberId) ?? null;
  noteMember(pool, EVENT.close, member, encodeUtf8(row.pattern));
  row.state = 'closed';
  row.memberId = 0;
  pool.events.isCompletionDue = true;
  if (row.kind === 'selector') return;
  if (row.kind === 'name') {
    const name = encodeUtf8(row.pattern);
    const object = findObject(pool, name, 0, name.length);
    if (object === 0) return;
    failUnmet(pool, object);
    lookAtParts(pool, object);
    return;
  }
  let object = pool.unboundHead;
  while (object !== 0) {
    const next = pool.objects.get(object, OBJECT.unboundNext);
    const record = pool.objects.get(object, OBJECT.name);
    const start = pool.arena.start(record);
    const end = start + pool.arena.size(record);
    if (row.matches(pool.arena.chunk(record), start, end)) failUnmet(pool, object);
    object = next;
  }
  for (let partition = 1; partition < pool.partitions.end; partition++) {
    if (pool.partitions.getWide(partition, PARTITION.missing) === 0) continue;
    const version = pool.partitions.get(partition, PARTITION.version);
    const its = pool.versions.get(version, VERSION.object);
    failUnmet(pool, its);
    lookAtParts(pool, its);
  }
}

/** Fails the requires of an object that nobody will offer, but for those that said they wait. */
export function failUnmet(pool: PoolState, object: number): void {
  const current = pool.objects.get(object, OBJECT.current);
  const isWaited = pool.objects.get(object, OBJECT.unbound) > 0;
  if (!isWaited && (current === 0 || missingOf(pool, current) === 0)) return;
  const error = nobodyWillOffer(pool, object);
  if (error === null) return;
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required || isReady(pool, handle)) return;
    if (!hasFlag(pool, handle, HANDLE_FLAG.patient)) failRequire(pool, handle, error);
  });
}

function forget(pool: PoolState, row: PromiseRow): void {
  if (row.timer !== 0) endTimer(pool, row.timer);
  removePromise(pool, row);
}
