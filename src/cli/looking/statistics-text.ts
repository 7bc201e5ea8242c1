import { counted } from '../../core/counted.js';
import type { Value, ValueMap } from '../../core/value.js';
import { formatValue, listOf, mapOf, numberOf, printable, textOf } from '../format.js';

/** Rows of a histogram: wider bins are made of those that lie side by side. */
const ROWS_MAX = 16;
const BAR_WIDTH = 40;
const PARTS_SHOWN = 16;

/** What STAT says of the elements of an object: their numbers, and a histogram that is turned. */
export function statisticsText(statistics: ValueMap): string[] {
  const { state, count, nan, fill, infinite, min, max, mean } = statistics;
  const say = (label: string, text: string): string => `${label.padEnd(11)} ${text}`;
  const isSome = numberOf(statistics['parts']) > 0;
  if (state !== 'known' && !isSome) {
    const words = state === 'pending' ? 'not measured yet' : 'could not be measured';
    return [say('values', words)];
  }
  const soFar = isSome ? `, of ${counted(numberOf(statistics['parts']), 'part')} so far` : '';
  const none = Object.entries({ NaN: nan, fill, infinite })
    .filter(([, number]) => numberOf(number) > 0)
    .map(([what, number]) => `, ${numberOf(number)} ${what}`);
  const lines = [say('values', `${numberOf(count)}${none.join('')}${soFar}`)];
  if (numberOf(count) === 0) return lines;
  lines.push(say('from', `${formatValue(min)} to ${formatValue(max)}, mean ${formatValue(mean)}`));
  return [...lines, ...histogramText(mapOf(statistics['histogram']))];
}

/** A line for each part of an array, the first of many: its region, and what is known of it. */
export function partLines(rows: readonly Value[]): string[] {
  const shown = rows.slice(0, PARTS_SHOWN).map(mapOf);
  const regions = shown.map(({ region }) => printable(textOf(region)));
  const space = Math.max(...regions.map((region) => region.length));
  const lines = shown.map((row, at) => {
    const { state, count, min, max, mean, provider } = row;
    const ends = `${formatValue(min)} to ${formatValue(max)}, mean ${formatValue(mean)}`;
    const values = numberOf(count) === 0 ? 'no values' : ends;
    const known = state === 'failed' ? 'could not be measured' : 'not measured yet';
    const what = state === 'known' ? values : known;
    return `${'part'.padEnd(11)} ${(regions[at] ?? '').padEnd(space)}  ${what} (${formatValue(provider)})`;
  });
  const more = rows.length - shown.length;
  return more > 0 ? [...lines, `${' '.repeat(12)}and ${more} more (--json)`] : lines;
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
