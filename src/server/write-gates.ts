import { assert } from '../core/assert.js';
import { SERVER_LIMITS } from './limits.js';

const WORDS = 2;

/**
 * One gate for each slot of a data connection, between the pool's thread, which takes back what it
 * has granted, and the agent's, which copies into it. Two words of shared memory: the generation of
 * the grants, and whether a copy is under way.
 *
 *   agent:  copying = 1; if (generation is the grant's) copy; copying = 0
 *   pool:   generation += 1; wait until copying = 0
 *
 * Either the agent sees the new generation or the pool sees the copy: when `revoke` has returned,
 * nothing is written under an earlier generation any more.
 */
export class WriteGates {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  /** Without `memory` new gates are made; with it, the same ones are used from another thread. */
  constructor(memory?: SharedArrayBuffer) {
    const bytes = SERVER_LIMITS.dataConnectionsMax * WORDS * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
    this.#words = new Int32Array(this.memory);
  }

  generationOf(slot: number): number {
    return Atomics.load(this.#words, slot * WORDS);
  }

  /** The agent's: runs `copy`, which must not wait, unless the generation is over. */
  pass(slot: number, generation: number, copy: () => void): boolean {
    const words = this.#words;
    const copying = slot * WORDS + 1;
    Atomics.store(words, copying, 1);
    try {
      if (Atomics.load(words, slot * WORDS) !== generation) return false;
      copy();
      return true;
    } finally {
      Atomics.store(words, copying, 0);
      Atomics.notify(words, copying);
    }
  }

  /** The pool's: ends the generation; stands still while a chunk is being copied. */
  revoke(slot: number): void {
    const words = this.#words;
    Atomics.add(words, slot * WORDS, 1);
    // What is set again after it was clear has seen the new generation, and copies nothing.
    const outcome = Atomics.wait(words, slot * WORDS + 1, 1, SERVER_LIMITS.copyMsMax);
    assert(outcome !== 'timed-out', 'the agent copies a chunk');
  }
}
