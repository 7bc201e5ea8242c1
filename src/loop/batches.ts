import { assert } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import type { Journal } from '../journal/journal.js';
import { ENTRIES_BYTES_MAX } from '../journal/record.js';
import type { Batch, Performance, PoolLoop } from './pool-loop.js';

/** Of what fills no batch, however much there is: ends of all sessions, say. */
const BESIDE_FRAMES_BYTES = 256 * LIMITS.sessionsMax;
assert(
  LIMITS.batchBytesMax + LIMITS.frameBytesMax + BESIDE_FRAMES_BYTES <= ENTRIES_BYTES_MAX,
  'a record holds the largest batch',
);

/** Where batches are written down. */
export type BatchJournal = Pick<Journal, 'reserve' | 'append'>;

interface BatchesOptions {
  readonly loop: PoolLoop;
  /** Null: batches are released as they are stepped. */
  readonly journal: BatchJournal | null;
  readonly perform: (released: Performance) => void;
}

/** The batches of a loop on their way: stepped, written down, durable, released; in their order. */
export class Batches {
  readonly #options: BatchesOptions;
  /** Stepped, and not durable yet. */
  readonly #held: Batch[] = [];

  constructor(options: BatchesOptions) {
    this.#options = options;
  }

  /**
   * Steps what was gathered, if there is something to do. False when the journal cannot take it
   * now: it says when to try again.
   */
  step(now: number): boolean {
    const { loop, journal, perform } = this.#options;
    if (!loop.isDue(now)) return true;
    if (journal === null) {
      perform(loop.run(now));
      return true;
    }
    // That there is no room concerns what comes: what came before may use what is kept back.
    const bytes = loop.bytesGathered;
    const room = journal.reserve(bytes, !loop.hasRoom);
    if (room === 'later') return false;
    if (room === 'full' && journal.reserve(bytes, true) !== 'ok') return false;
    const batch = loop.step(now);
    this.#held.push(batch);
    const number = journal.append(batch);
    assert(number === batch.number, 'a batch and its record have one number');
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
