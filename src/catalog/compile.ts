import { assert, unreachable } from '../core/assert.js';
import { compileGlob } from '../core/glob.js';
import { compileRegex } from '../core/regex.js';
import type { Selector, SelectorKey } from '../core/selector/ast.js';
import {
  listTester,
  type TextTester,
  type ValueTester,
  valueTester,
} from '../core/selector/satisfies.js';
import { encodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import type { Work } from '../core/work.js';
import { type TermTest, type TermTests, termTests } from './term-tests.js';

/** Whether a row is selected; what it takes to know is charged. */
export type RowTester = (row: number, work: Work) => boolean;

/** Where a text lies. */
export interface Span {
  bytes: Uint8Array;
  start: number;
  end: number;
}

/** The names of objects, each of which is one object's. */
export interface NameKey {
  readonly kind: 'name';
  /** The row with that name, or 0. */
  readonly find: (bytes: Uint8Array, start: number, end: number) => number;
  /** Whether the row's name may hold all pairs of a signature. */
  readonly mayHold: (row: number, low: number, high: number) => boolean;
  /** Where the row's name is: good until the next operation. */
  readonly read: (row: number, into: Span) => void;
}

/** A key that is no attribute: what the row itself tells; undefined where it has no such thing. */
interface ToldKey {
  readonly kind: 'told';
  readonly of: (row: number, work: Work) => Value | undefined;
}

/** A key of whoever owns the rows. Patterns over keys do not find it. */
export type OwnKey = NameKey | ToldKey;

/** A key by its name, or all keys that match. */
export type CompiledKey =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'pattern'; readonly matches: (name: string, work: Work) => boolean };

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

type Looked = Exclude<TermTest, { kind: 'equal' }>;
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
      return { kind: 'and', parts: foldAll(selector.parts.map(within)) };
    case 'or':
      return { kind: 'or', parts: foldAny(selector.parts.map(within)) };
    case 'not':
      return { kind: 'not', part: within(selector.part) };
    case 'has': {
      const key = ownOf(selector.key, own);
      if (key === null) return { kind: 'has', key: compileKey(selector.key), of: [selector] };
      if (key.kind === 'name') return { kind: 'constant', value: true };
      return {
        kind: 'told',
        passes: (row, work) => key.of(row, work) !== undefined,
        of: [selector],
      };
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
    const told: RowTester = (row, work) => {
      const value = own.of(row, work);
      return value !== undefined && passes(value, work);
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
  return {
    kind: 'pattern',
    matches: (name, work) => {
      const bytes = encodeUtf8(name);
      return pattern.matches(bytes, 0, bytes.length, work);
    },
  };
}

/**
 * Conditions of one key, all of which must hold of the same value, become one: so its values are
 * gone through once, between the innermost ends of ranges, with all pieces that texts must hold.
 * What must not hold is what none of it finds.
 */
function foldAll(parts: readonly Compiled[]): readonly Compiled[] {
  const byKey = new Map<string, { readonly test: Looked; readonly leaf: Tested }>();
  const others: Compiled[] = [];
  const not: Compiled[] = [];
  for (const part of parts) {
    const test = part.kind === 'tested' ? lookedOf(part) : null;
    if (part.kind === 'not') not.push(part.part);
    else if (part.kind !== 'tested' || test === null || part.key.kind !== 'name') others.push(part);
    else {
      const id = `${test.kind} ${test.kind === 'texts' ? '' : test.column} ${part.key.name}`;
      const before = byKey.get(id);
      const both = before === undefined ? test : bothOf(before.test, test);
      const of = [...(before?.leaf.of ?? []), ...part.of];
      const tests = { tests: [both], isNegated: false };
      byKey.set(id, { test: both, leaf: { ...part, tests, of } });
    }
  }
  const folded = foldAny(not).map((part): Compiled => ({ kind: 'not', part }));
  return [...others, ...folded, ...[...byKey.values()].map(({ leaf }) => leaf)];
}

/** The one test that a condition comes to, where it is no look by hash. */
function lookedOf({ tests: { tests, isNegated } }: Tested): Looked | null {
  const [first] = tests;
  const isOne = !isNegated && tests.length === 1 && first !== undefined;
  return isOne && first.kind !== 'equal' ? first : null;
}

/** Of tests of the same kind and column. */
function bothOf(one: Looked, other: Looked): Looked {
  if (one.kind === 'texts' && other.kind === 'texts') {
    const signature = {
      low: (one.signature.low | other.signature.low) >>> 0,
      high: (one.signature.high | other.signature.high) >>> 0,
    };
    const passes: TextTester = (...text) => one.passes(...text) && other.passes(...text);
    return { kind: 'texts', signature, passes };
  }
  assert(one.kind !== 'texts' && other.kind !== 'texts', 'tests that are folded are alike');
  const passes: ValueTester = (value, work) => one.passes(value, work) && other.passes(value, work);
  if (one.kind === 'values' || other.kind === 'values') return { ...one, passes };
  const low = Math.max(one.low, other.low);
  return { ...one, low, high: Math.min(one.high, other.high), passes };
}

/** Conditions of one key, or of the name, any of which will do, become one for the same reason. */
function foldAny(parts: readonly Compiled[]): readonly Compiled[] {
  const byKey = new Map<string, Folding[]>();
  const others: Compiled[] = [];
  for (const part of parts) {
    const id = isFolding(part) ? `${part.kind} ${keyOf(part)}` : '';
    if (!isFolding(part)) others.push(part);
    else if (byKey.get(id)?.push(part) === undefined) byKey.set(id, [part]);
  }
  return [...others, ...[...byKey.values()].map(anyOf)];
}

type Folding = Extract<Leaf, { kind: 'tested' | 'named' }>;

/** Whether it is tested by a look at values or rows. */
function isFolding(part: Compiled): part is Folding {
  if (part.kind !== 'named' && part.kind !== 'tested') return false;
  if (part.kind === 'tested' && part.key.kind !== 'name') return false;
  const { tests, isNegated } = part.tests;
  return !isNegated && tests.some(({ kind }) => kind === 'texts' || kind === 'values');
}

function keyOf(part: Folding): string {
  return part.kind === 'tested' && part.key.kind === 'name' ? part.key.name : '';
}

function anyOf(parts: readonly Folding[]): Compiled {
  const [first] = parts;
  assert(first !== undefined, 'what is folded is there');
  if (parts.length === 1) return first;
  const tests = { tests: parts.flatMap((part) => part.tests.tests), isNegated: false };
  const selectors = parts.flatMap(({ of }) => of);
  return { ...first, tests, of: [{ kind: 'or', parts: selectors, at: 0 }] };
}
