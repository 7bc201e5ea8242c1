import { BLOCK_LEASE, BLOCK_SLICE } from '../catalog/extents.js';
import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import {
  type Adopt,
  HANDLE_NONE,
  type Lease,
  type Return,
  writeGrant,
  writeReclaim,
  writeSlabGone,
} from '../protocol/index.js';
import { emit, emitFail, failure } from './emit.js';
import { holders, holdersInWords } from './holders.js';
import type { Input } from './input.js';
import { hasFlag, memberOf, objectName } from './objects.js';
import { HANDLE, HANDLE_FLAG, OBJECT, VERSION, WAIT, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import { type LeaseWait, type PoolState, reserveOf } from './state.js';
import { beginWait } from './timers.js';

const MiB = 1 << 20;
/** The first slab; each further one is as large as all before it, up to the limit of a slab. */
const SLAB_FIRST_BYTES = 64 * MiB;
/** Smaller slabs are not worth a file when memory is short. */
const SLAB_LEAST_BYTES = MiB;
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

/** Whether somebody waits for an object's next version; what is offered needs no more memory. */
function isRequired(pool: PoolState, object: number): boolean {
  return object !== 0 && pool.objects.get(object, OBJECT.unbound) > 0;
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

/** Asks the agent for one more slab, if the limit has room and none is on its way. */
export function wantSlab(pool: PoolState, least: number): void {
  const { extents, options } = pool;
  if (pool.slabBytesPending > 0) return;
  const page = LIMITS.pageBytes;
  const room = options.memoryBytesMax - extents.bytesTotal - pool.adoptBytesPending;
  const wanted = Math.max(SLAB_FIRST_BYTES, extents.bytesLeasable, least * 2);
  const size = Math.floor(Math.min(wanted, room, LIMITS.slabBytesMax) / page) * page;
  if (size < Math.max(least, page) || extents.slabs.size >= LIMITS.slabsMax) {
    if (least > 0 && dropFreeSlabs(pool, least, room)) wantSlab(pool, least);
    return;
  }
  askForSlab(pool, size);
}

function askForSlab(pool: PoolState, size: number): void {
  const slab = pool.slabNext++;
  pool.slabBytesPending = size;
  pool.effects.push({ kind: 'slab-wanted', slab, size });
}

/**
 * Lets slabs go that are wholly free, if that makes room for one of `least` bytes. Only those that
 * are smaller: a larger one would serve as it is, and would be asked for again.
 */
function dropFreeSlabs(pool: PoolState, least: number, room: number): boolean {
  const { extents } = pool;
  const free: number[] = [];
  let found = room;
  for (const [slab, { size }] of extents.slabs) {
    if (found >= least) break;
    if (size >= least || !extents.isFree(slab)) continue;
    free.push(slab);
    found += size;
  }
  if (found < least || free.length === 0) return false;
  for (const slab of free) dropSlab(pool, slab);
  return true;
}

/** Lets a slab go that is wholly free. */
export function dropSlab(pool: PoolState, slab: number): void {
  pool.extents.removeSlab(slab);
  const told = pool.slabsAdopted.get(slab) ?? pool.sessions.values();
  pool.slabsAdopted.delete(slab);
  pool.effects.push({ kind: 'slab-gone', slab });
  for (const session of told) if (!session.ended) writeSlabGone(emit(pool, session), slab);
}

export function slabReady(pool: PoolState, input: Extract<Input, { kind: 'slab-ready' }>): void {
  pool.slabBytesPending = 0;
  pool.slabFailure = '';
  pool.extents.addSlab(input.slab, input.size);
  pool.leasesDue = true;
}

/** The agent could not make a slab: what waits goes on waiting for what others free. */
export function slabFailed(pool: PoolState, input: Extract<Input, { kind: 'slab-failed' }>): void {
  pool.slabBytesPending = 0;
  pool.slabFailure = input.why;
  const least = pool.leaseWaits[0]?.least ?? 0;
  // Less may still fit: what is left of a file system that others fill, too.
  const half = Math.floor(input.size / 2 / LIMITS.pageBytes) * LIMITS.pageBytes;
  const enough = Math.max(least + Math.ceil(least / LIMITS.reserveFraction), SLAB_LEAST_BYTES);
  if (least > 0 && half >= enough) askForSlab(pool, half);
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

/** Gives slabs back of which nothing is used, until the pool has at most `bytesMax` of slabs. */
function shrinkTo(pool: PoolState, bytesMax: number): void {
  const { extents } = pool;
  for (const slab of [...extents.slabs.keys()]) {
    if (extents.bytesTotal <= bytesMax) return;
    if (!pool.slabsAdopted.has(slab) && extents.isFree(slab)) dropSlab(pool, slab);
  }
}

/** ADOPT: the agent looks at the file; the answer comes with its input. */
export function adopt(pool: PoolState, session: Session, request: number, message: Adopt): void {
  const { extents, options } = pool;
  if (message.size === 0 || message.size > options.memoryBytesMax) {
    refuse('too-large', `Cannot adopt ${message.size} bytes`, { limit: options.memoryBytesMax });
  }
  const pending = pool.slabBytesPending + pool.adoptBytesPending;
  shrinkTo(pool, options.memoryBytesMax - pending - message.size);
  const used = extents.bytesTotal + pending;
  const slabs = extents.slabs.size + pool.adoptsPending;
  // What can be leased, now or with more slabs, must still hold the reserve.
  const leasable = extents.bytesFree + pool.slabBytesPending;
  const kept = Math.max(0, reserveOf(options.memoryBytesMax) - leasable);
  if (used + message.size + kept > options.memoryBytesMax || slabs >= LIMITS.slabsMax) {
    refuse('memory-full', `Cannot adopt ${message.size} bytes: the pool's memory is full`, {
      limit: options.memoryBytesMax,
      used,
      slabs,
      holders: holders(pool),
    });
  }
  const slab = pool.slabNext++;
  pool.adoptsPending++;
  pool.adoptBytesPending += message.size;
  pool.effects.push({
    kind: 'adopt',
    slab,
    file: message.file,
    size: message.size,
    session: session.id,
    request,
  });
}

export function adopted(pool: PoolState, input: Extract<Input, { kind: 'adopted' }>): void {
  pool.adoptsPending--;
  pool.adoptBytesPending -= input.size;
  const session = pool.sessions.get(input.session);
  if (input.failure !== null) {
    if (session === undefined) return;
    emitFail(pool, session, input.request, failure(input.failure.code, input.failure.message));
    return;
  }
  if (session === undefined) {
    pool.effects.push({ kind: 'slab-gone', slab: input.slab });
    return;
  }
  pool.slabsAdopted.set(input.slab, new Set([session]));
  const block = pool.extents.addAdopted(input.slab, input.size, session.id);
  const { extents } = pool;
  writeGrant(emit(pool, session), input.request, input.slab, 0, extents.sizeOf(block));
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

function addLeaseWait(pool: PoolState, each: LeaseWait): void {
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
