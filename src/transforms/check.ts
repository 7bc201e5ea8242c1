import { unreachable } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { didYouMean } from '../core/suggest.js';
import { printable } from '../core/unseen.js';
import { beginningOf } from '../core/utf8.js';
import { refuseTransform } from './failure.js';
import { FIELDS, type Rule } from './fields.js';
import type { TransformSpec } from './spec.js';

/** Of JavaScript without types. `bad-transform`. */
export function mustBeChain(chain: unknown): asserts chain is readonly TransformSpec[] {
  if (Array.isArray(chain)) return;
  refuseAny(`Cannot use ${told(chain)} as transforms: it is no list`);
}

/**
 * What is wrong with a transform whatever it is given: what it needs and has not, what has another
 * type, and what is no key of it, which would be without effect. `bad-transform`.
 */
export function checkSpec(spec: unknown): asserts spec is TransformSpec {
  if (typeof spec !== 'object' || spec === null || !Object.hasOwn(spec, 'kind')) {
    refuseAny(`Cannot use the transform ${told(spec)}: it is no object with a kind`);
  }
  const { kind, ...own } = spec as { readonly [key: string]: unknown };
  const name = shown(String(kind));
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) {
    return refuseTransform(name, 'there is none of this kind');
  }
  const fields: { readonly [key: string]: Rule } = FIELDS[kind as TransformSpec['kind']];
  const known = Object.keys(fields);
  for (const key of Object.keys(own)) {
    if (Object.hasOwn(fields, key)) continue;
    const hint = didYouMean(key, known);
    const why = `it has no "${shown(key)}": it has ${known.join(', ')}.${hint}`;
    refuseTransform(name, why, { key });
  }
  for (const [key, rule] of Object.entries(fields)) {
    const value = own[key];
    const isNeeded = !rule.endsWith('?');
    if (value === undefined && !isNeeded) continue;
    if (value === undefined) refuseTransform(name, `it needs "${key}"`, { key });
    const type = isNeeded ? rule : rule.slice(0, -1);
    if (isOf(type, value)) continue;
    refuseTransform(name, `"${key}" is ${told(value)}, not ${wanted(type)}`, { key });
  }
}

/** Characters of a text that an error tells. */
const TOLD_MAX = 80;

function refuseAny(message: string): never {
  throw new AttaccaError('bad-transform', printable(message));
}

function shown(text: string): string {
  return text.length > TOLD_MAX ? `${beginningOf(text, TOLD_MAX)}...` : text;
}

/** A value, as short as an error needs it. */
function told(value: unknown): string {
  if (typeof value === 'string') return `"${shown(value)}"`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

type Type = Exclude<Rule, `${string}?` | `${string}|${string}`>;

interface Kind {
  readonly what: string;
  is(value: unknown): boolean;
}

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isList = (value: unknown, of: (each: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(of);
const isObject = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === 'object' && value !== null;
const isField = (value: unknown): boolean =>
  isObject(value) &&
  Object.keys(value).length === 2 &&
  Number.isSafeInteger(value['offset']) &&
  Number.isSafeInteger(value['size']);

const TYPES: { readonly [T in Type]: Kind } = {
  text: { what: 'a text', is: (value) => typeof value === 'string' },
  dtype: { what: 'the name of a dtype', is: (value) => typeof value === 'string' },
  flag: { what: 'true or false', is: (value) => typeof value === 'boolean' },
  number: { what: 'a number', is: isNumber },
  finite: { what: 'a finite number', is: Number.isFinite },
  whole: { what: 'a whole number', is: Number.isSafeInteger },
  wholes: {
    what: 'a list of whole numbers',
    is: (value) => isList(value, Number.isSafeInteger),
  },
  fill: {
    what: 'a number, or a list of them',
    is: (value) => isNumber(value) || isList(value, isNumber),
  },
  range: {
    what: 'two numbers',
    is: (value) =>
      isList(value, (each) => isNumber(each) && !Number.isNaN(each)) &&
      (value as readonly unknown[]).length === 2,
  },
  fields: { what: 'a list of { offset, size }', is: (value) => isList(value, isField) },
  space: {
    what: 'a space with dtype, shape, order and byteOrder',
    is: (value) =>
      isObject(value) &&
      typeof value['dtype'] === 'string' &&
      isList(value['shape'], Number.isSafeInteger) &&
      (value['order'] === 'row' || value['order'] === 'column') &&
      (value['byteOrder'] === 'little' || value['byteOrder'] === 'big'),
  },
  bytes: { what: 'a Uint8Array', is: (value) => value instanceof Uint8Array },
};

function isOf(rule: string, value: unknown): boolean {
  if (rule.includes('|')) return rule.split('|').some((word) => word === value);
  return typeOf(rule).is(value);
}

function wanted(rule: string): string {
  return rule.includes('|') ? rule.split('|').join(' or ') : typeOf(rule).what;
}

function typeOf(rule: string): Kind {
  return Object.hasOwn(TYPES, rule) ? TYPES[rule as Type] : unreachable(rule as never);
}
