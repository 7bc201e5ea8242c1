import { LIMITS } from '../core/limits.js';
import { alignmentOf, roundDown, roundUp, type Slice } from './slice.js';

/**
 * A run of leased bytes, divided into slices: large ones from the front, on pages; small ones from
 * the back. What lies between is free.
 */
export class Extent {
  readonly slab: number;
  #front: number;
  #back: number;
  /** Bytes left out before a page. */
  readonly #gaps: Slice[] = [];

  constructor(slice: Slice) {
    this.slab = slice.slab;
    this.#front = slice.offset;
    this.#back = slice.offset + slice.size;
  }

  get bytesFree(): number {
    return this.#back - this.#front;
  }

  /** A slice of `size` bytes, or null when it does not fit. */
  take(size: number): Slice | null {
    const unit = alignmentOf(size);
    if (unit === LIMITS.pageBytes) {
      const offset = roundUp(this.#front, unit);
      // The pool takes whole units of the small alignment with a slice.
      const end = offset + roundUp(size, LIMITS.sliceAlignBytes);
      if (end > this.#back) return null;
      if (offset > this.#front) {
        this.#gaps.push({ slab: this.slab, offset: this.#front, size: offset - this.#front });
      }
      this.#front = end;
      return { slab: this.slab, offset, size };
    }
    const offset = roundDown(this.#back - size, unit);
    if (offset < this.#front) return null;
    this.#back = offset;
    return { slab: this.slab, offset, size };
  }

  /** What was not taken: to be given back. The extent is empty after it. */
  rest(): Slice[] {
    const rest = this.#gaps.splice(0);
    if (this.bytesFree > 0) {
      rest.push({ slab: this.slab, offset: this.#front, size: this.bytesFree });
    }
    this.#front = this.#back;
    return rest;
  }
}
