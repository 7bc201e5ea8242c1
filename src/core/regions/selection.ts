import { refuse } from '../assert.js';
import { AxisSet } from './axis-set.js';
import { placeOf, Region } from './region.js';

/**
 * Indices along one axis, as people write them: one index; all of them (`null`); `[start, stop]` or
 * `[start, stop, step]`, without `stop`; blocks; a list, in ascending order. Negative indices count
 * from the end, where there is one.
 */
export type AxisSelection =
  | number
  | null
  | readonly [start: number, stop: number, step?: number]
  | {
      readonly start: number;
      readonly count: number;
      /** From the start of one block to that of the next; as long as a block, unless given. */
      readonly stride?: number;
      readonly block?: number;
    }
  | { readonly indices: ArrayLike<number> }
  | AxisSet;

/**
 * A region, as people write it: a selection for each axis; a hyperslab as HDF5 and PDC have it;
 * points, by their indices; or several of these, which may overlap.
 */
export type RegionSelection =
  | readonly AxisSelection[]
  | {
      readonly offset: readonly number[];
      readonly count: readonly number[];
      readonly stride?: readonly number[];
      readonly block?: readonly number[];
    }
  | { readonly points: readonly (readonly number[])[] }
  | { readonly union: readonly RegionSelection[] };

/** The region that is meant; `bad-region` when the shape has it not. */
export function selectRegion(
  shape: readonly (number | null)[],
  selection: RegionSelection,
): Region {
  if (typeof selection !== 'object' || selection === null) {
    badRegion(`${JSON.stringify(selection) ?? String(selection)} is none`);
  }
  if (isAxes(selection)) {
    if (selection.length !== shape.length) badRank(selection.length, shape.length);
    const box = selection.map((axis, at) => selectAxis(shape[at] as number | null, axis));
    return Region.box(shape, box);
  }
  if ('points' in selection) return pointsOf(shape, selection.points);
  if ('union' in selection) {
    const none = Region.none(shape);
    if (selection.union.some((each) => 'union' in each)) {
      badRegion('a union within a union: name all of its regions in one');
    }
    return selection.union.reduce((all, each) => all.union(selectRegion(shape, each)), none);
  }
  return selectRegion(shape, slabAxes(selection));
}

type Hyperslab = Extract<RegionSelection, { readonly offset: readonly number[] }>;

function slabAxes({ offset, count, stride, block }: Hyperslab): AxisSelection[] {
  for (const each of [count, stride, block]) {
    if (each !== undefined && each.length !== offset.length) {
      badRegion('offset, count, stride and block have a number for each dimension');
    }
  }
  return offset.map((start, at) => ({
    start,
    count: count[at] as number,
    ...(stride === undefined ? {} : { stride: stride[at] as number }),
    ...(block === undefined ? {} : { block: block[at] as number }),
  }));
}

/**
 * The sets of a selection by axes, or a hyperslab, of a shape that is not known: null is all of an
 * axis. `bad-region` where the shape is needed to tell what is meant.
 */
export function selectOpen(selection: RegionSelection): readonly (AxisSet | null)[] {
  if (isAxes(selection)) {
    return selection.map((axis) => {
      if (axis === null) return null;
      const set = selectAxis(null, axis);
      if (!set.isEmpty && set.first < 0) badRegion(`an index counts from the end: ${SAY_SHAPE}`);
      return set;
    });
  }
  if ('offset' in selection) return selectOpen(slabAxes(selection));
  return badRegion(`points and unions are places in a shape: ${SAY_SHAPE}`);
}

const SAY_SHAPE = 'say the shape in the space of the object';

function isAxes(selection: RegionSelection): selection is readonly AxisSelection[] {
  return Array.isArray(selection);
}

function isRange(axis: AxisSelection): axis is readonly [number, number, number?] {
  return Array.isArray(axis);
}

function selectAxis(size: number | null, axis: AxisSelection): AxisSet {
  if (axis === null) {
    if (size === null) badRegion('the first dimension has no end yet');
    return AxisSet.range(0, size);
  }
  if (typeof axis === 'number') {
    const index = fromEnd(whole(axis, 'an index'), size);
    return AxisSet.range(index, index + 1);
  }
  if (axis instanceof AxisSet) return axis;
  if (typeof axis !== 'object') {
    return badRegion(`${JSON.stringify(axis) ?? String(axis)} is no selection of an axis`);
  }
  if (isRange(axis)) {
    const [start, stop, step = 1] = axis;
    const first = fromEnd(whole(start, 'a start'), size);
    const end = fromEnd(whole(stop, 'a stop'), size);
    const stride = atLeast(step, 1, 'a step');
    const count = Math.max(0, Math.ceil((end - first) / stride));
    return AxisSet.blocks({ start: first, stride, count, block: 1 });
  }
  if ('indices' in axis) return selectList(size, axis.indices);
  const block = atLeast(axis.block ?? 1, 1, 'a block');
  const stride = atLeast(axis.stride ?? block, 1, 'a stride');
  const count = atLeast(axis.count, 0, 'a count');
  if (stride < block && count > 1) badRegion(`blocks of ${block} overlap when ${stride} apart`);
  return AxisSet.blocks({
    start: fromEnd(whole(axis.start, 'a start'), size),
    stride,
    count,
    block,
  });
}

// A loop: a list can have all cells of a grid, and Array.from takes three times as long.
function selectList(size: number | null, indices: ArrayLike<number>): AxisSet {
  const places = new Float64Array(indices.length);
  let before = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < places.length; at++) {
    const place = fromEnd(whole(indices[at] as number, 'an index'), size);
    if (place <= before) badRegion('the indices of a list ascend, and none comes twice');
    places[at] = place;
    before = place;
  }
  return AxisSet.indices(places);
}

function pointsOf(
  shape: readonly (number | null)[],
  points: readonly (readonly number[])[],
): Region {
  const places = points.map((point) => {
    if (point.length !== shape.length) badRank(point.length, shape.length);
    return placeOf(
      shape,
      point.map((index, at) => {
        const size = shape[at] as number | null;
        const from = fromEnd(whole(index, 'an index'), size);
        // Beyond its axis it would be the place of another element.
        if (from < 0 || (size !== null && from >= size)) {
          refuse('bad-region', `Cannot use the region: dimension ${at} has no index ${index}`);
        }
        return from;
      }),
    );
  });
  places.sort((one, other) => one - other);
  return Region.points(
    shape,
    AxisSet.indices(places.filter((each, at) => each !== places[at - 1])),
  );
}

function fromEnd(index: number, size: number | null): number {
  return index < 0 && size !== null ? index + size : index;
}

function whole(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) badRegion(`${what} is a whole number, not ${value}`);
  return value;
}

function atLeast(value: number, least: number, what: string): number {
  if (whole(value, what) < least) badRegion(`${what} is ${least} at least, not ${value}`);
  return value;
}

function badRank(has: number, space: number): never {
  return badRegion(`it has ${has} dimensions, the space has ${space}`);
}

function badRegion(why: string): never {
  return refuse('bad-region', `Cannot use the region: ${why}`);
}

/** How an axis is dealt out to parts. */
export type Dealing =
  | { readonly kind: 'block' }
  | { readonly kind: 'cyclic' }
  | { readonly kind: 'block-cyclic'; readonly block: number };

/**
 * What one of `parts` has of an axis of a size, as MPI programs deal it out: blocks whose sizes
 * differ by one at most, the larger ones first; or in turn, one by one or by blocks. Together they
 * have each index once; one may have none.
 */
export function dealAxis(
  size: number,
  { part, parts }: { readonly part: number; readonly parts: number },
  dealing: Dealing,
): AxisSet {
  atLeast(parts, 1, 'the number of parts');
  if (whole(part, 'a part') < 0 || part >= parts) badRegion(`there is no part ${part} of ${parts}`);
  if (dealing.kind === 'block') {
    const least = Math.floor(size / parts);
    const start = part * least + Math.min(part, size % parts);
    return AxisSet.range(start, start + least + (part < size % parts ? 1 : 0));
  }
  const block = dealing.kind === 'cyclic' ? 1 : atLeast(dealing.block, 1, 'a block');
  const start = part * block;
  const stride = block * parts;
  // Whole blocks, and one that the end cuts.
  const count = Math.max(0, Math.floor((size - start - block) / stride) + 1);
  const cut = start + count * stride;
  return AxisSet.blocks({ start, stride, count, block }).union(
    AxisSet.range(cut, Math.min(size, cut + block)),
  );
}
