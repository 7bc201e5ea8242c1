import { BLOCK_SLICE } from '../catalog/extents.js';
import { assert } from '../core/assert.js';
import { Region } from '../core/regions/region.js';
import { handleState, objectName } from './objects.js';
import {
  forEachPart,
  isInParts,
  itemSizeOfVersion,
  missingOf,
  regionOfPart,
  shapeOf,
} from './parts.js';
import { isOwed } from './parts-owed.js';
import {
  HANDLE,
  HANDLE_STATE,
  PART,
  PART_FLAG,
  PARTITION,
  SAFETY,
  VERSION,
  VERSION_FLAG,
  WANTED,
} from './rows.js';
import type { PoolState } from './state.js';
import { wantedOf } from './wanted.js';

/** What the parts of a version come to; adds their slices to `blocks`. */
export function checkParts(
  pool: PoolState,
  version: number,
  blocks: Set<number>,
): { readonly parts: number; readonly inline: number; readonly arena: number } {
  const sums = { parts: 0, inline: 0, arena: 0 };
  if (!isInParts(pool, version)) return sums;
  const { arena, extents, parts, partitions, versions } = pool;
  const name = objectName(pool, versions.get(version, VERSION.object));
  const partition = versions.get(version, VERSION.partition);
  assert(partitions.get(partition, PARTITION.version) === version, `${name}: parts name it`);
  const flags = versions.get(version, VERSION.flags);
  assert((flags & (VERSION_FLAG.inline | VERSION_FLAG.slice)) === 0, `${name}: parts have bytes`);
  let all = Region.none(shapeOf(pool, version));
  let active = 0;
  let held = 0;
  forEachPart(pool, version, (part) => {
    sums.parts++;
    const region = regionOfPart(pool, version, part);
    assert(!all.meets(region), `${name}: parts have no element in common`);
    all = all.union(region);
    const partFlags = parts.get(part, PART.flags);
    const isOffered = (partFlags & PART_FLAG.offered) !== 0;
    if (isOffered) active++;
    const provider = parts.get(part, PART.provider);
    if (provider !== 0) {
      assert(isOffered, `${name}: what is withdrawn has no provider`);
      assert(pool.handles.get(provider, HANDLE.version) === version, `${name}: a part's handle`);
      assert(handleState(pool, provider) === HANDLE_STATE.offered, `${name}: a handle offers`);
    }
    const size = parts.getWide(part, PART.size);
    assert(
      size === region.count * itemSizeOfVersion(pool, version),
      `${name}: a part has its bytes`,
    );
    sums.arena += arena.bytesOf(parts.get(part, PART.region));
    const bytes = parts.get(part, PART.bytes);
    if (isOffered || isOwed(pool, version, region)) {
      assert(bytes !== 0 || size === 0, `${name}: what is owed has its bytes`);
    } else assert(bytes === 0, `${name}: what is owed to nobody is freed`);
    if (!isOffered && bytes !== 0) held++;
    const isStored = parts.getWide(part, PART.stored) !== 0;
    const isSlice = (partFlags & PART_FLAG.slice) !== 0;
    const isSafe = partitions.get(partition, PARTITION.safety) === SAFETY.safe;
    assert(isStored === (isSlice && isSafe), `${name}: all parts are in the store, or none`);
    if (isSlice) {
      assert(extents.stateOf(bytes) === BLOCK_SLICE, `${name}: its bytes are a slice`);
      assert(extents.ownerOf(bytes) === version, `${name}: its bytes are its own`);
      blocks.add(bytes);
    } else if (bytes !== 0) {
      assert((partFlags & PART_FLAG.inline) !== 0, `${name}: its bytes are somewhere`);
      sums.inline += arena.size(bytes);
      sums.arena += arena.bytesOf(bytes);
    }
  });
  assert(held === partitions.get(partition, PARTITION.held), `${name}: what is held is counted`);
  assert(sums.parts === partitions.get(partition, PARTITION.count), `${name}: parts are counted`);
  assert(active === partitions.get(partition, PARTITION.active), `${name}: offers are counted`);
  const statistics = partitions.get(partition, PARTITION.statistics);
  if (statistics !== 0) sums.arena += arena.bytesOf(statistics);
  const missing = Region.whole(shapeOf(pool, version)).difference(all).count;
  assert(missing === missingOf(pool, version), `${name}: what is missing is counted`);
  return sums;
}

/** The bytes of the arena that the region takes which a handle requires. */
export function checkWanted(pool: PoolState, handle: number): number {
  const wanted = pool.handles.get(handle, HANDLE.wanted);
  if (wanted === 0) return 0;
  const version = pool.handles.get(handle, HANDLE.version);
  if (handleState(pool, handle) === HANDLE_STATE.required && version !== 0) {
    const region = wantedOf(pool, handle, version);
    assert(region !== null, 'a handle knows its region');
    let missing = isInParts(pool, version) ? region.count : 0;
    forEachPart(pool, version, (part) => {
      missing -= region.intersect(regionOfPart(pool, version, part)).count;
    });
    assert(
      missing === pool.wanted.getWide(wanted, WANTED.missing),
      'what a handle lacks is counted',
    );
  }
  return pool.arena.bytesOf(pool.wanted.get(wanted, WANTED.region));
}

/** What a member offers in parts. */
export function offersInParts(
  pool: PoolState,
  member: number,
): { readonly offers: number; readonly bytes: number } {
  let offers = 0;
  let bytes = 0;
  for (let part = 1; part < pool.parts.end; part++) {
    if (pool.parts.get(part, PART.providerMember) !== member) continue;
    if ((pool.parts.get(part, PART.flags) & PART_FLAG.offered) === 0) continue;
    offers++;
    bytes += pool.parts.getWide(part, PART.size);
  }
  return { offers, bytes };
}
