import { AxisSet } from '../../src/core/regions/axis-set.js';
import { type Dealing, dealAxis } from '../../src/core/regions/selection.js';

/** A part of an array, as JSON: what one of several has of an axis, cut along another one. */
export interface Share {
  readonly shape: readonly number[];
  readonly axis: number;
  readonly part: number;
  readonly parts: number;
  readonly dealing: Dealing;
  /** The other axis, and which indices of it. */
  readonly cut: readonly [axis: number, from: number, to: number];
}

export function axesOf({ shape, axis, part, parts, dealing, cut }: Share): AxisSet[] {
  const [other, from, to] = cut;
  return shape.map((size, at) => {
    if (at === axis) return dealAxis(size, { part, parts }, dealing);
    return at === other ? AxisSet.range(from, to) : AxisSet.range(0, size);
  });
}

/** Places in row-major order. */
export function* placesOf(share: Share): Generator<number> {
  const axes = axesOf(share).map((set) => set.toIndices());
  const { shape } = share;
  const walk = function* (axis: number, place: number): Generator<number> {
    if (axis === shape.length) {
      yield place;
      return;
    }
    for (const index of axes[axis] ?? []) yield* walk(axis + 1, place * (shape[axis] ?? 1) + index);
  };
  yield* walk(0, 0);
}

/** What an object of that number holds at a place. */
export function valueAt(object: number, place: number): number {
  return (Math.imul(object + 1, 0x9e37_79b1) ^ Math.imul(place + 1, 0x85eb_ca6b)) >>> 0;
}
