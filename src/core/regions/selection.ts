import { refuse } from '../assert.js';
import { type KnownKeys, keysOf, unknownKey } from '../known-keys.js';
import { AxisSet } from './axis-set.js';
import { placeOf, Region } from './region.js';

/**
 * Indices along one axis, as people write them: one index; all of them (`null`); `[start, stop]` or
 * `[start, stop, step]`, without `stop`, where null is the begin and the end; blocks; a list, in
 * ascending order. Negative indices count from the end, where there is one.
 */
export type AxisSelection =
  | number
  | null
  | readonly [start: number | null, stop: number | null, step?: number]
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
 * A region, as people write it: a selection for each axis, of which the last ones may be left out:
 * all of them, as those are that `'...'` stands for; a hyperslab as HDF5 and PDC have it; points,
 * by their indices; or several of these, which may overlap.
 */
export type RegionSelection =
  | readonly (AxisSelection | '...')[]
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
  checkForm(selection);
  if (isAxes(selection)) {
    const axes = allAxes(shape.length, selection);
    if (axes.length !== shape.length) badRank(axes.length, shape.length);
    const box = axes.map((axis, at) => selectAxis(shape[at] as number | null, axis));
    return Region.box(shape, box);
  }
  if ('points' in selection) return pointsOf(shape, selection.points);
  if ('union' in selection) {
    const none = Region.none(shape);
    for (const each of selection.union) {
      checkForm(each);
      if ('union' in each) badRegion('a union within a union: name all of its regions in one');
    }
    return selection.union.reduce((all, each) => all.union(selectRegion(shape, each)), none);
  }
  const axes = slabAxes(selection);
  if (axes.length !== shape.length) badRank(axes.length, shape.length);
  return selectRegion(shape, axes);
}

const SLAB = keysOf<Hyperslab>({ offset: true, count: true, stride: true, block: true });
const POINTS: KnownKeys = new Set(['points']);
const UNION: KnownKeys = new Set(['union']);
const BLOCKS = keysOf<Blocks>({ start: true, count: true, stride: true, block: true });
const LIST: KnownKeys = new Set(['indices']);

/** Of plain JavaScript anything may come. */
function checkForm(selection: unknown): void {
  if (typeof selection === 'string') {
    const why = 'a list has a selection for each axis, as in [[0, 2], null]';
    badRegion(`${JSON.stringify(selection)} is a text; ${why}`);
  }
  if (typeof selection !== 'object' || selection === null) {
    badRegion(`${JSON.stringify(selection) ?? String(selection)} is none`);
  }
  if (Array.isArray(selection)) return;
  if ('points' in selection) mustBeList(selection, 'points', POINTS);
  else if ('union' in selection) mustBeList(selection, 'union', UNION);
  else {
    mustBeList(selection, 'offset', SLAB);
    mustBeList(selection, 'count', SLAB);
  }
}

function mustBeList(selection: object, key: string, known: KnownKeys): void {
  checkAxisKeys(selection, known, 'the keys of a region');
  const list = (selection as { readonly [key: string]: unknown })[key];
  if (!Array.isArray(list)) badRegion(`its "${key}" is no list`);
}

function checkAxisKeys(given: object, known: KnownKeys, what: string): void {
  for (const key in given) {
    if (known.has(key)) continue;
    throw new TypeError(`Cannot use the region: ${unknownKey(key, known, what)}`);
  }
}

/** As many as there are dimensions: `...`, and what is left out at the end, is all of each. */
function allAxes(
  dimensions: number,
  selection: readonly (AxisSelection | '...')[],
): readonly AxisSelection[] {
  const at = selection.indexOf('...');
  if (at < 0 && selection.length >= dimensions) return selection as readonly AxisSelection[];
  const before = at < 0 ? selection : selection.slice(0, at);
  const behind = at < 0 ? [] : selection.slice(at + 1);
  if (behind.includes('...')) badRegion('"..." is in it twice');
  const left = Math.max(0, dimensions - before.length - behind.length);
  const all = Array.from({ length: left }, () => null);
  return [...before, ...all, ...behind] as AxisSelection[];
}

/**
 * Whether the shape is needed to tell what is meant: something counts from the end, goes up to it,
 * or stands behind dimensions of which nobody knows how many they are.
 */
export function needsShape(selection: RegionSelection): boolean {
  checkForm(selection);
  if (!isAxes(selection)) return !('offset' in selection);
  const at = selection.indexOf('...');
  if (at >= 0 && at < selection.length - 1) return true;
  return selection.some((axis) => {
    if (typeof axis === 'number') return axis < 0;
    if (typeof axis !== 'object' || axis === null || axis instanceof AxisSet) return false;
    if (isRange(axis)) {
      const [start, stop] = axis;
      return stop === null ? !isAll(axis) : stop < 0 || (start ?? 0) < 0;
    }
    if ('indices' in axis) return (axis.indices[0] ?? 0) < 0;
    return axis.start < 0;
  });
}

/** `[null, null]` is all of an axis, too. */
function isAll([start, stop, step = 1]: Range): boolean {
  return (start ?? 0) === 0 && stop === null && step === 1;
}

type Range = Extract<AxisSelection, readonly unknown[]>;
type Blocks = Extract<AxisSelection, { readonly count: number; readonly start: number }>;
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
  checkForm(selection);
  if (isAxes(selection)) {
    const at = selection.indexOf('...');
    if (at >= 0 && at < selection.length - 1) badRegion(`axes come behind "...": ${SAY_SHAPE}`);
    const axes = (at < 0 ? selection : selection.slice(0, at)) as readonly AxisSelection[];
    return axes.map((axis) => {
      if (axis === null || (Array.isArray(axis) && isAll(axis as Range))) return null;
      const set = selectAxis(null, axis);
      if (!set.isEmpty && set.first < 0) badRegion(`an index counts from the end: ${SAY_SHAPE}`);
      return set;
    });
  }
  if ('offset' in selection) return selectOpen(slabAxes(selection));
  return badRegion(`points and unions are places in a shape: ${SAY_SHAPE}`);
}

const SAY_SHAPE = 'say the shape in the space of the object';

function isAxes(selection: RegionSelection): selection is readonly (AxisSelection | '...')[] {
  return Array.isArray(selection);
}

function isRange(axis: AxisSelection): axis is Range {
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
    const first = fromEnd(whole(start ?? 0, 'a start'), size);
    if (stop === null && size === null) badRegion(`it goes up to the end: ${SAY_SHAPE}`);
    const end = fromEnd(whole(stop ?? (size as number), 'a stop'), size);
    const stride = atLeast(step, 1, 'a step');
    const count = Math.max(0, Math.ceil((end - first) / stride));
    return AxisSet.blocks({ start: first, stride, count, block: 1 });
  }
  if ('indices' in axis) {
    checkAxisKeys(axis, LIST, 'the keys of a list of indices');
    return selectList(size, axis.indices);
  }
  checkAxisKeys(axis, BLOCKS, 'the keys of an axis');
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
