import { assert } from '../core/assert.js';

/** Rows are looked at in windows of 65,536: what a bitmap of 8 KiB holds. */
export const WINDOW_BITS = 16;
export const WINDOW_ROWS = 1 << WINDOW_BITS;
export const WINDOW_WORDS = WINDOW_ROWS >> 5;

/** The rows of one window, counted from its first, as a bitmap: what a query works on. */
export class RowSet {
  /** Bit `row & 31` of word `row >>> 5`. */
  readonly words = new Uint32Array(WINDOW_WORDS);

  clear(): void {
    this.words.fill(0);
  }

  /** Has all rows below `end`, and no other. */
  fillTo(end: number): void {
    assert(end >= 0 && end <= WINDOW_ROWS, 'a window has 65,536 rows');
    const word = end >>> 5;
    this.words.fill(0xffff_ffff, 0, word);
    this.words.fill(0, word);
    if (word < WINDOW_WORDS) this.words[word] = (1 << end) - 1;
  }

  has(row: number): boolean {
    return (((this.words[row >>> 5] as number) >>> row) & 1) === 1;
  }

  add(row: number): void {
    this.words[row >>> 5] = (this.words[row >>> 5] as number) | (1 << row);
  }

  remove(row: number): void {
    this.words[row >>> 5] = (this.words[row >>> 5] as number) & ~(1 << row);
  }

  /** Keeps the rows of `[low, high)`. */
  keep(low: number, high: number): void {
    const { words } = this;
    words.fill(0, 0, low >>> 5);
    if (low < WINDOW_ROWS) words[low >>> 5] = (words[low >>> 5] as number) & (-1 << low);
    if (high >= WINDOW_ROWS) return;
    words[high >>> 5] = (words[high >>> 5] as number) & ~(-1 << high);
    words.fill(0, (high >>> 5) + 1);
  }

  or(other: RowSet): void {
    orBits(this.words, other.words, 0);
  }

  and(other: RowSet): void {
    andBits(this.words, other.words, 0);
  }

  andNot(other: RowSet): void {
    andNotBits(this.words, other.words, 0);
  }

  count(): number {
    return countBits(this.words, 0);
  }

  /** The lowest row from `from` on, or -1. */
  next(from: number): number {
    let word = from >>> 5;
    if (word >= WINDOW_WORDS) return -1;
    // What is below `from` in its word is put aside.
    let bits = (this.words[word] as number) & (-1 << from);
    while (bits === 0) {
      if (++word === WINDOW_WORDS) return -1;
      bits = this.words[word] as number;
    }
    return word * 32 + 31 - Math.clz32(bits & -bits);
  }
}

/**
 * ORs a window's bits, which begin at `at` of `bits`, into `words`. Four words a turn, here and
 * below: it takes two thirds of the time.
 */
export function orBits(words: Uint32Array, bits: Uint32Array, at: number): void {
  for (let word = 0, from = at; word < WINDOW_WORDS; word += 4, from += 4) {
    words[word] = (words[word] as number) | (bits[from] as number);
    words[word + 1] = (words[word + 1] as number) | (bits[from + 1] as number);
    words[word + 2] = (words[word + 2] as number) | (bits[from + 2] as number);
    words[word + 3] = (words[word + 3] as number) | (bits[from + 3] as number);
  }
}

export function andBits(words: Uint32Array, bits: Uint32Array, at: number): void {
  for (let word = 0, from = at; word < WINDOW_WORDS; word += 4, from += 4) {
    words[word] = (words[word] as number) & (bits[from] as number);
    words[word + 1] = (words[word + 1] as number) & (bits[from + 1] as number);
    words[word + 2] = (words[word + 2] as number) & (bits[from + 2] as number);
    words[word + 3] = (words[word + 3] as number) & (bits[from + 3] as number);
  }
}

export function andNotBits(words: Uint32Array, bits: Uint32Array, at: number): void {
  for (let word = 0, from = at; word < WINDOW_WORDS; word += 4, from += 4) {
    words[word] = (words[word] as number) & ~(bits[from] as number);
    words[word + 1] = (words[word + 1] as number) & ~(bits[from + 1] as number);
    words[word + 2] = (words[word + 2] as number) & ~(bits[from + 2] as number);
    words[word + 3] = (words[word + 3] as number) & ~(bits[from + 3] as number);
  }
}

/** How many bits of a window's, which begin at `at` of `bits`, are set. */
export function countBits(bits: Uint32Array, at: number): number {
  let count = 0;
  for (let word = at; word < at + WINDOW_WORDS; word++) count += ones(bits[word] as number);
  return count;
}

/** As {@link countBits}, of those that are set in `words`, too. */
export function countCommonBits(words: Uint32Array, bits: Uint32Array, at: number): number {
  let count = 0;
  for (let word = 0; word < WINDOW_WORDS; word++) {
    count += ones((words[word] as number) & (bits[at + word] as number));
  }
  return count;
}

/** Sums of two, four and eight bits side by side (Warren, Hacker's Delight, 5-1). */
function ones(bits: number): number {
  let sums = bits - ((bits >>> 1) & 0x5555_5555);
  sums = (sums & 0x3333_3333) + ((sums >>> 2) & 0x3333_3333);
  return Math.imul((sums + (sums >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Adds the rows of a window's bits, which begin at `start` of `bits`, until there are `most`. */
export function addRowsOf(
  bits: Uint32Array,
  start: number,
  window: number,
  found: number[],
  most: number,
): void {
  for (let word = 0; word < WINDOW_WORDS; word++) {
    for (let left = bits[start + word] as number; left !== 0; left &= left - 1) {
      if (found.length >= most) return;
      found.push(window * WINDOW_ROWS + word * 32 + 31 - Math.clz32(left & -left));
    }
  }
}
