import type { AttaccaError, ErrorFields } from '../core/errors.js';
import type { Connection } from './connection.js';
import { abortedError } from './errors.js';
import type { OfferAnswers } from './offer-answers.js';
import type { WaitOptions } from './options.js';
import { ANSWER_MS, heldFor, TIMER_MS_MAX } from './waiting.js';

/**
 * How long the offers of a batch wait that are held: for as long as the caller waits. They have no
 * deadline in the pool: they are cancelled from here, and what the pool says to that decides.
 */
export class BatchDeadline {
  readonly #connection: Connection;
  readonly #what: string;
  readonly #options: WaitOptions;
  /** Runs that are not answered, with the number of the first request of each. */
  readonly #runs = new Map<OfferAnswers, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #onAbort = (): void => this.#cancel();
  #isOver = false;

  constructor(connection: Connection, what: string, options: WaitOptions) {
    this.#connection = connection;
    this.#what = what;
    this.#options = options;
    const { timeoutMs, signal } = options;
    if (timeoutMs !== undefined && timeoutMs <= TIMER_MS_MAX) this.#later(timeoutMs, this.#onAbort);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  add(run: OfferAnswers, first: number): void {
    this.#runs.set(run, first);
    // Whether it succeeds or not: it is answered.
    void run.done.then(() => this.#runs.delete(run));
    if (this.#isOver) this.#cancelRun(run, first);
  }

  /** Why an item has failed: what was cancelled here has ended for our cause. */
  reasonOf(error: AttaccaError): AttaccaError {
    if (!this.#isOver || error.code !== 'cancelled') return error;
    return this.#cause(error.fields);
  }

  end(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
  }

  #cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const [run, first] of this.#runs) this.#cancelRun(run, first);
    // Then the pool cannot be asked any more.
    this.#later(ANSWER_MS, () => {
      for (const run of this.#runs.keys()) run.lost(this.#cause());
    });
  }

  #cancelRun(run: OfferAnswers, first: number): void {
    for (const request of run.offers()) this.#connection.cancel(first + request);
  }

  #cause(said: ErrorFields = {}): AttaccaError {
    const { timeoutMs, signal } = this.#options;
    if (signal?.aborted === true) return abortedError(this.#what, signal);
    return heldFor(this.#what, timeoutMs ?? 0, said);
  }

  #later(ms: number, then: () => void): void {
    this.#timers.push(setTimeout(then, ms).unref());
  }
}
