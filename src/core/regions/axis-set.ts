import { assert } from '../assert.js';
import {
  clip,
  commonRun,
  countBelow,
  hasIndex,
  lastOf,
  type Run,
  runOf,
  runsOf,
  without,
} from './runs.js';

/** A run among 65,536 is found in fewer steps than these. */
const SEARCH_STEPS = 20;

/**
 * A set of indices along one axis, in ascending order: blocks, strides, lists of any kind, as runs
 * of even steps that have no index in common. A stride is one run however long it is; a list has
 * as many as it needs.
 */
export class AxisSet {
  static readonly EMPTY = new AxisSet([]);

  /** By their starts. */
  readonly runs: readonly Run[];
  readonly count: number;
  /** Whether each run ends before the next begins; else they lie within one another. */
  readonly isFlat: boolean;
  /** Of a flat set, the indices before each run. */
  #before: readonly number[] | null = null;

  private constructor(runs: readonly Run[]) {
    this.runs = runs;
    let count = 0;
    let isFlat = true;
    let end = -1;
    for (const run of runs) {
      if (run.start <= end) isFlat = false;
      end = Math.max(end, lastOf(run));
      count += run.count;
    }
    this.count = count;
    this.isFlat = isFlat;
  }

  /** Of runs that have no index in common, in any order. */
  static of(runs: readonly Run[]): AxisSet {
    if (runs.length === 0) return AxisSet.EMPTY;
    if (runs.length === 1) return new AxisSet(runs);
    return new AxisSet(joined([...runs].sort((one, other) => one.start - other.start)));
  }

  /** `[start, end)`. */
  static range(start: number, end: number): AxisSet {
    const run = runOf(start, 1, end - start);
    return run === null ? AxisSet.EMPTY : new AxisSet([run]);
  }

  /** `count` blocks of so many indices, whose starts are `stride` apart: no less than a block. */
  static blocks(of: { start: number; stride: number; count: number; block: number }): AxisSet {
    const { start, stride, count, block } = of;
    assert(block > 0 && (stride >= block || count <= 1), 'blocks do not overlap');
    if (count <= 0) return AxisSet.EMPTY;
    if (stride === block) return AxisSet.range(start, start + count * block);
    const runs: (Run | null)[] = [];
    if (count <= block) {
      for (let each = 0; each < count; each++) runs.push(runOf(start + each * stride, 1, block));
    } else {
      for (let each = 0; each < block; each++) runs.push(runOf(start + each, stride, count));
    }
    return AxisSet.of(runs.filter((run) => run !== null));
  }

  /** Of indices in ascending order, each once. */
  static indices(indices: ArrayLike<number>): AxisSet {
    return indices.length === 0 ? AxisSet.EMPTY : new AxisSet(runsOf(indices));
  }

  get isEmpty(): boolean {
    return this.runs.length === 0;
  }

  /** The lowest index; not of an empty set. */
  get first(): number {
    const [run] = this.runs;
    assert(run !== undefined, 'an empty set has no first index');
    return run.start;
  }

  /** The highest index; not of an empty set. */
  get last(): number {
    assert(!this.isEmpty, 'an empty set has no last index');
    if (this.isFlat) return lastOf(this.runs[this.runs.length - 1] as Run);
    return this.runs.reduce((last, run) => Math.max(last, lastOf(run)), 0);
  }

  /** Whether all indices lie side by side. */
  get isContiguous(): boolean {
    return this.isEmpty || this.last - this.first === this.count - 1;
  }

  has(index: number): boolean {
    return this.runHolding(index) !== null;
  }

  /** The run that has an index, or null. */
  runHolding(index: number): Run | null {
    const run = this.isFlat
      ? this.runs[this.#runBefore(index)]
      : this.runs.find((each) => hasIndex(each, index));
    return run !== undefined && hasIndex(run, index) ? run : null;
  }

  /** How many of its indices lie below one: the place at which that stands, if it is there. */
  rank(index: number): number {
    if (!this.isFlat) return this.runs.reduce((sum, run) => sum + countBelow(run, index), 0);
    const at = this.#runBefore(index);
    const run = this.runs[at];
    if (run === undefined) return 0;
    this.#before ??= sumsBefore(this.runs);
    return (this.#before[at] as number) + countBelow(run, index);
  }

  /** All indices, in ascending order. */
  toIndices(): Float64Array {
    const indices = new Float64Array(this.count);
    let at = 0;
    for (const { start, step, count } of this.runs) {
      for (let each = 0; each < count; each++) indices[at++] = start + each * step;
    }
    return this.isFlat ? indices : indices.sort();
  }

  /** The same set, flat: with more runs where blocks come in turn. */
  flat(): AxisSet {
    return this.isFlat ? this : AxisSet.indices(this.toIndices());
  }

  /** Whether both have the same indices. */
  equals(other: AxisSet): boolean {
    return this.count === other.count && this.intersect(other).count === this.count;
  }

  intersect(other: AxisSet): AxisSet {
    const found: Run[] = [];
    if (this.isFlat && other.isFlat) {
      this.#eachMeeting(other, (one, two) => {
        const common = commonRun(one, two);
        if (common !== null) found.push(common);
      });
      // In ascending order as they are.
      return found.length === 0 ? AxisSet.EMPTY : new AxisSet(joined(found));
    }
    for (const one of this.runs) {
      for (const two of other.runs) {
        const common = commonRun(one, two);
        if (common !== null) found.push(common);
      }
    }
    return AxisSet.of(found);
  }

  /** Whether they have an index in common. */
  meets(other: AxisSet): boolean {
    const [one] = this.runs;
    const [two] = other.runs;
    if (one === undefined || two === undefined) return false;
    if (this.first > other.last || other.first > this.last) return false;
    const areRanges = this.runs.length === 1 && other.runs.length === 1;
    if (areRanges && one.step === 1 && two.step === 1) return true;
    return !this.intersect(other).isEmpty;
  }

  difference(other: AxisSet): AxisSet {
    if (this.isEmpty || other.isEmpty) return this;
    const found: Run[] = [];
    for (const run of this.runs) found.push(...other.#takeFrom(run));
    return AxisSet.of(found);
  }

  union(other: AxisSet): AxisSet {
    return AxisSet.of([...this.runs, ...other.difference(this).runs]);
  }

  /** The indices in `[low, high)`. */
  within(low: number, high: number): AxisSet {
    return AxisSet.of(
      this.runs.map((run) => clip(run, low, high - 1)).filter((run) => run !== null),
    );
  }

  /** Each index moved by so many. */
  moved(by: number): AxisSet {
    return by === 0
      ? this
      : new AxisSet(this.runs.map(({ start, ...run }) => ({ start: start + by, ...run })));
  }

  /** What is left of a run when this set is taken out of it. */
  #takeFrom(run: Run): Run[] {
    if (!this.isFlat) {
      let pieces: Run[] = [run];
      for (const each of this.runs) {
        pieces = pieces.flatMap((piece) => {
          const { before, after } = without(piece, each);
          return after === null ? before : [...before, after];
        });
      }
      return pieces;
    }
    // What one takes lies before what the next ones take.
    const found: Run[] = [];
    let left: Run | null = run;
    const end = lastOf(run);
    for (let at = Math.max(0, this.#runBefore(run.start)); at < this.runs.length; at++) {
      const each = this.runs[at] as Run;
      if (left === null || each.start > end) break;
      const { before, after } = without(left, each);
      found.push(...before);
      left = after;
    }
    if (left !== null) found.push(left);
    return found;
  }

  /** The last run of a flat set that begins at an index or below it, or -1. */
  #runBefore(index: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.runs[middle] as Run).start <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Visits the pairs of runs of two flat sets that may have an index in common. */
  #eachMeeting(other: AxisSet, visit: (one: Run, two: Run) => void): void {
    const [few, many] = [this.runs.length, other.runs.length];
    if (few * SEARCH_STEPS < many) {
      this.#eachSearched(other, visit);
      return;
    }
    if (many * SEARCH_STEPS < few) {
      other.#eachSearched(this, (two, one) => visit(one, two));
      return;
    }
    let at = 0;
    let otherAt = 0;
    while (at < this.runs.length && otherAt < other.runs.length) {
      const one = this.runs[at] as Run;
      const two = other.runs[otherAt] as Run;
      visit(one, two);
      if (lastOf(one) <= lastOf(two)) at++;
      else otherAt++;
    }
  }

  /** As {@link #eachMeeting}, of few runs among many: each is looked for. */
  #eachSearched(other: AxisSet, visit: (one: Run, two: Run) => void): void {
    for (const one of this.runs) {
      const end = lastOf(one);
      for (let at = Math.max(0, other.#runBefore(one.start)); at < other.runs.length; at++) {
        const two = other.runs[at] as Run;
        if (two.start > end) break;
        visit(one, two);
      }
    }
  }
}

function sumsBefore(runs: readonly Run[]): readonly number[] {
  let sum = 0;
  return runs.map(({ count }) => {
    const before = sum;
    sum += count;
    return before;
  });
}

/** Makes one of runs that go on where the one before ends; they are sorted. */
function joined(runs: readonly Run[]): Run[] {
  const found: Run[] = [];
  for (const run of runs) {
    const before = found[found.length - 1];
    const both = before === undefined ? null : joinTwo(before, run);
    if (both === null) found.push(run);
    else found[found.length - 1] = both;
  }
  return found;
}

function joinTwo(one: Run, other: Run): Run | null {
  const step = other.start - lastOf(one);
  const goesOn = (run: Run): boolean => run.step === step || run.count === 1;
  // Two single indices that are not side by side stay what they are.
  if (one.count === 1 && other.count === 1 && step !== 1) return null;
  if (step <= 0 || !goesOn(one) || !goesOn(other)) return null;
  return { start: one.start, step, count: one.count + other.count };
}
