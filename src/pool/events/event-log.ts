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

const SEGMENT_BITS = 12;
const SEGMENT_EVENTS = 1 << SEGMENT_BITS;
const SEGMENT_WORDS = SEGMENT_EVENTS * ROW.width;
const TEXT_BYTES = 64 * 1024;

interface Segment {
  readonly words: Uint32Array;
  readonly texts: Writer;
}

/** Holds what events name of the pool's own; told when the oldest of them go. */
interface Holder {
  release(attributes: number, tags: number, space: number): void;
}

/**
 * The last events of a pool by `seq`, which counts them all from 1 on. They lie in segments of
 * rows, and the oldest segment goes when all together take more than they may: so to add one costs
 * a row, and to forget it nothing. What an event says of an object is held and not copied, its
 * texts are copied: an object's name may be gone before what was told of it.
 */
export class EventLog {
  readonly #holder: Holder;
  readonly #segments: Segment[] = [];
  #newest: Segment = { words: new Uint32Array(0), texts: new Writer(0) };
  /** One that was dropped. */
  #spare: Segment | null = null;
  /** Of the first event of the first segment. */
  #first = 1;
  #end = 1;
  #textBytes = 0;

  constructor(holder: Holder) {
    this.#holder = holder;
  }

  /** The oldest event that is there; the next one when there is none. */
  get first(): number {
    return this.#first;
  }

  /** One more than the newest. */
  get end(): number {
    return this.#end;
  }

  get bytesUsed(): number {
    return this.#segments.length * SEGMENT_WORDS * 4 + this.#textBytes;
  }

  /** Whether the next event begins a segment. */
  get isAtBorder(): boolean {
    return this.#end - this.#first === this.#segments.length << SEGMENT_BITS;
  }

  /**
   * Adds an event, and returns its `seq`. It holds the records and uses the space, which the caller
   * has counted; its texts are empty. `timeMs`: of 1970.
   */
  add(kind: number, member: number, version: number, timeMs: number): number {
    if (this.isAtBorder) this.#beginSegment();
    const at = this.#end - this.#first;
    const words = this.#newest.words;
    const row = (at & (SEGMENT_EVENTS - 1)) * ROW.width;
    const high = Math.floor(timeMs / 0x1_0000_0000);
    words[row + ROW.kind] = kind;
    words[row + ROW.member] = member;
    words[row + ROW.version] = version;
    words[row + ROW.time] = timeMs - high * 0x1_0000_0000;
    words[row + ROW.time + 1] = high;
    return this.#end++;
  }

  /** What the newest event says: records and a space that the caller has counted for it. */
  setSaid(attributes: number, tags: number, space: number): void {
    const words = this.#newest.words;
    const row = ((this.#end - 1 - this.#first) & (SEGMENT_EVENTS - 1)) * ROW.width;
    words[row + ROW.attributes] = attributes;
    words[row + ROW.tags] = tags;
    words[row + ROW.space] = space;
  }

  #beginSegment(): void {
    const spare = this.#spare;
    this.#spare = null;
    const segment = spare ?? {
      words: new Uint32Array(SEGMENT_WORDS),
      texts: new Writer(TEXT_BYTES),
    };
    this.#newest = segment;
    this.#segments.push(segment);
    this.#textBytes += segment.texts.bytes.length;
  }

  get(seq: number, field: number): number {
    const at = this.#at(seq);
    return this.#segment(at).words[(at & (SEGMENT_EVENTS - 1)) * ROW.width + field] as number;
  }

  /** Keeps a text of the newest event; the same one as that of the event before is kept once. */
  setText(field: TextField, bytes: Uint8Array, start: number, end: number): void {
    const { words, texts } = this.#newest;
    const row = ((this.#end - 1 - this.#first) & (SEGMENT_EVENTS - 1)) * ROW.width;
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
    const room = texts.bytes.length;
    texts.rawRange(bytes, start, end);
    this.#textBytes += texts.bytes.length - room;
  }

  /** Where a text is: good until the next event is added. */
  readText(seq: number, field: TextField, into: Span): void {
    const at = this.#at(seq);
    const { words, texts } = this.#segment(at);
    const row = (at & (SEGMENT_EVENTS - 1)) * ROW.width + field;
    into.bytes = texts.bytes;
    into.start = words[row] as number;
    into.end = into.start + (words[row + 1] as number);
  }

  text(seq: number, field: TextField): string {
    const span: Span = { bytes: NOTHING, start: 0, end: 0 };
    this.readText(seq, field, span);
    return decodeUtf8(span.bytes, span.start, span.end);
  }

  /** Takes the newest event back. */
  undo(): void {
    const at = this.#at(this.#end - 1);
    const { words } = this.#segment(at);
    const row = (at & (SEGMENT_EVENTS - 1)) * ROW.width;
    this.#release(words, row);
    words.fill(0, row, row + ROW.width);
    this.#end--;
    // A segment that has nothing in it any more stays for the next one.
    if (this.#end - this.#first === (this.#segments.length - 1) << SEGMENT_BITS) {
      this.#spare = this.#segments.pop() ?? null;
      this.#spare?.texts.reset();
      this.#textBytes -= this.#spare?.texts.bytes.length ?? 0;
      this.#newest = this.#segments.at(-1) ?? this.#newest;
    }
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
    return this.#first + SEGMENT_EVENTS;
  }

  /** Forgets the oldest segment, but never the one that is being filled. */
  dropOldest(): boolean {
    if (this.#segments.length < 2) return false;
    const segment = this.#segments.shift();
    assert(segment !== undefined, 'a segment that is dropped is there');
    const { words, texts } = segment;
    for (let row = 0; row < SEGMENT_WORDS; row += ROW.width) this.#release(words, row);
    this.#textBytes -= texts.bytes.length;
    // Used again: to make one costs more than to clear it.
    if (texts.bytes.length <= 4 * TEXT_BYTES) {
      words.fill(0);
      texts.reset();
      this.#spare = segment;
    }
    this.#first += SEGMENT_EVENTS;
    return true;
  }

  /** Forgets all events; `seq` goes on. */
  clear(): void {
    while (this.dropOldest());
    const words = this.#segments.pop()?.words;
    for (let at = 0; at < this.#end - this.#first; at++) {
      if (words !== undefined) this.#release(words, at * ROW.width);
    }
    this.#first = this.#end;
    this.#textBytes = 0;
  }

  /** When the newest event of the oldest segment was, if that segment is full. */
  get oldestTime(): number | null {
    if (this.#segments.length < 2) return null;
    return this.getTime(this.#first + SEGMENT_EVENTS - 1);
  }

  save(w: StateWriter): void {
    w.u64(this.#first);
    w.u64(this.#end);
    this.#segments.forEach(({ words, texts }, index) => {
      w.words(words.subarray(0, this.#used(index)));
      w.bytes(texts.bytes.subarray(0, texts.at));
    });
  }

  /** How many words of a segment have events. */
  #used(index: number): number {
    const events = this.#end - this.#first - index * SEGMENT_EVENTS;
    return Math.min(events, SEGMENT_EVENTS) * ROW.width;
  }

  restore(r: StateReader): void {
    assert(this.#segments.length === 0, 'a log that is restored is new');
    this.#first = r.u64();
    this.#end = r.u64();
    checkSaved(this.#first >= 1 && this.#end >= this.#first, 'events are counted from 1');
    const segments = Math.ceil((this.#end - this.#first) / SEGMENT_EVENTS);
    const bytes = (this.#end - this.#first) * ROW.width * 4;
    checkSaved(bytes <= r.remaining, 'a log has its events');
    for (let index = 0; index < segments; index++) {
      const words = r.words(SEGMENT_WORDS, this.#used(index));
      const saved = r.bytes();
      const texts = new Writer(Math.max(TEXT_BYTES, saved.length));
      texts.raw(saved);
      for (let row = 0; row < SEGMENT_WORDS; row += ROW.width) checkTexts(words, row, texts.at);
      this.#newest = { words, texts };
      this.#segments.push(this.#newest);
      this.#textBytes += texts.bytes.length;
    }
  }

  /** Calls `visit` with what each event holds. */
  eachHeld(visit: (attributes: number, tags: number, space: number) => void): void {
    for (let seq = this.#first; seq < this.#end; seq++) {
      visit(this.get(seq, ROW.attributes), this.get(seq, ROW.tags), this.get(seq, ROW.space));
    }
  }

  #release(words: Uint32Array, row: number): void {
    const attributes = words[row + ROW.attributes] as number;
    const tags = words[row + ROW.tags] as number;
    const space = words[row + ROW.space] as number;
    if ((attributes | tags | space) !== 0) this.#holder.release(attributes, tags, space);
  }

  #at(seq: number): number {
    assert(seq >= this.#first && seq < this.#end, 'an event that is read is there');
    return seq - this.#first;
  }

  #segment(at: number): Segment {
    return this.#segments[at >>> SEGMENT_BITS] as Segment;
  }
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
