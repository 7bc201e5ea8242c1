import { BLOCK_LEASE, BLOCK_SLICE } from '../catalog/extents.js';
import { EVENT } from '../protocol/index.js';
import { objectLost } from './events/gone.js';
import { noteMoved, noteVersion } from './events/noting.js';
import { pinBefore } from './events/standing.js';
import { groupsWith } from './groups.js';
import { endReaderLease } from './handles.js';
import type { Input } from './input.js';
import { forgetMeasures } from './measuring.js';
import { freed } from './memory.js';
import { forEachHandle, handleState, hasFlag } from './objects.js';
import { failRequire } from './require.js';
import { HANDLE, HANDLE_FLAG, HANDLE_STATE, VERSION, VERSION_FLAG } from './rows.js';
import { dropSlab } from './slabs.js';
import type { PoolState } from './state.js';
import { storeOrRefuse } from './storing.js';
import { loseMoving, moveAgain } from './transferring.js';
import { freeIfOwedToNobody, loseBytes, versionHas, withdrawVersion } from './versions.js';

/**
 * Another manager goes on with the pool, perhaps after a stop, and with other options. What lay in
 * slabs that are gone is lost before anybody is served: requires bound to it fail with
 * `object-lost`, and its names are free for the next version.
 */
export function restart(pool: PoolState, input: Extract<Input, { kind: 'restart' }>): void {
  const { id, name, hashSeed } = pool.options;
  pool.options = { ...input.options, id, name, hashSeed };
  pool.stopping = false;
  pool.slabFailure = '';
  let versions = 0;
  let bytes = 0;
  const restored = new Set(input.restored);
  const told = new Set<number>();
  for (const slab of input.slabsLost) {
    if (!pool.extents.slabs.has(slab)) continue;
    let isThere = false;
    for (const version of versionsIn(pool, slab)) {
      // The agent has made the slab anew, and its bytes are where they were.
      if (restored.has(version)) {
        isThere = true;
        // One in parts may lie in several slabs.
        if (!told.has(version)) noteMoved(pool, version, 'memory');
        told.add(version);
        continue;
      }
      versions++;
      bytes += pool.versions.getWide(version, VERSION.size);
      noteVersion(pool, EVENT.lost, version);
      for (const group of groupsWith(pool, version)) {
        noteVersion(pool, EVENT.lost, group);
        loseVersion(pool, group);
      }
      // It may have been there for its group alone.
      if (isSliceOf(pool, slab, version)) loseVersion(pool, version);
    }
    freeLeasesIn(pool, slab);
    // One that was an adopted file went with the last of its bytes.
    if (pool.extents.slabs.has(slab) && !isThere) dropSlab(pool, slab);
  }
  storeOrRefuse(pool);
  if (!pool.options.statistics) forgetMeasures(pool);
  if (versions > 0) pool.effects.push({ kind: 'lost', versions, bytes });
  moveAgain(pool);
  pool.leasesDue = pool.leaseWaits.length > 0;
}

/** The versions whose slices lie in a slab. */
function versionsIn(pool: PoolState, slab: number): ReadonlySet<number> {
  const { extents } = pool;
  const found = new Set<number>();
  for (const block of extents.blocks()) {
    if (extents.slabOf(block) !== slab || extents.stateOf(block) !== BLOCK_SLICE) continue;
    found.add(extents.ownerOf(block));
  }
  return found;
}

/** Whether a version is there and its bytes are in a slab. */
function isSliceOf(pool: PoolState, slab: number, version: number): boolean {
  return versionsIn(pool, slab).has(version);
}

function freeLeasesIn(pool: PoolState, slab: number): void {
  const { extents } = pool;
  const leases: number[] = [];
  for (const block of extents.blocks()) {
    if (extents.slabOf(block) === slab && extents.stateOf(block) === BLOCK_LEASE) {
      leases.push(block);
    }
  }
  // Freeing may join a block with the next one of the list only when that is free already.
  for (const block of leases) freed(pool, block);
}

function loseVersion(pool: PoolState, version: number): void {
  const { versions, handles } = pool;
  const object = versions.get(version, VERSION.object);
  const error = objectLost(pool, version);
  // The version stays until the last of those that hold it has let go: then it is freed.
  const isOffered = versionHas(pool, version, VERSION_FLAG.offered);
  const holding: number[] = [];
  forEachHandle(pool, object, (handle) => {
    if (handles.get(handle, HANDLE.version) === version) holding.push(handle);
  });
  pinBefore(pool, version);
  // For those who are owed it, and are told one after the other.
  const isKept = versions.get(version, VERSION.pins) + versions.get(version, VERSION.groups) > 0;
  versions.set(version, VERSION.flags, versions.get(version, VERSION.flags) | VERSION_FLAG.lost);
  loseMoving(pool, version, error);
  for (const handle of holding) {
    if (handleState(pool, handle) === HANDLE_STATE.required) failRequire(pool, handle, error);
    else if (hasFlag(pool, handle, HANDLE_FLAG.leased)) endReaderLease(pool, handle);
  }
  if (isKept) {
    if (isOffered) withdrawVersion(pool, version);
    loseBytes(pool, version);
  } else if (isOffered) withdrawVersion(pool, version);
  else if (holding.length === 0) freeIfOwedToNobody(pool, version);
}
