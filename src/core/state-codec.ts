import { assert, refuse } from './assert.js';
import { Reader, Writer } from './bytes.js';
import { AttaccaError } from './errors.js';
import { LIMITS } from './limits.js';
import type { Checksum, Sink, Source } from './streams.js';
import { decodeUtf8, isUtf8 } from './utf8.js';
import type { Value, ValueMap } from './value.js';
import { type Reading, readMap, readValue, writeMap, writeValue } from './value-codec.js';

/** Small fields are gathered up to here: what is larger goes to the file as it lies in memory. */
const CHUNK_BYTES = 256 * 1024;
const HIGH = 0x1_0000_0000;
/** What the pool makes of values of clients, an error say, nests deeper than they do. */
const DEPTH_MAX = 2 * LIMITS.valueDepthMax;
/** What is read writes back as it was. */
const AS_WRITTEN: Reading = { depthMax: DEPTH_MAX, exact: true, ordinary: false };

assert(
  new Uint8Array(Uint32Array.of(1).buffer)[0] === 1,
  'this machine is little-endian: tables are saved as they lie in memory',
);

/** Refuses bytes that no writer has written with `journal-damaged`. */
export function checkSaved(condition: boolean, expected: string): asserts condition {
  if (!condition) refuse('journal-damaged', `Cannot restore a state: it breaks "${expected}"`);
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

/**
 * Writes a state: small fields little-endian through a chunk, large arrays as they are. Nothing
 * says of what type a field is: who reads must read the same fields in the same order.
 */
export class StateWriter {
  readonly #sink: Sink;
  readonly #checksumOf: Checksum;
  readonly #chunk = new Writer(CHUNK_BYTES + 1_024);
  #checksum = 0;
  #bytesWritten = 0;

  constructor(sink: Sink, checksum: Checksum) {
    this.#sink = sink;
    this.#checksumOf = checksum;
  }

  /** Of all that was written; whole once `end` was called. */
  get checksum(): number {
    return this.#checksum;
  }

  /** As `checksum`: how much was handed on. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  u8(value: number): void {
    this.#chunk.u8(value);
    this.#handOn();
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    this.#chunk.u32(value);
    this.#handOn();
  }

  u64(value: number): void {
    this.#chunk.u64(value);
    this.#handOn();
  }

  f64(value: number): void {
    this.#chunk.f64(value);
    this.#handOn();
  }

  text(value: string): void {
    this.#chunk.text(value);
    this.#handOn();
  }

  /** Bytes with their length. */
  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  value(value: Value): void {
    const start = this.#beginSized();
    writeValue(this.#chunk, value, DEPTH_MAX);
    this.#endSized(start);
  }

  valueMap(map: ValueMap): void {
    const start = this.#beginSized();
    writeMap(this.#chunk, map, DEPTH_MAX);
    this.#endSized(start);
  }

  /** The contents of an array, whose length is for the caller to write. */
  words(words: Uint32Array): void {
    this.raw(bytesOf(words));
  }

  /** Bytes whose length is for the caller to write. */
  raw(bytes: Uint8Array): void {
    if (bytes.length >= CHUNK_BYTES) {
      this.#flush();
      this.#give(bytes);
      return;
    }
    this.#chunk.raw(bytes);
    this.#handOn();
  }

  /** Hands on what is still in the chunk. */
  end(): void {
    this.#flush();
  }

  /** A size stands before a value, so that a reader has all of it before it begins. */
  #beginSized(): number {
    const start = this.#chunk.at;
    this.#chunk.u32(0);
    return start;
  }

  #endSized(start: number): void {
    this.#chunk.patchU32(start, this.#chunk.at - start - 4);
    this.#handOn();
  }

  #handOn(): void {
    if (this.#chunk.at >= CHUNK_BYTES) this.#flush();
  }

  #flush(): void {
    if (this.#chunk.at > 0) this.#give(this.#chunk.written());
    this.#chunk.reset();
  }

  #give(bytes: Uint8Array): void {
    this.#checksum = this.#checksumOf(bytes, this.#checksum);
    this.#bytesWritten += bytes.length;
    this.#sink(bytes);
  }
}

/**
 * Reads what a {@link StateWriter} wrote; large arrays are filled by the source, without a copy
 * between. Whatever the bytes are, nothing is allocated for more than is left of them, and they end
 * in fields or in `journal-damaged`.
 */
export class StateReader {
  readonly #source: Source;
  readonly #checksumOf: Checksum;
  readonly #values = new Reader();
  #chunk = new Uint8Array(CHUNK_BYTES);
  #view = new DataView(this.#chunk.buffer);
  #at = 0;
  #end = 0;
  /** What the source still has. */
  #unread: number;
  #checksum = 0;

  /** `size`: of the state; the source may have more, which is left to it. */
  constructor(source: Source, size: number, checksum: Checksum) {
    this.#source = source;
    this.#unread = size;
    this.#checksumOf = checksum;
  }

  get remaining(): number {
    return this.#end - this.#at + this.#unread;
  }

  /** Of all that was read; whole once `end` was called. */
  get checksum(): number {
    return this.#checksum;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  flag(): boolean {
    const value = this.u8();
    checkSaved(value <= 1, 'a flag is 0 or 1');
    return value === 1;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): number {
    const start = this.#take(8);
    const high = this.#view.getUint32(start + 4, true);
    checkSaved(high <= 0x1f_ffff, 'a number is below 2^53');
    return high * HIGH + this.#view.getUint32(start, true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** A count of things of at least `sizeMin` bytes each: no more than what is left can hold. */
  count(sizeMin: number): number {
    const count = this.u32();
    checkSaved(count * sizeMin <= this.remaining, 'what is counted is there');
    return count;
  }

  text(): string {
    const size = this.count(1);
    const start = this.#take(size);
    checkSaved(isUtf8(this.#chunk, start, start + size), 'a text is well-formed UTF-8');
    return decodeUtf8(this.#chunk, start, start + size);
  }

  /** Bytes with their length: a copy. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.count(1));
    this.raw(bytes);
    return bytes;
  }

  value(): Value {
    return this.#sized((r) => readValue(r, AS_WRITTEN));
  }

  valueMap(): ValueMap {
    return this.#sized((r) => readMap(r, AS_WRITTEN));
  }

  /** A new array of `length`, filled from the first word to the `used`th; the others are zero. */
  words(length: number, used = length): Uint32Array<ArrayBuffer> {
    checkSaved(used * 4 <= this.remaining, 'an array is there');
    const words = new Uint32Array(length);
    this.raw(bytesOf(words.subarray(0, used)));
    return words;
  }

  /** Fills an array that is there. */
  raw(target: Uint8Array): void {
    checkSaved(target.length <= this.remaining, 'an array is there');
    const held = Math.min(target.length, this.#end - this.#at);
    target.set(this.#chunk.subarray(this.#at, this.#at + held));
    this.#at += held;
    if (held < target.length) this.#read(held === 0 ? target : target.subarray(held));
  }

  /** All must have been read. */
  end(): void {
    checkSaved(this.remaining === 0, 'a state ends with its last field');
  }

  /** Where the next `size` bytes stand in the chunk. */
  #take(size: number): number {
    if (size > this.#end - this.#at) this.#fill(size);
    const start = this.#at;
    this.#at = start + size;
    return start;
  }

  /** Moves what is left of the chunk to its begin, and reads on until it holds `size` bytes. */
  #fill(size: number): void {
    checkSaved(size <= this.remaining, 'a field is there');
    const held = this.#chunk.subarray(this.#at, this.#end);
    if (size > this.#chunk.length) {
      const grown = new Uint8Array(size);
      grown.set(held);
      this.#chunk = grown;
      this.#view = new DataView(grown.buffer);
    } else this.#chunk.set(held);
    const end = Math.min(this.#chunk.length, held.length + this.#unread);
    this.#read(this.#chunk.subarray(held.length, end));
    this.#at = 0;
    this.#end = end;
  }

  #read(target: Uint8Array): void {
    const size = this.#source(target);
    checkSaved(size === target.length, 'a file is as long as it was');
    this.#unread -= size;
    this.#checksum = this.#checksumOf(target, this.#checksum);
  }

  #sized<T>(read: (r: Reader) => T): T {
    const size = this.count(1);
    const start = this.#take(size);
    const r = this.#values;
    r.reset(this.#chunk, start, start + size);
    try {
      const value = read(r);
      checkSaved(r.remaining === 0, 'a value ends where its size says');
      return value;
    } catch (error) {
      if (!(error instanceof AttaccaError)) throw error;
      throw new AttaccaError('journal-damaged', `Cannot restore a state: ${error.message}`);
    }
  }
}
