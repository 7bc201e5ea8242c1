import { AttaccaError } from '../../core/errors.js';
import { printable } from '../../core/unseen.js';
import { beginningOf } from '../../core/utf8.js';

/** Functions of numbers, with how many they take; `min` and `max` take two or more. */
export const FUNCTIONS = {
  ...{ sqrt: 1, abs: 1, exp: 1, log: 1, log10: 1, sin: 1, cos: 1, tan: 1, asin: 1, acos: 1 },
  ...{ atan: 1, floor: 1, ceil: 1, round: 1, sign: 1, atan2: 2, min: 2, max: 2 },
} as const;

export type FunctionName = keyof typeof FUNCTIONS;
export type Arithmetic = '+' | '-' | '*' | '/' | '%' | '**';
export type Comparison = '<' | '<=' | '>' | '>=' | '==' | '!=';

export type ValueType = 'number' | 'truth';

/** What an expression is made of. Types are checked: a comparison is no number. */
export type Node =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'input'; readonly name: string }
  | { readonly kind: 'negate' | 'not' | 'isnan'; readonly of: Node }
  | {
      readonly kind: 'arithmetic';
      readonly sign: Arithmetic;
      readonly left: Node;
      readonly right: Node;
    }
  | {
      readonly kind: 'compare';
      readonly sign: Comparison;
      readonly left: Node;
      readonly right: Node;
    }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'call'; readonly name: FunctionName; readonly args: readonly Node[] }
  | {
      readonly kind: 'where';
      readonly condition: Node;
      readonly left: Node;
      readonly right: Node;
    };

export function typeOf({ kind }: Node): ValueType {
  return kind === 'compare' || kind === 'and' || kind === 'or' || kind === 'not' || kind === 'isnan'
    ? 'truth'
    : 'number';
}

/** An expression that is none: `at` is the place of the character, from 0. */
export function refuseExpression(text: string, at: number, why: string, hint = ''): never {
  const place = `at character ${at + 1}${hint === '' ? '' : `.${hint}`}`;
  const shown = text.length > 80 ? `${beginningOf(text, 77)}...` : text;
  const message = printable(`Cannot use "${shown}": ${why}, ${place}`);
  throw new AttaccaError('bad-expression', message, { text, at });
}
