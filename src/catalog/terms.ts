import { assert } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { VALUE_TYPE } from '../core/value.js';
import type { Arena } from './arena.js';
import { Column } from './column.js';
import { Directory } from './directory.js';
import { hashBytes } from './hash.js';
import { Postings } from './postings.js';
import { addPairs, type Signature } from './signature.js';
import { Table } from './table.js';

/** A row of the table of terms. */
const TERM = {
  key: 0,
  /** Arena record of the encoded value. */
  value: 1,
  hash: 2,
  /** Records that hold the term. */
  uses: 3,
  /** The set of rows that are found by it. */
  rows: 4,
  /** Its place in the column of its key and kind. */
  slot: 5,
  width: 6,
} as const;

/** Values that a scan tells apart: each kind of a key has a column of its own. */
export const KIND = { number: 0, time: 1, text: 2, list: 3, other: 4 } as const;
const KINDS = 5;
/** 2^32 divided by the golden ratio, to tell equal values of different keys apart. */
const SPREAD = 0x9e3779b1;

/** The values of a key, by kind. */
type Columns = (Column | null)[];

/**
 * Attributes and tags by value: a term is a key with a value, kept once however many records hold
 * it, with the rows of all objects that are found by it. So records are lists of terms, and all
 * that is said of an object can be searched: equal values by hash, all others by a scan over the
 * distinct values of the key. Maintained within each operation, exact at every moment.
 */
export class Terms {
  readonly postings = new Postings();
  readonly #arena: Arena;
  readonly #seed: number;
  readonly #rows = new Table(TERM.width);
  readonly #directory = new Directory();
  readonly #keys: (Columns | undefined)[] = [];
  /** Of each key the term that was last looked for: what comes next is often of the same value. */
  #last = new Uint32Array(64);
  readonly #reader = new Reader();
  readonly #signature: Signature = { low: 0, high: 0 };
  // What is looked for; kept here so that no search makes a closure.
  #wantedKey = 0;
  #wanted: Uint8Array = new Uint8Array(0);
  #wantedStart = 0;
  #wantedEnd = 0;
  readonly #same = (term: number): boolean =>
    this.#rows.get(term, TERM.key) === this.#wantedKey &&
    this.#arena.equals(
      this.#rows.get(term, TERM.value),
      this.#wanted,
      this.#wantedStart,
      this.#wantedEnd,
    );

  constructor(arena: Arena, seed: number) {
    this.#arena = arena;
    this.#seed = seed;
  }

  /** Distinct values of all keys. */
  get used(): number {
    return this.#rows.used;
  }

  /** What the index takes beside the values themselves. */
  get bytesUsed(): number {
    let bytes = this.#rows.bytesUsed + this.#directory.bytesUsed + this.postings.bytesAllocated;
    for (const key of this.#keys) {
      for (const column of key ?? []) bytes += column?.bytesUsed ?? 0;
    }
    return bytes;
  }

  /** Gives back what empty terms have grown to: no term and no set is named anywhere. */
  beginAnew(): void {
    this.#rows.beginAnew();
    this.#directory.beginAnew();
    this.#keys.length = 0;
    this.#last.fill(0);
    this.postings.beginAnew();
  }

  /** Without the values, which are in the arena. */
  save(w: StateWriter): void {
    this.#rows.save(w);
    this.#directory.save(w);
    w.u32(this.#keys.length);
    for (const key of this.#keys) {
      w.flag(key !== undefined);
      for (const column of key ?? []) {
        w.flag(column !== null);
        column?.save(w);
      }
    }
    this.postings.save(w);
  }

  /**
   * Fills terms that are new. `keys`: how many keys there are; `sets`: those of the postings that
   * are another's.
   */
  restore(r: StateReader, keys: number, sets: readonly number[]): void {
    this.#rows.restore(r);
    this.#directory.restore(r);
    checkSaved(this.#directory.used === this.#rows.used, 'a term is found by its value');
    const count = r.u32();
    checkSaved(count <= keys + 1, 'terms are of keys');
    for (let key = 0; key < count; key++) {
      const terms = r.flag() ? restoreKey(r) : undefined;
      if (terms !== undefined) this.#keys[key] = terms;
    }
    // What comes last may be keys without terms.
    this.#keys.length = count;
    const named = [...sets];
    let columns = 0;
    for (let term = 1; term < this.#rows.end; term++) {
      if (!this.#isTerm(term)) continue;
      named.push(this.rowsOf(term));
      this.#checkSaved(term, keys);
      columns++;
    }
    for (const key of this.#keys) {
      for (const column of key ?? []) columns -= column?.used ?? 0;
    }
    checkSaved(columns === 0, 'a column has terms that are there');
    this.postings.restore(r, named);
  }

  /** A released row has nothing but a link. */
  #isTerm(term: number): boolean {
    return this.usesOf(term) > 0;
  }

  #checkSaved(term: number, keys: number): void {
    const key = this.keyOf(term);
    const record = this.valueOf(term);
    checkSaved(key > 0 && key <= keys, 'a term has a key');
    checkSaved(this.#arena.has(record), 'a term has a value');
    const column = this.#columnOf(term, record);
    const slot = this.#rows.get(term, TERM.slot);
    checkSaved(column?.termIn(slot) === term, 'a term is in its column');
    if (column !== null) column.valueBytes += this.#arena.size(record);
  }

  /** The term of a key and an encoded value, or 0. */
  find(key: number, bytes: Uint8Array, start: number, end: number): number {
    return this.#find(this.#hash(key, bytes, start, end), key, bytes, start, end);
  }

  /** As {@link find}, made when it is not there; used once more. */
  intern(key: number, bytes: Uint8Array, start: number, end: number): number {
    if (key >= this.#last.length) this.#last = enlarged(this.#last, key);
    let term = this.#last[key] as number;
    let fields = this.#rows.fields(term);
    let at = this.#rows.at(term);
    if (term === 0 || !this.#arena.equals(fields[at + TERM.value] as number, bytes, start, end)) {
      const hash = this.#hash(key, bytes, start, end);
      term = this.#find(hash, key, bytes, start, end);
      if (term === 0) term = this.#make(hash, key, bytes, start, end);
      this.#last[key] = term;
      fields = this.#rows.fields(term);
      at = this.#rows.at(term);
    }
    fields[at + TERM.uses] = (fields[at + TERM.uses] as number) + 1;
    return term;
  }

  /** A record holds the term once more. */
  use(term: number): void {
    this.#rows.add(term, TERM.uses, 1);
  }

  /** A record holds the term no longer. */
  release(term: number): void {
    const rows = this.#rows;
    if (rows.add(term, TERM.uses, -1) > 0) return;
    assert(rows.get(term, TERM.rows) === 0, 'what finds an object is held by a record of it');
    const key = rows.get(term, TERM.key);
    if (this.#last[key] === term) this.#last[key] = 0;
    const record = rows.get(term, TERM.value);
    const column = this.#columnOf(term, record);
    assert(column !== null, 'a term is in its column');
    column.remove(rows.get(term, TERM.slot));
    column.valueBytes -= this.#arena.size(record);
    this.#directory.remove(rows.get(term, TERM.hash), term);
    this.#arena.free(record);
    rows.release(term);
  }

  /** Records that hold the term. */
  usesOf(term: number): number {
    return this.#rows.get(term, TERM.uses);
  }

  keyOf(term: number): number {
    return this.#rows.get(term, TERM.key);
  }

  /** Whether the value is a number or a moment. */
  isMeasure(term: number): boolean {
    const record = this.valueOf(term);
    const kind = kindOf(this.#arena.chunk(record)[this.#arena.start(record)] as number);
    return kind === KIND.number || kind === KIND.time;
  }

  /** The arena record of the encoded value. */
  valueOf(term: number): number {
    return this.#rows.get(term, TERM.value);
  }

  /** The set of rows that are found by a term. */
  rowsOf(term: number): number {
    return this.#rows.get(term, TERM.rows);
  }

  /** Whether a key has, or had, a value. */
  hasKey(key: number): boolean {
    return this.#keys[key] !== undefined;
  }

  /** How many distinct values a key has. */
  valuesOf(key: number): number {
    let values = 0;
    for (const column of this.#keys[key] ?? []) values += column?.used ?? 0;
    return values;
  }

  /** All terms of a key, those by which no row is found among them. */
  eachOf(key: number, visit: (term: number) => void): void {
    for (const column of this.#keys[key] ?? []) column?.each(visit);
  }

  /** Visits terms of a key until a visit returns true; whether one has. */
  someOf(key: number, visit: (term: number) => boolean): boolean {
    return (this.#keys[key] ?? []).some((column) => column?.some(visit));
  }

  column(key: number, kind: number): Column | null {
    return this.#keys[key]?.[kind] ?? null;
  }

  /** From now on the row is found by the term. Returns the key. */
  show(term: number, row: number): number {
    const fields = this.#rows.fields(term);
    const at = this.#rows.at(term);
    const set = fields[at + TERM.rows] as number;
    const then = this.postings.add(set, row);
    if (then !== set) fields[at + TERM.rows] = then;
    return fields[at + TERM.key] as number;
  }

  hide(term: number, row: number): void {
    this.#rows.set(term, TERM.rows, this.postings.remove(this.#rows.get(term, TERM.rows), row));
  }

  /** As {@link show}, of rows in ascending order. */
  showMany(term: number, rows: readonly number[]): void {
    this.#rows.set(term, TERM.rows, this.postings.addMany(this.#rows.get(term, TERM.rows), rows));
  }

  /** As {@link hide}, of rows in ascending order. */
  hideMany(term: number, rows: readonly number[]): void {
    const set = this.#rows.get(term, TERM.rows);
    this.#rows.set(term, TERM.rows, this.postings.removeMany(set, rows));
  }

  /** The hash by which the term of a key and an encoded value is found, whether there is one. */
  hashFor(key: number, bytes: Uint8Array, start: number, end: number): number {
    return this.#hash(key, bytes, start, end);
  }

  hashOf(term: number): number {
    return this.#rows.get(term, TERM.hash);
  }

  #hash(key: number, bytes: Uint8Array, start: number, end: number): number {
    return hashBytes(bytes, start, end, this.#seed ^ Math.imul(key, SPREAD));
  }

  #find(hash: number, key: number, bytes: Uint8Array, start: number, end: number): number {
    this.#wantedKey = key;
    this.#wanted = bytes;
    this.#wantedStart = start;
    this.#wantedEnd = end;
    const first = this.#directory.first(hash);
    if (first === 0 || this.#same(first)) return first;
    return this.#directory.find(hash, this.#same);
  }

  #make(hash: number, key: number, bytes: Uint8Array, start: number, end: number): number {
    const rows = this.#rows;
    const term = rows.allocate();
    const record = this.#arena.store(bytes, start, end);
    const fields = rows.fields(term);
    const at = rows.at(term);
    fields[at + TERM.key] = key;
    fields[at + TERM.value] = record;
    fields[at + TERM.hash] = hash;
    fields[at + TERM.slot] = this.#addToColumn(term, key, bytes, start, end);
    this.#directory.insert(hash, term);
    return term;
  }

  #addToColumn(term: number, key: number, bytes: Uint8Array, start: number, end: number): number {
    const kind = kindOf(bytes[start] as number);
    const columns = this.#columns(key);
    let column = columns[kind] ?? null;
    if (column === null) {
      column = new Column();
      columns[kind] = column;
    }
    column.valueBytes += end - start;
    if (kind === KIND.number || kind === KIND.time) {
      this.#reader.reset(bytes, start, end);
      return column.addNumber(term, readNumber(this.#reader));
    }
    if (kind !== KIND.text) return column.add(term, 0, 0);
    const signature = this.#signature;
    signature.low = 0;
    signature.high = 0;
    addPairs(signature, bytes, start + TEXT_AT, end);
    return column.add(term, signature.low, signature.high);
  }

  #columnOf(term: number, record: number): Column | null {
    const type = this.#arena.chunk(record)[this.#arena.start(record)] as number;
    return this.column(this.#rows.get(term, TERM.key), kindOf(type));
  }

  #columns(key: number): Columns {
    let found = this.#keys[key];
    if (found === undefined) {
      found = new Array<Column | null>(KINDS).fill(null);
      this.#keys[key] = found;
    }
    return found;
  }
}

/** An array with a place for `index`. */
function enlarged(array: Uint32Array<ArrayBuffer>, index: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(Math.max(array.length * 2, index + 1));
  grown.set(array);
  return grown;
}

function restoreKey(r: StateReader): Columns {
  const columns: Columns = [];
  for (let kind = 0; kind < KINDS; kind++) {
    const column = r.flag() ? new Column() : null;
    column?.restore(r);
    columns.push(column);
  }
  return columns;
}

/** An encoded text begins with its type and its size. */
export const TEXT_AT = 5;

function kindOf(type: number): number {
  switch (type) {
    case VALUE_TYPE.int64:
    case VALUE_TYPE.uint64:
    case VALUE_TYPE.float64:
      return KIND.number;
    case VALUE_TYPE.timestamp:
      return KIND.time;
    case VALUE_TYPE.string:
      return KIND.text;
    case VALUE_TYPE.list:
      return KIND.list;
    default:
      return KIND.other;
  }
}

/** The number of an encoded integer, float or timestamp, rounded to a float64: order is kept. */
function readNumber(r: Reader): number {
  const type = r.u8();
  if (type === VALUE_TYPE.float64) return r.f64();
  const low = r.u32();
  const high = r.u32();
  const top = type === VALUE_TYPE.uint64 ? high : high | 0;
  return top * 0x1_0000_0000 + low;
}
