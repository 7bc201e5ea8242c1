import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import {
  EVENT,
  Offer,
  type RequireMember,
  readGroupMember,
  readOfferGroup,
  SOURCE,
} from '../protocol/index.js';
import { checkDurability, durabilityOf } from './durable.js';
import { noteMoved, noteVersion } from './events/noting.js';
import { handleOf } from './handles.js';
import { measureWhole } from './measuring.js';
import { hasFlag, memberOf, objectName } from './objects.js';
import { addVersionFlag, bindWaiting, checkOffer, publishPrepared } from './offer.js';
import { Prepared, unprepare } from './prepared.js';
import { noteComplete, waitAnew } from './readiness.js';
import { requireVersion } from './require.js';
import { HANDLE, HANDLE_FLAG, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { takePayload } from './taking.js';
import { versionHas } from './versions.js';

/**
 * OFFER_GROUP: publishes many objects and the group that they are, all or none. The group's version
 * holds those of its members: they stay as long as it is offered or owed to somebody. Returns how
 * durable the bytes are.
 */
export function offerGroup(pool: PoolState, session: Session): number {
  const { reader, decoder } = pool;
  const own = decoder.offer;
  readOfferGroup(reader, own, decoder.group);
  if (decoder.group.count > LIMITS.groupMembersMax) {
    refuse('too-large', `Cannot offer a group of ${decoder.group.count} objects`, {
      size: decoder.group.count,
      limit: LIMITS.groupMembersMax,
    });
  }
  const group = { handle: own.handle, scope: own.scope, durability: own.durability };
  const all: Prepared[] = [];
  const messages: Offer[] = [];
  let durability = durabilityOf(pool, own.source);
  try {
    all.push(checked(pool, session, own));
    const taken = new Taken();
    const names = new Set([objectOf(pool, group.handle, session)]);
    for (let left = decoder.group.count; left > 0; left--) {
      const message = new Offer();
      readGroupMember(reader, left === 1, group, message);
      checkMember(pool, session, group, message);
      takeName(pool, names, objectOf(pool, message.handle, session));
      taken.take(message);
      messages.push(message);
      all.push(checked(pool, session, message));
      durability = Math.min(durability, durabilityOf(pool, message.source));
    }
    for (const message of messages) {
      checkDurability(pool, objectOf(pool, message.handle, session), message);
    }
    // Last, as what is taken of a lease and given back lies in pieces.
    messages.forEach((message, index) => {
      takePayload(pool, session, message, all[index + 1] as Prepared);
    });
  } catch (error) {
    for (const each of all) unprepare(pool, each);
    throw error;
  }
  begin(
    pool,
    all.map((each) => publishPrepared(pool, each)),
  );
  return durability;
}

function checked(pool: PoolState, session: Session, message: Offer): Prepared {
  const into = new Prepared();
  checkOffer(pool, session, message, into);
  return into;
}

function objectOf({ handles }: PoolState, number: number, session: Session): number {
  return handles.get(handleOf(session, number), HANDLE.object);
}

/** All of a group is offered by one program. */
function checkMember(
  pool: PoolState,
  session: Session,
  group: { readonly handle: number },
  { handle }: Offer,
): void {
  const own = memberOf(pool, handleOf(session, group.handle));
  if (memberOf(pool, handleOf(session, handle)) === own) return;
  refuse('bad-argument', `Cannot offer a group: ${own.name} has not declared all of it`);
}

function takeName(pool: PoolState, names: Set<number>, object: number): void {
  if (!names.has(object)) {
    names.add(object);
    return;
  }
  const name = objectName(pool, object);
  refuse('bad-argument', `Cannot offer a group: "${name}" is in it twice`, { name });
}

/** The slices of a group: none may be offered twice. */
class Taken {
  readonly #ends = new Map<number, { readonly offset: number; readonly end: number }[]>();

  take({ source, slab, offset, size, handle }: Offer): void {
    if (source !== SOURCE.slice) return;
    const slices = this.#ends.get(slab) ?? [];
    this.#ends.set(slab, slices);
    const at = placeOf(slices, offset);
    const before = slices[at - 1];
    const after = slices[at];
    const end = offset + size;
    if ((before?.end ?? 0) > offset || (after !== undefined && after.offset < end)) {
      const why = `handle ${handle} has bytes of another one of it`;
      refuse('bad-lease', `Cannot offer a group: ${why}`, { slab, offset, size });
    }
    slices.splice(at, 0, { offset, end });
  }
}

/** Where a slice that begins there belongs, in the order of their beginnings. */
function placeOf(slices: readonly { readonly offset: number }[], offset: number): number {
  let low = 0;
  let high = slices.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((slices[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** All is published: who waits for one of them hears of it when all are there. */
function begin(pool: PoolState, [group = 0, ...members]: readonly number[]): void {
  const { versions, objects } = pool;
  addVersionFlag(pool, group, VERSION_FLAG.group);
  const byObject = members.map((each) => [versions.get(each, VERSION.object), each] as const);
  pool.groups.set(group, new Map(byObject));
  for (const member of members) versions.add(member, VERSION.groups, 1);
  const all = [...members, group];
  for (const version of all) {
    noteVersion(pool, EVENT.offer, version);
    if (versionHas(pool, version, VERSION_FLAG.stored)) noteMoved(pool, version, 'store');
    measureWhole(pool, version);
    noteComplete(pool, version);
  }
  for (const version of all) {
    const object = versions.get(version, VERSION.object);
    if (objects.get(object, OBJECT.unbound) > 0) bindWaiting(pool, object, version);
  }
}

/** REQUIRE_MEMBER: what a group that was handed over has of an object, though it is withdrawn. */
export function requireMember(pool: PoolState, session: Session, message: RequireMember): void {
  const { handles } = pool;
  const handle = handleOf(session, message.handle);
  const group = handleOf(session, message.group);
  const has = hasFlag(pool, group, HANDLE_FLAG.leased) ? handles.get(group, HANDLE.version) : 0;
  const name = objectName(pool, handles.get(group, HANDLE.object));
  const members = pool.groups.get(has);
  if (members === undefined) {
    const why = 'no group was handed over; what is there by itself is required by its own name';
    refuse('wrong-state', `Cannot require what is in "${name}": ${why}`, {
      name,
      state: 'no group',
    });
  }
  const object = handles.get(handle, HANDLE.object);
  const member = members.get(object);
  if (member === undefined) {
    const other = objectName(pool, object);
    refuse('unknown-object', `Cannot require "${other}": it is not in "${name}"`, { name: other });
  }
  requireVersion(pool, handle, member);
}

/** The versions of its members, if a version is a group. */
export function membersOfGroup({ groups }: PoolState, version: number): Iterable<number> {
  return groups.get(version)?.values() ?? [];
}

/** The groups that hold a version. */
export function groupsWith(pool: PoolState, version: number): number[] {
  if (pool.versions.get(version, VERSION.groups) === 0) return [];
  const object = pool.versions.get(version, VERSION.object);
  return [...pool.groups].filter(([, has]) => has.get(object) === version).map(([id]) => id);
}

/** What is ready since when, and what is withdrawn and is not: flags of versions say the rest. */
export function saveReady({ readySince, unreadyOld }: PoolState, w: StateWriter): void {
  w.u32(readySince.size);
  for (const [version, seq] of readySince) {
    w.u32(version);
    w.u64(seq);
  }
  w.u32(unreadyOld.size);
  for (const version of unreadyOld.versions()) w.u32(version);
}

export function restoreReady(pool: PoolState, r: StateReader): void {
  const { readySince, versions } = pool;
  const there = (): number => {
    const version = r.u32();
    checkSaved(version !== 0 && versions.has(version), 'a version that is ready, or not, is there');
    return version;
  };
  for (let count = r.count(12); count > 0; count--) readySince.set(there(), r.u64());
  const old: number[] = [];
  for (let count = r.count(4); count > 0; count--) old.push(there());
  waitAnew(pool, old);
}

export function saveGroups({ groups }: PoolState, w: StateWriter): void {
  w.u32(groups.size);
  for (const [group, members] of groups) {
    w.u32(group);
    w.u32(members.size);
    for (const member of members.values()) w.u32(member);
  }
}

export function restoreGroups(pool: PoolState, r: StateReader): void {
  const { groups, versions } = pool;
  for (let count = r.count(8); count > 0; count--) {
    const group = r.u32();
    const members = new Map<number, number>();
    for (let left = r.count(4); left > 0; left--) {
      const member = r.u32();
      checkSaved(member !== 0 && versions.has(member), 'a member of a group is there');
      members.set(versions.get(member, VERSION.object), member);
    }
    checkSaved(versions.has(group) && !groups.has(group), 'a group is there once');
    groups.set(group, members);
  }
}
