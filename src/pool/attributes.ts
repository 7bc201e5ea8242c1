import { type Arena, copyBytes } from '../catalog/arena.js';
import { refuse } from '../core/assert.js';
import { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import type { Value } from '../core/value.js';
import { readValue, skipValue } from '../core/value-codec.js';
import type { AttributeIndex } from '../protocol/index.js';

/**
 * Attribute keys of a pool by number. Sessions intern keys for themselves; the pool's numbers are
 * what records hold.
 */
export class Keys {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [''];

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

/** A record begins with how many attributes it has. */
const COUNT_BYTES = 2;
const KEY_BYTES = 4;

/**
 * Records of attributes: `u16` count, then (`u32` key of the pool, `value`) each. A record is
 * written once and replaced as a whole. 0 is the record without attributes.
 */
export class Attributes {
  readonly keys: Keys;
  readonly #arena: Arena;
  readonly #writer = new Writer(4_096);
  readonly #poolKeys = new Uint32Array(LIMITS.attributesMax);
  readonly #reader = new Reader();
  readonly #other = new Reader();

  constructor(arena: Arena, keys: Keys) {
    this.#arena = arena;
    this.keys = keys;
  }

  /** Stores attributes as they came, read and checked: the session's keys become the pool's. */
  store(bytes: Uint8Array, index: AttributeIndex, keyMap: KeyMap): number {
    const { count, keys, valueStarts, valueEnds } = index;
    if (count === 0) return 0;
    let size = COUNT_BYTES + KEY_BYTES * count;
    for (let place = 0; place < count; place++) {
      this.#poolKeys[place] = keyMap.poolKey(keys[place] as number);
      size += (valueEnds[place] as number) - (valueStarts[place] as number);
    }
    if (keyMap.hasAliases) refuseTwice(this.#poolKeys, count);
    // Nothing is refused any more: the record is filled in place.
    const record = this.#arena.allocate(size);
    const chunk = this.#arena.chunk(record);
    let at = this.#arena.start(record);
    chunk[at++] = count & 0xff;
    chunk[at++] = count >> 8;
    for (let place = 0; place < count; place++) {
      const key = this.#poolKeys[place] as number;
      chunk[at++] = key & 0xff;
      chunk[at++] = (key >> 8) & 0xff;
      chunk[at++] = (key >> 16) & 0xff;
      chunk[at++] = key >>> 24;
      const start = valueStarts[place] as number;
      const end = valueEnds[place] as number;
      copyBytes(bytes, start, end, chunk, at);
      at += end - start;
    }
    return record;
  }

  /**
   * A record with `over` put over `base`, and the keys of `removed` (pool's numbers) left out.
   * Neither is freed.
   */
  merge(base: number, over: number, removed: readonly number[] = []): number {
    const writer = this.#writer;
    writer.reset();
    writer.u16(0);
    let count = 0;
    const reader = this.#reader;
    if (base !== 0) {
      this.#arena.read(reader, base, COUNT_BYTES);
      while (reader.remaining > 0) {
        const from = reader.at;
        const key = reader.u32();
        skipValue(reader);
        if (removed.includes(key) || this.#find(over, key)) continue;
        writer.rawRange(reader.bytes, from, reader.at);
        count++;
      }
    }
    if (over !== 0) {
      this.#arena.read(reader, over, 0);
      count += reader.u16();
      writer.rawRange(reader.bytes, reader.at, reader.limit);
    }
    if (count > LIMITS.attributesMax || writer.at > LIMITS.attributeBytesMax) {
      refuse('bad-attribute', 'Cannot set attributes: too many, or too large together', {
        attributesMax: LIMITS.attributesMax,
        bytesMax: LIMITS.attributeBytesMax,
      });
    }
    if (count === 0) return 0;
    writer.bytes[0] = count & 0xff;
    writer.bytes[1] = count >> 8;
    return this.#arena.store(writer.bytes, 0, writer.at);
  }

  free(record: number): void {
    if (record !== 0) this.#arena.free(record);
  }

  /**
   * The first key whose value in `expected` differs from `offered`, or 0. What the offer does not
   * say differs too: an expectation is a demand on the data.
   */
  mismatch(expected: number, offered: number): number {
    if (expected === 0) return 0;
    const reader = this.#other;
    this.#arena.read(reader, expected, COUNT_BYTES);
    while (reader.remaining > 0) {
      const key = reader.u32();
      const from = reader.at;
      skipValue(reader);
      if (!this.#find(offered, key)) return key;
      const { bytes, at, limit } = this.#finder;
      if (!sameValue(reader.bytes, from, reader.at, bytes, at, limit)) return key;
    }
    return 0;
  }

  /** The value of a key, or undefined. */
  value(record: number, key: number): Value | undefined {
    return this.#find(record, key) ? readValue(this.#finder) : undefined;
  }

  toMap(record: number): { [key: string]: Value } {
    const map: { [key: string]: Value } = Object.create(null) as { [key: string]: Value };
    if (record === 0) return map;
    const reader = this.#reader;
    this.#arena.read(reader, record, COUNT_BYTES);
    while (reader.remaining > 0) map[this.keys.name(reader.u32())] = readValue(reader);
    return map;
  }

  /** Writes a record as a wire `map`, without making objects of it. */
  writeMap(writer: Writer, record: number): void {
    if (record === 0) {
      writer.u32(0);
      return;
    }
    const reader = this.#reader;
    this.#arena.read(reader, record, 0);
    writer.u32(reader.u16());
    while (reader.remaining > 0) {
      writer.text(this.keys.name(reader.u32()));
      const from = reader.at;
      skipValue(reader);
      writer.rawRange(reader.bytes, from, reader.at);
    }
  }

  /** Stands the finder on the value of a key in a record; false when it is not there. */
  #find(record: number, key: number): boolean {
    if (record === 0) return false;
    const reader = this.#finder;
    this.#arena.read(reader, record, COUNT_BYTES);
    while (reader.remaining > 0) {
      if (reader.u32() === key) return true;
      skipValue(reader);
    }
    return false;
  }

  readonly #finder = new Reader();
}

/** A session that has two numbers for one key must not use both in one message. */
function refuseTwice(poolKeys: Uint32Array, count: number): void {
  const distinct = new Set(poolKeys.subarray(0, count));
  if (distinct.size !== count) {
    refuse('bad-attribute', 'Cannot use attributes: a key appears twice');
  }
}

/** The keys of one session: its numbers to the pool's. */
export class KeyMap {
  #numbers = new Uint32Array(16);
  /** Whether two numbers of the session mean the same key. */
  hasAliases = false;

  define(sessionKey: number, poolKey: number): void {
    if (this.known(sessionKey) === poolKey) return;
    if (this.#numbers.includes(poolKey)) this.hasAliases = true;
    if (sessionKey >= this.#numbers.length) {
      const grown = new Uint32Array(Math.max(this.#numbers.length * 2, sessionKey + 1));
      grown.set(this.#numbers);
      this.#numbers = grown;
    }
    this.#numbers[sessionKey] = poolKey;
  }

  /** The pool's number; `bad-attribute` when the session never defined it. */
  poolKey(sessionKey: number): number {
    const key = this.#numbers[sessionKey] ?? 0;
    if (key === 0) {
      refuse('bad-attribute', `Cannot use the key number ${sessionKey}: no KEY has defined it`);
    }
    return key;
  }

  known(sessionKey: number): number {
    return this.#numbers[sessionKey] ?? 0;
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

/** Equal bytes, or numbers that are equal across int64, uint64 and float64. */
function sameValue(
  left: Uint8Array,
  leftStart: number,
  leftEnd: number,
  right: Uint8Array,
  rightStart: number,
  rightEnd: number,
): boolean {
  let at = rightStart;
  for (let from = leftStart; from < leftEnd && at < rightEnd; from++, at++) {
    if (left[from] !== right[at]) break;
    if (from === leftEnd - 1) return true;
  }
  const isNumber = (type: number | undefined): boolean =>
    type !== undefined && type >= 2 && type <= 4;
  if (!isNumber(left[leftStart]) || !isNumber(right[rightStart])) return false;
  const one = readValue(new Reader(left.subarray(leftStart, leftEnd)));
  const two = readValue(new Reader(right.subarray(rightStart, rightEnd)));
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint equals a number of the same value
  return one == two;
}
