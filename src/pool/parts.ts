import { BLOCK_SLICE } from '../catalog/extents.js';
import { assert, refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { Region } from '../core/regions/region.js';
import { itemSizeOf, spaceAt } from '../core/space.js';
import { nameOfMember } from './looking.js';
import { measurePart } from './measuring.js';
import { freed } from './memory.js';
import { forEachHandle, handleState, memberOf, objectName, setHandleState } from './objects.js';
import { PartIndex } from './part-index.js';
import { freeUnlessOwed } from './parts-owed.js';
import { isPromised } from './promises.js';
import {
  HANDLE,
  HANDLE_STATE,
  OBJECT,
  PART,
  PART_FLAG,
  PARTITION,
  SAFETY,
  VERSION,
  VERSION_FLAG,
} from './rows.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/**
 * The parts of a version: regions that members offer, which have no element in common. The version
 * is complete when they have all elements of its space. It begins with the first of them and stays
 * the one that is offered until it is complete and all of them are withdrawn, so that a provider
 * that is ahead does not begin the next one while others have yet to offer their parts of this one.
 */

/** Visits the parts of a version in the order of their offers. */
export function forEachPart(pool: PoolState, version: number, visit: (part: number) => void): void {
  const partition = pool.versions.get(version, VERSION.partition);
  let part = partition === 0 ? 0 : pool.partitions.get(partition, PARTITION.first);
  while (part !== 0) {
    const next = pool.parts.get(part, PART.next);
    visit(part);
    part = next;
  }
}

export function isInParts(pool: PoolState, version: number): boolean {
  return pool.versions.get(version, VERSION.partition) !== 0;
}

/**
 * The shape of a version. While rows are appended it has as many as can be counted: so what has no
 * end yet lacks elements until it has one.
 */
export function shapeOf({ versions, spaces }: PoolState, version: number): readonly number[] {
  const row = versions.get(version, VERSION.space);
  const { shape } = spaceAt(spaces.bytes(row), spaces.start(row));
  assert(shape !== undefined, 'a version has a shape');
  const [first, ...others] = shape;
  assert(!others.includes(null), 'a version has a whole shape, but for the rows');
  if (first !== null) return shape as readonly number[];
  const elements = (others as readonly number[]).reduce((product, size) => product * size, 1);
  return [Math.floor(Number.MAX_SAFE_INTEGER / elements), ...(others as readonly number[])];
}

/** Whether rows may be appended to a version: it has no end yet. */
export function isGrowing({ versions, partitions }: PoolState, version: number): boolean {
  const partition = versions.get(version, VERSION.partition);
  return partition !== 0 && partitions.get(partition, PARTITION.growing) === 1;
}

/** Rows that were appended to a version. */
export function rowsOf({ versions, partitions }: PoolState, version: number): number {
  return partitions.getWide(versions.get(version, VERSION.partition), PARTITION.rows);
}

/** Bytes of an element of a version. */
export function itemSizeOfVersion({ versions, spaces }: PoolState, version: number): number {
  const row = versions.get(version, VERSION.space);
  const { dtype } = spaceAt(spaces.bytes(row), spaces.start(row));
  assert(dtype !== undefined, 'a version has a dtype');
  return itemSizeOf(dtype);
}

export function regionOfPart(pool: PoolState, version: number, part: number): Region {
  return pool.regions.get(pool.parts.get(part, PART.region), shapeOf(pool, version));
}

/** Visits the parts of a version, with their regions. */
export function forEachRegion(
  pool: PoolState,
  version: number,
  visit: (part: number, region: Region) => void,
): void {
  if (!isInParts(pool, version)) return;
  // One for all: to read it costs more than to find a region.
  const shape = shapeOf(pool, version);
  forEachPart(pool, version, (part) => {
    visit(part, pool.regions.get(pool.parts.get(part, PART.region), shape));
  });
}

/** How many parts a version has. */
export function partsOf({ versions, partitions }: PoolState, version: number): number {
  const partition = versions.get(version, VERSION.partition);
  return partition === 0 ? 0 : partitions.get(partition, PARTITION.count);
}

/** Elements of a version that no part has. */
export function missingOf({ versions, partitions }: PoolState, version: number): number {
  const partition = versions.get(version, VERSION.partition);
  return partition === 0 ? 0 : partitions.getWide(partition, PARTITION.missing);
}

/**
 * The version to which a require of the object binds: the one that is offered, but not one that is
 * open, or of which a part is withdrawn already. 0: the next, or this one when it is sealed.
 */
export function bindable(pool: PoolState, object: number): number {
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0 || versionHas(pool, current, VERSION_FLAG.open)) return 0;
  const partition = pool.versions.get(current, VERSION.partition);
  const isClosing = partition !== 0 && pool.partitions.get(partition, PARTITION.closing) === 1;
  return isClosing ? 0 : current;
}

/** Refuses with `bad-region` a part of a version that has too many, or too long lists. */
export function checkParts(
  { versions, partitions }: PoolState,
  version: number,
  region: Region,
): void {
  const partition = versions.get(version, VERSION.partition);
  const { partsMax, partsRunsMax } = LIMITS;
  if (partitions.get(partition, PARTITION.count) >= partsMax) {
    refuse('bad-region', `Cannot offer more than ${partsMax} parts of a version`, {
      limit: partsMax,
    });
  }
  if (partitions.get(partition, PARTITION.runs) + region.runs > partsRunsMax) {
    refuse('bad-region', 'Cannot offer the part: the regions of its version have too long lists', {
      limit: partsRunsMax,
    });
  }
}

/** Fewer are compared one by one. */
const INDEXED_MIN = 32;

/** What of a version's parts may meet a region; null: there are few, or it cannot be told apart. */
function indexOf(pool: PoolState, version: number): PartIndex | null {
  const known = pool.partIndexes.get(version);
  if (known !== undefined) return known;
  if (partsOf(pool, version) < INDEXED_MIN) return null;
  let index: PartIndex | null = null;
  forEachRegion(pool, version, (part, region) => {
    index ??= new PartIndex(region);
    index.add(part, region);
  });
  if (index !== null) pool.partIndexes.set(version, index);
  return index;
}

/** Visits, in the order of offers, the parts that may have elements of a region; null: all. */
export function forEachNear(
  pool: PoolState,
  version: number,
  region: Region | null,
  visit: (part: number, other: Region) => void,
): void {
  const index = region === null ? null : indexOf(pool, version);
  if (region === null || index === null) {
    forEachRegion(pool, version, visit);
    return;
  }
  const near = new Map<number, number>();
  index.forEachNear(region, ({ part, order }) => near.set(order, part));
  const shape = shapeOf(pool, version);
  for (const [, part] of [...near].sort(([one], [other]) => one - other)) {
    visit(part, pool.regions.get(pool.parts.get(part, PART.region), shape));
  }
}

/** The first part offered of a version that has elements of a region, or 0. */
function overlapped(pool: PoolState, version: number, region: Region): number {
  const index = indexOf(pool, version);
  let found = 0;
  if (index === null) {
    forEachRegion(pool, version, (part, other) => {
      if (found === 0 && other.meets(region)) found = part;
    });
    return found;
  }
  const shape = shapeOf(pool, version);
  let before = Number.POSITIVE_INFINITY;
  index.forEachNear(region, ({ part, order }) => {
    if (order >= before) return;
    const other = pool.regions.get(pool.parts.get(part, PART.region), shape);
    if (other.meets(region)) [found, before] = [part, order];
  });
  return found;
}

/** Refuses with `part-overlap` a region of which somebody has offered elements. */
export function checkOverlap(pool: PoolState, version: number, region: Region): void {
  const part = overlapped(pool, version, region);
  if (part === 0) return;
  const name = objectName(pool, pool.versions.get(version, VERSION.object));
  const member = nameOfMember(pool, pool.parts.get(part, PART.providerMember));
  const elements = regionOfPart(pool, version, part).countCommon(region);
  const number = pool.versions.get(version, VERSION.number);
  refuse(
    'part-overlap',
    `Cannot offer a part of "${name}": ${member} has offered ${elements} of its ` +
      `${region.count} elements of version ${number}` +
      (missingOf(pool, version) > 0 ? ', which is not complete yet' : ''),
    { name, member, version: number, elements, missing: missingOf(pool, version) },
  );
}

/** The partition of a version that begins with a first part. */
export function beginPartition(pool: PoolState, version: number, grows: boolean): void {
  const { partitions, versions } = pool;
  const partition = partitions.allocate();
  partitions.set(partition, PARTITION.version, version);
  partitions.set(partition, PARTITION.growing, grows ? 1 : 0);
  partitions.setWide(partition, PARTITION.missing, Region.whole(shapeOf(pool, version)).count);
  versions.set(version, VERSION.partition, partition);
}

/** What is offered: the encoded region, and where its bytes are. */
export interface NewPart {
  readonly region: Region;
  readonly encoded: { readonly bytes: Uint8Array; readonly start: number; readonly end: number };
  readonly bytes: number;
  readonly size: number;
  readonly isSlice: boolean;
  /** It is acknowledged as safe from the end of the host. */
  readonly isSafe: boolean;
}

/** Adds a part, offered by a handle, to a version. Everything was checked. */
export function addPart(pool: PoolState, version: number, handle: number, added: NewPart): void {
  const { partitions, parts, versions, handles } = pool;
  const partition = versions.get(version, VERSION.partition);
  const part = parts.allocate();
  const { encoded, region, bytes, size, isSlice } = added;
  parts.set(part, PART.region, pool.arena.store(encoded.bytes, encoded.start, encoded.end));
  parts.set(part, PART.flags, PART_FLAG.offered | (isSlice ? PART_FLAG.slice : PART_FLAG.inline));
  parts.set(part, PART.bytes, bytes);
  parts.setWide(part, PART.size, size);
  parts.set(part, PART.provider, handle);
  const member = memberOf(pool, handle);
  parts.set(part, PART.providerMember, member.id);
  if (isSlice) pool.extents.give(bytes, BLOCK_SLICE, version);
  if (isSlice && pool.isStored) parts.setWide(part, PART.stored, pool.storedPart);
  else if (isSlice) partitions.set(partition, PARTITION.safety, SAFETY.unsafe);
  if (added.isSafe) partitions.set(partition, PARTITION.safety, SAFETY.safe);
  measurePart(pool, version, added);
  pool.partIndexes.get(version)?.add(part, region);

  const last = partitions.get(partition, PARTITION.last);
  if (last === 0) partitions.set(partition, PARTITION.first, part);
  else parts.set(last, PART.next, part);
  partitions.set(partition, PARTITION.last, part);
  partitions.add(partition, PARTITION.count, 1);
  partitions.add(partition, PARTITION.runs, region.runs);
  partitions.add(partition, PARTITION.active, 1);
  const missing = partitions.getWide(partition, PARTITION.missing) - region.count;
  assert(missing >= 0, 'parts have no element in common');
  partitions.setWide(partition, PARTITION.missing, missing);
  if (isGrowing(pool, version)) {
    const rows = region.onlyBox?.[0]?.count ?? 0;
    partitions.setWide(partition, PARTITION.rows, rowsOf(pool, version) + rows);
    versions.setWide(version, VERSION.size, versions.getWide(version, VERSION.size) + size);
  }

  if (handleState(pool, handle) !== HANDLE_STATE.offered) {
    handles.set(handle, HANDLE.version, version);
    setHandleState(pool, handle, HANDLE_STATE.offered);
  }
  member.offers++;
  member.bytesOffered += size;
}

/** WITHDRAW of a handle that has offered parts: its parts, and no others, are withdrawn. */
export function withdrawParts(pool: PoolState, handle: number): void {
  const { handles, parts, partitions, versions } = pool;
  const version = handles.get(handle, HANDLE.version);
  const partition = versions.get(version, VERSION.partition);
  forEachPart(pool, version, (part) => {
    if (parts.get(part, PART.provider) === handle) endPart(pool, partition, part);
  });
  partitions.set(partition, PARTITION.closing, 1);
  setHandleState(pool, handle, HANDLE_STATE.withdrawn);
  handles.set(handle, HANDLE.version, 0);
  pool.partitionsDue.push(versions.get(version, VERSION.object));
}

/** The offer of a part ends; its bytes stay for whom they are owed. */
function endPart(pool: PoolState, partition: number, part: number): void {
  const { parts, partitions, members } = pool;
  const flags = parts.get(part, PART.flags);
  assert((flags & PART_FLAG.offered) !== 0, 'a part is withdrawn once');
  parts.set(part, PART.flags, flags & ~PART_FLAG.offered);
  parts.set(part, PART.provider, 0);
  partitions.add(partition, PARTITION.active, -1);
  const member = members.get(parts.get(part, PART.providerMember));
  if (member !== undefined) {
    member.offers--;
    member.bytesOffered -= parts.getWide(part, PART.size);
  }
  if (parts.get(part, PART.bytes) === 0) return;
  partitions.add(partition, PARTITION.held, 1);
  freeUnlessOwed(pool, partitions.get(partition, PARTITION.version), part);
}

/** A version that stays by itself loses a handle of one of its providers: its parts stay. */
export function leaveParts(pool: PoolState, handle: number): void {
  const { handles, parts } = pool;
  const version = handles.get(handle, HANDLE.version);
  assert(versionHas(pool, version, VERSION_FLAG.scopePool), 'its parts stay by themselves');
  forEachPart(pool, version, (part) => {
    if (parts.get(part, PART.provider) === handle) parts.set(part, PART.provider, 0);
  });
  handles.set(handle, HANDLE.version, 0);
}

/** All parts of a version are withdrawn with it, and so are the handles that have offered them. */
export function endParts(pool: PoolState, version: number): void {
  const { handles, parts, versions } = pool;
  const partition = versions.get(version, VERSION.partition);
  forEachPart(pool, version, (part) => {
    if ((parts.get(part, PART.flags) & PART_FLAG.offered) === 0) return;
    const provider = parts.get(part, PART.provider);
    endPart(pool, partition, part);
    if (provider === 0 || handles.get(provider, HANDLE.version) !== version) return;
    setHandleState(pool, provider, HANDLE_STATE.withdrawn);
    handles.set(provider, HANDLE.version, 0);
  });
}

/** Frees the bytes of all parts, and the book of them. */
export function freeParts(pool: PoolState, version: number): void {
  pool.partIndexes.delete(version);
  const { arena, parts, partitions, regions, versions } = pool;
  forEachPart(pool, version, (part) => {
    freeBytesOf(pool, version, part);
    regions.free(parts.get(part, PART.region));
    parts.release(part);
  });
  const partition = versions.get(version, VERSION.partition);
  const statistics = partitions.get(partition, PARTITION.statistics);
  if (statistics !== 0) arena.free(statistics);
  partitions.release(partition);
  versions.set(version, VERSION.partition, 0);
}

/** The bytes of a part go; its region stays, as long as its version. */
export function freeBytesOf(pool: PoolState, version: number, part: number): void {
  const { arena, parts } = pool;
  const stored = parts.getWide(part, PART.stored);
  if (stored !== 0) {
    pool.effects.push({ kind: 'unstore', ...namedOf(pool, version), part: stored });
    parts.setWide(part, PART.stored, 0);
  }
  const flags = parts.get(part, PART.flags);
  const bytes = parts.get(part, PART.bytes);
  if ((flags & PART_FLAG.slice) !== 0) freed(pool, bytes);
  else if (bytes !== 0) {
    pool.bytesInline -= arena.size(bytes);
    arena.free(bytes);
  }
  parts.set(part, PART.flags, flags & PART_FLAG.offered);
  parts.set(part, PART.bytes, 0);
}

/** Whether the store has the bytes of a part of a version. */
export function isAnyStored(pool: PoolState, version: number): boolean {
  const { parts, partitions, versions } = pool;
  const partition = versions.get(version, VERSION.partition);
  if (partitions.get(partition, PARTITION.safety) !== SAFETY.safe) return false;
  let isFound = false;
  forEachPart(pool, version, (part) => {
    isFound ||= parts.getWide(part, PART.stored) !== 0;
  });
  return isFound;
}

/** What the store calls a version. */
export function namedOf(
  pool: PoolState,
  version: number,
): { readonly name: string; readonly version: number } {
  const { versions } = pool;
  const name = objectName(pool, versions.get(version, VERSION.object));
  return { name, version: versions.get(version, VERSION.number) };
}

/**
 * Whether the version in parts of an object goes on, though all its parts are withdrawn: somebody
 * has promised the name, or has a handle that may offer the rest.
 */
export function mayGoOn(pool: PoolState, object: number): boolean {
  let isAwaited = isPromised(pool, object);
  forEachHandle(pool, object, (handle) => {
    const state = handleState(pool, handle);
    isAwaited ||= state === HANDLE_STATE.declared || state === HANDLE_STATE.sealed;
  });
  return isAwaited;
}
