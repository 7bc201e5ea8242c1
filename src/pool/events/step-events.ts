import { unreachable } from '../../core/assert.js';
import {
  MESSAGE,
  readAcknowledge,
  readEmit,
  readQueue,
  readSubscribe,
  readTake,
  readUnsubscribe,
  readVeto,
} from '../../protocol/index.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { defineQueue } from './queues.js';
import { acknowledge, emitEvent, subscribe, unsubscribe, vetoed } from './subscribing.js';
import { take } from './take.js';

/** Applies a request about events; true when its answer is OK, false when it is another. */
export function applyToEvents(
  pool: PoolState,
  session: Session,
  request: number,
  code: number,
): boolean {
  const r = pool.reader;
  const message = pool.decoder;
  const asked = code as EventCode;
  switch (asked) {
    case MESSAGE.subscribe:
      readSubscribe(r, message.subscribe);
      return subscribe(pool, session, request, message.subscribe);
    case MESSAGE.unsubscribe:
      readUnsubscribe(r, message.unsubscribe);
      unsubscribe(pool, session, message.unsubscribe);
      return true;
    case MESSAGE.acknowledge:
      readAcknowledge(r, message.acknowledge);
      acknowledge(pool, session, message.acknowledge);
      return true;
    case MESSAGE.veto:
      readVeto(r, message.veto);
      vetoed(pool, session, message.veto);
      return true;
    case MESSAGE.emit:
      readEmit(r, message.emit);
      emitEvent(pool, session, message.emit);
      return true;
    case MESSAGE.queue:
      defineQueue(pool, readQueue(r));
      return true;
    case MESSAGE.take:
      readTake(r, message.take);
      take(pool, session, message.take);
      return true;
    default:
      return unreachable(asked);
  }
}

type EventCode = (typeof MESSAGE)[
  | 'subscribe'
  | 'unsubscribe'
  | 'acknowledge'
  | 'veto'
  | 'emit'
  | 'take'
  | 'queue'];
