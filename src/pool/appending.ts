import { assert, refuse } from '../core/assert.js';
import { Writer } from '../core/bytes.js';
import type { AttaccaError } from '../core/errors.js';
import { AxisSet } from '../core/regions/axis-set.js';
import { Region } from '../core/regions/region.js';
import { writeRegion } from '../core/regions/region-codec.js';
import {
  itemSizeOf,
  patchRows,
  type SpaceExpectation,
  spaceAt,
  writeSpace,
} from '../core/space.js';
import type { Offer } from '../protocol/index.js';
import { emitValue } from './emit.js';
import { mismatchOf } from './expectations.js';
import { handleOf, wrongState } from './handles.js';
import { forEachHandle, handleState, objectName } from './objects.js';
import { offerPart } from './offer.js';
import { isGrowing, type NewPart, rowsOf } from './parts.js';
import { noteComplete } from './readiness.js';
import { deliver, failRequire } from './require.js';
import { HANDLE, HANDLE_STATE, OBJECT, PARTITION, VERSION, WANTED } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { countMissing, isReady } from './wanted.js';

/**
 * Arrays whose first dimension is open: members append rows, each behind those that are there, so
 * that nobody has to agree with others on places. The version is `partial` until one of them
 * finishes it; then its rows are as many as were appended.
 */

/** APPEND: a part behind all others; answered with the first of its rows. */
export function append(pool: PoolState, session: Session, request: number, message: Offer): void {
  const handle = handleOf(session, message.handle);
  const object = pool.handles.get(handle, HANDLE.object);
  const current = pool.objects.get(object, OBJECT.current);
  const isOther = current === 0 || pool.versions.get(current, VERSION.partition) === 0;
  const first = isOther ? 0 : rowsOf(pool, current);
  offerPart(pool, session, message, 'rows');
  emitValue(pool, session, request, first);
}

/** Refuses with `wrong-state` or `bad-region` what does not go with the parts that are there. */
export function checkWay(pool: PoolState, version: number, way: 'region' | 'rows'): void {
  if ((way === 'rows') === isGrowing(pool, version)) return;
  const name = objectName(pool, pool.versions.get(version, VERSION.object));
  if (way === 'region') {
    const why = 'rows are appended to it, and have no places of their own';
    refuse('bad-region', `Cannot offer a region of "${name}": ${why}`);
  }
  refuse('wrong-state', `Cannot append to "${name}": its first dimension is not open`, { name });
}

/** The space of a handle that begins with rows: all of it is known but how many they will be. */
export function growingSpace(pool: PoolState, handle: number): number {
  const { spaces, scratch, handles } = pool;
  const row = handles.get(handle, HANDLE.space);
  const said = spaceAt(spaces.bytes(row), spaces.start(row));
  const { shape } = said;
  if (shape?.[0] !== null || shape.lastIndexOf(null) > 0 || elementsOfRow(said) === 0) {
    const name = objectName(pool, handles.get(handle, HANDLE.object));
    const why = 'the first of its dimensions must be open, and all others known and not 0';
    refuse('bad-space', `Cannot append to "${name}": ${why}`, { name });
  }
  const { dtype = 'uint8', order = 'row', byteOrder = 'little' } = said;
  scratch.reset();
  writeSpace(scratch, { dtype, shape, order, byteOrder });
  return spaces.intern(scratch.bytes, 0, scratch.at);
}

function elementsOfRow({ shape = [] }: SpaceExpectation): number {
  const count = shape.slice(1).reduce<number>((product, size) => product * (size ?? 1), 1);
  return Number.isSafeInteger(count) ? count : 0;
}

/** Rows behind those of a version, 0 when they begin it, for bytes of a space. */
export function regionOfRows(
  pool: PoolState,
  object: number,
  space: SpaceExpectation,
  size: number,
): Pick<NewPart, 'region' | 'encoded'> {
  const { shape, dtype } = space;
  assert(shape !== undefined && dtype !== undefined, 'a growing space has all but its rows');
  const current = pool.objects.get(object, OBJECT.current);
  const first = current === 0 ? 0 : rowsOf(pool, current);
  const rowBytes = elementsOfRow(space) * itemSizeOf(dtype);
  if (size % rowBytes !== 0) {
    const name = objectName(pool, object);
    const why = `the payload has ${size} bytes, which are no rows of ${rowBytes}`;
    const fields = { name, spaceBytes: rowBytes, payloadBytes: size };
    refuse('size-mismatch', `Cannot append to "${name}": ${why}`, fields);
  }
  const others = shape.slice(1).map((axis) => AxisSet.range(0, axis ?? 0));
  const region = Region.box(shape, [AxisSet.range(first, first + size / rowBytes), ...others]);
  const w = new Writer();
  writeRegion(w, region);
  return { region, encoded: { bytes: w.bytes, start: 0, end: w.at } };
}

/** FINISH: a provider fixes the first dimension, and who waits for all of it is served. */
export function finish(pool: PoolState, handle: number): void {
  const { handles, partitions, spaces, versions } = pool;
  if (handleState(pool, handle) !== HANDLE_STATE.offered) wrongState(pool, handle, 'finish');
  const version = handles.get(handle, HANDLE.version);
  if (!isGrowing(pool, version)) {
    const name = objectName(pool, handles.get(handle, HANDLE.object));
    refuse('wrong-state', `Cannot finish "${name}": its first dimension is not open`, { name });
  }
  const growing = versions.get(version, VERSION.space);
  const { scratch } = pool;
  scratch.reset();
  scratch.rawRange(spaces.bytes(growing), spaces.start(growing), spaces.end(growing));
  patchRows(scratch, 0, rowsOf(pool, version));
  const finished = spaces.intern(scratch.bytes, 0, scratch.at);
  failBeyond(pool, version, finished);
  versions.set(version, VERSION.space, finished);
  spaces.release(growing);
  const partition = versions.get(version, VERSION.partition);
  partitions.set(partition, PARTITION.growing, 0);
  partitions.setWide(partition, PARTITION.missing, 0);
  noteComplete(pool, version);
  serveBound(pool, version);
}

/** Fails requires that a finished space does not meet: they are for rows that it has not. */
function failBeyond(pool: PoolState, version: number, finished: number): void {
  const { versions } = pool;
  const growing = versions.get(version, VERSION.space);
  const failing: [number, AttaccaError][] = [];
  versions.set(version, VERSION.space, finished);
  forEachBound(pool, version, (handle) => {
    const mismatch = mismatchOf(pool, handle, version);
    if (mismatch !== null) failing.push([handle, mismatch]);
  });
  // What each of them was owed is looked up by the shape in which it was.
  versions.set(version, VERSION.space, growing);
  for (const [handle, mismatch] of failing) failRequire(pool, handle, mismatch);
}

/** Counts anew what was without an end, and serves who has all now. */
function serveBound(pool: PoolState, version: number): void {
  forEachBound(pool, version, (handle) => {
    const wanted = pool.handles.get(handle, HANDLE.wanted);
    if (wanted !== 0) pool.regions.forget(pool.wanted.get(wanted, WANTED.region));
    countMissing(pool, handle, version);
  });
  forEachBound(pool, version, (handle) => {
    if (pool.handles.get(handle, HANDLE.wait) !== 0 && isReady(pool, handle)) deliver(pool, handle);
  });
}

function forEachBound(pool: PoolState, version: number, visit: (handle: number) => void): void {
  forEachHandle(pool, pool.versions.get(version, VERSION.object), (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (pool.handles.get(handle, HANDLE.version) === version) visit(handle);
  });
}
