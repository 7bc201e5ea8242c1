import { unreachable } from '../assert.js';
import { compileGlob } from '../glob.js';
import { compileRegex } from '../regex.js';
import { encodeUtf8 } from '../utf8.js';
import { Float, Timestamp, type Value } from '../value.js';
import type { Work } from '../work.js';
import type { Comparator, Condition, Quantifier, SelectorItem, SelectorValue } from './ast.js';

/** Whether a text, as UTF-8, passes a test of texts. What it takes is charged, as below. */
export type TextTester = (bytes: Uint8Array, start: number, end: number, work: Work) => boolean;
/** Whether a value satisfies a condition. What that means stands at Selector. */
export type ValueTester = (value: Value, work: Work) => boolean;

/** A number of any type; a bigint compares exactly with a number. */
export function numberOf(value: Value): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof Float ? value.value : null;
}

/** Below 0, 0 or above: the order of bytes, one by one. */
export function orderOfBytes(one: Uint8Array, other: Uint8Array): number {
  const size = Math.min(one.length, other.length);
  for (let at = 0; at < size; at++) {
    const difference = (one[at] as number) - (other[at] as number);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

/**
 * The order of their bytes in UTF-8, which is that of code points. The language compares code
 * units: the same, unless characters beyond U+FFFF are among them, whose halves come before U+E000.
 */
function orderOfTexts(one: string, other: string): number {
  if (one === other) return 0;
  if (!HALF.test(one) && !HALF.test(other)) return one < other ? -1 : 1;
  const size = Math.min(one.length, other.length);
  for (let at = 0; at < size; at++) {
    const unit = one.charCodeAt(at);
    const otherUnit = other.charCodeAt(at);
    if (unit !== otherUnit) return placeOf(unit) - placeOf(otherUnit);
  }
  return one.length - other.length;
}

const HALF = /[\ud800-\udfff]/;

/** Halves of characters behind all that are whole. */
function placeOf(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** Below 0, 0 or above: the order of two values; NaN for those that have none. */
export function orderOf(one: Value, other: Value): number {
  const first = numberOf(one);
  const second = numberOf(other);
  if (first !== null && second !== null) {
    if (first < second) return -1;
    if (first > second) return 1;
    return Number.isNaN(first) || Number.isNaN(second) ? Number.NaN : 0;
  }
  if (typeof one === 'string' && typeof other === 'string') {
    return orderOfTexts(one, other);
  }
  if (one instanceof Uint8Array && other instanceof Uint8Array) return orderOfBytes(one, other);
  if (one instanceof Timestamp && other instanceof Timestamp) {
    return orderOf(one.nanoseconds, other.nanoseconds);
  }
  return Number.NaN;
}

function isEqual(one: Value, other: SelectorValue): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => isEqual(each, other[index]));
  }
  if (one === null || typeof one === 'boolean') return one === other;
  return orderOf(one, other) === 0;
}

function holds(operator: Comparator, one: Value, other: SelectorValue): boolean {
  switch (operator) {
    case '=':
      return isEqual(one, other);
    case '!=':
      return !isEqual(one, other);
    case '<':
      return orderOf(one, other) < 0;
    case '<=':
      return orderOf(one, other) <= 0;
    case '>':
      return orderOf(one, other) > 0;
    case '>=':
      return orderOf(one, other) >= 0;
    default:
      return unreachable(operator);
  }
}

function isItem(value: Value, item: SelectorItem): boolean {
  if (item.kind === 'value') return isEqual(value, item.value);
  const { low, high } = item;
  return (low === null || holds('>=', value, low)) && (high === null || holds('<=', value, high));
}

/** Makes a condition a function of values. */
export function valueTester(condition: Condition): ValueTester {
  switch (condition.kind) {
    case 'compare': {
      const { operator, value: other } = condition;
      const steps = stepsOf(other);
      return (value, work) => {
        work.charge(steps);
        return holds(operator, value, other);
      };
    }
    case 'in': {
      const { items } = condition;
      const steps = items.reduce((sum, item) => sum + stepsOfItem(item), 0);
      return (value, work) => {
        work.charge(steps);
        return items.some((item) => isItem(value, item));
      };
    }
    default: {
      const passes = textTester(condition);
      return (value, work) => {
        if (typeof value !== 'string') return false;
        const bytes = encodeUtf8(value);
        return passes(bytes, 0, bytes.length, work);
      };
    }
  }
}

/** What a comparison with a value costs at most, whoever reads the other one: measured. */
function stepsOf(value: SelectorValue): number {
  if (typeof value === 'string') return 50 + value.length;
  return Array.isArray(value) ? value.reduce((sum, each) => sum + stepsOf(each), 20) : 20;
}

function stepsOfItem(item: SelectorItem): number {
  return item.kind === 'value' ? stepsOf(item.value) : stepsOf(item.low) + stepsOf(item.high);
}

/** As {@link valueTester}, of some element of a list or of every one. */
export function listTester(condition: Condition, quantifier: Quantifier): ValueTester {
  const passes = valueTester(condition);
  return (value, work) => {
    if (!Array.isArray(value)) return false;
    const isPassed = (each: Value): boolean => passes(each, work);
    return quantifier === 'any' ? value.some(isPassed) : value.every(isPassed);
  };
}

type TextCondition = Exclude<Condition, { kind: 'compare' | 'in' }>;

/** Makes a test of texts a function of their bytes. */
export function textTester({ kind, text }: TextCondition): TextTester {
  const piece = encodeUtf8(text);
  switch (kind) {
    case 'prefix':
      return (bytes, start, end, work) => {
        work.charge(CALL_STEPS + Math.min(piece.length, end - start));
        return isAt(bytes, start, end, piece);
      };
    case 'suffix':
      return (bytes, start, end, work) => {
        work.charge(CALL_STEPS + Math.min(piece.length, end - start));
        return end - piece.length >= start && isAt(bytes, end - piece.length, end, piece);
      };
    case 'infix':
      return (bytes, start, end, work) => isWithin(bytes, start, end, piece, work);
    case 'glob': {
      const glob = compileGlob(text);
      return (bytes, start, end, work) => {
        work.charge(CALL_STEPS + end - start);
        return glob.matches(bytes, start, end, work);
      };
    }
    case 'regex': {
      const regex = compileRegex(text);
      return (bytes, start, end, work) => regex.matches(bytes, start, end, work);
    }
    default:
      return unreachable(kind);
  }
}

function isAt(bytes: Uint8Array, start: number, end: number, piece: Uint8Array): boolean {
  if (end - start < piece.length) return false;
  for (let at = 0; at < piece.length; at++) if (bytes[start + at] !== piece[at]) return false;
  return true;
}

/** Charged as it goes: pieces that nearly match everywhere take long. */
function isWithin(
  bytes: Uint8Array,
  start: number,
  end: number,
  piece: Uint8Array,
  work: Work,
): boolean {
  const [first] = piece;
  if (first === undefined) return true;
  const last = end - piece.length;
  let steps = CALL_STEPS;
  for (let at = start; at <= last; at++) {
    steps++;
    if (bytes[at] !== first) continue;
    let size = 1;
    while (size < piece.length && bytes[at + size] === piece[size]) size++;
    steps += size;
    if (size === piece.length || steps >= CHARGED_STEPS) {
      work.charge(steps);
      steps = 0;
      if (size === piece.length) return true;
    }
  }
  work.charge(steps);
  return false;
}

/** What a test takes beside the bytes. */
const CALL_STEPS = 20;
/** So many are charged together. */
const CHARGED_STEPS = 65_536;
