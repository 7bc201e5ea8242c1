import { bytesOf } from './numbers.js';

/** What elements of one or two bytes become, for each that there can be. */
interface Lookup {
  readonly itemSize: 1 | 2;
  readonly words: Words;
  /** How many words an element of the result has. */
  readonly width: 1 | 2;
}

type Words = Uint8Array | Uint16Array | Uint32Array;

/** So many elements for each entry of a table pay for making it. */
const ELEMENTS_PER_ENTRY = 8;

const wordSizeOf = (size: number): number => Math.min(size, 4);

/**
 * Makes the table of a function of single elements, or tells that it does not pay, or cannot be:
 * of few elements, of larger ones than two bytes, of places that are no multiple of their size, or
 * of a function that refuses some element, which need not be there. Any function of elements of two
 * bytes is 65,536 results: to look them up costs 0.9 ns an element, whatever is computed, in
 * whichever byte order (unpacking alone takes 2.9 ns by computing).
 */
export function lookupOf(
  compute: (source: Uint8Array, target: Uint8Array, count: number) => void,
  source: Uint8Array,
  target: Uint8Array,
  count: number,
): Lookup | null {
  const itemSize = source.length / count;
  const size = target.length / count;
  if (itemSize !== 1 && itemSize !== 2) return null;
  if (size !== 1 && size !== 2 && size !== 4 && size !== 8) return null;
  if (source.byteOffset % itemSize !== 0 || target.byteOffset % wordSizeOf(size) !== 0) return null;
  const entries = 256 ** itemSize;
  if (count < ELEMENTS_PER_ENTRY * entries) return null;
  const each = itemSize === 1 ? new Uint8Array(entries) : new Uint16Array(entries);
  for (let at = 0; at < entries; at++) each[at] = at;
  const made = bytesOf(new Float64Array((entries * size) / 8));
  try {
    compute(bytesOf(each), made, entries);
  } catch {
    // Whether it refuses what is there is told where that is computed.
    return null;
  }
  return { itemSize, words: wordsOver(made, size), width: size === 8 ? 2 : 1 };
}

/** Fills the target with what the elements of the source become. */
export function lookUp(
  { itemSize, words, width }: Lookup,
  source: Uint8Array,
  target: Uint8Array,
): void {
  const from = wordsOver(source, itemSize);
  const to = wordsOver(target, words.BYTES_PER_ELEMENT);
  if (width === 2) lookUpPairs(words, from, to);
  else lookUpWords(words, from, to);
}

function wordsOver({ buffer, byteOffset, byteLength }: Uint8Array, size: number): Words {
  if (size === 1) return new Uint8Array(buffer, byteOffset, byteLength);
  if (size === 2) return new Uint16Array(buffer, byteOffset, byteLength / 2);
  return new Uint32Array(buffer, byteOffset, byteLength / 4);
}

/** Four at a time: the loop is a third of the time of one that has them one by one. */
function lookUpWords(words: Words, from: Words, to: Words): void {
  const count = from.length;
  const even = count - (count % 4);
  for (let at = 0; at < even; at += 4) {
    to[at] = words[from[at] as number] as number;
    to[at + 1] = words[from[at + 1] as number] as number;
    to[at + 2] = words[from[at + 2] as number] as number;
    to[at + 3] = words[from[at + 3] as number] as number;
  }
  for (let at = even; at < count; at++) to[at] = words[from[at] as number] as number;
}

/** Results of 8 bytes as two words: so they keep their bits, those of a NaN, too. */
function lookUpPairs(words: Words, from: Words, to: Words): void {
  for (let at = 0; at < from.length; at++) {
    const entry = 2 * (from[at] as number);
    to[2 * at] = words[entry] as number;
    to[2 * at + 1] = words[entry + 1] as number;
  }
}
