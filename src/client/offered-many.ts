import { writeDispose, writeWithdraw } from '../protocol/index.js';
import { Call } from './call.js';
import { wrongState } from './errors.js';
import { checkOptions } from './known-options.js';
import { deadlineOf, type WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import type { Seat } from './seat.js';
import { throwIfAborted, waiting } from './waiting.js';

/** So many requests are sent in one go. */
const CHUNK = 4_096;

/** What a batch has offered, to be withdrawn as one. */
export class OfferedMany {
  readonly #seat: Seat;
  /** Those that are not withdrawn yet. */
  readonly #handles: number[];
  #isBusy = false;
  /** How many objects are offered. */
  readonly count: number;

  constructor(seat: Seat, count: number, handles: number[]) {
    this.#seat = seat;
    this.count = count;
    this.#handles = handles;
  }

  /**
   * Withdraws all of it, as `withdraw` of one object. What was kept has `pool.unkeep`. After a
   * failure it may be called again: it withdraws the rest.
   */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    checkOptions('wait', 'withdraw a batch', options);
    const what = `withdraw a batch of ${this.count} objects`;
    if (this.#isBusy) throw wrongState(what, 'another call on it is under way');
    if (this.#handles.length === 0 && this.count > 0) {
      throw wrongState(what, 'it was kept, or withdrawn before');
    }
    throwIfAborted(what, options.signal);
    this.#isBusy = true;
    try {
      while (this.#handles.length > 0) await this.#withdrawSome(what, options);
    } finally {
      this.#isBusy = false;
    }
  }

  /** To withdraw again what was withdrawn, its answer unheard, is no failure. */
  async #withdrawSome(what: string, options: WaitOptions): Promise<void> {
    const { connection } = this.#seat.client;
    const deadline = deadlineOf(options.timeoutMs);
    const room = this.#seat.enter(what);
    if (room !== null) await room;
    const chunk = this.#handles.slice(0, CHUNK);
    const call = new Call<never>(chunk.length);
    const first = connection.post(call, chunk.length, (w) => {
      for (const handle of chunk) writeWithdraw(w, handle, deadline);
    });
    const number = first + chunk.length - 1;
    await waiting(connection, call, { number, what }, options);
    this.#handles.splice(0, chunk.length);
    connection.post(UNHEEDED, chunk.length, (w) => {
      for (const handle of chunk) writeDispose(w, handle);
    });
    for (const handle of chunk) connection.handles.release(handle);
  }
}
