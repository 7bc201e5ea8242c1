import type { Windows } from './collector.js';
import type { Leaf } from './compile.js';

/** Where a plan comes from, for people: what it answers, and whether it looks at each row. */
interface Origin {
  readonly of?: Leaf;
}

/**
 * How a selector is answered: sets of rows, and what is made of them. `count` is how many rows
 * there are: exact for a set and for rows, else at most so many.
 */
export type Plan = Origin & Steps;

type Steps =
  | { readonly kind: 'none' | 'all'; readonly count: number }
  | { readonly kind: 'set'; readonly set: number; readonly count: number }
  | { readonly kind: 'union'; readonly sets: readonly number[]; readonly count: number }
  /** What is too many sets for a union: their rows, by window. */
  | { readonly kind: 'rows'; readonly windows: Windows; readonly count: number }
  /** What no set tells: each row is looked at, which is charged. */
  | { readonly kind: 'filter'; readonly passes: RowFilter; readonly count: number }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Plan[]; readonly count: number }
  | { readonly kind: 'not'; readonly part: Plan; readonly count: number };

type RowFilter = (row: number) => boolean;
