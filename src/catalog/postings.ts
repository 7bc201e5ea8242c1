import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { BITMAP, checkContainer, hasLow } from './containers.js';
import {
  addRowsOf,
  andBits,
  andNotBits,
  countCommonBits,
  orBits,
  WINDOW_BITS,
  WINDOW_ROWS,
  WINDOW_WORDS,
} from './row-set.js';
import {
  andNotRows,
  andRows,
  countCommonRows,
  insertAt,
  isAscending,
  isThin,
  lowerBound,
  orRows,
  type Rows,
  removeAt,
} from './sorted.js';
import {
  addManyToDirectory,
  addToDirectory,
  DIRECTORY,
  ENTRIES,
  ENTRY,
  entryFrom,
  freeDirectory,
  newDirectory,
  removeFromDirectory,
  removeManyFromDirectory,
  rowsInDirectory,
} from './windows.js';
import {
  type Claims,
  capacityOf,
  changeCount,
  countOf,
  kindOf,
  WordArena,
  wordAt,
} from './word-arena.js';

const WINDOWS = 1 << 15;

const ROWS_END = WINDOWS * WINDOW_ROWS;
/**
 * Added to a row it is the set of that row. References are sets as they are: being small integers
 * to the engine they are not boxed, which is a third of the time to add a row.
 */
const SINGLE = 0x8000_0000;

/** A kind of blocks, beside those of containers and of directories: all rows, sorted. */
const LIST = 3;

/** From here on a list that has to grow becomes a directory, if that is the smaller of the two. */
const LIST_MIN = 128;
const LIST_MAX = 1_024;
/** A directory with so few rows becomes a list. */
const LIST_AGAIN = 64;

interface Span {
  isBitmap: boolean;
  rows: Rows;
  start: number;
  end: number;
}

const NO_ROWS = new Uint32Array(0);

/**
 * Very many sets of rows (1 to 2^31 - 1), most of which have one row, some thousands, a few nearly
 * all: what an index has for each value. A set is a u32 that its owner keeps: 0 is the empty set;
 * with the top bit it is a set of one row, which is the rest of it and takes nothing here; others
 * are the reference of a block. So what adds or removes returns the set that is there then. Some
 * hundred rows are a sorted list; more of them are kept as Roaring bitmaps are (Lemire et al.
 * 2016), by windows of 65,536 rows: in a window few are a sorted array, many a bitmap. No operation
 * moves more than one window, one list of 1,024 rows, or one directory: 8 bytes a window.
 */
export class Postings {
  readonly #arena = new WordArena();
  /** Where the rows of one window are, or their bitmap begins, for who has looked for them. */
  readonly #span: Span = { isBitmap: false, rows: NO_ROWS, start: 0, end: 0 };
  readonly #single = new Uint32Array(1);

  /** Bytes in sets, rounding and heads included. */
  get bytesUsed(): number {
    return this.#arena.bytesUsed;
  }

  get bytesAllocated(): number {
    return this.#arena.bytesAllocated;
  }

  /** Adds a row that is not in the set. */
  add(set: number, row: number): number {
    assert(row > 0 && row < ROWS_END, 'a row is 1 to 2^31 - 1');
    if (set === 0) return SINGLE + row;
    if (set >= SINGLE) return this.#pair(set - SINGLE, row);
    const head = this.#arena.words(set)[wordAt(set)] as number;
    return kindOf(head) === LIST
      ? this.#addToList(set, row)
      : addToDirectory(this.#arena, set, row);
  }

  /** Removes a row that is in the set. */
  remove(set: number, row: number): number {
    assert(set !== 0, 'a removed row is in the set');
    if (set >= SINGLE) {
      assert(set - SINGLE === row, 'a removed row is in the set');
      return 0;
    }
    const head = this.#arena.words(set)[wordAt(set)] as number;
    if (kindOf(head) === LIST) return this.#removeFromList(set, row);
    return this.#shrunk(removeFromDirectory(this.#arena, set, row));
  }

  /** As {@link add}, of rows in ascending order. */
  addMany(set: number, rows: readonly number[]): number {
    let then = set;
    let from = 0;
    for (; from < rows.length && !this.#isDirectory(then); from++) {
      then = this.add(then, rows[from] as number);
    }
    return from === rows.length ? then : addManyToDirectory(this.#arena, then, rows, from);
  }

  /** As {@link remove}, of rows in ascending order. */
  removeMany(set: number, rows: readonly number[]): number {
    if (this.#isDirectory(set)) {
      return this.#shrunk(removeManyFromDirectory(this.#arena, set, rows));
    }
    let then = set;
    for (const row of rows) then = this.remove(then, row);
    return then;
  }

  #isDirectory(set: number): boolean {
    if (set === 0 || set >= SINGLE) return false;
    return kindOf(this.#arena.words(set)[wordAt(set)] as number) === DIRECTORY;
  }

  has(set: number, row: number): boolean {
    if (set === 0 || set >= SINGLE) return set === SINGLE + row;
    const words = this.#arena.words(set);
    const at = wordAt(set);
    const head = words[at] as number;
    const count = countOf(head);
    if (kindOf(head) === LIST) {
      const end = at + 1 + count;
      const place = lowerBound(words, at + 1, end, row);
      return place < end && words[place] === row;
    }
    const window = row >>> WINDOW_BITS;
    const entry = entryFrom(words, at + ENTRIES, count, window);
    if (entry === at + ENTRIES + count * ENTRY || words[entry] !== window) return false;
    return hasLow(this.#arena, words[entry + 1] as number, row & (WINDOW_ROWS - 1));
  }

  /** Those of some rows, in ascending order, that the set has. */
  common(set: number, rows: readonly number[]): number[] {
    const words = set === 0 || set >= SINGLE ? null : this.#arena.words(set);
    const head = words === null ? 0 : (words[wordAt(set)] as number);
    if (words === null || kindOf(head) !== LIST) return rows.filter((row) => this.has(set, row));
    const found: number[] = [];
    let place = wordAt(set) + 1;
    const end = place + countOf(head);
    for (const row of rows) {
      // What is searched begins where the row before was, and doubles until it has passed.
      let step = 1;
      while (place + step < end && (words[place + step] as number) < row) step *= 2;
      place = lowerBound(words, place + (step >>> 1), Math.min(place + step + 1, end), row);
      if (place === end) break;
      if (words[place] === row) found.push(row);
    }
    return found;
  }

  count(set: number): number {
    if (set === 0 || set >= SINGLE) return set === 0 ? 0 : 1;
    const words = this.#arena.words(set);
    const at = wordAt(set);
    const head = words[at] as number;
    return kindOf(head) === LIST ? countOf(head) : (words[at + 1] as number);
  }

  /** The row of a set that has one and takes nothing here; 0 for every other. */
  onlyRow(set: number): number {
    return set >= SINGLE ? set - SINGLE : 0;
  }

  /** Ends a set: its rows go with it. */
  free(set: number): void {
    if (set === 0 || set >= SINGLE) return;
    const words = this.#arena.words(set);
    const at = wordAt(set);
    if (kindOf(words[at] as number) === DIRECTORY) freeDirectory(this.#arena, set);
    else this.#arena.free(set);
  }

  /** The first window from `from` on in which the set has rows, or -1. */
  windowFrom(set: number, from: number): number {
    assert(from >= 0 && from <= WINDOWS, 'windows are 0 to 32,767');
    if (set === 0) return -1;
    if (set >= SINGLE) {
      const window = (set - SINGLE) >>> WINDOW_BITS;
      return window >= from ? window : -1;
    }
    const words = this.#arena.words(set);
    const at = wordAt(set);
    const head = words[at] as number;
    const count = countOf(head);
    if (kindOf(head) === LIST) {
      const end = at + 1 + count;
      const place = lowerBound(words, at + 1, end, from * WINDOW_ROWS);
      return place < end ? (words[place] as number) >>> WINDOW_BITS : -1;
    }
    const entry = entryFrom(words, at + ENTRIES, count, from);
    return entry < at + ENTRIES + count * ENTRY ? (words[entry] as number) : -1;
  }

  /** The first rows of a set, `most` at most, in ascending order. */
  some(set: number, most: number): number[] {
    const found: number[] = [];
    for (let at = this.windowFrom(set, 0); at >= 0; at = this.windowFrom(set, at + 1)) {
      const { isBitmap, rows, start, end } = this.#find(set, at);
      if (isBitmap) addRowsOf(rows as Uint32Array, start, at, found, most);
      else {
        // The rows of a list are whole, those of a container are counted from its window.
        const base = rows instanceof Uint16Array ? at * WINDOW_ROWS : 0;
        for (let place = start; place < end && found.length < most; place++) {
          found.push(base + (rows[place] as number));
        }
      }
      if (found.length >= most) return found;
    }
    return found;
  }

  /** How many rows the set has in a window. */
  countIn(set: number, window: number): number {
    const { start, end } = this.#find(set, window);
    return end - start;
  }

  /** How many rows of a window's bitmap the set has, too. */
  countCommon(set: number, window: number, words: Uint32Array): number {
    const { isBitmap, rows, start, end } = this.#find(set, window);
    return isBitmap
      ? countCommonBits(words, rows as Uint32Array, start)
      : countCommonRows(words, rows, start, end);
  }

  /** ORs the set's rows of a window into a bitmap of one: bit 0 is the window's first row. */
  fill(set: number, window: number, words: Uint32Array): void {
    const { isBitmap, rows, start, end } = this.#find(set, window);
    if (isBitmap) orBits(words, rows as Uint32Array, start);
    else orRows(words, rows, start, end);
  }

  /** Makes a bitmap what the set has in a window. */
  copy(set: number, window: number, words: Uint32Array): void {
    const { isBitmap, rows, start, end } = this.#find(set, window);
    if (isBitmap) words.set(rows.subarray(start, start + WINDOW_WORDS));
    else {
      words.fill(0);
      orRows(words, rows, start, end);
    }
  }

  /** Keeps in a bitmap what the set has, too. */
  and(set: number, window: number, words: Uint32Array): void {
    const { isBitmap, rows, start, end } = this.#find(set, window);
    if (isBitmap) andBits(words, rows as Uint32Array, start);
    else andRows(words, rows, start, end);
  }

  /** Takes out of a bitmap what the set has. */
  andNot(set: number, window: number, words: Uint32Array): void {
    const { isBitmap, rows, start, end } = this.#find(set, window);
    if (isBitmap) andNotBits(words, rows as Uint32Array, start);
    else andNotRows(words, rows, start, end);
  }

  /** Gives back what they have grown to, when there is no set but of one row. */
  beginAnew(): void {
    this.#arena.beginAnew();
  }

  save(w: StateWriter): void {
    this.#arena.save(w);
  }

  /** Fills postings that are new. `sets`: all that their owner has restored, each of them once. */
  restore(r: StateReader, sets: Iterable<number>): void {
    const claims = this.#arena.restore(r);
    for (const set of sets) {
      if (set >= SINGLE) checkSaved(set - SINGLE > 0, 'a row is 1 to 2^31 - 1');
      else if (set !== 0) this.#check(set, claims);
    }
    claims.end();
  }

  #check(set: number, claims: Claims): void {
    const head = claims.claim(set);
    const words = this.#arena.words(set);
    const at = wordAt(set);
    const count = countOf(head);
    if (kindOf(head) === LIST) {
      const start = at + 1;
      checkSaved(count >= 2 && count <= Math.min(LIST_MAX, capacityOf(head)), 'a list has rows');
      checkSaved(isAscending(words, start, start + count), 'a list is sorted');
      const last = words[start + count - 1] as number;
      checkSaved(words[start] !== 0 && last < ROWS_END, 'a row is 1 to 2^31 - 1');
      return;
    }
    checkSaved(kindOf(head) === DIRECTORY, 'a set is a list or a directory');
    checkSaved(1 + count * ENTRY <= capacityOf(head), 'a directory has its entries');
    let rows = 0;
    let least = 0;
    const end = at + ENTRIES + count * ENTRY;
    for (let entry = at + ENTRIES; entry < end; entry += ENTRY) {
      const window = words[entry] as number;
      checkSaved(window >= least && window < WINDOWS, 'windows are sorted');
      least = window + 1;
      const container = words[entry + 1] as number;
      const containerHead = claims.claim(container);
      checkContainer(this.#arena, container, containerHead);
      checkSaved(window > 0 || !hasLow(this.#arena, container, 0), 'no row is 0');
      rows += countOf(containerHead);
    }
    checkSaved(rows > LIST_AGAIN && rows === words[at + 1], 'a directory counts its rows');
  }

  #pair(one: number, other: number): number {
    assert(one !== other, 'a row is added once');
    const list = this.#arena.allocate(2, LIST);
    const words = this.#arena.words(list);
    const at = wordAt(list);
    changeCount(words, at, 2);
    words[at + 1] = Math.min(one, other);
    words[at + 2] = Math.max(one, other);
    return list;
  }

  #addToList(list: number, row: number): number {
    const words = this.#arena.words(list);
    const at = wordAt(list);
    const head = words[at] as number;
    const count = countOf(head);
    const end = at + 1 + count;
    const place = lowerBound(words, at + 1, end, row);
    assert(place === end || words[place] !== row, 'a row is added once');
    if (count === LIST_MAX || count === capacityOf(head)) {
      if (count >= LIST_MIN && (count === LIST_MAX || !isThin(words, at + 1, end))) {
        return addToDirectory(this.#arena, this.#toDirectory(list), row);
      }
      return this.#addToList(this.#arena.resize(list, count, count + 1), row);
    }
    insertAt(words, place, end, row);
    changeCount(words, at, 1);
    return list;
  }

  #removeFromList(list: number, row: number): number {
    const words = this.#arena.words(list);
    const at = wordAt(list);
    const head = words[at] as number;
    const left = countOf(head) - 1;
    const end = at + 2 + left;
    const place = lowerBound(words, at + 1, end, row);
    assert(place < end && words[place] === row, 'a removed row is in the set');
    removeAt(words, place, end);
    changeCount(words, at, -1);
    if (left > 1) return this.#arena.fit(list, left);
    const last = words[at + 1] as number;
    this.#arena.free(list);
    return SINGLE + last;
  }

  #toDirectory(list: number): number {
    const words = this.#arena.words(list);
    const start = wordAt(list) + 1;
    const end = start + countOf(words[start - 1] as number);
    let directory = newDirectory(this.#arena);
    for (let place = start; place < end; place++) {
      directory = addToDirectory(this.#arena, directory, words[place] as number);
    }
    this.#arena.free(list);
    return directory;
  }

  /** A directory that has lost rows, or what comes in its place. */
  #shrunk(directory: number): number {
    const rows = rowsInDirectory(this.#arena, directory);
    if (rows > LIST_AGAIN) return directory;
    if (rows > 1) return this.#toList(directory, rows);
    const [last] = this.some(directory, 1);
    freeDirectory(this.#arena, directory);
    return last === undefined ? 0 : SINGLE + last;
  }

  #toList(directory: number, count: number): number {
    const words = this.#arena.words(directory);
    const at = wordAt(directory);
    const list = this.#arena.allocate(count, LIST);
    const target = this.#arena.words(list);
    const head = wordAt(list);
    let place = head + 1;
    const end = at + ENTRIES + countOf(words[at] as number) * ENTRY;
    for (let entry = at + ENTRIES; entry < end; entry += ENTRY) {
      const base = (words[entry] as number) * WINDOW_ROWS;
      const { rows, start, end: last } = this.#findIn(words[entry + 1] as number);
      for (let from = start; from < last; from++) target[place++] = base + (rows[from] as number);
    }
    changeCount(target, head, count);
    freeDirectory(this.#arena, directory);
    return list;
  }

  /** Finds the rows of a window: an empty stretch when there are none. */
  #find(set: number, window: number): Span {
    assert(window >= 0 && window < WINDOWS, 'windows are 0 to 32,767');
    const span = this.#span;
    span.isBitmap = false;
    span.start = 0;
    span.end = 0;
    if (set === 0) return span;
    if (set >= SINGLE) {
      const row = set - SINGLE;
      this.#single[0] = row;
      span.rows = this.#single;
      span.end = row >>> WINDOW_BITS === window ? 1 : 0;
      return span;
    }
    const words = this.#arena.words(set);
    const at = wordAt(set);
    const head = words[at] as number;
    const count = countOf(head);
    if (kindOf(head) === LIST) {
      const end = at + 1 + count;
      span.rows = words;
      span.start = lowerBound(words, at + 1, end, window * WINDOW_ROWS);
      span.end = lowerBound(words, span.start, end, (window + 1) * WINDOW_ROWS);
      return span;
    }
    const entry = entryFrom(words, at + ENTRIES, count, window);
    if (entry < at + ENTRIES + count * ENTRY && words[entry] === window) {
      return this.#findIn(words[entry + 1] as number);
    }
    return span;
  }

  /** The rows of a container. */
  #findIn(container: number): Span {
    const span = this.#span;
    const at = wordAt(container);
    const words = this.#arena.words(container);
    const head = words[at] as number;
    span.isBitmap = kindOf(head) === BITMAP;
    span.rows = span.isBitmap ? words : this.#arena.halves(container);
    span.start = span.isBitmap ? at + 1 : 2 * (at + 1);
    span.end = span.start + countOf(head);
    return span;
  }
}
