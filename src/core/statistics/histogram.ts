import { exponentOf, powerOfTwo } from './exact-sum.js';

/** Bins that a histogram has at most. */
export const BINS_MAX = 64;

/** An index of a bin is a whole number that a float64 holds. */
const INDEX_BITS = 52;
/** Narrower bins have no width that a float64 can be divided by. */
const EXPONENT_LEAST = -1_022;

/**
 * How many values lie in each bin. Bins are 2^exponent wide and begin at multiples of that: the
 * first at `first` of them. The width is the least with which all lie in 64 bins, so it is told by
 * the least and the greatest value alone; and as bins of one width lie within those of any other
 * that is wider, histograms merge without loss, in any order.
 */
export interface Histogram {
  readonly exponent: number;
  readonly first: number;
  readonly counts: readonly number[];
}

/** A histogram that is being counted. */
export interface Bins extends Histogram {
  readonly counts: number[];
}

export const HISTOGRAM_NONE: Histogram = { exponent: 0, first: 0, counts: [] };

/** The bin of a value, of those that are 2^exponent wide. */
function binOf(value: number, exponent: number): number {
  return binAt(value, powerOfTwo(-exponent));
}

/** The same, with 2^-exponent. */
export function binAt(value: number, scale: number): number {
  const bin = Math.floor(value * scale);
  // What is so little below 0 that the product is 0 lies below it all the same. And no -0.
  return bin === 0 ? (value < 0 ? -1 : 0) : bin;
}

/** The width of the bins for values from `least` to `most`; of whole numbers it is 1 or more. */
function widthFor(least: number, most: number, isWhole: boolean): number {
  const size = Math.max(-least, most);
  let exponent = isWhole ? 0 : EXPONENT_LEAST;
  if (size > 0) exponent = Math.max(exponent, exponentOf(size) - INDEX_BITS);
  // Halved, as the difference of two numbers may be too large to be one.
  const half = most / 2 - least / 2;
  // With bins a 64th of the range there are 65 or more.
  if (half > 0) exponent = Math.max(exponent, exponentOf(half) + 1 - 6);
  while (binOf(most, exponent) - binOf(least, exponent) >= BINS_MAX) exponent++;
  return exponent;
}

/** Adds what is counted in bins to those of `to`, which are as wide or wider and cover them. */
export function addCounts(to: Bins, { exponent, first, counts }: Histogram): void {
  const wider = to.exponent - exponent;
  for (let index = 0; index < counts.length; index++) {
    const at = widened(first + index, wider) - to.first;
    to.counts[at] = (to.counts[at] ?? 0) + (counts[index] ?? 0);
  }
}

/** The bin in which a bin lies when bins are 2^`wider` times as wide. */
function widened(bin: number, wider: number): number {
  if (wider === 0) return bin;
  // An index has 53 bits: beyond that all of one sign lie together.
  return wider > INDEX_BITS + 1 ? (bin < 0 ? -1 : 0) : binOf(bin, wider);
}

/** Bins for values from `least` to `most`, all empty. */
export function emptyBins(least: number, most: number, isWhole: boolean): Bins {
  const exponent = widthFor(least, most, isWhole);
  const first = binOf(least, exponent);
  const length = binOf(most, exponent) - first + 1;
  return { exponent, first, counts: new Array<number>(length).fill(0) };
}
