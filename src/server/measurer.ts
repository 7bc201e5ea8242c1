import { Worker } from 'node:worker_threads';
import { Writer } from '../core/bytes.js';
import { Measure, MeasureScratch } from '../core/statistics/measure.js';
import { writeStatistics } from '../core/statistics/statistics-codec.js';
import { type Libc, tryLoadLibc } from '../levels/shm/index.js';
import type { MeasureResult } from '../pool/input.js';
import type { MeasureAsked } from '../pool/state.js';
import { NativeGate } from './native-gate.js';
import type { PinnedRange } from './slab-store.js';
import { threadUrl } from './threads.js';

/** Without a thread: measured before others have their turn, well under a millisecond. */
const PIECE_BYTES = 256 * 1_024;
/** The thread has no more at a time, or one slice: so long the memory of slabs that go stays. */
const PINNED_BYTES = 64 * 1_024 * 1_024;

interface MeasurerOptions {
  /** The bytes of a range, until they are released; null when they are not there. */
  readonly pin: (asked: MeasureAsked) => Promise<PinnedRange | null>;
  readonly tell: (results: readonly MeasureResult[]) => void;
  /** A parameter, so that a platform without it can be played in tests. */
  readonly loadLibc?: () => Promise<Libc | null>;
}

/** What the thread is told: a slice, and where its buffer lies in the process. */
export interface MeasureOrder {
  readonly asked: MeasureAsked;
  /** Null: what is encoded is with it, as it came in a message. */
  readonly memory: MeasureMemory | null;
}

interface MeasureMemory {
  readonly address: bigint;
  readonly length: number;
  readonly offset: number;
}

/** What is told of a slice, as it is kept. */
export function measureSlice(
  asked: MeasureAsked,
  bytes: Uint8Array,
  scratch: MeasureScratch,
): Uint8Array {
  const measure = new Measure(asked, scratch);
  measure.add(bytes);
  return written(measure);
}

function written(measure: Measure): Uint8Array {
  const w = new Writer();
  writeStatistics(w, measure.end());
  return w.written().slice();
}

/**
 * Has slices measured one after the other by a thread, which is begun with the first of them. The
 * pool bounds how many it asks for at a time. Bytes may be freed, and be others, while they are
 * measured: a pin keeps their mapping, and the pool does not listen to what is said of them.
 *
 * Where a thread cannot see memory of the process (no koffi) slices are measured here, a piece at a
 * time, so that what else goes on here does so in between. What is encoded is decoded by the thread
 * alone, which is given a copy there.
 */
export class Measurer {
  readonly #options: MeasurerOptions;
  #libc: Promise<Libc | null> | null = null;
  #worker: Worker | null = null;
  /** Told something, or ended: it may be ended. In between it loads. */
  #loaded: Promise<void> = Promise.resolve();
  #gate = new NativeGate();
  readonly #asked: MeasureAsked[] = [];
  #isPinning = false;
  #isClosed = false;
  /** What the thread is at, by the number of the question. */
  readonly #pinned = new Map<number, PinnedRange>();
  #pinnedBytes = 0;
  readonly #scratch = new MeasureScratch();

  constructor(options: MeasurerOptions) {
    this.#options = options;
  }

  ask(asked: readonly MeasureAsked[]): void {
    this.#asked.push(...asked);
    this.#goOn();
  }

  /**
   * Resolves when the thread can be ended: one that is ended while it loads a native library, or is
   * in a call of it, takes the process with it. What is asked from now on is not measured.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#loaded;
    await this.#gate.close(() => this.#worker !== null);
  }

  #goOn(): void {
    if (this.#isPinning || this.#isClosed) return;
    this.#isPinning = true;
    // What is no refusal is a bug, and ends the agent's thread.
    void this.#give();
  }

  /** Gives the thread what it may be at. */
  async #give(): Promise<void> {
    this.#libc ??= (this.#options.loadLibc ?? tryLoadLibc)();
    const libc = await this.#libc;
    if (this.#isClosed) return;
    const orders: MeasureOrder[] = [];
    while (this.#pinnedBytes < PINNED_BYTES) {
      const asked = this.#asked.shift();
      if (asked === undefined) break;
      if (asked.encoded !== undefined && asked.encoded.inline !== null) {
        orders.push(this.#withBytes(asked, asked.encoded.inline));
        continue;
      }
      const pinned = await this.#options.pin(asked);
      if (pinned === null) this.#options.tell([{ ask: asked.ask, statistics: null }]);
      else if (libc === null && asked.encoded !== undefined) {
        const inline = pinned.bytes.slice();
        pinned.release();
        orders.push(this.#withBytes({ ...asked, encoded: { ...asked.encoded, inline } }, inline));
      } else if (libc === null) await this.#measureHere(asked, pinned);
      else orders.push({ asked, memory: this.#keep(asked, pinned, libc) });
    }
    this.#isPinning = false;
    if (orders.length === 0 || this.#isClosed) return;
    this.#worker ??= this.#begin();
    this.#worker.postMessage(orders);
  }

  /** What lies in no slab: it counts as what is pinned does. */
  #withBytes(asked: MeasureAsked, bytes: Uint8Array): MeasureOrder {
    this.#pinned.set(asked.ask, { bytes, release: () => {} });
    this.#pinnedBytes += bytes.length;
    return { asked, memory: null };
  }

  #keep({ ask }: MeasureAsked, pinned: PinnedRange, libc: Libc): MeasureMemory {
    this.#pinned.set(ask, pinned);
    const { buffer, byteOffset: offset, length: size } = pinned.bytes;
    this.#pinnedBytes += size;
    const { byteLength: length } = buffer;
    return { address: libc.addressOf(pinned.bytes) - BigInt(offset), length, offset };
  }

  #begin(): Worker {
    // The flags of this process are its own: a thread refuses some of them.
    this.#gate = new NativeGate();
    const worker = new Worker(threadUrl('measure'), {
      ...{ execArgv: [], name: 'attacca measure', workerData: this.#gate.memory },
    });
    // It keeps no process.
    worker.unref();
    this.#loaded = new Promise((resolve) => {
      worker.once('message', () => resolve());
      worker.once('exit', () => resolve());
    });
    worker.on('message', (results: readonly MeasureResult[]) => this.#take(results));
    // Its end follows.
    worker.on('error', () => {});
    worker.once('exit', () => {
      this.#worker = null;
      // Told as what could not be looked at; what comes then begins another thread.
      this.#take([...this.#pinned.keys()].map((ask) => ({ ask, statistics: null })));
    });
    return worker;
  }

  #take(results: readonly MeasureResult[]): void {
    for (const { ask } of results) {
      const pinned = this.#pinned.get(ask);
      if (pinned === undefined) continue;
      this.#pinned.delete(ask);
      this.#pinnedBytes -= pinned.bytes.length;
      pinned.release();
    }
    if (results.length > 0) this.#options.tell(results);
    this.#goOn();
  }

  async #measureHere(asked: MeasureAsked, { bytes, release }: PinnedRange): Promise<void> {
    const measure = new Measure(asked, this.#scratch);
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
        if (at > 0) await new Promise((resolve) => setImmediate(resolve));
        measure.add(bytes.subarray(at, at + PIECE_BYTES));
      }
    } finally {
      release();
    }
    this.#options.tell([{ ask: asked.ask, statistics: written(measure) }]);
  }
}
