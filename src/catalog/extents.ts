import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { AFTER, BEFORE, NEXT, OWNER, PREVIOUS, SIZE, SLAB, START, STATE, WIDTH } from './blocks.js';
import { FreeBlocks } from './free-blocks.js';
import { Table } from './table.js';

/** Sizes and offsets within a slab are counted in units of the slice alignment. */
const UNIT = LIMITS.sliceAlignBytes;
/** Blocks are found by address through an entry for each 64 KiB of a slab. */
const PAGE_UNITS = 1_024;

export const BLOCK_FREE = 1;
/** Leased to a session, which writes slices into it. */
export const BLOCK_LEASE = 2;
/** A slice that was offered: it belongs to a version of an object. */
export const BLOCK_SLICE = 3;
/** Was part of an adopted slab, which nobody may write to: it goes with the whole slab. */
export const BLOCK_DEAD = 4;

interface Slab {
  readonly size: number;
  /** Made of an adopted file: gone when nothing of it is in use. */
  readonly adopted: boolean;
  /** For each 64 KiB: the block that covers its first unit. */
  readonly index: Uint32Array;
}

/**
 * Who owns which bytes of the slabs: the pool's book of shared memory. Every byte of a slab belongs
 * to exactly one block, which is free, leased to a session, or a slice of an offered object.
 * Neighbouring free blocks are always one. Taking and freeing are O(1) but for the smallest of
 * the parts that come from a cut, whose index entries are rewritten.
 */
export class Extents {
  readonly #blocks = new Table(WIDTH);
  readonly #slabs = new Map<number, Slab>();
  readonly #free = new FreeBlocks(this.#blocks);
  /** The first lease of each owner that has any. */
  readonly #leases = new Map<number, number>();
  bytesTotal = 0;
  bytesFree = 0;
  bytesLeased = 0;
  /** Of adopted slabs: part of the total, and never leased again. */
  bytesAdopted = 0;
  bytesDead = 0;

  get slabs(): ReadonlyMap<number, { readonly size: number; readonly adopted: boolean }> {
    return this.#slabs;
  }

  /** All that can be leased, free or not. */
  get bytesLeasable(): number {
    return this.bytesTotal - this.bytesAdopted;
  }

  get blocksUsed(): number {
    return this.#blocks.used;
  }

  get bytesUsed(): number {
    return this.#blocks.bytesUsed;
  }

  /** Adds a slab, all free. Size is a multiple of a page. */
  addSlab(slab: number, size: number): void {
    this.#addSlab(slab, size, false);
  }

  /**
   * Adds a slab that is one lease: an adopted file. Returns its block. Its bytes are offered as
   * they are, or go: what is freed of it is never leased.
   */
  addAdopted(slab: number, size: number, owner: number): number {
    const block = this.#addSlab(slab, size, true);
    this.bytesAdopted += this.sizeOf(block);
    this.#removeFree(block);
    this.#own(block, BLOCK_LEASE, owner);
    return block;
  }

  #addSlab(slab: number, size: number, adopted: boolean): number {
    assert(!this.#slabs.has(slab), 'a slab is added once');
    const units = Math.ceil(size / UNIT);
    const index = new Uint32Array(pagesOf(size));
    this.#slabs.set(slab, { size, adopted, index });
    const block = this.#blocks.allocate();
    this.#blocks.set(block, SLAB, slab);
    this.#blocks.set(block, SIZE, units);
    index.fill(block);
    this.bytesTotal += units * UNIT;
    this.#insertFree(block);
    return block;
  }

  /** Whether nothing of a slab is in use: free neighbours are one, so it is one block then. */
  isFree(slab: number): boolean {
    const found = this.#slabs.get(slab);
    if (found === undefined) return false;
    const block = found.index[0] as number;
    if (this.#blocks.get(block, STATE) !== freedState(found)) return false;
    return this.#blocks.get(block, SIZE) === Math.ceil(found.size / UNIT);
  }

  /** Removes a slab that is wholly free; false if something of it is in use. */
  removeSlab(slab: number): boolean {
    const found = this.#slabs.get(slab);
    assert(found !== undefined, 'a removed slab exists');
    if (!this.isFree(slab)) return false;
    const block = found.index[0] as number;
    this.#removeFree(block);
    this.bytesTotal -= this.sizeOf(block);
    if (found.adopted) this.bytesAdopted -= this.sizeOf(block);
    this.#blocks.release(block);
    this.#slabs.delete(slab);
    return true;
  }

  /**
   * Leases `least` to `size` bytes, contiguous and starting on a page where it can, to `owner`.
   * Returns the block or 0.
   */
  lease(size: number, least: number, owner: number): number {
    // No block is larger than a slab; the lists know no larger sizes.
    const wanted = Math.ceil(Math.min(size, LIMITS.slabBytesMax) / UNIT);
    const needed = Math.ceil(least / UNIT);
    if (needed > wanted) return 0;
    const slack = LIMITS.pageBytes / UNIT - 1;
    let block = this.#free.find(wanted + slack);
    if (block === 0) block = this.#free.find(wanted);
    if (block === 0 && needed < wanted) block = this.#free.largest(needed + slack);
    if (block === 0) block = this.#free.largest(needed);
    if (block === 0) return 0;
    this.#removeFree(block);
    const start = this.#blocks.get(block, START);
    const skew = (LIMITS.pageBytes / UNIT - (start % (LIMITS.pageBytes / UNIT))) % (slack + 1);
    if (skew > 0 && this.#blocks.get(block, SIZE) - skew >= needed) {
      block = this.#cut(block, skew);
      this.#insertFree(this.#blocks.get(block, BEFORE));
    }
    if (this.#blocks.get(block, SIZE) > wanted) {
      const rest = this.#cut(block, wanted);
      block = this.#blocks.get(rest, BEFORE);
      this.#insertFree(rest);
    }
    this.#own(block, BLOCK_LEASE, owner);
    return block;
  }

  /**
   * Makes `[offset, offset + size)` of a lease of `owner` a block of its own. Returns the block, or
   * 0 when the range is not all within one lease of that owner or not on the alignment.
   */
  carve(slab: number, offset: number, size: number, owner: number): number {
    if (offset % UNIT !== 0 || size <= 0) return 0;
    const start = offset / UNIT;
    const units = Math.ceil(size / UNIT);
    let block = this.#blockAt(slab, start);
    if (block === 0 || this.#blocks.get(block, STATE) !== BLOCK_LEASE) return 0;
    if (this.#blocks.get(block, OWNER) !== owner) return 0;
    const skip = start - this.#blocks.get(block, START);
    if (skip + units > this.#blocks.get(block, SIZE)) return 0;
    if (skip > 0) block = this.#cut(block, skip);
    if (units < this.#blocks.get(block, SIZE)) {
      block = this.#blocks.get(this.#cut(block, units), BEFORE);
    }
    return block;
  }

  /** A carved lease becomes a slice of `owner` (a version), or a slice becomes a lease. */
  give(block: number, state: typeof BLOCK_LEASE | typeof BLOCK_SLICE, owner: number): void {
    if (this.#blocks.get(block, STATE) === BLOCK_LEASE) this.#disown(block);
    this.#own(block, state, owner);
  }

  /** Frees a lease or a slice and joins it with neighbours that are free. */
  free(block: number): void {
    const state = this.#blocks.get(block, STATE);
    assert(state === BLOCK_LEASE || state === BLOCK_SLICE, 'a freed block is in use');
    if (state === BLOCK_LEASE) this.#disown(block);
    const freed = freedState(this.#slabOf(block));
    let joined = block;
    const after = this.#blocks.get(joined, AFTER);
    if (after !== 0 && this.#blocks.get(after, STATE) === freed) {
      this.#removeFree(after);
      joined = this.#join(joined, after);
    }
    const before = this.#blocks.get(joined, BEFORE);
    if (before !== 0 && this.#blocks.get(before, STATE) === freed) {
      this.#removeFree(before);
      joined = this.#join(before, joined);
    }
    this.#insertFree(joined);
  }

  slabOf(block: number): number {
    return this.#blocks.get(block, SLAB);
  }

  offsetOf(block: number): number {
    return this.#blocks.get(block, START) * UNIT;
  }

  sizeOf(block: number): number {
    return this.#blocks.get(block, SIZE) * UNIT;
  }

  stateOf(block: number): number {
    return this.#blocks.get(block, STATE);
  }

  ownerOf(block: number): number {
    return this.#blocks.get(block, OWNER);
  }

  /** What its owner keeps with a slice: a number that is 0 at first. */
  noteOf(block: number): number {
    assert(this.#blocks.get(block, STATE) === BLOCK_SLICE, 'a note is kept with a slice');
    return this.#blocks.get(block, NEXT);
  }

  setNote(block: number, note: number): void {
    assert(this.#blocks.get(block, STATE) === BLOCK_SLICE, 'a note is kept with a slice');
    this.#blocks.set(block, NEXT, note);
  }

  /** The block that covers a byte of a slab, or 0. */
  blockAt(slab: number, offset: number): number {
    return this.#blockAt(slab, Math.floor(offset / UNIT));
  }

  /** Every block of every slab, by address: for looking and for checks. */
  *blocks(): Generator<number> {
    for (const slab of this.#slabs.values()) {
      let block = slab.index[0] as number;
      while (block !== 0) {
        yield block;
        block = this.#blocks.get(block, AFTER);
      }
    }
  }

  /** A lease of an owner, or 0 when it has none. */
  firstLease(owner: number): number {
    return this.#leases.get(owner) ?? 0;
  }

  /** Bytes leased to an owner. */
  leasedBy(owner: number): number {
    let bytes = 0;
    for (let block = this.#leases.get(owner) ?? 0; block !== 0; ) {
      bytes += this.sizeOf(block);
      block = this.#blocks.get(block, NEXT);
    }
    return bytes;
  }

  /** Writes the book as it is: the blocks, and with which each slab and each list begins. */
  save(w: StateWriter): void {
    this.#blocks.save(w);
    w.u32(this.#slabs.size);
    for (const [slab, { size, adopted, index }] of this.#slabs) {
      w.u32(slab);
      w.u64(size);
      w.flag(adopted);
      w.words(index);
    }
    this.#free.save(w);
    w.u32(this.#leases.size);
    for (const [owner, block] of this.#leases) {
      w.u32(owner);
      w.u32(block);
    }
    w.u64(this.bytesTotal);
    w.u64(this.bytesFree);
    w.u64(this.bytesLeased);
    w.u64(this.bytesAdopted);
    w.u64(this.bytesDead);
  }

  /** Fills a book that is new. */
  restore(r: StateReader): void {
    this.#blocks.restore(r);
    for (let count = r.count(13); count > 0; count--) {
      const slab = r.u32();
      const size = r.u64();
      const adopted = r.flag();
      const index = r.words(pagesOf(size));
      checkSaved(!this.#slabs.has(slab) && index.length > 0, 'a slab is there once, with bytes');
      this.#slabs.set(slab, { size, adopted, index });
      this.#checkBlocks(index);
    }
    this.#free.restore(r);
    for (let count = r.count(8); count > 0; count--) this.#leases.set(r.u32(), r.u32());
    this.#checkBlocks(this.#leases.values());
    this.bytesTotal = r.u64();
    this.bytesFree = r.u64();
    this.bytesLeased = r.u64();
    this.bytesAdopted = r.u64();
    this.bytesDead = r.u64();
  }

  #checkBlocks(blocks: Iterable<number>): void {
    for (const block of blocks) checkSaved(this.#blocks.has(block), 'a block is in its table');
  }

  #own(block: number, state: number, owner: number): void {
    this.#blocks.set(block, STATE, state);
    this.#blocks.set(block, OWNER, owner);
    if (state !== BLOCK_LEASE) return;
    this.bytesLeased += this.#blocks.get(block, SIZE) * UNIT;
    this.#linkLease(block, owner);
  }

  #linkLease(block: number, owner: number): void {
    const head = this.#leases.get(owner) ?? 0;
    this.#blocks.set(block, PREVIOUS, 0);
    this.#blocks.set(block, NEXT, head);
    if (head !== 0) this.#blocks.set(head, PREVIOUS, block);
    this.#leases.set(owner, block);
  }

  #disown(block: number): void {
    const blocks = this.#blocks;
    this.bytesLeased -= blocks.get(block, SIZE) * UNIT;
    const previous = blocks.get(block, PREVIOUS);
    const next = blocks.get(block, NEXT);
    if (next !== 0) blocks.set(next, PREVIOUS, previous);
    if (previous !== 0) blocks.set(previous, NEXT, next);
    else if (next !== 0) this.#leases.set(blocks.get(block, OWNER), next);
    else this.#leases.delete(blocks.get(block, OWNER));
    blocks.set(block, PREVIOUS, 0);
    blocks.set(block, NEXT, 0);
    blocks.set(block, STATE, 0);
  }

  #blockAt(slab: number, unit: number): number {
    const found = this.#slabs.get(slab);
    if (found === undefined) return 0;
    let block = found.index[Math.floor(unit / PAGE_UNITS)] ?? 0;
    while (block !== 0) {
      if (unit < this.#blocks.get(block, START) + this.#blocks.get(block, SIZE)) return block;
      block = this.#blocks.get(block, AFTER);
    }
    return 0;
  }

  /** Cuts a block that is in no list at `units`; returns the second half. Keeps state and owner. */
  #cut(block: number, units: number): number {
    const blocks = this.#blocks;
    const start = blocks.get(block, START);
    const size = blocks.get(block, SIZE);
    assert(units > 0 && units < size, 'a cut leaves two blocks');
    const fresh = blocks.allocate();
    blocks.set(fresh, SLAB, blocks.get(block, SLAB));
    blocks.set(fresh, STATE, blocks.get(block, STATE));
    blocks.set(fresh, OWNER, blocks.get(block, OWNER));
    blocks.set(fresh, START, start + units);
    blocks.set(fresh, SIZE, size - units);
    blocks.set(block, SIZE, units);
    const after = blocks.get(block, AFTER);
    blocks.set(fresh, AFTER, after);
    blocks.set(fresh, BEFORE, block);
    if (after !== 0) blocks.set(after, BEFORE, fresh);
    blocks.set(block, AFTER, fresh);
    if (blocks.get(block, STATE) === BLOCK_LEASE) this.#linkLease(fresh, blocks.get(block, OWNER));
    // The rows trade places when the second half is the larger: fewer index entries change.
    if (size - units > units) return this.#trade(block, fresh);
    this.#reindex(fresh);
    return fresh;
  }

  /** Lets `block` be the second half and `fresh` the first; returns the second. */
  #trade(block: number, fresh: number): number {
    const blocks = this.#blocks;
    const before = blocks.get(block, BEFORE);
    const after = blocks.get(fresh, AFTER);
    for (const field of [START, SIZE]) {
      const value = blocks.get(block, field);
      blocks.set(block, field, blocks.get(fresh, field));
      blocks.set(fresh, field, value);
    }
    blocks.set(fresh, BEFORE, before);
    blocks.set(fresh, AFTER, block);
    blocks.set(block, BEFORE, fresh);
    blocks.set(block, AFTER, after);
    if (before !== 0) blocks.set(before, AFTER, fresh);
    if (after !== 0) blocks.set(after, BEFORE, block);
    this.#reindex(fresh);
    return block;
  }

  /** Joins two neighbours that are in no list; the larger one's row stays. */
  #join(first: number, second: number): number {
    const blocks = this.#blocks;
    const start = blocks.get(first, START);
    const firstSize = blocks.get(first, SIZE);
    const secondSize = blocks.get(second, SIZE);
    const before = blocks.get(first, BEFORE);
    const after = blocks.get(second, AFTER);
    const [kept, gone] = firstSize >= secondSize ? [first, second] : [second, first];
    this.#reindexAs(gone, kept);
    blocks.set(kept, START, start);
    blocks.set(kept, SIZE, firstSize + secondSize);
    blocks.set(kept, BEFORE, before);
    blocks.set(kept, AFTER, after);
    if (before !== 0) blocks.set(before, AFTER, kept);
    if (after !== 0) blocks.set(after, BEFORE, kept);
    blocks.release(gone);
    return kept;
  }

  #reindex(block: number): void {
    this.#reindexAs(block, block);
  }

  #reindexAs(block: number, name: number): void {
    const { index } = this.#slabOf(block);
    const start = this.#blocks.get(block, START);
    const end = start + this.#blocks.get(block, SIZE);
    for (let page = Math.ceil(start / PAGE_UNITS); page * PAGE_UNITS < end; page++) {
      index[page] = name;
    }
  }

  #slabOf(block: number): Slab {
    return this.#slabs.get(this.#blocks.get(block, SLAB)) as Slab;
  }

  /** The block is nobody's any more; of an adopted slab it is in no list, so nobody gets it. */
  #insertFree(block: number): void {
    const blocks = this.#blocks;
    const size = blocks.get(block, SIZE);
    if (this.#slabOf(block).adopted) {
      blocks.set(block, STATE, BLOCK_DEAD);
      blocks.set(block, OWNER, 0);
      this.bytesDead += size * UNIT;
      return;
    }
    blocks.set(block, STATE, BLOCK_FREE);
    blocks.set(block, OWNER, 0);
    this.#free.add(block);
    this.bytesFree += size * UNIT;
  }

  #removeFree(block: number): void {
    const blocks = this.#blocks;
    const size = blocks.get(block, SIZE);
    if (blocks.get(block, STATE) === BLOCK_DEAD) {
      blocks.set(block, STATE, 0);
      this.bytesDead -= size * UNIT;
      return;
    }
    this.#free.remove(block);
    blocks.set(block, STATE, 0);
    this.bytesFree -= size * UNIT;
  }
}

/** Entries of the index of a slab. */
function pagesOf(size: number): number {
  return Math.ceil(Math.ceil(size / UNIT) / PAGE_UNITS);
}

/** What a block of a slab becomes when it is freed. */
function freedState(slab: Slab): number {
  return slab.adopted ? BLOCK_DEAD : BLOCK_FREE;
}
