import { printSelector } from '../core/selector/printer.js';
import type { Value } from '../core/value.js';
import type { Leaf } from './compile.js';
import type { Planner } from './plan.js';
import type { Plan } from './plan-steps.js';
import type { TermTest } from './term-tests.js';

/** Parts of parts beyond this say no more to people, and an answer nests so deep only. */
const DEPTH_MAX = 6;

/**
 * A plan for people: of each part what it answers, how, and how many rows it leaves at most; the
 * parts of `and` in the order in which they are asked.
 */
export function explainPlan(
  planner: Planner,
  plan: Plan,
  depth = 0,
): { readonly [key: string]: Value } {
  const { of } = plan;
  const isShown = of === undefined && depth < DEPTH_MAX;
  const parts = isShown ? partsOf(plan).map((part) => explainPlan(planner, part, depth + 1)) : [];
  return {
    selector: of === undefined ? null : of.of.map(printSelector).join(' and '),
    how: of === undefined ? JOINED[plan.kind] : howOf(planner, plan, of),
    candidates: plan.count,
    ...(parts.length > 0 ? { parts } : {}),
  };
}

const JOINED: { readonly [K in Plan['kind']]: string } = {
  none: 'nothing can be selected',
  all: 'all objects',
  set: 'a set of rows',
  union: 'some sets of rows',
  rows: 'many sets of rows, merged',
  filter: 'object by object',
  and: 'what all of these leave, the rarest first',
  or: 'what any of these finds',
  not: 'all objects without these',
};

const TESTED: { readonly [K in TermTest['kind']]: string } = {
  equal: 'by value',
  numbers: 'by a scan over numbers',
  texts: 'by a scan over signatures',
  values: 'by a look at each value',
};

function howOf(planner: Planner, plan: Plan, of: Leaf): string {
  if (of.kind === 'has') return 'by who has the key';
  if (of.kind === 'told') return 'object by object, as the pool tells it';
  const { tests, isNegated } = of.tests;
  const kinds = [...new Set(tests.map(({ kind }) => kind))];
  const isScan = kinds.some((kind) => kind !== 'equal');
  if (of.kind === 'named') return isScan ? 'object by object, by signatures of names' : 'by name';
  if (plan.kind === 'filter') return 'object by object, as few are left, or its values are many';
  const words = kinds.map((kind) => TESTED[kind]).join(', ');
  const scanned = isScan ? ` of ${planner.valuesOf(of.key)} distinct values` : '';
  return isNegated ? `who has the key, without those ${words}${scanned}` : `${words}${scanned}`;
}

function partsOf(plan: Plan): readonly Plan[] {
  if (plan.kind === 'and' || plan.kind === 'or') return plan.parts;
  return plan.kind === 'not' ? [plan.part] : [];
}
