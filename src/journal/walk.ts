import type { Checksum } from '../core/streams.js';
import type { Disk } from './disk.js';
import { type JournalRecord, RecordCursor } from './record.js';
import {
  decodeHeader,
  findLater,
  HEADER_BYTES,
  type Header,
  numberIn,
  type Place,
  refuseVersion,
  SEGMENT_BYTES_MAX,
  scanRecords,
  segmentName,
} from './segment.js';

interface SegmentFile {
  readonly name: string;
  readonly first: number;
  readonly size: number;
}

/** Records that were durable and cannot be read. */
export interface Damage {
  readonly file: string;
  /** Where the readable part of the file ends. */
  readonly offset: number;
  /** The first and the last record known to be lost. */
  readonly first: number;
  readonly last: number;
  readonly why: string;
}

/** Bytes at the end that no acknowledged record needs. */
export interface Torn {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

export interface Walk {
  /** Behind the last record. */
  readonly place: Place;
  /** Of the newest header that was read; null when there is none. */
  readonly header: Header | null;
  /** The file with the last record, and where that ends; null when there is no such file. */
  readonly end: { readonly file: string; readonly offset: number } | null;
  /** How many records were given out. */
  readonly records: number;
  readonly torn: Torn | null;
  readonly damage: Damage | null;
  /** Damage that loses nothing, as the snapshot holds what cannot be read. */
  readonly spoiled: string | null;
}

interface WalkOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** Records of another version are refused with `journal-version`; null takes all. */
  readonly stepVersion: number | null;
  /** Records behind this place are given out; null: all that there are. */
  readonly after: Place | null;
  /** All up to this record are known to have been durable. */
  readonly durable: number;
  readonly begin?: (header: Header) => void;
  /** The record is used again, its entries are borrowed. */
  readonly use: (record: JournalRecord) => void;
}

type File = Awaited<ReturnType<Disk['list']>>[number];

/** The segments among these files, in their order. */
export function segmentsAmong(files: readonly File[]): SegmentFile[] {
  return files
    .map(({ name, size }) => ({ name, size, first: numberIn('journal', name) ?? 0 }))
    .filter(({ first }) => first > 0)
    .sort((a, b) => a.first - b.first);
}

/**
 * Reads the segments one after another, each into the same memory, and gives out their records in
 * order. Changes nothing. What it cannot read is judged by later evidence: that a record had been
 * durable is proved by the name of a segment that begins behind it (all before are synced before
 * it gets its name), by `durable`, and by what a good record behind it says.
 */
export async function walk(files: readonly File[], options: WalkOptions): Promise<Walk> {
  const segments = segmentsAmong(files);
  const [first] = segments;
  const { after } = options;
  const needed = segments.filter(
    (_, index) => (segments[index + 1]?.first ?? Infinity) > (after?.number ?? 0) + 1,
  );
  const place = after ?? { number: first === undefined ? 0 : first.first - 1, crc: 0 };
  return new Walker(needed, place, options).run();
}

/** The state of one walk. */
class Walker {
  readonly #segments: readonly SegmentFile[];
  readonly #options: WalkOptions;
  readonly #start: Place;
  readonly #cursor: RecordCursor;
  #memory = new Uint8Array(0);
  #place: Place;
  #header: Header | null = null;
  #end: Walk['end'] = null;
  #records = 0;
  #torn: Torn | null = null;
  #damage: Damage | null = null;
  #spoiled: string | null = null;
  /** All up to here were durable. */
  #durable: number;

  constructor(segments: readonly SegmentFile[], start: Place, options: WalkOptions) {
    this.#segments = segments;
    this.#options = options;
    this.#start = start;
    this.#place = start;
    this.#cursor = new RecordCursor(options.checksum);
    const begun = segments.at(-1)?.first ?? 1;
    this.#durable = Math.max(options.durable, start.number, begun - 1);
  }

  async run(): Promise<Walk> {
    for (const segment of this.#segments) {
      if (!(await this.#segment(segment, segment === this.#segments.at(-1)))) break;
    }
    if (this.#damage === null && this.#place.number < this.#durable) {
      const at = this.#end ?? { file: segmentName(this.#place.number + 1), offset: 0 };
      this.#lose(at.file, at.offset, 'records that were acknowledged are not there');
    }
    if (this.#damage !== null) await this.#measure(this.#damage);
    return {
      place: this.#place,
      header: this.#header,
      end: this.#end,
      records: this.#records,
      torn: this.#torn,
      damage: this.#damage,
      spoiled: this.#spoiled,
    };
  }

  /** Walks one segment; false: what follows it cannot be reached. */
  async #segment(segment: SegmentFile, isLast: boolean): Promise<boolean> {
    const { name, first, size } = segment;
    const before = this.#place;
    // Else the run ends here, behind what was read, as something is missing before this segment.
    if (first > before.number + 1) return false;
    if (size > SEGMENT_BYTES_MAX) return this.#lose(name, 0, 'it is larger than any segment');
    const bytes = await this.#load(segment);
    const header = decodeHeader('journal', bytes, this.#options.checksum, name);
    if (header === null || header.after.number !== first - 1) {
      return this.#withoutHeader(segment, isLast);
    }
    const isNext = first === before.number + 1;
    const isFirst = before === this.#start;
    if (!isNext && !isFirst) return this.#lose(name, 0, 'it begins too early');
    const isKnown = !isFirst || this.#options.after !== null;
    if (isNext && isKnown && header.after.crc !== before.crc) {
      return this.#lose(name, 0, 'it does not continue what was read before');
    }
    if (this.#header === null) this.#options.begin?.(header);
    this.#header = header;
    let isForked = false;
    const read = scanRecords(this.#cursor, header.after, (record) => {
      if (record.number === before.number) isForked = record.crc !== before.crc;
      else if (record.number > before.number && !isForked) this.#use(record, header, name);
    });
    if (isForked) return this.#lose(name, 0, 'it is not what the snapshot was made of');
    this.#end = { file: name, offset: read.offset };
    if (read.place.number >= before.number) this.#place = read.place;
    return !isLast || this.#judgeTail(segment, read.offset, read.place.number + 1);
  }

  #use(record: JournalRecord, header: Header, file: string): void {
    const { stepVersion, use } = this.#options;
    if (stepVersion !== null && header.stepVersion !== stepVersion) {
      refuseVersion(file, 'step', header.stepVersion, stepVersion);
    }
    use(record);
    this.#records++;
  }

  /** Says what it is that follows the last good record of a segment; false: a loss. */
  #judgeTail({ name }: SegmentFile, offset: number, next: number): boolean {
    const missing = this.#place.number + 1;
    const later = findLater(this.#cursor, offset, next, missing);
    if (next < missing) {
      // What ends too early is in the snapshot: a loss is only what would come behind that.
      if (later.last > 0) return this.#lose(name, offset, 'a record is damaged', later.last);
      if (this.#durable < missing) this.#spoiled = name;
      return true;
    }
    if (later.proves || this.#durable >= missing) {
      return this.#lose(name, offset, 'a record is damaged', later.last);
    }
    // It was made larger than its records need, and cut, if ever, behind one of them.
    const isCut = this.#cursor.length < (this.#header?.size ?? 0);
    if (isCut && this.#cursor.isCutOff(offset, next))
      return this.#lose(name, offset, 'it ends in a record');
    const bytes = this.#cursor.usedEnd(offset) - offset;
    if (bytes > 0) this.#torn = { file: name, offset, bytes };
    return true;
  }

  /**
   * A segment without a header is damaged, as the header is synced before there is a name. No loss
   * when it is the last and shows no record behind the snapshot.
   */
  #withoutHeader({ name, first }: SegmentFile, isLast: boolean): boolean {
    const missing = this.#place.number + 1;
    const later = findLater(this.#cursor, HEADER_BYTES, first, missing);
    if (!isLast || first === missing || later.last > 0 || this.#durable >= missing) {
      return this.#lose(name, 0, 'its header is damaged', later.last);
    }
    this.#spoiled = name;
    return true;
  }

  #lose(file: string, offset: number, why: string, last = 0): false {
    const first = this.#place.number + 1;
    this.#damage = { file, offset, first, last: Math.max(first, last, this.#durable), why };
    return false;
  }

  /** Looks in the last segment for the last record that is lost with what is damaged. */
  async #measure(damage: Damage): Promise<void> {
    const segment = this.#segments.at(-1);
    if (segment === undefined || segment.name === damage.file) return;
    if (segment.size > SEGMENT_BYTES_MAX) return;
    await this.#load(segment);
    const { last } = findLater(this.#cursor, HEADER_BYTES, segment.first);
    this.#damage = { ...damage, last: Math.max(damage.last, last) };
  }

  async #load({ name, size }: SegmentFile): Promise<Uint8Array> {
    if (this.#memory.length < size) this.#memory = new Uint8Array(size);
    const bytes = await readWhole(this.#options.disk, name, 0, this.#memory.subarray(0, size));
    this.#cursor.open(bytes);
    return bytes;
  }
}

/** Fills `target` from a file, or as much of it as the file has. */
export async function readWhole(
  disk: Disk,
  name: string,
  offset: number,
  target: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  let have = 0;
  for (let got = 1; have < target.length && got > 0; have += got) {
    got = await disk.read(name, offset + have, target.subarray(have));
  }
  return target.subarray(0, have);
}
