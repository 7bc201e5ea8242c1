import { writeDispose, writeWithdraw } from '../protocol/index.js';
import { Call } from './call.js';
import { wrongState } from './errors.js';
import { deadlineOf, type WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import type { Seat } from './seat.js';
import { throwIfAborted, waiting } from './waiting.js';

/** So many requests are sent in one go. */
const CHUNK = 4_096;

/** What a batch has offered, to be withdrawn as one. */
export class OfferedMany {
  readonly #seat: Seat;
  readonly #handles: number[];
  /** How many objects are offered. */
  readonly count: number;

  constructor(seat: Seat, count: number, handles: number[]) {
    this.#seat = seat;
    this.count = count;
    this.#handles = handles;
  }

  /** Withdraws all of it, as `withdraw` of one object. What was kept has `pool.unkeep`. */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    const what = `withdraw a batch of ${this.count} objects`;
    const handles = this.#handles.splice(0);
    if (handles.length === 0) {
      if (this.count > 0) throw wrongState(what, 'it was kept, or withdrawn before');
      return;
    }
    throwIfAborted(what, options.signal);
    const { connection } = this.#seat.client;
    const deadline = deadlineOf(options.timeoutMs);
    for (let at = 0; at < handles.length; at += CHUNK) {
      const chunk = handles.slice(at, at + CHUNK);
      const room = this.#seat.enter(what);
      if (room !== null) await room;
      const call = new Call<never>(chunk.length);
      const first = connection.post(call, chunk.length, (w) => {
        for (const handle of chunk) writeWithdraw(w, handle, deadline);
      });
      const number = first + chunk.length - 1;
      await waiting(connection, call, { number, what }, options);
      connection.post(UNHEEDED, chunk.length, (w) => {
        for (const handle of chunk) writeDispose(w, handle);
      });
      for (const handle of chunk) connection.handles.release(handle);
    }
  }
}
