import { assert } from '../core/assert.js';
import type { Checksum } from '../core/streams.js';

/**
 * A record on disk, little-endian, on 8 bytes:
 *
 *     0  u32 size       of head and entries, without what fills it up to its alignment
 *     4  u32 crc        of all that follows, begun with the size
 *     8  u32 before     crc of the record before
 *    12  u32 check      of what the batch before did
 *    16  u64 number
 *    24  u64 durable    number of the last record known to be synced when this one was written
 *    32  f64 now
 *    40  entries
 */
export const RECORD_HEAD_BYTES = 40;
const RECORD_ALIGN = 8;
/** Where the part begins that the CRC covers. */
const CRC_FROM = 8;
/** 2^32 as a factor. */
const HIGH = 0x1_0000_0000;

/** Entries of one record: a batch that is full, its last frame, and what comes in no frame. */
export const ENTRIES_BYTES_MAX = 12 * 1024 * 1024;

/** What a record with so many bytes of entries takes in a segment. */
export function recordBytes(entriesBytes: number): number {
  return alignRecord(RECORD_HEAD_BYTES + entriesBytes);
}

/** Where the record behind one that ends at `end` begins. */
function alignRecord(end: number): number {
  return Math.ceil(end / RECORD_ALIGN) * RECORD_ALIGN;
}

/** What a record says beside its own CRC. */
interface RecordFields {
  readonly before: number;
  readonly check: number;
  readonly number: number;
  readonly durable: number;
  readonly now: number;
  readonly entries: Uint8Array;
}

/**
 * Writes a record into the bytes of `view` at `at`, with the zeros that fill it up; returns its
 * CRC. There is room: see {@link recordBytes}.
 */
export function encodeRecord(
  view: DataView<ArrayBuffer>,
  at: number,
  fields: RecordFields,
  checksum: Checksum,
): number {
  const { before, check, number, durable, now, entries } = fields;
  assert(number > durable && durable >= 0, 'a record is not durable before it is written');
  assert(Number.isSafeInteger(number), 'there are less than 2^53 records');
  const size = RECORD_HEAD_BYTES + entries.length;
  const end = at + size;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  view.setUint32(at, size, true);
  view.setUint32(at + 8, before, true);
  view.setUint32(at + 12, check, true);
  setU64(view, at + 16, number);
  setU64(view, at + 24, durable);
  view.setFloat64(at + 32, now, true);
  bytes.set(entries, at + RECORD_HEAD_BYTES);
  bytes.fill(0, end, alignRecord(end));
  const crc = checksum(bytes.subarray(at + CRC_FROM, end), size);
  view.setUint32(at + 4, crc, true);
  return crc;
}

/** A record that was read. It is used again for the next one, and its entries are borrowed. */
export interface JournalRecord extends RecordFields {
  readonly crc: number;
}

/** Reads records in place, from bytes of which nothing is known. */
export class RecordCursor implements JournalRecord {
  crc = 0;
  before = 0;
  check = 0;
  number = 0;
  durable = 0;
  now = 0;
  /** Of head and entries. */
  size = 0;
  readonly #checksum: Checksum;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  constructor(checksum: Checksum) {
    this.#checksum = checksum;
  }

  /** Points at other bytes. */
  open(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Of all bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Reads a head without its CRC; false where no record can stand. */
  look(at: number): boolean {
    const view = this.#view;
    if (at + RECORD_HEAD_BYTES > view.byteLength) return false;
    const size = view.getUint32(at, true);
    if (size < RECORD_HEAD_BYTES || size > RECORD_HEAD_BYTES + ENTRIES_BYTES_MAX) return false;
    if (at + size > view.byteLength) return false;
    const number = view.getUint32(at + 20, true) * HIGH + view.getUint32(at + 16, true);
    const durable = view.getUint32(at + 28, true) * HIGH + view.getUint32(at + 24, true);
    if (number > Number.MAX_SAFE_INTEGER || durable >= number) return false;
    this.#at = at;
    this.size = size;
    this.crc = view.getUint32(at + 4, true);
    this.before = view.getUint32(at + 8, true);
    this.check = view.getUint32(at + 12, true);
    this.number = number;
    this.durable = durable;
    this.now = view.getFloat64(at + 32, true);
    return true;
  }

  /** Whether the open bytes end within the record `number`, which begins at an offset. */
  isCutOff(at: number, number: number): boolean {
    const view = this.#view;
    const left = view.byteLength - at;
    // What is too short for a head holds nothing but zeros, where no record was cut off.
    if (left < RECORD_HEAD_BYTES) return this.usedEnd(at) > at;
    const size = view.getUint32(at, true);
    const found = view.getUint32(at + 20, true) * HIGH + view.getUint32(at + 16, true);
    return size > left && size <= RECORD_HEAD_BYTES + ENTRIES_BYTES_MAX && found === number;
  }

  /** Whether what was looked at is as it was written. */
  holds(): boolean {
    const covered = this.#bytes.subarray(this.#at + CRC_FROM, this.#at + this.size);
    return this.#checksum(covered, this.size) === this.crc;
  }

  /** Where the next record begins. */
  get next(): number {
    return alignRecord(this.#at + this.size);
  }

  get entries(): Uint8Array {
    return this.#bytes.subarray(this.#at + RECORD_HEAD_BYTES, this.#at + this.size);
  }

  /** Where the last byte stands that is not zero, and one more; at least `from`. */
  usedEnd(from: number): number {
    let end = this.#bytes.length;
    while (end > from && this.#bytes[end - 1] === 0) end--;
    return end;
  }
}

function setU64(view: DataView, at: number, value: number): void {
  const high = Math.floor(value / HIGH);
  view.setUint32(at, value - high * HIGH, true);
  view.setUint32(at + 4, high, true);
}
