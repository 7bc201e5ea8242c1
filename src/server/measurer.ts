import { Writer } from '../core/bytes.js';
import { Measure, MeasureScratch } from '../core/statistics/measure.js';
import { writeStatistics } from '../core/statistics/statistics-codec.js';
import type { MeasureResult } from '../pool/input.js';
import type { MeasureAsked } from '../pool/state.js';
import type { PinnedRange } from './slab-store.js';

/** Measured before others have their turn: well under a millisecond. */
const PIECE_BYTES = 256 * 1_024;
/** Results are told together, and the first of them waits no longer. */
const TELL_MS = 4;

interface MeasurerOptions {
  /** The bytes of a range, until they are released; null when they are not there. */
  readonly pin: (asked: MeasureAsked) => Promise<PinnedRange | null>;
  readonly tell: (results: readonly MeasureResult[]) => void;
}

/**
 * Measures slices one after the other, a piece at a time, so that what else the thread does goes on
 * in between. Bytes may be freed, and be others, while they are measured: a pin keeps their
 * mapping, and the pool does not listen to what is said of them.
 */
export class Measurer {
  readonly #options: MeasurerOptions;
  readonly #asked: MeasureAsked[] = [];
  /** One at a time. */
  readonly #scratch = new MeasureScratch();
  #results: MeasureResult[] = [];
  #toldMs = 0;
  #isWorking = false;

  constructor(options: MeasurerOptions) {
    this.#options = options;
  }

  ask(asked: readonly MeasureAsked[]): void {
    this.#asked.push(...asked);
    if (this.#isWorking) return;
    this.#isWorking = true;
    // What is no refusal is a bug, and ends the thread.
    void this.#work();
  }

  async #work(): Promise<void> {
    this.#toldMs = performance.now();
    for (let asked = this.#asked.shift(); asked !== undefined; asked = this.#asked.shift()) {
      const statistics = await this.#measure(asked);
      this.#results.push({ ask: asked.ask, statistics });
      if (performance.now() - this.#toldMs >= TELL_MS) this.#tell();
    }
    this.#isWorking = false;
    this.#tell();
  }

  async #measure(asked: MeasureAsked): Promise<Uint8Array | null> {
    const pinned = await this.#options.pin(asked);
    if (pinned === null) return null;
    const { bytes, release } = pinned;
    const measure = new Measure(asked, this.#scratch);
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        measure.add(bytes.subarray(at, at + PIECE_BYTES));
      }
    } finally {
      release();
    }
    const w = new Writer();
    writeStatistics(w, measure.end());
    return w.written().slice();
  }

  #tell(): void {
    this.#toldMs = performance.now();
    const results = this.#results;
    this.#results = [];
    if (results.length > 0) this.#options.tell(results);
  }
}
