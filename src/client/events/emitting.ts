import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { writeEmit } from '../../protocol/index.js';
import { type Acknowledged, Call } from '../call.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import { throwIfAborted, waitingHeld } from '../waiting.js';
import { isPoolKind } from './options.js';

/** Emits an event of a member's own; `bad-argument` for a name that is the pool's. */
export async function emitEvent(
  seat: Seat,
  kind: string,
  attributes: ValueMap,
  options: WaitOptions = {},
): Promise<Acknowledged> {
  if (isPoolKind(kind)) {
    throw new AttaccaError(
      'bad-argument',
      `Cannot emit "${kind}": events of that kind are the pool's`,
    );
  }
  const what = `emit "${kind}"`;
  throwIfAborted(what, options.signal);
  const room = seat.enter(what);
  if (room !== null) await room;
  const { connection } = seat.client;
  const { keys } = connection;
  const pairs = Object.entries(attributes).map(([key, value]) => [keys.of(key), value] as const);
  const call = new Call<never>(1);
  const number = connection.post(call, 1, (w) => writeEmit(w, seat.number, kind, pairs));
  await waitingHeld(connection, call, { number, what }, options);
  return call.acknowledged;
}
