import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import type { Arena } from './arena.js';
import { Directory } from './directory.js';
import type { Postings } from './postings.js';
import { Table } from './table.js';

/** A row of the table of shapes. */
const SHAPE = {
  /** Arena record of the keys, a word each. */
  keys: 0,
  hash: 1,
  /** Records that have the shape. */
  uses: 2,
  /** The rows that have these attributes, and those that have these tags: a row may be in both. */
  attributed: 3,
  tagged: 4,
  width: 5,
} as const;

const WORD_BYTES = 4;

/** Of whose rows a set is. */
export type Role = 'attributed' | 'tagged';

/**
 * Which keys a record has, in its order: kept once for all records that have the same. Objects of
 * one kind have one shape, so who has a key is known by adding a row to one set an object, not to
 * one a key.
 */
export class Shapes {
  readonly #arena: Arena;
  readonly #seed: number;
  readonly #postings: Postings;
  readonly #rows = new Table(SHAPE.width);
  readonly #directory = new Directory();
  /** The last one that was looked for: most often the next one, too. */
  #last = 0;
  #wanted: Uint32Array = new Uint32Array(0);
  #count = 0;
  readonly #same = (shape: number): boolean => {
    if (this.count(shape) !== this.#count) return false;
    const keys = this.#rows.get(shape, SHAPE.keys);
    for (let place = 0; place < this.#count; place++) {
      if (this.#arena.word(keys, place) !== this.#wanted[place]) return false;
    }
    return true;
  };

  constructor(arena: Arena, postings: Postings, seed: number) {
    this.#arena = arena;
    this.#postings = postings;
    this.#seed = seed;
  }

  get used(): number {
    return this.#rows.used;
  }

  get bytesUsed(): number {
    return this.#rows.bytesUsed + this.#directory.bytesUsed;
  }

  /** The shape of the first `count` of `keys`; used once more. */
  intern(keys: Uint32Array, count: number): number {
    assert(count > 0, 'a shape has a key');
    this.#wanted = keys;
    this.#count = count;
    let shape = this.#last;
    if (shape === 0 || !this.#same(shape)) {
      const hash = hashWords(keys, count, this.#seed);
      shape = this.#directory.find(hash, this.#same);
      if (shape === 0) shape = this.#make(hash);
      this.#last = shape;
    }
    this.#rows.add(shape, SHAPE.uses, 1);
    return shape;
  }

  /** A record has the shape no longer. */
  release(shape: number): void {
    const rows = this.#rows;
    if (rows.add(shape, SHAPE.uses, -1) > 0) return;
    const isFound = rows.get(shape, SHAPE.attributed) + rows.get(shape, SHAPE.tagged) > 0;
    assert(!isFound, 'what finds an object is held by a record of it');
    if (this.#last === shape) this.#last = 0;
    this.#directory.remove(rows.get(shape, SHAPE.hash), shape);
    this.#arena.free(rows.get(shape, SHAPE.keys));
    rows.release(shape);
  }

  usesOf(shape: number): number {
    return this.#rows.get(shape, SHAPE.uses);
  }

  /** The arena record of its keys. */
  keysOf(shape: number): number {
    return this.#rows.get(shape, SHAPE.keys);
  }

  count(shape: number): number {
    return this.#arena.size(this.#rows.get(shape, SHAPE.keys)) / WORD_BYTES;
  }

  keyAt(shape: number, place: number): number {
    return this.#arena.word(this.#rows.get(shape, SHAPE.keys), place);
  }

  /** At which place a shape has a key, or -1. */
  placeOf(shape: number, key: number): number {
    const keys = this.#rows.get(shape, SHAPE.keys);
    const count = this.#arena.size(keys) / WORD_BYTES;
    for (let place = 0; place < count; place++) {
      if (this.#arena.word(keys, place) === key) return place;
    }
    return -1;
  }

  /** The set of rows that have a record of the shape, as attributes or as tags. */
  rowsOf(shape: number, role: Role): number {
    return this.#rows.get(shape, SHAPE[role]);
  }

  show(shape: number, role: Role, row: number): void {
    const field = SHAPE[role];
    this.#rows.set(shape, field, this.#postings.add(this.#rows.get(shape, field), row));
  }

  hide(shape: number, role: Role, row: number): void {
    const field = SHAPE[role];
    this.#rows.set(shape, field, this.#postings.remove(this.#rows.get(shape, field), row));
  }

  /** As {@link show}, of rows in ascending order. */
  showMany(shape: number, role: Role, rows: readonly number[]): void {
    const field = SHAPE[role];
    this.#rows.set(shape, field, this.#postings.addMany(this.#rows.get(shape, field), rows));
  }

  /** As {@link hide}, of rows in ascending order. */
  hideMany(shape: number, role: Role, rows: readonly number[]): void {
    const field = SHAPE[role];
    this.#rows.set(shape, field, this.#postings.removeMany(this.#rows.get(shape, field), rows));
  }

  /** All sets of rows that have a key. */
  eachSetOf(key: number, visit: (set: number) => void): void {
    for (let shape = 1; shape < this.#rows.end; shape++) {
      if (this.usesOf(shape) === 0 || this.placeOf(shape, key) < 0) continue;
      visit(this.#rows.get(shape, SHAPE.attributed));
      visit(this.#rows.get(shape, SHAPE.tagged));
    }
  }

  /** The keys that some row has, in no order; `most` of them where there are more. */
  keysFound(most: number): ReadonlySet<number> {
    const found = new Set<number>();
    for (let shape = 1; shape < this.#rows.end; shape++) {
      if (this.usesOf(shape) === 0) continue;
      const { attributed, tagged } = SHAPE;
      if (this.#rows.get(shape, attributed) + this.#rows.get(shape, tagged) === 0) continue;
      const count = this.count(shape);
      for (let place = 0; place < count; place++) {
        if (found.size === most) return found;
        found.add(this.keyAt(shape, place));
      }
    }
    return found;
  }

  /** Gives back what it has grown to: no shape is named anywhere. */
  beginAnew(): void {
    this.#rows.beginAnew();
    this.#directory.beginAnew();
    this.#last = 0;
  }

  save(w: StateWriter): void {
    this.#rows.save(w);
    this.#directory.save(w);
  }

  /** Fills shapes that are new, of so many keys. Returns their sets of the postings. */
  restore(r: StateReader, keys: number): number[] {
    this.#rows.restore(r);
    this.#directory.restore(r);
    checkSaved(this.#directory.used === this.#rows.used, 'a shape is found by its keys');
    const sets: number[] = [];
    for (let shape = 1; shape < this.#rows.end; shape++) {
      if (this.usesOf(shape) === 0) continue;
      const record = this.#rows.get(shape, SHAPE.keys);
      checkSaved(this.#arena.has(record), 'a shape has keys');
      const count = this.count(shape);
      checkSaved(count >= 1 && Number.isInteger(count), 'a shape has keys');
      for (let place = 0; place < count; place++) {
        const key = this.keyAt(shape, place);
        checkSaved(key > 0 && key <= keys, 'the keys of a shape are there');
      }
      sets.push(this.rowsOf(shape, 'attributed'), this.rowsOf(shape, 'tagged'));
    }
    return sets;
  }

  #make(hash: number): number {
    const shape = this.#rows.allocate();
    const keys = this.#arena.allocate(this.#count * WORD_BYTES);
    for (let place = 0; place < this.#count; place++) {
      this.#arena.setWord(keys, place, this.#wanted[place] as number);
    }
    this.#rows.set(shape, SHAPE.keys, keys);
    this.#rows.set(shape, SHAPE.hash, hash);
    this.#directory.insert(hash, shape);
    return shape;
  }
}

/** As `hashBytes`, a word at a time. */
function hashWords(words: Uint32Array, count: number, seed: number): number {
  let hash = seed ^ count;
  for (let place = 0; place < count; place++) {
    let word = Math.imul(words[place] as number, 0xcc9e2d51);
    word = (word << 15) | (word >>> 17);
    hash ^= Math.imul(word, 0x1b873593);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
