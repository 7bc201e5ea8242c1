// What selectors mean, by brute force: each word of the page at Selector as plainly as it can be
// said, without a thought for time. Engines are compared with it.
import { unreachable } from '../../../src/core/assert.js';
import { compileGlob } from '../../../src/core/glob.js';
import { compileRegex } from '../../../src/core/regex.js';
import type {
  Comparator,
  Condition,
  Selector,
  SelectorItem,
  SelectorKey,
  SelectorValue,
} from '../../../src/core/selector/ast.js';
import { encodeUtf8 } from '../../../src/core/utf8.js';
import { Float, Timestamp, type Value } from '../../../src/core/value.js';

type Attributes = ReadonlyMap<string, Value>;

/** A number of any type; ECMAScript compares bigint and number exactly. */
function numberOf(value: Value): number | bigint | null {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return value instanceof Float ? value.value : null;
}

/** Less than 0, 0 or more: the order of two values; null for those that have none. */
function compare(one: Value, other: Value): number | null {
  const first = numberOf(one);
  const second = numberOf(other);
  if (first !== null && second !== null) {
    return first < second
      ? -1
      : first > second
        ? 1
        : Number.isNaN(first) || Number.isNaN(second)
          ? null
          : 0;
  }
  if (typeof one === 'string' && typeof other === 'string') {
    return Buffer.compare(encodeUtf8(one), encodeUtf8(other));
  }
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other);
  if (one instanceof Timestamp && other instanceof Timestamp) {
    return compare(one.nanoseconds, other.nanoseconds);
  }
  return null;
}

function equals(one: Value, other: SelectorValue): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((each, index) => equals(each, other[index]));
  }
  if (one === null || typeof one === 'boolean') return one === other;
  return compare(one, other) === 0;
}

function holds(operator: Comparator, one: Value, other: SelectorValue): boolean {
  if (operator === '=') return equals(one, other);
  if (operator === '!=') return !equals(one, other);
  const order = compare(one, other);
  if (order === null) return false;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

function isWithin(value: Value, item: SelectorItem): boolean {
  if (item.kind === 'value') return equals(value, item.value);
  const { low, high } = item;
  return (low === null || holds('>=', value, low)) && (high === null || holds('<=', value, high));
}

function satisfies(value: Value, condition: Condition): boolean {
  if (condition.kind === 'compare') return holds(condition.operator, value, condition.value);
  if (condition.kind === 'in') return condition.items.some((item) => isWithin(value, item));
  if (typeof value !== 'string') return false;
  const { kind, text } = condition;
  switch (kind) {
    case 'prefix':
      return value.startsWith(text);
    case 'suffix':
      return value.endsWith(text);
    case 'infix':
      return value.includes(text);
    case 'glob':
      return compileGlob(text).matches(encodeUtf8(value));
    case 'regex':
      return compileRegex(text).matches(encodeUtf8(value));
    default:
      return unreachable(kind);
  }
}

/** The values of the keys that `key` stands for. */
function valuesOf(key: SelectorKey, attributes: Attributes, own: Attributes): Value[] {
  if (key.kind === 'name' && own.has(key.name)) return [own.get(key.name) as Value];
  const isMeant = (name: string): boolean => {
    if (key.kind === 'name') return name === key.name;
    const compiled = key.kind === 'glob' ? compileGlob(key.pattern) : compileRegex(key.pattern);
    return compiled.matches(encodeUtf8(name));
  };
  return [...attributes].filter(([name]) => isMeant(name)).map(([, value]) => value);
}

/**
 * Whether an object with these attributes is selected. `own`: what is asked by its name alone, and
 * not by a pattern over keys.
 */
export function isSelected(
  selector: Selector,
  attributes: Attributes,
  own: Attributes = new Map(),
): boolean {
  switch (selector.kind) {
    case 'constant':
      return selector.value;
    case 'and':
      return selector.parts.every((part) => isSelected(part, attributes, own));
    case 'or':
      return selector.parts.some((part) => isSelected(part, attributes, own));
    case 'not':
      return !isSelected(selector.part, attributes, own);
    case 'has':
      return valuesOf(selector.key, attributes, own).length > 0;
    case 'test': {
      const { condition, quantifier } = selector;
      return valuesOf(selector.key, attributes, own).some((value) => {
        if (quantifier === null) return satisfies(value, condition);
        if (!Array.isArray(value)) return false;
        if (quantifier === 'any') return value.some((each) => satisfies(each, condition));
        return value.every((each) => satisfies(each, condition));
      });
    }
    default:
      return unreachable(selector);
  }
}
