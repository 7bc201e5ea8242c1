import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { NEXT, PREVIOUS, SIZE } from './blocks.js';
import type { Table } from './table.js';

/** Free blocks are kept in lists by size: a power of two, cut in eighths (TLSF, Masmano 2004). */
const FIRST_LEVELS = 27;
const SECOND_LEVELS = 8;

/** The free blocks of all slabs, to be found by size in a time that does not grow with them. */
export class FreeBlocks {
  readonly #blocks: Table;
  readonly #lists = new Uint32Array(FIRST_LEVELS * SECOND_LEVELS);

  constructor(blocks: Table) {
    this.#blocks = blocks;
  }

  /** Lists a block by the size that it has, and keeps until it is removed. */
  add(block: number): void {
    const blocks = this.#blocks;
    const list = listOf(blocks.get(block, SIZE));
    const head = this.#lists[list] as number;
    blocks.set(block, PREVIOUS, 0);
    blocks.set(block, NEXT, head);
    if (head !== 0) blocks.set(head, PREVIOUS, block);
    this.#lists[list] = block;
  }

  remove(block: number): void {
    const blocks = this.#blocks;
    const previous = blocks.get(block, PREVIOUS);
    const next = blocks.get(block, NEXT);
    if (previous !== 0) blocks.set(previous, NEXT, next);
    else this.#lists[listOf(blocks.get(block, SIZE))] = next;
    if (next !== 0) blocks.set(next, PREVIOUS, previous);
    blocks.set(block, PREVIOUS, 0);
    blocks.set(block, NEXT, 0);
  }

  /** The head of the smallest list whose every block has `units`, or a block of the list below. */
  find(units: number): number {
    const list = listOf(units);
    for (let at = list + 1; at < this.#lists.length; at++) {
      const block = this.#lists[at] as number;
      if (block !== 0) return block;
    }
    // Blocks of the size's own list may or may not be large enough: look at a few.
    let block = this.#lists[list] as number;
    for (let seen = 0; block !== 0 && seen < 32; seen++) {
      if (this.#blocks.get(block, SIZE) >= units) return block;
      block = this.#blocks.get(block, NEXT);
    }
    return 0;
  }

  /** A block of the highest list in use, if it has `least` units. */
  largest(least: number): number {
    for (let at = this.#lists.length - 1; at >= 0; at--) {
      let block = this.#lists[at] as number;
      for (let seen = 0; block !== 0 && seen < 32; seen++) {
        if (this.#blocks.get(block, SIZE) >= least) return block;
        block = this.#blocks.get(block, NEXT);
      }
      if (this.#lists[at] !== 0) return 0;
    }
    return 0;
  }

  save(w: StateWriter): void {
    w.words(this.#lists);
  }

  /** The blocks themselves are restored already. */
  restore(r: StateReader): void {
    this.#lists.set(r.words(this.#lists.length));
    for (const block of this.#lists) {
      checkSaved(this.#blocks.has(block), 'a free block is in its table');
    }
  }
}

/** The list of blocks of `units` to the next eighth of a power of two. */
function listOf(units: number): number {
  const power = 31 - Math.clz32(units);
  const eighth = power >= 3 ? (units >> (power - 3)) & 7 : (units << (3 - power)) & 7;
  return power * SECOND_LEVELS + eighth;
}
