import { AttaccaError } from '../../core/errors.js';
import { encodeUtf8 } from '../../core/utf8.js';
import {
  type Delete,
  EVENT,
  EVENT_FLAG,
  MESSAGE,
  readClose,
  readDeclare,
  readDelete,
  readEmit,
  readGroupMember,
  readJoin,
  readLeave,
  readOffer,
  readOfferGroup,
  readPromise,
  readTag,
  readUnkeep,
} from '../../protocol/index.js';
import { storeTags } from '../conforming.js';
import { membersOfGroup } from '../groups.js';
import { askerOf } from '../handles.js';
import { findObject, handleState, memberOf } from '../objects.js';
import { takesPart } from '../opening.js';
import { isReplaced } from '../replacing.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from '../rows.js';
import type { Session } from '../sessions.js';
import type { PoolState } from '../state.js';
import { versionHas } from '../versions.js';
import { ROW } from './event-log.js';
import { addHandle, addNamed, addVersion } from './noting.js';
import { kindsOfSelected, SELECTING } from './selecting-ahead.js';

/**
 * Of DEMAND and SEAL see kindsOf. Not DISPOSE: its number is free for its program at once, so
 * nobody can hold or refuse it.
 */
const KINDS: { readonly [code: number]: readonly number[] } = {
  [MESSAGE.declare]: [EVENT.declare],
  [MESSAGE.offer]: [EVENT.offer],
  [MESSAGE.offerPart]: [EVENT.offer],
  [MESSAGE.offerGroup]: [EVENT.offer],
  [MESSAGE.requireMember]: [EVENT.require],
  [MESSAGE.append]: [EVENT.offer],
  [MESSAGE.require]: [EVENT.require],
  [MESSAGE.withdraw]: [EVENT.withdraw],
  [MESSAGE.unkeep]: [EVENT.withdraw],
  [MESSAGE.retract]: [EVENT.retract],
  [MESSAGE.delete]: [EVENT.delete],
  [MESSAGE.tag]: [EVENT.tag],
  [MESSAGE.promise]: [EVENT.promise],
  [MESSAGE.close]: [EVENT.close],
  [MESSAGE.join]: [EVENT.join],
  [MESSAGE.leave]: [EVENT.leave],
  [MESSAGE.emit]: [EVENT.emit],
};
const NONE: readonly number[] = [];
/** Who lets the new one in is asked first: nothing ends for what is refused. */
const REPLACING: readonly number[] = [EVENT.offer, EVENT.withdraw];

/** What a request is about to do, in this order. */
export function kindsOf(pool: PoolState, session: Session, code: number): readonly number[] {
  if (code === MESSAGE.demand) {
    const handle = handleAhead(pool, session);
    const isFresh = handle !== 0 && handleState(pool, handle) <= HANDLE_STATE.sealed;
    return isFresh ? [EVENT.require, EVENT.demand] : [EVENT.demand];
  }
  if (code === MESSAGE.seal) {
    const handle = handleAhead(pool, session);
    return handle !== 0 && takesPart(pool, handle) ? [EVENT.offer] : [EVENT.seal];
  }
  if (code === MESSAGE.offer && replacedAhead(pool, session) !== 0) return REPLACING;
  if (SELECTING.has(code)) return kindsOfSelected(pool, code);
  return KINDS[code] ?? NONE;
}

/** The version that is kept, and that the offer which stands next would end; 0: none. */
export function replacedAhead(pool: PoolState, session: Session): number {
  const { reader, decoder, objects, handles } = pool;
  const handle = handleAhead(pool, session);
  if (handle === 0) return 0;
  const { at } = reader;
  readOffer(reader, decoder.offer);
  reader.at = at;
  const current = objects.get(handles.get(handle, HANDLE.object), OBJECT.current);
  return current !== 0 && isReplaced(pool, current, decoder.offer) ? current : 0;
}

/** What is there by a name in the message at hand; 0: nothing. */
function currentNamed(
  pool: PoolState,
  { nameStart, nameEnd }: { readonly nameStart: number; readonly nameEnd: number },
): number {
  const object = findObject(pool, pool.reader.bytes, nameStart, nameEnd);
  return object === 0 ? 0 : pool.objects.get(object, OBJECT.current);
}

/** The version that a request would end for which that is announced; 0: none. */
export function endedAhead(pool: PoolState, session: Session, code: number): number {
  if (code === MESSAGE.offer) return replacedAhead(pool, session);
  if (SELECTING.has(code)) return 0;
  const { reader, decoder } = pool;
  const { at } = reader;
  if (code === MESSAGE.delete) {
    readDelete(reader, decoder.delete);
    reader.at = at;
    return currentNamed(pool, decoder.delete);
  }
  if (code === MESSAGE.unkeep) {
    readUnkeep(reader, decoder.unkeep);
    reader.at = at;
    const current = currentNamed(pool, decoder.unkeep);
    return current !== 0 && versionHas(pool, current, VERSION_FLAG.scopePool) ? current : 0;
  }
  const handle = handleAhead(pool, session);
  return handle === 0 ? 0 : pool.handles.get(handle, HANDLE.version);
}

/** The handle whose number stands next; 0 when there is none. */
function handleAhead({ reader }: PoolState, session: Session): number {
  const { at } = reader;
  const handle = session.handles.get(reader.u32());
  reader.at = at;
  return handle;
}

/**
 * Adds the events of what a request is about to do, one of each object, and tells of each before
 * the next; of none when it can be seen that it will be refused, or will do nothing. The reader
 * stands on its body.
 */
export function announce(
  pool: PoolState,
  session: Session,
  code: number,
  kind: number,
  tell: (seq: number) => void,
): void {
  const before = kind | (EVENT_FLAG.before << 8);
  if (code === MESSAGE.offerGroup) {
    announceGroup(pool, session, before, tell);
    return;
  }
  if (kind === EVENT.withdraw) {
    announceEnd(pool, session, code, tell);
    if (code !== MESSAGE.withdraw) return;
  }
  const seq = add(pool, session, code, before);
  if (seq !== 0) tell(seq);
}

/** The offer of each member, and then of the group. */
function announceGroup(
  pool: PoolState,
  session: Session,
  kind: number,
  tell: (seq: number) => void,
): void {
  const { reader, decoder } = pool;
  const { offer, group } = decoder;
  readOfferGroup(reader, offer, group);
  const { handle, scope, durability } = offer;
  const numbers = [handle];
  for (let left = group.count; left > 0; left--) {
    readGroupMember(reader, left === 1, { scope, durability }, offer);
    numbers.push(offer.handle);
  }
  const handles = numbers.map((number) => session.handles.get(number));
  if (handles.some((handle) => handle === 0 || !mayOffer(pool, handle))) return;
  for (const handle of [...handles.slice(1), ...handles.slice(0, 1)]) {
    tell(addOfHandle(pool, handle, kind));
  }
}

/** With a group what is in it is withdrawn; then what ends by its name. */
function announceEnd(
  pool: PoolState,
  session: Session,
  code: number,
  tell: (seq: number) => void,
): void {
  const { versions, decoder } = pool;
  const version = endedAhead(pool, session, code);
  if (version === 0) return;
  const isOfName = code === MESSAGE.unkeep;
  const by = isOfName
    ? askerOf(session, decoder.unkeep.member)
    : memberOf(pool, handleAhead(pool, session));
  const kind = EVENT.withdraw | (EVENT_FLAG.before << 8);
  const ending = [...membersOfGroup(pool, version)].filter(
    (each) => (versions.get(each, VERSION.flags) & VERSION_FLAG.offered) !== 0,
  );
  if (code !== MESSAGE.withdraw) ending.push(version);
  for (const each of ending) {
    tell(addVersion(pool, kind, by, versions.get(each, VERSION.object), each));
  }
}

function add(pool: PoolState, session: Session, code: number, kind: number): number {
  const { reader, decoder } = pool;
  switch (code) {
    case MESSAGE.declare:
      return addDeclare(pool, session, kind);
    case MESSAGE.tag:
      return addTag(pool, session, kind);
    case MESSAGE.delete:
      readDelete(reader, decoder.delete);
      return addName(pool, session, kind, decoder.delete);
    case MESSAGE.emit:
      return addEmit(pool, session, kind);
    case MESSAGE.promise:
    case MESSAGE.close:
    case MESSAGE.join:
    case MESSAGE.leave:
      return addOfMember(pool, session, code, kind);
    default:
      return addOfHandle(pool, handleAhead(pool, session), kind);
  }
}

function addDeclare(pool: PoolState, session: Session, kind: number): number {
  const { reader, decoder } = pool;
  const { bytes } = reader;
  const { declare } = decoder;
  readDeclare(reader, declare);
  const member = session.members.get(declare.member);
  if (member === undefined) return 0;
  const own = pool.attributes.store(bytes, declare.attributes, session.keys);
  const ownSpace = pool.spaces.intern(bytes, declare.spaceStart, declare.spaceEnd);
  const { nameStart, nameEnd } = declare;
  const name = bytes.subarray(nameStart, nameEnd);
  const object = findObject(pool, bytes, nameStart, nameEnd);
  const { versions, objects } = pool;
  const tags = object === 0 ? 0 : pool.attributes.use(objects.get(object, OBJECT.tags));
  const current = object === 0 ? 0 : objects.get(object, OBJECT.current);
  // Of what it does not say itself that is told which is said of the object now.
  const said = (field: typeof VERSION.attributes | typeof VERSION.space): number =>
    current === 0 ? 0 : versions.get(current, field);
  const attributes = own !== 0 ? own : pool.attributes.use(said(VERSION.attributes));
  const space = ownSpace !== 0 ? ownSpace : pool.spaces.use(said(VERSION.space));
  return addNamed(pool, kind, member, name, { attributes, tags, space });
}

/** Of the object as it is, with the tags that are to be set; none is removed yet. */
function addTag(pool: PoolState, session: Session, kind: number): number {
  const { reader, decoder } = pool;
  readTag(reader, decoder.tag);
  const { nameStart, nameEnd } = decoder.tag;
  const object = findObject(pool, reader.bytes, nameStart, nameEnd);
  const who = askerOf(session, decoder.tag.member);
  if (object === 0) return 0;
  const { attributes, objects } = pool;
  const over = storeTags(pool, session, decoder.tag.attributes);
  let tags = 0;
  try {
    tags = tagsAhead(pool, session, objects.get(object, OBJECT.tags), over);
    return addVersion(pool, kind, who, object, objects.get(object, OBJECT.current), tags);
  } finally {
    attributes.free(tags);
    attributes.free(over);
  }
}

/** Without those that are to be removed when all together are too many. */
function tagsAhead(pool: PoolState, session: Session, base: number, over: number): number {
  const { attributes, decoder } = pool;
  try {
    return attributes.merge(base, over);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    const { removed, removedCount } = decoder.tag;
    const keys = [...removed.subarray(0, removedCount)].map((key) => session.keys.known(key));
    return attributes.merge(base, over, keys);
  }
}

function addEmit(pool: PoolState, session: Session, kind: number): number {
  const { reader, decoder } = pool;
  const { bytes } = reader;
  readEmit(reader, decoder.emit);
  const who = session.members.get(decoder.emit.member);
  if (who === undefined) return 0;
  const attributes = pool.attributes.store(bytes, decoder.emit.attributes, session.keys);
  const seq = addNamed(pool, kind, who, NOTHING, { attributes });
  const { topicStart, topicEnd } = decoder.emit;
  pool.events.log.setText(ROW.topic, bytes, topicStart, topicEnd);
  return seq;
}

/** What a member does that is about no object. */
function addOfMember(pool: PoolState, session: Session, code: number, kind: number): number {
  const { reader, decoder } = pool;
  if (code === MESSAGE.promise) {
    readPromise(reader, decoder.promise);
    const { member, patternStart, patternEnd } = decoder.promise;
    const who = session.members.get(member);
    if (who === undefined) return 0;
    return addNamed(pool, kind, who, reader.bytes.subarray(patternStart, patternEnd));
  }
  if (code === MESSAGE.close) {
    const row = session.promises.get(readClose(reader));
    if (row === undefined) return 0;
    return addNamed(pool, kind, pool.members.get(row.memberId) ?? null, encodeUtf8(row.pattern));
  }
  if (code === MESSAGE.leave) {
    readLeave(reader, decoder.leave);
    const who = session.members.get(decoder.leave.member);
    return who === undefined ? 0 : addNamed(pool, kind, who, who.nameBytes);
  }
  const { component, index } = readJoin(reader).parsed;
  const place = index === null ? '' : `[${index === 'any' ? '*' : index}]`;
  return addNamed(pool, kind, null, encodeUtf8(component + place));
}

function addOfHandle(pool: PoolState, handle: number, kind: number): number {
  const { handles, objects } = pool;
  const isOffer = (kind & 0xff) === EVENT.offer;
  if (handle === 0 || (isOffer && !mayOffer(pool, handle))) return 0;
  const isNew = isOffer && handles.get(handle, HANDLE.version) === 0;
  const object = handles.get(handle, HANDLE.object);
  const version = isNew ? objects.get(object, OBJECT.number) + 1 : 0;
  return addHandle(pool, kind, memberOf(pool, handle), handle, version);
}

const NOTHING = new Uint8Array(0);

/** Whether an offer by a handle is not refused for what it is. */
function mayOffer(pool: PoolState, handle: number): boolean {
  const state = handleState(pool, handle);
  return state <= HANDLE_STATE.offered || state === HANDLE_STATE.opened;
}

function addName(
  pool: PoolState,
  session: Session,
  kind: number,
  { member, nameStart, nameEnd }: Readonly<Delete>,
): number {
  const object = findObject(pool, pool.reader.bytes, nameStart, nameEnd);
  if (object === 0) return 0;
  const who = askerOf(session, member);
  return addVersion(pool, kind, who, object, pool.objects.get(object, OBJECT.current));
}
