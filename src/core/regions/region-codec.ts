import { refuse } from '../assert.js';
import type { Reader, Writer } from '../bytes.js';
import { LIMITS } from '../limits.js';
import { AxisSet } from './axis-set.js';
import { type Box, Region } from './region.js';
import { commonRun, lastOf, type Run } from './runs.js';

/**
 * A region on the wire, without its shape: u8 dimensions, u16 boxes, then for each box and axis a
 * set, then the set of points. A set is a varint of runs, and of each run the start as it lies
 * behind the one before, step and count, as varints (LEB128, below 2^53). A set of a box without
 * runs is all of its axis.
 */
export function writeRegion(w: Writer, region: Region): void {
  mustFit(region.boxes, region.points);
  w.u8(region.shape.length);
  w.u16(region.boxes.length);
  for (const box of region.boxes) for (const axis of box) writeSet(w, axis);
  writeSet(w, region.points);
}

/** Writes a box of a shape that is not known: null is all of an axis. */
export function writeOpenBox(w: Writer, box: readonly (AxisSet | null)[]): void {
  const isEmpty = box.some((axis) => axis?.isEmpty === true);
  mustFit([box.map((axis) => axis ?? AxisSet.EMPTY)], AxisSet.EMPTY);
  w.u8(box.length);
  w.u16(isEmpty ? 0 : 1);
  if (!isEmpty) for (const axis of box) writeSet(w, axis ?? AxisSet.EMPTY);
  writeSet(w, AxisSet.EMPTY);
}

/** What no reader would take is refused before it is written: `bad-region`. */
function mustFit(boxes: readonly Box[], points: AxisSet): void {
  const { regionBoxesMax, regionRunsMax } = LIMITS;
  const runs = boxes.reduce(
    (sum, box) => box.reduce((some, axis) => some + axis.runs.length, sum),
    points.runs.length,
  );
  if (boxes.length > regionBoxesMax) {
    const why = `it has ${boxes.length} boxes; ${regionBoxesMax} are allowed`;
    refuse('bad-region', `Cannot use the region: ${why}`, { limit: regionBoxesMax });
  }
  if (runs <= regionRunsMax) return;
  const why = `it has ${runs} runs of even steps; ${regionRunsMax} are allowed`;
  refuse('bad-region', `Cannot use the region: ${why}`, { runs, limit: regionRunsMax });
}

function writeSet(w: Writer, { runs }: AxisSet): void {
  writeVarint(w, runs.length);
  let before = 0;
  for (const { start, step, count } of runs) {
    writeVarint(w, start - before);
    writeVarint(w, step);
    writeVarint(w, count);
    before = start;
  }
}

/**
 * Reads a region of a shape; of dimensions that it does not name it has all. `bad-message` where
 * it is no region at all, or not as it is written; `bad-region` where it does not fit the shape.
 */
export function readRegion(r: Reader, shape: readonly (number | null)[]): Region {
  const dimensions = r.u8();
  const boxes = r.u16();
  const budget = { runs: LIMITS.regionRunsMax };
  if (boxes > LIMITS.regionBoxesMax) badRegion('it has too many boxes');
  if (dimensions > shape.length) {
    const why = `it has ${dimensions} dimensions, the space has ${shape.length}`;
    refuse('bad-region', `Cannot use the region: ${why}`);
  }
  const read: Box[] = [];
  for (let at = 0; at < boxes; at++) {
    const axisAt = (size: number | null, axis: number): AxisSet =>
      axis < dimensions ? readAxis(r, budget, size) : allOf(size);
    read.push(shape.map(axisAt));
  }
  const points = readSet(r, budget);
  if (dimensions === 0 && !points.isEmpty) badRegion('a scalar has no points');
  if (dimensions < shape.length && !points.isEmpty) badRegion('points have all dimensions');
  const pieces = read.map((box) => Region.box(shape, box)).filter((piece) => !piece.isEmpty);
  if (!points.isEmpty) pieces.push(Region.points(shape, points));
  return together(shape, pieces);
}

/** Of pieces that have no element in common: else it is not as it was written. */
function together(shape: readonly (number | null)[], pieces: readonly Region[]): Region {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  let all = Region.none(shape);
  for (const piece of pieces) {
    if (all.meets(piece)) badRegion('an element is in it twice');
    all = all.with(piece);
  }
  return all;
}

function readAxis(r: Reader, budget: { runs: number }, size: number | null): AxisSet {
  const set = readSet(r, budget);
  return set.isEmpty ? allOf(size) : set;
}

function allOf(size: number | null): AxisSet {
  if (size === null) {
    refuse('bad-region', 'Cannot use the region: the first dimension has no end yet');
  }
  return AxisSet.range(0, size);
}

function readSet(r: Reader, budget: { runs: number }): AxisSet {
  const size = readVarint(r);
  budget.runs -= size;
  if (budget.runs < 0) badRegion('it has too many runs');
  const runs: Run[] = [];
  let before = 0;
  for (let at = 0; at < size; at++) {
    const start = before + readVarint(r);
    const step = readVarint(r);
    const count = readVarint(r);
    before = start;
    const run = { start, step, count };
    const isRun = count > 0 && step > 0 && (count > 1 || step === 1);
    if (!isRun || !Number.isSafeInteger(lastOf(run))) badRegion('a run has no indices');
    runs.push(run);
  }
  const set = AxisSet.of(runs);
  if (set.isFlat) return set;
  if (set.runs.length > LIMITS.regionWovenRunsMax) badRegion('too many runs lie within others');
  for (const [at, one] of set.runs.entries()) {
    for (let other = 0; other < at; other++) {
      if (commonRun(one, set.runs[other] as Run) !== null) badRegion('an index is in it twice');
    }
  }
  return set;
}

function badRegion(why: string): never {
  return refuse('bad-message', `Cannot read a region: ${why}`);
}

function writeVarint(w: Writer, value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) w.u8((rest % 0x80) | 0x80);
  w.u8(rest);
}

function readVarint(r: Reader): number {
  let value = 0;
  let factor = 1;
  for (;;) {
    const byte = r.u8();
    value += (byte & 0x7f) * factor;
    if (value > Number.MAX_SAFE_INTEGER) badRegion('a number is 2^53 or more');
    if (byte < 0x80) {
      // One way to write each: without zeros at the end.
      if (byte === 0 && factor > 1) badRegion('a number is longer than it need be');
      return value;
    }
    factor *= 0x80;
    if (factor > Number.MAX_SAFE_INTEGER) badRegion('a number is 2^53 or more');
  }
}
