import { printSelector } from '../core/selector/printer.js';
import type { Value } from '../core/value.js';
import type { Plan } from './plan.js';

/** Parts of parts beyond this say no more to people, and an answer nests so deep only. */
const DEPTH_MAX = 6;

/**
 * A plan for people: of each part what it answers, how, and how many rows it leaves at most; the
 * parts of `and` in the order in which they are asked.
 */
export function explainPlan(plan: Plan, depth = 0): { readonly [key: string]: Value } {
  const { of, how } = plan;
  const text =
    of === undefined
      ? null
      : of.kind === 'folded'
        ? of.parts.map(printSelector).join(' and ')
        : printSelector(of);
  const isShown = text === null && depth < DEPTH_MAX;
  const parts = isShown ? partsOf(plan).map((part) => explainPlan(part, depth + 1)) : [];
  return {
    selector: text,
    how: how ?? HOW[plan.kind],
    candidates: plan.count,
    ...(parts.length > 0 ? { parts } : {}),
  };
}

const HOW: { readonly [K in Plan['kind']]: string } = {
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

function partsOf(plan: Plan): readonly Plan[] {
  if (plan.kind === 'and' || plan.kind === 'or') return plan.parts;
  return plan.kind === 'not' ? [plan.part] : [];
}
