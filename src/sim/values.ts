import { Float, Timestamp, type Value } from '../core/value.js';

/** What values are to the model, in words of its own: nothing of how the pool compares is used. */

/** Numbers of any type; JavaScript compares bigint and number exactly. */
export function numberOf(value: Value | undefined): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof Float ? value.value : null;
}

/** One text for all that is the same, of the same types; the order of keys in maps is no matter. */
export function textOf(value: unknown): string {
  if (value instanceof Float) return `float ${numberText(value.value)}`;
  if (value instanceof Timestamp) return `@${value.nanoseconds}`;
  if (value instanceof Uint8Array) return `x"${value.join()}"`;
  if (Array.isArray(value)) return `[${value.map(textOf).join()}]`;
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') {
    const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
    return isInteger ? String(value) : `float ${numberText(value)}`;
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'undefined';
  const entries = Object.entries(value).map(([key, item]) => `${key}:${textOf(item)}`);
  return `{${entries.sort().join()}}`;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Less than 0, 0 or more: the order of two values; null for those that have none. */
export function orderOf(one: Value, other: Value): number | null {
  const first = numberOf(one);
  const second = numberOf(other);
  if (first !== null && second !== null) {
    if (Number.isNaN(first) || Number.isNaN(second)) return null;
    return first < second ? -1 : first > second ? 1 : 0;
  }
  if (typeof one === 'string' && typeof other === 'string') {
    return orderOfLists(codesOf(one), codesOf(other));
  }
  if (one instanceof Uint8Array && other instanceof Uint8Array) {
    return orderOfLists([...one], [...other]);
  }
  if (one instanceof Timestamp && other instanceof Timestamp) {
    return orderOf(one.nanoseconds, other.nanoseconds);
  }
  return null;
}

/** The code points of a text: their order is that of its bytes. */
function codesOf(text: string): number[] {
  return [...text].map((character) => character.codePointAt(0) ?? 0);
}

function orderOfLists(one: readonly number[], other: readonly number[]): number {
  for (const [at, each] of one.entries()) {
    const next = other[at];
    if (next === undefined) return 1;
    if (each !== next) return each - next;
  }
  return one.length - other.length;
}

export function areEqual(one: Value, other: Value): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, at) => areEqual(each, other[at]));
  }
  if (one === null || typeof one === 'boolean') return one === other;
  return orderOf(one, other) === 0;
}

/** What an offer says is what a handle expects: the same value, or the same number. */
export function meets(offered: Value | undefined, expected: Value): boolean {
  if (offered === undefined) return false;
  if (textOf(offered) === textOf(expected)) return true;
  return numberOf(offered) !== null && areEqual(offered, expected);
}

/** By what is sorted first: numbers, then NaN, timestamps, texts, bytes, booleans, all else. */
function rankOf(value: Value): number {
  if (Number.isNaN(numberOf(value))) return 1;
  if (numberOf(value) !== null) return 0;
  if (value instanceof Timestamp) return 2;
  if (typeof value === 'string') return 3;
  if (value instanceof Uint8Array) return 4;
  return typeof value === 'boolean' ? 5 : 6;
}

/** The order in which values are sorted; what is not there comes last in both directions. */
export function sortedOrder(
  one: Value | undefined,
  other: Value | undefined,
  isDescending: boolean,
): number {
  if (one === undefined || other === undefined) {
    return Number(one === undefined) - Number(other === undefined);
  }
  const ranks = rankOf(one) - rankOf(other);
  const bools = typeof one === 'boolean' ? Number(one) - Number(other) : 0;
  const order = ranks !== 0 ? ranks : (orderOf(one, other) ?? bools);
  return isDescending ? -order : order;
}
