import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { VALUE_TYPE, type Value } from '../core/value.js';
import { type Reading, readValue, skipValue, writeValue } from '../core/value-codec.js';

/** A key, interned by KEY, and its value. */
export type Attribute = readonly [key: number, value: Value];

/** Below this every pair of keys is compared; from there on a set is quicker. */
const PAIRS_MAX = 16;

/** Where the attributes of a message are: filled again for each message, nothing is allocated. */
export class AttributeIndex {
  /** Where the attributes start, with their count, and end. */
  start = 0;
  end = 0;
  count = 0;
  readonly keys = new Uint16Array(LIMITS.attributesMax);
  /** Where each value starts, with its type, and ends. */
  readonly valueStarts = new Uint32Array(LIMITS.attributesMax);
  readonly valueEnds = new Uint32Array(LIMITS.attributesMax);
}

function badAttribute(why: string): never {
  return refuse('bad-attribute', `Cannot use the attributes: ${why}`);
}

/** Whether a key appears twice among the first `count` of `keys`. */
function hasTwice(keys: ArrayLike<number>, count: number): boolean {
  if (count > PAIRS_MAX) {
    const distinct = new Set<number>();
    for (let index = 0; index < count; index++) distinct.add(keys[index] as number);
    return distinct.size !== count;
  }
  for (let index = 1; index < count; index++) {
    const key = keys[index];
    for (let other = 0; other < index; other++) {
      if (keys[other] === key) return true;
    }
  }
  return false;
}

/** Reads attributes, checks them, and notes where they are. */
export function readAttributes(r: Reader, into: AttributeIndex): void {
  into.start = r.at;
  const count = r.u16();
  into.count = count;
  if (count > LIMITS.attributesMax) badAttribute(`more than ${LIMITS.attributesMax} of them`);
  for (let index = 0; index < count; index++) {
    into.keys[index] = r.u16();
    into.valueStarts[index] = r.at;
    if (r.bytes[r.at] === VALUE_TYPE.null && r.remaining > 0) badAttribute('one is null');
    skipValue(r);
    into.valueEnds[index] = r.at;
  }
  into.end = r.at;
  checkSize(into.end - into.start);
  if (hasTwice(into.keys, count)) badAttribute('a key appears twice');
}

function checkSize(size: number): void {
  if (size > LIMITS.attributeBytesMax) {
    badAttribute(`they take ${size} bytes, more than ${LIMITS.attributeBytesMax}`);
  }
}

/** Writes attributes, or refuses with `bad-attribute` what {@link readAttributes} would refuse. */
export function writeAttributes(w: Writer, attributes: readonly Attribute[]): void {
  const start = w.at;
  const count = attributes.length;
  if (count > LIMITS.attributesMax) badAttribute(`more than ${LIMITS.attributesMax} of them`);
  w.u16(count);
  const keys: number[] = [];
  for (const [key, value] of attributes) {
    if (value === null) badAttribute('one is null');
    keys.push(key);
    w.u16(key);
    writeValue(w, value);
  }
  checkSize(w.at - start);
  if (hasTwice(keys, count)) badAttribute('a key appears twice');
}

/** The attributes that an index points to, as pairs. */
export function attributesOf(r: Reader, index: AttributeIndex, how?: Reading): Attribute[] {
  const { at, limit } = r;
  const attributes: Attribute[] = [];
  r.limit = index.end;
  for (let place = 0; place < index.count; place++) {
    r.at = index.valueStarts[place] as number;
    attributes.push([index.keys[place] as number, readValue(r, how)]);
  }
  r.at = at;
  r.limit = limit;
  return attributes;
}
