import { refuse } from '../core/assert.js';
import type { AttaccaError } from '../core/errors.js';
import { beginOpened, EVENT, endOpened, type Offer, type Open } from '../protocol/index.js';
import { emit, emitFail, emitOk, failure, flushOk } from './emit.js';
import { noteVersion } from './events/noting.js';
import { mismatchOf } from './expectations.js';
import { handleOf, wrongState } from './handles.js';
import { endLocks, endLocksOf } from './locking.js';
import { nameOfMember } from './looking.js';
import { measureWhole } from './measuring.js';
import {
  checkRecords,
  forEachHandle,
  handleState,
  memberOf,
  objectName,
  setHandleState,
} from './objects.js';
import { addVersionFlag, bindWaiting, publish } from './offer.js';
import { OpenVersion } from './open-state.js';
import { noteComplete } from './readiness.js';
import { inWords, someOf } from './room.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG, WAIT, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginWait } from './timers.js';
import { commitHeld, dropHeld, heldBy } from './transferring.js';
import { versionHas } from './versions.js';
import { awaited, awaitedText } from './waiting.js';

/**
 * Open objects: a version that members write to by regions, until it is sealed and offered as any
 * other. Its bytes are a slice of the pool, which the agent alone writes to, one transfer after the
 * other: what a member writes it has put into memory of its own before, so that what is
 * acknowledged outlives it, and what it was about to write tears nothing.
 *
 * ```
 * CREATE -> open -SEAL-> offered -> withdrawn
 *             `--- WITHDRAW, leave, death, DELETE ---> over
 * ```
 */
export function create(pool: PoolState, session: Session, message: Offer): void {
  checkRecords(pool);
  handleOf(session, message.handle);
  if (pool.slabsAdopted.has(message.slab) && message.size > 0) {
    refuse('bad-lease', 'Cannot create an object in an adopted file: it does not change', {
      slab: message.slab,
    });
  }
  const version = publish(pool, session, message);
  addVersionFlag(pool, version, VERSION_FLAG.open);
  pool.open.versions.set(version, new OpenVersion(version, message.consistency));
  const object = pool.versions.get(version, VERSION.object);
  // Answering may drop handles: first all are found.
  const waiting: number[] = [];
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) === HANDLE_STATE.opening) waiting.push(handle);
  });
  for (const handle of waiting) {
    const { request, session: asking } = endOpeningWait(pool, handle);
    const mismatch = mismatchOf(pool, handle, version, 'open');
    if (mismatch === null) attach(pool, handle, version, asking, request);
    else failOpening(pool, handle, asking, request, mismatch);
  }
}

/** OPEN: takes part in an object that is open, or waits until it is created. */
export function open(pool: PoolState, session: Session, request: number, message: Open): void {
  const { handles, objects } = pool;
  const handle = handleOf(session, message.handle);
  const state = handleState(pool, handle);
  if (state !== HANDLE_STATE.declared && state !== HANDLE_STATE.sealed) {
    wrongState(pool, handle, 'open');
  }
  const object = handles.get(handle, HANDLE.object);
  const current = objects.get(object, OBJECT.current);
  if (current === 0) {
    const wait = beginWait(pool, session, request, WAIT_KIND.open, handle, message.deadline);
    handles.set(handle, HANDLE.wait, wait);
    setHandleState(pool, handle, HANDLE_STATE.opening);
    return;
  }
  if (!versionHas(pool, current, VERSION_FLAG.open)) {
    const name = objectName(pool, object);
    const by = nameOfMember(pool, pool.versions.get(current, VERSION.providerMember));
    const why = `${by} has offered it: it does not change any more`;
    refuse('wrong-state', `Cannot open "${name}": ${why}`, { name, member: by });
  }
  const mismatch = mismatchOf(pool, handle, current, 'open');
  if (mismatch !== null) throw mismatch;
  attach(pool, handle, current, session, request);
}

/** A handle takes part in a version, and its member hears of what it is. */
function attach(
  pool: PoolState,
  handle: number,
  version: number,
  session: Session,
  request: number,
): void {
  const { spaces, versions, attributes } = pool;
  setHandleState(pool, handle, HANDLE_STATE.opened);
  pool.handles.set(handle, HANDLE.version, version);
  const { consistency } = openVersion(pool, version);
  const out = emit(pool, session);
  const start = beginOpened(out, request, versions.get(version, VERSION.number), consistency);
  const space = versions.get(version, VERSION.space);
  out.rawRange(spaces.bytes(space), spaces.start(space), spaces.end(space));
  attributes.writeMap(out, versions.get(version, VERSION.attributes));
  endOpened(out, start);
}

function openVersion(pool: PoolState, version: number): OpenVersion {
  const found = pool.open.versions.get(version);
  if (found === undefined) throw failure('internal', 'an open version is known');
  return found;
}

/** The open version that a handle takes part in; `wrong-state` when there is none. */
export function openOf(pool: PoolState, handle: number, action: string): OpenVersion {
  const version = pool.handles.get(handle, HANDLE.version);
  const state = handleState(pool, handle);
  const takesPart = state === HANDLE_STATE.opened || state === HANDLE_STATE.offered;
  const found = takesPart ? pool.open.versions.get(version) : undefined;
  if (found !== undefined && found.sealing === null) return found;
  if (state !== HANDLE_STATE.opened && found === undefined) wrongState(pool, handle, action);
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const current = pool.objects.get(pool.handles.get(handle, HANDLE.object), OBJECT.current);
  const isOver = found === undefined && (current === 0 || pool.open.versions.has(current));
  const why = isOver ? 'its version has ended' : 'it is sealed';
  return refuse('wrong-state', `Cannot ${action} "${name}": ${why}`, { name });
}

/** Whether a handle takes part in an open version, or has. */
export function takesPart(pool: PoolState, handle: number): boolean {
  const isOpened = handleState(pool, handle) === HANDLE_STATE.opened;
  return isOpened || pool.open.versions.has(pool.handles.get(handle, HANDLE.version));
}

/** Ends the wait of a handle for its object to be created. */
function endOpeningWait(
  pool: PoolState,
  handle: number,
): { readonly request: number; readonly session: Session } {
  const wait = pool.handles.get(handle, HANDLE.wait);
  const request = pool.waits.rows.getWide(wait, WAIT.request);
  pool.waits.end(wait);
  pool.handles.set(handle, HANDLE.wait, 0);
  return { request, session: memberOf(pool, handle).session };
}

/** The handle says what it said before, and may be disposed. */
function failOpening(
  pool: PoolState,
  handle: number,
  session: Session,
  request: number,
  error: AttaccaError,
): void {
  setHandleState(pool, handle, HANDLE_STATE.sealed);
  emitFail(pool, session, request, error);
}

/** OPEN ends without: its deadline has passed, or it was cancelled. */
export function endOpening(pool: PoolState, wait: number, how: 'deadline' | 'cancel'): void {
  const handle = pool.waits.rows.get(wait, WAIT.subject);
  const object = pool.handles.get(handle, HANDLE.object);
  const name = objectName(pool, object);
  const since = pool.waits.rows.getWide(wait, WAIT.since);
  const askedMs = pool.waits.rows.getWide(wait, WAIT.deadline) - since;
  const { request, session } = endOpeningWait(pool, handle);
  if (how === 'cancel') {
    const error = failure('cancelled', `Cannot open "${name}": it was cancelled`, { name });
    failOpening(pool, handle, session, request, error);
    return;
  }
  const who = awaited(pool, object);
  const why = `it was not created within ${askedMs} ms`;
  const fields = { name, waitedMs: pool.now - since, promisedBy: who.promisedBy };
  const text = `Cannot open "${name}": ${why}; ${awaitedText(who, memberOf(pool, handle).name)}`;
  failOpening(pool, handle, session, request, failure('deadline-passed', text, fields));
}

/**
 * A handle goes, by DISPOSE or with its member: what it holds and has not committed is over.
 * `left`: its session goes on, and hears what becomes of its requests.
 */
export function leaveOpen(pool: PoolState, handle: number, left: boolean): void {
  const state = handleState(pool, handle);
  if (state === HANDLE_STATE.opening) {
    const { name: member } = memberOf(pool, handle);
    const { request, session } = endOpeningWait(pool, handle);
    setHandleState(pool, handle, HANDLE_STATE.sealed);
    const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
    const error = failure('cancelled', `Cannot open "${name}": ${member} has left`, {
      name,
      member,
    });
    if (left) emitFail(pool, session, request, error);
    return;
  }
  const found = pool.open.versions.get(pool.handles.get(handle, HANDLE.version));
  const takesPart = state === HANDLE_STATE.opened || state === HANDLE_STATE.offered;
  if (!takesPart) return;
  if (found !== undefined) {
    endLocksOf(pool, found, handle, left);
    dropHeld(pool, found, memberOf(pool, handle).id, handle);
  }
  if (state === HANDLE_STATE.opened) {
    pool.handles.set(handle, HANDLE.version, 0);
    setHandleState(pool, handle, HANDLE_STATE.sealed);
  }
}

/**
 * SEAL of an open version: it is offered as it is when all that was committed is in it. Refused
 * with `lock-conflict` while others hold locks, with `wrong-state` while others have not committed.
 */
export function sealOpen(pool: PoolState, session: Session, request: number, handle: number): void {
  const found = openOf(pool, handle, 'seal');
  const object = pool.handles.get(handle, HANDLE.object);
  const name = objectName(pool, object);
  const member = memberOf(pool, handle);
  const holders = found.locks.values().filter((lock) => lock.member !== member.id);
  if (holders.length > 0) {
    const members = membersOf(
      pool,
      holders.map((lock) => lock.member),
    );
    const why = `${inWords(members)} ${members.length === 1 ? 'has' : 'have'} locked regions of it`;
    refuse('lock-conflict', `Cannot seal "${name}": ${why}`, { name, members });
  }
  const others = heldBy(pool, found.version).filter((each) => each !== member.id);
  if (others.length > 0) {
    const members = membersOf(pool, others);
    const why = `${inWords(members)} ${members.length === 1 ? 'has' : 'have'} not committed all`;
    refuse('wrong-state', `Cannot seal "${name}": ${why}`, { name, members });
  }
  endLocks(pool, found, null);
  commitHeld(pool, found, member.id, null);
  found.sealing = { session: session.id, request };
  sealIfDone(pool, found.version);
}

function membersOf(pool: PoolState, ids: readonly number[]): string[] {
  return someOf([...new Set(ids)].map((id) => nameOfMember(pool, id)));
}

/** A write was done: a version that is to be sealed may have all that was written. */
export function sealIfDone(pool: PoolState, version: number): void {
  const found = pool.open.versions.get(version);
  if (found === undefined || found.sealing === null || found.writes > 0) return;
  const { versions, objects } = pool;
  const { session: id, request } = found.sealing;
  pool.open.versions.delete(version);
  const flags = versions.get(version, VERSION.flags);
  versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.open);
  versions.setWide(version, VERSION.offeredAt, pool.options.wallMs + pool.now);
  measureWhole(pool, version);
  const session = pool.sessions.get(id);
  if (session !== undefined) {
    emitOk(pool, session, request, pool.options.slabDurability);
    flushOk(pool, session);
  }
  const object = versions.get(version, VERSION.object);
  dismiss(pool, version);
  noteVersion(pool, EVENT.offer, version);
  noteComplete(pool, version);
  if (objects.get(object, OBJECT.unbound) > 0) bindWaiting(pool, object, version);
}

/** Nobody takes part in a version any more, but for who has created it. */
function dismiss(pool: PoolState, version: number): void {
  forEachHandle(pool, pool.versions.get(version, VERSION.object), (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.opened) return;
    if (pool.handles.get(handle, HANDLE.version) === version) {
      pool.handles.set(handle, HANDLE.version, 0);
    }
  });
}

/** An open version is over before it was sealed: it is withdrawn, deleted or lost. */
export function endOpen(pool: PoolState, version: number): void {
  const found = pool.open.versions.get(version);
  if (found === undefined) return;
  const object = pool.versions.get(version, VERSION.object);
  const name = objectName(pool, object);
  const over = failure('wrong-state', `Cannot use "${name}": its open version has ended`, { name });
  endLocks(pool, found, over);
  dropHeld(pool, found, null, 0);
  const session = found.sealing === null ? undefined : pool.sessions.get(found.sealing.session);
  if (session !== undefined && found.sealing !== null) {
    emitFail(pool, session, found.sealing.request, over);
  }
  pool.open.versions.delete(version);
  const flags = pool.versions.get(version, VERSION.flags);
  pool.versions.set(version, VERSION.flags, flags & ~VERSION_FLAG.open);
  dismiss(pool, version);
}
