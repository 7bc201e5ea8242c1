import { alignedUp } from './record.js';

/** A small array lies in a block of this size with others. */
const BLOCK_BYTES = 64 * 1024;
/** Larger ones have memory of their own: a block is kept as long as anything in it is. */
const SMALL_BYTES_MAX = 8 * 1024;

/**
 * Memory for many small arrays. One allocation each costs more than what is done with it: the
 * collector frees such memory by a thread of its own, and both wait for the lock of the allocator
 * (measured: reading 4 KiB takes 11 us so, 1 us of it to read).
 */
export class SmallCopies {
  #block = new Uint8Array(0);
  #at = 0;

  /** A copy of some bytes, for good; it begins where numbers of any size may. */
  copy(bytes: Uint8Array, size = bytes.length): Uint8Array {
    if (size > SMALL_BYTES_MAX) return bytes.slice(0, size);
    if (this.#at + size > this.#block.length) {
      this.#block = new Uint8Array(BLOCK_BYTES);
      this.#at = 0;
    }
    const made = this.#block.subarray(this.#at, this.#at + size);
    made.set(size === bytes.length ? bytes : bytes.subarray(0, size));
    this.#at += alignedUp(size);
    return made;
  }
}
