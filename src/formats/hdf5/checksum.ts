const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** The little-endian word at `at`, of as many bytes as there are: zeros stand for the others. */
function wordAt(bytes: Uint8Array, at: number): number {
  let word = 0;
  for (let each = 0; each < 4; each++) word |= (bytes[at + each] ?? 0) << (8 * each);
  return word;
}

/**
 * The checksum of HDF5's metadata: lookup3 of Bob Jenkins, of 32 bits, begun with 0
 * (https://burtleburtle.net/bob/c/lookup3.c).
 */
export function lookup3(bytes: Uint8Array): number {
  let a = (0xdead_beef + bytes.length) | 0;
  let b = a;
  let c = a;
  let at = 0;
  for (; bytes.length - at > 12; at += 12) {
    a = (a + wordAt(bytes, at)) | 0;
    b = (b + wordAt(bytes, at + 4)) | 0;
    c = (c + wordAt(bytes, at + 8)) | 0;
    a = (a - c) ^ rotated(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotated(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotated(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotated(b, 4);
    b = (b + a) | 0;
  }
  if (at === bytes.length) return c >>> 0;
  a = (a + wordAt(bytes, at)) | 0;
  b = (b + wordAt(bytes, at + 4)) | 0;
  c = (c + wordAt(bytes, at + 8)) | 0;
  c = ((c ^ b) - rotated(b, 14)) | 0;
  a = ((a ^ c) - rotated(c, 11)) | 0;
  b = ((b ^ a) - rotated(a, 25)) | 0;
  c = ((c ^ b) - rotated(b, 16)) | 0;
  a = ((a ^ c) - rotated(c, 4)) | 0;
  b = ((b ^ a) - rotated(a, 14)) | 0;
  return ((c ^ b) - rotated(b, 24)) >>> 0;
}
