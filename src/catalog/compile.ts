import { unreachable } from '../core/assert.js';
import { compileGlob } from '../core/glob.js';
import { compileRegex } from '../core/regex.js';
import type { Selector, SelectorKey } from '../core/selector/ast.js';
import { listTester, valueTester } from '../core/selector/satisfies.js';
import { encodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { type TermTest, type TermTests, termTests } from './term-tests.js';

export type RowTester = (row: number) => boolean;

/** The names of objects, each of which is one object's. */
interface NameKey {
  readonly kind: 'name';
  /** The row with that name, or 0. */
  readonly find: (bytes: Uint8Array, start: number, end: number) => number;
  /** Whether the row's name may hold all pairs of a signature. */
  readonly mayHold: (row: number, low: number, high: number) => boolean;
  /** The arena record of the row's name. */
  readonly record: (row: number) => number;
}

/** A key that is no attribute: what the row itself tells; undefined where it has no such thing. */
interface ToldKey {
  readonly kind: 'told';
  readonly of: (row: number) => Value | undefined;
}

/** A key of whoever owns the rows. Patterns over keys do not find it. */
export type OwnKey = NameKey | ToldKey;

/** A key by its name, or all keys that match. */
export type CompiledKey =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly matches: (name: string) => boolean };

/** A condition, with the parts of the selector that it stands for: more than one when folded. */
export type Leaf = { readonly of: readonly Selector[] } & (
  | { readonly kind: 'has'; readonly key: CompiledKey }
  | { readonly kind: 'tested'; readonly key: CompiledKey; readonly tests: TermTests }
  | { readonly kind: 'named'; readonly own: NameKey; readonly tests: TermTests }
  | { readonly kind: 'told'; readonly passes: RowTester }
);

/** A selector whose patterns and values are ready to be looked for, now and later. */
export type Compiled =
  | { readonly kind: 'constant'; readonly value: boolean }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Compiled[] }
  | { readonly kind: 'not'; readonly part: Compiled }
  | Leaf;

type Numbers = Extract<TermTest, { kind: 'numbers' }>;
type Tested = Extract<Leaf, { kind: 'tested' }>;

/** Refuses with `bad-selector` a pattern that is too large. */
export function compileSelector(
  selector: Selector,
  own: (name: string) => OwnKey | null,
): Compiled {
  const within = (part: Selector): Compiled => compileSelector(part, own);
  switch (selector.kind) {
    case 'constant':
      return selector;
    case 'and':
      return { kind: 'and', parts: foldRanges(selector.parts.map(within)) };
    case 'or':
      return { kind: 'or', parts: selector.parts.map(within) };
    case 'not':
      return { kind: 'not', part: within(selector.part) };
    case 'has': {
      const key = ownOf(selector.key, own);
      if (key === null) return { kind: 'has', key: compileKey(selector.key), of: [selector] };
      if (key.kind === 'name') return { kind: 'constant', value: true };
      return { kind: 'told', passes: (row) => key.of(row) !== undefined, of: [selector] };
    }
    case 'test':
      return compileTest(selector, ownOf(selector.key, own));
    default:
      return unreachable(selector);
  }
}

function ownOf(key: SelectorKey, own: (name: string) => OwnKey | null): OwnKey | null {
  return key.kind === 'name' ? own(key.name) : null;
}

function compileTest(selector: Extract<Selector, { kind: 'test' }>, own: OwnKey | null): Leaf {
  const { key, condition, quantifier } = selector;
  const of = [selector];
  if (own?.kind === 'told') {
    const passes = quantifier === null ? valueTester(condition) : listTester(condition, quantifier);
    const told = (row: number): boolean => {
      const value = own.of(row);
      return value !== undefined && passes(value);
    };
    return { kind: 'told', passes: told, of };
  }
  const tests = termTests(condition, quantifier);
  if (own !== null) return { kind: 'named', own, tests, of };
  return { kind: 'tested', key: compileKey(key), tests, of };
}

function compileKey(key: SelectorKey): CompiledKey {
  if (key.kind === 'name') return key;
  const pattern = key.kind === 'glob' ? compileGlob(key.pattern) : compileRegex(key.pattern);
  return { kind: 'pattern', matches: (name) => pattern.matches(encodeUtf8(name)) };
}

/** Of ranges of one key, all of which must hold, one is made: between the innermost ends. */
function foldRanges(parts: readonly Compiled[]): readonly Compiled[] {
  const byKey = new Map<string, { readonly range: Numbers; readonly leaf: Tested }>();
  const others: Compiled[] = [];
  for (const part of parts) {
    const range = part.kind === 'tested' ? rangeOf(part) : null;
    if (part.kind !== 'tested' || range === null || part.key.kind !== 'name') {
      others.push(part);
      continue;
    }
    const id = `${range.column} ${part.key.name}`;
    const before = byKey.get(id);
    const both = before === undefined ? range : between(before.range, range);
    const of = [...(before?.leaf.of ?? []), ...part.of];
    byKey.set(id, {
      range: both,
      leaf: { ...part, tests: { tests: [both], isNegated: false }, of },
    });
  }
  return [...others, ...[...byKey.values()].map(({ leaf }) => leaf)];
}

function rangeOf({ tests: { tests, isNegated } }: Tested): Numbers | null {
  const [first] = tests;
  return !isNegated && tests.length === 1 && first?.kind === 'numbers' ? first : null;
}

function between(one: Numbers, other: Numbers): Numbers {
  return {
    ...one,
    low: Math.max(one.low, other.low),
    high: Math.min(one.high, other.high),
    passes: (value) => one.passes(value) && other.passes(value),
  };
}
