import { AttaccaError } from '../../core/errors.js';
import { decodeUtf8, isUtf8 } from '../../core/utf8.js';
import type { ByteSource } from '../bytes.js';

/** Headers of real files have some kilobytes; thousands of variables stay far below. */
const HEADER_BYTES_MAX = 64 * 1024 * 1024;
const WINDOW_BYTES = 64 * 1024;

export function notNetcdf(file: string, why: string): AttaccaError {
  return new AttaccaError('not-a-netcdf-file', `Cannot read "${file}": ${why}`, { file });
}

/**
 * Reads the header of a file from its start, no more than it needs. Whatever it says of sizes is
 * held against the bytes that are there before anything is made of that size.
 */
export class HeaderReader {
  readonly #source: ByteSource;
  #window = new Uint8Array();
  #view = new DataView(new ArrayBuffer(0));
  #windowAt = 0;
  at = 0;
  /** CDF-5 has counts of 64 bits. */
  wide = false;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  bad(why: string): never {
    throw notNetcdf(this.#source.name, `${why} (byte ${this.at} of its header)`);
  }

  /** Where `size` more bytes begin in the window; refused when the file ends before. */
  #take(size: number): number {
    const end = this.at + size;
    if (end > this.#source.size) this.bad('it ends within its header');
    if (end > HEADER_BYTES_MAX) this.bad(`its header has more than ${HEADER_BYTES_MAX} bytes`);
    if (this.at < this.#windowAt || end > this.#windowAt + this.#window.length) {
      const length = Math.min(Math.max(size, WINDOW_BYTES), this.#source.size - this.at);
      this.#window = new Uint8Array(length);
      this.#source.read(this.at, this.#window);
      this.#windowAt = this.at;
      this.#view = new DataView(this.#window.buffer);
    }
    const start = this.at - this.#windowAt;
    this.at = end;
    return start;
  }

  u32(): number {
    const start = this.#take(4);
    return this.#view.getUint32(start);
  }

  u64(): number {
    const start = this.#take(8);
    const value = this.#view.getBigUint64(start);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) this.bad(`it says a size of ${value}`);
    return Number(value);
  }

  /** A count or a size of a dimension. */
  count(): number {
    return this.wide ? this.u64() : this.u32();
  }

  /** A count of things of which each takes at least `size` bytes of the header. */
  countOf(what: string, size: number): number {
    const count = this.count();
    if (count * size > this.#source.size - this.at) {
      this.bad(`it says that it has ${count} ${what}, more than it has room for`);
    }
    return count;
  }

  /**
   * A copy of `size` bytes; the padding after them is read over. It should be zero, but files of
   * some writers have there what was in their memory.
   */
  bytes(size: number): Uint8Array {
    if (size > HEADER_BYTES_MAX) this.bad(`something in its header takes ${size} bytes`);
    const whole = Math.ceil(size / 4) * 4;
    const start = this.#take(whole);
    return this.#window.slice(start, start + size);
  }

  name(): string {
    const bytes = this.bytes(this.countOf('bytes of a name', 1));
    if (bytes.length === 0 || !isUtf8(bytes)) this.bad('a name is empty or no UTF-8');
    return decodeUtf8(bytes);
  }
}
