import { assert } from '../core/assert.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';

/** Slots of the smallest and the largest bucket. The largest rehashes in well under 1 ms. */
const SLOTS_MIN = 64;
const SLOTS_MAX = 1 << 14;
/** Buckets are told apart by so many bits at most. */
const DEPTH_MAX = 16;
/** A bucket grows or splits at three quarters. */
const FILL = 0.75;

/** Tells whether a row has the key that is looked for. */
type SameKey = (row: number) => boolean;

interface Bucket {
  /** How many high bits of the hash all entries share. */
  depth: number;
  count: number;
  /** (hash, row) pairs; row 0 is an empty slot. Linear probing from the low bits of the hash. */
  slots: Uint32Array;
}

/**
 * Rows by hashed key. Extendible hashing: many small open-addressing tables, chosen by the high
 * bits of the hash; one that is full splits in two. No operation moves more than one table, so
 * the longest pause does not grow with the number of entries. Keys are not kept here: the caller
 * compares (`SameKey`) the few rows whose whole hash is equal.
 */
export class Directory {
  #depth = 0;
  #buckets: Bucket[] = [newBucket(0, SLOTS_MIN)];
  #used = 0;

  get used(): number {
    return this.#used;
  }

  /** The row with this key, or 0. */
  find(hash: number, same: SameKey): number {
    const { slots } = this.#bucket(hash);
    const mask = (slots.length >> 1) - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot * 2 + 1] as number;
      if (row === 0) return 0;
      if (slots[slot * 2] === hash && same(row)) return row;
    }
  }

  /**
   * The first row with this hash, or 0. As good as always it is the one, or none has the key: who
   * compares it needs {@link find}, which calls back, only when it is another.
   */
  first(hash: number): number {
    const { slots } = this.#bucket(hash);
    const mask = (slots.length >> 1) - 1;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const row = slots[slot * 2 + 1] as number;
      if (row === 0 || slots[slot * 2] === hash) return row;
    }
  }

  /** Adds a row whose key is known to be absent. */
  insert(hash: number, row: number): void {
    assert(row !== 0, 'row 0 means none');
    let bucket = this.#bucket(hash);
    while (bucket.count + 1 > (bucket.slots.length >> 1) * FILL) {
      if (bucket.slots.length >> 1 < SLOTS_MAX || bucket.depth >= DEPTH_MAX) this.#enlarge(bucket);
      else this.#split(bucket, hash);
      bucket = this.#bucket(hash);
    }
    place(bucket.slots, hash, row);
    bucket.count++;
    this.#used++;
  }

  /** Removes a row that is present. */
  remove(hash: number, row: number): void {
    const bucket = this.#bucket(hash);
    const { slots } = bucket;
    const mask = (slots.length >> 1) - 1;
    let hole = hash & mask;
    while (slots[hole * 2 + 1] !== row) {
      assert(slots[hole * 2 + 1] !== 0, 'a removed row is in the directory');
      hole = (hole + 1) & mask;
    }
    // Backward shift: no tombstones, so that finding stays fast after many removals.
    for (let next = (hole + 1) & mask; slots[next * 2 + 1] !== 0; next = (next + 1) & mask) {
      const home = (slots[next * 2] as number) & mask;
      if (((next - home) & mask) >= ((next - hole) & mask)) {
        slots[hole * 2] = slots[next * 2] as number;
        slots[hole * 2 + 1] = slots[next * 2 + 1] as number;
        hole = next;
      }
    }
    slots[hole * 2] = 0;
    slots[hole * 2 + 1] = 0;
    bucket.count--;
    this.#used--;
  }

  /** Gives back what an empty directory has grown to, beyond one bucket. */
  beginAnew(): void {
    assert(this.#used === 0, 'a directory that begins anew is empty');
    if (this.#depth === 0) return;
    this.#depth = 0;
    this.#buckets = [newBucket(0, SLOTS_MIN)];
  }

  get bytesUsed(): number {
    let bytes = this.#buckets.length * 8;
    let last: Bucket | undefined;
    for (const bucket of this.#buckets) {
      if (bucket !== last) bytes += bucket.slots.byteLength;
      last = bucket;
    }
    return bytes;
  }

  /** Writes each bucket once, with every entry at its place. */
  save(w: StateWriter): void {
    w.u8(this.#depth);
    w.u32(this.#used);
    for (let index = 0; index < this.#buckets.length; ) {
      const { depth, count, slots } = this.#buckets[index] as Bucket;
      w.u8(depth);
      w.u32(count);
      w.u32(slots.length);
      w.words(slots);
      index += 1 << (this.#depth - depth);
    }
  }

  /** Fills a directory that is new. */
  restore(r: StateReader): void {
    assert(this.#used === 0, 'a directory that is restored is new');
    this.#depth = r.u8();
    this.#used = r.u32();
    checkSaved(this.#depth <= DEPTH_MAX, 'a directory has a depth');
    const places = 1 << this.#depth;
    this.#buckets = [];
    let used = 0;
    while (this.#buckets.length < places) {
      const bucket = restoreBucket(r);
      const span = bucket.depth <= this.#depth ? 1 << (this.#depth - bucket.depth) : 0;
      checkSaved(span > 0 && this.#buckets.length % span === 0, 'a bucket has its places');
      for (let index = 0; index < span; index++) this.#buckets.push(bucket);
      used += bucket.count;
    }
    checkSaved(used === this.#used, 'a directory counts its entries');
  }

  #bucket(hash: number): Bucket {
    const index = this.#depth === 0 ? 0 : hash >>> (32 - this.#depth);
    return this.#buckets[index] as Bucket;
  }

  #enlarge(bucket: Bucket): void {
    const grown = new Uint32Array(bucket.slots.length * 2);
    forEach(bucket.slots, (hash, row) => place(grown, hash, row));
    bucket.slots = grown;
  }

  #split(bucket: Bucket, hash: number): void {
    if (bucket.depth === this.#depth) {
      this.#buckets = this.#buckets.flatMap((each) => [each, each]);
      this.#depth++;
    }
    const low = newBucket(bucket.depth + 1, SLOTS_MAX);
    const high = newBucket(bucket.depth + 1, SLOTS_MAX);
    const bit = 31 - bucket.depth;
    forEach(bucket.slots, (entry, row) => {
      const target = (entry >>> bit) & 1 ? high : low;
      place(target.slots, entry, row);
      target.count++;
    });
    // All places of the directory that share the bucket's prefix.
    const span = 1 << (this.#depth - bucket.depth);
    const prefix = bucket.depth === 0 ? 0 : hash >>> (32 - bucket.depth);
    const start = prefix * span;
    for (let index = 0; index < span; index++) {
      this.#buckets[start + index] = index < span / 2 ? low : high;
    }
  }
}

function newBucket(depth: number, slots: number): Bucket {
  return { depth, count: 0, slots: new Uint32Array(slots * 2) };
}

function restoreBucket(r: StateReader): Bucket {
  const depth = r.u8();
  const count = r.u32();
  const length = r.count(4);
  const size = length >> 1;
  checkSaved(size >= SLOTS_MIN && (length & (length - 1)) === 0, 'slots are a power of two');
  checkSaved(count <= size * FILL, 'a bucket has free slots');
  return { depth, count, slots: r.words(length) };
}

function place(slots: Uint32Array, hash: number, row: number): void {
  const mask = (slots.length >> 1) - 1;
  let slot = hash & mask;
  while (slots[slot * 2 + 1] !== 0) slot = (slot + 1) & mask;
  slots[slot * 2] = hash;
  slots[slot * 2 + 1] = row;
}

function forEach(slots: Uint32Array, visit: (hash: number, row: number) => void): void {
  for (let at = 0; at < slots.length; at += 2) {
    const row = slots[at + 1] as number;
    if (row !== 0) visit(slots[at] as number, row);
  }
}
