import { assert } from '../core/assert.js';
import type { Writer } from '../core/bytes.js';
import type { AttaccaError } from '../core/errors.js';
import { patchRows } from '../core/space.js';
import {
  beginDeliver,
  type Demand,
  EVENT,
  endDeliverInline,
  endDeliverNothing,
  endDeliverParts,
  endDeliverSlice,
  MODE,
  POLICY,
  SOURCE,
  WANT,
} from '../protocol/index.js';
import { expectation } from './conforming.js';
import { emit, emitFail, failure } from './emit.js';
import { noteHandle } from './events/noting.js';
import { mismatchOf } from './expectations.js';
import { handleOf, wrongState } from './handles.js';
import {
  addFlags,
  clearFlags,
  countUnbound,
  dropHandle,
  handleState,
  hasFlag,
  lookAtParts,
  memberOf,
  objectName,
  setHandleState,
} from './objects.js';
import { emitParts } from './part-answers.js';
import { bindable, isGrowing, isInParts, rowsOf } from './parts.js';
import { endOwed } from './parts-owed.js';
import { nobodyWillOffer } from './promises.js';
import { noteUse } from './provenance.js';
import {
  HANDLE,
  HANDLE_FLAG,
  HANDLE_STATE,
  VERSION,
  VERSION_FLAG,
  WAIT,
  WAIT_KIND,
} from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginWait, checkWaits } from './timers.js';
import { freeIfOwedToNobody, giveSlice, isOwedToNobody } from './versions.js';
import { waitedFor } from './waiting.js';
import { countMissing, isReady, lacksNothing } from './wanted.js';

const DEMAND_FLAGS =
  HANDLE_FLAG.own |
  HANDLE_FLAG.peek |
  HANDLE_FLAG.disposeAfter |
  HANDLE_FLAG.wantAttributes |
  HANDLE_FLAG.ready;

/**
 * REQUIRE: announces need. Binds to the offered version, else to the next. Fails at once on what
 * is offered and does not match, and where only closed promises could have met it.
 */
function require(pool: PoolState, handle: number, policy: number): void {
  const { handles } = pool;
  if (!isFresh(pool, handle)) wrongState(pool, handle, 'require');
  conformExpectation(pool, handle);
  const object = handles.get(handle, HANDLE.object);
  // Whatever becomes of it, it is not one that may offer what is missing.
  lookAtParts(pool, object);
  const current = bindable(pool, object);
  const patient = policy === POLICY.wait;
  let refused = current === 0 ? null : mismatchOf(pool, handle, current);
  const isThere = current !== 0 && refused === null && lacksNothing(pool, handle, current);
  if (!isThere && !patient) refused ??= nobodyWillOffer(pool, object);
  if (refused !== null) {
    setHandleState(pool, handle, HANDLE_STATE.failed);
    pool.failures.set(handle, refused);
    throw refused;
  }
  openRequire(pool, handle, current, patient ? HANDLE_FLAG.patient : 0);
}

/** Binds an open require to a version, or to the next (0). */
function openRequire(pool: PoolState, handle: number, version: number, flags: number): void {
  const { handles, versions } = pool;
  setHandleState(pool, handle, HANDLE_STATE.required, flags);
  pool.requiresOpen++;
  memberOf(pool, handle).openRequires++;
  if (version !== 0) {
    handles.set(handle, HANDLE.version, version);
    versions.add(version, VERSION.requires, 1);
    countMissing(pool, handle, version);
  } else {
    countUnbound(pool, handles.get(handle, HANDLE.object), 1);
    // Memory for an object that is waited for may come out of the reserve.
    pool.leasesDue ||= pool.leaseWaits.length > 0;
  }
  noteHandle(pool, EVENT.require, handle);
}

/** Requires a version that is held for the caller, withdrawn or not. */
export function requireVersion(pool: PoolState, handle: number, version: number): void {
  if (!isFresh(pool, handle)) wrongState(pool, handle, 'require');
  conformExpectation(pool, handle);
  lookAtParts(pool, pool.handles.get(handle, HANDLE.object));
  const refused = mismatchOf(pool, handle, version);
  if (refused !== null) {
    setHandleState(pool, handle, HANDLE_STATE.failed);
    pool.failures.set(handle, refused);
    throw refused;
  }
  openRequire(pool, handle, version, HANDLE_FLAG.explicit);
}

/** What a consumer expects is said as schemas have it. */
function conformExpectation(pool: PoolState, handle: number): void {
  const said = pool.handles.get(handle, HANDLE.attributes);
  const expected = expectation(pool, said);
  if (expected === said) return;
  pool.handles.set(handle, HANDLE.attributes, expected);
  pool.attributes.free(said);
}

/** DEMAND: hands the bytes over, now or when they are there. */
export function demand(pool: PoolState, session: Session, request: number, message: Demand): void {
  const { handles, waits } = pool;
  const handle = handleOf(session, message.handle);
  if (handleState(pool, handle) === HANDLE_STATE.failed) {
    const reason = pool.failures.get(handle);
    assert(reason !== undefined, 'a require that has failed has a reason');
    if ((message.want & WANT.dispose) !== 0) dropHandle(pool, handle);
    throw reason;
  }
  checkDemandable(pool, handle);
  try {
    openForDemand(pool, handle, message);
  } catch (error) {
    // Whatever the answer is, it disposes the handle.
    if ((message.want & WANT.dispose) !== 0) disposeRefused(pool, handle);
    throw error;
  }
  clearFlags(pool, handle, DEMAND_FLAGS);
  let flags = 0;
  if (message.mode === MODE.own) flags |= HANDLE_FLAG.own;
  if (message.mode === MODE.peek) flags |= HANDLE_FLAG.peek;
  if ((message.want & WANT.dispose) !== 0) flags |= HANDLE_FLAG.disposeAfter;
  if ((message.want & WANT.attributes) !== 0) flags |= HANDLE_FLAG.wantAttributes;
  if ((message.want & WANT.ready) !== 0) flags |= HANDLE_FLAG.ready;
  addFlags(pool, handle, flags);
  if (isReady(pool, handle)) {
    answer(pool, handle, session, request);
    return;
  }
  const wait = beginWait(pool, session, request, WAIT_KIND.demand, handle, message.deadline);
  handles.set(handle, HANDLE.wait, wait);
  assert(waits.rows.get(wait, WAIT.subject) === handle, 'a demand waits on its handle');
}

/** Refuses a demand that the state of its handle does not allow; nothing changes then. */
function checkDemandable(pool: PoolState, handle: number): void {
  if (isFresh(pool, handle)) return;
  if (handleState(pool, handle) !== HANDLE_STATE.required) wrongState(pool, handle, 'demand');
  if (pool.handles.get(handle, HANDLE.wait) === 0) return;
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  throw failure('wrong-state', `Cannot demand "${name}": a demand waits on this handle already`);
}

/** Requires what is not required yet. A refusal leaves an open require as it is. */
function openForDemand(pool: PoolState, handle: number, { policy, want }: Demand): void {
  const isOpen = handleState(pool, handle) === HANDLE_STATE.required;
  const current = bindable(pool, pool.handles.get(handle, HANDLE.object));
  const mayWait = isOpen ? !isReady(pool, handle) : current === 0 || isInParts(pool, current);
  const waits = mayWait || (want & WANT.ready) !== 0;
  // First, as a handle that is required and cannot wait could be neither demanded nor disposed.
  if (waits) checkWaits(pool);
  if (!isOpen) require(pool, handle, policy);
}

/** Whether a handle is declared, or sealed as well, and nothing more. */
function isFresh(pool: PoolState, handle: number): boolean {
  const state = handleState(pool, handle);
  return state === HANDLE_STATE.declared || state === HANDLE_STATE.sealed;
}

/** Frees the handle of a demand that was refused. */
function disposeRefused(pool: PoolState, handle: number): void {
  if (handleState(pool, handle) === HANDLE_STATE.required) {
    endRequire(pool, handle, HANDLE_STATE.retracted);
  }
  dropHandle(pool, handle);
}

/** REQUIRE as a message: it outlives demands that time out. */
export function requireExplicitly(pool: PoolState, handle: number, policy: number): void {
  require(pool, handle, policy);
  addFlags(pool, handle, HANDLE_FLAG.explicit);
}

/** Answers the demand that waits on a handle whose version is there. */
export function deliver(pool: PoolState, handle: number): void {
  const { waits } = pool;
  const wait = pool.handles.get(handle, HANDLE.wait);
  const request = waits.rows.getWide(wait, WAIT.request);
  const { session } = memberOf(pool, handle);
  waits.end(wait);
  pool.handles.set(handle, HANDLE.wait, 0);
  answer(pool, handle, session, request);
}

function answer(pool: PoolState, handle: number, session: Session, request: number): void {
  const { handles, versions, arena, extents } = pool;
  const version = handles.get(handle, HANDLE.version);
  const state = handles.get(handle, HANDLE.state);
  versions.add(version, VERSION.requires, -1);
  pool.requiresOpen--;
  const member = memberOf(pool, handle);
  member.openRequires--;
  if ((state & HANDLE_FLAG.peek) === 0) {
    noteUse(pool, member.activity, version);
    noteHandle(pool, EVENT.demand, handle);
  }
  setHandleState(pool, handle, HANDLE_STATE.demanded);

  if (isInParts(pool, version)) {
    answerParts(pool, { handle, version, session, request, state });
    return;
  }
  handles.set(handle, HANDLE.version, 0);
  const flags = versions.get(version, VERSION.flags);
  const isSlice = (flags & VERSION_FLAG.slice) !== 0 && (state & HANDLE_FLAG.peek) === 0;
  const bytes = versions.get(version, VERSION.bytes);
  const slab = isSlice ? extents.slabOf(bytes) : 0;
  // An adopted file is nobody's to write to: who wants its own makes a copy.
  const mayGive = isSlice && (state & HANDLE_FLAG.own) !== 0 && !pool.slabsAdopted.has(slab);
  const given = mayGive && isOwedToNobody(pool, version);
  let source: number = SOURCE.nothing;
  if (isSlice) source = given ? SOURCE.given : SOURCE.slice;
  else if ((flags & VERSION_FLAG.inline) !== 0 && (state & HANDLE_FLAG.peek) === 0) {
    source = SOURCE.inline;
  }

  const out = emit(pool, session);
  const start = beginAnswer(pool, out, { version, request, state, source });
  const size = versions.getWide(version, VERSION.size);
  if (isSlice) {
    pool.slabsAdopted.get(slab)?.add(session);
    endDeliverSlice(out, start, slab, extents.offsetOf(bytes), size);
  } else if (source === SOURCE.inline) {
    const at = arena.start(bytes);
    endDeliverInline(out, start, arena.chunk(bytes), at, at + size);
  } else endDeliverNothing(out, start);

  if (given) giveSlice(pool, version, session);
  else if (isSlice || holdsGroup(state, flags)) {
    versions.add(version, VERSION.leases, 1);
    pool.readerLeases++;
    handles.set(handle, HANDLE.version, version);
    addFlags(pool, handle, HANDLE_FLAG.leased);
    return;
  } else freeIfOwedToNobody(pool, version);
  if ((state & HANDLE_FLAG.disposeAfter) !== 0) dropHandle(pool, handle);
}

/** Whether who is handed a group over has its members for as long as its handle. */
function holdsGroup(state: number, flags: number): boolean {
  if ((flags & VERSION_FLAG.group) === 0) return false;
  return (state & (HANDLE_FLAG.peek | HANDLE_FLAG.disposeAfter)) === 0;
}

/** Begins a DELIVER, up to where the payload stands. */
function beginAnswer(
  pool: PoolState,
  out: Writer,
  of: {
    readonly version: number;
    readonly request: number;
    readonly state: number;
    readonly source: number;
  },
): number {
  const { spaces, versions } = pool;
  const { version, request, state, source } = of;
  const start = beginDeliver(out, request, versions.get(version, VERSION.number), source);
  const space = versions.get(version, VERSION.space);
  const at = out.at;
  out.rawRange(spaces.bytes(space), spaces.start(space), spaces.end(space));
  if (isGrowing(pool, version)) patchRows(out, at, rowsOf(pool, version));
  const wanted = (state & HANDLE_FLAG.wantAttributes) !== 0;
  pool.attributes.writeMap(out, wanted ? versions.get(version, VERSION.attributes) : 0);
  return start;
}

/** Hands the parts over that have something of what was required, all of them in its order. */
function answerParts(
  pool: PoolState,
  of: {
    readonly handle: number;
    readonly version: number;
    readonly session: Session;
    readonly request: number;
    readonly state: number;
  },
): void {
  const { versions } = pool;
  const { handle, version, session, request, state } = of;
  const isPeek = (state & HANDLE_FLAG.peek) !== 0;
  const count = isPeek ? 0 : emitParts(pool, of);
  const out = emit(pool, session);
  const start = beginAnswer(pool, out, { version, request, state, source: SOURCE.parts });
  endDeliverParts(out, start, count);
  if (isPeek) {
    endOwed(pool, handle, version);
    freeIfOwedToNobody(pool, version);
    if ((state & HANDLE_FLAG.disposeAfter) !== 0) dropHandle(pool, handle);
    return;
  }
  versions.add(version, VERSION.leases, 1);
  pool.readerLeases++;
  addFlags(pool, handle, HANDLE_FLAG.leased);
}

/**
 * Ends an open require: nothing is owed to it any more. The handle's new state is for the caller.
 * The demand that waits on it, if any, stays to be answered by the caller.
 */
function endRequire(pool: PoolState, handle: number, state: number): void {
  const { handles, versions } = pool;
  assert(handleState(pool, handle) === HANDLE_STATE.required, 'an open require is ended');
  const version = handles.get(handle, HANDLE.version);
  setHandleState(pool, handle, state);
  pool.requiresOpen--;
  memberOf(pool, handle).openRequires--;
  if (version === 0) countUnbound(pool, handles.get(handle, HANDLE.object), -1);
  else {
    versions.add(version, VERSION.requires, -1);
    endOwed(pool, handle, version);
    freeIfOwedToNobody(pool, version);
  }
}

/** Ends the demand that waits on a handle with an error; the require is for the caller. */
function failWait(pool: PoolState, handle: number, error: AttaccaError): void {
  const wait = pool.handles.get(handle, HANDLE.wait);
  if (wait === 0) return;
  const request = pool.waits.rows.getWide(wait, WAIT.request);
  pool.waits.end(wait);
  pool.handles.set(handle, HANDLE.wait, 0);
  emitFail(pool, memberOf(pool, handle).session, request, error);
}

/** Fails an open require for good; a demand on it says why, and the handle can be disposed. */
export function failRequire(pool: PoolState, handle: number, error: AttaccaError): void {
  const disposes = disposesWithAnswer(pool, handle);
  failWait(pool, handle, error);
  endRequire(pool, handle, HANDLE_STATE.failed);
  pool.failures.set(handle, error);
  if (disposes) dropHandle(pool, handle);
}

/** RETRACT: takes a require back. */
export function retract(pool: PoolState, handle: number): void {
  const state = handleState(pool, handle);
  if (state === HANDLE_STATE.retracted) return;
  if (state !== HANDLE_STATE.required) wrongState(pool, handle, 'retract');
  noteHandle(pool, EVENT.retract, handle);
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const disposes = disposesWithAnswer(pool, handle);
  failWait(
    pool,
    handle,
    failure('cancelled', `Cannot demand "${name}": it was retracted`, { name }),
  );
  endRequire(pool, handle, HANDLE_STATE.retracted);
  if (disposes) dropHandle(pool, handle);
}

/** Whether a demand waits on the handle whose answer, whatever it is, disposes it. */
function disposesWithAnswer(pool: PoolState, handle: number): boolean {
  return (
    hasFlag(pool, handle, HANDLE_FLAG.disposeAfter) && pool.handles.get(handle, HANDLE.wait) !== 0
  );
}

/**
 * A demand ends without its bytes: its deadline has passed, or it was cancelled. A require that was
 * announced by itself stays open; one that came with the demand ends with it.
 */
export function endDemand(pool: PoolState, wait: number, how: 'deadline' | 'cancel'): void {
  const { handles } = pool;
  const handle = pool.waits.rows.get(wait, WAIT.subject);
  const name = objectName(pool, handles.get(handle, HANDLE.object));
  const error =
    how === 'cancel'
      ? failure('cancelled', `Cannot demand "${name}": it was cancelled`, { name })
      : waitedFor(pool, handle, wait);
  const disposes = hasFlag(pool, handle, HANDLE_FLAG.disposeAfter);
  failWait(pool, handle, error);
  if (hasFlag(pool, handle, HANDLE_FLAG.explicit) && !disposes) return;
  endRequire(pool, handle, HANDLE_STATE.retracted);
  if (disposes) dropHandle(pool, handle);
}

/** Answers the demand that waits on a handle, if any, as its member leaves. */
export function cancelDemand(pool: PoolState, handle: number): void {
  const { name: member } = memberOf(pool, handle);
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const why = `Cannot demand "${name}": ${member} has left`;
  failWait(pool, handle, failure('cancelled', why, { name, member }));
}

/** A require that nobody will answer to ends silently: its member is gone. */
export function abandonRequire(pool: PoolState, handle: number): void {
  const wait = pool.handles.get(handle, HANDLE.wait);
  if (wait !== 0) {
    pool.waits.end(wait);
    pool.handles.set(handle, HANDLE.wait, 0);
  }
  endRequire(pool, handle, HANDLE_STATE.retracted);
}
