import type { Reader } from '../core/bytes.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { ValueMap } from '../core/value.js';
import type { Decoder } from '../pool/decoder.js';
import {
  EVENT_NAMES,
  MESSAGE,
  readAcknowledge,
  readEmit,
  readQueue,
  readSubscribe,
  readUnsubscribe,
  readVeto,
  SUBSCRIBE,
} from '../protocol/index.js';

/** What a request about events asks for; null for any other. `member`: a number of the client's. */
export function tellEvents(
  r: Reader,
  code: number,
  message: Decoder,
): { readonly member: number | null; readonly fields: ValueMap } | null {
  switch (code) {
    case MESSAGE.subscribe: {
      readSubscribe(r, message.subscribe);
      const { member, subscription, kinds, flags, nameStart, nameEnd } = message.subscribe;
      const { selectorStart, selectorEnd } = message.subscribe;
      const fields = {
        subscription,
        name: decodeUtf8(r.bytes, nameStart, nameEnd),
        kinds: EVENT_NAMES.filter((_, kind) => (kinds & (1 << kind)) !== 0),
        selector: decodeUtf8(r.bytes, selectorStart, selectorEnd),
        before: (flags & SUBSCRIBE.before) !== 0,
        ...((flags & SUBSCRIBE.requires) === 0 ? {} : { requires: true }),
      };
      return { member, fields };
    }
    case MESSAGE.unsubscribe: {
      readUnsubscribe(r, message.unsubscribe);
      const { subscription, forget } = message.unsubscribe;
      return { member: null, fields: { subscription, forget: forget === 1 } };
    }
    case MESSAGE.acknowledge: {
      readAcknowledge(r, message.acknowledge);
      const { subscription, n, count } = message.acknowledge;
      return { member: null, fields: { subscription, n, count } };
    }
    case MESSAGE.veto: {
      readVeto(r, message.veto);
      const { subscription, n, reasonStart, reasonEnd } = message.veto;
      const reason = decodeUtf8(r.bytes, reasonStart, reasonEnd);
      return { member: null, fields: { subscription, n, reason } };
    }
    case MESSAGE.emit: {
      readEmit(r, message.emit);
      const { member, topicStart, topicEnd } = message.emit;
      return { member, fields: { topic: decodeUtf8(r.bytes, topicStart, topicEnd) } };
    }
    case MESSAGE.queue: {
      const { name, selector, by, keep, maxAhead, forget } = readQueue(r);
      const fields = { queue: name, selector, by, keep, maxAhead, forget: forget === 1 };
      return { member: null, fields };
    }
    default:
      return null;
  }
}
