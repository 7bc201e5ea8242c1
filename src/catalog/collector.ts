import type { Postings } from './postings.js';
import { RowSet, WINDOW_BITS, WINDOW_ROWS } from './row-set.js';

/** Rows by window; a window without any has no set. */
export type Windows = readonly (RowSet | undefined)[];

/** More sets than this are merged into rows while they are found. */
const SETS_MAX = 32;

/** Gathers sets of rows: a few as they are, more as their rows. */
export class Collector {
  readonly #postings: Postings;
  readonly #sets = new Set<number>();
  #windows: (RowSet | undefined)[] | null = null;

  constructor(postings: Postings) {
    this.#postings = postings;
  }

  add(set: number): void {
    if (set === 0) return;
    if (this.#windows !== null) {
      this.#merge(set, this.#windows);
      return;
    }
    this.#sets.add(set);
    if (this.#sets.size <= SETS_MAX) return;
    this.#windows = [];
    for (const each of this.#sets) this.#merge(each, this.#windows);
  }

  /** The sets, when they are few. */
  get sets(): readonly number[] | null {
    return this.#windows === null ? [...this.#sets] : null;
  }

  /** Their rows, when they are many. */
  get windows(): Windows {
    return this.#windows ?? [];
  }

  #merge(set: number, windows: (RowSet | undefined)[]): void {
    const postings = this.#postings;
    const only = postings.onlyRow(set);
    if (only > 0) {
      rowsOf(windows, only >>> WINDOW_BITS).add(only & (WINDOW_ROWS - 1));
      return;
    }
    for (let window = postings.windowFrom(set, 0); window >= 0; ) {
      postings.fill(set, window, rowsOf(windows, window).words);
      window = postings.windowFrom(set, window + 1);
    }
  }
}

function rowsOf(windows: (RowSet | undefined)[], window: number): RowSet {
  let rows = windows[window];
  if (rows === undefined) {
    rows = new RowSet();
    windows[window] = rows;
  }
  return rows;
}

export function countRows(windows: Windows): number {
  return windows.reduce((count, rows) => count + (rows?.count() ?? 0), 0);
}

/** The first window from `from` on that has rows, or -1. */
export function windowFrom(windows: Windows, from: number): number {
  for (let window = from; window < windows.length; window++) {
    if (windows[window] !== undefined) return window;
  }
  return -1;
}
