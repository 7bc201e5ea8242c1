/**
 * A signature says which pairs of neighbouring bytes a text may hold: 64 bits, one a pair, by hash.
 * A text that holds a piece has all bits of the piece's signature, so a scan over signatures finds
 * all texts in which the piece may be, and looks into those alone. Of texts of 30 characters some
 * 37 % of the bits are set: a piece of five characters passes one in fifty of the others.
 */
export interface Signature {
  low: number;
  high: number;
}

/** 2^32 divided by the golden ratio: neighbours spread over all bits (Knuth, TAOCP 6.4). */
const SPREAD = 0x9e3779b1;

/** Adds the pairs of `bytes[start, end)`; one byte has none. */
export function addPairs(target: Signature, bytes: Uint8Array, start: number, end: number): void {
  let { low, high } = target;
  let before = start < end ? (bytes[start] as number) : 0;
  for (let at = start + 1; at < end; at++) {
    const byte = bytes[at] as number;
    const bit = Math.imul((before << 8) | byte, SPREAD) >>> 26;
    // Without a branch, which would be foreseen wrongly half the time: a shift counts modulo 32.
    const isHigh = -(bit >>> 5);
    low |= (1 << bit) & ~isHigh;
    high |= (1 << bit) & isHigh;
    before = byte;
  }
  target.low = low >>> 0;
  target.high = high >>> 0;
}
