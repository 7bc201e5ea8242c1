import { unreachable } from '../assert.js';
import { compileGlob } from '../glob.js';
import { encodeUtf8 } from '../utf8.js';
import type { Value } from '../value.js';
import type { Work } from '../work.js';
import type { Condition, Selector, SelectorValue } from './ast.js';
import { listTester, valueTester } from './satisfies.js';

/** What is known of an object that is not there yet. */
export interface Facts {
  /** By key, values of which it has one. Of other keys nothing is known. */
  readonly values: ReadonlyMap<string, readonly Value[]>;
  /** Its name begins so. */
  readonly namePrefix: Uint8Array;
}

/** Whether a selector is true of an object: by what is known of it. */
type Verdict = 'no' | 'maybe' | 'yes';

const NAME = 'name';

/** Whether a selector is true of all objects with these facts, of none, or of some, maybe. */
export function verdictOf(selector: Selector, facts: Facts, work: Work): Verdict {
  switch (selector.kind) {
    case 'constant':
      return selector.value ? 'yes' : 'no';
    case 'not': {
      const verdict = verdictOf(selector.part, facts, work);
      return verdict === 'maybe' ? verdict : verdict === 'yes' ? 'no' : 'yes';
    }
    case 'and':
    case 'or':
      return together(selector.parts, selector.kind === 'and' ? 'no' : 'yes', facts, work);
    case 'has': {
      const { key } = selector;
      return key.kind === 'name' && facts.values.has(key.name) ? 'yes' : 'maybe';
    }
    case 'test': {
      const { key, condition, quantifier } = selector;
      if (key.kind !== 'name') return 'maybe';
      const known = facts.values.get(key.name);
      if (known === undefined) {
        const isOfName = key.name === NAME && quantifier === null;
        return isOfName && !mayBegin(condition, facts.namePrefix) ? 'no' : 'maybe';
      }
      const passes =
        quantifier === null ? valueTester(condition) : listTester(condition, quantifier);
      const count = known.filter((value) => passes(value, work)).length;
      return count === 0 ? 'no' : count === known.length ? 'yes' : 'maybe';
    }
    default:
      return unreachable(selector);
  }
}

/** One part that is `decisive` decides; else all of them must be the other. */
function together(
  parts: readonly Selector[],
  decisive: Verdict,
  facts: Facts,
  work: Work,
): Verdict {
  let verdict: Verdict = decisive === 'no' ? 'yes' : 'no';
  for (const part of parts) {
    const one = verdictOf(part, facts, work);
    if (one === decisive) return decisive;
    if (one === 'maybe') verdict = 'maybe';
  }
  return verdict;
}

/** Whether a name that begins so may satisfy a condition. */
function mayBegin(condition: Condition, prefix: Uint8Array): boolean {
  switch (condition.kind) {
    case 'glob':
      return agree(compileGlob(condition.text).prefix, prefix);
    case 'prefix':
      return agree(encodeUtf8(condition.text), prefix);
    case 'compare':
      return condition.operator !== '=' || isNamed(condition.value, prefix);
    case 'in':
      return condition.items.some((item) => item.kind === 'range' || isNamed(item.value, prefix));
    default:
      return true;
  }
}

/** Whether a value is a name that begins so. */
function isNamed(value: SelectorValue, prefix: Uint8Array): boolean {
  if (typeof value !== 'string') return false;
  const name = encodeUtf8(value);
  return name.length >= prefix.length && agree(name, prefix);
}

/** Whether some text begins with both. */
function agree(one: Uint8Array, other: Uint8Array): boolean {
  const size = Math.min(one.length, other.length);
  for (let at = 0; at < size; at++) if (one[at] !== other[at]) return false;
  return true;
}

/**
 * What a selector says for certain of each object that it selects: the values of keys that all of
 * it is about (`a = 1 and b in [2, 3]`; of ranges, and what lies within `or` and `not`, nothing).
 */
export function factsOf(selector: Selector): Facts {
  const values = new Map<string, readonly Value[]>();
  let namePrefix: Uint8Array = new Uint8Array(0);
  for (const part of selector.kind === 'and' ? selector.parts : [selector]) {
    if (part.kind !== 'test' || part.quantifier !== null || part.key.kind !== 'name') continue;
    const { condition, key } = part;
    const said = valuesOf(condition);
    // A second list of values of a key narrows it: the shorter one is true, too.
    const known = values.get(key.name);
    if (said !== null && (known === undefined || said.length < known.length)) {
      values.set(key.name, said);
    }
    if (key.name !== NAME) continue;
    if (condition.kind === 'prefix') namePrefix = longer(namePrefix, encodeUtf8(condition.text));
    if (condition.kind === 'glob') {
      namePrefix = longer(namePrefix, compileGlob(condition.text).prefix);
    }
  }
  return { values, namePrefix };
}

function longer(one: Uint8Array, other: Uint8Array): Uint8Array {
  return other.length > one.length ? other : one;
}

function valuesOf(condition: Condition): readonly Value[] | null {
  if (condition.kind === 'compare') return condition.operator === '=' ? [condition.value] : null;
  if (condition.kind !== 'in') return null;
  const values: Value[] = [];
  for (const item of condition.items) {
    if (item.kind === 'range') return null;
    values.push(item.value);
  }
  return values;
}
