import { Writer } from '../core/bytes.js';
import { AxisSet } from '../core/regions/axis-set.js';
import type { Laid } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { writeRegion } from '../core/regions/region-codec.js';
import type { Order } from '../core/space.js';

/** Indices of an axis that are not even are listed to be dealt out: only so many. */
const LISTED_MAX = 1_000_000;

/** A part of what is filled: its elements lie side by side, from a place on. */
interface Piece {
  readonly region: Region;
  /** Elements before it. */
  readonly start: number;
  readonly count: number;
}

/**
 * Deals a region out along its slowest axis, into at most so many pieces: each is one stretch of
 * the bytes of all. What is no box stays in one piece.
 */
export function piecesOf(region: Region, order: Order, most: number): readonly Piece[] {
  const whole = [{ region, start: 0, count: region.count }];
  const box = region.onlyBox;
  if (box === null || most <= 1) return whole;
  const slowest = box.map((_, at) => at);
  if (order === 'column') slowest.reverse();
  const at = slowest.find((each) => (box[each] as AxisSet).count > 1);
  if (at === undefined) return whole;
  const axis = box[at] as AxisSet;
  if (axis.runs.length > 1 && axis.count > LISTED_MAX) return whole;
  const across = region.count / axis.count;
  const size = Math.ceil(axis.count / Math.min(most, axis.count));
  const pieces: Piece[] = [];
  for (let start = 0; start < axis.count; start += size) {
    const some = ranked(axis, start, Math.min(axis.count, start + size));
    const part = box.map((each, index) => (index === at ? some : each));
    const count = some.count * across;
    pieces.push({ region: Region.box(region.shape, part), start: start * across, count });
  }
  return pieces;
}

/** The indices of an axis from one place on, before another. */
function ranked(axis: AxisSet, start: number, end: number): AxisSet {
  const [run] = axis.runs;
  if (axis.runs.length > 1 || run === undefined) {
    return AxisSet.indices(axis.toIndices().subarray(start, end));
  }
  const first = run.start + start * run.step;
  return AxisSet.blocks({ start: first, stride: run.step, count: end - start, block: 1 });
}

/** Those of the sources that have some of a piece. */
export function sourcesFor(sources: readonly Laid[], { region }: Piece): readonly Laid[] {
  return sources.length === 1 ? sources : sources.filter((each) => each.region.meets(region));
}

/** A region as a thread is told of it. */
export function encoded(region: Region): Uint8Array {
  const w = new Writer(256);
  writeRegion(w, region);
  return w.written().slice();
}
