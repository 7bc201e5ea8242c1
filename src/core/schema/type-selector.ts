import type { Condition, Selector, SelectorItem, SelectorValue } from '../selector/ast.js';
import { refuseSelector } from '../selector/failure.js';
import { Float } from '../value.js';
import { coerceValue } from './coerce.js';
import type { Schemas } from './schemas.js';
import { cut, shown } from './shown.js';
import type { AttributeType, EnumOption } from './types.js';

const TYPE_CHARACTERS_MAX = 120;

const NO_BOUNDS = { min: null, max: null };

/** Of what has an order, and of what a text can be said. */
const ORDERED = ['int', 'uint', 'float', 'num', 'str', 'timestamp', 'day', 'bytes'];
const NUMBERS = ['int', 'uint', 'float', 'num'];

const ANY_TEXT: AttributeType = {
  kind: 'str',
  ...NO_BOUNDS,
  ...{ patterns: [], patternName: '', startsWith: '', endsWith: '', exclude: '' },
  text: 'str()',
};

/** The types of which a value may be: more than one only of `any`. */
function alternatives(type: AttributeType): readonly AttributeType[] {
  return type.kind === 'any' ? type.options.flatMap(alternatives) : [type];
}

function typeOfOption(option: EnumOption): AttributeType {
  if (typeof option === 'string') return ANY_TEXT;
  return typeof option === 'boolean'
    ? { kind: 'bool', text: 'bool()' }
    : { kind: 'num', ...NO_BOUNDS, text: 'num()' };
}

/** What may be asked for equality: bounds and patterns do not matter, options of an enum do. */
function askable(type: AttributeType): AttributeType {
  switch (type.kind) {
    case 'str':
      return ANY_TEXT;
    case 'list':
      return { ...type, ...NO_BOUNDS, element: askable(type.element) };
    case 'any':
      return { ...type, options: type.options.map(askable) };
    case 'bool':
    case 'enum':
    case 'map':
      return type;
    case 'day':
      return { kind: 'timestamp', ...NO_BOUNDS, text: type.text };
    default:
      return { ...type, ...NO_BOUNDS } as AttributeType;
  }
}

/** What a value may be put in order with; null when the type has none. */
function orderable(type: AttributeType): AttributeType | null {
  const options = alternatives(type)
    .flatMap((each) => (each.kind === 'enum' ? each.options.map(typeOfOption) : [each]))
    .filter(({ kind }) => ORDERED.includes(kind))
    .map(askable);
  const [only] = options;
  if (only === undefined) return null;
  return options.length === 1 ? only : { kind: 'any', options, text: type.text };
}

const expectedText = ({ text }: AttributeType): string => cut(text, TYPE_CHARACTERS_MAX);

/** Types the literals of one condition on one key. */
class ConditionTyping {
  readonly #key: string;
  readonly #type: AttributeType;
  readonly #condition: Condition;

  constructor(key: string, type: AttributeType, condition: Condition) {
    this.#key = key;
    this.#type = type;
    this.#condition = condition;
  }

  #fail(why: string): never {
    return refuseSelector(
      `"${this.#key}" is ${expectedText(this.#type)}: ${why}`,
      this.#condition.at,
    );
  }

  #coerced(value: SelectorValue, type: AttributeType): SelectorValue {
    const coerced = coerceValue(value, type, this.#key);
    // A literal is no map, and becomes none.
    if ('value' in coerced) return coerced.value as SelectorValue;
    if (value === null) this.#fail('it is never null; to ask whether it is there, write has');
    const isElement =
      type.kind === 'list' && 'value' in coerceValue(value, askable(type.element), this.#key);
    const meant = isElement ? '; to ask for an element, write any before the key' : '';
    return this.#fail(`${shown(value)} cannot be one${meant}`);
  }

  #equal(value: SelectorValue): SelectorValue {
    return this.#coerced(value, askable(this.#type));
  }

  /** Numbers of any kind are in one order, and stay as they are where they are not of the type. */
  #ordered(value: SelectorValue): SelectorValue {
    const type = orderable(this.#type);
    if (type === null) {
      const isList = this.#type.kind === 'list';
      const meant = isList ? '; to ask for an element, write any before the key' : '';
      return this.#fail(`its values have no order${meant}`);
    }
    if (!isNumber(value) || !alternatives(type).some(isNumeric)) return this.#coerced(value, type);
    const coerced = coerceValue(value, type, this.#key);
    return 'value' in coerced ? (coerced.value as SelectorValue) : value;
  }

  #item(item: SelectorItem): SelectorItem {
    if (item.kind === 'value') return { kind: 'value', value: this.#equal(item.value) };
    const low = item.low === null ? null : this.#ordered(item.low);
    const high = item.high === null ? null : this.#ordered(item.high);
    return { kind: 'range', low, high };
  }

  typed(): Condition {
    const condition = this.#condition;
    switch (condition.kind) {
      case 'compare': {
        const isEqual = condition.operator === '=' || condition.operator === '!=';
        const { value } = condition;
        return { ...condition, value: isEqual ? this.#equal(value) : this.#ordered(value) };
      }
      case 'in':
        return { ...condition, items: condition.items.map((item) => this.#item(item)) };
      default: {
        const isText = alternatives(this.#type).some(
          (type) =>
            type.kind === 'str' ||
            (type.kind === 'enum' && type.options.some((each) => typeof each === 'string')),
        );
        return isText ? condition : this.#fail('patterns and parts are asked of texts');
      }
    }
  }
}

const isNumeric = ({ kind }: AttributeType): boolean => NUMBERS.includes(kind);

const isNumber = (value: SelectorValue): boolean =>
  typeof value === 'number' || typeof value === 'bigint' || value instanceof Float;

function typedTest(selector: Selector & { readonly kind: 'test' }, schemas: Schemas): Selector {
  const { key, quantifier, condition } = selector;
  const known = key.kind === 'name' ? schemas.known(key.name) : null;
  if (key.kind !== 'name' || known === null) return selector;
  const { type } = known.definition;
  let asked = type;
  if (quantifier !== null) {
    const lists = alternatives(type).filter(({ kind }) => kind === 'list');
    const isFree = type.text === 'any()';
    if (lists.length === 0 && !isFree) {
      const why = `"${key.name}" is ${expectedText(type)}: "${quantifier}" is asked of lists`;
      refuseSelector(why, selector.at);
    }
    const elements = lists.flatMap((each) => (each.kind === 'list' ? [each.element] : []));
    const [only] = elements;
    asked =
      elements.length === 1 && only !== undefined
        ? only
        : { kind: 'any', options: elements, text: type.text };
  }
  const isFree = alternatives(asked).length === 0;
  if (isFree) return selector;
  return { ...selector, condition: new ConditionTyping(key.name, asked, condition).typed() };
}

/**
 * The selector with each literal as the schemas have its key: of a `timestamp()`, `date >=
 * "2026-01-31"` asks for a moment. What no value of the key could be is refused with
 * `bad-selector`, at the operator: a value that the type does not have, an order or a pattern of
 * what has none. Bounds and patterns of the type are not asked of literals. Keys without a
 * definition, and patterns of keys, stay as they are.
 */
export function typeSelector(selector: Selector, schemas: Schemas): Selector {
  switch (selector.kind) {
    case 'constant':
    case 'has':
      return selector;
    case 'not':
      return { ...selector, part: typeSelector(selector.part, schemas) };
    case 'and':
    case 'or':
      return { ...selector, parts: selector.parts.map((part) => typeSelector(part, schemas)) };
    default:
      return typedTest(selector, schemas);
  }
}
