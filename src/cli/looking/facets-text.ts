import type { FacetValues } from '../../client/faceting.js';
import { Float, type Value } from '../../core/value.js';
import { staysText } from '../attribute.js';
import { type Column, fitted, formatTable, formatValue, type Style, widthOf } from '../format.js';
import { toJson } from '../json.js';
import type { Range } from './ranges.js';

/** Fewer columns than these say nothing. */
const BAR_MIN = 4;
const GAP = 2;

/** A table, as wide as the terminal: with bars where there is room, without a terminal none. */
interface Page {
  readonly columns: number | null;
  readonly style: Style;
}

/** Values of a key, and how often each is there. */
export function valuesText({ values }: FacetValues, page: Page): string {
  const counts = values.map(({ count }) => count);
  const rows = values.map(({ value }) => [valueText(value)]);
  return barTable([{ head: 'VALUE' }], rows, counts, page);
}

/**
 * Ranges of a key, and how often it lies in each; an end is not in its range. In a narrow terminal
 * only where each begins, which is where the one before ends.
 */
export function rangesText(ranges: readonly Range[], page: Page): string {
  const counts = ranges.map(({ count }) => count);
  const both = ranges.map(({ fromText, toText }) => [fromText, toText]);
  const widest = Math.max(0, ...both.flat().map(widthOf));
  const isNarrow = page.columns !== null && page.columns < countWidth(counts) + 2 * (widest + GAP);
  const heads = isNarrow ? ['FROM'] : ['FROM', 'TO'];
  const columns = heads.map((head) => ({ head, right: true }));
  return barTable(columns, both, counts, page);
}

/** A text that could be taken for another value stands in quotes, a whole float has its point. */
function valueText(value: Value): string {
  if (typeof value === 'string') return staysText(value) ? formatValue(value) : toJson(value);
  return value instanceof Float ? toJson(value) : formatValue(value);
}

/** The count in front, bars behind: cut to the width of a terminal, else nothing is cut. */
function barTable(
  columns: readonly Column[],
  cells: readonly (readonly string[])[],
  counts: readonly number[],
  { columns: width, style }: Page,
): string {
  const most = Math.max(1, ...counts);
  const room = width === null ? null : width - 1 - countWidth(counts);
  const share = room === null ? Number.POSITIVE_INFINITY : cellWidth(room, columns.length);
  const fitting = cells.map((row) => columns.map((_, index) => fitted(row[index] ?? '', share)));
  const used = columns.reduce((sum, { head }, index) => {
    const widths = fitting.map((row) => widthOf(row[index] ?? ''));
    return sum + GAP + Math.max(head.length, ...widths);
  }, GAP);
  const bar = room === null ? 0 : room - used;
  const rows = fitting.map((row, index) => {
    const count = counts[index] as number;
    return [String(count), ...row, bar < BAR_MIN ? '' : barOf(count / most, bar)];
  });
  return formatTable([{ head: 'COUNT', right: true }, ...columns, { head: '' }], rows, style);
}

function countWidth(counts: readonly number[]): number {
  return Math.max('COUNT'.length, ...counts.map((count) => String(count).length));
}

/** So much for each cell, so that half of the room is left for bars, where it is not too little. */
function cellWidth(room: number, cells: number): number {
  const most = Math.floor(room / cells) - GAP;
  return Math.max(1, Math.min(most, Math.max(20, Math.floor(room / 2 / cells))));
}

function barOf(part: number, width: number): string {
  return part === 0 ? '' : '#'.repeat(Math.max(1, Math.round(part * width)));
}
