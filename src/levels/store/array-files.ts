import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { assert } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { type Space, spaceBytes } from '../../core/space.js';
import type { ValueMap } from '../../core/value.js';
import type { LevelBytes, LevelKey } from '../level.js';
import { type Crc32c, crc32cOfProcess } from '../zarr/crc32c.js';
import { arrayJson, groupJson } from '../zarr/metadata.js';
import { arrayInfo, type Chunk, CRC_BYTES, chunksOf, layoutFor, storedSpace } from './chunks.js';
import { damaged, short, sizeMismatch } from './failures.js';
import { plainAttributes } from './plain-json.js';
import { type ArrayPlace, decodeHead, encodeHead, type RecordHead } from './record.js';
import type { StoreDisk } from './store-disk.js';

export const ARRAYS = 'arrays';
export const DRAFTS = 'drafts';
/** What the array of an object is called, within the group that the object is. */
const ARRAY_NAME = 'data';
/** Of a name, in that of a folder: what all file systems take. */
const NAME_CHARACTERS = 80;

/** Made while nobody finds it; put in its place by its one rename. */
interface ArrayTexts {
  readonly group: string;
  readonly array: string;
}

interface ArrayDraft {
  readonly place: ArrayPlace;
  readonly head: Uint8Array;
  readonly path: string;
}

/** The name of a folder for an object: people see what it is, the number makes it the only one. */
function folderFor({ name, version }: LevelKey, sequence: number): string {
  const shown = name.replaceAll(/[^A-Za-z0-9_.-]/gu, '_').slice(0, NAME_CHARACTERS);
  return `${shown.replace(/^\./u, '_')}.v${version}.${sequence.toString(36)}`;
}

/** The number that {@link folderFor} has given it. */
function sequenceOf(folder: string): number {
  return Number.parseInt(folder.slice(folder.lastIndexOf('.') + 1), 36);
}

function dimensionNames({ shape }: Space, attributes: ValueMap): readonly string[] {
  const { dims } = attributes;
  const isGiven =
    Array.isArray(dims) &&
    dims.length === shape.length &&
    new Set(dims).size === dims.length &&
    dims.every((dim) => typeof dim === 'string' && dim !== '');
  // xarray takes no array whose dimensions have no names.
  return isGiven ? (dims as string[]) : shape.map((_, axis) => `dim_${axis}`);
}

/** Files that are on their way to the disk, while the next chunk is summed. */
const FILES_UNDER_WAY = 6;

/**
 * Writes an object as an array of Zarr 3 into a draft, and syncs all of it: whatever was asked for,
 * as a record must not be on the disk before what it tells of. Nothing is left of one that fails.
 */
export async function draftArray(
  disk: StoreDisk,
  object: {
    readonly key: LevelKey;
    readonly space: Space;
    readonly attributes: ValueMap;
    readonly size: number;
    readonly sequence: number;
  },
  bytes: LevelBytes,
): Promise<ArrayDraft> {
  const { key, space, attributes, size, sequence } = object;
  const stored = storedSpace(space, size);
  const layout = layoutFor(stored);
  const place = { ...layout, folder: folderFor(key, sequence) };
  const head = encodeHead({ key, space, attributes, array: place });
  const path = `${DRAFTS}/${randomBytes(6).toString('hex')}`;
  const array = `${path}/${ARRAY_NAME}`;
  const underWay = new UnderWay(FILES_UNDER_WAY);
  const writeSynced = async (file: string, pieces: readonly Uint8Array[]): Promise<void> => {
    await disk.write(file, 0, pieces);
    await disk.sync(file);
  };
  try {
    await disk.makeFolder(array);
    const texts = arrayTexts(head);
    const encoder = new TextEncoder();
    await underWay.add(writeSynced(`${path}/zarr.json`, [encoder.encode(texts.group)]));
    await underWay.add(writeSynced(`${array}/zarr.json`, [encoder.encode(texts.array)]));
    const payload = new Pieces(key.name, size, bytes);
    const crc32c = await crc32cOfProcess();
    for (const chunk of chunksOf(stored, layout)) {
      const file = `${array}/${chunk.path}`;
      const pieces = chunkPieces(await payload.take(chunk.size), chunk, crc32c);
      const writing = disk.write(file, 0, pieces);
      // Who gives it in pieces may use the memory of one for the next.
      if (!(bytes instanceof Uint8Array)) await writing;
      await underWay.add(writing.then(() => disk.sync(file)));
    }
    await payload.end();
    await underWay.end();
    await Promise.all([disk.syncFolder(array), disk.syncFolder(path)]);
    return { place, head, path };
  } catch (error) {
    await underWay.end().catch(() => {});
    await disk.remove(path).catch(() => {});
    throw error;
  }
}

/** What goes on beside one another, so much of it and no more. */
class UnderWay {
  readonly #most: number;
  readonly #all = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | null = null;

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns when there is room for another one; fails when one before has failed. */
  async add(work: Promise<void>): Promise<void> {
    const noted = work
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#all.delete(noted));
    this.#all.add(noted);
    while (this.#all.size >= this.#most) await Promise.race(this.#all);
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Returns when all is done; fails when something has failed. */
  async end(): Promise<void> {
    await Promise.all(this.#all);
    if (this.#failure !== null) throw this.#failure.error;
  }
}

/** The texts of both zarr.json of an object: all that they say follows from its head. */
function arrayTexts(head: Uint8Array): ArrayTexts {
  const said = decodeHead(head);
  assert(said !== null && said.array !== null, 'it is the head of an array');
  const { key, space, attributes, array } = said;
  const stored = storedSpace(space, spaceBytes(space));
  const names = stored === space ? dimensionNames(space, attributes) : ['byte'];
  // What a store needs to have the object again when its packs are gone.
  const record = Buffer.from(head).toString('base64');
  const { pool, name, version } = key;
  const sequence = sequenceOf(array.folder);
  const group = groupJson({ attacca: { pool, name, version, sequence, record } });
  const plain = plainAttributes(attributes);
  const info = arrayInfo(stored, array, { attributes: plain, dimensionNames: names });
  return { group, array: arrayJson(info) };
}

/** A file of an array that is not what it should be, and what it should be. */
interface WrongText {
  readonly path: string;
  readonly text: string;
}

/**
 * Both zarr.json of an array, compared with its record: by what they say, so that another way to
 * write the same JSON is no damage. Numbers and texts of them are the same: of attributes beyond
 * the numbers of JSON older stores have texts.
 */
export async function wrongTexts(disk: StoreDisk, head: Uint8Array): Promise<WrongText[]> {
  const { group, array } = arrayTexts(head);
  const path = `${ARRAYS}/${decodeHead(head)?.array?.folder}`;
  const files = [
    { path: `${path}/zarr.json`, text: group },
    { path: `${path}/${ARRAY_NAME}/zarr.json`, text: array },
  ];
  const wrong: WrongText[] = [];
  for (const file of files) if (!(await saysSame(disk, file))) wrong.push(file);
  return wrong;
}

async function saysSame(disk: StoreDisk, { path, text }: WrongText): Promise<boolean> {
  const size = await disk.size(path);
  if (size === null) return false;
  const bytes = new Uint8Array(size);
  if ((await disk.read(path, 0, bytes)) !== size) return false;
  try {
    const found = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (found === text) return true;
    return isDeepStrictEqual(JSON.parse(found, numberAsText), JSON.parse(text, numberAsText));
  } catch {
    return false;
  }
}

function numberAsText(_: string, value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value;
}

/** A chunk as its file has it: padded, and its checksum behind. */
function chunkPieces(
  bytes: readonly Uint8Array[],
  { size, full }: Chunk,
  crc32c: Crc32c,
): Uint8Array[] {
  const padding = new Uint8Array(full - size);
  const pieces = padding.length === 0 ? bytes : [...bytes, padding];
  const end = new Uint8Array(CRC_BYTES);
  const sum = pieces.reduce((before, piece) => crc32c(piece, before), 0);
  new DataView(end.buffer).setUint32(0, sum, true);
  return [...pieces, end];
}

/** A payload that comes in pieces of its own, in pieces as they are wanted. Nothing is copied. */
class Pieces {
  readonly #name: string;
  readonly #size: number;
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #taken = 0;

  constructor(name: string, size: number, bytes: LevelBytes) {
    this.#name = name;
    this.#size = size;
    this.#source = piecesOf(bytes)[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Uint8Array[]> {
    const taken: Uint8Array[] = [];
    for (let left = bytes; left > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#source.next();
        if (done === true) throw sizeMismatch(this.#name, this.#size, this.#taken);
        this.#rest = value;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      this.#taken += piece.length;
      left -= piece.length;
      if (piece.length > 0) taken.push(piece);
    }
    return taken;
  }

  /** Refuses what has more than it should. */
  async end(): Promise<void> {
    let more = this.#rest.length;
    while (more === 0) {
      const { done, value } = await this.#source.next();
      if (done === true) return;
      more = value.length;
    }
    throw sizeMismatch(this.#name, this.#size, this.#taken + more);
  }
}

export async function* piecesOf(bytes: LevelBytes): AsyncIterable<Uint8Array> {
  if (bytes instanceof Uint8Array) yield bytes;
  else yield* bytes;
}

/**
 * The bytes of an array, a chunk at a time, each held against its checksum. `into`: takes them;
 * else each has memory of its own.
 */
export async function* readArray(
  disk: StoreDisk,
  { key, space, array }: RecordHead & { readonly array: ArrayPlace },
  size: number,
  into: Uint8Array | null,
): AsyncIterable<Uint8Array> {
  const crc32c = await crc32cOfProcess();
  const tail = new Uint8Array(CRC_BYTES);
  for (const chunk of chunksOf(storedSpace(space, size), array)) {
    const path = `${ARRAYS}/${array.folder}/${ARRAY_NAME}/${chunk.path}`;
    const target = into?.subarray(chunk.offset, chunk.offset + chunk.size);
    const bytes = target ?? new Uint8Array(chunk.size);
    const got = await disk.read(path, 0, bytes);
    if (got === null) throw damaged(key, path, 0, 'a chunk of it is gone');
    if (got < chunk.size) throw short(key, path, got, chunk.size);
    const rest = chunk.full - chunk.size;
    const behind = rest === 0 ? tail : new Uint8Array(rest + CRC_BYTES);
    const more = await disk.read(path, chunk.size, behind);
    if (more !== behind.length) throw short(key, path, got + (more ?? 0), chunk.full + CRC_BYTES);
    const sum = crc32c(behind.subarray(0, rest), crc32c(bytes));
    if (new DataView(behind.buffer).getUint32(rest, true) !== sum) {
      throw damaged(key, path, 0, 'a checksum is wrong');
    }
    yield bytes;
  }
}

/** Files of an array that are there must not be more than it has: told by `fsck`. */
export function isUnreadable(error: unknown): error is AttaccaError {
  if (!(error instanceof AttaccaError)) return false;
  return error.code === 'store-damaged' || error.code === 'store-short';
}
