import type { Dtype } from '../space.js';
import { addSums, type ExactSum, powerOfTwo, SUM_ZERO } from './exact-sum.js';
import { addCounts, emptyBins, HISTOGRAM_NONE, type Histogram } from './histogram.js';

/**
 * What elements are like, told by numbers that merge exactly: those of a whole are those of its
 * parts put together, bit for bit, however it was dealt out and in whatever order they come.
 */
export interface Statistics {
  /** Whether the elements are whole numbers, of a type that has no others. */
  readonly isWhole: boolean;
  /** Finite elements that are no fill value: all below is about these. */
  readonly count: number;
  readonly nan: number;
  /** Elements that are equal to a fill value. */
  readonly fill: number;
  readonly infinite: number;
  /** 0 without any. Bigints where a number would round. */
  readonly min: number | bigint;
  readonly max: number | bigint;
  readonly sum: ExactSum;
  readonly histogram: Histogram;
}

const WHOLE: ReadonlySet<Dtype> = new Set<Dtype>([
  ...(['bool', 'int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64'] as const),
]);
const REAL: ReadonlySet<Dtype> = new Set<Dtype>(['float16', 'float32', 'float64']);

export function isWholeType(dtype: Dtype): boolean {
  return WHOLE.has(dtype);
}

/** Whether elements of a type can be measured: complex numbers have no order. */
export function isMeasurable(dtype: Dtype): boolean {
  return WHOLE.has(dtype) || REAL.has(dtype);
}

export function noStatistics(isWhole: boolean): Statistics {
  return {
    ...{ isWhole, count: 0, nan: 0, fill: 0, infinite: 0, min: 0, max: 0 },
    sum: SUM_ZERO,
    histogram: HISTOGRAM_NONE,
  };
}

/** Those of all elements of both, which are of one type. */
export function mergeStatistics(one: Statistics, other: Statistics): Statistics {
  const { isWhole } = one;
  const counted = {
    isWhole,
    count: one.count + other.count,
    nan: one.nan + other.nan,
    fill: one.fill + other.fill,
    infinite: one.infinite + other.infinite,
  };
  if (one.count === 0 || other.count === 0) {
    const { min, max, sum, histogram } = one.count === 0 ? other : one;
    return { ...counted, min, max, sum, histogram };
  }
  const [min, max] = [lesser(one.min, other.min), greater(one.max, other.max)];
  const histogram = emptyBins(Number(min), Number(max), isWhole);
  addCounts(histogram, one.histogram);
  addCounts(histogram, other.histogram);
  return { ...counted, min, max, sum: addSums(one.sum, other.sum), histogram };
}

// Math.min takes no bigints.

function lesser(one: number | bigint, other: number | bigint): number | bigint {
  if (one < other) return one;
  return other;
}

function greater(one: number | bigint, other: number | bigint): number | bigint {
  if (one > other) return one;
  return other;
}

/**
 * Between which numbers the value lies that `fraction` of the finite elements are not above: the
 * ends of its bin, within the least and the greatest. Null without any.
 */
export function quantile(
  { count, min, max, histogram }: Statistics,
  fraction: number,
): readonly [low: number, high: number] | null {
  if (count === 0) return null;
  const rank = Math.min(Math.max(Math.ceil(fraction * count), 1), count);
  const { exponent, first, counts } = histogram;
  const width = powerOfTwo(exponent);
  let seen = 0;
  let index = 0;
  for (; index < counts.length - 1; index++) {
    seen += counts[index] ?? 0;
    if (seen >= rank) break;
  }
  const low = Math.max((first + index) * width, Number(min));
  return [low, Math.min((first + index + 1) * width, Number(max))];
}
