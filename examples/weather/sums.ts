/**
 * Sums of a field, for a check from end to end: the producer works them out from what it computed
 * and attaches them, the consumer works them out from what it received.
 */

import type { ReadonlyField } from './grid.js';

/** NaN and infinite values count as missing and go into no other number. */
export interface FieldSums {
  /** Values that are there. */
  readonly count: number;
  readonly missing: number;
  readonly sum: number;
  readonly sumOfSquares: number;
  /** 0 when there is no value. */
  readonly min: number;
  /** 0 when there is no value. */
  readonly max: number;
}

/**
 * Adds up in double precision in the order of the values, so equal values in equal order give equal
 * bits: producer and consumer may compare with ===.
 */
export function fieldSums(field: ReadonlyField): FieldSums {
  let count = 0;
  let sum = 0;
  let sumOfSquares = 0;
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < field.length; at++) {
    const value = field[at] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    sumOfSquares += value * value;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const missing = field.length - count;
  if (count === 0) return { count, missing, sum: 0, sumOfSquares: 0, min: 0, max: 0 };
  return { count, missing, sum, sumOfSquares, min, max };
}

/** Result of a check: what differs, by name, when anything does. */
export type SumsCheck =
  | { readonly kind: 'equal' }
  | {
      readonly kind: 'different';
      readonly names: readonly (keyof FieldSums)[];
      readonly expected: FieldSums;
      readonly actual: FieldSums;
    };

const NAMES: readonly (keyof FieldSums)[] = [
  'count',
  'missing',
  'sum',
  'sumOfSquares',
  'min',
  'max',
];

/** Whether a field received has the sums its producer attached, to the last bit. */
export function checkSums(field: ReadonlyField, expected: FieldSums): SumsCheck {
  const actual = fieldSums(field);
  const names = NAMES.filter((name) => actual[name] !== expected[name]);
  return names.length === 0 ? { kind: 'equal' } : { kind: 'different', names, expected, actual };
}
