import { BLOCK_SLICE } from '../catalog/extents.js';
import { forEachPart, namedOf } from './parts.js';
import { PART, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState, Stored } from './state.js';

/**
 * Bytes of a version that are in the store, and where in the pool's memory they belong: all of it,
 * or one of its parts.
 */
export interface StoredVersion extends Stored {
  readonly row: number;
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** What is in the store of all that is offered. */
export function storedVersions(pool: PoolState): StoredVersion[] {
  const { versions, extents, parts } = pool;
  const found: StoredVersion[] = [];
  const add = (row: number, part: number, block: number, size: number): void => {
    const place = { slab: extents.slabOf(block), offset: extents.offsetOf(block), size };
    found.push({ row, ...namedOf(pool, row), part, ...place });
  };
  const inParts = new Set<number>();
  for (const block of extents.blocks()) {
    if (extents.stateOf(block) !== BLOCK_SLICE) continue;
    const row = extents.ownerOf(block);
    if (versions.get(row, VERSION.partition) !== 0) inParts.add(row);
    if ((versions.get(row, VERSION.flags) & VERSION_FLAG.stored) === 0) continue;
    add(row, 0, block, versions.getWide(row, VERSION.size));
  }
  for (const row of inParts) {
    forEachPart(pool, row, (part) => {
      const stored = parts.getWide(part, PART.stored);
      if (stored === 0) return;
      add(row, stored, parts.get(part, PART.bytes), parts.getWide(part, PART.size));
    });
  }
  return found;
}
