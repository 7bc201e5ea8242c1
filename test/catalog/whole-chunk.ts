/** Words of a chunk of blocks. */
const CHUNK_WORDS = 1 << 18;
/** What a saved arena has before its only chunk: a count, the lists, how much was written to. */
export const CHUNK = 1 + 61 + 1;

/** A saved arena of one chunk, with all of the chunk: the same state, each word at its place. */
export function wholeChunk(bytes: Uint8Array): Uint8Array {
  // A copy with memory of its own: a small Buffer has a part of somebody's.
  const words = new Uint32Array(Uint8Array.from(bytes).buffer);
  const whole = new Uint32Array(CHUNK + CHUNK_WORDS);
  whole.set(words.subarray(0, -1));
  whole[CHUNK - 1] = CHUNK_WORDS - 1;
  whole[whole.length - 1] = words[words.length - 1] as number;
  return new Uint8Array(whole.buffer);
}
