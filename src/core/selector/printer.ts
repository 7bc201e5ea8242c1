import { unreachable } from '../assert.js';
import { Float, Timestamp } from '../value.js';
import type { Condition, Selector, SelectorItem, SelectorKey, SelectorValue } from './ast.js';
import { integerOf, numberText } from './numbers.js';
import { timestampText } from './timestamps.js';
import { isPlainKey } from './words.js';

const NAMED: { readonly [character: string]: string } = {
  '\n': '\\n',
  '\t': '\\t',
  '\\': '\\\\',
  '"': '\\"',
};

/** A text in quotes. Only what quotes need is escaped: that it stays one line is not promised. */
export function quoted(text: string): string {
  return `"${text.replace(/[\n\t\\"]/gu, (character) => NAMED[character] as string)}"`;
}

/** A key by its name, as selectors write it. */
export function keyText(name: string): string {
  return isPlainKey(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

function anyKeyText(key: SelectorKey): string {
  switch (key.kind) {
    case 'name':
      return keyText(key.name);
    case 'glob':
      return `key(${quoted(key.pattern)})`;
    default:
      return `key(=~ ${quoted(key.pattern)})`;
  }
}

function valueText(value: SelectorValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Float) {
    return numberText(value);
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Uint8Array) {
    const pairs = Array.from(value, (byte) => byte.toString(16).padStart(2, '0'));
    return `x"${pairs.join('')}"`;
  }
  return `[${value.map(valueText).join(', ')}]`;
}

function itemText(item: SelectorItem): string {
  if (item.kind === 'value') return valueText(item.value);
  const low = item.low === null ? '' : valueText(item.low);
  return `${low}..${item.high === null ? '' : valueText(item.high)}`;
}

function conditionText(condition: Condition): string {
  switch (condition.kind) {
    case 'compare':
      return `${condition.operator} ${valueText(condition.value)}`;
    case 'in': {
      const [only] = condition.items;
      const isRange = condition.items.length === 1 && only?.kind === 'range';
      const items = condition.items.map(itemText).join(', ');
      return isRange ? `in ${items}` : `in [${items}]`;
    }
    case 'glob':
      return `~ ${quoted(condition.text)}`;
    case 'regex':
      return `=~ ${quoted(condition.text)}`;
    default:
      return `${condition.kind} ${quoted(condition.text)}`;
  }
}

/** In parentheses where it binds less than what it stands in. */
function partText(part: Selector, within: 'and' | 'or' | 'not'): string {
  const isLoose = part.kind === 'or' || (part.kind === 'and' && within !== 'or');
  return isLoose ? `(${printSelector(part)})` : printSelector(part);
}

/**
 * The selector as infix text that parses to an equal one, but for positions. It may be longer than
 * the text that the selector was read from, hence longer than a selector may be.
 */
export function printSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'constant':
      return String(selector.value);
    case 'and':
    case 'or': {
      const { kind } = selector;
      return selector.parts.map((part) => partText(part, kind)).join(` ${kind} `);
    }
    case 'not':
      return `not ${partText(selector.part, 'not')}`;
    case 'has':
      return `has ${anyKeyText(selector.key)}`;
    case 'test': {
      const quantifier = selector.quantifier === null ? '' : `${selector.quantifier} `;
      return `${quantifier}${anyKeyText(selector.key)} ${conditionText(selector.condition)}`;
    }
    default:
      return unreachable(selector);
  }
}

/** Each once, in the order of what they print. */
function sortedByText<T>(parts: readonly T[], textOf: (part: T) => string): readonly T[] {
  const byText = new Map(parts.map((part) => [textOf(part), part]));
  return [...byText].sort(([one], [other]) => (one < other ? -1 : 1)).map(([, part]) => part);
}

/** Whole floats compare as integers do, so they are written as those, where 64 bits hold them. */
function plainValue(value: SelectorValue): SelectorValue {
  if (Array.isArray(value)) return value.map(plainValue);
  const number = value instanceof Float ? value.value : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return value;
  return integerOf(BigInt(number)) ?? value;
}

function plainItem(item: SelectorItem): SelectorItem {
  if (item.kind === 'value') return { kind: 'value', value: plainValue(item.value) };
  return { kind: 'range', low: plainValue(item.low), high: plainValue(item.high) };
}

function plainCondition(condition: Condition): Condition {
  if (condition.kind === 'compare') return { ...condition, value: plainValue(condition.value) };
  if (condition.kind !== 'in') return condition;
  return { ...condition, items: sortedByText(condition.items.map(plainItem), itemText) };
}

/**
 * A selector that says the same in one way of many: parts of `and`, `or` and `in` in a fixed order
 * and each once, `and` in `and` and `or` in `or` as one, no `not not`, numbers without a type.
 */
export function normaliseSelector(selector: Selector): Selector {
  switch (selector.kind) {
    case 'constant':
    case 'has':
      return selector;
    case 'test':
      return { ...selector, condition: plainCondition(selector.condition) };
    case 'not': {
      const part = normaliseSelector(selector.part);
      return part.kind === 'not' ? part.part : { ...selector, part };
    }
    default: {
      const { kind } = selector;
      const parts = selector.parts
        .map(normaliseSelector)
        .flatMap((part) => (part.kind === kind ? part.parts : [part]));
      const sorted = sortedByText(parts, printSelector);
      const [only] = sorted;
      return sorted.length === 1 && only !== undefined ? only : { ...selector, parts: sorted };
    }
  }
}

/** A text that is the same for selectors that differ only in how they are written; to cache by. */
export function selectorId(selector: Selector): string {
  return printSelector(normaliseSelector(selector));
}
