import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import type { Signature } from './signature.js';

/** The first segment of a column begins small: most keys have few values. */
const SLOTS_MIN = 64;
const SEGMENT_BITS = 14;
const SEGMENT_SLOTS = 1 << SEGMENT_BITS;
const SEGMENT_MASK = SEGMENT_SLOTS - 1;

/** So many slots, side by side for a scan. */
interface Segment {
  /** 0: the slot is free. */
  terms: Uint32Array;
  /** Two words a slot: a signature, or half of a number each. Of a free slot: the next free one. */
  words: Uint32Array;
  /** The words as numbers. */
  numbers: Float64Array;
  used: number;
  /** All numbers lie within; wider than need be once some were removed. */
  lowest: number;
  highest: number;
}

/**
 * The distinct values of one key and kind: a term and 64 bits each, in the order of their coming.
 * There is no order by value: a scan over the bits of 10^7 values takes some 10 ms, less than a
 * tree would cost to keep, and of numbers that come in order most segments are passed over by
 * their bounds. Growing copies one segment at most.
 */
export class Column {
  readonly #segments: Segment[] = [];
  #free = 0;
  /** Slots are numbered from 1. */
  #next = 1;
  #used = 0;
  /** What the values themselves take, which their owner counts: who reads them all pays for it. */
  valueBytes = 0;

  /** Distinct values. */
  get used(): number {
    return this.#used;
  }

  get bytesUsed(): number {
    let bytes = 0;
    for (const { terms, words } of this.#segments) bytes += terms.byteLength + words.byteLength;
    return bytes;
  }

  /** Adds a term by two words of whoever scans them. Returns its slot. */
  add(term: number, low: number, high: number): number {
    const slot = this.#allocate();
    const segment = this.#segment(slot);
    const at = slot & SEGMENT_MASK;
    segment.terms[at] = term;
    segment.words[at * 2] = low;
    segment.words[at * 2 + 1] = high;
    segment.used++;
    return slot;
  }

  /** Adds a term by a number, which need not be exact, but in order with the exact ones. */
  addNumber(term: number, number: number): number {
    const slot = this.add(term, 0, 0);
    const segment = this.#segment(slot);
    segment.numbers[slot & SEGMENT_MASK] = number;
    if (segment.used === 1) {
      segment.lowest = number;
      segment.highest = number;
    }
    // NaN lies nowhere, and no range holds it.
    if (number < segment.lowest || Number.isNaN(segment.lowest)) segment.lowest = number;
    if (number > segment.highest || Number.isNaN(segment.highest)) segment.highest = number;
    return slot;
  }

  remove(slot: number): void {
    const segment = this.#segment(slot);
    const at = slot & SEGMENT_MASK;
    assert(segment.terms[at] !== 0, 'a removed slot holds a term');
    segment.terms[at] = 0;
    segment.words[at * 2] = this.#free;
    segment.words[at * 2 + 1] = 0;
    segment.used--;
    this.#free = slot;
    this.#used--;
  }

  /** All terms. */
  each(visit: (term: number) => void): void {
    for (const { terms, used } of this.#segments) {
      if (used === 0) continue;
      for (const term of terms) if (term !== 0) visit(term);
    }
  }

  /** Visits terms until a visit returns true; whether one has. */
  some(visit: (term: number) => boolean): boolean {
    for (const { terms, used } of this.#segments) {
      if (used === 0) continue;
      for (const term of terms) if (term !== 0 && visit(term)) return true;
    }
    return false;
  }

  /** Terms whose number may lie in `[low, high]`: those at the ends must be looked at. */
  eachBetween(low: number, high: number, visit: (term: number, number: number) => void): void {
    for (const { terms, numbers, used, lowest, highest } of this.#segments) {
      if (used === 0 || lowest > high || highest < low) continue;
      for (let at = 0; at < terms.length; at++) {
        const number = numbers[at] as number;
        if (number >= low && number <= high && terms[at] !== 0) visit(terms[at] as number, number);
      }
    }
  }

  /** Terms that have all bits of two words. */
  eachWith(low: number, high: number, visit: (term: number) => void): void {
    for (const { terms, words, used } of this.#segments) {
      if (used === 0) continue;
      for (let at = 0; at < terms.length; at++) {
        const lacks = (~(words[at * 2] as number) & low) | (~(words[at * 2 + 1] as number) & high);
        if (lacks === 0 && terms[at] !== 0) visit(terms[at] as number);
      }
    }
  }

  /**
   * Terms that have all bits of one of the signatures, with which: the next one is tried when the
   * visit returns false.
   */
  eachWithAny(
    signatures: readonly Signature[],
    visit: (term: number, index: number) => boolean,
  ): void {
    const count = signatures.length;
    const wanted = new Uint32Array(count * 2);
    for (const [index, { low, high }] of signatures.entries()) wanted.set([low, high], index * 2);
    for (const { terms, words, used } of this.#segments) {
      if (used === 0) continue;
      for (let at = 0; at < terms.length; at++) {
        const term = terms[at] as number;
        if (term === 0) continue;
        const low = ~(words[at * 2] as number);
        const high = ~(words[at * 2 + 1] as number);
        for (let index = 0; index < count; index++) {
          const lacks =
            (low & (wanted[index * 2] as number)) | (high & (wanted[index * 2 + 1] as number));
          if (lacks === 0 && visit(term, index)) break;
        }
      }
    }
  }

  /** The term in a slot; 0 when it is free, or no slot. */
  termIn(slot: number): number {
    return this.#segments[slot >>> SEGMENT_BITS]?.terms[slot & SEGMENT_MASK] ?? 0;
  }

  save(w: StateWriter): void {
    w.u32(this.#next);
    w.u32(this.#used);
    w.u32(this.#free);
    for (const { terms, words, used, lowest, highest } of this.#segments) {
      w.u32(terms.length);
      w.u32(used);
      w.f64(lowest);
      w.f64(highest);
      w.words(terms);
      w.words(words);
    }
  }

  /** Fills a column that is new; its owner compares the terms with its own. */
  restore(r: StateReader): void {
    assert(this.#next === 1, 'a column that is restored is new');
    this.#next = r.u32();
    this.#used = r.u32();
    this.#free = r.u32();
    checkSaved(this.#used < this.#next, 'a column counts its values');
    const segments = this.#next === 1 ? 0 : ((this.#next - 1) >>> SEGMENT_BITS) + 1;
    let used = 0;
    for (let index = 0; index < segments; index++) {
      const segment = restoreSegment(r, index);
      this.#segments.push(segment);
      used += segment.used;
    }
    checkSaved(used === this.#used, 'a column counts its values');
    checkSaved(this.#next - 1 <= this.#slots, 'a column has its slots');
    this.#checkFree();
  }

  get #slots(): number {
    const last = this.#segments.length - 1;
    const length = this.#segments[last]?.terms.length ?? 1;
    return last * SEGMENT_SLOTS + length - 1;
  }

  /** Free slots are in one list, each once. */
  #checkFree(): void {
    let free = this.#next - 1 - this.#used;
    for (let slot = this.#free; slot !== 0; free--) {
      const isFree = free > 0 && slot < this.#next && this.termIn(slot) === 0;
      checkSaved(isFree, 'a free slot is in its list');
      slot = this.#segment(slot).words[(slot & SEGMENT_MASK) * 2] as number;
    }
    checkSaved(free === 0, 'a free slot is in its list');
  }

  #segment(slot: number): Segment {
    return this.#segments[slot >>> SEGMENT_BITS] as Segment;
  }

  #allocate(): number {
    this.#used++;
    const free = this.#free;
    if (free !== 0) {
      this.#free = this.#segment(free).words[(free & SEGMENT_MASK) * 2] as number;
      return free;
    }
    const slot = this.#next++;
    const index = slot >>> SEGMENT_BITS;
    if (index >= this.#segments.length) {
      this.#segments.push(newSegment(index === 0 ? SLOTS_MIN : SEGMENT_SLOTS));
    } else if (slot >= this.#segment(slot).terms.length && index === 0) this.#enlarge();
    return slot;
  }

  #enlarge(): void {
    const [first] = this.#segments;
    assert(first !== undefined, 'a column that grows has a segment');
    const grown = newSegment(first.terms.length * 2);
    grown.terms.set(first.terms);
    grown.words.set(first.words);
    first.terms = grown.terms;
    first.words = grown.words;
    first.numbers = grown.numbers;
  }
}

function newSegment(slots: number): Segment {
  return segmentOf(new Uint32Array(slots), new Uint32Array(slots * 2));
}

function segmentOf(terms: Uint32Array, words: Uint32Array<ArrayBuffer>): Segment {
  const numbers = new Float64Array(words.buffer);
  return { terms, words, numbers, used: 0, lowest: 0, highest: 0 };
}

function restoreSegment(r: StateReader, index: number): Segment {
  const slots = r.u32();
  const isSize = slots >= SLOTS_MIN && slots <= SEGMENT_SLOTS && (slots & (slots - 1)) === 0;
  checkSaved(isSize && (index === 0 || slots === SEGMENT_SLOTS), 'a segment has its size');
  const used = r.u32();
  const lowest = r.f64();
  const highest = r.f64();
  const segment = segmentOf(r.words(slots), r.words(slots * 2));
  segment.used = used;
  segment.lowest = lowest;
  segment.highest = highest;
  let count = 0;
  for (const term of segment.terms) if (term !== 0) count++;
  checkSaved(count === used, 'a segment counts its values');
  checkSaved(index > 0 || segment.terms[0] === 0, 'slots are numbered from 1');
  return segment;
}
