import type { Arena } from '../catalog/arena.js';
import type { Shapes } from '../catalog/shapes.js';
import type { Terms } from '../catalog/terms.js';
import { refuse } from '../core/assert.js';
import { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { numberOf } from '../core/selector/satisfies.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import type { Value, ValueMap } from '../core/value.js';
import { EXACT, readValue, writeValue } from '../core/value-codec.js';
import type { AttributeIndex } from '../protocol/index.js';

/**
 * Keys that mean something to the pool itself, by their numbers: the container of an object, the
 * collections that have it in their lists, and how it relates to other objects, by name.
 */
export const KEY = {
  container: 1,
  collections: 2,
  derivedFrom: 3,
  partOf: 4,
  supersedes: 5,
  dependsOn: 6,
} as const;

export const KEY_NAMES: { readonly [K in keyof typeof KEY]: string } = {
  container: '.container',
  collections: '.collections',
  derivedFrom: '.derived-from',
  partOf: '.part-of',
  supersedes: '.supersedes',
  dependsOn: '.depends-on',
};

/** Keys that say how an object relates to others: by one name, or by a list of names. */
export const RELATION_KEYS: readonly number[] = [
  ...[KEY.derivedFrom, KEY.partOf, KEY.supersedes, KEY.dependsOn],
];

export function isRelation(key: number): boolean {
  return key >= KEY.derivedFrom && key <= KEY.dependsOn;
}

/**
 * Attribute keys of a pool by number. Sessions intern keys for themselves; the pool's numbers are
 * what records hold.
 */
export class Keys {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [''];

  constructor() {
    for (const name of Object.values(KEY_NAMES)) this.number(name);
  }

  /** The number of a key, given on first sight. */
  number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#names.length > LIMITS.keysMax) {
      refuse('bad-attribute', `Cannot add the key "${name}": the pool knows too many`, {
        limit: LIMITS.keysMax,
      });
    }
    const number = this.#names.length;
    this.#names.push(name);
    this.#numbers.set(name, number);
    return number;
  }

  name(number: number): string {
    return this.#names[number] as string;
  }

  /** The number of a key that is known, else 0. */
  find(name: string): number {
    return this.#numbers.get(name) ?? 0;
  }

  get used(): number {
    return this.#names.length - 1;
  }

  /** All keys that were ever used, with their numbers. */
  entries(): Iterable<readonly [name: string, number: number]> {
    return this.#numbers;
  }

  save(w: StateWriter): void {
    w.u32(this.used);
    for (let number = 1; number <= this.used; number++) w.text(this.name(number));
  }

  restore(r: StateReader): void {
    const count = r.count(4);
    for (let number = 1; number <= count; number++) {
      checkSaved(this.number(r.text()) === number, 'a key has one number');
    }
  }
}

const WORD_BYTES = 4;
/** What a key counts for, where attributes are measured. */
const KEY_BYTES = 4;

/** The words of a record before those of its terms: how many hold it, and its shape. */
const USES = 0;
const SHAPE = 1;
const TERMS = 2;

/**
 * Records of attributes: how many hold the record, its shape, which says the keys, and a word for
 * each attribute, its term. A record is written once and replaced as a whole: so those who say the
 * same can hold the same one. 0 is the record without attributes. Shape and terms count the records
 * that have them.
 */
export class Attributes {
  readonly keys: Keys;
  readonly terms: Terms;
  readonly shapes: Shapes;
  readonly #arena: Arena;
  readonly #reader = new Reader();
  readonly #writer = new Writer(4_096);
  /** Keys and terms of a record that is about to be written. */
  readonly #keys = new Uint32Array(LIMITS.attributesMax * 2);
  readonly #terms = new Uint32Array(LIMITS.attributesMax * 2);

  constructor(arena: Arena, terms: Terms, shapes: Shapes, keys: Keys) {
    this.#arena = arena;
    this.terms = terms;
    this.shapes = shapes;
    this.keys = keys;
  }

  /** Stores attributes as they came, read and checked: the session's keys become the pool's. */
  store(bytes: Uint8Array, index: AttributeIndex, keyMap: KeyMap): number {
    const { count, keys, valueStarts, valueEnds } = index;
    if (count === 0) return 0;
    const poolKeys = this.#keys;
    for (let place = 0; place < count; place++) {
      poolKeys[place] = keyMap.poolKey(keys[place] as number);
    }
    if (keyMap.hasAliases) refuseTwice(poolKeys, count);
    // Nothing is refused any more.
    for (let place = 0; place < count; place++) {
      const start = valueStarts[place] as number;
      const end = valueEnds[place] as number;
      this.#terms[place] = this.terms.intern(poolKeys[place] as number, bytes, start, end);
    }
    return this.#write(count);
  }

  /** A record of what a map says. */
  ofMap(map: ValueMap): number {
    const writer = this.#writer;
    let count = 0;
    let bytes = 0;
    const entries = Object.entries(map);
    if (entries.length > LIMITS.attributesMax) tooLarge();
    const keys = entries.map(([name]) => this.keys.number(name));
    for (const [, value] of entries) {
      writer.reset();
      writeValue(writer, value);
      bytes += KEY_BYTES + writer.at;
      if (bytes > LIMITS.attributeBytesMax) {
        while (count > 0) this.terms.release(this.#terms[--count] as number);
        tooLarge();
      }
      const key = keys[count] as number;
      this.#keys[count] = key;
      this.#terms[count++] = this.terms.intern(key, writer.bytes, 0, writer.at);
    }
    return count === 0 ? 0 : this.#write(count);
  }

  /** How many attributes a record has. */
  count(record: number): number {
    return record === 0 ? 0 : this.#arena.size(record) / WORD_BYTES - TERMS;
  }

  /** What a record takes, with its values, as if nobody else had them. */
  bytesOf(record: number): number {
    if (record === 0) return 0;
    let bytes = this.#arena.size(record);
    for (let place = bytes / WORD_BYTES - TERMS - 1; place >= 0; place--) {
      bytes += this.#arena.size(this.terms.valueOf(this.termAt(record, place)));
    }
    return bytes;
  }

  shapeOf(record: number): number {
    return this.#arena.word(record, SHAPE);
  }

  /** How many hold a record. */
  usesOf(record: number): number {
    return this.#arena.word(record, USES);
  }

  /** So many more hold the record; each frees it in the end. */
  use(record: number, holders = 1): number {
    if (record !== 0) this.#arena.setWord(record, USES, this.usesOf(record) + holders);
    return record;
  }

  /** The term at a place below `count`. */
  termAt(record: number, place: number): number {
    return this.#arena.word(record, place + TERMS);
  }

  /** Copies the terms of a record to the front of `target`; returns how many there are. */
  copyTerms(record: number, target: Uint32Array): number {
    const words = this.#arena.words(record);
    const start = this.#arena.start(record);
    const count = words.getUint32(start - WORD_BYTES, true) / WORD_BYTES - TERMS;
    let at = start + TERMS * WORD_BYTES;
    for (let place = 0; place < count; place++, at += WORD_BYTES) {
      target[place] = words.getUint32(at, true);
    }
    return count;
  }

  has(record: number, term: number): boolean {
    const count = this.count(record);
    for (let place = 0; place < count; place++) {
      if (this.termAt(record, place) === term) return true;
    }
    return false;
  }

  /** Whether a record says all that another one says. */
  holds(record: number, other: number): boolean {
    for (let place = 0; place < this.count(other); place++) {
      if (!this.has(record, this.termAt(other, place))) return false;
    }
    return true;
  }

  /** The term of a key in a record, or 0. */
  termOf(record: number, key: number): number {
    if (record === 0) return 0;
    const place = this.shapes.placeOf(this.shapeOf(record), key);
    return place < 0 ? 0 : this.termAt(record, place);
  }

  /**
   * A record with `over` put over `base`, and the keys of `removed` (pool's numbers) left out.
   * Neither is freed.
   */
  merge(base: number, over: number, removed: readonly number[] = []): number {
    let count = 0;
    let bytes = 0;
    const take = (term: number, key: number): void => {
      this.#keys[count] = key;
      this.#terms[count++] = term;
      bytes += KEY_BYTES + this.#arena.size(this.terms.valueOf(term));
    };
    for (let place = 0; place < this.count(base); place++) {
      const key = this.shapes.keyAt(this.shapeOf(base), place);
      const isKept = !removed.includes(key) && this.termOf(over, key) === 0;
      if (isKept) take(this.termAt(base, place), key);
    }
    for (let place = 0; place < this.count(over); place++) {
      take(this.termAt(over, place), this.shapes.keyAt(this.shapeOf(over), place));
    }
    if (count > LIMITS.attributesMax || bytes > LIMITS.attributeBytesMax) tooLarge();
    if (count === 0) return 0;
    for (let place = 0; place < count; place++) this.terms.use(this.#terms[place] as number);
    return this.#write(count);
  }

  /** So many of those who hold the record do so no longer. */
  free(record: number, holders = 1): void {
    if (record === 0) return;
    const uses = this.usesOf(record) - holders;
    this.#arena.setWord(record, USES, uses);
    if (uses > 0) return;
    for (let place = 0; place < this.count(record); place++) {
      this.terms.release(this.termAt(record, place));
    }
    this.shapes.release(this.shapeOf(record));
    this.#arena.free(record);
  }

  /**
   * The first key whose value in `expected` differs from `offered`, or 0. What the offer does not
   * say differs too: an expectation is a demand on the data.
   */
  mismatch(expected: number, offered: number): number {
    for (let place = 0; place < this.count(expected); place++) {
      const term = this.termAt(expected, place);
      const key = this.shapes.keyAt(this.shapeOf(expected), place);
      const other = this.termOf(offered, key);
      if (other === term) continue;
      if (other === 0 || !this.#areEqualNumbers(term, other)) return key;
    }
    return 0;
  }

  /** The value of a key, or undefined. */
  value(record: number, key: number): Value | undefined {
    const term = this.termOf(record, key);
    return term === 0 ? undefined : this.valueOf(term);
  }

  /** As it was said: a float64 that is whole is told as one. */
  valueOf(term: number): Value {
    this.#arena.read(this.#reader, this.terms.valueOf(term), 0);
    // A whole float64 is one when it is told again, too.
    return readValue(this.#reader, EXACT);
  }

  toMap(record: number): { [key: string]: Value } {
    const map: { [key: string]: Value } = Object.create(null) as { [key: string]: Value };
    for (let place = 0; place < this.count(record); place++) {
      const key = this.shapes.keyAt(this.shapeOf(record), place);
      map[this.keys.name(key)] = this.valueOf(this.termAt(record, place));
    }
    return map;
  }

  /** Writes a record as a wire `map`, without making objects of it; with `over` put over it. */
  writeMap(writer: Writer, record: number, over = 0): void {
    const countAt = writer.at;
    writer.u32(0);
    let count = this.count(over);
    for (let place = 0; place < this.count(record); place++) {
      const key = this.shapes.keyAt(this.shapeOf(record), place);
      if (this.termOf(over, key) !== 0) continue;
      this.#writeTerm(writer, key, this.termAt(record, place));
      count++;
    }
    for (let place = 0; place < this.count(over); place++) {
      const key = this.shapes.keyAt(this.shapeOf(over), place);
      this.#writeTerm(writer, key, this.termAt(over, place));
    }
    writer.patchU32(countAt, count);
  }

  #writeTerm(writer: Writer, key: number, term: number): void {
    writer.text(this.keys.name(key));
    const value = this.terms.valueOf(term);
    const start = this.#arena.start(value);
    writer.rawRange(this.#arena.chunk(value), start, start + this.#arena.size(value));
  }

  #write(count: number): number {
    const record = this.#arena.allocate((count + TERMS) * WORD_BYTES);
    const shape = this.shapes.intern(this.#keys, count);
    const words = this.#arena.words(record);
    let at = this.#arena.start(record);
    words.setUint32(at + USES * WORD_BYTES, 1, true);
    words.setUint32(at + SHAPE * WORD_BYTES, shape, true);
    at += TERMS * WORD_BYTES;
    for (let place = 0; place < count; place++, at += WORD_BYTES) {
      words.setUint32(at, this.#terms[place] as number, true);
    }
    return record;
  }

  /** Numbers that are equal across int64, uint64 and float64. */
  #areEqualNumbers(one: number, other: number): boolean {
    const first = numberOf(this.valueOf(one));
    const second = numberOf(this.valueOf(other));
    // biome-ignore lint/suspicious/noDoubleEquals: a bigint equals a number of the same value
    return first !== null && second !== null && first == second;
  }
}

function tooLarge(): never {
  return refuse('bad-attribute', 'Cannot set attributes: too many, or too large together', {
    attributesMax: LIMITS.attributesMax,
    bytesMax: LIMITS.attributeBytesMax,
  });
}

/** A session that has two numbers for one key must not use both in one message. */
function refuseTwice(poolKeys: Uint32Array, count: number): void {
  const distinct = new Set(poolKeys.subarray(0, count));
  if (distinct.size !== count) {
    refuse('bad-attribute', 'Cannot use attributes: a key appears twice');
  }
}

/** In place of a pool's number. */
const REFUSED = 0xffff_ffff;

/** The keys of one session: its numbers to the pool's. */
export class KeyMap {
  #numbers = new Uint32Array(16);
  /** Whether two numbers of the session mean the same key. */
  hasAliases = false;

  define(sessionKey: number, poolKey: number): void {
    if (this.known(sessionKey) === poolKey) return;
    if (poolKey !== REFUSED && this.#numbers.includes(poolKey)) this.hasAliases = true;
    if (sessionKey >= this.#numbers.length) {
      const grown = new Uint32Array(Math.max(this.#numbers.length * 2, sessionKey + 1));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[sessionKey] = poolKey;
  }

  /** KEY was refused: what uses the number all the same is told so. */
  refuse(sessionKey: number): void {
    if (this.known(sessionKey) === 0) this.define(sessionKey, REFUSED);
  }

  /** The pool's number; `bad-attribute` when the session never defined it. */
  poolKey(sessionKey: number): number {
    const key = this.#numbers[sessionKey] ?? 0;
    if (key === REFUSED) {
      const why = 'its name is one by which the pool itself tells something';
      refuse('bad-attribute', `Cannot use the key number ${sessionKey}: ${why}`);
    }
    if (key === 0) {
      refuse('bad-attribute', `Cannot use the key number ${sessionKey}: no KEY has defined it`);
    }
    return key;
  }

  known(sessionKey: number): number {
    const key = this.#numbers[sessionKey] ?? 0;
    return key === REFUSED ? 0 : key;
  }

  save(w: StateWriter): void {
    w.flag(this.hasAliases);
    w.u32(this.#numbers.length);
    w.words(this.#numbers);
  }

  restore(r: StateReader): void {
    this.hasAliases = r.flag();
    this.#numbers = r.words(r.count(4));
  }
}
