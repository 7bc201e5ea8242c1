import { AttaccaError } from '../../core/errors.js';
import type { ValueMap } from '../../core/value.js';
import { writeEmit } from '../../protocol/index.js';
import type { Acknowledged } from '../call.js';
import type { Seat } from '../seat.js';
import { isPoolKind } from './options.js';

/** Emits an event of a member's own; `bad-argument` for a name that is the pool's. */
export async function emitEvent(
  seat: Seat,
  kind: string,
  attributes: ValueMap,
): Promise<Acknowledged> {
  if (isPoolKind(kind)) {
    throw new AttaccaError(
      'bad-argument',
      `Cannot emit "${kind}": events of that kind are the pool's`,
    );
  }
  const room = seat.enter('emit');
  if (room !== null) await room;
  const { keys } = seat.client.connection;
  const pairs = Object.entries(attributes).map(([key, value]) => [keys.of(key), value] as const);
  return await seat.ask('emit', 1, (w) => writeEmit(w, seat.number, kind, pairs));
}
