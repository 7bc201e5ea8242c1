import { compileGlob } from '../core/glob.js';
import { compileRegex } from '../core/regex.js';
import type { Condition, Quantifier, SelectorItem, SelectorValue } from '../core/selector/ast.js';
import {
  listTester,
  numberOf,
  type TextTester,
  textTester,
  type ValueTester,
  valueTester,
} from '../core/selector/satisfies.js';
import { encodeUtf8 } from '../core/utf8.js';
import { Float, Timestamp } from '../core/value.js';
import { encodeScalar } from '../core/value-codec.js';
import { addPairs, type Signature } from './signature.js';
import { KIND } from './terms.js';

/**
 * How the terms of one key are found that satisfy a condition: by hash; by a scan over numbers or
 * signatures, with a closer look at those that pass; or one by one.
 */
export type TermTest =
  | { readonly kind: 'equal'; readonly values: readonly Uint8Array[] }
  | {
      readonly kind: 'numbers';
      readonly column: typeof KIND.number | typeof KIND.time;
      readonly low: number;
      readonly high: number;
      readonly passes: ValueTester;
    }
  | { readonly kind: 'texts'; readonly signature: Signature; readonly passes: TextTester }
  | { readonly kind: 'values'; readonly column: number; readonly passes: ValueTester };

/** All terms that pass one of these, and no other, satisfy the condition. */
export interface TermTests {
  readonly tests: readonly TermTest[];
  /** They do not satisfy it: all others of the key do. */
  readonly isNegated: boolean;
}

/** Compiles a condition; refuses with `bad-selector` a pattern that is malformed or too large. */
export function termTests(condition: Condition, quantifier: Quantifier | null): TermTests {
  if (quantifier !== null) return { tests: [ofLists(condition, quantifier)], isNegated: false };
  switch (condition.kind) {
    case 'compare': {
      const { operator, value } = condition;
      if (operator === '=' || operator === '!=') {
        return { tests: equalTo(value), isNegated: operator === '!=' };
      }
      const isLow = operator === '>' || operator === '>=';
      const range = isLow ? { low: value, high: null } : { low: null, high: value };
      return { tests: within(range, valueTester(condition)), isNegated: false };
    }
    case 'in':
      return { tests: condition.items.flatMap(ofItem), isNegated: false };
    default: {
      const signature = { low: 0, high: 0 };
      for (const piece of piecesOf(condition)) addPairs(signature, piece, 0, piece.length);
      const passes = textTester(condition);
      return { tests: [{ kind: 'texts', signature, passes }], isNegated: false };
    }
  }
}

function ofLists(condition: Condition, quantifier: Quantifier): TermTest {
  return { kind: 'values', column: KIND.list, passes: listTester(condition, quantifier) };
}

function ofItem(item: SelectorItem): readonly TermTest[] {
  if (item.kind === 'value') return equalTo(item.value);
  return within(item, valueTester({ kind: 'in', items: [item], at: 0 }));
}

/** Bytes that every text which passes has side by side. */
function piecesOf({
  kind,
  text,
}: Exclude<Condition, { kind: 'compare' | 'in' }>): readonly Uint8Array[] {
  if (kind === 'glob') return compileGlob(text).pieces;
  if (kind === 'regex') return compileRegex(text).required;
  return [encodeUtf8(text)];
}

function equalTo(value: SelectorValue): readonly TermTest[] {
  if (Array.isArray(value)) {
    const passes = valueTester({ kind: 'compare', operator: '=', value, at: 0 });
    return [{ kind: 'values', column: KIND.list, passes }];
  }
  return [
    {
      kind: 'equal',
      values: encodingsOf(value as Exclude<SelectorValue, readonly SelectorValue[]>),
    },
  ];
}

/** A value in all types in which it may have been sent. */
function encodingsOf(
  value: Exclude<SelectorValue, readonly SelectorValue[]>,
): readonly Uint8Array[] {
  const number = numberOf(value);
  if (number === null) return [encoded(value)];
  const found: Uint8Array[] = [];
  const real = Number(number);
  if (Number.isNaN(real)) return found;
  // An integer that is no float64 equals none, and a float64 that is no integer equals none.
  if (typeof number === 'bigint' ? BigInt(Math.trunc(real)) === number : true) {
    found.push(encoded(new Float(real)));
  }
  if (real === 0) found.push(encoded(new Float(Object.is(real, -0) ? 0 : -0)), encoded(0));
  else if (typeof number === 'bigint') found.push(encoded(number));
  else if (Number.isInteger(number)) {
    const integer = BigInt(number);
    if (integer >= -(2n ** 63n) && integer < 2n ** 64n) found.push(encoded(integer));
  }
  return found;
}

function encoded(value: Exclude<SelectorValue, readonly SelectorValue[]>): Uint8Array {
  return encodeScalar(value);
}

type Range = { readonly low: SelectorValue | null; readonly high: SelectorValue | null };

/** Values between two ends; values of another type than an end are not. */
function within({ low, high }: Range, passes: ValueTester): readonly TermTest[] {
  const end = low ?? high;
  if (end === null) return [];
  if (numberOf(end) !== null) {
    const from = boundOf(low, -Infinity);
    const to = boundOf(high, Infinity);
    return [{ kind: 'numbers', column: KIND.number, low: from, high: to, passes }];
  }
  if (end instanceof Timestamp) {
    const from = low instanceof Timestamp ? Number(low.nanoseconds) : -Infinity;
    const to = high instanceof Timestamp ? Number(high.nanoseconds) : Infinity;
    return [{ kind: 'numbers', column: KIND.time, low: from, high: to, passes }];
  }
  const column = typeof end === 'string' ? KIND.text : KIND.other;
  return [{ kind: 'values', column, passes }];
}

/** Rounded as the numbers of a column are: so that none that lies within is passed over. */
function boundOf(end: SelectorValue | null, open: number): number {
  const number = end === null ? null : numberOf(end);
  return number === null ? open : Number(number);
}
