import { assert } from './assert.js';
import { AttaccaError } from './errors.js';
import { decodeUtf8, isUtf8, writeUtf8 } from './utf8.js';

/** 2^32 as a factor: 64-bit numbers on the wire are Numbers here, exact up to 2^53. */
const HIGH = 0x1_0000_0000;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reads little-endian fields from borrowed bytes, in place. Every read checks the end: what is
 * short fails with `bad-message`, so a decoder cannot run out of its message. `limit` narrows the
 * readable part to the message in hand.
 */
export class Reader {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  limit = 0;
  #view = viewOf(this.bytes);

  constructor(bytes?: Uint8Array) {
    if (bytes !== undefined) this.reset(bytes, 0, bytes.length);
  }

  /** Points the reader at other bytes; keeps none of the old. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = viewOf(bytes);
    }
    this.at = start;
    this.limit = end;
  }

  get remaining(): number {
    return this.limit - this.at;
  }

  /** Moves past `size` bytes and returns where they start. */
  skip(size: number): number {
    const start = this.at;
    if (size > this.limit - start) {
      throw new AttaccaError('bad-message', `Cannot read ${size} bytes: the message ends before`);
    }
    this.at = start + size;
    return start;
  }

  u8(): number {
    return this.bytes[this.skip(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), true);
  }

  /** A uint64 that must be below 2^53: sizes, offsets, numbers of messages. */
  u64(): number {
    const start = this.skip(8);
    const high = this.#view.getUint32(start + 4, true);
    if (high > 0x1f_ffff) {
      throw new AttaccaError('bad-message', 'Cannot read a number: it is 2^53 or more');
    }
    return high * HIGH + this.#view.getUint32(start, true);
  }

  i64(): bigint {
    return this.#view.getBigInt64(this.skip(8), true);
  }

  big64(): bigint {
    return this.#view.getBigUint64(this.skip(8), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.skip(8), true);
  }

  /** A view of the next `size` bytes, not a copy: valid only while the underlying bytes are. */
  view(size: number): Uint8Array {
    const start = this.skip(size);
    return this.bytes.subarray(start, start + size);
  }

  /** Moves past a length-prefixed (u32) text, which must be well formed; returns its start. */
  skipText(): number {
    const size = this.u32();
    const start = this.skip(size);
    if (!isUtf8(this.bytes, start, start + size)) {
      throw new AttaccaError('bad-message', 'Cannot read a text: it is not well-formed UTF-8');
    }
    return start;
  }

  /** Length-prefixed (u32) UTF-8. */
  text(): string {
    const start = this.skipText();
    return decodeUtf8(this.bytes, start, this.at);
  }
}

/**
 * Writes little-endian fields into a buffer of its own that grows by doubling. `reset` keeps the
 * buffer, so that a writer in steady state allocates nothing.
 */
export class Writer {
  bytes: Uint8Array;
  at = 0;
  #view: DataView;

  constructor(capacity = 256) {
    this.bytes = new Uint8Array(capacity);
    this.#view = viewOf(this.bytes);
  }

  reset(): void {
    this.at = 0;
  }

  /** Makes room for `size` more bytes. */
  reserve(size: number): void {
    const needed = this.at + size;
    if (needed <= this.bytes.length) return;
    let capacity = Math.max(this.bytes.length * 2, 64);
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.#view = viewOf(grown);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.#view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.at, value, true);
    this.at += 4;
  }

  u64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'a u64 is a whole number below 2^53');
    this.reserve(8);
    const high = Math.floor(value / HIGH);
    this.#view.setUint32(this.at, value - high * HIGH, true);
    this.#view.setUint32(this.at + 4, high, true);
    this.at += 8;
  }

  i64(value: bigint): void {
    this.reserve(8);
    this.#view.setBigInt64(this.at, value, true);
    this.at += 8;
  }

  big64(value: bigint): void {
    this.reserve(8);
    this.#view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  f64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  /** Copies bytes as they are, without a length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** Copies `source[start, end)`; short runs by a loop, which beats subarray + set below ~48 B. */
  rawRange(source: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.reserve(size);
    if (size > 48) {
      this.bytes.set(source.subarray(start, end), this.at);
      this.at += size;
      return;
    }
    const target = this.bytes;
    let at = this.at;
    for (let from = start; from < end; from++) target[at++] = source[from] as number;
    this.at = at;
  }

  /** Length-prefixed (u32) UTF-8. */
  text(value: string): void {
    this.reserve(4 + value.length * 3);
    const start = this.at + 4;
    const end = writeUtf8(this.bytes, start, value);
    this.#view.setUint32(this.at, end - start, true);
    this.at = end;
  }

  /** Writes a u32 at an earlier place: sizes that are known only at the end. */
  patchU32(at: number, value: number): void {
    assert(at + 4 <= this.at, 'a patch lies within what was written');
    this.#view.setUint32(at, value, true);
  }

  /** Writes a u64 at an earlier place. */
  patchU64(at: number, value: number): void {
    const high = Math.floor(value / HIGH);
    this.patchU32(at, value - high * HIGH);
    this.patchU32(at + 4, high);
  }

  /** A view of what was written; valid until the next write or reset. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}
