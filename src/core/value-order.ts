import { numberOf, orderOf } from './selector/satisfies.js';
import { isMap, Timestamp, type Value, type ValueMap } from './value.js';

/** Values of different types stand one type after the other; what a row has not comes last. */
const RANK = { number: 0, time: 1, text: 2, bytes: 3, bool: 4, other: 5, none: 6 } as const;

function rankOf(value: Value | undefined): number {
  if (value === undefined || value === null) return RANK.none;
  if (numberOf(value) !== null) return RANK.number;
  if (value instanceof Timestamp) return RANK.time;
  if (typeof value === 'string') return RANK.text;
  if (value instanceof Uint8Array) return RANK.bytes;
  return typeof value === 'boolean' ? RANK.bool : RANK.other;
}

/**
 * A total order, up to values that are equal: numbers, exactly, whatever their types, and NaN after
 * them; timestamps; texts by their bytes; bytes; false and true; lists and maps, which are all the
 * same here; and last, in both directions, what a row has not.
 */
export function compareValues(
  one: Value | undefined,
  other: Value | undefined,
  isDescending: boolean,
): number {
  const rank = rankOf(one);
  const difference = rank - rankOf(other);
  if (rank === RANK.none || (difference !== 0 && rankOf(other) === RANK.none)) return difference;
  const order = difference === 0 ? orderOfRank(rank, one, other) : difference;
  return isDescending ? -order : order;
}

function orderOfRank(rank: number, one: Value | undefined, other: Value | undefined): number {
  if (rank === RANK.other) return 0;
  if (rank === RANK.bool) return Number(one) - Number(other);
  const order = orderOf(one as Value, other as Value);
  return Number.isNaN(order) ? Number(isNan(one)) - Number(isNan(other)) : order;
}

function isNan(value: Value | undefined): boolean {
  return value !== undefined && Number.isNaN(numberOf(value));
}

/** Whether two values are equal in that order, lists and maps by what they hold: 6 and 6.0 are. */
export function isEqualValue(one: Value | undefined, other: Value | undefined): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) {
    return (
      one.length === other.length &&
      one.every((each, at) => isEqualValue(each as Value, other[at] as Value))
    );
  }
  if (isMap(one ?? null) && isMap(other ?? null)) {
    const [own, others] = [one as ValueMap, other as ValueMap];
    const keys = Object.keys(own);
    return (
      keys.length === Object.keys(others).length &&
      keys.every((key) => Object.hasOwn(others, key) && isEqualValue(own[key], others[key]))
    );
  }
  const isPlain = (value: Value | undefined): boolean => {
    return !Array.isArray(value) && !isMap(value ?? null);
  };
  return isPlain(one) && isPlain(other) && compareValues(one, other, false) === 0;
}
