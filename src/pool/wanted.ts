import { assert, refuse } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import type { Region } from '../core/regions/region.js';
import { readRegion } from '../core/regions/region-codec.js';
import type { RegionFields } from '../protocol/index.js';
import { handleOf, wrongState } from './handles.js';
import { checkRecords, handleState, hasFlag } from './objects.js';
import { forEachNear, isGrowing, isInParts, missingOf, shapeOf } from './parts.js';
import { isVersionReady } from './readiness.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, VERSION, WANTED } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** REGION: what of the object the handle will require; said again, the last one counts. */
export function setRegion(pool: PoolState, session: Session, message: RegionFields): void {
  const handle = handleOf(session, message.handle);
  const state = handleState(pool, handle);
  if (state !== HANDLE_STATE.declared && state !== HANDLE_STATE.sealed) {
    wrongState(pool, handle, 'choose a region of');
  }
  checkRecords(pool);
  const { regionStart, regionEnd } = message;
  checkRegion(pool.reader.bytes, regionStart, regionEnd);
  dropWanted(pool, handle);
  keepWanted(pool, handle, regionStart, regionEnd);
}

/** A handle requires the region of the message that stands there. */
export function keepWanted(pool: PoolState, handle: number, start: number, end: number): void {
  const wanted = pool.wanted.allocate();
  const record = pool.arena.store(pool.reader.bytes, start, end);
  pool.wanted.set(wanted, WANTED.region, record);
  pool.handles.set(handle, HANDLE.wanted, wanted);
}

/** Of whatever shape: whether it fits the object is seen when it is bound. */
function checkRegion(bytes: Uint8Array, start: number, end: number): void {
  const shape = new Array<number>(bytes[start] ?? 0).fill(Number.MAX_SAFE_INTEGER);
  readWhole(bytes, start, end, shape);
}

/** Reads a region that takes all of some bytes. */
export function readWhole(
  bytes: Uint8Array,
  start: number,
  end: number,
  shape: readonly (number | null)[],
  r = new Reader(),
): Region {
  if (end - start > LIMITS.regionBytesMax) {
    refuse(
      'bad-region',
      `Cannot use the region: it takes more than ${LIMITS.regionBytesMax} bytes`,
    );
  }
  r.reset(bytes, start, end);
  const region = readRegion(r, shape);
  if (r.remaining > 0) refuse('bad-message', 'Cannot read a region: bytes are left over');
  return region;
}

export function dropWanted(pool: PoolState, handle: number): void {
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  if (wanted === 0) return;
  pool.regions.free(pool.wanted.get(wanted, WANTED.region));
  pool.wanted.release(wanted);
  pool.handles.set(handle, HANDLE.wanted, 0);
}

/** What a handle requires of a version; null: all of it. */
export function wantedOf(pool: PoolState, handle: number, version: number): Region | null {
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  if (wanted === 0) return null;
  return pool.regions.get(pool.wanted.get(wanted, WANTED.region), shapeOf(pool, version));
}

/** Why the region that a handle requires is none of a version; null when it is, or it wants all. */
export function regionMismatch(
  pool: PoolState,
  handle: number,
  version: number,
): AttaccaError | null {
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  if (wanted === 0) return null;
  try {
    pool.regions.read(pool.wanted.get(wanted, WANTED.region), shapeOf(pool, version));
    return null;
  } catch (error) {
    if (error instanceof AttaccaError) return error;
    throw error;
  }
}

/** Whether a version has all that a handle, which is not bound yet, requires. */
export function lacksNothing(pool: PoolState, handle: number, version: number): boolean {
  if (!isInParts(pool, version)) return true;
  countMissing(pool, handle, version);
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  return (wanted === 0 ? missingOf(pool, version) : missingIn(pool, wanted)) === 0;
}

function missingIn({ wanted }: PoolState, row: number): number {
  return wanted.getWide(row, WANTED.missing);
}

/** Counts what a handle that is bound to a version still waits for. */
export function countMissing(pool: PoolState, handle: number, version: number): void {
  const region = isInParts(pool, version) ? wantedOf(pool, handle, version) : null;
  if (region === null) return;
  let missing = region.count;
  forEachNear(pool, version, region, (_part, other) => {
    missing -= region.countCommon(other);
  });
  assert(missing >= 0, 'parts have no element in common');
  pool.wanted.setWide(pool.handles.get(handle, HANDLE.wanted), WANTED.missing, missing);
}

/** A part has come to the version that a handle is bound to. */
export function takeFromMissing(
  pool: PoolState,
  handle: number,
  version: number,
  part: Region,
): void {
  const region = wantedOf(pool, handle, version);
  if (region === null) return;
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  const missing = pool.wanted.getWide(wanted, WANTED.missing) - region.countCommon(part);
  assert(missing >= 0, 'parts have no element in common');
  pool.wanted.setWide(wanted, WANTED.missing, missing);
}

/** Elements that a bound handle waits for. */
function missingFor(pool: PoolState, handle: number): number {
  const version = pool.handles.get(handle, HANDLE.version);
  if (version === 0 || pool.versions.get(version, VERSION.partition) === 0) return 0;
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  return wanted === 0 ? missingOf(pool, version) : missingIn(pool, wanted);
}

/** As is told: nothing of what has no end yet. */
export function missingTold(pool: PoolState, handle: number): number {
  const version = pool.handles.get(handle, HANDLE.version);
  return version !== 0 && isGrowing(pool, version) ? 0 : missingFor(pool, handle);
}

/** Whether a handle is bound to a version that has all it requires, and is ready if it must be. */
export function isReady(pool: PoolState, handle: number): boolean {
  const version = pool.handles.get(handle, HANDLE.version);
  if (version === 0 || missingFor(pool, handle) > 0) return false;
  return !hasFlag(pool, handle, HANDLE_FLAG.ready) || isVersionReady(pool, version);
}
