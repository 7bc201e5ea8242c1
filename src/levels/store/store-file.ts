import { isJsonMap } from '../zarr/json.js';
import type { Hasher } from './hasher.js';
import { listPacks } from './loading.js';
import { decodePackHeader, PACK_HEADER_BYTES, packPath } from './pack.js';
import { PackList } from './pack-list.js';
import type { StoreDisk } from './store-disk.js';

/** What makes a directory a store. */
export const STORE_FILE = 'attacca-store.json';
export const STORE_DRAFT = `${STORE_FILE}.tmp`;
const VERSION = 2;
/** Room for the packs of 250 TB. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** Of a file without a sum, as stores had it before there was one. */
const UNSUMMED_KEYS = 3;

/** Number and end of each pack: see PackList. */
type Packs = readonly (readonly [number, number])[];

/** So much more than a file has is read: it may be a larger one by then. */
const ROOM_BYTES = 4_096;

/** What a directory says of the store that it is. */
type StoreFileFound =
  | { readonly kind: 'right'; readonly seed: bigint; readonly packs: Packs }
  /** There are packs: it is a store, and its file is not what was written. They have its seed. */
  | { readonly kind: 'damaged'; readonly seed: bigint; readonly why: string }
  /** It is none, or one of a version that is not known. */
  | { readonly kind: 'other'; readonly why: string }
  | { readonly kind: 'none' };

export async function readStoreFile(disk: StoreDisk, hash: Hasher): Promise<StoreFileFound> {
  const said = await saidByFile(disk, hash);
  if (said.kind === 'right' && said.isSummed) return said;
  if (said.kind === 'other' && said.isSummed) return said;
  const seed = await seedOfPacks(disk, hash);
  if (said.kind === 'right') {
    if (seed === null || seed === said.seed) return said;
    return { kind: 'damaged', seed, why: 'its packs have another seed' };
  }
  if (seed !== null) return { kind: 'damaged', seed, why: said.why };
  return said.isThere ? said : { kind: 'none' };
}

type Said =
  | {
      readonly kind: 'right';
      readonly seed: bigint;
      readonly packs: Packs;
      readonly isSummed: boolean;
    }
  | {
      readonly kind: 'other';
      readonly why: string;
      readonly isThere: boolean;
      readonly isSummed: boolean;
    };

async function saidByFile(disk: StoreDisk, hash: Hasher): Promise<Said> {
  const other = { kind: 'other', isThere: true, isSummed: false } as const;
  const size = await disk.size(STORE_FILE);
  if (size === null) return { ...other, isThere: false, why: `there is no ${STORE_FILE} in it` };
  // Another one may take its place at any moment, and be larger than what was looked at.
  let bytes = new Uint8Array(Math.min(size + ROOM_BYTES, FILE_BYTES_MAX));
  let got = await disk.read(STORE_FILE, 0, bytes);
  while (got === bytes.length && got < FILE_BYTES_MAX) {
    bytes = new Uint8Array(Math.min(2 * got, FILE_BYTES_MAX));
    got = await disk.read(STORE_FILE, 0, bytes);
  }
  let said: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, got ?? 0));
    said = JSON.parse(text);
  } catch {
    return { ...other, why: `its ${STORE_FILE} is no JSON` };
  }
  const foreign = { ...other, why: `its ${STORE_FILE} is none that Attacca has written` };
  if (!isJsonMap(said)) return foreign;
  const { sum, ...summed } = said;
  const isSummed = sum !== undefined;
  if (isSummed && sum !== sumOf(summed, hash)) {
    return { ...other, why: `the checksum of its ${STORE_FILE} is wrong` };
  }
  if (said['attacca'] !== 'store') return foreign;
  if (said['version'] !== VERSION) {
    const why = `it is of version ${String(said['version'])}, known is ${VERSION}`;
    return { ...other, isSummed, why };
  }
  const { seed } = said;
  const isOurs = isSummed || Object.keys(said).length === UNSUMMED_KEYS;
  if (!isOurs || typeof seed !== 'string' || !/^[0-9a-f]{16}$/u.test(seed)) return foreign;
  // That they are numbers the sum has told.
  const packs = isSummed ? ((said['packs'] ?? []) as unknown as Packs) : [];
  return { kind: 'right', seed: BigInt(`0x${seed}`), packs, isSummed };
}

/** Over all that the file says besides: so in any version of it. */
function sumOf(said: object, hash: Hasher): string {
  return hexOf(hash.sum(new TextEncoder().encode(JSON.stringify(said))));
}

function hexOf(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

/** The seed of the store, which the header of each pack has under a checksum of its own. */
async function seedOfPacks(disk: StoreDisk, hash: Hasher): Promise<bigint | null> {
  const bytes = new Uint8Array(PACK_HEADER_BYTES);
  for (const number of await listPacks(disk)) {
    const got = await disk.read(packPath(number), 0, bytes);
    const header = got === PACK_HEADER_BYTES ? decodePackHeader(bytes, hash) : null;
    if (header?.number === number) return header.seed;
  }
  return null;
}

/** The list of the packs of a store, which its file has. */
export function packList(
  disk: StoreDisk,
  hash: Hasher,
  { seed, packs }: { readonly seed: bigint; readonly packs: Packs },
): PackList {
  return new PackList(packs, (now) => writeStoreFile(disk, hash, { seed, packs: now }));
}

/** Makes a directory a store, or says anew what it is: there whole, or as it was before. */
export async function writeStoreFile(
  disk: StoreDisk,
  hash: Hasher,
  { seed, packs }: { readonly seed: bigint; readonly packs: Packs },
): Promise<void> {
  const said = { attacca: 'store', version: VERSION, seed: hexOf(seed), packs };
  const text = `${JSON.stringify({ ...said, sum: sumOf(said, hash) })}\n`;
  // What a crash has left of one may be longer.
  await disk.remove(STORE_DRAFT);
  await disk.write(STORE_DRAFT, 0, [new TextEncoder().encode(text)]);
  await disk.sync(STORE_DRAFT);
  await disk.rename(STORE_DRAFT, STORE_FILE);
  await disk.syncFolder('');
}
