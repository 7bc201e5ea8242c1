import { assert } from '../assert.js';
import { AxisSet } from './axis-set.js';
import { type Box, countOf, elementAt, Region } from './region.js';

/** What of a region lies in one chunk of a grid. */
interface ChunkOfRegion {
  /** The place of the chunk in its grid, an index along each axis. */
  readonly chunk: readonly number[];
  /** All of the chunk that the space has: at its edges a chunk is smaller. */
  readonly whole: Region;
  readonly common: Region;
}

/** The smallest box without strides that has every element of a region; of none, the region. */
export function boundingBox(region: Region): Region {
  if (region.isEmpty) return region;
  const { shape } = region;
  const low = shape.map(() => Number.POSITIVE_INFINITY);
  const high = shape.map(() => -1);
  const take = (at: number, first: number, last: number): void => {
    low[at] = Math.min(low[at] as number, first);
    high[at] = Math.max(high[at] as number, last);
  };
  for (const box of region.boxes) {
    for (const [at, axis] of box.entries()) take(at, axis.first, axis.last);
  }
  for (const place of region.points.toIndices()) {
    for (const [at, index] of elementAt(shape, place).entries()) take(at, index, index);
  }
  const box = shape.map((_, at) => AxisSet.range(low[at] as number, (high[at] as number) + 1));
  return Region.box(shape, box);
}

/**
 * Cuts a region into pieces of at most `elementsMax` elements, in its order: put one behind another
 * their bytes are those of the region. Each is cut along the outermost axis that lets it, so that
 * it stays as contiguous as the region is.
 */
export function* splitRegion(region: Region, elementsMax: number): Generator<Region> {
  assert(elementsMax >= 1, 'a piece has an element');
  const { shape, points } = region;
  for (const box of region.boxes) {
    for (const piece of splitBox(box, 0, elementsMax)) yield Region.box(shape, piece);
  }
  for (const piece of splitAxis(points, elementsMax)) yield Region.points(shape, piece);
}

function* splitBox(box: Box, from: number, elementsMax: number): Generator<Box> {
  const axis = box[from];
  if (axis === undefined || countOf(box) <= elementsMax) {
    yield box;
    return;
  }
  const inner = countOf(box) / axis.count;
  const rows = Math.max(1, Math.floor(elementsMax / inner));
  for (const piece of splitAxis(axis, rows)) {
    const cut = [...box.slice(0, from), piece, ...box.slice(from + 1)];
    yield* splitBox(cut, from + 1, elementsMax);
  }
}

/** Pieces of so many indices, the last one perhaps of fewer, in ascending order. */
function* splitAxis(axis: AxisSet, countMax: number): Generator<AxisSet> {
  if (axis.count <= countMax) {
    if (!axis.isEmpty) yield axis;
    return;
  }
  let kept: { start: number; step: number; count: number }[] = [];
  let room = countMax;
  for (const { start, step, count } of axis.flat().runs) {
    for (let done = 0; done < count; ) {
      const taken = Math.min(room, count - done);
      kept.push({ start: start + done * step, step: taken === 1 ? 1 : step, count: taken });
      done += taken;
      room -= taken;
      if (room > 0) continue;
      yield AxisSet.of(kept);
      kept = [];
      room = countMax;
    }
  }
  if (kept.length > 0) yield AxisSet.of(kept);
}

/**
 * What of a region lies in each chunk of a regular grid, of the chunks in which some of it lies, by
 * their places in row-major order. `chunk`: the size of one along each axis, at least 1. Costs as
 * much as chunks are hit, not as the grid has.
 */
export function* chunksOf(region: Region, chunk: readonly number[]): Generator<ChunkOfRegion> {
  const { shape } = region;
  assert(chunk.length === shape.length && chunk.every((size) => size >= 1), 'a grid of the space');
  if (region.isEmpty) return;
  const hit = new Map<string, readonly number[]>();
  const add = (place: readonly number[]): void => {
    hit.set(place.join(','), place);
  };
  for (const box of region.boxes) {
    for (const place of productOf(box.map((axis, at) => hitBy(axis, chunk[at] as number)))) {
      add(place);
    }
  }
  for (const point of region.points.toIndices()) {
    add(elementAt(shape, point).map((index, at) => Math.floor(index / (chunk[at] as number))));
  }
  for (const place of [...hit.values()].sort(byPlace)) {
    const whole = chunkAt(shape, chunk, place);
    yield { chunk: place, whole, common: region.intersect(whole) };
  }
}

function chunkAt(
  shape: readonly (number | null)[],
  chunk: readonly number[],
  place: readonly number[],
): Region {
  const box = place.map((index, at) => {
    const size = chunk[at] as number;
    const end = shape[at] ?? Number.POSITIVE_INFINITY;
    return AxisSet.range(index * size, Math.min(end, (index + 1) * size));
  });
  return Region.box(shape, box);
}

/** The chunks of one axis in which a set has an index, in ascending order. */
function hitBy(axis: AxisSet, size: number): number[] {
  const hit = new Set<number>();
  for (const { start, step, count } of axis.runs) {
    const last = Math.floor((start + (count - 1) * step) / size);
    if (step <= size) {
      for (let each = Math.floor(start / size); each <= last; each++) hit.add(each);
    } else {
      for (let at = 0; at < count; at++) hit.add(Math.floor((start + at * step) / size));
    }
  }
  return [...hit].sort((one, other) => one - other);
}

/** All ways to take one of each list, the last one fastest. */
function* productOf(lists: readonly (readonly number[])[]): Generator<number[]> {
  const [first, ...rest] = lists;
  if (first === undefined) {
    yield [];
    return;
  }
  for (const one of first) for (const others of productOf(rest)) yield [one, ...others];
}

function byPlace(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((index, axis) => index !== other[axis]);
  return at < 0 ? 0 : (one[at] as number) - (other[at] as number);
}
