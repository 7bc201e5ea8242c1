import type { Batch, Performance, PoolLoop } from './pool-loop.js';

/** Where batches are written down. `journal/` has it; a pool without one has none. */
export interface BatchJournal {
  /** Whether so many bytes of entries can be appended now; if not, `onDurable` or `onRoom` comes. */
  mayAppend(bytes: number): boolean;
  append(record: {
    readonly now: number;
    readonly check: number;
    readonly entries: Uint8Array;
  }): void;
}

interface BatchesOptions {
  readonly loop: PoolLoop;
  /** Null: batches are released as they are stepped. */
  readonly journal: BatchJournal | null;
  readonly perform: (performance: Performance) => void;
}

/** The batches of a loop on their way: stepped, written down, durable, released; in their order. */
export class Batches {
  readonly #options: BatchesOptions;
  /** Stepped, and not durable yet. */
  #held: Batch[] = [];

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /** Batches that are stepped and not released. */
  get underWay(): number {
    return this.#held.length;
  }

  /**
   * Steps what was gathered, if there is something to do. False when the journal cannot take it now:
   * then it is to be tried again when a batch has become durable, or there is room.
   */
  step(now: number): boolean {
    const { loop, journal, perform } = this.#options;
    if (!loop.isDue(now)) return true;
    if (journal === null) {
      perform(loop.run(now));
      return true;
    }
    if (!journal.mayAppend(loop.bytesGathered)) return false;
    const batch = loop.step(now);
    this.#held.push(batch);
    journal.append(batch);
    return true;
  }

  /** All batches up to a number are durable. */
  durable(number: number): void {
    const { loop, perform } = this.#options;
    let count = 0;
    for (const batch of this.#held) {
      if (batch.number > number) break;
      count++;
    }
    // Performing may step and append: what is left must be in place before.
    const released = this.#held.splice(0, count);
    for (const batch of released) perform(loop.release(batch));
  }
}
