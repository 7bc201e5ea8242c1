import { powerOfTwo } from '../core/statistics/exact-sum.js';
import type { Statistics } from '../core/statistics/statistics.js';
import { summaryOf } from '../core/statistics/statistics-codec.js';
import type { Value } from '../core/value.js';
import { measureStateOf, mergedSoFar, statisticsOf } from './measuring.js';
import type { PoolState } from './state.js';

type Told = { [key: string]: Value };

/**
 * What is known of the elements of a version; null when nothing is, or will be. Of one in parts
 * that is not measured as a whole, what those come to that are: `parts` says how many.
 */
export function statisticsMap(pool: PoolState, version: number): Told | null {
  const state = measureStateOf(pool, version);
  if (state === undefined) return null;
  const statistics = statisticsOf(pool, version);
  if (statistics !== null) return { state, ...numbersOf(statistics) };
  const some = mergedSoFar(pool, version);
  return some === null ? { state } : { state, parts: some.parts, ...numbersOf(some.statistics) };
}

/** The numbers of statistics. */
export function numbersOf(statistics: Statistics): Told {
  const { count, nan, fill, infinite, min, max, mean } = summaryOf(statistics);
  const counts = { count, nan, fill, infinite };
  if (count === 0) return counts;
  const { exponent, first, counts: bins } = statistics.histogram;
  const width = powerOfTwo(exponent);
  const histogram = { begin: first * width, width, counts: [...bins] };
  return { ...counts, min, max, mean, histogram };
}
