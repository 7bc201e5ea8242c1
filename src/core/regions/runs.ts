import { assert } from '../assert.js';

/** `count` indices, 1 at least, from `start` on, `step` apart; of one index the step is 1. */
export interface Run {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

export function lastOf({ start, step, count }: Run): number {
  return start + (count - 1) * step;
}

/** A run; null when it has no index. */
export function runOf(start: number, step: number, count: number): Run | null {
  if (count <= 0) return null;
  return { start, step: count === 1 ? 1 : step, count };
}

/** What lies between two indices, both included. */
export function clip(run: Run, low: number, high: number): Run | null {
  const { start, step } = run;
  const first = start >= low ? start : start + Math.ceil((low - start) / step) * step;
  const last = Math.min(lastOf(run), high);
  return runOf(first, step, Math.floor((last - first) / step) + 1);
}

export function hasIndex({ start, step, count }: Run, index: number): boolean {
  const apart = index - start;
  return apart >= 0 && apart % step === 0 && apart / step < count;
}

/** How many indices lie below one. */
export function countBelow({ start, step, count }: Run, index: number): number {
  return index <= start ? 0 : Math.min(count, Math.ceil((index - start) / step));
}

/** The indices that both have. */
export function commonRun(one: Run, other: Run): Run | null {
  const low = Math.max(one.start, other.start);
  const high = Math.min(lastOf(one), lastOf(other));
  if (low > high) return null;
  if (one.step === 1) return clip(other, low, high);
  if (other.step === 1) return clip(one, low, high);
  const first = firstCommon(one, other, low);
  // Where the steps are large, so is what they have in common: it may lie beyond all indices.
  if (first > high) return null;
  const step = (one.step / gcd(one.step, other.step)) * other.step;
  return runOf(first, step, Math.floor((high - first) / step) + 1);
}

/**
 * The first index from `low` on that two runs would both have if they went on for ever (Chinese
 * remainder theorem); infinite when there is none.
 */
function firstCommon(one: Run, other: Run, low: number): number {
  const divisor = gcd(one.step, other.step);
  const apart = other.start - one.start;
  if (apart % divisor !== 0) return Number.POSITIVE_INFINITY;
  const modulus = other.step / divisor;
  const ratio = one.step / divisor;
  const steps = multiply(positive(apart / divisor, modulus), inverse(ratio, modulus), modulus);
  const first = one.start + steps * one.step;
  const step = ratio * other.step;
  return first >= low ? first : first + Math.ceil((low - first) / step) * step;
}

/** What is left of a run: the part before and between, and what follows the last index taken. */
interface Left {
  readonly before: readonly Run[];
  readonly after: Run | null;
}

/** Takes the indices of another one out of a run. */
export function without(run: Run, other: Run): Left {
  const common = commonRun(run, other);
  if (common === null) return { before: [], after: run };
  const { start, step, count } = run;
  const at = (place: number): number => start + place * step;
  const first = (common.start - start) / step;
  const apart = common.step / step;
  const last = (lastOf(common) - start) / step;
  const before: (Run | null)[] = [runOf(start, step, first)];
  if (common.count > 1 && apart > 1) {
    // Either what lies between two of them, or every index by its distance from the one before.
    if (common.count < apart) {
      for (let each = 0; each < common.count - 1; each++) {
        before.push(runOf(at(first + each * apart + 1), step, apart - 1));
      }
    } else {
      for (let each = 1; each < apart; each++) {
        before.push(runOf(at(first + each), common.step, common.count - 1));
      }
    }
  }
  return {
    before: before.filter((each) => each !== null),
    after: runOf(at(last + 1), step, count - last - 1),
  };
}

/** Ascending indices, each once, as few runs: a step is one that three of them have. */
export function runsOf(indices: ArrayLike<number>): Run[] {
  const runs: Run[] = [];
  const size = indices.length;
  for (let at = 0; at < size; ) {
    const start = indices[at] as number;
    const step = at + 1 < size ? (indices[at + 1] as number) - start : 1;
    assert(step > 0, 'indices ascend');
    let end = at + 1;
    while (end < size && (indices[end] as number) - (indices[end - 1] as number) === step) end++;
    // Two that are not side by side may begin something longer, of which the second is the first.
    if (end - at === 2 && step > 1) end = at + 1;
    runs.push({ start, step: end - at === 1 ? 1 : step, count: end - at });
    at = end;
  }
  return runs;
}

function gcd(one: number, other: number): number {
  let a = one;
  let b = other;
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

function positive(value: number, modulus: number): number {
  const rest = value % modulus;
  return rest < 0 ? rest + modulus : rest;
}

/** The number by which `value` is multiplied to be 1, modulo a number to which it is prime. */
function inverse(value: number, modulus: number): number {
  let [a, b] = [positive(value, modulus), modulus];
  let [x, y] = [1, 0];
  while (b !== 0) {
    const times = Math.floor(a / b);
    [a, b] = [b, a - times * b];
    [x, y] = [y, x - times * y];
  }
  return positive(x, modulus);
}

function multiply(one: number, other: number, modulus: number): number {
  const product = one * other;
  if (product <= Number.MAX_SAFE_INTEGER) return product % modulus;
  return Number((BigInt(one) * BigInt(other)) % BigInt(modulus));
}
