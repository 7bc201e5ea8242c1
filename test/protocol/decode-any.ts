import { refuse } from '../../src/core/assert.js';
import type { Reader } from '../../src/core/bytes.js';
import { type SpaceExpectation, spaceAt } from '../../src/core/space.js';
import { decodeUtf8 } from '../../src/core/utf8.js';
import type { ValueMap } from '../../src/core/value.js';
import { EXACT } from '../../src/core/value-codec.js';
import {
  type Bye,
  type Fail,
  Grant,
  Ok,
  readBye,
  readFail,
  readGrant,
  readOk,
  readValueAnswer,
  readWelcome,
  type ValueAnswer,
  type Welcome,
} from '../../src/protocol/answers.js';
import { type Attribute, attributesOf } from '../../src/protocol/attributes.js';
import { type MessageName, messageName, OFFER_REPLACES, SOURCE } from '../../src/protocol/codes.js';
import { Declare, readDeclare } from '../../src/protocol/declare.js';
import { Deliver, readDeliver } from '../../src/protocol/deliver.js';
import {
  Demand,
  Require,
  readDemand,
  readHandle,
  readRequire,
  readWithdraw,
  Withdraw,
} from '../../src/protocol/handles.js';
import {
  Explain,
  readExplain,
  readStat,
  readStop,
  Stat,
  Stop,
} from '../../src/protocol/looking.js';
import {
  type Join,
  Key,
  Leave,
  readCancel,
  readEmpty,
  readJoin,
  readKey,
  readLeave,
} from '../../src/protocol/members.js';
import {
  type Adopt,
  Lease,
  Return,
  readAdopt,
  readLease,
  readReturn,
} from '../../src/protocol/memory.js';
import { endBody } from '../../src/protocol/message.js';
import { type Notice, readNotice, readReclaim, readSlabGone } from '../../src/protocol/notices.js';
import {
  Delete,
  readDelete,
  readTag,
  readUnkeep,
  Tag,
  Unkeep,
} from '../../src/protocol/objects.js';
import { Offer, readAppend, readOffer, readOfferPart } from '../../src/protocol/offer.js';
import {
  DeliveredPart,
  Parts,
  RegionFields,
  readPart,
  readParts,
  readRegionFields,
} from '../../src/protocol/parts.js';
import { PromiseFields, readClose, readPromise } from '../../src/protocol/promises.js';
import { readSet, SetFields } from '../../src/protocol/set.js';
import { type AnyRegion, regionAt } from './any-region.js';
import { EVENT_DECODERS, type EventsMessage } from './decode-events.js';
import { GROUP_DECODERS, type GroupMessage } from './decode-groups.js';
import { mapAt, OPEN_DECODERS, type OpenMessage, type Payload, payloadOf } from './decode-open.js';
import { SELECTING_DECODERS, type SelectingMessage } from './decode-selecting.js';

/** Where a payload is: nowhere, in the message, or in a slab. */
/** One of those in PARTS. */
export interface AnyPart {
  readonly region: AnyRegion;
  readonly source: number;
  readonly payload: Payload;
}

/** Any message as one plain object. The pool and the clients read into structs of their own. */
export type AnyMessage =
  | GroupMessage
  | { kind: 'key'; key: number; name: string }
  | Omit<Join, 'parsed'>
  | { kind: 'leave'; member: number; deadline: number }
  | { kind: 'end' }
  | { kind: 'ping' }
  | { kind: 'members' }
  | { kind: 'info' }
  | { kind: 'cancel'; request: number }
  | {
      kind: 'declare';
      handle: number;
      member: number;
      name: string;
      space: SpaceExpectation;
      attributes: readonly Attribute[];
    }
  | { kind: 'set'; handle: number; space: SpaceExpectation; attributes: readonly Attribute[] }
  | { kind: 'seal'; handle: number }
  | { kind: 'retract'; handle: number }
  | { kind: 'dispose'; handle: number }
  | {
      kind: 'offer';
      handle: number;
      scope: number;
      durability: number;
      source: number;
      lifetime: number;
      /** With a scope that replaces. */
      replaced?: number;
      payload: Payload;
    }
  | {
      kind: 'offerPart';
      handle: number;
      scope: number;
      durability: number;
      source: number;
      lifetime: number;
      region: AnyRegion;
      payload: Exclude<Payload, null>;
    }
  | {
      kind: 'append';
      handle: number;
      scope: number;
      durability: number;
      source: number;
      lifetime: number;
      payload: Exclude<Payload, null>;
    }
  | { kind: 'finish'; handle: number }
  | { kind: 'region'; handle: number; region: AnyRegion }
  | OpenMessage
  | EventsMessage
  | { kind: 'parts'; request: number; parts: readonly AnyPart[] }
  | { kind: 'withdraw'; handle: number; deadline: number }
  | { kind: 'require'; handle: number; policy: number }
  | {
      kind: 'demand';
      handle: number;
      deadline: number;
      mode: number;
      policy: number;
      want: number;
    }
  | { kind: 'delete'; name: string; member: number; force: number }
  | {
      kind: 'tag';
      name: string;
      member: number;
      attributes: readonly Attribute[];
      removed: readonly number[];
    }
  | { kind: 'promise'; promise: number; member: number; promiseKind: number; pattern: string }
  | { kind: 'close'; promise: number }
  | { kind: 'unkeep'; name: string; member: number; deadline: number }
  | { kind: 'lease'; size: number; least: number; handle: number; deadline: number }
  | { kind: 'return'; slab: number; offset: number; size: number }
  | Adopt
  | { kind: 'stat'; name: string }
  | SelectingMessage
  | { kind: 'explain'; what: number; name: string }
  | { kind: 'stop'; force: number; deadline: number }
  | { kind: 'ok'; first: number; last: number; record: number; bytes: number }
  | Fail
  | Welcome
  | Bye
  | {
      kind: 'deliver';
      request: number;
      version: number;
      source: number;
      space: SpaceExpectation;
      attributes: ValueMap;
      payload: Payload;
      /** How many there were, where it is delivered in parts. */
      parts?: number;
    }
  | { kind: 'grant'; request: number; slab: number; offset: number; size: number }
  | ValueAnswer
  | { kind: 'reclaim'; bytes: number }
  | Notice
  | { kind: 'slabGone'; slab: number };

type Decoder = (r: Reader) => AnyMessage;

/** A decoder that lets `read` fill `into`, whose fields are all plain. */
function filled<T extends object, M extends AnyMessage>(
  make: () => T,
  read: (r: Reader, into: T) => void,
  plain: (fields: T, r: Reader) => M,
): Decoder {
  return (r) => {
    const fields = make();
    read(r, fields);
    return plain(fields, r);
  };
}

const empty =
  (kind: 'end' | 'ping' | 'members' | 'info'): Decoder =>
  (r) => {
    readEmpty(r);
    return { kind };
  };

const handle =
  (kind: 'seal' | 'retract' | 'dispose' | 'finish'): Decoder =>
  (r) => ({ kind, handle: readHandle(r) });

function nameOf(r: Reader, fields: { nameStart: number; nameEnd: number }): string {
  return decodeUtf8(r.bytes, fields.nameStart, fields.nameEnd);
}

function declareOf(fields: Declare, r: Reader): AnyMessage {
  return {
    kind: 'declare',
    handle: fields.handle,
    member: fields.member,
    name: nameOf(r, fields),
    space: spaceAt(r.bytes, fields.spaceStart),
    attributes: attributesOf(r, fields.attributes, EXACT),
  };
}

function offerOf(fields: Offer, r: Reader): AnyMessage {
  const { handle, durability, source, lifetime } = fields;
  const scope = fields.scope | (fields.replaces * OFFER_REPLACES);
  const payload = payloadOf(r, fields);
  const fixed = { handle, scope, durability, source, lifetime } as const;
  const { replaces, replaced } = fields;
  return { kind: 'offer', ...fixed, ...(replaces === 1 ? { replaced } : {}), payload };
}

function offerPartOf(fields: Offer, r: Reader): AnyMessage {
  const { handle, scope, durability, source, lifetime, regionStart, regionEnd } = fields;
  const region = regionAt(r.bytes, regionStart, regionEnd);
  const payload = payloadOf(r, fields);
  // Nobody writes one, as a part without elements has bytes of size 0.
  if (payload === null) return refuse('bad-message', 'Cannot use a part without a payload');
  return { kind: 'offerPart', handle, scope, durability, source, lifetime, region, payload };
}

function appendOf(fields: Offer, r: Reader): AnyMessage {
  const { handle, scope, durability, source, lifetime } = fields;
  const payload = payloadOf(r, fields);
  if (payload === null) return refuse('bad-message', 'Cannot use rows without a payload');
  return { kind: 'append', handle, scope, durability, source, lifetime, payload };
}

function partsOf(r: Reader): AnyMessage {
  const fields = new Parts();
  readParts(r, fields);
  const parts: AnyPart[] = [];
  for (let count = fields.count; count > 0; count--) {
    const part = new DeliveredPart();
    readPart(r, part);
    const region = regionAt(r.bytes, part.regionStart, part.regionEnd);
    parts.push({ region, source: part.source, payload: payloadOf(r, part) });
  }
  endBody(r);
  return { kind: 'parts', request: fields.request, parts };
}

function tagOf(fields: Tag, r: Reader): AnyMessage {
  return {
    kind: 'tag',
    name: nameOf(r, fields),
    member: fields.member,
    attributes: attributesOf(r, fields.attributes, EXACT),
    removed: Array.from(fields.removed.subarray(0, fields.removedCount)),
  };
}

function promiseOf(fields: PromiseFields, r: Reader): AnyMessage {
  const { promise, member, kind: promiseKind } = fields;
  const pattern = decodeUtf8(r.bytes, fields.patternStart, fields.patternEnd);
  return { kind: 'promise', promise, member, promiseKind, pattern };
}

function deliverOf(fields: Deliver, r: Reader): AnyMessage {
  return {
    kind: 'deliver',
    request: fields.request,
    version: fields.version,
    source: fields.source,
    space: spaceAt(r.bytes, fields.spaceStart),
    attributes: mapAt(r, fields.attributesStart),
    ...(fields.source === SOURCE.parts
      ? { payload: null, parts: fields.size }
      : { payload: payloadOf(r, fields) }),
  };
}

function joinOf(r: Reader): AnyMessage {
  const { kind, member, name, info } = readJoin(r, EXACT);
  return { kind, member, name, info };
}

const DECODERS: Readonly<Record<MessageName, Decoder>> = {
  ...GROUP_DECODERS,
  key: filled(
    () => new Key(),
    readKey,
    (fields, r) => ({
      kind: 'key',
      key: fields.key,
      name: nameOf(r, fields),
    }),
  ),
  join: joinOf,
  leave: filled(
    () => new Leave(),
    readLeave,
    (fields) => ({ kind: 'leave', ...fields }),
  ),
  end: empty('end'),
  ping: empty('ping'),
  cancel: (r) => ({ kind: 'cancel', request: readCancel(r) }),
  declare: filled(() => new Declare(), readDeclare, declareOf),
  set: filled(
    () => new SetFields(),
    readSet,
    (fields, r) => ({
      kind: 'set',
      handle: fields.handle,
      space: spaceAt(r.bytes, fields.spaceStart),
      attributes: attributesOf(r, fields.attributes, EXACT),
    }),
  ),
  seal: handle('seal'),
  offer: filled(() => new Offer(), readOffer, offerOf),
  offerPart: filled(() => new Offer(), readOfferPart, offerPartOf),
  append: filled(() => new Offer(), readAppend, appendOf),
  finish: handle('finish'),
  ...OPEN_DECODERS,
  ...EVENT_DECODERS,
  region: filled(
    () => new RegionFields(),
    readRegionFields,
    (f, r) => ({
      kind: 'region',
      handle: f.handle,
      region: regionAt(r.bytes, f.regionStart, f.regionEnd),
    }),
  ),
  parts: partsOf,
  withdraw: filled(
    () => new Withdraw(),
    readWithdraw,
    (f) => ({ kind: 'withdraw', ...f }),
  ),
  require: filled(
    () => new Require(),
    readRequire,
    (f) => ({ kind: 'require', ...f }),
  ),
  demand: filled(
    () => new Demand(),
    readDemand,
    (f) => ({ kind: 'demand', ...f }),
  ),
  retract: handle('retract'),
  dispose: handle('dispose'),
  delete: filled(
    () => new Delete(),
    readDelete,
    (fields, r) => ({
      kind: 'delete',
      name: nameOf(r, fields),
      member: fields.member,
      force: fields.force,
    }),
  ),
  tag: filled(() => new Tag(), readTag, tagOf),
  promise: filled(() => new PromiseFields(), readPromise, promiseOf),
  close: (r) => ({ kind: 'close', promise: readClose(r) }),
  unkeep: filled(
    () => new Unkeep(),
    readUnkeep,
    (fields, r) => ({
      kind: 'unkeep',
      name: nameOf(r, fields),
      member: fields.member,
      deadline: fields.deadline,
    }),
  ),
  lease: filled(
    () => new Lease(),
    readLease,
    (fields) => ({ kind: 'lease', ...fields }),
  ),
  return: filled(
    () => new Return(),
    readReturn,
    (fields) => ({ kind: 'return', ...fields }),
  ),
  adopt: readAdopt,
  stat: filled(
    () => new Stat(),
    readStat,
    (fields, r) => ({ kind: 'stat', name: nameOf(r, fields) }),
  ),
  ...SELECTING_DECODERS,
  members: empty('members'),
  explain: filled(
    () => new Explain(),
    readExplain,
    (fields, r) => ({
      kind: 'explain',
      what: fields.what,
      name: nameOf(r, fields),
    }),
  ),
  info: empty('info'),
  stop: filled(
    () => new Stop(),
    readStop,
    (fields) => ({ kind: 'stop', ...fields }),
  ),
  ok: filled(
    () => new Ok(),
    readOk,
    (fields) => ({ kind: 'ok', ...fields }),
  ),
  fail: (r) => readFail(r, EXACT),
  welcome: (r) => readWelcome(r, EXACT),
  bye: readBye,
  deliver: filled(() => new Deliver(), readDeliver, deliverOf),
  grant: filled(
    () => new Grant(),
    readGrant,
    (fields) => ({ kind: 'grant', ...fields }),
  ),
  value: (r) => readValueAnswer(r, true),
  reclaim: (r) => ({ kind: 'reclaim', bytes: readReclaim(r) }),
  notice: (r) => readNotice(r, EXACT),
  slabGone: (r) => ({ kind: 'slabGone', slab: readSlabGone(r) }),
};

/**
 * Reads any message into a plain object; `r` stands on its body. Refuses what the message's own
 * reader refuses, and a code that is not known with `bad-message`.
 */
export function decodeAny(code: number, r: Reader): AnyMessage {
  const name = messageName(code);
  if (name === null) return refuse('bad-message', `Cannot read a message: code ${code} is unknown`);
  return DECODERS[name](r);
}
