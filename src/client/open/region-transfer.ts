import { wrongState } from '../errors.js';
import type { WaitOptions } from '../options.js';
import { unlessLate } from '../waiting.js';

/** `failed`: `wait` says why. */
export type TransferStatus = 'created' | 'started' | 'done' | 'failed' | 'closed';

/**
 * A transfer of a region (PDC): created, started, waited for, closed. Between start and wait the
 * caller computes on, and the buffer is the pool's.
 *
 * ```ts
 * const transfers = rows.map((row, at) => field.transfer('write', [at, null], row));
 * RegionTransfer.startAll(transfers);
 * compute();
 * await RegionTransfer.waitAll(transfers);
 * ```
 */
export class RegionTransfer {
  readonly #what: string;
  readonly #begin: () => Promise<void>;
  #moving: Promise<void> | null = null;
  #status: TransferStatus = 'created';

  constructor(what: string, begin: () => Promise<void>) {
    this.#what = what;
    this.#begin = begin;
  }

  /** Starts many: those of one object go out together. */
  static startAll(transfers: Iterable<RegionTransfer>): void {
    for (const transfer of transfers) transfer.start();
  }

  /** Waits for many; rejects with the first that failed, when all are over. */
  static async waitAll(
    transfers: Iterable<RegionTransfer>,
    options: WaitOptions = {},
  ): Promise<void> {
    const all = await Promise.allSettled([...transfers].map((each) => each.wait(options)));
    for (const each of all) if (each.status === 'rejected') throw each.reason;
  }

  get status(): TransferStatus {
    return this.#status;
  }

  /** Legal once. */
  start(): void {
    if (this.#status !== 'created') {
      throw wrongState(`start the transfer: ${this.#what}`, `it is ${this.#status}`);
    }
    const moving = this.#begin();
    this.#status = 'started';
    this.#moving = moving.then(
      () => {
        if (this.#status === 'started') this.#status = 'done';
      },
      (error: unknown) => {
        if (this.#status === 'started') this.#status = 'failed';
        throw error;
      },
    );
    // Whoever waits hears of it.
    this.#moving.catch(() => {});
  }

  /**
   * Resolves when the transfer is done: the buffer is the caller's again. One that is given up goes
   * on: wait for it again.
   */
  async wait(options: WaitOptions = {}): Promise<void> {
    if (this.#moving === null) {
      throw wrongState(`wait for the transfer: ${this.#what}`, `it is ${this.#status}`);
    }
    await unlessLate(this.#moving, this.#what, options);
  }

  /** Ends its use; one that was started goes on to its end. Idempotent. */
  async close(): Promise<void> {
    await this.#moving?.catch(() => {});
    this.#status = 'closed';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
