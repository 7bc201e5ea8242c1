import type { Float, Timestamp } from '../value.js';

/**
 * What a selector means; its text is read by parser.ts and written by printer.ts.
 *
 * A selector is asked about one object: keys with values, each key once. It answers yes or no.
 *
 * - A condition on a key that the object has not is false, whatever it says, and `not` of it true.
 * - `=` compares values of one type; of different types it is false. Numbers are one type: int64,
 *   uint64 and float64 compare exactly, so 2^53 + 1 is not equal to the float64 2^53. Negative zero
 *   equals zero. NaN equals nothing, and has no order.
 * - `!=` is true when the object has the key and `=` is false: of another type, too, and of NaN.
 * - `<`, `<=`, `>`, `>=` order numbers, timestamps, texts by their bytes in UTF-8 (which is the
 *   order of code points) and bytes. Values of different types have no order: all four are false.
 * - A list equals a list of as many elements that are equal one by one. Maps equal nothing.
 * - `in` is true when one of its items is: a value by `=`, a range by `>=` its low end and `<=` its
 *   high end.
 * - `~`, `=~`, `prefix`, `suffix`, `infix` are false of what is not a text. A glob must match the
 *   whole text, a regular expression a part of it.
 * - `any` and `all` are false of what is not a list; else they say whether some element, or every
 *   one, satisfies the condition: `all` is true of an empty list.
 * - A pattern in place of a key stands for every key that matches: some one must satisfy the
 *   condition.
 *
 * `at` is where a node begins in the text, in code points from 0. It is no part of what is meant.
 */
export type Selector =
  | { readonly kind: 'constant'; readonly value: boolean; readonly at: number }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Selector[]; readonly at: number }
  | { readonly kind: 'not'; readonly part: Selector; readonly at: number }
  | { readonly kind: 'has'; readonly key: SelectorKey; readonly at: number }
  | {
      readonly kind: 'test';
      readonly quantifier: Quantifier | null;
      readonly key: SelectorKey;
      readonly condition: Condition;
      readonly at: number;
    };

/** A key by its name, or a pattern over keys. */
export type SelectorKey =
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | { readonly kind: 'glob' | 'regex'; readonly pattern: string; readonly at: number };

export type Quantifier = 'any' | 'all';

/** What is asked of a value. `at` is where the operator stands. */
export type Condition =
  | {
      readonly kind: 'compare';
      readonly operator: Comparator;
      readonly value: SelectorValue;
      readonly at: number;
    }
  | { readonly kind: 'in'; readonly items: readonly SelectorItem[]; readonly at: number }
  | { readonly kind: TextTest; readonly text: string; readonly at: number };

export type Comparator = '=' | '!=' | '<' | '<=' | '>' | '>=';

export type TextTest = 'glob' | 'regex' | 'prefix' | 'suffix' | 'infix';

/** One of `in`: a value, or a range with its ends, of which null is open; not both are. */
export type SelectorItem =
  | { readonly kind: 'value'; readonly value: SelectorValue }
  | {
      readonly kind: 'range';
      readonly low: SelectorValue | null;
      readonly high: SelectorValue | null;
    };

/** A {@link Value} that a selector can say: any but a map. */
export type SelectorValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Float
  | Timestamp
  | readonly SelectorValue[];

/** The keys that a selector asks for, each once, in the order of their first use. */
export function keysOf(selector: Selector): readonly SelectorKey[] {
  const found = new Map<string, SelectorKey>();
  collectKeys(selector, found);
  return [...found.values()];
}

function collectKeys(selector: Selector, found: Map<string, SelectorKey>): void {
  switch (selector.kind) {
    case 'constant':
      return;
    case 'not':
      collectKeys(selector.part, found);
      return;
    case 'and':
    case 'or':
      for (const part of selector.parts) collectKeys(part, found);
      return;
    default: {
      const { key } = selector;
      const name = `${key.kind} ${key.kind === 'name' ? key.name : key.pattern}`;
      if (!found.has(name)) found.set(name, key);
    }
  }
}
