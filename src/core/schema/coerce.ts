import { refuse } from '../assert.js';
import { LIMITS } from '../limits.js';
import { encodeUtf8 } from '../utf8.js';
import { Float, isMap, Timestamp, type Value } from '../value.js';
import { asDay, asFlag, asFloat, asInteger, asMoment, asNumber, asText } from './scalars.js';
import type { AttributeType, EnumOption, TextTests } from './types.js';

/** Where a value is not what it should be: `levels[2]` within `levels`. */
interface Misfit {
  readonly path: string;
  readonly value: Value;
  readonly expected: string;
}

interface Bounds<T> {
  readonly min: T | null;
  readonly max: T | null;
}

/** A byte of a text costs as many steps as a pattern has states, at most; they are short ones. */
const PATTERN_STEPS = 64;

type NumberValue = number | bigint | Float;

const plain = (value: NumberValue): number | bigint =>
  value instanceof Float ? value.value : value;

/** Numbers compare exactly, whatever their types; NaN lies within no bounds but none. */
function numberIn(value: NumberValue | null, { min, max }: Bounds<NumberValue>): boolean {
  if (value === null) return false;
  const number = plain(value);
  return (min === null || number >= plain(min)) && (max === null || number <= plain(max));
}

function lengthIn(length: number, { min, max }: Bounds<number>): boolean {
  return (min === null || length >= min) && (max === null || length <= max);
}

function textFits(text: string | null, tests: TextTests): boolean {
  if (text === null) return false;
  const isBounded = tests.min !== null || tests.max !== null;
  if (isBounded && !lengthIn(Array.from(text).length, tests)) return false;
  if (!text.startsWith(tests.startsWith) || !text.endsWith(tests.endsWith)) return false;
  if (tests.exclude !== '' && Array.from(tests.exclude).some((each) => text.includes(each))) {
    return false;
  }
  if (tests.patterns.length === 0) return true;
  const bytes = encodeUtf8(text);
  return tests.patterns.some(({ regex }) => regex.matches(bytes));
}

/** The value as the option's type has it. */
function asTypeOf(option: EnumOption, value: Value): Value {
  if (typeof option === 'string') return asText(value);
  if (typeof option === 'boolean') return asFlag(value);
  return option instanceof Float || !Number.isSafeInteger(option)
    ? asNumber(value)
    : asInteger(value, true);
}

const isSame = (one: Value, other: Value): boolean =>
  one instanceof Float && other instanceof Float
    ? Object.is(one.value, other.value)
    : Object.is(one, other);

/** The option that the value is; else the first that it is when it is read as one. */
function optionOf(options: readonly EnumOption[], value: Value): EnumOption | undefined {
  return (
    options.find((option) => isSame(option, value)) ??
    options.find((option) => isSame(option, asTypeOf(option, value)))
  );
}

/**
 * What the coercion of the attributes of one object may cost: types with many alternatives, and
 * patterns with many states, could make a small value take seconds.
 */
export class CoercionBudget {
  #left: number = LIMITS.coercionStepsMax;

  /** Takes steps; `too-large` when there are none left. */
  take(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    const why = 'what the schemas ask of them takes too long to find out';
    refuse('too-large', `Cannot take the attributes: ${why}`, {
      size: LIMITS.coercionStepsMax - this.#left,
      limit: LIMITS.coercionStepsMax,
    });
  }
}

/** Coerces one attribute; remembers the innermost part that does not fit. */
class Coercion {
  misfit: Misfit | null = null;
  readonly #budget: CoercionBudget;

  constructor(budget: CoercionBudget) {
    this.#budget = budget;
  }

  /** Undefined when it does not fit. */
  coerce(value: Value, type: AttributeType, path: string): Value | undefined {
    const coerced = this.#coerce(value, type, path);
    if (coerced === undefined) this.misfit ??= { path, value, expected: type.text };
    return coerced;
  }

  #coerce(value: Value, type: AttributeType, path: string): Value | undefined {
    this.#budget.take(1);
    switch (type.kind) {
      case 'int':
      case 'uint': {
        const integer = asInteger(value, type.kind === 'int');
        return numberIn(integer, type) && integer !== null ? integer : undefined;
      }
      case 'float':
      case 'num': {
        const number = type.kind === 'num' ? asNumber(value) : asFloat(value);
        return numberIn(number, type) && number !== null ? number : undefined;
      }
      case 'bool':
        return asFlag(value) ?? undefined;
      case 'str': {
        const text = asText(value);
        for (const { regex } of type.patterns) {
          this.#budget.take(((text?.length ?? 0) * regex.size) / PATTERN_STEPS);
        }
        return textFits(text, type) && text !== null ? text : undefined;
      }
      case 'timestamp':
      case 'day': {
        const moment = type.kind === 'day' ? asDay(value) : asMoment(value);
        const bounds = {
          min: type.min?.nanoseconds ?? null,
          max: type.max?.nanoseconds ?? null,
        };
        return moment !== null && numberIn(moment.nanoseconds, bounds) ? moment : undefined;
      }
      case 'bytes':
        return value instanceof Uint8Array && lengthIn(value.length, type) ? value : undefined;
      case 'enum':
        return optionOf(type.options, value);
      case 'any':
        return this.#any(value, type.options, path);
      case 'list':
        return this.#list(value, type, path);
      default:
        return this.#map(value, type, path);
    }
  }

  /** A value that is of one of the types already stays as it is. */
  #any(value: Value, options: readonly AttributeType[], path: string): Value | undefined {
    if (options.length === 0) return value === null ? undefined : value;
    const coerced = options.map((type) => new Coercion(this.#budget).coerce(value, type, path));
    return (
      coerced.find((each) => each !== undefined && isSameValue(each, value)) ??
      coerced.find((each) => each !== undefined)
    );
  }

  #list(
    value: Value,
    type: AttributeType & { readonly kind: 'list' },
    path: string,
  ): Value | undefined {
    if (!Array.isArray(value) || !lengthIn(value.length, type)) return undefined;
    const elements: Value[] = [];
    for (const [index, each] of value.entries()) {
      const element = this.coerce(each, type.element, `${path}[${index}]`);
      if (element === undefined) return undefined;
      elements.push(element);
    }
    return elements;
  }

  #map(
    value: Value,
    type: AttributeType & { readonly kind: 'map' },
    path: string,
  ): Value | undefined {
    if (!isMap(value)) return undefined;
    const entries = Object.entries(value);
    if (!lengthIn(entries.length, type)) return undefined;
    const map: { [key: string]: Value } = Object.create(null);
    for (const [key, each] of entries) {
      if (type.key !== null && this.coerce(key, type.key, path) !== key) return undefined;
      const element = this.coerce(each, type.element, `${path}.${key}`);
      if (element === undefined) return undefined;
      map[key] = element;
    }
    return map;
  }
}

/** Whether two values are the same in value and type, all the way down. */
export function isSameValue(one: Value, other: Value): boolean {
  if (isSame(one, other)) return true;
  if (Array.isArray(one)) {
    return (
      Array.isArray(other) &&
      one.length === other.length &&
      one.every((each, index) => isSameValue(each, other[index]))
    );
  }
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') {
    return false;
  }
  if (one instanceof Uint8Array || other instanceof Uint8Array) {
    return one instanceof Uint8Array && other instanceof Uint8Array && sameBytes(one, other);
  }
  if (one instanceof Timestamp || other instanceof Timestamp) {
    return (
      one instanceof Timestamp &&
      other instanceof Timestamp &&
      one.nanoseconds === other.nanoseconds
    );
  }
  if (!isMap(one) || !isMap(other)) return false;
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => {
      const [mine, theirs] = [one[key], Object.hasOwn(other, key) ? other[key] : undefined];
      return mine !== undefined && theirs !== undefined && isSameValue(mine, theirs);
    })
  );
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/**
 * The value as its type has it, or, when it cannot be, what does not fit: docs/schemas.md has the
 * table. What comes out satisfies the type, is itself when it is coerced again, and says all that
 * went in. Null is of no type.
 */
export function coerceValue(
  value: Value,
  type: AttributeType,
  key: string,
  budget: CoercionBudget = new CoercionBudget(),
): { readonly value: Value } | { readonly misfit: Misfit } {
  const coercion = new Coercion(budget);
  const coerced = coercion.coerce(value, type, key);
  if (coerced !== undefined) return { value: coerced };
  return { misfit: coercion.misfit ?? { path: key, value, expected: type.text } };
}
