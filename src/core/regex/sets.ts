/** Sets of code points: pairs of first and last, in one flat list. */

const POINT_MAX = 0x10ffff;

/** The same set with its ranges sorted, none touching another. */
export function normalised(ranges: readonly number[]): readonly number[] {
  const pairs: (readonly [first: number, last: number])[] = [];
  for (let index = 0; index < ranges.length; index += 2) {
    pairs.push([ranges[index] as number, ranges[index + 1] as number]);
  }
  pairs.sort(([one], [other]) => one - other);
  const result: number[] = [];
  for (const [first, last] of pairs) {
    const end = result.length - 1;
    const previous = result[end];
    if (previous === undefined || first > previous + 1) result.push(first, last);
    else if (last > previous) result[end] = last;
  }
  return result;
}

/** Every character that is not in the set. */
export function outside(ranges: readonly number[]): readonly number[] {
  const result: number[] = [];
  let next = 0;
  const sorted = normalised(ranges);
  for (let index = 0; index < sorted.length; index += 2) {
    const first = sorted[index] as number;
    if (first > next) result.push(next, first - 1);
    next = (sorted[index + 1] as number) + 1;
  }
  if (next <= POINT_MAX) result.push(next, POINT_MAX);
  return result;
}

/** The set with both cases of the letters of ASCII in it, as it has one. */
export function withBothCases(ranges: readonly number[]): readonly number[] {
  const result = [...ranges];
  for (let index = 0; index < ranges.length; index += 2) {
    const first = ranges[index] as number;
    const last = ranges[index + 1] as number;
    addMoved(result, Math.max(first, 0x41), Math.min(last, 0x5a), 0x20);
    addMoved(result, Math.max(first, 0x61), Math.min(last, 0x7a), -0x20);
  }
  return normalised(result);
}

function addMoved(ranges: number[], first: number, last: number, by: number): void {
  if (first <= last) ranges.push(first + by, last + by);
}
