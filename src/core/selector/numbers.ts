import { Float } from '../value.js';

const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

/** As {@link Value} has it: a float64 that is whole says so. */
export function floatOf(value: number): number | Float {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value;
}

/** An integer as {@link Value} has it; null when 64 bits do not hold it. */
export function integerOf(value: bigint): number | bigint | null {
  if (value < INT64_MIN || value > UINT64_MAX) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** A range as other languages have it: 0-24 or 0:24. */
const RANGE_MEANT = /^([+-]?\d{1,20}(?:\.\d{1,20})?)[-:](-?\d{1,20}(?:\.\d{1,20})?)$/u;

/** Reads what begins with a digit or a sign; returns why it cannot, else. */
export function readNumber(word: string): number | bigint | Float | string {
  if (/^[+-]?inf$/u.test(word)) {
    return word.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (/^[+-]?0\d/u.test(word)) return `"${word}" begins with 0: as a text it stands in quotes`;
  if (/^[+-]?\d+$/u.test(word)) {
    // Longer ones need not be computed.
    const value = word.length > 21 ? null : integerOf(BigInt(word.replace('+', '')));
    return value ?? 'an integer has 64 bits: it lies between -2^63 and 2^64 - 1';
  }
  if (!/^[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/u.test(word)) {
    const [, low, high] = RANGE_MEANT.exec(word) ?? [];
    if (high !== undefined) return `"${word}" is no number; a range is written ${low}..${high}`;
    return `"${word}" is no number; a text stands in quotes`;
  }
  const value = Number(word);
  if (!Number.isFinite(value)) return `"${word}" is too large for a float64: write inf`;
  return floatOf(value);
}

/** The text that {@link readNumber} reads as this number, of this type; NaN as nan. */
export function numberText(value: number | bigint | Float): string {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Float) return floatText(value.value);
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : floatText(value);
}

function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/u.test(text) ? text : `${text}.0`;
}
