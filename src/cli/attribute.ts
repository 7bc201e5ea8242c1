import type { Attributes } from '../client/options.js';
import { readTimestamp } from '../core/selector/timestamps.js';
import { didYouMean } from '../core/suggest.js';
import { Float, type Timestamp, type Value } from '../core/value.js';
import { UsageError } from './exit.js';

const TYPES = ['int', 'float', 'bool', 'str', 'time', 'json', 'hex'] as const;
type AttributeType = (typeof TYPES)[number];

/** How values of the types are written. */
const WRITTEN: { readonly [K in AttributeType]: string } = {
  int: 'a whole number of 64 bits: 850',
  float: 'a number: 1.5, 1e5, inf or nan',
  bool: 'true or false',
  str: 'any text',
  time: 'a day or a moment: 2026-01-31 or 2026-01-31T06:00:00Z',
  json: 'a list or a map, of numbers below 2^53: [1, 2.5, "a"]',
  hex: 'bytes, two digits each: 00ff',
};

const INT = /^[+-]?(?:0|[1-9]\d*)$/u;
const ANY_INT = /^[+-]?\d+$/u;
const FLOAT = /^[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?$/u;
const HEX = /^(?:[0-9a-f]{2})*$/iu;
const DAY = /^\d{4}-\d\d-\d\d$/u;
const TIME = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/u;
const UINT64_END = 2n ** 64n;
const INT64_MIN = -(2n ** 63n);

function isType(text: string): text is AttributeType {
  return (TYPES as readonly string[]).includes(text);
}

/**
 * `KEY=VALUE` or `KEY:TYPE=VALUE` of an option, `-a` or another one. Without a type: `850` is an
 * int, `1.5` and `1e5` are floats, `true` and `false` bools, a day (`2024-01-31`) and a moment with
 * its zone (`2024-01-31T06:00Z`) timestamps, as they are in a selector; all else is text, numbers
 * with leading zeros too (`0600`). Types are int, float, bool, str and time; json, of lists and
 * maps, and hex, of bytes.
 */
export function parseAttribute(text: string, option = '-a'): { key: string; value: Value } {
  const equals = text.indexOf('=');
  if (equals <= 0) {
    throw new UsageError(`"${option}" needs KEY=VALUE or KEY:TYPE=VALUE, not "${text}"`);
  }
  const left = text.slice(0, equals);
  const value = text.slice(equals + 1);
  const colon = left.lastIndexOf(':');
  if (colon < 0) return { key: left, value: guess(text, value, option) };
  const type = left.slice(colon + 1);
  if (!isType(type)) {
    const known = `the types are ${TYPES.join(', ')}.${didYouMean(type, TYPES)}`;
    const other = ` A key that holds a colon needs a type behind it: "${left}:str=..."`;
    throw new UsageError(`"${option} ${text}" has the type "${type}"; ${known}${other}`);
  }
  if (colon === 0) throw new UsageError(`"${option} ${text}" has no key`);
  const parsed = force(value, type);
  if (parsed === undefined) {
    const why = `"${value}" is no ${type}; write ${WRITTEN[type]}`;
    throw new UsageError(`"${option} ${text}": ${why}`);
  }
  return { key: left.slice(0, colon), value: parsed };
}

/** What all options of that name say, in their order; a key that is given twice is refused. */
export function parseAttributes(
  texts: readonly string[],
  option = '-a',
): { readonly [key: string]: Value } {
  const attributes = new Map<string, Value>();
  for (const text of texts) {
    const { key, value } = parseAttribute(text, option);
    if (attributes.has(key)) throw new UsageError(`"${option}" gives "${key}" twice`);
    attributes.set(key, value);
  }
  return Object.fromEntries(attributes);
}

/** Whether a text, given as a value without a type, stays one. */
export function staysText(text: string): boolean {
  try {
    return text !== '' && guess(text, text, '') === text;
  } catch {
    return false;
  }
}

/** What looks like a number or a moment and is none is no text either: it would not be found. */
function guess(attribute: string, text: string, option: string): Value {
  const looksLike = (what: string, value: Value | undefined): Value => {
    if (value !== undefined) return value;
    const key = attribute.slice(0, -text.length - 1);
    const mend = `as text say "${key}:str=${text}"`;
    throw new UsageError(
      `"${option} ${attribute}": "${text}" looks like ${what} and is none; ${mend}`,
    );
  };
  if (INT.test(text)) return looksLike('an int of 64 bits', integer(text));
  if (FLOAT.test(text)) return looksLike('a float of 64 bits', float(text));
  if (text === 'true' || text === 'false') return text === 'true';
  if (DAY.test(text)) return looksLike('a day', moment(text));
  const isMoment = TIME.exec(text)?.[3] !== undefined;
  return isMoment ? looksLike('a moment', moment(text)) : text;
}

function force(text: string, type: AttributeType): Value | undefined {
  switch (type) {
    case 'str':
      return text;
    case 'int':
      return ANY_INT.test(text) ? integer(text) : undefined;
    case 'bool':
      return text === 'true' || text === '1'
        ? true
        : text === 'false' || text === '0'
          ? false
          : undefined;
    case 'float':
      return float(text);
    case 'time':
      return moment(text);
    case 'json':
      return compound(text);
    case 'hex':
      return HEX.test(text) ? Uint8Array.from(Buffer.from(text, 'hex')) : undefined;
  }
}

/** A list or a map; undefined too where a number would not stay what was written. */
function compound(text: string): Value | undefined {
  let isExact = true;
  try {
    const value: unknown = JSON.parse(text, (_, each: unknown) => {
      if (typeof each === 'number' && Math.abs(each) >= 2 ** 53) isExact = false;
      return each;
    });
    const isCompound = typeof value === 'object' && value !== null;
    return isCompound && isExact ? (value as Value) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A whole number of 64 bits, or undefined. */
function integer(text: string): number | bigint | undefined {
  const value = BigInt(text.replace(/^\+/u, ''));
  if (value < INT64_MIN || value >= UINT64_END) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function float(text: string): Float | undefined {
  if (FLOAT.test(text) || ANY_INT.test(text)) {
    const value = Number(text);
    return Number.isFinite(value) ? new Float(value) : undefined;
  }
  const special = /^([+-]?)(nan|inf|infinity)$/iu.exec(text);
  if (special === null) return undefined;
  if (special[2]?.toLowerCase() === 'nan') return new Float(Number.NaN);
  return new Float(special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY);
}

/** A number, as one of those types is written: whole numbers of 64 bits are exact. */
export function numberIn(text: string): number | bigint | null {
  return (ANY_INT.test(text) ? integer(text) : undefined) ?? float(text)?.value ?? null;
}

/** An ISO date or date and time, UTC without a zone, with up to nine digits of a second. */
function moment(text: string): Timestamp | undefined {
  const [, date, clock, zone = 'Z'] = TIME.exec(text) ?? [];
  const offset = zone.replace(/^([+-]\d\d)(\d\d)$/u, '$1:$2');
  const read = readTimestamp(date === undefined ? text : `${date}T${clock}${offset}`);
  return typeof read === 'string' ? undefined : read;
}

/** What `-a` says, and the container. */
export function attributesIn(texts: readonly string[], container: string | undefined): Attributes {
  const attributes = parseAttributes(texts);
  if (container === undefined) return attributes;
  if (container === '') throw new UsageError('"--container" names none');
  if (Object.hasOwn(attributes, '.container')) {
    throw new UsageError('say "--container" or "-a .container=", not both');
  }
  return { '.container': container, ...attributes };
}
