import { crc32 } from 'node:zlib';

/** Sizes by turns: none, within messages, the largest of those over sockets, and in slabs. */
const SIZES = [0, 100, 4_000, 17, 65_536, 1_000, 300_000, 2_500] as const;

/** The bytes of an object: everybody can tell them from its number. */
export function payloadOf(lane: number, number: number, size = sizeOf(number)): Uint8Array {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = (lane * 0x9e37_79b9 + number * 0x85eb_ca6b + 1) >>> 0;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, size);
}

function sizeOf(number: number): number {
  return SIZES[number % SIZES.length] ?? 0;
}

export function sumOf(bytes: Uint8Array): number {
  return crc32(bytes);
}
