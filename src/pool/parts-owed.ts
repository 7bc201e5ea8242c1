import type { Region } from '../core/regions/region.js';
import { isBeingMeasured } from './measuring.js';
import { handleState, hasFlag } from './objects.js';
import { forEachPart, freeBytesOf, isInParts, regionOfPart } from './parts.js';
import {
  HANDLE,
  HANDLE_FLAG,
  HANDLE_STATE,
  OBJECT,
  PART,
  PART_FLAG,
  PARTITION,
  VERSION,
  VERSION_FLAG,
} from './rows.js';
import type { PoolState } from './state.js';
import { regionMismatch, wantedOf } from './wanted.js';

/**
 * Parts are freed apart: the bytes of one that is withdrawn stay for who has required some of it,
 * and no longer. Its row and its region stay with the version, as they count for what is there.
 */

/** Frees the bytes of a part, if it is withdrawn and nobody is owed some of them. */
export function freeUnlessOwed(pool: PoolState, version: number, part: number): void {
  const { extents, parts, partitions, versions } = pool;
  const flags = parts.get(part, PART.flags);
  const bytes = parts.get(part, PART.bytes);
  if (bytes === 0 || (flags & PART_FLAG.offered) !== 0) return;
  if (isOwed(pool, version, regionOfPart(pool, version, part))) return;
  if ((flags & PART_FLAG.slice) !== 0 && isBeingMeasured(pool, extents.noteOf(bytes))) {
    // Its version will have no statistics: memory does not wait for them.
    const said = versions.get(version, VERSION.flags);
    versions.set(version, VERSION.flags, said & ~VERSION_FLAG.measured);
  }
  freeBytesOf(pool, version, part);
  partitions.add(versions.get(version, VERSION.partition), PARTITION.held, -1);
}

/** Whether a require that is bound to a version, or a reader's lease on it, is for some of this. */
export function isOwed(pool: PoolState, version: number, region: Region): boolean {
  const { handles, objects, versions } = pool;
  // A standing require is for all of it.
  if (versions.get(version, VERSION.pins) > 0) return true;
  const owed = versions.get(version, VERSION.requires) + versions.get(version, VERSION.leases);
  if (owed === 0) return false;
  let handle = objects.get(versions.get(version, VERSION.object), OBJECT.handles);
  for (; handle !== 0; handle = handles.get(handle, HANDLE.next)) {
    if (handles.get(handle, HANDLE.version) !== version) continue;
    const isReading = hasFlag(pool, handle, HANDLE_FLAG.leased);
    if (!isReading && handleState(pool, handle) !== HANDLE_STATE.required) continue;
    if (wantedOf(pool, handle, version)?.meets(region) ?? true) return true;
  }
  return false;
}

/** No standing require has a version any more: frees the parts that were only for those. */
export function freeHeldParts(pool: PoolState, version: number): void {
  if (!isInParts(pool, version)) return;
  const { partitions, versions } = pool;
  if (partitions.get(versions.get(version, VERSION.partition), PARTITION.held) === 0) return;
  forEachPart(pool, version, (part) => freeUnlessOwed(pool, version, part));
}

/**
 * A require or a lease of a handle ends, which is bound to a version until now: frees what of it
 * was for nobody else.
 */
export function endOwed(pool: PoolState, handle: number, version: number): void {
  const { handles, partitions, versions } = pool;
  handles.set(handle, HANDLE.version, 0);
  if (!isInParts(pool, version)) return;
  if (partitions.get(versions.get(version, VERSION.partition), PARTITION.held) === 0) return;
  const fits = regionMismatch(pool, handle, version) === null;
  const region = fits ? wantedOf(pool, handle, version) : null;
  forEachPart(pool, version, (part) => {
    if (region?.meets(regionOfPart(pool, version, part)) ?? true) {
      freeUnlessOwed(pool, version, part);
    }
  });
}
