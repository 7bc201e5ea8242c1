import { BLOCK_LEASE, BLOCK_SLICE } from '../catalog/extents.js';
import { assert, refuse } from '../core/assert.js';
import { Reader, Writer } from '../core/bytes.js';
import type { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { isConvertible, isLossless } from '../core/regions/cast.js';
import {
  completeSpaceOf,
  itemSizeOf,
  type Space,
  type SpaceExpectation,
  spaceAt,
  writeSpace,
} from '../core/space.js';
import {
  CONSISTENCY,
  type Commit,
  forEachEncoded,
  SOURCE,
  type Transfer,
} from '../protocol/index.js';
import { emitFail, emitOk, flushOk } from './emit.js';
import { handleOf } from './handles.js';
import { freed } from './memory.js';
import { dropHandle, handleState, memberOf, objectName } from './objects.js';
import type { Awaiting, Moving, OpenVersion } from './open-state.js';
import { leaveOpen, openOf, sealIfDone } from './opening.js';
import { HANDLE, HANDLE_STATE, VERSION } from './rows.js';
import type { Session } from './sessions.js';
import type { Lain, PoolState, TransferEffect } from './state.js';
import { takeBytes } from './taking.js';
import { freeIfOwedToNobody } from './versions.js';
import { readWhole } from './wanted.js';

/**
 * WRITE_REGIONS: the bytes are taken over, and go to the object when its consistency says so: at
 * once, and then the request is answered when they are there (POSIX) or now (EVENTUAL); or with the
 * member's COMMIT, and then it is answered now.
 */
export function writeRegions(
  pool: PoolState,
  session: Session,
  request: number,
  message: Transfer,
): void {
  const handle = handleOf(session, message.handle);
  const found = openOf(pool, handle, 'write to');
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const checked = check(pool, found, message, `write to "${name}"`, true);
  const { consistency } = found;
  const isHeld = consistency === CONSISTENCY.commit || consistency === CONSISTENCY.session;
  const isLate = consistency === CONSISTENCY.posix && message.size > 0;
  if (message.size > 0) {
    const of = { ...checked, found, handle, isWrite: true, isHeld };
    const moving = keep(pool, session, message, of);
    if (isLate) moving.request = request;
    if (!isHeld) issue(pool, found, moving);
  }
  if (!isLate) emitOk(pool, session, request, pool.options.slabDurability);
}

/**
 * READ_REGIONS: the object's bytes, and over them what the member has not committed, come to memory
 * that the session leases. Answered when they are there: the lease is again as it was then.
 */
export function readRegions(
  pool: PoolState,
  session: Session,
  request: number,
  message: Transfer,
): void {
  const handle = handleOf(session, message.handle);
  const found = openOf(pool, handle, 'read');
  const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
  const checked = check(pool, found, message, `read "${name}"`, false);
  if (message.size === 0) {
    emitOk(pool, session, request, pool.options.slabDurability);
    return;
  }
  if (message.source !== SOURCE.slice) {
    refuse('bad-argument', `Cannot read "${name}": the bytes need leased memory to come to`);
  }
  const of = { ...checked, found, handle, isWrite: false, isHeld: false };
  const moving = keep(pool, session, message, of);
  moving.request = request;
  issue(pool, found, moving);
}

/** COMMIT: what the member has written is visible to all when it is answered. */
export function commit(pool: PoolState, session: Session, request: number, message: Commit): void {
  const handle = handleOf(session, message.handle);
  const found = openOf(pool, handle, 'commit');
  const member = memberOf(pool, handle).id;
  const closes = message.closes === 1;
  if (found.consistency === CONSISTENCY.session && !closes) {
    const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
    refuse('wrong-state', `Cannot commit "${name}": its consistency is session: close it`, {
      name,
    });
  }
  const awaiting: Awaiting = { session: session.id, request, left: 0 };
  commitHeld(pool, found, member, awaiting);
  for (const each of pool.open.moving.values()) {
    const isOwn = each.version === found.version && each.member === member && each.isWrite;
    if (!isOwn || each.awaiting !== null || each.droppedAt !== 0) continue;
    each.awaiting = awaiting;
    awaiting.left++;
  }
  if (closes) {
    leaveOpen(pool, handle, true);
    // Of who has created it the handle is the offer, and stays.
    if (handleState(pool, handle) !== HANDLE_STATE.offered) dropHandle(pool, handle);
  }
  if (awaiting.left === 0) emitOk(pool, session, request, pool.options.slabDurability);
}

/** What the agent is asked for is done. */
export function transferred(pool: PoolState, id: number): void {
  const moving = pool.open.moving.get(id);
  // It went with its version when a manager took over.
  if (moving === undefined) return;
  pool.open.remove(moving);
  const session = pool.sessions.get(moving.session);
  if (moving.isWrite || session === undefined) freePayload(pool, moving);
  else pool.extents.give(moving.block, BLOCK_LEASE, session.id);
  answer(pool, moving.session, moving.request);
  const { awaiting, version } = moving;
  if (awaiting !== null && --awaiting.left === 0) {
    answer(pool, awaiting.session, awaiting.request);
  }
  pool.versions.add(version, VERSION.moving, -1);
  if (!moving.isWrite) freeDropped(pool, version);
  const found = pool.open.versions.get(version);
  if (found !== undefined && moving.isWrite) {
    found.writes--;
    sealIfDone(pool, version);
  }
  freeIfOwedToNobody(pool, version);
}

function answer(pool: PoolState, id: number, request: number): void {
  const session = pool.sessions.get(id);
  if (request === 0 || session === undefined) return;
  emitOk(pool, session, request, pool.options.slabDurability);
  flushOk(pool, session);
}

/** The members that have written to a version and not committed. */
export function heldBy(pool: PoolState, version: number): number[] {
  const members = new Set<number>();
  for (const each of pool.open.moving.values()) {
    if (each.isHeld && each.version === version) members.add(each.member);
  }
  return [...members];
}

/** What a member has written and not committed goes to the object, in its order. */
export function commitHeld(
  pool: PoolState,
  found: OpenVersion,
  member: number,
  awaiting: Awaiting | null,
): void {
  for (const each of [...pool.open.moving.values()]) {
    if (!each.isHeld || each.version !== found.version || each.member !== member) continue;
    each.isHeld = false;
    each.awaiting = awaiting;
    if (awaiting !== null) awaiting.left++;
    issue(pool, found, each);
  }
}

/**
 * What was written and not committed is over: of one member, when its last handle on the version
 * goes, or of all. `handle`: the one that goes.
 */
export function dropHeld(
  pool: PoolState,
  found: OpenVersion,
  member: number | null,
  handle: number,
): void {
  if (member !== null && hasOther(pool, found.version, member, handle)) return;
  for (const each of [...pool.open.moving.values()]) {
    if (!each.isHeld || each.version !== found.version) continue;
    if (member !== null && each.member !== member) continue;
    pool.open.drop(each);
  }
  freeDropped(pool, found.version);
}

/** What was dropped is freed when no read that is under way has it any more. */
function freeDropped(pool: PoolState, version: number): void {
  if (pool.open.dropped === 0) return;
  const all = [...pool.open.moving.values()].filter((each) => each.version === version);
  // From the newest on: the read of each member that came next.
  const next = new Map<number, Moving>();
  for (const each of all.sort((one, other) => other.id - one.id)) {
    const read = next.get(each.member);
    if (!each.isWrite) next.set(each.member, each);
    if (each.droppedAt === 0 || (read !== undefined && hasOver(read, each))) continue;
    pool.open.remove(each);
    freePayload(pool, each);
    pool.versions.add(version, VERSION.moving, -1);
  }
}

/** Whether a read has what its member had written, and not committed, over what is visible. */
export function hasOver(read: Moving, written: Moving): boolean {
  return isOwnBefore(read, written) && (written.isHeld || read.id < written.droppedAt);
}

/** Whether a member had written that before it asked for the read. */
function isOwnBefore(read: Moving, written: Moving): boolean {
  const { id, version, member } = read;
  if (read.isWrite || !written.isWrite) return false;
  return version === written.version && member === written.member && id > written.id;
}

/** Whether a member has another handle that takes part in a version. */
function hasOther(pool: PoolState, version: number, member: number, handle: number): boolean {
  const { handles } = pool;
  let at = pool.members.get(member)?.handles ?? 0;
  for (; at !== 0; at = handles.get(at, HANDLE.memberNext)) {
    if (at !== handle && handles.get(at, HANDLE.version) === version) return true;
  }
  return false;
}

/** The version went with its memory, and with it what was written to it, or read. */
export function loseMoving(pool: PoolState, version: number, error: AttaccaError): void {
  for (const each of [...pool.open.moving.values()]) {
    if (each.version !== version) continue;
    pool.open.remove(each);
    freePayload(pool, each);
    pool.versions.add(version, VERSION.moving, -1);
    for (const asked of each.awaiting === null ? [each] : [each, each.awaiting]) {
      const session = pool.sessions.get(asked.session);
      if (asked.request !== 0 && session !== undefined) {
        emitFail(pool, session, asked.request, error);
      }
      asked.request = 0;
    }
  }
}

/**
 * Another manager goes on: its agent has heard of nothing. All that was asked for is asked for
 * again, in the same order: a write that was done is done again, and so are those behind it.
 */
export function moveAgain(pool: PoolState): void {
  const all = [...pool.open.moving.values()];
  const areRead = new Set(all.filter(({ isWrite }) => !isWrite).map(({ version }) => version));
  for (const each of all) {
    if (each.isHeld || each.droppedAt !== 0) continue;
    const { version, isWrite } = each;
    // Nobody reads what has ended, but for reads from before.
    const isOver = pool.open.versions.get(version) === undefined && !areRead.has(version);
    if (isOver && isWrite) transferred(pool, each.id);
    else pool.effects.push(effectOf(pool, each));
  }
}

interface Checked {
  readonly as: Uint8Array;
  readonly regions: Uint8Array;
  readonly count: number;
  readonly size: number;
}

/** Checks all that can be refused, before bytes are taken. */
function check(
  pool: PoolState,
  { version }: OpenVersion,
  message: Transfer,
  what: string,
  isWrite: boolean,
): Checked {
  const { bytes } = pool.reader;
  const { regionsStart: start, regionsEnd: end, count, size } = message;
  if (count > LIMITS.transferRegionsMax) {
    refuse('too-large', `Cannot ${what}: it has more than ${LIMITS.transferRegionsMax} regions`, {
      limit: LIMITS.transferRegionsMax,
    });
  }
  if (pool.open.moving.size >= LIMITS.openTransfersMax) {
    refuse('wait-limit', `Cannot ${what}: the pool has too many transfers under way`, {
      limit: LIMITS.openTransfersMax,
    });
  }
  if (pool.open.regionBytes + end - start > LIMITS.openRegionsBytesMax) {
    refuse('wait-limit', `Cannot ${what}: the pool has too many regions under way`, {
      limit: LIMITS.openRegionsBytesMax,
    });
  }
  if (message.source === SOURCE.slice && pool.slabsAdopted.has(message.slab)) {
    refuse('bad-lease', `Cannot ${what}: an adopted file does not change`, { slab: message.slab });
  }
  const space = spaceOfVersion(pool, version);
  const as = layoutOf(spaceAt(bytes, message.spaceStart), space);
  const [from, to] = isWrite ? [as.dtype, space.dtype] : [space.dtype, as.dtype];
  if (!isConvertible(from, to)) {
    refuse('bad-space', `Cannot ${what} as ${as.dtype}: ${from} cannot become ${to}`, { from, to });
  }
  if (message.lossy === 0 && !isLossless(from, to)) {
    const why = `not all values of ${from} are values of ${to}`;
    refuse('lossy-conversion', `Cannot ${what} as ${as.dtype}: ${why}`, { from, to });
  }
  let elements = 0;
  const reader = new Reader();
  forEachEncoded(bytes, { start, end, count }, (first, last) => {
    elements += readWhole(bytes, first, last, space.shape, reader).count;
  });
  const wanted = elements * itemSizeOf(as.dtype);
  if (wanted !== size) {
    refuse('size-mismatch', `Cannot ${what}: its regions hold ${wanted} bytes, not ${size}`, {
      spaceBytes: wanted,
      payloadBytes: size,
    });
  }
  const w = new Writer(4);
  writeSpace(w, as);
  return { as: w.written().slice(), regions: bytes.slice(start, end), count, size };
}

/** What is not said is as the object has it. */
function layoutOf({ dtype, order, byteOrder }: SpaceExpectation, space: Space): Lain['as'] {
  return {
    dtype: dtype ?? space.dtype,
    order: order ?? space.order,
    byteOrder: byteOrder ?? space.byteOrder,
  };
}

function spaceOfVersion({ spaces, versions }: PoolState, version: number): Space {
  const row = versions.get(version, VERSION.space);
  const space = completeSpaceOf(spaceAt(spaces.bytes(row), spaces.start(row)));
  assert(space !== null, 'a version has a whole space');
  return space;
}

/** Takes the payload over: nothing is refused after that. */
function keep(
  pool: PoolState,
  session: Session,
  message: Transfer,
  of: Checked & {
    readonly found: OpenVersion;
    readonly handle: number;
    readonly isWrite: boolean;
    readonly isHeld: boolean;
  },
): Moving {
  const { found, handle, as, regions, count, size, isWrite, isHeld } = of;
  const bytes = takeBytes(pool, session, pool.handles.get(handle, HANDLE.object), message);
  const isSlice = message.source === SOURCE.slice;
  if (isSlice) pool.extents.give(bytes, BLOCK_SLICE, found.version);
  const moving: Moving = {
    id: pool.open.next++,
    version: found.version,
    member: memberOf(pool, handle).id,
    session: session.id,
    request: 0,
    block: isSlice ? bytes : 0,
    record: isSlice ? 0 : bytes,
    awaiting: null,
    droppedAt: 0,
    ...{ as, regions, count, size, isWrite, isHeld },
  };
  pool.open.add(moving);
  pool.versions.add(found.version, VERSION.moving, 1);
  return moving;
}

/** Asks the agent for a transfer; it does them in this order. */
function issue(pool: PoolState, found: OpenVersion, moving: Moving): void {
  const { moving: all } = pool.open;
  // What was held stands behind what was asked for meanwhile.
  all.delete(moving.id);
  all.set(moving.id, moving);
  if (moving.isWrite) found.writes++;
  pool.effects.push(effectOf(pool, moving));
}

function effectOf(pool: PoolState, moving: Moving): TransferEffect {
  const { extents, versions } = pool;
  const { id, version, isWrite } = moving;
  const block = versions.get(version, VERSION.bytes);
  const whole = {
    slab: extents.slabOf(block),
    offset: extents.offsetOf(block),
    size: versions.getWide(version, VERSION.size),
  };
  const space = spaceOfVersion(pool, version);
  const over: Lain[] = [];
  if (!isWrite) {
    // What was committed since stands behind a read that another manager's agent does again.
    let isBehind = false;
    for (const each of pool.open.moving.values()) {
      isBehind ||= each === moving;
      const isOver = hasOver(moving, each) || (isBehind && isOwnBefore(moving, each));
      if (isOver) over.push(lainOf(pool, each));
    }
  }
  const payload = lainOf(pool, moving);
  return { kind: 'transfer', transfer: id, isWrite, space, whole, payload, over };
}

function lainOf(pool: PoolState, { as, regions, count, block, record, size }: Moving): Lain {
  const { extents, arena } = pool;
  const { dtype, order, byteOrder } = spaceAt(as, 0);
  assert(dtype !== undefined && order !== undefined && byteOrder !== undefined, 'a layout');
  const layout = { dtype, order, byteOrder };
  if (block !== 0) {
    const place = { slab: extents.slabOf(block), offset: extents.offsetOf(block), size };
    return { as: layout, regions, count, place };
  }
  const at = arena.start(record);
  return { as: layout, regions, count, place: { bytes: arena.chunk(record).slice(at, at + size) } };
}

function freePayload(pool: PoolState, { block, record, size }: Moving): void {
  if (block !== 0) freed(pool, block);
  else if (record !== 0) {
    pool.bytesInline -= size;
    pool.arena.free(record);
  }
}
