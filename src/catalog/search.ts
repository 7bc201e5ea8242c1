import { unreachable } from '../core/assert.js';
import type { Work } from '../core/work.js';
import { windowFrom } from './collector.js';
import { LOOK_STEPS } from './costs.js';
import type { Plan } from './plan-steps.js';
import type { Postings } from './postings.js';
import { RowSet, WINDOW_BITS, WINDOW_ROWS } from './row-set.js';

/** Kinds of plans whose count is exact. */
const EXACT = new Set<Plan['kind']>(['none', 'all', 'set', 'rows']);
/** Up to so many rows are looked at one by one: windows would be filled for very few. */
const FEW = 128;
/** Steps of work for looks at rows in one part of a search, by all its filters. */
const PART_STEPS = 5_000_000;
/** Of rows that cost no more than usual, a part takes so many: it fills windows for them. */
const PART_ROWS = 32;
/** What a window takes, and in it each set, in steps. */
const WINDOW_STEPS = 60_000;
const SET_STEPS = 2_000;

/** How deep in a plan, and of which rows it is asked: null for all. */
interface Context {
  readonly level: number;
  readonly within: RowSet | null;
}

/**
 * The rows of a plan, window by window, in ascending order. Good until the next operation. Looks
 * at rows are work: a part ends where its filters have had enough, each by an even share, and who
 * must not take long goes from part to part until there was enough.
 */
export class Search {
  readonly #plan: Plan;
  readonly #postings: Postings;
  readonly #all: number;
  /** Made when it is needed: 8 KiB are much for a search that finds a row or two. */
  #rows: RowSet | null = null;
  /** One a level of the plan. */
  readonly #scratch: RowSet[] = [];
  /** What rows that are looked at are charged to, and what had been before. */
  readonly #looks: Work;
  readonly #usedBefore: number;
  /** What windows have taken; and what one takes. */
  #windows = 0;
  readonly #windowSteps: number;
  /** For each filter in one part. */
  readonly #share: number;
  /** The rows of the window that is being filled which are wanted: fewer when a share is used. */
  #low = 0;
  #high = WINDOW_ROWS;

  /** `work`: what the plan was made with. `partSteps`: for tests. */
  constructor(
    plan: Plan,
    { postings, all }: { readonly postings: Postings; readonly all: number },
    work: Work,
    partSteps = PART_STEPS,
  ) {
    this.#plan = plan;
    this.#postings = postings;
    this.#all = all;
    this.#looks = work;
    this.#usedBefore = work.used;
    this.#windowSteps = WINDOW_STEPS + SET_STEPS * setsIn(plan);
    const rowsLeast = Math.min(PART_ROWS * LOOK_STEPS, partSteps);
    this.#share = Math.max(rowsLeast, partSteps / Math.max(1, filtersIn(plan)));
  }

  /** Steps of work so far. */
  get work(): number {
    return this.#windows + this.#looks.used - this.#usedBefore;
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
    this.#low = low;
    this.#high = WINDOW_ROWS;
    this.#windows += this.#windowSteps;
    this.#rows ??= new RowSet();
    const rows = this.#rows;
    this.#fill(this.#plan, window, rows, { level: 0, within: null });
    const high = this.#high;
    if (high - low < WINDOW_ROWS) rows.keep(low, high);
    use(rows, window);
    if (high < WINDOW_ROWS) return window * WINDOW_ROWS + high;
    const next = this.#windowFrom(this.#plan, window + 1);
    return next < 0 ? -1 : next * WINDOW_ROWS;
  }

  /**
   * Gives the rows from one on to `use`, until it returns false, or a part ends and the work is
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
            part.kind === 'set' ? this.#postings.common(part.set, rows) : this.#having(part, rows);
        }
        return rows;
      }
      default:
        return null;
    }
  }

  /** Null when it takes so long that windows should be looked at in parts. */
  #having(plan: Plan, rows: readonly number[]): readonly number[] | null {
    const found: number[] = [];
    for (const row of rows) {
      if (this.work > PART_STEPS) return null;
      if (this.#has(plan, row)) found.push(row);
    }
    return found;
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
      if (this.work > workMax) return next;
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

  /** Makes `target` the rows of a plan in a window; what is beyond `within` may be wrong. */
  #fill(plan: Plan, window: number, target: RowSet, context: Context): void {
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
        if (context.within === null) postings.copy(this.#all, window, target.words);
        else target.words.set(context.within.words);
        this.#narrow(plan.passes, window, target);
        return;
      case 'not':
        this.#fill(plan.part, window, target, context);
        this.#complement(window, target, context.level);
        return;
      case 'or': {
        const part = this.#scratchOf(context.level);
        const inner = { ...context, level: context.level + 1 };
        target.clear();
        for (const each of plan.parts) {
          this.#fill(each, window, part, inner);
          target.or(part);
        }
        return;
      }
      case 'and':
        this.#intersect(plan.parts, window, target, context);
        return;
      default:
        unreachable(plan);
    }
  }

  /** Rows that are objects and not in `target`. */
  #complement(window: number, target: RowSet, level: number): void {
    const without = this.#scratchOf(level);
    without.words.set(target.words);
    this.#postings.copy(this.#all, window, target.words);
    target.andNot(without);
  }

  #intersect(parts: readonly Plan[], window: number, target: RowSet, context: Context): void {
    const part = this.#scratchOf(context.level);
    const inner = { level: context.level + 1, within: target };
    for (const [index, each] of parts.entries()) {
      if (index === 0) {
        this.#fill(each, window, target, context);
        if (context.within !== null) target.and(context.within);
        continue;
      }
      if (target.next(0) < 0) return;
      if (each.kind === 'filter') this.#narrow(each.passes, window, target);
      else if (each.kind === 'set') this.#postings.and(each.set, window, target.words);
      else if (each.kind === 'not' && each.part.kind === 'set') {
        this.#postings.andNot(each.part.set, window, target.words);
      } else {
        this.#fill(each, window, part, inner);
        target.and(part);
      }
    }
  }

  /** Keeps the rows that pass. When the share is used, those behind are no longer wanted. */
  #narrow(passes: (row: number) => boolean, window: number, target: RowSet): void {
    const usedMax = this.#looks.used + this.#share;
    for (
      let row = target.next(this.#low);
      row >= 0 && row < this.#high;
      row = target.next(row + 1)
    ) {
      if (!passes(window * WINDOW_ROWS + row)) target.remove(row);
      if (this.#looks.used > usedMax) this.#high = row + 1;
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

/** How many sets a window is filled from. */
function setsIn(plan: Plan): number {
  if (plan.kind === 'union') return plan.sets.length;
  if (plan.kind === 'not') return 1 + setsIn(plan.part);
  if (plan.kind !== 'and' && plan.kind !== 'or') return 1;
  return plan.parts.reduce((sum, part) => sum + setsIn(part), 0);
}

/** The lower of two windows, where -1 is none. */
function lower(one: number, other: number): number {
  if (one < 0) return other;
  return other < 0 ? one : Math.min(one, other);
}
