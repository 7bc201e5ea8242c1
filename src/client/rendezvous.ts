import { AttaccaError } from '../core/errors.js';
import { writeBarrier } from '../protocol/index.js';
import { Call } from './call.js';
import type { Handle } from './handle.js';
import { encodeOffer, offerPayload } from './offering.js';
import { deadlineOf, type WaitOptions } from './options.js';
import type { Seat } from './seat.js';
import { throwIfAborted, waiting } from './waiting.js';

const NOTHING = new Uint8Array(0);

/** Raises a signal: an object of length 0 that stays. Raising it again changes nothing. */
export async function raiseSignal(handle: Handle): Promise<void> {
  try {
    await offerPayload(handle, { kind: 'bytes', bytes: NOTHING }, encodeOffer({}, true), {});
  } catch (error) {
    if (!(error instanceof AttaccaError && error.code === 'already-offered')) throw error;
  } finally {
    handle.release();
  }
}

export interface BarrierOptions extends WaitOptions {
  /** How many members meet. */
  readonly members: number;
}

/** Waits until so many members have come to the same place. */
export async function meet(seat: Seat, name: string, options: BarrierOptions): Promise<void> {
  const what = `meet at "${name}"`;
  throwIfAborted(what, options.signal);
  const room = seat.enter(what);
  if (room !== null) await room;
  const { connection } = seat.client;
  const { members, timeoutMs } = options;
  const call = new Call<never>(1);
  const fields = { member: seat.number, deadline: deadlineOf(timeoutMs), members, name };
  const number = connection.post(call, 1, (w) => writeBarrier(w, fields));
  await waiting(connection, call, { number, what }, options);
}
