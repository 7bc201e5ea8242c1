import { Writer } from '../../src/core/bytes.js';
import { writeRegion } from '../../src/core/regions/region-codec.js';
import { writeSpace } from '../../src/core/space.js';
import { writeMap } from '../../src/core/value-codec.js';
import type { MessageName } from '../../src/protocol/index.js';
import * as protocol from '../../src/protocol/index.js';
import { regionFrom } from './any-region.js';
import type { AnyMessage } from './decode-any.js';
import { writePing } from './other-side.js';

type Offered = Extract<AnyMessage, { kind: 'offer' }>;
type Delivered = Extract<AnyMessage, { kind: 'deliver' }>;

function writeOffer(w: Writer, message: Offered): void {
  const { handle, scope, durability, lifetime, replaced, payload } = message;
  if (payload === null) {
    protocol.writeOfferNothing(w, handle, scope, durability, lifetime, replaced);
  } else if (payload instanceof Uint8Array) {
    protocol.writeOfferInline(w, handle, scope, durability, lifetime, payload, replaced);
  } else {
    const { slab, offset, size } = payload;
    const where = [slab, offset, size] as const;
    protocol.writeOfferSlice(w, handle, scope, durability, lifetime, ...where, replaced);
  }
}

function writeDeliver(w: Writer, message: Delivered): void {
  const { payload } = message;
  const start = protocol.beginDeliver(w, message.request, message.version, message.source);
  writeSpace(w, message.space);
  writeMap(w, message.attributes);
  if (message.parts !== undefined) protocol.endDeliverParts(w, start, message.parts);
  else if (payload === null) protocol.endDeliverNothing(w, start);
  else if (payload instanceof Uint8Array) {
    protocol.endDeliverInline(w, start, payload, 0, payload.length);
  } else protocol.endDeliverSlice(w, start, payload.slab, payload.offset, payload.size);
}

function writeOfferPart(w: Writer, message: Extract<AnyMessage, { kind: 'offerPart' }>): void {
  const { payload, region } = message;
  protocol.writeOfferPart(w, {
    ...message,
    region: regionFrom(region),
    payload: partPayload(payload),
  });
}

function partPayload(
  payload: Extract<AnyMessage, { kind: 'offerPart' }>['payload'],
): Parameters<typeof protocol.writeAppend>[1]['payload'] {
  return payload instanceof Uint8Array
    ? { kind: 'inline', bytes: payload }
    : { kind: 'slice', ...payload };
}

function groupMember({
  handle,
  payload,
}: Extract<AnyMessage, { kind: 'offerGroup' }>['members'][number]): protocol.GroupMember {
  if (payload === null) return { handle, payload: { kind: 'nothing' } };
  return { handle, payload: partPayload(payload) };
}

function writeTransfer(
  w: Writer,
  message: Extract<AnyMessage, { kind: 'writeRegions' | 'readRegions' }>,
): void {
  const { kind, payload } = message;
  protocol.writeTransfer(w, protocol.MESSAGE[kind], {
    handle: message.handle,
    as: message.as,
    lossy: message.lossy === 1,
    regions: message.regions.map(regionFrom),
    payload:
      payload instanceof Uint8Array
        ? { kind: 'inline', bytes: payload }
        : { kind: 'slice', ...payload },
  });
}

function writeOpened(w: Writer, message: Extract<AnyMessage, { kind: 'opened' }>): void {
  const { request, version, consistency, space, attributes } = message;
  const start = protocol.beginOpened(w, request, version, consistency);
  writeSpace(w, space);
  writeMap(w, attributes);
  protocol.endOpened(w, start);
}

function writeParts(w: Writer, { request, parts }: Extract<AnyMessage, { kind: 'parts' }>): void {
  const start = protocol.beginParts(w, request);
  for (const { region, source, payload } of parts) {
    const encoded = new Writer();
    writeRegion(encoded, regionFrom(region));
    protocol.writePartHead(w, { bytes: encoded.bytes, start: 0, end: encoded.at }, source);
    if (payload instanceof Uint8Array) protocol.writePartInline(w, payload, 0, payload.length);
    else if (payload !== null) {
      protocol.writePartSlice(w, payload.slab, payload.offset, payload.size);
    }
  }
  protocol.endParts(w, start, parts.length);
}

function writeEvent(w: Writer, message: Extract<AnyMessage, { kind: 'event' }>): void {
  const start = protocol.beginEvent(w, { ...message, kind: message.eventKind });
  for (const text of [message.member, message.name, message.topic]) w.text(text);
  writeSpace(w, message.space);
  writeMap(w, message.attributes);
  writeMap(w, message.fields);
  protocol.endEvent(w, start);
}

type Encoder<K> = (w: Writer, m: Extract<AnyMessage, { kind: K }>) => void;

const ENCODERS: { readonly [K in MessageName]: Encoder<K> } = {
  key: (w, m) => protocol.writeKey(w, m.key, m.name),
  join: (w, m) => protocol.writeJoin(w, m.member, m.name, m.info),
  leave: (w, m) => protocol.writeLeave(w, m.member, m.deadline),
  end: protocol.writeEnd,
  ping: writePing,
  cancel: (w, m) => protocol.writeCancel(w, m.request),
  declare: (w, m) => protocol.writeDeclare(w, m.handle, m.member, m.name, m.space, m.attributes),
  set: (w, m) => protocol.writeSet(w, m.handle, m.space, m.attributes),
  seal: (w, m) => protocol.writeSeal(w, m.handle),
  offer: writeOffer,
  offerGroup: (w, { members, ...m }) => protocol.writeOfferGroup(w, m, members.map(groupMember)),
  barrier: (w, m) => protocol.writeBarrier(w, m),
  requireMember: (w, m) => protocol.writeRequireMember(w, m.handle, m.group),
  offerPart: writeOfferPart,
  append: (w, m) => protocol.writeAppend(w, { ...m, payload: partPayload(m.payload) }),
  finish: (w, m) => protocol.writeFinish(w, m.handle),
  create: (w, { payload, ...m }) => protocol.writeCreate(w, { ...m, slice: payload }),
  open: (w, m) => protocol.writeOpen(w, m.handle, m.deadline),
  opened: writeOpened,
  writeRegions: writeTransfer,
  readRegions: writeTransfer,
  commit: (w, m) => protocol.writeCommit(w, m.handle, m.closes === 1),
  lock: (w, { region, block, ...m }) =>
    protocol.writeLock(w, { ...m, block: block === 1, region: regionFrom(region) }),
  unlock: (w, m) => protocol.writeUnlock(w, m.handle, m.lock),
  region: (w, m) => protocol.writeRegionFields(w, m.handle, regionFrom(m.region)),
  parts: writeParts,
  withdraw: (w, m) => protocol.writeWithdraw(w, m.handle, m.deadline),
  require: (w, m) => protocol.writeRequire(w, m.handle, m.policy),
  demand: (w, m) => protocol.writeDemand(w, m.handle, m.deadline, m.mode, m.policy, m.want),
  retract: (w, m) => protocol.writeRetract(w, m.handle),
  dispose: (w, m) => protocol.writeDispose(w, m.handle),
  delete: (w, m) => protocol.writeDelete(w, m.name, m.member, m.force === 1),
  tag: (w, m) => protocol.writeTag(w, m.name, m.member, m.attributes, m.removed),
  promise: (w, m) => protocol.writePromise(w, m.promise, m.member, m.promiseKind, m.pattern),
  close: (w, m) => protocol.writeClose(w, m.promise),
  subscribe: (w, m) => protocol.writeSubscribe(w, m),
  unsubscribe: (w, m) => protocol.writeUnsubscribe(w, m.subscription, m.forget === 1),
  acknowledge: (w, m) => protocol.writeAcknowledge(w, m.subscription, m.n, m.count),
  veto: (w, m) => protocol.writeVeto(w, m.subscription, m.n, m.reason),
  emit: (w, m) => protocol.writeEmit(w, m.member, m.topic, m.attributes),
  queue: (w, m) => protocol.writeQueue(w, m),
  take: (w, { region, ...m }) =>
    protocol.writeTake(w, { ...m, region: region === null ? null : regionFrom(region) }),
  event: writeEvent,
  unkeep: (w, m) => protocol.writeUnkeep(w, m.name, m.member, m.deadline),
  lease: (w, m) => protocol.writeLease(w, m.size, m.least, m.handle, m.deadline),
  return: (w, m) => protocol.writeReturn(w, m.slab, m.offset, m.size),
  adopt: (w, m) => protocol.writeAdopt(w, m.file, m.size),
  stat: (w, m) => protocol.writeStat(w, m.name),
  query: (w, m) => protocol.writeQuery(w, m),
  count: (w, m) => protocol.writeCount(w, m),
  facets: (w, m) => protocol.writeFacets(w, m),
  sort: (w, m) => protocol.writeSort(w, { ...m, descending: m.descending === 1 }),
  tagSelected: (w, m) =>
    protocol.writeTagSelected(w, { ...m, dry: m.dry === 1, tags: m.attributes }),
  endSelected: (w, m) => protocol.writeEndSelected(w, { ...m, dry: m.dry === 1 }),
  gather: (w, m) => protocol.writeGather(w, { ...m, dry: m.dry === 1, removes: m.removes === 1 }),
  define: (w, m) => protocol.writeDefine(w, { ...m, kind: m.definitionKind }),
  definitions: (w, m) => protocol.writeDefinitions(w, { ...m, kind: m.definitionKind }),
  lineage: (w, m) => protocol.writeLineage(w, m.name, m.depth),
  members: protocol.writeMembers,
  explain: (w, m) => protocol.writeExplain(w, m.what, m.name),
  info: protocol.writeInfo,
  stop: (w, m) => protocol.writeStop(w, m.force === 1, m.deadline),
  ok: (w, m) => protocol.writeOk(w, m.first, m.last, m.record, m.bytes),
  fail: (w, m) => protocol.writeFail(w, m.request, m),
  welcome: (w, m) => protocol.writeWelcome(w, m.request, m),
  bye: (w, m) => protocol.writeBye(w, m.request, m.names),
  deliver: writeDeliver,
  grant: (w, m) => protocol.writeGrant(w, m.request, m.slab, m.offset, m.size),
  value: (w, m) => protocol.writeValueAnswer(w, m.request, m.value),
  reclaim: (w, m) => protocol.writeReclaim(w, m.bytes),
  notice: (w, m) => protocol.writeNotice(w, m.code, m.message, m.fields),
  slabGone: (w, m) => protocol.writeSlabGone(w, m.slab),
};

/** The other way of `decodeAny`, by the writers that everyone uses. */
export function encodeAny(w: Writer, message: AnyMessage): void {
  const encode = ENCODERS[message.kind] as (w: Writer, m: AnyMessage) => void;
  encode(w, message);
}
