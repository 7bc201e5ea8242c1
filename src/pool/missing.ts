import { Region } from '../core/regions/region.js';
import { regionText } from '../core/regions/region-text.js';
import { forEachRegion, partsOf, shapeOf } from './parts.js';
import type { PoolState } from './state.js';

/**
 * Of more parts, or of what is left in more pieces, it is not looked for: an answer holds the pool
 * for a millisecond at most. A part with this many runs is a list of indices.
 */
const PARTS_MAX = 256;
const BOXES_MAX = 16;
const RUNS_MAX = 256;

/** Which elements of a version no part has, as people write a region; null: of too many pieces. */
export function missingRegion(pool: PoolState, version: number): string | null {
  if (partsOf(pool, version) > PARTS_MAX) return null;
  let left: Region | null = Region.whole(shapeOf(pool, version));
  forEachRegion(pool, version, (_part, region) => {
    if (left === null) return;
    // A part of B boxes cuts each of what is left B times, along each axis.
    const isSimple = region.boxes.length <= BOXES_MAX && region.runs <= RUNS_MAX;
    const cuts = left.boxes.length * region.boxes.length;
    left = isSimple && cuts <= BOXES_MAX && left.runs <= RUNS_MAX ? left.difference(region) : null;
  });
  return left === null ? null : regionText(left);
}
