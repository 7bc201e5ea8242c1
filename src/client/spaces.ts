import type { SpaceExpectation } from '../core/space.js';

/**
 * `base` with what `over` says put in its place, as SET does it: a shape with as many dimensions
 * replaces dimension by dimension, another one as a whole.
 */
export function mergeSpaces(base: SpaceExpectation, over: SpaceExpectation): SpaceExpectation {
  const merged = { ...base, ...over };
  if (base.shape === undefined || over.shape?.length !== base.shape.length) return merged;
  const former = base.shape;
  return {
    ...merged,
    shape: over.shape.map((dimension, index) => dimension ?? former[index] ?? null),
  };
}
