import { refuse } from '../../core/assert.js';
import { Reader, Writer } from '../../core/bytes.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { completeSpaceOf, readSpace, type Space, writeSpace } from '../../core/space.js';
import type { ValueMap } from '../../core/value.js';
import { EXACT, readMap, writeMap } from '../../core/value-codec.js';
import type { LevelKey } from '../level.js';
import type { Hasher } from './hasher.js';

/**
 * A record of a pack: 56 bytes, the head, the payload, zeros up to 8 bytes. All is little-endian.
 *
 * | at | | |
 * | --- | --- | --- |
 * | 0 | u32 | `ATRC` |
 * | 4 | u32 | bytes of the head |
 * | 8 | u64 | bytes of the payload |
 * | 16 | u64 | its number in the history of the store: of two with one key the higher one counts |
 * | 24 | u32 | kind |
 * | 28 | u32 | where it begins in the pack, divided by 8 |
 * | 32 | u64 | XXH64 of the payload |
 * | 40 | u32 | up to where the pack was known to be on the disk by then, divided by 8 |
 * | 48 | u64 | XXH64 of the 48 bytes before and the head, with the salt of the pack as its seed |
 *
 * The salt and the place are in the sum, so that a pack that lies in a pack, as the payload of an
 * object, is never taken for records of it.
 */
export const RECORD_BYTES = 56;
const SUMMED_BYTES = 48;
const RECORD_MAGIC = 0x43525441;
/** Records begin on as many bytes. */
export const UNIT_BYTES = 8;

export const RECORD_KIND = {
  /** An object with its bytes. */
  object: 1,
  /** An object whose bytes are an array of Zarr in a folder. */
  array: 2,
  /** There is no such object any more. */
  deleted: 3,
} as const;

export type RecordKind = (typeof RECORD_KIND)[keyof typeof RECORD_KIND];

/** Where the bytes of an array lie, and how they are cut: see ChunkLayout. */
export interface ArrayPlace {
  readonly folder: string;
  readonly axis: number;
  readonly rows: number;
}

export interface RecordHead {
  readonly key: LevelKey;
  readonly space: Space;
  readonly attributes: ValueMap;
  /** Of an array, and of a record that says that one is deleted. */
  readonly array: ArrayPlace | null;
}

/** What a record begins with. */
export interface RecordStart {
  readonly headBytes: number;
  readonly payloadBytes: number;
  readonly sequence: number;
  readonly kind: RecordKind;
  readonly payloadSum: bigint;
  /** Of the pack before it: what is damaged there was right once, on the disk. */
  readonly synced: number;
}

/** Bytes that a record takes in its pack. */
export function recordBytes({
  headBytes,
  payloadBytes,
}: Pick<RecordStart, 'headBytes' | 'payloadBytes'>): number {
  return alignedUp(RECORD_BYTES + headBytes + payloadBytes);
}

export function alignedUp(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES) * UNIT_BYTES;
}

const BLOB: Space = { dtype: 'uint8', shape: [0], order: 'row', byteOrder: 'little' };
const NO_ARRAY = 0xff;

/** The head of a record; of a deletion without what the object was. */
export function encodeHead(head: RecordHead): Uint8Array {
  const w = new Writer(256);
  writeHead(w, head);
  return w.bytes.slice(0, w.at);
}

/** The same, in place of what the writer has. */
export function writeHead(w: Writer, { key, space, attributes, array }: RecordHead): void {
  w.reset();
  w.text(key.pool);
  w.text(key.name);
  w.u64(key.version);
  writeSpace(w, space);
  w.u8(array === null ? NO_ARRAY : array.axis);
  if (array !== null) {
    w.text(array.folder);
    w.u64(array.rows);
  }
  writeMap(w, attributes);
  if (w.at > LIMITS.storeHeadBytesMax) {
    refuse('too-large', `Cannot store "${key.name}": its attributes have ${w.at} bytes`, {
      name: key.name,
      limit: LIMITS.storeHeadBytesMax,
    });
  }
}

export function encodeDeletion(key: LevelKey, array: ArrayPlace | null): Uint8Array {
  return encodeHead({ key, space: BLOB, attributes: {}, array });
}

/**
 * Null for what no version of this code has written, whatever its sum says. `r`: who decodes many
 * has one reader, which costs as much to make as a head to decode.
 */
export function decodeHead(bytes: Uint8Array, r: Reader = new Reader()): RecordHead | null {
  r.reset(bytes, 0, bytes.length);
  try {
    const key = { pool: r.text(), name: r.text(), version: r.u64() };
    const space = completeSpaceOf(readSpace(r));
    const axis = r.u8();
    const array = axis === NO_ARRAY ? null : { axis, folder: r.text(), rows: r.u64() };
    const attributes = readMap(r, { ...EXACT, ordinary: true });
    if (space === null || r.remaining !== 0) return null;
    return { key, space, attributes, array };
  } catch (error) {
    if (error instanceof AttaccaError) return null;
    throw error;
  }
}

/** Where records are written to. */
export interface RecordTarget {
  readonly bytes: Uint8Array;
  /** Of the same bytes. */
  readonly view: DataView;
}

/** Writes the start of a record, where its head stands behind already. */
export function writeStart(
  { bytes, view }: RecordTarget,
  at: number,
  start: RecordStart & { readonly place: number },
  { hash, salt }: { readonly hash: Hasher; readonly salt: bigint },
): void {
  view.setUint32(at, RECORD_MAGIC, true);
  view.setUint32(at + 4, start.headBytes, true);
  setWide(view, at + 8, start.payloadBytes);
  setWide(view, at + 16, start.sequence);
  view.setUint32(at + 24, start.kind, true);
  view.setUint32(at + 28, start.place, true);
  view.setBigUint64(at + 32, start.payloadSum, true);
  setWide(view, at + 40, start.synced);
  const sum = sumOf(bytes, at, start.headBytes, { hash, salt });
  view.setBigUint64(at + SUMMED_BYTES, sum, true);
}

function setWide(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setUint32(at + 4, Math.floor(value / 2 ** 32), true);
}

/** Over the start without its own sum, and the head. */
function sumOf(
  bytes: Uint8Array,
  at: number,
  headBytes: number,
  { hash, salt }: { readonly hash: Hasher; readonly salt: bigint },
): bigint {
  const headAt = at + RECORD_BYTES;
  const head = bytes.subarray(headAt, headAt + headBytes);
  return hash.sum(bytes.subarray(at, at + SUMMED_BYTES), hash.sum(head, salt));
}

/** Whether a record may begin here: looked at before anything else is. */
export function looksLikeRecord(view: DataView, at: number): boolean {
  return view.getUint32(at, true) === RECORD_MAGIC;
}

/** What a record says of itself, not yet held against its sum. Null for what is none. */
export function readStart(bytes: Uint8Array, place: number): RecordStart | null {
  if (bytes.length < RECORD_BYTES) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_BYTES);
  if (!looksLikeRecord(view, 0) || view.getUint32(28, true) !== place) return null;
  const headBytes = view.getUint32(4, true);
  const payloadBytes = Number(view.getBigUint64(8, true));
  const sequence = Number(view.getBigUint64(16, true));
  const kind = view.getUint32(24, true);
  if (headBytes > LIMITS.storeHeadBytesMax + RECORD_BYTES || !isKind(kind)) return null;
  if (!Number.isSafeInteger(payloadBytes) || !Number.isSafeInteger(sequence)) return null;
  const [payloadSum, synced] = [view.getBigUint64(32, true), view.getUint32(40, true)];
  return { headBytes, payloadBytes, sequence, kind, payloadSum, synced };
}

function isKind(kind: number): kind is RecordKind {
  return kind >= RECORD_KIND.object && kind <= RECORD_KIND.deleted;
}

/** Whether start and head are what was written. `bytes`: at least both. */
export function isWhole(
  bytes: Uint8Array,
  { headBytes }: RecordStart,
  { hash, salt }: { readonly hash: Hasher; readonly salt: bigint },
): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, RECORD_BYTES);
  return view.getBigUint64(SUMMED_BYTES, true) === sumOf(bytes, 0, headBytes, { hash, salt });
}
