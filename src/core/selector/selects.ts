import { unreachable } from '../assert.js';
import { compileGlob } from '../glob.js';
import { compileRegex } from '../regex.js';
import { encodeUtf8 } from '../utf8.js';
import type { Value, ValueMap } from '../value.js';
import { Work } from '../work.js';
import type { Selector, SelectorKey } from './ast.js';
import { listTester, valueTester } from './satisfies.js';

/** An object as a selector is asked of it. */
interface Selectable {
  /** What is not set by its owner: `name`, `.bytes`. Patterns of keys do not mean it. */
  readonly own: ValueMap;
  readonly attributes: ValueMap;
}

type Test = (object: Selectable, work: Work) => boolean;

/**
 * Makes a selector a function of objects that are at hand one by one, without an index: what lies
 * in a store, say. What it means stands at Selector. `bad-selector` when one object takes too long.
 */
export function objectTester(selector: Selector): (object: Selectable) => boolean {
  const test = testOf(selector);
  const work = new Work();
  return (object) => {
    work.begin();
    return test(object, work);
  };
}

function testOf(selector: Selector): Test {
  switch (selector.kind) {
    case 'constant': {
      const { value } = selector;
      return () => value;
    }
    case 'and': {
      const parts = selector.parts.map(testOf);
      return (object, work) => parts.every((part) => part(object, work));
    }
    case 'or': {
      const parts = selector.parts.map(testOf);
      return (object, work) => parts.some((part) => part(object, work));
    }
    case 'not': {
      const part = testOf(selector.part);
      return (object, work) => !part(object, work);
    }
    case 'has': {
      const values = valuesOf(selector.key);
      return (object, work) => values(object, work).length > 0;
    }
    case 'test': {
      const { condition, quantifier, key } = selector;
      const passes =
        quantifier === null ? valueTester(condition) : listTester(condition, quantifier);
      const values = valuesOf(key);
      return (object, work) => values(object, work).some((value) => passes(value, work));
    }
    default:
      return unreachable(selector);
  }
}

/** The values of the keys that are meant: none, one, or of a pattern many. */
function valuesOf(key: SelectorKey): (object: Selectable, work: Work) => readonly Value[] {
  if (key.kind === 'name') {
    const { name } = key;
    return ({ own, attributes }) => {
      const from = Object.hasOwn(own, name) ? own : attributes;
      const value = Object.hasOwn(from, name) ? from[name] : undefined;
      return value === undefined ? [] : [value];
    };
  }
  const pattern = key.kind === 'glob' ? compileGlob(key.pattern) : compileRegex(key.pattern);
  return ({ attributes }, work) =>
    Object.entries(attributes).flatMap(([name, value]) => {
      const bytes = encodeUtf8(name);
      return pattern.matches(bytes, 0, bytes.length, work) && value !== undefined ? [value] : [];
    });
}
