import { unreachable } from '../core/assert.js';
import { windowFrom } from './collector.js';
import type { Plan } from './plan.js';
import type { Postings } from './postings.js';
import { RowSet, WINDOW_BITS, WINDOW_ROWS } from './row-set.js';

/** Kinds of plans whose count is exact. */
const EXACT = new Set<Plan['kind']>(['none', 'all', 'set', 'rows']);
/** Up to so many rows are looked at one by one: windows would be filled for very few. */
const FEW = 128;
/** Looks at rows, each for one filter, that are taken together in one part of a search. */
const LOOKS = 16_384;
/** A window counts for as many rows that are looked at as take its time. */
const WINDOW_WORK = 200;

/**
 * The rows of a plan, window by window, in ascending order. Good until the next operation. Rows
 * that are looked at one by one are counted as work: who must not take long goes from window to
 * window until there was enough.
 */
export class Search {
  readonly #plan: Plan;
  readonly #postings: Postings;
  readonly #all: number;
  /** Made when it is needed: 8 KiB are much for a search that finds a row or two. */
  #rows: RowSet | null = null;
  /** One a level of the plan. */
  readonly #scratch: RowSet[] = [];
  /** Rows that were looked at, and what windows count for. */
  #work = 0;
  /** Rows of a window that are looked at together: fewer where each has to be looked at often. */
  readonly #span: number;
  /** The rows of the window that is being filled which are wanted. */
  #low = 0;
  #high = WINDOW_ROWS;

  constructor(plan: Plan, postings: Postings, all: number) {
    this.#plan = plan;
    this.#postings = postings;
    this.#all = all;
    this.#span = spanOf(filtersIn(plan));
  }

  get work(): number {
    return this.#work;
  }

  /** How many rows there are, where that is known without a search; else -1. */
  get countKnown(): number {
    return EXACT.has(this.#plan.kind) ? this.#plan.count : -1;
  }

  /** How many rows there are, whatever it takes: for plans of few sets. */
  countAll(): number {
    if (this.countKnown >= 0) return this.countKnown;
    const few = this.few();
    if (few !== null) return few.length;
    let count = 0;
    for (let next = 0; next >= 0; ) {
      next = this.part(next, (rows) => {
        count += rows.count();
      });
    }
    return count;
  }

  /**
   * Gives the rows of one part, from a row on, as those of its window; returns the row with which
   * the next part begins, or -1. A part is a window, or less of it.
   */
  part(from: number, use: (rows: RowSet, window: number) => void): number {
    const window = this.#windowFrom(this.#plan, from >>> WINDOW_BITS);
    if (window < 0) return -1;
    const low = window === from >>> WINDOW_BITS ? from & (WINDOW_ROWS - 1) : 0;
    const high = Math.min(WINDOW_ROWS, (Math.floor(low / this.#span) + 1) * this.#span);
    this.#low = low;
    this.#high = high;
    this.#work += WINDOW_WORK;
    this.#rows ??= new RowSet();
    const rows = this.#rows;
    this.#fill(this.#plan, window, rows, 0);
    if (high - low < WINDOW_ROWS) rows.keep(low, high);
    use(rows, window);
    if (high < WINDOW_ROWS) return window * WINDOW_ROWS + high;
    const next = this.#windowFrom(this.#plan, window + 1);
    return next < 0 ? -1 : next * WINDOW_ROWS;
  }

  /**
   * Gives the rows from one on to `use`, until it returns false, or a window ends and the work is
   * more than `workMax`. Returns the row to go on from, or -1 when there is none.
   */
  rows(from: number, use: (row: number) => boolean, workMax = Number.POSITIVE_INFINITY): number {
    const few = this.few();
    if (few === null) return this.#manyRows(from, use, workMax);
    for (const row of few) if (row >= from && !use(row)) return row + 1;
    return -1;
  }

  /** All rows, in ascending order, when one knows at once that they are few; else null. */
  few(): readonly number[] | null {
    return this.#few(this.#plan);
  }

  #few(plan: Plan): readonly number[] | null {
    if (plan.count > FEW) return null;
    switch (plan.kind) {
      case 'none':
        return [];
      case 'set':
        return this.#postings.some(plan.set, FEW);
      case 'union': {
        const rows = new Set<number>();
        for (const set of plan.sets) for (const row of this.#postings.some(set, FEW)) rows.add(row);
        return [...rows].sort((one, other) => one - other);
      }
      case 'and': {
        const [first, ...others] = plan.parts;
        let rows = first === undefined ? null : this.#few(first);
        for (const part of others) {
          if (rows === null || rows.length === 0) break;
          rows =
            part.kind === 'set'
              ? this.#postings.common(part.set, rows)
              : rows.filter((row) => this.#has(part, row));
        }
        return rows;
      }
      default:
        return null;
    }
  }

  #has(plan: Plan, row: number): boolean {
    const postings = this.#postings;
    switch (plan.kind) {
      case 'none':
        return false;
      case 'all':
        return postings.has(this.#all, row);
      case 'set':
        return postings.has(plan.set, row);
      case 'rows':
        return plan.windows[row >>> WINDOW_BITS]?.has(row & (WINDOW_ROWS - 1)) ?? false;
      case 'union':
        return plan.sets.some((set) => postings.has(set, row));
      case 'filter':
        this.#work++;
        return plan.passes(row);
      case 'and':
        return plan.parts.every((part) => this.#has(part, row));
      case 'or':
        return plan.parts.some((part) => this.#has(part, row));
      case 'not':
        return !this.#has(plan.part, row);
      default:
        return unreachable(plan);
    }
  }

  #manyRows(from: number, use: (row: number) => boolean, workMax: number): number {
    let stopped = -1;
    for (let next = from; next >= 0; ) {
      next = this.part(next, (rows, window) => {
        for (let row = rows.next(0); row >= 0 && stopped < 0; row = rows.next(row + 1)) {
          const whole = window * WINDOW_ROWS + row;
          if (!use(whole)) stopped = whole + 1;
        }
      });
      if (stopped >= 0) return stopped;
      if (this.#work > workMax) return next;
    }
    return -1;
  }

  #windowFrom(plan: Plan, from: number): number {
    switch (plan.kind) {
      case 'none':
        return -1;
      case 'all':
      case 'not':
      case 'filter':
        return this.#postings.windowFrom(this.#all, from);
      case 'set':
        return this.#postings.windowFrom(plan.set, from);
      case 'rows':
        return windowFrom(plan.windows, from);
      case 'union': {
        let first = -1;
        for (const set of plan.sets) first = lower(first, this.#postings.windowFrom(set, from));
        return first;
      }
      case 'or': {
        let first = -1;
        for (const part of plan.parts) first = lower(first, this.#windowFrom(part, from));
        return first;
      }
      case 'and':
        return this.#commonWindow(plan.parts, from);
      default:
        return unreachable(plan);
    }
  }

  #commonWindow(parts: readonly Plan[], from: number): number {
    for (let window = from; ; ) {
      let highest = window;
      for (const part of parts) {
        const next = this.#windowFrom(part, window);
        if (next < 0) return -1;
        if (next > highest) highest = next;
      }
      if (highest === window) return window;
      window = highest;
    }
  }

  /** Makes `target` the rows of a plan in a window. */
  #fill(plan: Plan, window: number, target: RowSet, level: number): void {
    const postings = this.#postings;
    switch (plan.kind) {
      case 'none':
        target.clear();
        return;
      case 'all':
        postings.copy(this.#all, window, target.words);
        return;
      case 'set':
        postings.copy(plan.set, window, target.words);
        return;
      case 'rows': {
        target.clear();
        const rows = plan.windows[window];
        if (rows !== undefined) target.or(rows);
        return;
      }
      case 'union':
        target.clear();
        for (const set of plan.sets) postings.fill(set, window, target.words);
        return;
      case 'filter':
        postings.copy(this.#all, window, target.words);
        this.#narrow(plan.passes, window, target);
        return;
      case 'not':
        this.#fill(plan.part, window, target, level);
        this.#complement(window, target, level);
        return;
      case 'or': {
        const part = this.#scratchOf(level);
        target.clear();
        for (const each of plan.parts) {
          this.#fill(each, window, part, level + 1);
          target.or(part);
        }
        return;
      }
      case 'and':
        this.#intersect(plan.parts, window, target, level);
        return;
      default:
        unreachable(plan);
    }
  }

  /** Rows that are objects and not in `target`. */
  #complement(window: number, target: RowSet, level: number): void {
    const without = this.#scratchOf(level);
    without.clear();
    without.or(target);
    this.#postings.copy(this.#all, window, target.words);
    target.andNot(without);
  }

  #intersect(parts: readonly Plan[], window: number, target: RowSet, level: number): void {
    const part = this.#scratchOf(level);
    for (const [index, each] of parts.entries()) {
      if (index === 0) {
        this.#fill(each, window, target, level);
        continue;
      }
      if (target.next(0) < 0) return;
      if (each.kind === 'filter') this.#narrow(each.passes, window, target);
      else if (each.kind === 'set') this.#postings.and(each.set, window, target.words);
      else if (each.kind === 'not' && each.part.kind === 'set') {
        this.#postings.andNot(each.part.set, window, target.words);
      } else {
        this.#fill(each, window, part, level + 1);
        target.and(part);
      }
    }
  }

  /** Keeps the rows that pass. */
  #narrow(passes: (row: number) => boolean, window: number, target: RowSet): void {
    for (
      let row = target.next(this.#low);
      row >= 0 && row < this.#high;
      row = target.next(row + 1)
    ) {
      this.#work++;
      if (!passes(window * WINDOW_ROWS + row)) target.remove(row);
    }
  }

  #scratchOf(level: number): RowSet {
    let found = this.#scratch[level];
    if (found === undefined) {
      found = new RowSet();
      this.#scratch[level] = found;
    }
    return found;
  }
}

/** How often a row may have to be looked at. */
function filtersIn(plan: Plan): number {
  if (plan.kind === 'filter') return 1;
  if (plan.kind === 'not') return filtersIn(plan.part);
  if (plan.kind !== 'and' && plan.kind !== 'or') return 0;
  return plan.parts.reduce((sum, part) => sum + filtersIn(part), 0);
}

/** Rows of which all together are looked at not much more than {@link LOOKS} times. */
function spanOf(filters: number): number {
  if (filters <= 1) return WINDOW_ROWS;
  // The power of two that is not above it.
  const rows = 1 << (31 - Math.clz32(LOOKS / filters));
  return Math.max(32, Math.min(WINDOW_ROWS, rows));
}

/** The lower of two windows, where -1 is none. */
function lower(one: number, other: number): number {
  if (one < 0) return other;
  return other < 0 ? one : Math.min(one, other);
}
