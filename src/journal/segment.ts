import { refuse } from '../core/assert.js';
import { Reader, Writer } from '../core/bytes.js';
import type { Checksum } from '../core/streams.js';
import { type JournalRecord, RECORD_HEAD_BYTES, type RecordCursor } from './record.js';

/** A segment and a snapshot begin with a page that says what they are. */
export const HEADER_BYTES = 4_096;
/** A larger file is none of ours; bounds what a damaged directory can make us read. */
export const SEGMENT_BYTES_MAX = 256 * 1024 * 1024;
/** What the pool is made with: opaque here. */
export const INFO_BYTES_MAX = 3_072;

/** Of the layout of headers, records and snapshots. */
const FORMAT_VERSION = 1;
const CRC_AT = HEADER_BYTES - 4;
const MAGIC = { journal: 'ATTJOURN', snapshot: 'ATTSNAPS' } as const;
type FileKind = keyof typeof MAGIC;

/** The next segment, made ahead. */
export const SPARE = 'spare';
/** What is being written and has no name of its own yet. */
export const DRAFT = 'draft';

/** A place behind a record; of a new journal: behind none. */
export interface Place {
  readonly number: number;
  readonly crc: number;
}

/** The last segment that managers before have left, where nothing but zeros is behind `offset`. */
export interface Tail {
  readonly file: string;
  /** Behind its last record. */
  readonly offset: number;
  readonly size: number;
}

export const BEGIN: Place = { number: 0, crc: 0 };

export interface Header {
  /** Of `step`: another one may do something else with the same entries. */
  readonly stepVersion: number;
  /** The last record before a segment; the last one that a snapshot holds. */
  readonly after: Place;
  /** Bytes that a segment was made with: one that is shorter has been cut. 0 of a snapshot. */
  readonly size: number;
  readonly info: Uint8Array;
}

/** What a header is made of, but for the size. */
export type HeaderFields = Omit<Header, 'size'>;

const hex = (number: number): string => number.toString(16).padStart(16, '0');

/** The name of the segment that begins with this record. */
export const segmentName = (first: number): string => `journal-${hex(first)}`;

/** The name of the snapshot that ends with this record. */
export const snapshotName = (last: number): string => `snapshot-${hex(last)}`;

/** The number in a name of this kind; null for any other name. */
export function numberIn(kind: FileKind, name: string): number | null {
  const digits = name.slice(kind.length + 1);
  if (!name.startsWith(`${kind}-`) || !/^[0-9a-f]{16}$/u.test(digits)) return null;
  const number = Number.parseInt(digits, 16);
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}

/** The page a segment or snapshot begins with. */
export function encodeHeader(
  kind: FileKind,
  header: HeaderFields,
  checksum: Checksum,
  size = 0,
): Uint8Array<ArrayBuffer> {
  const { stepVersion, after, info } = header;
  if (info.length > INFO_BYTES_MAX) {
    refuse('too-large', `Cannot begin a journal: ${info.length} bytes are needed for the pool`, {
      size: info.length,
      limit: INFO_BYTES_MAX,
    });
  }
  const w = new Writer(HEADER_BYTES);
  for (const character of MAGIC[kind]) w.u8(character.codePointAt(0) ?? 0);
  w.u32(FORMAT_VERSION);
  w.u32(stepVersion);
  w.u64(after.number);
  w.u32(after.crc);
  w.u32(size);
  w.u32(info.length);
  w.raw(info);
  const page = new Uint8Array(HEADER_BYTES);
  page.set(w.written());
  const crc = checksum(page.subarray(0, CRC_AT), 0);
  new DataView(page.buffer).setUint32(CRC_AT, crc, true);
  return page;
}

/**
 * Reads a header; null when it is not as it was written. Refuses one of another format with
 * `journal-version`: magic, version and CRC stand in the same places in all of them.
 */
export function decodeHeader(
  kind: FileKind,
  page: Uint8Array,
  checksum: Checksum,
  file: string,
): Header | null {
  if (page.length < HEADER_BYTES) return null;
  const r = new Reader();
  r.reset(page, CRC_AT, HEADER_BYTES);
  if (r.u32() !== checksum(page.subarray(0, CRC_AT), 0)) return null;
  r.reset(page, 0, CRC_AT);
  for (const character of MAGIC[kind]) if (r.u8() !== character.codePointAt(0)) return null;
  const format = r.u32();
  const stepVersion = r.u32();
  if (format !== FORMAT_VERSION) {
    refuseVersion(file, 'format', format, FORMAT_VERSION);
  }
  try {
    const number = r.u64();
    const crc = r.u32();
    const size = r.u32();
    return { stepVersion, after: { number, crc }, size, info: r.view(r.u32()).slice() };
  } catch {
    // A page with our magic and CRC that does not parse was made by someone else.
    return null;
  }
}

/** Refuses a file that another version wrote. */
export function refuseVersion(
  file: string,
  of: 'format' | 'step',
  version: number,
  supported: number,
): never {
  refuse(
    'journal-version',
    `Cannot read "${file}": its ${of} has version ${version}, this Attacca has ${supported}`,
    { file, of, version, supported },
  );
}

/**
 * Gives the records that follow `place` in the open bytes to `use`, in order, until one is not the
 * next: its CRC, its number, or the CRC that it has of the one before is wrong. Returns where they
 * end. What an earlier life of the same blocks has left is no record, as it does not continue.
 */
export function scanRecords(
  cursor: RecordCursor,
  place: Place,
  use: (record: JournalRecord) => void,
): { readonly place: Place; readonly offset: number } {
  let { number, crc } = place;
  let at = HEADER_BYTES;
  while (cursor.look(at)) {
    if (cursor.number !== number + 1 || cursor.before !== crc || !cursor.holds()) break;
    use(cursor);
    ({ number, crc } = cursor);
    at = cursor.next;
  }
  return { place: { number, crc }, offset: at };
}

/** How many bytes a search may sum up, as a multiple of those that it searches. */
const SEARCH_FACTOR = 8;

/** What stands behind a record that is missing. */
interface Later {
  /** The highest number of a good record; 0 when there is none. */
  readonly last: number;
  /** Whether a good record says that the missing one had been durable. */
  readonly proves: boolean;
}

/**
 * Looks from `offset` on, where the record `next` should stand, for records from `missing` on, each
 * judged alone by its own CRC. Linear: a sum is computed only where size and numbers are possible
 * (a record takes at least a head, so few numbers fit between), and for a bounded number of bytes.
 * Bytes that are made to exceed it count as proof: what cannot be judged is not cut in silence.
 */
export function findLater(
  cursor: RecordCursor,
  offset: number,
  next: number,
  missing: number = next,
): Later {
  let budget = (cursor.length - offset) * SEARCH_FACTOR;
  let last = 0;
  let proves = false;
  for (let at = offset; at + RECORD_HEAD_BYTES <= cursor.length; ) {
    let end = at + 8;
    const numberMax = next + Math.floor((at - offset) / RECORD_HEAD_BYTES);
    if (cursor.look(at) && cursor.number >= missing && cursor.number <= numberMax) {
      budget -= cursor.size;
      if (budget < 0) return { last: Math.max(last, missing), proves: true };
      if (cursor.holds()) {
        last = Math.max(last, cursor.number);
        if (cursor.durable >= missing) proves = true;
        end = cursor.next;
      }
    }
    at = end;
  }
  return { last, proves };
}
