import { assert } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import type { Checksum } from '../core/streams.js';
import type { Disk } from './disk.js';
import { ENTRIES_BYTES_MAX, encodeRecord, RECORD_HEAD_BYTES, recordBytes } from './record.js';
import {
  encodeHeader,
  HEADER_BYTES,
  numberIn,
  type Place,
  SEGMENT_BYTES_MAX,
  SPARE,
  segmentName,
  type Tail,
} from './segment.js';

const SEGMENT_BYTES_DEFAULT = 64 * 1024 * 1024;
/** Records that wait for the one write under way: of two of the largest batches. */
const GROUP_BYTES_MAX = 2 * recordBytes(ENTRIES_BYTES_MAX);
/** When there is no next segment: so much of one is kept for what frees things. */
const KEPT_FRACTION = 4;
/** With less in the last segment and no other, a manager could not even begin. */
const BEGIN_FRACTION = 64;

/** Whether a record may be appended. */
type Room =
  | 'ok'
  /** Not now: `onReady` tells when to ask again. */
  | 'later'
  /** The disk is full. What is left is kept for what frees things, or there is nothing left. */
  | 'full';

export interface JournalOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly stepVersion: number;
  /** What the pool is made with: stands in the header of each segment. */
  readonly info: Uint8Array;
  /** Where recovery ended. */
  readonly after: Place;
  /** The segment that ends there: gone on in while no other can be made, and cut then. */
  readonly tail: Tail | null;
  /** A multiple of 4,096; 64 MiB as a rule. */
  readonly segmentBytes?: number;
  /**
   * False: a record counts as durable when it is written. A segment is synced when it is closed,
   * all the same, so that a loss of power takes records of the last one only.
   */
  readonly sync?: boolean;
  /** All records up to this one are durable. */
  readonly onDurable: (number: number) => void;
  /** After `later`: asking again may give another answer. */
  readonly onReady: () => void;
  /** No next segment can be made and this one ends; or there is one again. */
  readonly onRoom: (hasRoom: boolean) => void;
  /** A write or a sync has failed: nothing more is written, as nobody knows what the disk holds. */
  readonly onFailed: (error: AttaccaError) => void;
  /** A segment that ends with this record will not change any more. */
  readonly onClosed: (last: number) => void;
}

/** Records that are written together: one segment, one after another. */
class Group {
  bytes = new Uint8Array(64 * 1024);
  view = new DataView(this.bytes.buffer);
  size = 0;
  /** Where it goes in its segment. */
  offset = 0;
  /** The record before its first. */
  after: Place = { number: 0, crc: 0 };
  /** Number of its last record. */
  last = 0;
  /** Whether its segment begins with it. */
  opens = false;

  reserve(size: number): void {
    if (this.size + size <= this.bytes.length) return;
    let capacity = this.bytes.length * 2;
    while (capacity < this.size + size) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.size));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }
}

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
  readonly reject: (error: AttaccaError) => void;
}

/**
 * Group commit over segments: while one group of records is written and synced, the next is
 * gathered. One write is under way at a time, so all before a group are durable when it is written,
 * and all before a segment when it is begun. Knows nothing of what the records hold.
 *
 * Spare segment:  making --> ready --> taken (by the group that opens it) --> making (when begun)
 *                    `-----> failed (the disk is full) --> making (`retryRoom`)
 *
 * A manager begins a segment of its own. While none can be made it goes on in the last one of those
 * before, with what frees things: its header does not say who writes there.
 */
export class Journal {
  /** Number of the last record that counts as durable. */
  durable: number;
  /** Number of the last record appended. */
  last: number;
  readonly #options: JournalOptions;
  readonly #segmentBytes: number;
  readonly #sync: boolean;
  #lastCrc: number;
  /** Number of the last record known to be synced. */
  #synced: number;
  #gathering = new Group();
  #writing = new Group();
  /** Where the next record goes in the segment that is appended to. */
  #end: number;
  /** Where that segment ends. */
  #size: number;
  /** Until there is a segment of our own. */
  #tail: Tail | null;
  /** The segment that is written to; empty before the first. */
  #file = '';
  #spare: 'making' | 'ready' | 'taken' | 'failed' = 'making';
  #hasRoom = true;
  /** Whether a segment of our own was begun. */
  #isOwn = false;
  /** Whether `later` was answered and not taken back. */
  #isAwaited = false;
  #isClosed = false;
  #failure: AttaccaError | null = null;
  #isWriting = false;
  #running: Promise<void> = Promise.resolve();
  #making: Promise<void>;
  readonly #waiters: Waiter[] = [];

  constructor(options: JournalOptions) {
    const { segmentBytes = SEGMENT_BYTES_DEFAULT, sync = true, after, tail } = options;
    assert(segmentBytes % 4_096 === 0, 'a segment has whole pages');
    assert(segmentBytes >= 4 * HEADER_BYTES, 'a segment is more than its header');
    assert(segmentBytes <= SEGMENT_BYTES_MAX, 'a segment can be read again');
    this.#options = options;
    this.#segmentBytes = segmentBytes;
    this.#sync = sync;
    this.durable = after.number;
    this.last = after.number;
    this.#synced = after.number;
    this.#lastCrc = after.crc;
    // Nothing fits: the first record begins a segment, behind whatever there was.
    this.#end = segmentBytes;
    this.#size = segmentBytes;
    this.#tail = tail;
    this.#making = this.#makeSpare();
  }

  /**
   * Resolves when it is known where the first record goes; whether that is a segment of its own, so
   * that those of before are closed. Refuses with `disk-full` when there is no place for it.
   */
  async begin(): Promise<boolean> {
    await this.#making;
    if (this.#failure !== null) throw this.#failure;
    if (this.#spare !== 'failed') return true;
    if (this.#end + this.#segmentBytes / BEGIN_FRACTION <= this.#size) return false;
    const size = this.#segmentBytes;
    throw new AttaccaError(
      'disk-full',
      `Cannot go on with the journal: its disk has no room for a segment of ${size} bytes`,
      { size },
    );
  }

  /** Behind the last record appended. */
  get place(): Place {
    return { number: this.last, crc: this.#lastCrc };
  }

  get segmentBytes(): number {
    return this.#segmentBytes;
  }

  /** Bytes of entries that one record may have. */
  get entriesBytesMax(): number {
    const room = this.#segmentBytes - HEADER_BYTES - RECORD_HEAD_BYTES;
    return Math.min(ENTRIES_BYTES_MAX, room);
  }

  /**
   * Whether a record with so many bytes of entries may be appended next. `frees`: it only frees
   * things, or says that there is no room: it may take what is kept for that. After `full`, which
   * `onRoom(false)` precedes, other records are refused until `onRoom(true)`.
   */
  reserve(entriesBytes: number, frees = false): Room {
    assert(entriesBytes <= this.entriesBytesMax, 'a record has at most entriesBytesMax');
    assert(!this.#isClosed, 'a journal that is closed takes no records');
    if (this.#failure !== null) return 'later';
    if (!this.#hasRoom && !frees) return 'full';
    const size = recordBytes(entriesBytes);
    const { size: gathered, opens } = this.#gathering;
    // A next segment that is still being made may turn out not to be.
    const isSure = this.#spare === 'ready' || (opens && gathered === 0);
    const kept = isSure || frees ? 0 : this.#segmentBytes / KEPT_FRACTION;
    if (this.#end + size + kept <= this.#size) {
      return gathered > 0 && gathered + size > GROUP_BYTES_MAX ? this.#later() : 'ok';
    }
    if (this.#spare === 'failed') {
      this.#setRoom(false);
      return 'full';
    }
    // A group lies in one segment: what is gathered must be on its way before.
    if (this.#spare !== 'ready' || gathered > 0) return this.#later();
    this.#spare = 'taken';
    this.#gathering.opens = true;
    this.#end = HEADER_BYTES;
    this.#size = this.#segmentBytes;
    return 'ok';
  }

  /**
   * Appends a record for which `reserve` just said `ok`; copies the entries, which are borrowed
   * until it returns. Returns its number; they are consecutive.
   */
  append(batch: {
    readonly now: number;
    readonly check: number;
    readonly entries: Uint8Array;
  }): number {
    const { now, check, entries } = batch;
    const size = recordBytes(entries.length);
    assert(this.#end + size <= this.#size, 'room was reserved for a record');
    assert(!this.#isClosed, 'a journal that is closed takes no records');
    const group = this.#gathering;
    if (group.size === 0) {
      group.offset = this.#end;
      group.after = { number: this.last, crc: this.#lastCrc };
    }
    group.reserve(size);
    const number = this.last + 1;
    const fields = { before: this.#lastCrc, check, number, durable: this.#synced, now, entries };
    this.#lastCrc = encodeRecord(group.view, group.size, fields, this.#options.checksum);
    group.size += size;
    group.last = number;
    this.last = number;
    this.#end += size;
    this.#start();
    return number;
  }

  /** Tries again to make the next segment, if it could not be made. */
  retryRoom(): void {
    if (this.#spare !== 'failed' || this.#isClosed) return;
    this.#making = this.#makeSpare();
  }

  /** Removes the segments that end before this record. */
  async removeCovered(firstNeeded: number): Promise<void> {
    const { disk } = this.#options;
    const firsts = (await disk.list())
      .map(({ name }) => numberIn('journal', name) ?? 0)
      .filter((first) => first > 0)
      .sort((a, b) => a - b);
    const covered = firsts.filter((_, index) => (firsts[index + 1] ?? Infinity) <= firstNeeded);
    // From the oldest on, so that no crash leaves a hole.
    for (const first of covered) {
      await disk.remove(segmentName(first));
      await disk.syncDirectory();
    }
    if (covered.length > 0) this.retryRoom();
  }

  /** Resolves when all that was appended is durable; rejects when that has failed. */
  flush(): Promise<void> {
    if (this.durable === this.last) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ number: this.last, resolve, reject });
    });
  }

  /**
   * Ends when all is on disk and nothing is under way, synced in any case. It does not close the
   * disk. Rejects when something has failed, now or before. Idempotent.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
    await this.#making;
    try {
      if (this.#failure === null) await this.#syncFile();
    } catch (cause) {
      this.#fail(cause);
    }
    if (this.#failure !== null) throw this.#failure;
  }

  /**
   * Nothing more is begun; ends when the write under way and the next segment have ended or failed:
   * nothing of this journal lands behind what another manager has found. Idempotent.
   */
  async abandon(): Promise<void> {
    this.#isClosed = true;
    const failure = new AttaccaError('internal', 'The journal was abandoned');
    this.#failure ??= failure;
    for (const { reject } of this.#waiters.splice(0)) reject(failure);
    await this.#running;
    await this.#making;
  }

  #later(): Room {
    this.#isAwaited = true;
    return 'later';
  }

  /** Tells who was put off. */
  #tellReady(): void {
    if (!this.#isAwaited) return;
    this.#isAwaited = false;
    this.#options.onReady();
  }

  #setRoom(hasRoom: boolean): void {
    if (this.#hasRoom === hasRoom) return;
    this.#hasRoom = hasRoom;
    this.#options.onRoom(hasRoom);
  }

  #fail(cause: unknown): void {
    if (this.#failure !== null) return;
    const failure =
      cause instanceof AttaccaError
        ? cause
        : new AttaccaError('internal', 'Cannot go on with the journal', {}, { cause });
    this.#failure = failure;
    this.#options.onFailed(failure);
    for (const { reject } of this.#waiters.splice(0)) reject(failure);
  }

  async #makeSpare(): Promise<void> {
    this.#spare = 'making';
    try {
      await this.#options.disk.create(SPARE, this.#segmentBytes);
      this.#spare = 'ready';
    } catch (cause) {
      if (!(cause instanceof AttaccaError && cause.code === 'disk-full')) {
        this.#fail(cause);
        return;
      }
      this.#spare = 'failed';
    }
    if (this.#failure !== null || this.#isClosed) return;
    if (this.#spare === 'ready') {
      this.#leaveTail();
      this.#setRoom(true);
    } else if (!this.#isOwn) this.#enterTail();
    this.#tellReady();
  }

  /** Goes on behind the last record of those before, with what frees things. */
  #enterTail(): void {
    this.#setRoom(false);
    if (this.#tail === null || this.#file !== '') return;
    this.#file = this.#tail.file;
    this.#end = this.#tail.offset;
    this.#size = this.#tail.size;
  }

  /** Nothing fits any more: the next record begins a segment of our own. */
  #leaveTail(): void {
    if (this.#tail === null || this.#file === '') return;
    this.#tail = { ...this.#tail, offset: this.#end };
    this.#end = this.#size;
  }

  #start(): void {
    if (this.#isWriting || this.#failure !== null) return;
    this.#isWriting = true;
    this.#running = this.#write();
  }

  /** Writes groups until nothing is gathered. */
  async #write(): Promise<void> {
    while (this.#gathering.size > 0 && this.#failure === null) {
      const group = this.#gathering;
      this.#gathering = this.#writing;
      this.#writing = group;
      this.#tellReady();
      try {
        if (group.opens) await this.#begin(group.after);
        const bytes = group.bytes.subarray(0, group.size);
        await this.#options.disk.write(this.#file, group.offset, bytes, this.#sync);
      } catch (cause) {
        this.#fail(cause);
        return;
      }
      group.size = 0;
      group.opens = false;
      if (this.#sync) this.#synced = group.last;
      this.#isDurable(group.last);
    }
    this.#isWriting = false;
  }

  #isDurable(last: number): void {
    this.durable = last;
    this.#options.onDurable(last);
    while ((this.#waiters[0]?.number ?? Infinity) <= last) this.#waiters.shift()?.resolve();
  }

  /** Makes the spare the segment behind `after`, all of which is durable before. */
  async #begin(after: Place): Promise<void> {
    const { disk, checksum, stepVersion, info } = this.#options;
    const isFirst = this.#file === '';
    await this.#syncFile();
    const page = encodeHeader(
      'journal',
      { stepVersion, after, info },
      checksum,
      this.#segmentBytes,
    );
    await disk.write(SPARE, 0, page, true);
    await this.#cutTail();
    this.#file = segmentName(after.number + 1);
    await disk.rename(SPARE, this.#file);
    await disk.syncDirectory();
    this.#isOwn = true;
    if (this.#failure !== null) return;
    this.#making = this.#makeSpare();
    if (!isFirst) this.#options.onClosed(after.number);
  }

  /**
   * What is left of the last segment of those before is room again. Before the next has its name:
   * from then on it may be covered, and removed. A crash in between makes room for a spare.
   */
  async #cutTail(): Promise<void> {
    const tail = this.#tail;
    this.#tail = null;
    if (tail === null || tail.size === tail.offset) return;
    await this.#options.disk.truncate(tail.file, tail.offset);
  }

  /** Syncs what was written without. */
  async #syncFile(): Promise<void> {
    if (this.#synced === this.durable) return;
    const last = this.durable;
    await this.#options.disk.write(this.#file, HEADER_BYTES, new Uint8Array(0), true);
    this.#synced = last;
  }
}
