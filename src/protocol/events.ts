import { refuse } from '../core/assert.js';
import type { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import type { AxisSet } from '../core/regions/axis-set.js';
import type { Region } from '../core/regions/region.js';
import { type SpaceExpectation, skipSpace, spaceAt } from '../core/space.js';
import type { ValueMap } from '../core/value.js';
import { type Reading, readMap } from '../core/value-codec.js';
import { type Attribute, AttributeIndex, readAttributes, writeAttributes } from './attributes.js';
import { EVENT, FROM, MESSAGE, POLICY, SILENCE, SLOW } from './codes.js';
import { beginMessage, endBody, endMessage, readChoice, writeWhole } from './message.js';
import { writeWanted } from './parts.js';

const FLAGS_MAX = 0xff;

/** 0x60 SUBSCRIBE. */
export class Subscribe {
  subscription = 0;
  member = 0;
  /** A bit for each EVENT; 0: all of them. */
  kinds = 0;
  flags = 0;
  from = 0;
  slow = 0;
  silence = 0;
  seq = 0;
  window = 0;
  /** How long an operation waits for this subscriber, in ms; 0: the pool's default. */
  deadline = 0;
  /** Topics of emitted events, each behind its size; none: all of them. */
  topicCount = 0;
  topicsStart = 0;
  topicsEnd = 0;
  /** Of a durable one; empty: it ends with its member. */
  nameStart = 0;
  nameEnd = 0;
  selectorStart = 0;
  selectorEnd = 0;
}

export function readSubscribe(r: Reader, into: Subscribe): void {
  into.subscription = r.u32();
  into.member = r.u32();
  into.kinds = r.u32();
  into.flags = readChoice(r, FLAGS_MAX, 'the flags of a subscription');
  into.from = readChoice(r, FROM.last, 'where a subscription begins');
  into.slow = readChoice(r, SLOW.disconnect, 'what becomes of a slow subscriber');
  into.silence = readChoice(r, SILENCE.deny, 'what silence means');
  into.seq = r.u64();
  into.window = r.u32();
  into.deadline = r.u32();
  if (into.kinds >= 2 ** EVENT.gap) refuse('bad-message', 'Cannot subscribe: a kind is not known');
  into.topicCount = r.u16();
  if (into.topicCount > LIMITS.topicsMax) {
    refuse('bad-argument', `Cannot subscribe: it names more than ${LIMITS.topicsMax} kinds`);
  }
  into.topicsStart = r.at;
  for (let index = 0; index < into.topicCount; index++) readTopic(r);
  into.topicsEnd = r.at;
  into.nameStart = r.skipText();
  into.nameEnd = r.at;
  if (r.at - into.nameStart > LIMITS.keyBytesMax) {
    refuse('bad-name', `Cannot subscribe: a name has ${LIMITS.keyBytesMax} bytes at most`);
  }
  into.selectorStart = r.skipText();
  into.selectorEnd = r.at;
  if (r.at - into.selectorStart > LIMITS.selectorBytesMax) {
    refuse('bad-selector', `Cannot read a selector of more than ${LIMITS.selectorBytesMax} bytes`, {
      position: 0,
    });
  }
  endBody(r);
}

/** Reads the name of what members tell one another; returns its start. */
function readTopic(r: Reader): number {
  const start = r.skipText();
  const size = r.at - start;
  if (size > 0 && size <= LIMITS.keyBytesMax) return start;
  return refuse('bad-argument', `Cannot use a kind of ${size} bytes: 1 to ${LIMITS.keyBytesMax}`);
}

/** The topics of a SUBSCRIBE that was read, by a reader of their own. */
export function topicsOf(r: Reader, from: Subscribe, bytes: Uint8Array): string[] {
  const topics: string[] = [];
  r.reset(bytes, from.topicsStart, from.topicsEnd);
  for (let index = 0; index < from.topicCount; index++) topics.push(r.text());
  return topics;
}

export interface SubscribeFields {
  readonly subscription: number;
  readonly member: number;
  readonly kinds: number;
  readonly topics: readonly string[];
  readonly flags: number;
  readonly from: number;
  readonly slow: number;
  readonly silence: number;
  readonly seq: number;
  readonly window: number;
  readonly deadline: number;
  readonly name: string;
  readonly selector: string;
}

export function writeSubscribe(w: Writer, fields: SubscribeFields): void {
  writeWhole(w, MESSAGE.subscribe, () => {
    w.u32(fields.subscription);
    w.u32(fields.member);
    w.u32(fields.kinds);
    w.u8(fields.flags);
    w.u8(fields.from);
    w.u8(fields.slow);
    w.u8(fields.silence);
    w.u64(fields.seq);
    w.u32(fields.window);
    w.u32(fields.deadline);
    w.u16(fields.topics.length);
    for (const topic of fields.topics) w.text(topic);
    w.text(fields.name);
    w.text(fields.selector);
  });
}

/** 0x61 UNSUBSCRIBE. `forget`: a durable one is over, and does not only lose this member. */
export class Unsubscribe {
  subscription = 0;
  forget = 0;
}

export function readUnsubscribe(r: Reader, into: Unsubscribe): void {
  into.subscription = r.u32();
  into.forget = readChoice(r, 1, 'whether a subscription is forgotten');
  endBody(r);
}

export function writeUnsubscribe(w: Writer, subscription: number, forget: boolean): void {
  writeWhole(w, MESSAGE.unsubscribe, () => {
    w.u32(subscription);
    w.u8(forget ? 1 : 0);
  });
}

/** 0x62 ACKNOWLEDGE: so many deliveries, the first of which is `n`. */
export class Acknowledge {
  subscription = 0;
  n = 0;
  count = 0;
}

export function readAcknowledge(r: Reader, into: Acknowledge): void {
  into.subscription = r.u32();
  into.n = r.u64();
  into.count = r.u32();
  endBody(r);
}

export function writeAcknowledge(w: Writer, subscription: number, n: number, count: number): void {
  writeWhole(w, MESSAGE.acknowledge, () => {
    w.u32(subscription);
    w.u64(n);
    w.u32(count);
  });
}

/** 0x63 VETO: what the delivery tells of is not to be, and why. */
export class Veto {
  subscription = 0;
  n = 0;
  reasonStart = 0;
  reasonEnd = 0;
}

export function readVeto(r: Reader, into: Veto): void {
  into.subscription = r.u32();
  into.n = r.u64();
  into.reasonStart = r.skipText();
  into.reasonEnd = r.at;
  if (r.at - into.reasonStart > LIMITS.reasonBytesMax) {
    refuse('bad-argument', `Cannot veto: a reason has ${LIMITS.reasonBytesMax} bytes at most`);
  }
  endBody(r);
}

export function writeVeto(w: Writer, subscription: number, n: number, reason: string): void {
  writeWhole(w, MESSAGE.veto, () => {
    w.u32(subscription);
    w.u64(n);
    w.text(reason);
  });
}

/** 0x64 EMIT: a member tells others something, under a name of its own. */
export class Emit {
  member = 0;
  topicStart = 0;
  topicEnd = 0;
  readonly attributes = new AttributeIndex();
}

export function readEmit(r: Reader, into: Emit): void {
  into.member = r.u32();
  into.topicStart = readTopic(r);
  into.topicEnd = r.at;
  readAttributes(r, into.attributes);
  endBody(r);
}

export function writeEmit(
  w: Writer,
  member: number,
  topic: string,
  attributes: readonly Attribute[],
): void {
  writeWhole(w, MESSAGE.emit, () => {
    w.u32(member);
    w.text(topic);
    writeAttributes(w, attributes);
  });
}

/** 0x65 TAKE: a handle on the version that a delivery of a standing require tells of. */
export class Take {
  handle = 0;
  subscription = 0;
  n = 0;
  policy = 0;
  /** What of it is required; empty: all. */
  regionStart = 0;
  regionEnd = 0;
}

export function readTake(r: Reader, into: Take): void {
  into.handle = r.u32();
  into.subscription = r.u32();
  into.n = r.u64();
  into.policy = readChoice(r, POLICY.wait, 'the policy of a require');
  const size = r.u32();
  into.regionStart = r.skip(size);
  into.regionEnd = r.at;
  endBody(r);
}

interface TakeFields {
  readonly handle: number;
  readonly subscription: number;
  readonly n: number;
  readonly policy: number;
  /** null: all of it. A box of a shape that is not known has null for all of an axis. */
  readonly region: Region | readonly (AxisSet | null)[] | null;
}

export function writeTake(w: Writer, fields: TakeFields): void {
  const { handle, subscription, n, policy, region } = fields;
  writeWhole(w, MESSAGE.take, () => {
    w.u32(handle);
    w.u32(subscription);
    w.u64(n);
    w.u8(policy);
    if (region === null) w.u32(0);
    else writeWanted(w, region);
  });
}

/** What stands at the head of an EVENT. */
export interface EventHead {
  readonly subscription: number;
  readonly n: number;
  readonly seq: number;
  readonly kind: number;
  readonly flags: number;
  readonly version: number;
  /** By the clock of the pool's host: ms of 1970. */
  readonly timeMs: number;
}

/**
 * Starts an EVENT. The caller then writes three texts (member, name, topic), the space, the
 * attributes (a `map`) and what else is told (a `map`), and ends it with {@link endEvent}.
 */
export function beginEvent(w: Writer, head: EventHead): number {
  const start = beginMessage(w, MESSAGE.event);
  w.u32(head.subscription);
  w.u64(head.n);
  w.u64(head.seq);
  w.u8(head.kind);
  w.u8(head.flags);
  w.u16(0);
  w.u32(head.version);
  w.u64(Math.trunc(head.timeMs));
  return start;
}

export function endEvent(w: Writer, start: number): void {
  endMessage(w, start);
}

/** 0x94 EVENT, as a client has it. */
interface EventMessage extends EventHead {
  readonly member: string;
  readonly name: string;
  readonly topic: string;
  readonly space: SpaceExpectation;
  readonly attributes: ValueMap;
  readonly fields: ValueMap;
}

export function readEvent(r: Reader, how?: Reading): EventMessage {
  const subscription = r.u32();
  const n = r.u64();
  const seq = r.u64();
  const kind = readChoice(r, EVENT.cancelled, 'the kind of an event');
  const flags = r.u8();
  r.u16();
  const version = r.u32();
  const timeMs = r.u64();
  const member = r.text();
  const name = r.text();
  const topic = r.text();
  const space = spaceAt(r.bytes, skipSpace(r));
  const attributes = readMap(r, how);
  const fields = readMap(r, how);
  endBody(r);
  // In one: spread parts cost several times as much, and there are many events.
  return {
    subscription,
    n,
    seq,
    kind,
    flags,
    version,
    timeMs,
    member,
    name,
    topic,
    space,
    attributes,
    fields,
  };
}
