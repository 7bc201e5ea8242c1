import { refuse } from '../core/assert.js';
import type { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Region } from '../core/regions/region.js';
import { regionText } from '../core/regions/region-text.js';
import type { Value } from '../core/value.js';
import { LOCK_MODE, type Lock, type Unlock } from '../protocol/index.js';
import { emitFail, emitOk, failure, flushOk } from './emit.js';
import { handleOf } from './handles.js';
import { nameOfMember } from './looking.js';
import { memberOf, objectName } from './objects.js';
import type { OpenVersion } from './open-state.js';
import { openOf } from './opening.js';
import { shapeOf } from './parts.js';
import type { RegionLock } from './region-locks.js';
import { inWords, someOf } from './room.js';
import { HANDLE, VERSION, WAIT, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginWait, checkWaits } from './timers.js';
import { readWhole } from './wanted.js';

/** So many locks are told in an error. */
const LOCKS_TOLD = 100;

/**
 * LOCK: a region of an open object, for reading or for writing. Answered when it is held; at once
 * with `lock-conflict` when it may not wait, or its member holds what it would conflict with.
 */
export function lock(pool: PoolState, session: Session, request: number, message: Lock): void {
  const handle = handleOf(session, message.handle);
  const found = openOf(pool, handle, 'lock');
  const { mode, lock: number, regionStart, regionEnd } = message;
  const region = readWhole(pool.reader.bytes, regionStart, regionEnd, shapeOf(pool, found.version));
  const member = memberOf(pool, handle).id;
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  if (found.locks.find(handle, number) !== null) {
    refuse('bad-argument', `Cannot lock "${name}": the lock number ${number} is in use`);
  }
  const asked = { handle, number, member, mode, region };
  if (found.locks.ownConflict(asked) !== null) {
    const why = 'this member has locked some of the region already, or waits for it';
    refuse('lock-conflict', `Cannot lock "${name}": ${why}`, { name });
  }
  checkRoom(found, region, name);
  const conflicts = found.locks.conflictsOf(asked);
  if (conflicts.length === 0) {
    found.locks.add({ ...asked, since: pool.now, wait: 0 });
    pool.open.locks++;
    emitOk(pool, session, request);
    return;
  }
  if (message.block === 0) {
    throw conflictError(pool, name, conflicts, 'it may not wait');
  }
  checkWaits(pool);
  const wait = beginWait(pool, session, request, WAIT_KIND.lock, handle, message.deadline);
  found.locks.add({ ...asked, since: pool.now, wait });
  pool.open.locks++;
}

/** Each lock that is asked for is compared with all that are there: those are bounded. */
function checkRoom({ locks }: OpenVersion, region: Region, name: string): void {
  if (locks.size >= LIMITS.locksMax) {
    const limit = LIMITS.locksMax;
    refuse('wait-limit', `Cannot lock "${name}": it has too many locks`, { limit });
  }
  if (locks.size > 0 && locks.runs + region.runs > LIMITS.locksRunsMax) {
    const limit = LIMITS.locksRunsMax;
    refuse('wait-limit', `Cannot lock "${name}": its locks have too many runs`, { limit });
  }
}

/** UNLOCK: also of a lock that waits, whose request is then cancelled. */
export function unlock(pool: PoolState, session: Session, message: Unlock): void {
  const handle = handleOf(session, message.handle);
  const found = openOf(pool, handle, 'unlock');
  const held = found.locks.find(handle, message.lock);
  if (held === null) {
    const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
    refuse('bad-argument', `Cannot unlock "${name}": it has no lock ${message.lock}`);
  }
  take(pool, found, (each) => each === held, null);
}

/** Takes locks out, and grants what waited for them. Those that wait fail, if somebody listens. */
function take(
  pool: PoolState,
  found: OpenVersion,
  passes: (each: RegionLock) => boolean,
  error: AttaccaError | null,
  isHeard = true,
): void {
  const gone = found.locks.remove(passes);
  pool.open.locks -= gone.length;
  for (const each of gone) {
    if (each.wait === 0) continue;
    const { request, session } = endLockWait(pool, each);
    if (!isHeard || session === undefined) continue;
    const name = nameOf(pool, found);
    const why = failure('cancelled', `Cannot lock "${name}": the request was taken back`, { name });
    emitFail(pool, session, request, error ?? why);
  }
  grant(pool, found, gone);
}

function grant(pool: PoolState, found: OpenVersion, gone: readonly RegionLock[]): void {
  for (const each of found.locks.grantable(gone)) {
    const { request, session } = endLockWait(pool, each);
    each.since = pool.now;
    if (session === undefined) continue;
    emitOk(pool, session, request);
    flushOk(pool, session);
  }
}

function endLockWait(
  pool: PoolState,
  each: RegionLock,
): { readonly request: number; readonly session: Session | undefined } {
  const { rows } = pool.waits;
  const request = rows.getWide(each.wait, WAIT.request);
  const session = pool.sessions.get(rows.get(each.wait, WAIT.session));
  pool.waits.end(each.wait);
  each.wait = 0;
  return { request, session };
}

/** All locks of a handle, which goes; `left`: its session goes on. */
export function endLocksOf(
  pool: PoolState,
  found: OpenVersion,
  handle: number,
  left: boolean,
): void {
  take(pool, found, (each) => each.handle === handle, null, left);
}

/** All locks of a version; those that wait for one are told why it does not come. */
export function endLocks(pool: PoolState, found: OpenVersion, error: AttaccaError | null): void {
  take(pool, found, () => true, error);
}

/** The wait for a lock is over without it. */
export function endLockRequest(pool: PoolState, wait: number, how: 'deadline' | 'cancel'): void {
  const { rows } = pool.waits;
  const version = pool.handles.get(rows.get(wait, WAIT.subject), HANDLE.version);
  const found = pool.open.versions.get(version);
  const waiting = found?.locks.values().find((each) => each.wait === wait);
  if (found === undefined || waiting === undefined) {
    throw failure('internal', 'a lock that waits is known');
  }
  const name = nameOf(pool, found);
  let error: AttaccaError | null = null;
  if (how === 'deadline') {
    const since = rows.getWide(wait, WAIT.since);
    const askedMs = rows.getWide(wait, WAIT.deadline) - since;
    const blockers = found.locks.blockersOf(waiting);
    const text = `the lock was not free within ${askedMs} ms`;
    const { message, fields } = conflictError(pool, name, blockers, text);
    error = failure('deadline-passed', message, { ...fields, waitedMs: pool.now - since });
  }
  take(pool, found, (each) => each === waiting, error);
}

function nameOf(pool: PoolState, { version }: OpenVersion): string {
  return objectName(pool, pool.versions.get(version, VERSION.object));
}

/** Says who holds what is asked for, and since when. */
function conflictError(
  pool: PoolState,
  name: string,
  blockers: readonly RegionLock[],
  what: string,
): AttaccaError {
  const rows = blockers.slice(0, LOCKS_TOLD).map((each) => lockRow(pool, each));
  const [first] = blockers;
  const members = someOf([...new Set(blockers.map((each) => nameOfMember(pool, each.member)))]);
  const how = first?.mode === LOCK_MODE.write ? 'writing' : 'reading';
  const verb = first?.wait === 0 ? 'holds' : 'waits for';
  const sinceMs = first === undefined ? 0 : pool.now - first.since;
  const why = `${inWords(members)} ${verb} some of the region for ${how}, for ${sinceMs} ms now`;
  return failure('lock-conflict', `Cannot lock "${name}": ${what}; ${why}`, {
    ...{ name, members },
    locks: rows,
  });
}

/** A lock as it is told. */
export function lockRow(pool: PoolState, each: RegionLock): { readonly [key: string]: Value } {
  return {
    member: nameOfMember(pool, each.member),
    mode: each.mode === LOCK_MODE.write ? 'write' : 'read',
    region: regionText(each.region),
    elements: each.region.count,
    held: each.wait === 0,
    sinceMs: pool.now - each.since,
  };
}
