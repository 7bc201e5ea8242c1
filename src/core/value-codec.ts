import { refuse } from './assert.js';
import { type Reader, Writer } from './bytes.js';
import { LIMITS } from './limits.js';
import { decodeUtf8, hasHalfPair, utf8Length, writeUtf8 } from './utf8.js';
import { Float, Timestamp, VALUE_TYPE, type Value, type ValueMap } from './value.js';

const INT64_MIN = -(2n ** 63n);
const UINT64_END = 2n ** 64n;
const INT64_END = 2n ** 63n;
const HIGH = 0x1_0000_0000;

function badValue(why: string): never {
  return refuse('bad-message', `Cannot read a value: ${why}`);
}

function badArgument(why: string): never {
  return refuse('bad-argument', `Cannot send a value: ${why}`);
}

function writeBigint(w: Writer, value: bigint): void {
  if (value < INT64_MIN || value >= UINT64_END) badArgument('the integer needs more than 64 bits');
  if (value < INT64_END) {
    w.u8(VALUE_TYPE.int64);
    w.i64(value);
  } else {
    w.u8(VALUE_TYPE.uint64);
    w.big64(value);
  }
}

function writeNumber(w: Writer, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    // Two halves instead of a bigint, which would be made and thrown away.
    const high = Math.floor(value / HIGH);
    w.u8(VALUE_TYPE.int64);
    w.u32(value - high * HIGH);
    w.u32(high);
  } else {
    w.u8(VALUE_TYPE.float64);
    w.f64(value);
  }
}

/** For one scalar at a time. */
const SCALAR = new Writer(16);

/**
 * The bytes of a value that is no list and no map. For many small ones: a text, which most are, is
 * written without a writer.
 */
export function encodeScalar(value: Exclude<Value, readonly Value[] | ValueMap>): Uint8Array {
  if (typeof value !== 'string') {
    SCALAR.reset();
    writeValue(SCALAR, value);
    return SCALAR.bytes.slice(0, SCALAR.at);
  }
  const length = utf8Length(value);
  const bytes = new Uint8Array(5 + length);
  bytes[0] = VALUE_TYPE.string;
  for (let at = 1, size = length; at < 5; at++, size >>>= 8) bytes[at] = size & 0xff;
  writeUtf8(bytes, 5, value);
  return bytes;
}

/** Writes a text without its type; refuses one that contains half of a surrogate pair. */
export function writeText(w: Writer, text: string): void {
  const start = w.at + 4;
  w.text(text);
  if (hasHalfPair(text, w.at - start)) badArgument('a text contains half of a surrogate pair');
}

function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function writeObject(w: Writer, value: object, depth: number, depthMax: number): void {
  if (value instanceof Uint8Array) {
    w.u8(VALUE_TYPE.bytes);
    w.u32(value.length);
    w.raw(value);
  } else if (value instanceof Float) {
    w.u8(VALUE_TYPE.float64);
    w.f64(value.value);
  } else if (value instanceof Timestamp) {
    w.u8(VALUE_TYPE.timestamp);
    w.i64(value.nanoseconds);
  } else {
    if (depth >= depthMax) badArgument(`lists and maps nest deeper than ${depthMax}`);
    if (Array.isArray(value)) {
      w.u8(VALUE_TYPE.list);
      w.u32(value.length);
      for (const item of value as readonly Value[]) writeNested(w, item, depth + 1, depthMax);
    } else if (isPlainObject(value)) {
      w.u8(VALUE_TYPE.map);
      writeEntries(w, value as ValueMap, depth + 1, depthMax);
    } else badArgument('an object of a class is none of the types of values');
  }
}

function writeNested(w: Writer, value: Value, depth: number, depthMax: number): void {
  switch (typeof value) {
    case 'boolean':
      w.u8(VALUE_TYPE.bool);
      w.u8(value ? 1 : 0);
      return;
    case 'number':
      writeNumber(w, value);
      return;
    case 'bigint':
      writeBigint(w, value);
      return;
    case 'string':
      w.u8(VALUE_TYPE.string);
      writeText(w, value);
      return;
    case 'object':
      if (value === null) w.u8(VALUE_TYPE.null);
      else writeObject(w, value, depth, depthMax);
      return;
    default:
      badArgument(`${typeof value} is none of the types of values`);
  }
}

function writeEntries(w: Writer, map: ValueMap, depth: number, depthMax: number): void {
  const entries = Object.entries(map);
  w.u32(entries.length);
  for (const [key, value] of entries) {
    writeText(w, key);
    writeNested(w, value, depth, depthMax);
  }
}

/**
 * Writes a value. Integers within 2^53 and bigints become int64 (uint64 from 2^63 on); other
 * numbers, -0 too, and {@link Float} become float64. Refuses with `bad-argument` what is no value,
 * contains half of a surrogate pair or nests too deep; what was written until then stays in the
 * writer, for the caller to cut off.
 */
export function writeValue(w: Writer, value: Value, depthMax: number = LIMITS.valueDepthMax): void {
  writeNested(w, value, 0, depthMax);
}

/** Writes the compound `map`; each of its values may nest to the full depth. */
export function writeMap(w: Writer, map: ValueMap, depthMax: number = LIMITS.valueDepthMax): void {
  writeEntries(w, map, 0, depthMax);
}

/** A count of items of at least `sizeMin` bytes each: no more than the message can hold. */
function readCount(r: Reader, sizeMin: number): number {
  const count = r.u32();
  if (count * sizeMin > r.remaining) badValue('the message ends before the last item');
  return count;
}

function readInt64(r: Reader): number | bigint {
  const start = r.at;
  const low = r.u32();
  const number = (r.u32() | 0) * HIGH + low;
  if (Number.isSafeInteger(number)) return number;
  r.at = start;
  return r.i64();
}

function readUint64(r: Reader): bigint {
  const value = r.big64();
  if (value < INT64_END) badValue('a uint64 that fits int64 must be sent as int64');
  return value;
}

function readBool(r: Reader): boolean {
  const value = r.u8();
  if (value > 1) badValue('a bool is neither 0 nor 1');
  return value === 1;
}

/** How to read values. */
export interface Reading {
  /** How deep lists and maps may nest. */
  readonly depthMax: number;
  /** Whether a float64 that would write back as an integer becomes a {@link Float}. */
  readonly exact: boolean;
  /** Whether maps have the usual prototype, as programs expect; the pool's own have none. */
  readonly ordinary: boolean;
}

const PLAIN: Reading = { depthMax: LIMITS.valueDepthMax, exact: false, ordinary: false };
/** So that what is read writes back as it was. */
export const EXACT: Reading = { ...PLAIN, exact: true };

function readFloat64(r: Reader, exact: boolean): Value {
  const value = r.f64();
  return exact && Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value;
}

function readNested(r: Reader, depth: number, how: Reading): Value {
  const type = r.u8();
  switch (type) {
    case VALUE_TYPE.null:
      return null;
    case VALUE_TYPE.bool:
      return readBool(r);
    case VALUE_TYPE.int64:
      return readInt64(r);
    case VALUE_TYPE.uint64:
      return readUint64(r);
    case VALUE_TYPE.float64:
      return readFloat64(r, how.exact);
    case VALUE_TYPE.string:
      return r.text();
    case VALUE_TYPE.bytes:
      return r.view(r.u32()).slice();
    case VALUE_TYPE.timestamp:
      return new Timestamp(r.i64());
    case VALUE_TYPE.list:
      return readList(r, depth, how);
    case VALUE_TYPE.map:
      if (depth >= how.depthMax) badValue(`lists and maps nest deeper than ${how.depthMax}`);
      return readEntries(r, depth + 1, how);
    default:
      return badValue(`type ${type} is not known`);
  }
}

function readList(r: Reader, depth: number, how: Reading): Value {
  if (depth >= how.depthMax) badValue(`lists and maps nest deeper than ${how.depthMax}`);
  const count = readCount(r, 1);
  const items: Value[] = [];
  for (let index = 0; index < count; index++) items.push(readNested(r, depth + 1, how));
  return items;
}

function readEntries(r: Reader, depth: number, how: Reading): ValueMap {
  const count = readCount(r, 5);
  // Without a prototype no key of a peer (`__proto__`, `constructor`) can mean anything else.
  const map: { [key: string]: Value } = how.ordinary ? {} : Object.create(null);
  for (let index = 0; index < count; index++) {
    const key = r.text();
    if (Object.hasOwn(map, key)) badValue('a key of a map appears twice');
    const value = readNested(r, depth, how);
    if (key === '__proto__') define(map, key, value);
    else map[key] = value;
  }
  return map;
}

function define(map: object, key: string, value: Value): void {
  const as = { value, writable: true, enumerable: true, configurable: true };
  Object.defineProperty(map, key, as);
}

/**
 * Reads a value; bytes are copied. int64 beyond 2^53 and uint64 are bigints. float64 becomes a
 * plain number, whole or not, unless `how` says `exact`. Maps have no prototype unless it says
 * `ordinary`, and keep the order of their keys, but for keys that look like array indices, which
 * JavaScript puts first.
 */
export function readValue(r: Reader, how: Reading = PLAIN): Value {
  return readNested(r, 0, how);
}

/** Reads the compound `map`; each of its values may nest to the full depth. */
export function readMap(r: Reader, how: Reading = PLAIN): ValueMap {
  return readEntries(r, 0, how);
}

/** Moves past the entries of a map; its keys must differ, as of {@link readMap}. */
function skipEntries(r: Reader, levels: number): void {
  const count = readCount(r, 5);
  if (count === 0) return;
  const keys = new Set<string>();
  for (let index = 0; index < count; index++) {
    const start = r.skipText();
    keys.add(decodeUtf8(r.bytes, start, r.at));
    skipLevels(r, levels);
  }
  if (keys.size !== count) badValue('a key of a map appears twice');
}

function skipLevels(r: Reader, levels: number): void {
  const type = r.u8();
  switch (type) {
    case VALUE_TYPE.null:
      return;
    case VALUE_TYPE.bool:
      readBool(r);
      return;
    case VALUE_TYPE.int64:
    case VALUE_TYPE.float64:
    case VALUE_TYPE.timestamp:
      r.skip(8);
      return;
    case VALUE_TYPE.uint64:
      // The highest bit must be set, else it is an int64.
      if (((r.bytes[r.skip(8) + 7] as number) & 0x80) === 0) {
        badValue('a uint64 that fits int64 must be sent as int64');
      }
      return;
    case VALUE_TYPE.string:
      r.skipText();
      return;
    case VALUE_TYPE.bytes:
      r.skip(r.u32());
      return;
    case VALUE_TYPE.list: {
      if (levels === 0) badValue('lists and maps nest too deep');
      const count = readCount(r, 1);
      for (let index = 0; index < count; index++) skipLevels(r, levels - 1);
      return;
    }
    case VALUE_TYPE.map:
      if (levels === 0) badValue('lists and maps nest too deep');
      skipEntries(r, levels - 1);
      return;
    default:
      badValue(`type ${type} is not known`);
  }
}

/** Moves past a value: refuses exactly what {@link readValue} refuses, makes no object of it. */
export function skipValue(r: Reader, depthMax: number = LIMITS.valueDepthMax): void {
  skipLevels(r, depthMax);
}

/** Moves past the compound `map`. */
export function skipMap(r: Reader, depthMax: number = LIMITS.valueDepthMax): void {
  skipEntries(r, depthMax);
}
