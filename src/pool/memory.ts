import { BLOCK_LEASE, BLOCK_SLICE } from '../catalog/extents.js';
import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import {
  HANDLE_NONE,
  type Lease,
  type Return,
  writeGrant,
  writeReclaim,
} from '../protocol/index.js';
import { emit, emitFail, failure } from './emit.js';
import { holders, holdersInWords } from './holders.js';
import { dropMeasure } from './measuring.js';
import { hasFlag, memberOf, objectName } from './objects.js';
import { missingOf } from './parts.js';
import { HANDLE, HANDLE_FLAG, OBJECT, VERSION, WAIT, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import { dropSlab, wantSlab } from './slabs.js';
import { type LeaseWait, type PoolState, reserveOf } from './state.js';
import { beginWait } from './timers.js';

/** The next slab is asked for when less than this part of what is there is free. */
const LOW_WATER = 4;

/**
 * LEASE: grants `least` to `size` bytes now or as soon as there is room. Who asked first is served
 * first; only a request that may use the reserve passes by others.
 */
export function lease(pool: PoolState, session: Session, request: number, message: Lease): void {
  const size = Math.max(message.size, message.least, LIMITS.sliceAlignBytes);
  const least = Math.max(Math.min(message.least, size), LIMITS.sliceAlignBytes);
  const { memoryBytesMax } = pool.options;
  if (memoryBytesMax === 0) {
    refuse('memory-full', 'Cannot lease memory: this pool has none for slabs', { limit: 0 });
  }
  const limit = leaseBytesMax(pool);
  if (least > limit) {
    refuse(
      'too-large',
      `Cannot lease ${least} bytes: one object of this pool has at most ${limit}`,
      {
        size: least,
        limit,
      },
    );
  }
  let objectRow = 0;
  if (message.handle !== HANDLE_NONE) {
    const handle = session.handles.get(message.handle);
    if (handle === 0)
      refuse('unknown-handle', `Cannot lease for handle ${message.handle}: unknown`);
    objectRow = pool.handles.get(handle, HANDLE.object);
  }
  const asked = { session, request, size, least, objectRow };
  if (mayPass(pool, objectRow) && tryLease(pool, asked, pool.leaseWaits.length)) return;
  const wait = beginWait(pool, session, request, WAIT_KIND.lease, 0, message.deadline);
  const object = objectRow === 0 ? '' : objectName(pool, objectRow);
  addLeaseWait(pool, { wait, object, ...asked });
  reclaim(pool, least);
  wantSlab(pool, least);
}

/**
 * The most that one request may have. The reserve does not count, though an object that somebody
 * requires may use it: whether an object is too large must not hang on who comes first.
 */
export function leaseBytesMax({ options: { memoryBytesMax } }: PoolState): number {
  return Math.min(LIMITS.slabBytesMax, memoryBytesMax - reserveOf(memoryBytesMax));
}

/** Asks every session that leases memory to give back what it does not use. */
function reclaim(pool: PoolState, bytes: number): void {
  for (const session of pool.sessions.values()) {
    // Who does not listen is not told again, until it gives something back or is granted more.
    if (session.reclaimAsked || pool.extents.firstLease(session.id) === 0) continue;
    session.reclaimAsked = true;
    writeReclaim(emit(pool, session), bytes);
  }
}

interface LeaseRequest {
  readonly session: Session;
  readonly request: number;
  readonly size: number;
  readonly least: number;
  readonly objectRow: number;
}

/** `others`: how many wait beside it; more than it needs is for times when nobody does. */
function tryLease(pool: PoolState, lease: LeaseRequest, others: number): boolean {
  const { extents } = pool;
  const { session, least } = lease;
  const reserve = isRequired(pool, lease.objectRow) ? 0 : pool.bytesReserved;
  // What is yet to come can be the reserve.
  const spare = extents.bytesFree + pool.bytesToCome - reserve;
  if (spare < least) return false;
  const size = others > 0 ? least : Math.min(lease.size, spare);
  const block = extents.lease(size, least, session.id);
  if (block === 0) return false;
  session.reclaimAsked = false;
  const out = emit(pool, session);
  const offset = extents.offsetOf(block);
  writeGrant(out, lease.request, extents.slabOf(block), offset, extents.sizeOf(block));
  if (extents.bytesFree * LOW_WATER < extents.bytesLeasable) wantSlab(pool, 0);
  return true;
}

/**
 * Whether a new request may be served before those that wait: when there are none, or it may use
 * the reserve and none that waits may.
 */
function mayPass(pool: PoolState, objectRow: number): boolean {
  if (pool.leaseWaits.length === 0) return true;
  if (!isRequired(pool, objectRow)) return false;
  return !pool.leaseWaits.some((each) => isRequired(pool, each.objectRow));
}

/**
 * Whether somebody waits for an object's next version, or a standing require for the rest of one in
 * parts; what is offered whole needs no more memory.
 */
function isRequired(pool: PoolState, object: number): boolean {
  if (object === 0) return false;
  const { objects, versions } = pool;
  if (objects.get(object, OBJECT.unbound) > 0) return true;
  const current = objects.get(object, OBJECT.current);
  if (current === 0 || versions.get(current, VERSION.pins) === 0) return false;
  return missingOf(pool, current) > 0;
}

/**
 * Serves who waits for memory, after each request or other event that may have changed what there
 * is: in between, only a part of it would have happened.
 */
export function settleLeases(pool: PoolState): void {
  if (!pool.leasesDue) return;
  pool.leasesDue = false;
  serveLeases(pool);
  const next = pool.leaseWaits[0];
  if (next === undefined) return;
  wantSlab(pool, next.least);
  reclaim(pool, next.least);
}

/**
 * Grants what waits, in order, after memory came free. One that is too large holds up those behind
 * it, but for those that may use the reserve when it may not.
 */
function serveLeases(pool: PoolState): void {
  const { leaseWaits } = pool;
  let held = false;
  let requiredHeld = false;
  for (let index = 0; index < leaseWaits.length; ) {
    const each = leaseWaits[index];
    assert(each !== undefined, 'the list of lease waits is dense');
    const required = isRequired(pool, each.objectRow);
    const mayTry = !(required ? requiredHeld : held);
    if (mayTry && tryLease(pool, each, leaseWaits.length - 1)) {
      endLeaseWait(pool, index);
      continue;
    }
    held = true;
    requiredHeld ||= required;
    if (requiredHeld) return;
    index++;
  }
}

/** RETURN: a range of a lease is free again. */
export function giveBack(pool: PoolState, session: Session, message: Return): void {
  session.reclaimAsked = false;
  const block = pool.extents.carve(message.slab, message.offset, message.size, session.id);
  if (block === 0) {
    refuse('bad-lease', 'Cannot return bytes: they are not leased to this session', {
      slab: message.slab,
      offset: message.offset,
      size: message.size,
    });
  }
  freed(pool, block);
}

/** A block is nobody's any more: it is free, or its adopted file is removed. */
export function freed(pool: PoolState, block: number): void {
  const { extents } = pool;
  const slab = extents.slabOf(block);
  const offset = extents.offsetOf(block);
  const size = extents.sizeOf(block);
  if (extents.stateOf(block) === BLOCK_SLICE) dropMeasure(pool, block);
  extents.free(block);
  if (pool.slabsAdopted.has(slab)) {
    if (extents.isFree(slab)) dropSlab(pool, slab);
  } else if (pool.options.reportFreed) {
    pool.effects.push({ kind: 'freed', slab, offset, size });
  }
  pool.leasesDue = pool.leaseWaits.length > 0;
}

/** What a session leased and did not offer is free again. */
export function freeLeasesOf(pool: PoolState, session: Session): void {
  const { extents } = pool;
  for (let block = extents.firstLease(session.id); block !== 0; ) {
    freed(pool, block);
    block = extents.firstLease(session.id);
  }
}

/** Whether a session may write to a range: it lies within its leases, not in an adopted file. */
export function mayWrite(
  pool: PoolState,
  session: number,
  slab: number,
  offset: number,
  size: number,
): boolean {
  if (pool.slabsAdopted.has(slab)) return false;
  return covers(pool, slab, offset, size, (block) => {
    const { extents } = pool;
    return extents.stateOf(block) === BLOCK_LEASE && extents.ownerOf(block) === session;
  });
}

/** Whether a session may read a range: its own lease, or a slice that one of its members reads. */
export function mayRead(
  pool: PoolState,
  session: number,
  slab: number,
  offset: number,
  size: number,
): boolean {
  const { extents } = pool;
  return covers(pool, slab, offset, size, (block) => {
    if (extents.stateOf(block) === BLOCK_LEASE) return extents.ownerOf(block) === session;
    return (
      extents.stateOf(block) === BLOCK_SLICE && readsVersion(pool, session, extents.ownerOf(block))
    );
  });
}

/** Whether a handle of the session holds a reader's lease on the version. */
function readsVersion(pool: PoolState, session: number, version: number): boolean {
  const object = pool.versions.get(version, VERSION.object);
  let handle = pool.objects.get(object, OBJECT.handles);
  for (; handle !== 0; handle = pool.handles.get(handle, HANDLE.next)) {
    if (pool.handles.get(handle, HANDLE.version) !== version) continue;
    if (!hasFlag(pool, handle, HANDLE_FLAG.leased)) continue;
    if (memberOf(pool, handle).session.id === session) return true;
  }
  return false;
}

/** Whether every block that `[offset, offset + size)` touches passes. */
function covers(
  pool: PoolState,
  slab: number,
  offset: number,
  size: number,
  passes: (block: number) => boolean,
): boolean {
  const { extents } = pool;
  if (size <= 0 || offset < 0) return false;
  let at = offset;
  while (at < offset + size) {
    const block = extents.blockAt(slab, at);
    if (block === 0 || !passes(block)) return false;
    at = extents.offsetOf(block) + extents.sizeOf(block);
  }
  return true;
}

/** The request for memory ends without: its deadline has passed, or it was cancelled. */
function dropLeaseWait(pool: PoolState, wait: number): LeaseWait {
  const index = pool.leaseWaits.findIndex((each) => each.wait === wait);
  const each = endLeaseWait(pool, index);
  pool.leasesDue = true;
  return each;
}

/** Keeps a wait in its turn, and where its object finds it. */
export function addLeaseWait(pool: PoolState, each: LeaseWait): void {
  pool.leaseWaits.push(each);
  if (each.objectRow === 0) return;
  const same = pool.leaseWaitsByObject.get(each.objectRow);
  if (same === undefined) pool.leaseWaitsByObject.set(each.objectRow, new Set([each]));
  else same.add(each);
}

/** The wait at a place of the list is over. */
function endLeaseWait(pool: PoolState, index: number): LeaseWait {
  const [each] = pool.leaseWaits.splice(index, 1);
  assert(each !== undefined, 'a lease wait is listed');
  const same = pool.leaseWaitsByObject.get(each.objectRow);
  if (same?.delete(each) === true && same.size === 0) {
    pool.leaseWaitsByObject.delete(each.objectRow);
  }
  pool.waits.end(each.wait);
  return each;
}

/** CANCEL of a request for memory. */
export function cancelLease(pool: PoolState, wait: number): void {
  const { session, request } = dropLeaseWait(pool, wait);
  const error = failure('cancelled', 'Cannot lease memory: the request was cancelled');
  emitFail(pool, session, request, error);
}

/** The waits for memory of a session that has ended. */
export function dropLeaseWaitsOf(pool: PoolState, session: Session): void {
  const gone = pool.leaseWaits.filter((each) => each.session === session);
  for (const each of gone) dropLeaseWait(pool, each.wait);
}

function whyFull(pool: PoolState): string {
  if (pool.slabFailure === '') return "the pool's memory is full";
  return `the pool cannot have more memory (${pool.slabFailure})`;
}

export function leaseTimedOut(pool: PoolState, wait: number): void {
  const waitedMs = pool.now - pool.waits.rows.getWide(wait, WAIT.since);
  const each = dropLeaseWait(pool, wait);
  const { extents, options } = pool;
  const held = holders(pool);
  emitFail(
    pool,
    each.session,
    each.request,
    failure(
      'memory-full',
      `Cannot lease ${each.least} bytes: ${whyFull(pool)}, after ${waitedMs} ms of waiting` +
        holdersInWords(held),
      {
        because: whyFull(pool),
        size: each.least,
        limit: options.memoryBytesMax,
        free: extents.bytesFree,
        reserved: pool.bytesReserved,
        waitedMs,
        holders: held,
      },
    ),
  );
}
