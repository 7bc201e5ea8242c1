import type { Attributes } from '../client/options.js';
import { isNumeric } from '../core/dtype.js';
import { LIMITS } from '../core/limits.js';
import { convertElements } from '../core/regions/cast.js';
import { isReserved } from '../core/schema/reserved-keys.js';
import { decodeUtf8, encodeUtf8, isUtf8, utf8Length } from '../core/utf8.js';
import { Float, Timestamp, type Value } from '../core/value.js';
import type { Attribute, AttributeType } from '../formats/dataset.js';
import { elementSize } from '../formats/element-size.js';
import { isText, textsOf } from './fitting.js';
import type { Json } from './format.js';

/** Longer ones are no keys to find something by: they stay with the file alone. */
const VALUES_MAX = 256;
const TEXT_BYTES_MAX = 4_096;
/** Of those of a file: an object has room for what is said of it besides. */
const COUNT_MAX = LIMITS.attributesMax / 2;
const BYTES_MAX = LIMITS.attributeBytesMax / 2;
/** What a value takes beside its text, at most. */
const VALUE_BYTES = 16;

/**
 * The attributes of a file that an object can have, and has room for. The others stay with the
 * file: those of a key that the pool itself uses, those that are too long, and what is too much.
 */
export function valuesOfAttributes(attributes: readonly Attribute[]): Attributes {
  const found: { [key: string]: Value } = {};
  let [count, bytes] = [0, 0];
  for (const attribute of attributes) {
    const { name } = attribute;
    const value = valueOfAttribute(attribute);
    const isKey = name !== '' && !name.startsWith('.') && !isReserved(name);
    if (value === null || !isKey || utf8Length(name) > LIMITS.keyBytesMax) continue;
    const size = sizeOf(value);
    if (count === COUNT_MAX || bytes + size > BYTES_MAX) continue;
    count += 1;
    bytes += size;
    found[name] = value;
  }
  return found;
}

/** No less than a value takes in a message. */
function sizeOf(value: Value): number {
  if (typeof value === 'string') return VALUE_BYTES + utf8Length(value);
  if (!Array.isArray(value)) return VALUE_BYTES;
  return (value as readonly Value[]).reduce<number>((sum, each) => sum + sizeOf(each), VALUE_BYTES);
}

/**
 * An attribute of a file as one of an object: text, a number, a truth value, or a list of these.
 * Null for what is none, or too long to be searched for.
 */
function valueOfAttribute(attribute: Attribute): Value | null {
  const { type, bytes } = attribute;
  if (isText(type)) return bytes.length > TEXT_BYTES_MAX ? null : textIn(attribute);
  const count = bytes.length / elementSize(type);
  if (count === 0 || count > VALUES_MAX) return null;
  const values = numbersOf(attribute);
  if (values === null) return null;
  const [only] = values;
  // A list of one is one: that is how the libraries of NetCDF write a number.
  return count === 1 && only !== undefined ? only : values;
}

/** One text, or a list. Of unknown encoding: UTF-8 where it is that, else a byte a character. */
function textIn(attribute: Attribute): Value {
  const texts = textsOf(attribute).map((text) =>
    isUtf8(text) ? decodeUtf8(text) : Buffer.from(text).toString('latin1'),
  );
  const [only = ''] = texts;
  return texts.length <= 1 ? only : texts;
}

/** Of numbers and truth values; null of other types. */
function numbersOf({ type, byteOrder, bytes }: Attribute): Value[] | null {
  if (type === 'char' || type === 'text' || !isNumeric(type) || type.startsWith('complex')) {
    return null;
  }
  const count = bytes.length / elementSize(type);
  const source = { bytes, dtype: type, byteOrder } as const;
  if (type === 'bool') return [...bytes].map((byte) => byte !== 0);
  if (type === 'int64' || type === 'uint64') {
    const wide = type === 'int64' ? new BigInt64Array(count) : new BigUint64Array(count);
    convertElements(source, {
      bytes: new Uint8Array(wide.buffer),
      dtype: type,
      byteOrder: 'little',
    });
    return [...wide].map((each) => {
      const number = Number(each);
      return Number.isSafeInteger(number) ? number : each;
    });
  }
  const numbers = new Float64Array(count);
  const target = new Uint8Array(numbers.buffer);
  convertElements(source, { bytes: target, dtype: 'float64', byteOrder: 'little' });
  const isFloat = type.startsWith('float');
  return [...numbers].map((each) => (isFloat ? new Float(each) : each));
}

/** An attribute of an object as one of a file; null for what files do not have. */
export function attributeOf(name: string, value: Value): Attribute | null {
  const list = Array.isArray(value) ? (value as readonly Value[]) : [value];
  const shape = Array.isArray(value) ? [list.length] : [];
  const of = (type: AttributeType, bytes: Uint8Array): Attribute => {
    return { name, type, byteOrder: 'little', bytes, shape };
  };
  if (list.length === 0) return null;
  if (value instanceof Uint8Array) {
    return { ...of('uint8', value), shape: [value.length] };
  }
  const texts = list.map(textValue);
  if (texts.every((each) => each !== null)) {
    return of('text', Buffer.concat(texts.map((each) => encodeUtf8(`${each}\0`))));
  }
  if (list.every((each) => typeof each === 'boolean')) {
    return of('bool', Uint8Array.from(list, Number));
  }
  const isWhole = (each: Value): each is number | bigint =>
    typeof each === 'bigint' || (typeof each === 'number' && Number.isSafeInteger(each));
  if (list.every(isWhole)) {
    const wide = list.map(BigInt);
    if (wide.every((each) => BigInt.asIntN(32, each) === each)) {
      return of('int32', new Uint8Array(Int32Array.from(list, Number).buffer));
    }
    if (wide.every((each) => BigInt.asIntN(64, each) === each)) {
      return of('int64', new Uint8Array(BigInt64Array.from(wide).buffer));
    }
    if (wide.every((each) => BigInt.asUintN(64, each) === each)) {
      return of('uint64', new Uint8Array(BigUint64Array.from(wide).buffer));
    }
  }
  const numbers = list.map((each) => (each instanceof Float ? each.value : Number(each)));
  const areNumbers = list.every((each) => each instanceof Float || typeof each === 'number');
  if (areNumbers) return of('float64', new Uint8Array(Float64Array.from(numbers).buffer));
  // A map, a list of many things, integers that no one type holds: as people read it.
  return of('text', encodeUtf8(`${JSON.stringify(jsonFrom(value))}\0`));
}

function textValue(value: Value): string | null {
  if (value instanceof Timestamp) return value.toString();
  return typeof value === 'string' ? value.replaceAll('\0', '') : null;
}

function jsonFrom(value: Value): Json {
  if (value instanceof Float) return jsonNumber(value.value);
  if (value instanceof Timestamp) return value.toString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return jsonNumber(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Value[]).map(jsonFrom);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonFrom(each)]));
}

/** As Zarr 3 and xarray write what JSON has no numbers for. */
function jsonNumber(value: number): Json {
  if (Number.isFinite(value)) return value;
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? 'Infinity' : '-Infinity';
}

/** An attribute as JSON: of a store that has no other types. */
export function jsonOf(attribute: Attribute): Json {
  const { type, bytes } = attribute;
  if (isText(type)) return jsonFrom(textIn(attribute));
  const values = numbersOf(attribute);
  if (values === null) return Buffer.from(bytes).toString('hex');
  const [only] = values;
  return values.length === 1 && only !== undefined ? jsonFrom(only) : jsonFrom(values);
}

/** JSON as an attribute: a number that is not whole is a float64. Null for null. */
export function attributeFrom(name: string, json: Json): Attribute | null {
  return json === null ? null : attributeOf(name, valueFrom(json));
}

function valueFrom(json: Json): Value {
  if (json === null || typeof json !== 'object') return json;
  if (Array.isArray(json)) return (json as readonly Json[]).map(valueFrom);
  return JSON.stringify(json);
}
