import { assert, refuse } from '../assert.js';
import { LIMITS } from '../limits.js';
import { AxisSet } from './axis-set.js';

/** A product of indices along each axis: the first is that of the outermost dimension. */
export type Box = readonly AxisSet[];

/**
 * A part of a space of 0 to 16 dimensions: boxes, and single points as their places in row-major
 * order; none has an element in common with another. It knows the shape it is a part of, of which
 * the first dimension may be open (null): points do not depend on it.
 *
 * Its elements have an order: box by box as they are listed, each box row by row (the last axis
 * fastest), then the points by their places. That is how the bytes of a part lie, in row order.
 */
export class Region {
  readonly shape: readonly (number | null)[];
  readonly boxes: readonly Box[];
  readonly points: AxisSet;
  /** Elements. */
  readonly count: number;

  private constructor(
    shape: readonly (number | null)[],
    boxes: readonly Box[],
    points: AxisSet = AxisSet.EMPTY,
  ) {
    this.shape = shape;
    this.boxes = boxes;
    this.points = points;
    this.count = boxes.reduce((sum, box) => sum + countOf(box), points.count);
  }

  /** `bad-region` where the box has indices that the shape has not. */
  static box(shape: readonly (number | null)[], box: Box): Region {
    if (box.length !== shape.length) {
      const why = `it has ${box.length} dimensions, the space has ${shape.length}`;
      refuse('bad-region', `Cannot use the region: ${why}`);
    }
    for (const [at, axis] of box.entries()) {
      checkBounds(axis, shape[at] as number | null, `dimension ${at}`);
    }
    return new Region(shape, isEmpty(box) ? [] : [box]);
  }

  /** All of it. The first dimension must be known. */
  static whole(shape: readonly number[]): Region {
    const box = shape.map((size) => AxisSet.range(0, size));
    return new Region(shape, isEmpty(box) ? [] : [box]);
  }

  /** Of boxes of the shape, none of which has an element in common with another. */
  static disjoint(shape: readonly (number | null)[], boxes: readonly Box[]): Region {
    return new Region(shape, boxes);
  }

  static none(shape: readonly (number | null)[]): Region {
    return new Region(shape, []);
  }

  /** Of places in row-major order. `bad-region` beyond the shape. */
  static points(shape: readonly (number | null)[], places: AxisSet): Region {
    if (shape.length === 0) refuse('bad-region', 'Cannot use the region: a scalar has no points');
    if (places.count > LIMITS.regionPointsMax) {
      const why = `it has more than ${LIMITS.regionPointsMax} points`;
      refuse('bad-region', `Cannot use the region: ${why}`);
    }
    checkBounds(places, sizeOf(shape), 'place');
    return new Region(shape, [], places);
  }

  get isEmpty(): boolean {
    return this.count === 0;
  }

  /** Whether it is all of its shape. */
  get isWhole(): boolean {
    return this.count === sizeOf(this.shape);
  }

  /** The one box that it is; null when it is more, or has points. */
  get onlyBox(): Box | null {
    const [box] = this.boxes;
    return this.boxes.length === 1 && this.points.isEmpty && box !== undefined ? box : null;
  }

  has(element: readonly number[]): boolean {
    const isIn = (box: Box): boolean => box.every((axis, at) => axis.has(element[at] as number));
    return this.boxes.some(isIn) || this.points.has(placeOf(this.shape, element));
  }

  /** Whether both have the same elements, in whatever order. */
  equals(other: Region): boolean {
    return this.count === other.count && this.countCommon(other) === this.count;
  }

  /** How many elements both have. */
  countCommon(other: Region): number {
    let count = this.points.intersect(other.points).count;
    for (const box of this.boxes) {
      for (const each of other.boxes) count += countCommonOf(box, each);
      count += pointsIn(other, box).count;
    }
    for (const box of other.boxes) count += pointsIn(this, box).count;
    return count;
  }

  meets(other: Region): boolean {
    for (const box of this.boxes) {
      for (const each of other.boxes) {
        if (box.every((axis, at) => axis.meets(each[at] as AxisSet))) return true;
      }
    }
    return (
      this.points.meets(other.points) ||
      this.boxes.some((box) => !pointsIn(other, box).isEmpty) ||
      other.boxes.some((box) => !pointsIn(this, box).isEmpty)
    );
  }

  /** Whether it has every element of another one. */
  covers(other: Region): boolean {
    return this.countCommon(other) === other.count;
  }

  intersect(other: Region): Region {
    const boxes: Box[] = [];
    let points = this.points.intersect(other.points);
    for (const box of this.boxes) {
      for (const each of other.boxes) {
        const common = box.map((axis, at) => axis.intersect(each[at] as AxisSet));
        if (!isEmpty(common)) boxes.push(common);
      }
      points = points.union(pointsIn(other, box));
    }
    for (const box of other.boxes) points = points.union(pointsIn(this, box));
    return new Region(this.shape, boxes, points);
  }

  difference(other: Region): Region {
    let boxes = this.boxes;
    let { points } = this;
    for (const taken of other.boxes) {
      boxes = boxes.flatMap((box) => boxWithout(box, taken));
      points = points.difference(pointsIn(this, taken));
      checkPieces(boxes.length);
    }
    for (const box of this.boxes) {
      for (const place of pointsIn(other, box).toIndices()) {
        const taken = elementAt(this.shape, place).map((index) => AxisSet.range(index, index + 1));
        boxes = boxes.flatMap((each) => boxWithout(each, taken));
        checkPieces(boxes.length);
      }
    }
    return new Region(this.shape, boxes, points.difference(other.points));
  }

  union(other: Region): Region {
    const more = other.difference(this);
    checkPieces(this.boxes.length + more.boxes.length);
    return new Region(this.shape, [...this.boxes, ...more.boxes], this.points.union(more.points));
  }

  /** With another one, which has no element in common with it. */
  with(other: Region): Region {
    const boxes = [...this.boxes, ...other.boxes];
    return new Region(this.shape, boxes, this.points.union(other.points));
  }

  /** Runs of its boxes, and its points, which are looked at one by one: what comparing it costs. */
  get runs(): number {
    const ofBox = (box: Box): number => box.reduce((sum, { runs }) => sum + runs.length, 0);
    return this.boxes.reduce((sum, box) => sum + ofBox(box), this.points.count);
  }

  /** Elements of each box, and of the points at last: how its bytes are cut. */
  get pieces(): readonly number[] {
    const counts = this.boxes.map(countOf);
    return this.points.isEmpty ? counts : [...counts, this.points.count];
  }
}

/** How many elements a box has. */
export function countOf(box: Box): number {
  return box.reduce((product, axis) => product * axis.count, 1);
}

function isEmpty(box: Box): boolean {
  return box.some((axis) => axis.isEmpty);
}

function countCommonOf(one: Box, other: Box): number {
  let count = 1;
  for (let at = 0; at < one.length && count > 0; at++) {
    count *= (one[at] as AxisSet).intersect(other[at] as AxisSet).count;
  }
  return count;
}

/** A box without what another one has: as many boxes as it has axes at most. */
function boxWithout(box: Box, taken: Box): Box[] {
  const common = box.map((axis, at) => axis.intersect(taken[at] as AxisSet));
  if (isEmpty(common)) return [box];
  const left: Box[] = [];
  for (let at = 0; at < box.length; at++) {
    const rest = (box[at] as AxisSet).difference(taken[at] as AxisSet);
    if (!rest.isEmpty) left.push([...common.slice(0, at), rest, ...box.slice(at + 1)]);
  }
  return left;
}

/** The points of a region that lie in a box. */
function pointsIn({ shape, points }: Region, box: Box): AxisSet {
  if (points.isEmpty) return points;
  const inside = points.toIndices().filter((place) => {
    let rest = place;
    for (let at = box.length - 1; at >= 0; at--) {
      const size = at === 0 ? Number.POSITIVE_INFINITY : (shape[at] as number);
      const index = at === 0 ? rest : rest % size;
      if (!(box[at] as AxisSet).has(index)) return false;
      rest = Math.floor(rest / size);
    }
    return true;
  });
  return AxisSet.indices(inside);
}

/** The element at a place in row-major order. */
export function elementAt(shape: readonly (number | null)[], place: number): number[] {
  const element = new Array<number>(shape.length).fill(0);
  let rest = place;
  for (let at = shape.length - 1; at > 0; at--) {
    const size = shape[at] as number;
    element[at] = rest % size;
    rest = Math.floor(rest / size);
  }
  if (shape.length > 0) element[0] = rest;
  return element;
}

/** The place of an element in row-major order. */
export function placeOf(shape: readonly (number | null)[], element: readonly number[]): number {
  let place = 0;
  for (let at = 0; at < element.length; at++) {
    place = at === 0 ? (element[0] as number) : place * (shape[at] as number) + (element[at] ?? 0);
  }
  return place;
}

/** How many elements a shape has; infinite while its first dimension is open. */
function sizeOf(shape: readonly (number | null)[]): number {
  assert(!shape.slice(1).includes(null), 'only the first dimension may be open');
  if (shape.includes(0)) return 0;
  return shape.reduce<number>((size, each) => size * (each ?? Number.POSITIVE_INFINITY), 1);
}

function checkBounds(axis: AxisSet, size: number | null, what: string): void {
  if (axis.isEmpty) return;
  const { first, last } = axis;
  if (first < 0 || last >= (size ?? Number.MAX_SAFE_INTEGER)) {
    refuse(
      'bad-region',
      `Cannot use the region: ${what} goes from 0 to ${(size ?? 0) - 1}, not ${first} to ${last}`,
      { first, last, size },
    );
  }
}

function checkPieces(count: number): void {
  if (count > LIMITS.regionBoxesMax) {
    refuse(
      'bad-region',
      `Cannot use the region: it comes to more than ${LIMITS.regionBoxesMax} boxes`,
    );
  }
}
