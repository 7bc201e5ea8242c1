import { assert } from '../../core/assert.js';
import type { NameHash } from './hasher.js';
import { RECORD_KIND, type RecordKind } from './record.js';

/** Where the newest record of a version lies. */
export interface Slot {
  readonly hash: NameHash;
  /** 0 is none: there the index keeps which version of the name is the newest. */
  readonly version: number;
  readonly pack: number;
  /** Where the record begins and what it takes, in units of 8 bytes. */
  readonly place: number;
  readonly units: number;
  readonly sequence: number;
  readonly kind: RecordKind;
  /** Bytes of its array, in KiB. */
  readonly arrayKiB: number;
}

const WORD = {
  hash: 0,
  version: 4,
  older: 6,
  pack: 8,
  place: 9,
  units: 10,
  sequence: 11,
  kind: 13,
};
const ARRAY = 14;
const WIDTH = 15;
const KIND_NAME = 255;
const HIGH = 0x1_0000_0000;
const SLOTS_MIN = 1_024;

/**
 * What lies where, for names by the millions: rows of numbers in one table, 60 bytes each, open
 * addressing. A name has a row for each version and one that begins the chain of them, newest
 * first.
 */
export class StoreIndex {
  #words = new Uint32Array(SLOTS_MIN * WIDTH);
  #slots = SLOTS_MIN;
  #used = 0;
  #objects = 0;

  /** Objects that are there. */
  get objects(): number {
    return this.#objects;
  }

  find(hash: NameHash, version: number): Slot | null {
    const at = this.#find(hash, version);
    return at < 0 ? null : this.#slotAt(at);
  }

  /** Whether a key, 4 words of its name and 2 of its version, is at this place. */
  isAt(key: Uint32Array, from: number, where: Pick<Slot, 'pack' | 'place'>): boolean {
    const at = this.#findWords(key, from, key[from + 4] as number, key[from + 5] as number);
    if (at < 0) return false;
    const words = this.#words;
    return words[at + WORD.pack] === where.pack && words[at + WORD.place] === where.place;
  }

  /** The newest version of a name; 0: it has none. */
  newest(hash: NameHash): number {
    const at = this.#find(hash, 0);
    return at < 0 ? 0 : this.#wide(at + WORD.older);
  }

  /** Puts a slot in place of the one of its version, which it returns. */
  put(slot: Slot): Slot | null {
    assert(slot.version > 0 && slot.kind !== RECORD_KIND.deleted, 'a slot is of an object');
    const at = this.#find(slot.hash, slot.version);
    if (at >= 0) {
      const before = this.#slotAt(at);
      this.#fill(at, slot);
      return before;
    }
    this.#fill(this.#chained(slot.hash, slot.version), slot);
    this.#objects++;
    return null;
  }

  /** Takes a version out; returns what it was. */
  remove(hash: NameHash, version: number): Slot | null {
    const at = this.#find(hash, version);
    if (at < 0) return null;
    const slot = this.#slotAt(at);
    const older = this.#wide(at + WORD.older);
    let newer = this.#find(hash, 0);
    while (this.#wide(newer + WORD.older) !== version) {
      newer = this.#find(hash, this.#wide(newer + WORD.older));
      assert(newer >= 0, 'a version is in the chain of its name');
    }
    this.#setWide(newer + WORD.older, older);
    const isLast = older === 0 && this.#words[newer + WORD.kind] === KIND_NAME;
    this.#drop(this.#find(hash, version));
    if (isLast) this.#drop(this.#find(hash, 0));
    this.#objects--;
    return slot;
  }

  /** All objects; the index must not change meanwhile. */
  *slots(): Iterable<Slot> {
    for (let at = 0; at < this.#words.length; at += WIDTH) {
      const kind = this.#words[at + WORD.kind] as number;
      if (kind !== 0 && kind !== KIND_NAME) yield this.#slotAt(at);
    }
  }

  /** Makes the row of a version that has none, in the chain of its name. */
  #chained(hash: NameHash, version: number): number {
    // For both rows: what is found stays where it is.
    if ((this.#used + 2) * 5 > this.#slots * 3) this.#grow();
    let newer = this.#find(hash, 0);
    if (newer < 0) {
      newer = this.#add(hash, 0);
      this.#words[newer + WORD.kind] = KIND_NAME;
    }
    while (this.#wide(newer + WORD.older) > version) {
      newer = this.#find(hash, this.#wide(newer + WORD.older));
    }
    const at = this.#add(hash, version);
    this.#setWide(at + WORD.older, this.#wide(newer + WORD.older));
    this.#setWide(newer + WORD.older, version);
    return at;
  }

  #wide(at: number): number {
    return (this.#words[at] as number) + (this.#words[at + 1] as number) * HIGH;
  }

  #setWide(at: number, value: number): void {
    this.#words[at] = value >>> 0;
    this.#words[at + 1] = Math.floor(value / HIGH);
  }

  #fill(at: number, slot: Slot): void {
    this.#words[at + WORD.pack] = slot.pack;
    this.#words[at + WORD.place] = slot.place;
    this.#words[at + WORD.units] = slot.units;
    this.#setWide(at + WORD.sequence, slot.sequence);
    this.#words[at + WORD.kind] = slot.kind;
    this.#words[at + ARRAY] = slot.arrayKiB;
  }

  #slotAt(at: number): Slot {
    const words = this.#words;
    return {
      hash: words.slice(at, at + 4),
      version: this.#wide(at + WORD.version),
      pack: words[at + WORD.pack] as number,
      place: words[at + WORD.place] as number,
      units: words[at + WORD.units] as number,
      sequence: this.#wide(at + WORD.sequence),
      kind: words[at + WORD.kind] as RecordKind,
      arrayKiB: words[at + ARRAY] as number,
    };
  }

  /** The slot at which a search for a key begins. */
  #home(at: number): number {
    const words = this.#words;
    const version = Math.imul(words[at + WORD.version] as number, 0x9e37_79b1);
    return (((words[at] as number) ^ version) >>> 0) & (this.#slots - 1);
  }

  /** Where the row of a key begins; -1: there is none. */
  #find(hash: NameHash, version: number): number {
    return this.#findWords(hash, 0, version >>> 0, Math.floor(version / HIGH));
  }

  #findWords(hash: Uint32Array, from: number, low: number, high: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    let slot = (((hash[from] as number) ^ Math.imul(low, 0x9e37_79b1)) >>> 0) & mask;
    for (; words[slot * WIDTH + WORD.kind] !== 0; slot = (slot + 1) & mask) {
      const at = slot * WIDTH;
      if (
        words[at] === hash[from] &&
        words[at + 1] === hash[from + 1] &&
        words[at + 2] === hash[from + 2] &&
        words[at + 3] === hash[from + 3] &&
        words[at + WORD.version] === low &&
        words[at + WORD.version + 1] === high
      ) {
        return at;
      }
    }
    return -1;
  }

  /** Makes a row for a key that has none; there is room. */
  #add(hash: NameHash, version: number): number {
    const words = this.#words;
    const mask = this.#slots - 1;
    let slot = (((hash[0] as number) ^ Math.imul(version >>> 0, 0x9e37_79b1)) >>> 0) & mask;
    while (words[slot * WIDTH + WORD.kind] !== 0) slot = (slot + 1) & mask;
    const at = slot * WIDTH;
    for (let word = 0; word < 4; word++) words[at + word] = hash[word] as number;
    this.#setWide(at + WORD.version, version);
    this.#setWide(at + WORD.older, 0);
    words[at + WORD.kind] = RECORD_KIND.object;
    this.#used++;
    return at;
  }

  #grow(): void {
    const old = this.#words;
    this.#slots *= 2;
    const words = new Uint32Array(this.#slots * WIDTH);
    const mask = this.#slots - 1;
    for (let from = 0; from < old.length; from += WIDTH) {
      if (old[from + WORD.kind] === 0) continue;
      const version = Math.imul(old[from + WORD.version] as number, 0x9e37_79b1);
      let slot = (((old[from] as number) ^ version) >>> 0) & mask;
      while (words[slot * WIDTH + WORD.kind] !== 0) slot = (slot + 1) & mask;
      const to = slot * WIDTH;
      for (let word = 0; word < WIDTH; word++) words[to + word] = old[from + word] as number;
    }
    this.#words = words;
  }

  /** Takes a row out and moves up those behind it that would not be found any more. */
  #drop(at: number): void {
    const words = this.#words;
    const mask = this.#slots - 1;
    let free = at / WIDTH;
    for (let slot = (free + 1) & mask; words[slot * WIDTH + WORD.kind] !== 0; ) {
      const home = this.#home(slot * WIDTH);
      if (((slot - home) & mask) >= ((slot - free) & mask)) {
        words.copyWithin(free * WIDTH, slot * WIDTH, (slot + 1) * WIDTH);
        free = slot;
      }
      slot = (slot + 1) & mask;
    }
    words.fill(0, free * WIDTH, (free + 1) * WIDTH);
    this.#used--;
  }
}
