import { BLOCK_SLICE } from '../catalog/extents.js';
import { refuse } from '../core/assert.js';
import type { Region } from '../core/regions/region.js';
import { completeSpace, spaceByteSize } from '../core/space.js';
import { EVENT, type Offer, SCOPE, SOURCE } from '../protocol/index.js';
import { checkWay, growingSpace } from './appending.js';
import { conformed, containerOf } from './conforming.js';
import { checkDurability, checkStorable } from './durable.js';
import { noteHandle, noteMoved, noteVersion } from './events/noting.js';
import { mismatchOf } from './expectations.js';
import { handleOf, wrongState } from './handles.js';
import { showVersion } from './indexing.js';
import { nameOfMember } from './looking.js';
import { isToBeMeasured, measureWhole } from './measuring.js';
import { mayRead } from './memory.js';
import { checkMayOfferPart, readNewPart, wholeSpace } from './new-part.js';
import {
  checkRecords,
  countUnbound,
  forEachHandle,
  handleState,
  memberOf,
  objectName,
  setHandleState,
} from './objects.js';
import {
  addPart,
  beginPartition,
  isAnyStored,
  isInParts,
  missingOf,
  type NewPart,
  withdrawParts,
} from './parts.js';
import { type Prepared, unprepare } from './prepared.js';
import { noteOffer } from './provenance.js';
import { notePart } from './provenance-parts.js';
import { noteComplete } from './readiness.js';
import { isReplaced, replacesNothing } from './replacing.js';
import { deliver, failRequire } from './require.js';
import {
  HANDLE,
  HANDLE_STATE,
  OBJECT,
  PARTITION,
  VERSION,
  VERSION_FLAG,
  WAIT_KIND,
} from './rows.js';
import type { Member, Session } from './sessions.js';
import type { PoolState } from './state.js';
import { notLeased, takePayload } from './taking.js';
import { beginTimer, checkTimers } from './timers.js';
import { versionHas, withdrawVersion } from './versions.js';
import { countMissing, isReady, takeFromMissing } from './wanted.js';

/**
 * OFFER: publishes a version. Everything is checked before anything changes; then the requires
 * that waited for it are bound, and demands that wait on them are answered.
 */
export function offer(pool: PoolState, session: Session, message: Offer): void {
  const version = publish(pool, session, message);
  noteVersion(pool, EVENT.offer, version);
  if (versionHas(pool, version, VERSION_FLAG.stored)) noteMoved(pool, version, 'store');
  measureWhole(pool, version);
  noteComplete(pool, version);
  const object = pool.versions.get(version, VERSION.object);
  if (pool.objects.get(object, OBJECT.unbound) > 0) bindWaiting(pool, object, version);
}

/** Begins a version that one handle has all of; nobody hears of it yet. */
export function publish(pool: PoolState, session: Session, message: Offer): number {
  const { prepared } = pool;
  prepare(pool, session, message, prepared);
  const object = pool.handles.get(prepared.handle, HANDLE.object);
  const replaced = pool.objects.get(object, OBJECT.current);
  if (replaced !== 0) withdrawVersion(pool, replaced, memberOf(pool, prepared.handle));
  return publishPrepared(pool, prepared);
}

/** Checks an offer, and takes its bytes: what {@link unprepare} gives back, and nothing else. */
function prepare(pool: PoolState, session: Session, message: Offer, into: Prepared): void {
  checkOffer(pool, session, message, into);
  try {
    checkDurability(pool, pool.handles.get(into.handle, HANDLE.object), message);
    takePayload(pool, session, message, into);
  } catch (error) {
    unprepare(pool, into);
    throw error;
  }
}

/** As {@link prepare}, but of the bytes, which {@link takePayload} takes. */
export function checkOffer(
  pool: PoolState,
  session: Session,
  message: Offer,
  into: Prepared,
): void {
  const { handles, objects } = pool;
  const handle = handleOf(session, message.handle);
  const state = handleState(pool, handle);
  const object = handles.get(handle, HANDLE.object);
  if (state !== HANDLE_STATE.declared && state !== HANDLE_STATE.sealed) {
    if (state === HANDLE_STATE.offered) alreadyOffered(pool, object);
    wrongState(pool, handle, 'offer');
  }
  if (pool.stopping) {
    refuse('pool-stopping', `Cannot offer "${objectName(pool, object)}": the pool is stopping`);
  }
  const current = objects.get(object, OBJECT.current);
  if (current !== 0 && !isReplaced(pool, current, message)) alreadyOffered(pool, object);
  if (current === 0 && message.replaced !== 0) replacesNothing(pool, object, message.replaced);
  const { source, slab, offset, size } = message;
  // The store asks for them first, and would not be asked: what is missing are the bytes.
  if (pool.options.hasStore && source === SOURCE.slice && size > 0) {
    if (!mayRead(pool, session.id, slab, offset, size)) notLeased(pool, object, message);
  }
  checkStorable(pool, object, message);
  const said = handles.get(handle, HANDLE.attributes);
  into.lifetime = message.lifetime || (containerOf(pool, said)?.lifetimeMs ?? 0);
  if (into.lifetime > 0) checkTimers(pool);
  into.handle = handle;
  into.scope = message.scope;
  into.source = message.source;
  into.size = message.size;
  into.said = said;
  into.attributes = said;
  into.bytes = 0;
  into.space = spaceOfOffer(pool, handle, message);
  try {
    into.attributes = conformed(pool, said);
  } catch (error) {
    unprepare(pool, into);
    throw error;
  }
}

/** Publishes what was prepared. */
export function publishPrepared(pool: PoolState, offer: Prepared): number {
  const { handles, versions } = pool;
  const { handle, size, bytes, lifetime } = offer;
  const object = handles.get(handle, HANDLE.object);
  if (offer.attributes !== offer.said) pool.attributes.free(offer.said);
  const member = memberOf(pool, handle);
  const version = beginVersion(pool, handle, member, offer, offer);
  if (offer.source === SOURCE.inline) addVersionFlag(pool, version, VERSION_FLAG.inline);
  if (offer.source === SOURCE.slice) {
    addVersionFlag(pool, version, VERSION_FLAG.slice);
    pool.extents.give(bytes, BLOCK_SLICE, version);
    if (pool.isStored) addVersionFlag(pool, version, VERSION_FLAG.stored);
  }
  versions.set(version, VERSION.bytes, bytes);
  if (size > 0 && isToBeMeasured(pool, handle)) {
    addVersionFlag(pool, version, VERSION_FLAG.measured);
  }
  versions.set(version, VERSION.provider, handle);
  handles.set(handle, HANDLE.version, version);
  setHandleState(pool, handle, HANDLE_STATE.offered);
  member.offers++;
  member.bytesOffered += size;
  showVersion(pool, object, version);
  if (lifetime > 0) beginLifetime(pool, version, offer, lifetime);
  return version;
}

/** The version that becomes the one that is offered, as a handle says it is. */
function beginVersion(
  pool: PoolState,
  handle: number,
  member: Member,
  message: Pick<Offer, 'scope'>,
  of: { readonly space: number; readonly attributes: number; readonly size: number },
): number {
  const { handles, objects, versions } = pool;
  const object = handles.get(handle, HANDLE.object);
  const version = versions.allocate();
  const fields = versions.fields(version);
  const at = versions.at(version);
  const isKept = message.scope === SCOPE.pool;
  fields[at + VERSION.object] = object;
  fields[at + VERSION.number] = objects.add(object, OBJECT.number, 1);
  fields[at + VERSION.flags] = VERSION_FLAG.offered | (isKept ? VERSION_FLAG.scopePool : 0);
  fields[at + VERSION.space] = of.space;
  fields[at + VERSION.attributes] = of.attributes;
  fields[at + VERSION.providerMember] = member.id;
  versions.setWide(version, VERSION.size, of.size);
  versions.setWide(version, VERSION.offeredAt, pool.options.wallMs + pool.now);
  noteOffer(pool, member.activity, version);
  // The version takes the attributes over; the handle has said all it had to say.
  handles.set(handle, HANDLE.attributes, 0);
  objects.set(object, OBJECT.current, version);
  return version;
}

export function addVersionFlag({ versions }: PoolState, version: number, flag: number): void {
  versions.set(version, VERSION.flags, versions.get(version, VERSION.flags) | flag);
}

function beginLifetime(
  pool: PoolState,
  version: number,
  { scope }: Pick<Offer, 'scope'>,
  lifetimeMs: number,
): void {
  if (scope !== SCOPE.pool) return;
  const timer = beginTimer(pool, WAIT_KIND.lifetime, version, lifetimeMs);
  pool.versions.set(version, VERSION.lifetime, timer);
}

/**
 * OFFER_PART: publishes a region of a version, which begins with the first of them. The first one
 * says what the version is; the others must say the same, where they say anything.
 */
export function offerPart(
  pool: PoolState,
  session: Session,
  message: Offer,
  way: 'region' | 'rows' = 'region',
): void {
  const { handles, objects } = pool;
  const handle = handleOf(session, message.handle);
  const object = handles.get(handle, HANDLE.object);
  checkMayOfferPart(pool, handle);
  checkStorable(pool, object, message);
  checkRecords(pool);
  const current = objects.get(object, OBJECT.current);
  if (current !== 0) {
    checkWay(pool, current, way);
    joinParts(pool, session, handle, message);
    return;
  }
  const said = handles.get(handle, HANDLE.attributes);
  const lifetime = message.lifetime || (containerOf(pool, said)?.lifetimeMs ?? 0);
  if (lifetime > 0) checkTimers(pool);
  const grows = way === 'rows';
  const space = grows ? growingSpace(pool, handle) : wholeSpace(pool, handle);
  let attributes = said;
  let part: NewPart;
  try {
    attributes = conformed(pool, said);
    part = readNewPart(pool, session, object, message, space);
  } catch (error) {
    if (attributes !== said) pool.attributes.free(attributes);
    pool.spaces.release(space);
    throw error;
  }
  if (attributes !== said) pool.attributes.free(said);
  const size = grows ? 0 : spaceBytesOf(pool, space);
  const member = memberOf(pool, handle);
  const version = beginVersion(pool, handle, member, message, { space, attributes, size });
  beginPartition(pool, version, grows);
  if ((size > 0 || grows) && isToBeMeasured(pool, handle)) {
    addVersionFlag(pool, version, VERSION_FLAG.measured);
  }
  showVersion(pool, object, version);
  if (lifetime > 0) beginLifetime(pool, version, message, lifetime);
  addPart(pool, version, handle, part);
  noteVersion(pool, EVENT.offer, version);
  bindParts(pool, object, version, part.region);
}

/** Adds a part to the version that is offered. */
function joinParts(pool: PoolState, session: Session, handle: number, message: Offer): void {
  const { handles, objects, versions } = pool;
  const object = handles.get(handle, HANDLE.object);
  const version = objects.get(object, OBJECT.current);
  const mismatch = mismatchOf(pool, handle, version, 'offer a part of');
  if (mismatch !== null) throw mismatch;
  const isKept = versionHas(pool, version, VERSION_FLAG.scopePool);
  if (isKept !== (message.scope === SCOPE.pool)) {
    const name = objectName(pool, object);
    const by = nameOfMember(pool, versions.get(version, VERSION.providerMember));
    const scope = isKept ? 'pool' : 'member';
    refuse(
      'object-mismatch',
      `Cannot offer a part of "${name}": its parts have one scope, "${scope}", as ${by} said`,
      { name, field: 'scope', offered: scope },
    );
  }
  const space = versions.get(version, VERSION.space);
  const part = readNewPart(pool, session, object, message, space);
  pool.attributes.free(handles.get(handle, HANDLE.attributes));
  handles.set(handle, HANDLE.attributes, 0);
  addPart(pool, version, handle, part);
  notePart(pool, memberOf(pool, handle).activity, version);
  noteHandle(pool, EVENT.offer, handle);
  bindParts(pool, object, version, part.region);
}

function spaceBytesOf({ spaces }: PoolState, space: number): number {
  return spaceByteSize(spaces.bytes(space), spaces.start(space));
}

export function alreadyOffered(pool: PoolState, object: number): never {
  const current = pool.objects.get(object, OBJECT.current);
  const provider = pool.versions.get(current, VERSION.providerMember);
  const by =
    pool.members.get(provider)?.name ?? pool.departed.get(provider)?.name ?? 'a member that left';
  const name = objectName(pool, object);
  const version = pool.versions.get(current, VERSION.number);
  const how = versionHas(pool, current, VERSION_FLAG.open) ? 'held open' : 'offered';
  refuse('already-offered', `Cannot offer "${name}": version ${version} is ${how} by ${by}`, {
    name,
    version,
    member: by,
  });
}

/** The space of an offer, all fields set, which the payload must fill exactly. */
function spaceOfOffer(pool: PoolState, handle: number, message: Offer): number {
  const { spaces, scratch, handles } = pool;
  const said = handles.get(handle, HANDLE.space);
  const known = spaces.completed(said, message.size);
  if (known !== 0) return known;
  scratch.reset();
  completeSpace(scratch, spaces.bytes(said), spaces.start(said), message.size);
  const size = spaceByteSize(scratch.bytes, 0);
  if (size !== message.size) {
    const name = objectName(pool, handles.get(handle, HANDLE.object));
    refuse(
      'size-mismatch',
      `Cannot offer "${name}": its space holds ${size} bytes, the payload has ${message.size}`,
      { name, spaceBytes: size, payloadBytes: message.size },
    );
  }
  const space = spaces.intern(scratch.bytes, 0, scratch.at);
  spaces.noteCompleted(said, message.size, space);
  return space;
}

/** Binds the requires that waited for this version, or fails those that expect something else. */
export function bindWaiting(pool: PoolState, object: number, version: number): void {
  const { handles, versions } = pool;
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) !== 0) return;
    countUnbound(pool, object, -1);
    versions.add(version, VERSION.requires, 1);
    handles.set(handle, HANDLE.version, version);
  });
  // Answering may dispose handles and free the version: first all are bound, then answered.
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) !== version) return;
    const mismatch = mismatchOf(pool, handle, version);
    if (mismatch !== null) failRequire(pool, handle, mismatch);
    else if (handles.get(handle, HANDLE.wait) !== 0 && isReady(pool, handle)) {
      deliver(pool, handle);
    }
  });
}

/** A part has come: binds requires that waited for the version, answers those it completes. */
function bindParts(pool: PoolState, object: number, version: number, part: Region): void {
  const { handles, partitions, versions } = pool;
  const partition = versions.get(version, VERSION.partition);
  const isFirst = partitions.get(partition, PARTITION.count) === 1;
  if (missingOf(pool, version) === 0 && isAnyStored(pool, version)) {
    noteMoved(pool, version, 'store');
  }
  noteComplete(pool, version);
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) === version) {
      takeFromMissing(pool, handle, version, part);
      return;
    }
    if (!isFirst || handles.get(handle, HANDLE.version) !== 0) return;
    countUnbound(pool, object, -1);
    versions.add(version, VERSION.requires, 1);
    handles.set(handle, HANDLE.version, version);
  });
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required) return;
    if (handles.get(handle, HANDLE.version) !== version) return;
    if (isFirst) {
      const mismatch = mismatchOf(pool, handle, version);
      if (mismatch !== null) {
        failRequire(pool, handle, mismatch);
        return;
      }
      countMissing(pool, handle, version);
    }
    if (handles.get(handle, HANDLE.wait) !== 0 && isReady(pool, handle)) deliver(pool, handle);
  });
}

/** WITHDRAW: ends the offer of one's own. The pool holds the bytes, so it is answered at once. */
export function withdraw(pool: PoolState, handle: number): void {
  if (handleState(pool, handle) === HANDLE_STATE.withdrawn) return;
  if (handleState(pool, handle) !== HANDLE_STATE.offered) wrongState(pool, handle, 'withdraw');
  const version = pool.handles.get(handle, HANDLE.version);
  if (isInParts(pool, version)) withdrawParts(pool, handle);
  else withdrawVersion(pool, version);
}
