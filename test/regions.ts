/** Sets of indices and regions of small shapes, for comparison with sets of their elements. */
import { AxisSet } from '../src/core/regions/axis-set.js';
import { elementAt, placeOf, Region } from '../src/core/regions/region.js';
import { fc } from './fast-check.js';

/** One more than the highest index of {@link axisSets}. */
export const SIZE = 60;

export const axisSets = axisSetsBelow(SIZE);

/** Blocks, strides, blocks at strides and lists of an axis of a size. */
export function axisSetsBelow(size: number): fc.Arbitrary<AxisSet> {
  const blocks = fc
    .record({
      start: fc.nat(Math.max(0, size - 1)),
      block: fc.integer({ min: 1, max: 5 }),
      gap: fc.nat(7),
      count: fc.nat(20),
    })
    .map(({ start, block, gap, count }) =>
      AxisSet.blocks({ start, stride: block + gap, count, block }).within(0, size),
    );
  const lists = fc
    .uniqueArray(fc.nat(Math.max(0, size - 1)), { maxLength: 20 })
    .map((indices) => AxisSet.indices(indices.sort((one, other) => one - other)).within(0, size));
  const ranges = fc
    .tuple(fc.nat(size), fc.nat(size))
    .map(([one, other]) => AxisSet.range(Math.min(one, other), Math.max(one, other)));
  return fc.oneof(ranges, blocks, lists);
}

export const shapes: fc.Arbitrary<number[]> = fc.array(fc.nat(7), { minLength: 1, maxLength: 4 });

/** Regions of a shape: boxes, points, and what is left of both. */
export function regionsOf(shape: readonly number[]): fc.Arbitrary<Region> {
  const boxes = fc.tuple(...shape.map(axisSetsBelow)).map((box) => Region.box(shape, box));
  const size = shape.reduce((product, each) => product * each, 1);
  const points = axisSetsBelow(size).map((places) => Region.points(shape, places));
  const simple = fc.oneof({ arbitrary: boxes, weight: 3 }, points);
  return fc.oneof(
    simple,
    fc.tuple(simple, simple).map(([one, other]) => one.union(other)),
    fc.tuple(simple, simple).map(([one, other]) => one.difference(other)),
  );
}

/** The places of its elements in row-major order, in the order of its elements. */
export function placesOf(region: Region): number[] {
  const places: number[] = [];
  const add = (box: readonly AxisSet[], element: readonly number[]): void => {
    const [axis, ...rest] = box;
    if (axis === undefined) places.push(placeOf(region.shape, element));
    else for (const index of axis.toIndices()) add(rest, [...element, index]);
  };
  for (const box of region.boxes) add(box, []);
  places.push(...region.points.toIndices());
  return places;
}

export { elementAt };
