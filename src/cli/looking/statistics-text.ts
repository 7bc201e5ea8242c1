import type { Value, ValueMap } from '../../core/value.js';
import { formatValue, listOf, mapOf, numberOf } from '../format.js';

/** Rows of a histogram: wider bins are made of those that lie side by side. */
const ROWS_MAX = 16;
const BAR_WIDTH = 40;

/** What STAT says of the elements of an object: their numbers, and a histogram that is turned. */
export function statisticsText(statistics: ValueMap): string[] {
  const { state, count, nan, fill, infinite, min, max, mean } = statistics;
  const say = (label: string, text: string): string => `${label.padEnd(11)} ${text}`;
  if (state !== 'known') {
    const words = state === 'pending' ? 'not measured yet' : 'could not be measured';
    return [say('values', words)];
  }
  const none = Object.entries({ NaN: nan, fill, infinite })
    .filter(([, number]) => numberOf(number) > 0)
    .map(([what, number]) => `, ${numberOf(number)} ${what}`);
  const lines = [say('values', `${numberOf(count)}${none.join('')}`)];
  if (numberOf(count) === 0) return lines;
  lines.push(say('from', `${formatValue(min)} to ${formatValue(max)}, mean ${formatValue(mean)}`));
  return [...lines, ...histogramText(mapOf(statistics['histogram']))];
}

function histogramText(histogram: ValueMap): string[] {
  let counts = listOf(histogram['counts']).map(numberOf);
  let begin = numberIn(histogram['begin']);
  let width = numberIn(histogram['width']);
  while (counts.length > ROWS_MAX) {
    // Bins begin at multiples of their width; those of twice that, too.
    const isOdd = Math.abs(Math.round(begin / width)) % 2 === 1;
    const padded = isOdd ? [0, ...counts] : counts;
    if (isOdd) begin -= width;
    counts = padded.flatMap((each, at) => (at % 2 === 0 ? [each + (padded[at + 1] ?? 0)] : []));
    width *= 2;
  }
  const most = Math.max(...counts);
  const starts = counts.map((_, at) => formatValue(begin + at * width));
  const space = Math.max(...starts.map((start) => start.length));
  return counts.map((count, at) => {
    const length = Math.ceil((count / most) * BAR_WIDTH);
    return `${' '.repeat(12)}${(starts[at] ?? '').padStart(space)} ${'#'.repeat(length)}`.trimEnd();
  });
}

function numberIn(value: Value | undefined): number {
  return typeof value === 'bigint' ? Number(value) : numberOf(value);
}
