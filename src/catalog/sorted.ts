import { WINDOW_BITS, WINDOW_WORDS } from './row-set.js';

/** Rows in ascending order, no two the same: a stretch of a larger array. */
export type Rows = Uint16Array | Uint32Array;

/** Up to here a loop moves: it is as quick as `copyWithin`. */
const MOVE_LOOP_MAX = 64;
/**
 * A row takes four bytes in a list; in a directory two, and 24 more for each window that has any.
 * Where there are fewer rows a window than this, the list is the smaller one.
 */
const WINDOW_ROWS_THIN = 12;
/** Of the number of a word among all, its number in its window. */
const WORD_MASK = WINDOW_WORDS - 1;

/** The first place in `[start, end)` whose row is not below `row`, or `end`. */
export function lowerBound(rows: Rows, start: number, end: number, row: number): number {
  // Rows come in ascending order most of the time.
  if (start < end && (rows[end - 1] as number) < row) return end;
  // Without a branch that would be foreseen wrongly half the time: -1 where a row is below.
  let low = start;
  let left = end - start;
  while (left > 1) {
    const half = left >>> 1;
    low += (((rows[low + half - 1] as number) - row) >> 31) & half;
    left -= half;
  }
  return left === 1 && (rows[low] as number) < row ? low + 1 : low;
}

/** Puts a row at its place; there is room at `end`. */
export function insertAt(rows: Rows, place: number, end: number, row: number): void {
  if (end - place > MOVE_LOOP_MAX) rows.copyWithin(place + 1, place, end);
  else for (let at = end; at > place; at--) rows[at] = rows[at - 1] as number;
  rows[place] = row;
}

/** Takes the row at a place out. */
export function removeAt(rows: Rows, place: number, end: number): void {
  if (end - place > MOVE_LOOP_MAX) rows.copyWithin(place, place + 1, end);
  else for (let at = place + 1; at < end; at++) rows[at - 1] = rows[at] as number;
}

export function isAscending(rows: Rows, start: number, end: number): boolean {
  for (let at = start + 1; at < end; at++) {
    if ((rows[at - 1] as number) >= (rows[at] as number)) return false;
  }
  return true;
}

/** ORs rows into the bitmap of their window: all of them are of one, in which they count. */
export function orRows(words: Uint32Array, rows: Rows, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    const row = rows[at] as number;
    const word = (row >>> 5) & WORD_MASK;
    words[word] = (words[word] as number) | (1 << row);
  }
}

export function andNotRows(words: Uint32Array, rows: Rows, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    const row = rows[at] as number;
    const word = (row >>> 5) & WORD_MASK;
    words[word] = (words[word] as number) & ~(1 << row);
  }
}

export function andRows(words: Uint32Array, rows: Rows, start: number, end: number): void {
  let word = 0;
  for (let at = start; at < end; word++) {
    const next = ((rows[at] as number) >>> 5) & WORD_MASK;
    while (word < next) words[word++] = 0;
    let bits = 0;
    for (; at < end && (((rows[at] as number) >>> 5) & WORD_MASK) === word; at++) {
      bits |= 1 << (rows[at] as number);
    }
    words[word] = (words[word] as number) & bits;
  }
  words.fill(0, word);
}

/** How many rows are in the bitmap of their window. */
export function countCommonRows(
  words: Uint32Array,
  rows: Rows,
  start: number,
  end: number,
): number {
  let count = 0;
  for (let at = start; at < end; at++) {
    const row = rows[at] as number;
    count += ((words[(row >>> 5) & WORD_MASK] as number) >>> row) & 1;
  }
  return count;
}

/** Whether rows lie in so many windows that a list takes less than a directory. */
export function isThin(rows: Rows, start: number, end: number): boolean {
  let windows = 0;
  let last = -1;
  for (let at = start; at < end; at++) {
    const window = (rows[at] as number) >>> WINDOW_BITS;
    if (window !== last) windows++;
    last = window;
  }
  return windows * WINDOW_ROWS_THIN > end - start;
}
