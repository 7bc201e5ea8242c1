import type { Span } from '../../catalog/compile.js';
import { assert } from '../../core/assert.js';
import { Writer } from '../../core/bytes.js';
import { checkSaved, type StateReader, type StateWriter } from '../../core/state-codec.js';
import { decodeUtf8 } from '../../core/utf8.js';

/** What is kept of an event: a row of words. */
export const ROW = {
  /** One of EVENT; above it EVENT_FLAG bits, from 2^8 on. */
  kind: 0,
  /** Who did it: an id, of a member that may be gone. */
  member: 1,
  version: 2,
  /** Attributes and tags of the object, or what was emitted: records that the event holds. */
  attributes: 3,
  tags: 4,
  /** The space, which the event uses. */
  space: 5,
  /** By the clock on the wall: ms of 1970, two fields. */
  time: 6,
  /** Texts within the segment, each by its place and size: who, of what, and what else. */
  who: 8,
  name: 10,
  topic: 12,
  width: 14,
} as const;

/** The fields of a row that name a text. */
type TextField = typeof ROW.who | typeof ROW.name | typeof ROW.topic;

/** So many events a segment has at most. */
const SEGMENT_EVENTS = 4_096;
/** ... and at least room for, however little a pool keeps. */
const SEGMENT_EVENTS_LEAST = 64;
const ROW_BYTES = ROW.width * 4;
/** A log that is full has so many segments: that much of it goes at a time. */
const SEGMENTS = 8;

/** Events side by side, as many as there is room for; the newest grows. */
interface Segment {
  /** The `seq` of the first one. */
  readonly first: number;
  count: number;
  readonly words: Uint32Array;
  readonly texts: Writer;
  /** What the records take that its events hold. */
  heldBytes: number;
}

/** Holds what events name of the pool's own; told when the oldest of them go. */
interface Holder {
  release(attributes: number, tags: number, space: number): void;
}

/**
 * The last events of a pool by `seq`, which counts them all from 1 on. They lie in segments of
 * rows, and the oldest segment goes when all together take more than they may: so to add one costs
 * a row, and to forget it nothing. What an event says of an object is held and not copied, its
 * texts are copied: an object's name may be gone before what was told of it. What is held counts
 * with each event that holds it, as the last of them may be all that keeps it.
 */
export class EventLog {
  readonly #holder: Holder;
  readonly #segments: Segment[] = [];
  #newest: Segment | null = null;
  /** One that was looked into last. */
  #looked: Segment | null = null;
  #end = 1;
  /** Of all segments but the newest. */
  #olderBytes = 0;
  /** Of the newest event, for who takes it back. */
  #textsBefore = 0;
  #heldBefore = 0;

  constructor(holder: Holder) {
    this.#holder = holder;
  }

  /** The oldest event that is there; the next one when there is none. */
  get first(): number {
    return this.#segments[0]?.first ?? this.#end;
  }

  /** One more than the newest. */
  get end(): number {
    return this.#end;
  }

  /** What its events take: rows, texts, and the records that they hold. */
  get bytesUsed(): number {
    return this.#olderBytes + (this.#newest === null ? 0 : bytesOf(this.#newest));
  }

  /** Whether the next event begins a segment, of a log that may take so many bytes. */
  isAtBorder(limit: number): boolean {
    const newest = this.#newest;
    if (newest === null || newest.count * ROW.width === newest.words.length) return true;
    return newest.count > 0 && bytesOf(newest) >= limit / SEGMENTS;
  }

  /** When the first event of the segment was that is being filled; null: it has none. */
  get newestBegan(): number | null {
    const newest = this.#newest;
    return newest === null || newest.count === 0 ? null : this.getTime(newest.first);
  }

  /** Begins a segment; the log may take so many bytes. */
  beginSegment(limit: number): void {
    const events = Math.floor(limit / SEGMENTS / ROW_BYTES);
    const room = Math.min(SEGMENT_EVENTS, Math.max(SEGMENT_EVENTS_LEAST, events));
    if (this.#newest !== null) this.#olderBytes += bytesOf(this.#newest);
    this.#newest = {
      ...{ first: this.#end, count: 0, heldBytes: 0 },
      words: new Uint32Array(room * ROW.width),
      texts: new Writer(room * 16),
    };
    this.#segments.push(this.#newest);
  }

  /**
   * Adds an event, and returns its `seq`: there is room, as nobody is at a border. It holds the
   * records and uses the space, which the caller has counted; its texts are empty. `timeMs`: of
   * 1970.
   */
  add(kind: number, member: number, version: number, timeMs: number): number {
    const newest = this.#newestOf();
    const { words, count, texts } = newest;
    const row = count * ROW.width;
    const high = Math.floor(timeMs / 0x1_0000_0000);
    words[row + ROW.kind] = kind;
    words[row + ROW.member] = member;
    words[row + ROW.version] = version;
    words[row + ROW.time] = timeMs - high * 0x1_0000_0000;
    words[row + ROW.time + 1] = high;
    newest.count = count + 1;
    this.#textsBefore = texts.at;
    this.#heldBefore = newest.heldBytes;
    return this.#end++;
  }

  /**
   * What the newest event says: records and a space that the caller has counted for it, and how
   * many bytes the records take.
   */
  setSaid(attributes: number, tags: number, space: number, bytes: number): void {
    const newest = this.#newestOf();
    const row = (newest.count - 1) * ROW.width;
    newest.words[row + ROW.attributes] = attributes;
    newest.words[row + ROW.tags] = tags;
    newest.words[row + ROW.space] = space;
    newest.heldBytes += bytes;
  }

  get(seq: number, field: number): number {
    const { words, first } = this.#segmentOf(seq);
    return words[(seq - first) * ROW.width + field] as number;
  }

  /** Keeps a text of the newest event; the same one as that of the event before is kept once. */
  setText(field: TextField, bytes: Uint8Array, start: number, end: number): void {
    const { words, texts, count } = this.#newestOf();
    const row = (count - 1) * ROW.width;
    const size = end - start;
    words[row + field + 1] = size;
    const before = row - ROW.width + field;
    if (row > 0 && words[before + 1] === size) {
      const other = words[before] as number;
      if (areEqual(texts.bytes, other, bytes, start, size)) {
        words[row + field] = other;
        return;
      }
    }
    words[row + field] = texts.at;
    texts.rawRange(bytes, start, end);
  }

  /** Where a text is: good until the next event is added. */
  readText(seq: number, field: TextField, into: Span): void {
    const { words, texts, first } = this.#segmentOf(seq);
    const row = (seq - first) * ROW.width + field;
    into.bytes = texts.bytes;
    into.start = words[row] as number;
    into.end = into.start + (words[row + 1] as number);
  }

  text(seq: number, field: TextField): string {
    const span: Span = { bytes: NOTHING, start: 0, end: 0 };
    this.readText(seq, field, span);
    return decodeUtf8(span.bytes, span.start, span.end);
  }

  /** Takes the newest event back, before another one is added. */
  undo(): void {
    const newest = this.#newestOf();
    const row = (newest.count - 1) * ROW.width;
    this.#release(newest.words, row);
    newest.words.fill(0, row, row + ROW.width);
    newest.count--;
    newest.texts.at = this.#textsBefore;
    newest.heldBytes = this.#heldBefore;
    this.#end--;
  }

  getTime(seq: number): number {
    return this.get(seq, ROW.time + 1) * 0x1_0000_0000 + this.get(seq, ROW.time);
  }

  /** Whether there is a segment that may be forgotten. */
  get hasMany(): boolean {
    return this.#segments.length > 1;
  }

  /** The first event behind the oldest segment. */
  get endOfOldest(): number {
    const [oldest] = this.#segments;
    return oldest === undefined ? this.#end : oldest.first + oldest.count;
  }

  /** Forgets the oldest segment, but never the one that is being filled. */
  dropOldest(): boolean {
    if (this.#segments.length < 2) return false;
    const segment = this.#segments.shift();
    assert(segment !== undefined, 'a segment that is dropped is there');
    const { words, count } = segment;
    for (let at = 0; at < count; at++) this.#release(words, at * ROW.width);
    this.#olderBytes -= bytesOf(segment);
    this.#looked = null;
    return true;
  }

  /** Forgets all events; `seq` goes on. */
  clear(): void {
    while (this.dropOldest());
    const newest = this.#segments.pop();
    for (let at = 0; at < (newest?.count ?? 0); at++) {
      this.#release((newest as Segment).words, at * ROW.width);
    }
    this.#newest = null;
    this.#looked = null;
  }

  /** When the newest event of the oldest segment was, if that segment is full. */
  get oldestTime(): number | null {
    return this.#segments.length < 2 ? null : this.getTime(this.endOfOldest - 1);
  }

  save(w: StateWriter): void {
    w.u64(this.#end);
    w.u32(this.#segments.length);
    for (const { first, count, words, texts, heldBytes } of this.#segments) {
      w.u64(first);
      w.u32(count);
      w.u32(words.length / ROW.width);
      w.u64(heldBytes);
      w.words(words.subarray(0, count * ROW.width));
      w.bytes(texts.bytes.subarray(0, texts.at));
    }
  }

  restore(r: StateReader): void {
    assert(this.#segments.length === 0, 'a log that is restored is new');
    this.#end = r.u64();
    let next = 0;
    for (let left = r.count(32); left > 0; left--) {
      const segment = restoreSegment(r);
      checkSaved(next === 0 || segment.first === next, 'events are counted without a gap');
      next = segment.first + segment.count;
      if (this.#newest !== null) this.#olderBytes += bytesOf(this.#newest);
      this.#newest = segment;
      this.#segments.push(segment);
    }
    checkSaved(this.#end >= 1 && (next === 0 || next === this.#end), 'a log has its events');
  }

  /** Calls `visit` with what each event holds. */
  eachHeld(visit: (attributes: number, tags: number, space: number) => void): void {
    for (let seq = this.first; seq < this.#end; seq++) {
      visit(this.get(seq, ROW.attributes), this.get(seq, ROW.tags), this.get(seq, ROW.space));
    }
  }

  #release(words: Uint32Array, row: number): void {
    const attributes = words[row + ROW.attributes] as number;
    const tags = words[row + ROW.tags] as number;
    const space = words[row + ROW.space] as number;
    if ((attributes | tags | space) !== 0) this.#holder.release(attributes, tags, space);
  }

  #newestOf(): Segment {
    const newest = this.#newest;
    assert(newest !== null, 'a segment was begun');
    return newest;
  }

  /** Most are asked for of the newest, or one after the other. */
  #segmentOf(seq: number): Segment {
    const newest = this.#newestOf();
    if (seq >= newest.first) {
      assert(seq < this.#end, 'an event that is read is there');
      return newest;
    }
    const looked = this.#looked;
    if (looked !== null && seq >= looked.first && seq < looked.first + looked.count) return looked;
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#segments[middle] as Segment).first <= seq) low = middle;
      else high = middle - 1;
    }
    const found = this.#segments[low] as Segment;
    assert(seq >= found.first && seq < found.first + found.count, 'an event that is read is there');
    this.#looked = found;
    return found;
  }
}

function bytesOf({ count, texts, heldBytes }: Segment): number {
  return count * ROW_BYTES + texts.at + heldBytes;
}

function restoreSegment(r: StateReader): Segment {
  const first = r.u64();
  const count = r.u32();
  const room = r.u32();
  const heldBytes = r.u64();
  checkSaved(first >= 1 && count <= room && room <= SEGMENT_EVENTS, 'a segment has its events');
  const words = r.words(room * ROW.width, count * ROW.width);
  const saved = r.bytes();
  const texts = new Writer(Math.max(room * 16, saved.length));
  texts.raw(saved);
  for (let at = 0; at < count; at++) checkTexts(words, at * ROW.width, texts.at);
  return { first, count, words, texts, heldBytes };
}

const NOTHING = new Uint8Array(0);

function checkTexts(words: Uint32Array, row: number, end: number): void {
  for (const field of [ROW.who, ROW.name, ROW.topic]) {
    const at = words[row + field] as number;
    checkSaved(at + (words[row + field + 1] as number) <= end, 'an event has its texts');
  }
}

function areEqual(
  one: Uint8Array,
  at: number,
  other: Uint8Array,
  start: number,
  size: number,
): boolean {
  for (let index = 0; index < size; index++) {
    if (one[at + index] !== other[start + index]) return false;
  }
  return true;
}
