import { Worker } from 'node:worker_threads';
import { AttaccaError } from '../core/errors.js';
import type { Made, StateHash } from '../loop/history.js';
import { ownError, threadUrl } from './threads.js';

/** What the thread is told. */
export interface SnapshotOrder {
  readonly directory: string;
  /** The record that the snapshot ends with; null: only says what the newest one makes needless. */
  readonly upTo: number | null;
  /** The state that the manager had behind a record, which its replay must have, too. */
  readonly state: StateHash | null;
  readonly info: Uint8Array;
}

interface SnapshotsOptions {
  readonly directory: string;
  readonly info: Uint8Array;
  /** A snapshot is there: what lies before `firstNeeded` may go. */
  readonly onMade: (made: Made) => void;
  /** It could not be made: as there is no room, say. Another is tried later. */
  readonly onFailed: (error: unknown) => void;
  /** A file is damaged: who has the pool in memory makes the snapshot itself, of all it knows. */
  readonly rescue: (error: AttaccaError) => Promise<Made>;
}

/** A rescue that has failed is tried again so much later. */
const RESCUE_MS = 10_000;

/** After a snapshot so many times what it took goes by: a fifth of a core at most is for them. */
const REST_FACTOR = 4;

/**
 * Has snapshots made, one at a time, of segments that are closed: so that the records that a new
 * manager must do again stay few, at a bounded share of a core however large the pool is.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions;
  #wanted = 0;
  /** The newest that is known of the records up to there. */
  #state: StateHash | null = null;
  /** Up to where one could not be made; 0: the last one could. */
  #missed = 0;
  /** Whether a file is damaged, and no snapshot makes it needless yet. */
  #isDamaged = false;
  #isRelieving = false;
  #worker: Worker | null = null;
  /** What is under way, with the rescue that follows. */
  #making: Promise<unknown> | null = null;
  #restTimer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** A segment that ends with this record is closed; a state that the manager had before it. */
  closed(last: number, state: StateHash | null): void {
    this.#wanted = last;
    this.#state = state ?? this.#state;
    this.#begin();
  }

  /** There may be room for one that could not be made. */
  retry(): void {
    if (this.#missed > 0) this.#begin();
  }

  /**
   * There is no room: what the newest snapshot covers is let go of once it is found intact, though
   * the one before it is then of no use. Else a disk that the journal alone has filled, while
   * others kept its snapshots from being made, would never have room again.
   */
  relieve(): void {
    if (this.#isClosed) return;
    this.#isRelieving = true;
    if (this.#making === null) this.#begin();
  }

  /** Makes a snapshot of all up to a record, now; null when there is one. */
  async last(upTo: number): Promise<Made | null> {
    await this.close();
    return await this.#make(upTo);
  }

  /** Ends what is under way. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#restTimer !== null) clearTimeout(this.#restTimer);
    await this.#worker?.terminate();
    await this.#making?.catch(() => {});
  }

  #begin(): void {
    if (this.#isClosed || this.#making !== null) return;
    if (this.#restTimer !== null && !this.#isRelieving) return;
    const startedMs = performance.now();
    const upTo = this.#isRelieving ? null : this.#wanted;
    this.#isRelieving = false;
    const making = this.#make(upTo);
    this.#making = making;
    making
      .then(
        (made) => {
          if (upTo !== null) this.#missed = 0;
          if (made !== null && !this.#isClosed) this.#options.onMade(made);
        },
        (error: unknown) => {
          if (upTo !== null) this.#missed = upTo;
          if (!this.#isClosed) this.#options.onFailed(error);
        },
      )
      .finally(() => {
        this.#making = null;
        this.#rest(this.#isDamaged ? 0 : upTo, performance.now() - startedMs);
      });
  }

  #rest(made: number | null, ms: number): void {
    if (this.#isClosed) return;
    if (this.#isRelieving) this.#begin();
    if (this.#restTimer !== null) return;
    const restMs = ms * REST_FACTOR;
    this.#restTimer = setTimeout(
      () => {
        this.#restTimer = null;
        if (this.#wanted > (made ?? 0)) this.#begin();
      },
      made === 0 ? Math.max(restMs, RESCUE_MS) : restMs,
    );
    this.#restTimer.unref();
  }

  async #make(upTo: number | null): Promise<Made | null> {
    try {
      return await this.#makeByThread(upTo);
    } catch (error) {
      if (!isFileDamage(error)) throw error;
      this.#isDamaged = true;
      const made = await this.#options.rescue(error);
      this.#isDamaged = false;
      return made;
    }
  }

  #makeByThread(upTo: number | null): Promise<Made | null> {
    const { directory, info } = this.#options;
    const workerData: SnapshotOrder = { directory, upTo, state: this.#state, info };
    return new Promise((resolve, reject) => {
      const url = threadUrl('snapshot');
      const worker = new Worker(url, { workerData, execArgv: [], name: 'attacca snapshot' });
      this.#worker = worker;
      let made: Made | null = null;
      worker.once('message', (message: Made | null) => {
        made = message;
      });
      worker.once('error', (error) => reject(ownError(error)));
      worker.once('exit', (code) => {
        this.#worker = null;
        if (code === 0) resolve(made);
        else reject(new AttaccaError('internal', `The snapshot's thread ended (${code})`));
      });
    });
  }
}

/** Whether what is on the disk is damaged: a replay with another outcome names no file. */
function isFileDamage(error: unknown): error is AttaccaError {
  if (!(error instanceof AttaccaError && error.code === 'journal-damaged')) return false;
  return error.fields['file'] !== undefined;
}
