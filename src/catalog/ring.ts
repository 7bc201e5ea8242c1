import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';

/** Rows in a segment: as of `table`. */
const SEGMENT_BITS = 14;
const SEGMENT_ROWS = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_ROWS - 1;
const WORD_MAX = 0xffff_ffff;
const HIGH = 0x1_0000_0000;

/**
 * Rows of unsigned 32-bit fields in the order in which they came: a new one is added behind the
 * last, and only the first can go. Each has a number that no other row ever has, from 1 on, so that
 * what names a row that has gone is known by its number alone: nothing has to be looked up and
 * cleared when rows go. A number takes two fields; where one row names another, the distance
 * between them takes one.
 */
export class Ring {
  readonly width: number;
  readonly rowsMax: number;
  #segments: Uint32Array[] = [];
  /** Number of the first row of the first segment. */
  #base = 1;
  #begin = 1;
  #end = 1;
  /** The segment that went last is the next one. */
  #spare: Uint32Array | null = null;

  /** `rowsMax`: a power of two. */
  constructor(width: number, rowsMax: number) {
    assert((rowsMax & (rowsMax - 1)) === 0, 'references go round by a power of two');
    this.width = width;
    this.rowsMax = rowsMax;
  }

  /** Number of the oldest row. */
  get begin(): number {
    return this.#begin;
  }

  /** Number of the row that comes next. */
  get end(): number {
    return this.#end;
  }

  get used(): number {
    return this.#end - this.#begin;
  }

  get isFull(): boolean {
    return this.#end - this.#begin === this.rowsMax;
  }

  get bytesUsed(): number {
    const segments = this.#segments.length + (this.#spare === null ? 0 : 1);
    return segments * SEGMENT_ROWS * this.width * 4;
  }

  /** Whether the row of a number is there; 0 is none. */
  has(number: number): boolean {
    return number >= this.#begin && number < this.#end;
  }

  /** Adds a row of zeros and returns its number. */
  push(): number {
    assert(!this.isFull, 'a ring has room for a row');
    const number = this.#end++;
    if ((number - this.#base) >>> SEGMENT_BITS >= this.#segments.length) {
      this.#segments.push(this.#spare?.fill(0) ?? new Uint32Array(SEGMENT_ROWS * this.width));
      this.#spare = null;
    }
    return number;
  }

  /** The oldest row goes. */
  shift(): void {
    assert(this.#begin < this.#end, 'a row that goes is there');
    this.#begin++;
    if (this.#begin - this.#base < SEGMENT_ROWS) return;
    this.#base += SEGMENT_ROWS;
    this.#spare = this.#segments.shift() ?? null;
  }

  /** Leaves the newest rows alone, and gives back what the others took. */
  leaveLast(rows: number): void {
    if (this.used <= rows) return;
    this.#begin = this.#end - rows;
    const gone = (this.#begin - this.#base) >>> SEGMENT_BITS;
    this.#segments.splice(0, gone);
    this.#base += gone * SEGMENT_ROWS;
    this.#spare = null;
  }

  get(number: number, field: number): number {
    const at = number - this.#base;
    const segment = this.#segments[at >>> SEGMENT_BITS] as Uint32Array;
    return segment[(at & SEGMENT_MASK) * this.width + field] as number;
  }

  set(number: number, field: number, value: number): void {
    const at = number - this.#base;
    const segment = this.#segments[at >>> SEGMENT_BITS] as Uint32Array;
    segment[(at & SEGMENT_MASK) * this.width + field] = value;
  }

  /** A 64-bit number in two fields, the low one first. */
  getWide(number: number, field: number): number {
    const at = number - this.#base;
    const segment = this.#segments[at >>> SEGMENT_BITS] as Uint32Array;
    const place = (at & SEGMENT_MASK) * this.width + field;
    return (segment[place + 1] as number) * HIGH + (segment[place] as number);
  }

  setWide(number: number, field: number, value: number): void {
    const at = number - this.#base;
    const segment = this.#segments[at >>> SEGMENT_BITS] as Uint32Array;
    const place = (at & SEGMENT_MASK) * this.width + field;
    const high = Math.floor(value / HIGH);
    segment[place] = value - high * HIGH;
    segment[place + 1] = high;
  }

  /** A row's number in 32 bits, not 0: as long as the row is there it is known by it. */
  reference(number: number): number {
    return ((number - 1) % this.rowsMax) + 1;
  }

  /** The number of a row that is there, by its reference. */
  numberOf(reference: number): number {
    const first = (this.#begin - 1) % this.rowsMax;
    const behind = (reference - 1 - first + this.rowsMax) % this.rowsMax;
    return this.#begin + behind;
  }

  /** Writes the rows that are there. */
  save(w: StateWriter): void {
    w.u64(this.#begin);
    w.u64(this.#end);
    let at = this.#begin - this.#base;
    let rows = this.used;
    for (const segment of this.#segments) {
      const some = Math.min(rows, SEGMENT_ROWS - at);
      w.words(segment.subarray(at * this.width, (at + some) * this.width));
      rows -= some;
      at = 0;
    }
  }

  /** Fills a ring that is new. */
  restore(r: StateReader): void {
    assert(this.#end === 1, 'a ring that is restored is new');
    const begin = r.u64();
    const end = r.u64();
    checkSaved(begin >= 1 && begin <= end && end - begin <= this.rowsMax, 'a ring counts its rows');
    checkSaved((end - begin) * this.width * 4 <= r.remaining, 'a ring has its rows');
    this.#begin = begin;
    this.#end = end;
    this.#base = begin - ((begin - 1) & SEGMENT_MASK);
    let at = begin - this.#base;
    for (let rows = end - begin; rows > 0; ) {
      const some = Math.min(rows, SEGMENT_ROWS - at);
      const segment = new Uint32Array(SEGMENT_ROWS * this.width);
      segment.set(r.words(some * this.width), at * this.width);
      this.#segments.push(segment);
      rows -= some;
      at = 0;
    }
  }
}

/** How far a row is behind another, as a field: 0 stands for none, what is too far for gone. */
export function distanceOf(from: number, to: number): number {
  return to === 0 ? 0 : Math.min(from - to, WORD_MAX);
}
