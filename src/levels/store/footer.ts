import { assert } from '../../core/assert.js';
import type { Hasher } from './hasher.js';
import { ENTRY_WORDS, PackEntries } from './pack.js';
import { alignedUp } from './record.js';
import type { StoreDisk } from './store-disk.js';

/**
 * What is behind the records of a pack that is closed: their heads once more, one behind the other
 * (so that a list of all objects reads no payload), a row of 12 u32 for each (so that a store is
 * opened without reading heads), and 64 bytes that say where both are:
 *
 * | at | | |
 * | --- | --- | --- |
 * | 0 | 8 bytes | `ATTFOOT1` |
 * | 8 | u64 | where the heads begin, which is where the records end |
 * | 16 | u64 | bytes of the heads, without the zeros up to 8 bytes |
 * | 24 | u64 | rows |
 * | 32, 40 | u64 | XXH64 of the heads, and of the rows |
 * | 48 | u64 | the salt of the pack, for when its header is damaged |
 * | 56 | u64 | XXH64 of the 56 bytes before, with the salt of the pack as its seed |
 */
const TRAILER_BYTES = 64;
const SUMMED_BYTES = 56;
const SALT_AT = 48;
const TRAILER_MAGIC = 'ATTFOOT1';
const ROW_BYTES = ENTRY_WORDS * 4;

export interface Footer {
  readonly entries: PackEntries;
  /** Where the records end and the heads begin. */
  readonly end: number;
  readonly salt: bigint;
  readonly headsBytes: number;
  readonly headsSum: bigint;
}

interface Summing {
  readonly hash: Hasher;
  readonly salt: bigint;
}

/** The sum of many pieces: of one after the other, each with that of those before as its seed. */
function sumOfPieces(pieces: readonly Uint8Array[], hash: Hasher): bigint {
  return pieces.reduce((sum, piece) => hash.sum(piece, sum), 0n);
}

export function encodeFooter(
  { entries, heads, end }: { entries: PackEntries; heads: readonly Uint8Array[]; end: number },
  { hash, salt }: Summing,
): Uint8Array[] {
  assert(heads.length === entries.count, 'each record has its head');
  const headsBytes = heads.reduce((sum, { length }) => sum + length, 0);
  const rows = new Uint8Array(entries.words.slice().buffer);
  const trailer = new Uint8Array(TRAILER_BYTES);
  const view = new DataView(trailer.buffer);
  trailer.set(new TextEncoder().encode(TRAILER_MAGIC));
  view.setBigUint64(8, BigInt(end), true);
  view.setBigUint64(16, BigInt(headsBytes), true);
  view.setBigUint64(24, BigInt(entries.count), true);
  view.setBigUint64(32, sumOfPieces(heads, hash), true);
  view.setBigUint64(40, hash.sum(rows), true);
  view.setBigUint64(SALT_AT, salt, true);
  view.setBigUint64(SUMMED_BYTES, hash.sum(trailer.subarray(0, SUMMED_BYTES), salt), true);
  const padding = new Uint8Array(alignedUp(headsBytes) - headsBytes);
  return [...heads, padding, rows, trailer];
}

/** Null where there is none that is whole. */
export async function readFooter(
  disk: StoreDisk,
  path: string,
  size: number,
  hash: Hasher,
): Promise<Footer | null> {
  if (size < TRAILER_BYTES) return null;
  const trailer = new Uint8Array(TRAILER_BYTES);
  const got = await disk.read(path, size - TRAILER_BYTES, trailer);
  if (got !== TRAILER_BYTES) return null;
  if (new TextDecoder().decode(trailer.subarray(0, 8)) !== TRAILER_MAGIC) return null;
  const view = new DataView(trailer.buffer);
  const salt = view.getBigUint64(SALT_AT, true);
  const sum = hash.sum(trailer.subarray(0, SUMMED_BYTES), salt);
  if (view.getBigUint64(SUMMED_BYTES, true) !== sum) return null;
  const [end, headsBytes, count] = [8, 16, 24].map((at) => Number(view.getBigUint64(at, true)));
  assert(end !== undefined && headsBytes !== undefined && count !== undefined, 'three numbers');
  const rowsAt = end + alignedUp(headsBytes);
  if (rowsAt + count * ROW_BYTES + TRAILER_BYTES !== size) return null;
  const rows = new Uint8Array(count * ROW_BYTES);
  if ((await disk.read(path, rowsAt, rows)) !== rows.length) return null;
  if (view.getBigUint64(40, true) !== hash.sum(rows)) return null;
  const entries = new PackEntries(new Uint32Array(rows.buffer));
  return { entries, end, salt, headsBytes, headsSum: view.getBigUint64(32, true) };
}

/** The heads of all records; null when they are not what was written. */
export async function readHeads(
  disk: StoreDisk,
  path: string,
  { entries, end, headsBytes, headsSum }: Footer,
  hash: Hasher,
): Promise<Uint8Array[] | null> {
  const bytes = new Uint8Array(headsBytes);
  if ((await disk.read(path, end, bytes)) !== headsBytes) return null;
  const heads: Uint8Array[] = [];
  let at = 0;
  for (const { headBytes } of entries) {
    heads.push(bytes.subarray(at, at + headBytes));
    at += headBytes;
  }
  return at === headsBytes && sumOfPieces(heads, hash) === headsSum ? heads : null;
}
