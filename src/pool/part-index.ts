import { boundingBox } from '../core/regions/cutting.js';
import type { Region } from '../core/regions/region.js';

/** A part of which an index knows, and which of its version's it is, in the order of offers. */
interface IndexedPart {
  readonly part: number;
  readonly order: number;
}

/** A part that reaches over more cells of an axis is looked at by all that come along that axis. */
const CELLS_MAX = 8;

/** Parts along one axis: by cells as long as the first of them is. */
class AxisCells {
  readonly #length: number;
  readonly #cells = new Map<number, IndexedPart[]>();
  readonly #long: IndexedPart[] = [];

  constructor(length: number) {
    this.#length = length;
  }

  add(part: IndexedPart, first: number, last: number): void {
    const [from, to] = this.#reach(first, last);
    if (to - from >= CELLS_MAX) {
      this.#long.push(part);
      return;
    }
    for (let cell = from; cell <= to; cell++) {
      const parts = this.#cells.get(cell);
      if (parts === undefined) this.#cells.set(cell, [part]);
      else parts.push(part);
    }
  }

  /** How many would be looked at; Infinity: all of them. */
  countNear(first: number, last: number): number {
    const [from, to] = this.#reach(first, last);
    if (to - from >= CELLS_MAX) return Number.POSITIVE_INFINITY;
    let count = this.#long.length;
    for (let cell = from; cell <= to; cell++) count += this.#cells.get(cell)?.length ?? 0;
    return count;
  }

  /** Visits what lies near, some of it twice. */
  forEachNear(first: number, last: number, visit: (part: IndexedPart) => void): void {
    const [from, to] = this.#reach(first, last);
    for (const part of this.#long) visit(part);
    for (let cell = from; cell <= to; cell++) this.#cells.get(cell)?.forEach(visit);
  }

  #reach(first: number, last: number): readonly [from: number, to: number] {
    return [Math.floor(first / this.#length), Math.floor(last / this.#length)];
  }
}

/**
 * Which parts of a version may have elements in common with a region: those whose bounding boxes
 * are near along the axis that tells them best apart. So blocks are compared with a few
 * neighbours, a row of blocks at most, and not with all. What lies woven (cyclic) is compared with
 * all.
 */
export class PartIndex {
  readonly #axes: readonly AxisCells[];
  readonly #all: IndexedPart[] = [];

  constructor(first: Region) {
    this.#axes = extents(first).map(([from, to]) => new AxisCells(to - from + 1));
  }

  add(part: number, region: Region): void {
    const indexed = { part, order: this.#all.length };
    this.#all.push(indexed);
    for (const [at, [first, last]] of extents(region).entries()) {
      this.#axes[at]?.add(indexed, first, last);
    }
  }

  /** Visits each that may meet the region, in no order, some of them twice. */
  forEachNear(region: Region, visit: (part: IndexedPart) => void): void {
    let best: AxisCells | null = null;
    let fewest = this.#all.length;
    let range: readonly [number, number] = [0, 0];
    for (const [at, [first, last]] of extents(region).entries()) {
      const axis = this.#axes[at];
      const count = axis?.countNear(first, last) ?? Number.POSITIVE_INFINITY;
      if (axis === undefined || count >= fewest) continue;
      [best, fewest, range] = [axis, count, [first, last]];
    }
    if (best === null) this.#all.forEach(visit);
    else best.forEachNear(...range, visit);
  }
}

/** The first and the last index of a region along each axis; it has elements. */
function extents(region: Region): readonly (readonly [first: number, last: number])[] {
  const box = region.onlyBox ?? boundingBox(region).onlyBox ?? [];
  return box.map(({ first, last }) => [first, last] as const);
}
