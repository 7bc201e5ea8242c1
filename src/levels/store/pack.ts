import { assert } from '../../core/assert.js';
import type { Footer } from './footer.js';
import type { Hasher } from './hasher.js';
import { RECORD_KIND, type RecordKind, UNIT_BYTES } from './record.js';
import type { StoreIndex } from './store-index.js';

/** A pack as a file: a header of 64 bytes, records, and once it is closed a footer (footer.ts). */
export const PACK_HEADER_BYTES = 64;
export const PACKS = 'packs';
const PACK_MAGIC = 'ATTPACK1';
const SUMMED_BYTES = 56;

export interface PackHeader {
  readonly number: number;
  /** Goes into the sums of all its records. */
  readonly salt: bigint;
  /** Of the store: what its names are hashed with. */
  readonly seed: bigint;
  /** The number in the history of the store that was next when it was begun. */
  readonly born: number;
}

export function packPath(number: number): string {
  return `${PACKS}/${String(number).padStart(8, '0')}.pack`;
}

/** The number in the name of a file; null for a name that no pack has. */
export function packNumberOf(name: string): number | null {
  const found = /^(\d{8})\.pack$/u.exec(name);
  return found === null ? null : Number(found[1]);
}

export function encodePackHeader(
  { number, salt, seed, born }: PackHeader,
  hash: Hasher,
): Uint8Array {
  const bytes = new Uint8Array(PACK_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(new TextEncoder().encode(PACK_MAGIC));
  view.setUint32(8, number, true);
  view.setBigUint64(16, salt, true);
  view.setBigUint64(24, seed, true);
  view.setBigUint64(32, BigInt(born), true);
  view.setBigUint64(SUMMED_BYTES, hash.sum(bytes.subarray(0, SUMMED_BYTES)), true);
  return bytes;
}

/** Null for what is no header. */
export function decodePackHeader(bytes: Uint8Array, hash: Hasher): PackHeader | null {
  if (bytes.length < PACK_HEADER_BYTES) return null;
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== PACK_MAGIC) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, PACK_HEADER_BYTES);
  const sum = hash.sum(bytes.subarray(0, SUMMED_BYTES));
  if (view.getBigUint64(SUMMED_BYTES, true) !== sum) return null;
  const [salt, seed] = [view.getBigUint64(16, true), view.getBigUint64(24, true)];
  const born = Number(view.getBigUint64(32, true));
  return { number: view.getUint32(8, true), salt, seed, born };
}

/** One record of a pack, as its footer tells of it. */
export interface PackEntry {
  readonly hash: Uint32Array;
  readonly version: number;
  readonly sequence: number;
  readonly kind: RecordKind;
  readonly place: number;
  readonly units: number;
  readonly headBytes: number;
  readonly arrayKiB: number;
}

/** Words of an entry in a footer. */
export const ENTRY_WORDS = 12;
const HIGH = 0x1_0000_0000;
const KIND_SHIFT = 24;
const SEQUENCE_HIGH = 0xff_ffff;

/** The records of a pack in their order, as rows of numbers. */
export class PackEntries {
  #words: Uint32Array;
  #count: number;

  constructor(words: Uint32Array = new Uint32Array(0)) {
    assert(words.length % ENTRY_WORDS === 0, 'entries are whole');
    this.#words = words;
    this.#count = words.length / ENTRY_WORDS;
  }

  get count(): number {
    return this.#count;
  }

  /** As they stand in a footer. */
  get words(): Uint32Array {
    return this.#words.subarray(0, this.#count * ENTRY_WORDS);
  }

  add(entry: PackEntry): void {
    const at = this.#count * ENTRY_WORDS;
    if (at === this.#words.length) {
      const grown = new Uint32Array(Math.max(at * 2, 64 * ENTRY_WORDS));
      grown.set(this.#words);
      this.#words = grown;
    }
    const words = this.#words;
    words.set(entry.hash, at);
    words[at + 4] = entry.version >>> 0;
    words[at + 5] = Math.floor(entry.version / HIGH);
    words[at + 6] = entry.sequence >>> 0;
    words[at + 7] = Math.floor(entry.sequence / HIGH) + entry.kind * 2 ** KIND_SHIFT;
    words[at + 8] = entry.place;
    words[at + 9] = entry.units;
    words[at + 10] = entry.headBytes;
    words[at + 11] = entry.arrayKiB;
    this.#count++;
  }

  at(index: number): PackEntry {
    const at = index * ENTRY_WORDS;
    const words = this.#words;
    const high = words[at + 7] as number;
    return {
      hash: words.slice(at, at + 4),
      version: (words[at + 4] as number) + (words[at + 5] as number) * HIGH,
      sequence: (words[at + 6] as number) + (high & SEQUENCE_HIGH) * HIGH,
      kind: (high >>> KIND_SHIFT) as RecordKind,
      place: words[at + 8] as number,
      units: words[at + 9] as number,
      headBytes: words[at + 10] as number,
      arrayKiB: words[at + 11] as number,
    };
  }

  /** Whether a record is the one of this pack that counts. Lists ask often: it makes no entry. */
  isLiveIn(index: StoreIndex, pack: number, at: number): boolean {
    const words = this.#words;
    const from = at * ENTRY_WORDS;
    const kind = (words[from + 7] as number) >>> KIND_SHIFT;
    if (kind === RECORD_KIND.deleted) return false;
    return index.isAt(words, from, { pack, place: words[from + 8] as number });
  }

  *[Symbol.iterator](): Iterator<PackEntry> {
    for (let index = 0; index < this.#count; index++) yield this.at(index);
  }
}

/** A pack that is known. */
export interface Pack {
  readonly header: PackHeader;
  readonly entries: PackEntries;
  /** Null while it is written, or when it ended without one. */
  footer: Footer | null;
  /** Heads of its records, as of `entries`; null: they are in the footer, not in memory. */
  heads: Uint8Array[] | null;
  /** Where its records end. */
  end: number;
  /** Of the file. */
  size: number;
  /** Bytes of records that count. */
  live: number;
  /** Bytes of records that say that something was deleted. */
  deletions: number;
}

/** Whether a record ends something, and so has to stay as long as what it ends. */
export function isDeletion({ kind }: Pick<PackEntry, 'kind'>): boolean {
  return kind === RECORD_KIND.deleted;
}

export function bytesOfUnits(units: number): number {
  return units * UNIT_BYTES;
}
