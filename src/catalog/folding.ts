import type { Selector, SelectorKey } from '../core/selector/ast.js';
import { type TermTest, type TermTests, termTests } from './term-tests.js';

type Test = Extract<Selector, { kind: 'test' }>;
type Numbers = Extract<TermTest, { kind: 'numbers' }>;

/** Ranges of one key that must all hold: a value lies between the innermost ends. */
export interface Folded {
  readonly kind: 'folded';
  readonly key: SelectorKey;
  readonly tests: TermTests;
  readonly parts: readonly Test[];
}

/** Makes of ranges of one key, all of which must hold, one. */
export function foldRanges(parts: readonly Selector[]): (Selector | Folded)[] {
  const byKey = new Map<string, { range: Numbers; key: SelectorKey; parts: Test[] }>();
  const others: (Selector | Folded)[] = [];
  for (const part of parts) {
    const range = part.kind === 'test' ? rangeOf(part) : null;
    if (part.kind !== 'test' || range === null || part.key.kind !== 'name') {
      others.push(part);
      continue;
    }
    const id = `${range.column} ${part.key.name}`;
    const before = byKey.get(id);
    byKey.set(id, {
      range: before === undefined ? range : between(before.range, range),
      key: part.key,
      parts: [...(before?.parts ?? []), part],
    });
  }
  for (const { range, key, parts } of byKey.values()) {
    others.push({ kind: 'folded', key, tests: { tests: [range], isNegated: false }, parts });
  }
  return others;
}

function rangeOf({ condition, quantifier }: Test): Numbers | null {
  if (quantifier !== null) return null;
  const { tests, isNegated } = termTests(condition, null);
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
