import { assert } from '../assert.js';
import type { Order } from '../space.js';
import type { AxisSet } from './axis-set.js';
import { type Box, countOf, elementAt, type Region } from './region.js';
import { lastOf, type Run } from './runs.js';

/** Bytes of a region, dense: each box with its last axis fastest, or its first. */
export interface Laid {
  readonly region: Region;
  readonly bytes: Uint8Array;
  readonly order: Order;
}

/**
 * Copies all elements that two regions of one shape have in common, from one's bytes to the
 * other's: whatever their orders, and however they are cut. Bytes of an element stay as they are.
 * Returns how many were copied. `itemSize`: bytes of an element.
 */
export function copyCommon(source: Laid, target: Laid, itemSize: number): number {
  const sources = piecesOf(source);
  const targets = piecesOf(target);
  let copied = 0;
  for (const to of targets) {
    for (const from of sources) copied += copyPiece(from, to, { source, target, itemSize });
  }
  return copied;
}

/** A whole array as it lies, and in which order. */
interface Whole {
  readonly bytes: Uint8Array;
  readonly order: Order;
}

/**
 * Copies a whole array into another order, or with its axes in another order: axis `n` of the
 * target is axis `axes[n]` of the source, which has `shape`.
 */
export function copyPermuted(
  source: Whole & { readonly shape: readonly number[] },
  target: Whole,
  axes: readonly number[],
  itemSize: number,
): void {
  const { shape } = source;
  if (shape.includes(0)) return;
  const permuted = axes.map((axis) => shape[axis] as number);
  const from = wholeStrides(shape, source.order);
  const to = wholeStrides(permuted, target.order);
  const each = permuted.map((count, at): Axis => {
    const sourceStep = from[axes[at] as number] as number;
    return [{ source: 0, target: 0, sourceStep, targetStep: to[at] as number, count }];
  });
  const ordered = target.order === 'row' ? each : each.toReversed();
  new Copier(source.bytes, target.bytes, itemSize).copy(merged(ordered), 0, 0);
}

/**
 * The place at which a region lies in the bytes of another one, as it would lie by itself: all its
 * elements side by side, in the order that is wanted. Null where it does not.
 */
export function stretchOf(
  source: Omit<Laid, 'bytes'>,
  wanted: Region,
  order: Order,
): number | null {
  const box = source.region.onlyBox;
  const inner = wanted.onlyBox;
  if (box === null || inner === null) {
    const isSame = source.region.pieces.join() === wanted.pieces.join();
    return isSame && order === source.order && isSameOrder(source.region, wanted) ? 0 : null;
  }
  // With one dimension of more than one index an order is as good as the other.
  const isFlat = inner.filter((axis) => axis.count > 1).length <= 1;
  if (order !== source.order && !isFlat) return null;
  const strides = stridesOf(box, source.order);
  let place = 0;
  // From the fastest axis on: whole ones, then one that is a stretch, then single indices.
  let isWhole = true;
  for (let each = 0; each < box.length; each++) {
    const at = source.order === 'row' ? box.length - 1 - each : each;
    const axis = box[at] as AxisSet;
    const part = inner[at] as AxisSet;
    if (!part.isEmpty && axis.intersect(part).count !== part.count) return null;
    if (part.isEmpty) return 0;
    const first = axis.rank(part.first);
    const isStretch = axis.rank(part.last) - first === part.count - 1;
    if (!isStretch || (!isWhole && part.count > 1)) return null;
    place += first * (strides[at] as number);
    isWhole &&= part.count === axis.count;
  }
  return place;
}

/** Whether two regions have the same elements in the same order. */
function isSameOrder(one: Region, other: Region): boolean {
  const isSame = (box: Box, at: number): boolean =>
    box.every((axis, each) => other.boxes[at]?.[each]?.equals(axis) === true);
  return (
    one.boxes.length === other.boxes.length &&
    one.boxes.every(isSame) &&
    one.points.equals(other.points)
  );
}

/** A box, or all points, of a region, and how many elements lie before it. */
type Piece =
  | { readonly kind: 'box'; readonly box: Box; readonly before: number }
  | { readonly kind: 'points'; readonly points: AxisSet; readonly before: number };

interface Between {
  readonly source: Laid;
  readonly target: Laid;
  readonly itemSize: number;
}

function piecesOf({ region }: Laid): Piece[] {
  let before = 0;
  const pieces: Piece[] = region.boxes.map((each) => {
    const box = each.map((axis) => axis.flat());
    const piece = { kind: 'box', box, before } as const;
    before += countOf(box);
    return piece;
  });
  const { points } = region;
  if (!points.isEmpty) pieces.push({ kind: 'points', points, before });
  return pieces;
}

function copyPiece(from: Piece, to: Piece, between: Between): number {
  if (from.kind === 'box' && to.kind === 'box') return copyBox(from, to, between);
  return copyPoints(from, to, between);
}

/** Point by point: those of one that the other has, too. */
function copyPoints(from: Piece, to: Piece, { source, target, itemSize }: Between): number {
  const { shape } = source.region;
  const points = from.kind === 'points' ? from.points : to.kind === 'points' ? to.points : null;
  assert(points !== null, 'one of them has points');
  let copied = 0;
  for (const place of points.toIndices()) {
    const element = elementAt(shape, place);
    const at = offsetOf(from, source.order, element, place);
    const then = offsetOf(to, target.order, element, place);
    if (at < 0 || then < 0) continue;
    const start = at * itemSize;
    for (let byte = 0; byte < itemSize; byte++) {
      target.bytes[then * itemSize + byte] = source.bytes[start + byte] as number;
    }
    copied++;
  }
  return copied;
}

/** Where an element lies among those of the region, or -1. */
function offsetOf(piece: Piece, order: Order, element: readonly number[], place: number): number {
  if (piece.kind === 'points') {
    return piece.points.has(place) ? piece.before + piece.points.rank(place) : -1;
  }
  const strides = stridesOf(piece.box, order);
  let offset = piece.before;
  for (const [at, axis] of piece.box.entries()) {
    const index = element[at] as number;
    if (!axis.has(index)) return -1;
    offset += axis.rank(index) * (strides[at] as number);
  }
  return offset;
}

/** How far elements lie apart along each axis of a dense box. */
function stridesOf(box: Box, order: Order): number[] {
  return wholeStrides(
    box.map((axis) => axis.count),
    order,
  );
}

function wholeStrides(shape: readonly number[], order: Order): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let each = 0; each < shape.length; each++) {
    const at = order === 'row' ? shape.length - 1 - each : each;
    strides[at] = stride;
    stride *= shape[at] as number;
  }
  return strides;
}

/** Indices of an axis that lie evenly in both: first places, steps between them, and how many. */
interface Stretch {
  readonly source: number;
  readonly target: number;
  readonly sourceStep: number;
  readonly targetStep: number;
  readonly count: number;
}

/** An axis of what is copied: its stretches, in elements. */
type Axis = readonly Stretch[];

function copyBox(
  from: Extract<Piece, { kind: 'box' }>,
  to: Extract<Piece, { kind: 'box' }>,
  { source, target, itemSize }: Between,
): number {
  const sourceStrides = stridesOf(from.box, source.order);
  const targetStrides = stridesOf(to.box, target.order);
  let copied = 1;
  const axes: Axis[] = [];
  for (const [at, axis] of from.box.entries()) {
    const other = to.box[at] as AxisSet;
    const common = axis.intersect(other);
    copied *= common.count;
    if (copied === 0) return 0;
    const sourceStride = sourceStrides[at] as number;
    const targetStride = targetStrides[at] as number;
    axes.push(
      stretchesOf(common, axis, other).map((stretch) => ({
        source: stretch.source * sourceStride,
        target: stretch.target * targetStride,
        sourceStep: stretch.sourceStep * sourceStride,
        targetStep: stretch.targetStep * targetStride,
        count: stretch.count,
      })),
    );
  }
  const copier = new Copier(source.bytes, target.bytes, itemSize);
  // The outermost axis of the target first: it is written from its start to its end.
  const ordered = target.order === 'row' ? axes : axes.toReversed();
  copier.copy(merged(ordered), from.before, to.before);
  return copied;
}

/** Cuts what is common where one of the two is uneven. */
function stretchesOf(common: AxisSet, source: AxisSet, target: AxisSet): Stretch[] {
  const found: Stretch[] = [];
  for (const run of common.runs) {
    for (let taken = 0; taken < run.count; ) {
      const start = run.start + taken * run.step;
      const inSource = evenFrom(source, start, run);
      const inTarget = evenFrom(target, start, run);
      const count = Math.min(run.count - taken, inSource.count, inTarget.count);
      found.push({
        source: source.rank(start),
        target: target.rank(start),
        sourceStep: count > 1 ? inSource.step : 0,
        targetStep: count > 1 ? inTarget.step : 0,
        count,
      });
      taken += count;
    }
  }
  return found;
}

/** From an index on, how many of a run lie at even steps in a set, and what those are. */
function evenFrom(set: AxisSet, start: number, run: Run): { count: number; step: number } {
  const within = set.runHolding(start);
  if (within === null || run.step % within.step !== 0) return { count: 1, step: 0 };
  const count = Math.floor((lastOf(within) - start) / run.step) + 1;
  return { count, step: run.step / within.step };
}

/**
 * Two axes of which the inner one is whole, evenly after one another in source and target, are one:
 * so rows that lie side by side are copied at once.
 */
function merged(axes: readonly Axis[]): Axis[] {
  const found: Axis[] = [];
  for (const axis of axes.toReversed()) {
    const inner = found[found.length - 1];
    const both = inner === undefined ? null : mergeTwo(axis, inner);
    if (both === null) found.push(axis);
    else found[found.length - 1] = both;
  }
  return found.reverse();
}

function mergeTwo(outer: Axis, inner: Axis): Axis | null {
  const [one] = inner;
  if (inner.length !== 1 || one === undefined) return null;
  if (one.count === 1) {
    return outer.map((stretch) => ({
      ...stretch,
      source: stretch.source + one.source,
      target: stretch.target + one.target,
    }));
  }
  const isEven = ({ count, sourceStep, targetStep }: Stretch): boolean =>
    count === 1 ||
    (sourceStep === one.sourceStep * one.count && targetStep === one.targetStep * one.count);
  if (!outer.every(isEven)) return null;
  return outer.map((stretch) => ({
    source: stretch.source + one.source,
    target: stretch.target + one.target,
    sourceStep: one.sourceStep,
    targetStep: one.targetStep,
    count: stretch.count * one.count,
  }));
}

/** So many are moved by a loop: fewer than that it is as quick as `set`, and makes no view. */
const LOOP_MAX = 32;
/**
 * Elements of the side of a square that is turned at once. 16 of four bytes are a cache line: each
 * line of both sides is used up while it is in cache, also where rows lie a power of two apart and
 * few lines of them fit. 32 costs twice as much, 8 a third more.
 */
const TILE = 16;
/** Words of a row that are moved by code without a loop. */
const EIGHT = 8;
/** Of the squares of squares: the pages of both sides stay in the table of translations. */
const BLOCK = 256;

type Words = Uint8Array | Uint16Array | Uint32Array;

/** Copies between two buffers, by the largest words of which an element is a multiple. */
class Copier {
  readonly #source: Words;
  readonly #target: Words;
  /** Words of an element. */
  readonly #width: number;

  constructor(source: Uint8Array, target: Uint8Array, itemSize: number) {
    const bytes = wordOf(itemSize, source, target);
    this.#source = asWords(source, bytes);
    this.#target = asWords(target, bytes);
    this.#width = itemSize / bytes;
  }

  /** Copies what axes name, outermost first, from places on. */
  copy(axes: readonly Axis[], source: number, target: number): void {
    this.#level(axes, 0, source, target);
  }

  #level(axes: readonly Axis[], level: number, source: number, target: number): void {
    const axis = axes[level];
    if (axis === undefined) {
      this.#run(source, target, 1, 1, 1);
      return;
    }
    const isLast = level === axes.length - 1;
    for (const stretch of axis) {
      const from = source + stretch.source;
      const to = target + stretch.target;
      const { count, sourceStep, targetStep } = stretch;
      if (isLast) this.#run(from, to, count, sourceStep, targetStep);
      else if (level === axes.length - 2) this.#square(stretch, axes[level + 1] as Axis, from, to);
      else {
        for (let each = 0; each < count; each++) {
          this.#level(axes, level + 1, from + each * sourceStep, to + each * targetStep);
        }
      }
    }
  }

  /** Two axes: tile by tile where the source lies across, else row by row. */
  #square(outer: Stretch, inner: Axis, source: number, target: number): void {
    for (const row of inner) {
      const from = source + row.source;
      const to = target + row.target;
      const isAcross = row.sourceStep > outer.sourceStep && outer.count > 1 && row.count > 1;
      if (isAcross && this.#width === 1 && row.targetStep === 1) {
        this.#turn(outer, row, from, to);
        continue;
      }
      const side = isAcross ? TILE : Math.max(outer.count, row.count);
      for (let first = 0; first < outer.count; first += side) {
        const last = Math.min(outer.count, first + side);
        for (let start = 0; start < row.count; start += side) {
          const count = Math.min(row.count - start, side);
          for (let each = first; each < last; each++) {
            this.#run(
              from + each * outer.sourceStep + start * row.sourceStep,
              to + each * outer.targetStep + start * row.targetStep,
              count,
              row.sourceStep,
              row.targetStep,
            );
          }
        }
      }
    }
  }

  /** Single words into rows that are dense: the loop in which a transposition is. */
  #turn(outer: Stretch, row: Stretch, source: number, target: number): void {
    const { count: rows, sourceStep: along, targetStep } = outer;
    for (let top = 0; top < rows; top += BLOCK) {
      const bottom = Math.min(rows, top + BLOCK);
      for (let left = 0; left < row.count; left += BLOCK) {
        const right = Math.min(row.count, left + BLOCK);
        for (let first = top; first < bottom; first += TILE) {
          const last = Math.min(bottom, first + TILE);
          for (let start = left; start < right; start += EIGHT) {
            const from = source + first * along + start * row.sourceStep;
            const to = target + first * targetStep + start;
            const count = Math.min(right - start, EIGHT);
            this.#eights(
              from,
              to,
              { rows: last - first, count, along, targetStep },
              row.sourceStep,
            );
          }
        }
      }
    }
  }

  /** Up to eight words of each of some rows. Written out, as it is twice as fast as a loop. */
  #eights(
    source: number,
    target: number,
    of: { rows: number; count: number; along: number; targetStep: number },
    step: number,
  ): void {
    const from = this.#source;
    const to = this.#target;
    const { rows, count, along, targetStep } = of;
    for (let each = 0; each < rows; each++) {
      const at = source + each * along;
      const then = target + each * targetStep;
      if (count < EIGHT) {
        for (let word = 0; word < count; word++) to[then + word] = from[at + word * step] as number;
        continue;
      }
      to[then] = from[at] as number;
      to[then + 1] = from[at + step] as number;
      to[then + 2] = from[at + 2 * step] as number;
      to[then + 3] = from[at + 3 * step] as number;
      to[then + 4] = from[at + 4 * step] as number;
      to[then + 5] = from[at + 5 * step] as number;
      to[then + 6] = from[at + 6 * step] as number;
      to[then + 7] = from[at + 7 * step] as number;
    }
  }

  #run(
    source: number,
    target: number,
    count: number,
    sourceStep: number,
    targetStep: number,
  ): void {
    const from = this.#source;
    const to = this.#target;
    const width = this.#width;
    const isDense = count === 1 || (sourceStep === 1 && targetStep === 1);
    if (isDense && count * width > LOOP_MAX) {
      to.set(from.subarray(source * width, (source + count) * width), target * width);
      return;
    }
    if (width === 1) {
      for (let each = 0; each < count; each++) {
        to[target + each * targetStep] = from[source + each * sourceStep] as number;
      }
      return;
    }
    for (let each = 0; each < count; each++) {
      const at = (source + each * sourceStep) * width;
      const then = (target + each * targetStep) * width;
      for (let word = 0; word < width; word++) to[then + word] = from[at + word] as number;
    }
  }
}

/** The largest word that divides an element and where both buffers begin. */
function wordOf(itemSize: number, source: Uint8Array, target: Uint8Array): 1 | 2 | 4 {
  for (const bytes of [4, 2] as const) {
    const isEven = (at: number): boolean => at % bytes === 0;
    if (isEven(itemSize) && isEven(source.byteOffset) && isEven(target.byteOffset)) return bytes;
  }
  return 1;
}

function asWords(bytes: Uint8Array, size: 1 | 2 | 4): Words {
  const { buffer, byteOffset, byteLength } = bytes;
  if (size === 4) return new Uint32Array(buffer, byteOffset, byteLength / 4);
  return size === 2 ? new Uint16Array(buffer, byteOffset, byteLength / 2) : bytes;
}
