import { Reader } from '../../src/core/bytes.js';
import type { SpaceExpectation } from '../../src/core/space.js';
import { decodeUtf8 } from '../../src/core/utf8.js';
import type { ValueMap } from '../../src/core/value.js';
import { EXACT } from '../../src/core/value-codec.js';
import { type Attribute, attributesOf } from '../../src/protocol/attributes.js';
import {
  Acknowledge,
  Emit,
  readAcknowledge,
  readEmit,
  readEvent,
  readSubscribe,
  readTake,
  readUnsubscribe,
  readVeto,
  Subscribe,
  type SubscribeFields,
  Take,
  topicsOf,
  Unsubscribe,
  Veto,
} from '../../src/protocol/events.js';
import { type QueueFields, readQueue } from '../../src/protocol/queues.js';
import { type AnyRegion, regionAt } from './any-region.js';

/** Messages about events. */
export type EventsMessage =
  | ({ kind: 'subscribe' } & SubscribeFields)
  | { kind: 'unsubscribe'; subscription: number; forget: number }
  | { kind: 'acknowledge'; subscription: number; n: number; count: number }
  | { kind: 'veto'; subscription: number; n: number; reason: string }
  | ({ kind: 'queue' } & QueueFields)
  | {
      kind: 'take';
      handle: number;
      subscription: number;
      n: number;
      policy: number;
      region: AnyRegion | null;
    }
  | { kind: 'emit'; member: number; topic: string; attributes: readonly Attribute[] }
  | {
      kind: 'event';
      subscription: number;
      n: number;
      seq: number;
      eventKind: number;
      flags: number;
      version: number;
      timeMs: number;
      member: string;
      name: string;
      topic: string;
      space: SpaceExpectation;
      attributes: ValueMap;
      fields: ValueMap;
    };

function subscribeOf(r: Reader): EventsMessage {
  const from = new Subscribe();
  readSubscribe(r, from);
  const { subscription, member, kinds, flags, slow, silence, seq, window, deadline } = from;
  const fields = { subscription, member, kinds, flags, slow, silence, seq, window, deadline };
  return {
    kind: 'subscribe',
    ...fields,
    from: from.from,
    topics: topicsOf(new Reader(), from, r.bytes),
    name: decodeUtf8(r.bytes, from.nameStart, from.nameEnd),
    selector: decodeUtf8(r.bytes, from.selectorStart, from.selectorEnd),
  };
}

export const EVENT_DECODERS = {
  subscribe: subscribeOf,
  unsubscribe: (r: Reader): EventsMessage => {
    const { subscription, forget } = read(r, new Unsubscribe(), readUnsubscribe);
    return { kind: 'unsubscribe', subscription, forget };
  },
  acknowledge: (r: Reader): EventsMessage => {
    const { subscription, n, count } = read(r, new Acknowledge(), readAcknowledge);
    return { kind: 'acknowledge', subscription, n, count };
  },
  veto: (r: Reader): EventsMessage => {
    const { subscription, n, reasonStart, reasonEnd } = read(r, new Veto(), readVeto);
    return { kind: 'veto', subscription, n, reason: decodeUtf8(r.bytes, reasonStart, reasonEnd) };
  },
  emit: (r: Reader): EventsMessage => {
    const { member, topicStart, topicEnd, attributes } = read(r, new Emit(), readEmit);
    const topic = decodeUtf8(r.bytes, topicStart, topicEnd);
    return { kind: 'emit', member, topic, attributes: attributesOf(r, attributes, EXACT) };
  },
  queue: (r: Reader): EventsMessage => ({ kind: 'queue', ...readQueue(r) }),
  take: (r: Reader): EventsMessage => {
    const { regionStart, regionEnd, ...fields } = read(r, new Take(), readTake);
    const isAll = regionStart === regionEnd;
    const region = isAll ? null : regionAt(r.bytes, regionStart, regionEnd);
    return { kind: 'take', ...fields, region };
  },
  event: (r: Reader): EventsMessage => {
    const { kind: eventKind, ...event } = readEvent(r, EXACT);
    return { kind: 'event', eventKind, ...event };
  },
};

function read<T>(r: Reader, into: T, fill: (r: Reader, into: T) => void): T {
  fill(r, into);
  return into;
}
