import { BLOCK_SLICE } from '../catalog/extents.js';
import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { completeSpace, spaceByteSize } from '../core/space.js';
import { type Offer, SCOPE, SOURCE } from '../protocol/index.js';
import { conformed, containerOf } from './conforming.js';
import { mismatchOf } from './expectations.js';
import { handleOf, wrongState } from './handles.js';
import { showVersion } from './indexing.js';
import {
  countUnbound,
  forEachHandle,
  handleState,
  memberOf,
  objectName,
  setHandleState,
} from './objects.js';
import { noteOffer } from './provenance.js';
import { deliver, failRequire } from './require.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG, WAIT_KIND } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { beginTimer, checkTimers } from './timers.js';
import { versionHas, withdrawVersion } from './versions.js';

/**
 * OFFER: publishes a version. Everything is checked before anything changes; then the requires
 * that waited for it are bound, and demands that wait on them are answered.
 */
export function offer(pool: PoolState, session: Session, message: Offer): void {
  const { handles, objects, versions } = pool;
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
  if (objects.get(object, OBJECT.current) !== 0) alreadyOffered(pool, object);
  checkDurability(pool, object, message);
  const said = handles.get(handle, HANDLE.attributes);
  const lifetime = message.lifetime || (containerOf(pool, said)?.lifetimeMs ?? 0);
  if (lifetime > 0) checkTimers(pool);
  const space = spaceOfOffer(pool, handle, message);
  let attributes = said;
  let bytes = 0;
  try {
    attributes = conformed(pool, said);
    bytes = takeBytes(pool, session, object, message);
  } catch (error) {
    if (attributes !== said) pool.attributes.free(attributes);
    pool.spaces.release(space);
    throw error;
  }
  if (attributes !== said) pool.attributes.free(said);

  const version = versions.allocate();
  const member = memberOf(pool, handle);
  versions.set(version, VERSION.object, object);
  versions.set(version, VERSION.number, objects.add(object, OBJECT.number, 1));
  let flags: number = VERSION_FLAG.offered;
  if (message.scope === SCOPE.pool) flags |= VERSION_FLAG.scopePool;
  if (message.source === SOURCE.inline) flags |= VERSION_FLAG.inline;
  if (message.source === SOURCE.slice) {
    flags |= VERSION_FLAG.slice;
    pool.extents.give(bytes, BLOCK_SLICE, version);
  }
  versions.set(version, VERSION.flags, flags);
  versions.set(version, VERSION.space, space);
  versions.set(version, VERSION.attributes, attributes);
  versions.set(version, VERSION.bytes, bytes);
  versions.setWide(version, VERSION.size, message.size);
  versions.setWide(version, VERSION.offeredAt, pool.options.wallMs + pool.now);
  versions.set(version, VERSION.provider, handle);
  versions.set(version, VERSION.providerMember, member.id);
  noteOffer(pool, member.activity, version);
  // The version takes the attributes over; the handle has said all it had to say.
  handles.set(handle, HANDLE.attributes, 0);
  handles.set(handle, HANDLE.version, version);
  setHandleState(pool, handle, HANDLE_STATE.offered);
  objects.set(object, OBJECT.current, version);
  showVersion(pool, object, version);
  member.offers++;
  member.bytesOffered += message.size;
  if (lifetime > 0 && message.scope === SCOPE.pool) {
    const timer = beginTimer(pool, WAIT_KIND.lifetime, version, lifetime);
    versions.set(version, VERSION.lifetime, timer);
  }
  if (objects.get(object, OBJECT.unbound) > 0) bindWaiting(pool, object, version);
}

/** How durable the bytes of a source are: those in slabs outlive the manager, not the host. */
export function durabilityOf(pool: PoolState, source: number): number {
  const { durability, slabDurability } = pool.options;
  return source === SOURCE.slice ? slabDurability : durability;
}

function checkDurability(pool: PoolState, object: number, message: Offer): void {
  const has = durabilityOf(pool, message.source);
  if (message.durability <= has) return;
  const why =
    pool.options.durability < message.durability
      ? 'this pool has no journal that it could wait for'
      : 'its bytes are in memory, and this pool has no level that outlives the host';
  const name = objectName(pool, object);
  refuse('no-durable-level', `Cannot offer "${name}" that durably: ${why}`, { name });
}

function alreadyOffered(pool: PoolState, object: number): never {
  const current = pool.objects.get(object, OBJECT.current);
  const provider = pool.versions.get(current, VERSION.providerMember);
  const by =
    pool.members.get(provider)?.name ?? pool.departed.get(provider)?.name ?? 'a member that left';
  const name = objectName(pool, object);
  const version = pool.versions.get(current, VERSION.number);
  refuse('already-offered', `Cannot offer "${name}": version ${version} is offered by ${by}`, {
    name,
    version,
    member: by,
  });
}

/** The space of an offer, all fields set, which the payload must fill exactly. */
function spaceOfOffer(pool: PoolState, handle: number, message: Offer): number {
  const { spaces, scratch, handles } = pool;
  const said = handles.get(handle, HANDLE.space);
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
  return spaces.intern(scratch.bytes, 0, scratch.at);
}

/** Takes the payload over: an arena record, a block that is still a lease, or nothing. */
function takeBytes(pool: PoolState, session: Session, object: number, message: Offer): number {
  if (message.source === SOURCE.inline) {
    if (message.size > LIMITS.inlineBytesMax) {
      refuse('inline-too-large', `Cannot offer ${message.size} bytes within a message`, {
        limit: LIMITS.inlineBytesMax,
      });
    }
    if (pool.bytesInline + message.size > LIMITS.inlineTotalBytesMax) {
      refuse(
        'memory-full',
        'Cannot offer within a message: the pool holds too many such payloads',
        {
          limit: LIMITS.inlineTotalBytesMax,
        },
      );
    }
    pool.bytesInline += message.size;
    return pool.arena.store(pool.reader.bytes, message.payloadStart, message.payloadEnd);
  }
  if (message.source !== SOURCE.slice) return 0;
  const block = pool.extents.carve(message.slab, message.offset, message.size, session.id);
  if (block === 0) {
    refuse(
      'bad-lease',
      `Cannot offer "${objectName(pool, object)}": its bytes are not leased to this session`,
      { slab: message.slab, offset: message.offset, size: message.size },
    );
  }
  return block;
}

/** Binds the requires that waited for this version, or fails those that expect something else. */
function bindWaiting(pool: PoolState, object: number, version: number): void {
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
    else if (handles.get(handle, HANDLE.wait) !== 0) deliver(pool, handle);
  });
}

/** WITHDRAW: ends the offer of one's own. The pool holds the bytes, so it is answered at once. */
export function withdraw(pool: PoolState, handle: number): void {
  if (handleState(pool, handle) === HANDLE_STATE.withdrawn) return;
  if (handleState(pool, handle) !== HANDLE_STATE.offered) wrongState(pool, handle, 'withdraw');
  withdrawVersion(pool, pool.handles.get(handle, HANDLE.version));
}

/** UNKEEP: withdraws what stays by itself. */
export function unkeep(pool: PoolState, object: number): void {
  checkUnkeep(pool, object);
  withdrawVersion(pool, pool.objects.get(object, OBJECT.current));
}

/** Refuses with `wrong-state` what does not stay by itself. */
export function checkUnkeep(pool: PoolState, object: number): void {
  const current = pool.objects.get(object, OBJECT.current);
  if (current === 0 || !versionHas(pool, current, VERSION_FLAG.scopePool)) {
    const name = objectName(pool, object);
    const why = current === 0 ? 'it is not offered' : 'it belongs to the member that offers it';
    refuse('wrong-state', `Cannot withdraw "${name}": ${why}`, { name });
  }
}
