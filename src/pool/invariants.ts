import { BLOCK_DEAD, BLOCK_FREE, BLOCK_LEASE, BLOCK_SLICE } from '../catalog/extents.js';
import { assert } from '../core/assert.js';
import { checkEvents, checkQueues, countPins } from './events/events-check.js';
import { FoundBy } from './found-by.js';
import { groupsWith } from './groups.js';
import { isObject } from './looking.js';
import { checkMeasures } from './measures-check.js';
import { forEachHandle, handleState, objectName } from './objects.js';
import { checkOpen } from './open-check.js';
import { bindable, isInParts } from './parts.js';
import { checkParts, checkWanted, offersInParts } from './parts-check.js';
import { listOf } from './promises.js';
import { checkProvenance } from './provenance-check.js';
import { checkReady } from './readiness-check.js';
import {
  HANDLE,
  HANDLE_FLAG,
  HANDLE_STATE,
  OBJECT,
  VERSION,
  VERSION_FLAG,
  WAIT,
  WAIT_KIND,
} from './rows.js';
import type { PoolState } from './state.js';
import { isReady } from './wanted.js';

/**
 * Recounts everything the pool keeps count of, from nothing, and compares: I1 (states), I4 (leases
 * equal holders), I5 (bytes equal the book). For tests and simulation: its time grows with the
 * pool.
 */
export function checkInvariants(pool: PoolState): void {
  pool.waits.verify();
  checkTimers(pool);
  const sums = {
    objects: 0,
    handles: 0,
    versions: 0,
    requires: 0,
    failed: 0,
    leases: 0,
    inline: 0,
    parts: 0,
    unbound: 0,
    groups: 0,
    waits: 0,
    arena: 0,
    spaces: new Map<number, number>(),
    found: new FoundBy(pool),
    pins: countPins(pool),
  };
  const blocks = new Set<number>();
  for (let object = 1; object < pool.objects.end; object++) {
    if (!isObject(pool, object)) continue;
    sums.objects++;
    checkObject(pool, object, sums, blocks);
  }
  const open = checkOpen(pool, blocks);
  sums.inline += open.inline;
  sums.arena += open.arena;
  for (const { wait, handle } of open.waits) checkWait(pool, sums, wait, WAIT_KIND.lock, handle);
  const events = checkEvents(pool);
  checkQueues(pool);
  for (const record of events.records) sums.found.addRecord(record);
  for (const space of events.spaces) count(sums.spaces, space);
  sums.arena += events.arena;
  sums.waits += events.waits;
  assert(sums.objects === pool.objects.used, 'every object has something that hangs on it');
  assert(sums.objects === pool.directory.used, 'every object is in the directory');
  assert(sums.handles === pool.handles.used, 'every handle hangs on an object');
  assert(sums.versions === pool.versions.used, 'every version hangs on an object');
  assert(sums.requires === pool.requiresOpen, 'open requires are counted');
  assert(sums.failed === pool.failures.size, 'every reason belongs to a require that failed');
  assert(sums.leases === pool.readerLeases, 'I4: reader leases equal holders');
  assert(sums.inline === pool.bytesInline, 'I5: payloads within messages are counted');
  assert(sums.pins.size === 0, 'what standing requires keep is there');
  assert(sums.parts === pool.parts.used, 'every part is one of a version');
  const readyDue = pool.readyDue.size + pool.unreadyOld.due.size;
  assert(readyDue === 0, 'what may have become ready was looked at');
  checkReady(pool);
  assert(pool.partitionsDue.length === 0, 'versions in parts that are over have ended');
  assert(sums.groups === pool.groups.size, 'what groups have is that of versions');
  checkUnboundList(pool, sums.unbound);
  checkMembers(pool);
  checkPromises(pool, sums);
  checkWaits(pool, sums);
  sums.arena += sums.found.check();
  sums.arena += checkMeasures(pool, blocks);
  checkRecords(pool, sums);
  checkExtents(pool, blocks);
  checkProvenance(pool);
}

interface Sums {
  handles: number;
  versions: number;
  requires: number;
  failed: number;
  leases: number;
  inline: number;
  parts: number;
  unbound: number;
  groups: number;
  /** Everything that waits or has a timer. */
  waits: number;
  /** Bytes of every record that somebody names. */
  arena: number;
  /** Uses of each row of spaces. */
  spaces: Map<number, number>;
  found: FoundBy;
  /** Of each version, until it is looked at: how many standing requires keep it. */
  pins: Map<number, number>;
}

function count(map: Map<number, number>, key: number): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function countRecord(pool: PoolState, sums: Sums, record: number): void {
  if (record !== 0) sums.arena += pool.arena.bytesOf(record);
}

/** That a wait is of that kind, and on that row. */
function checkWait(pool: PoolState, sums: Sums, wait: number, kind: number, subject: number): void {
  if (wait === 0) return;
  sums.waits++;
  assert(pool.waits.rows.get(wait, WAIT.kind) === kind, 'a wait is of the kind of its owner');
  assert(pool.waits.rows.get(wait, WAIT.subject) === subject, 'a wait names its owner');
}

function checkObject(pool: PoolState, object: number, sums: Sums, blocks: Set<number>): void {
  const { objects, handles, versions } = pool;
  const name = objectName(pool, object);
  const requires = new Map<number, number>();
  const leases = new Map<number, number>();
  const current = objects.get(object, OBJECT.current);
  countRecord(pool, sums, objects.get(object, OBJECT.name));
  sums.found.addRecord(objects.get(object, OBJECT.tags));
  sums.found.addObject(object);
  forEachHandle(pool, object, (handle) => {
    sums.handles++;
    assert(handles.get(handle, HANDLE.object) === object, `${name}: a handle names its object`);
    const state = handleState(pool, handle);
    const version = handles.get(handle, HANDLE.version);
    const leased = (handles.get(handle, HANDLE.state) & HANDLE_FLAG.leased) !== 0;
    count(sums.spaces, handles.get(handle, HANDLE.space));
    sums.found.addRecord(handles.get(handle, HANDLE.attributes));
    const waitKind = state === HANDLE_STATE.opening ? WAIT_KIND.open : WAIT_KIND.demand;
    checkWait(pool, sums, handles.get(handle, HANDLE.wait), waitKind, handle);
    if (state === HANDLE_STATE.failed) {
      sums.failed++;
      assert(pool.failures.has(handle), `${name}: what has failed says why`);
    }
    if (state === HANDLE_STATE.required) {
      sums.requires++;
      count(requires, version);
      const waits = handles.get(handle, HANDLE.wait) !== 0;
      assert(!waits || !isReady(pool, handle), `${name}: what is there does not wait`);
    } else if (state !== HANDLE_STATE.opening) {
      assert(handles.get(handle, HANDLE.wait) === 0, `${name}: only an open require waits`);
    }
    if (state === HANDLE_STATE.opened) {
      assert(version === 0 || pool.open.versions.has(version), `${name}: what is opened is open`);
    }
    if (state === HANDLE_STATE.offered) {
      assert(version === current && current !== 0, `${name}: what is offered is current`);
      const isProvider =
        isInParts(pool, version) || versions.get(version, VERSION.provider) === handle;
      assert(isProvider, `${name}: a provider is known`);
    }
    sums.arena += checkWanted(pool, handle);
    assert(leased === (state === HANDLE_STATE.demanded && version !== 0), `${name}: I4 lease`);
    if (leased) {
      sums.leases++;
      count(leases, version);
    }
  });
  const unbound = requires.get(0) ?? 0;
  assert(objects.get(object, OBJECT.unbound) === unbound, `${name}: unbound requires are counted`);
  assert(unbound === 0 || bindable(pool, object) === 0, `${name}: what is offered binds`);
  if (unbound > 0) sums.unbound++;
  const old = oldVersions(pool, object);
  for (const version of current === 0 ? old : [current, ...old]) {
    const owed = { requires: requires.get(version) ?? 0, leases: leases.get(version) ?? 0 };
    checkVersion(pool, { name, version, isCurrent: version === current, owed }, sums, blocks);
  }
}

interface VersionToCheck {
  readonly name: string;
  readonly version: number;
  readonly isCurrent: boolean;
  /** To how many handles it is owed, as they say. */
  readonly owed: { readonly requires: number; readonly leases: number };
}

function checkVersion(
  pool: PoolState,
  { name, version, isCurrent, owed }: VersionToCheck,
  sums: Sums,
  blocks: Set<number>,
): void {
  const { versions } = pool;
  sums.versions++;
  const flags = versions.get(version, VERSION.flags);
  const bound = versions.get(version, VERSION.requires);
  const readers = versions.get(version, VERSION.leases);
  assert(bound === owed.requires, `${name}: bound requires are counted`);
  assert(readers === owed.leases, `${name}: I4 leases equal holders`);
  const isOffered = (flags & VERSION_FLAG.offered) !== 0;
  assert(isOffered === isCurrent, `${name}: one version is offered at most`);
  const moving = versions.get(version, VERSION.moving);
  const groups = groupsWith(pool, version).length;
  assert(versions.get(version, VERSION.groups) === groups, `${name}: groups with it are counted`);
  const isGroup = (flags & VERSION_FLAG.group) !== 0;
  assert(isGroup === pool.groups.has(version), `${name}: what a group has is known`);
  if (isGroup) sums.groups++;
  const pins = versions.get(version, VERSION.pins);
  assert(pins === (sums.pins.get(version) ?? 0), `${name}: pins are counted`);
  sums.pins.delete(version);
  const owedTo = bound + readers + moving + groups + pins;
  assert(isOffered || owedTo > 0, `${name}: what is withdrawn is owed`);
  const bytes = versions.get(version, VERSION.bytes);
  count(sums.spaces, versions.get(version, VERSION.space));
  sums.found.addRecord(versions.get(version, VERSION.attributes));
  const lifetime = versions.get(version, VERSION.lifetime);
  assert(lifetime === 0 || isOffered, `${name}: what is withdrawn has no lifetime`);
  checkWait(pool, sums, lifetime, WAIT_KIND.lifetime, version);
  if ((flags & VERSION_FLAG.inline) !== 0) {
    sums.inline += pool.arena.size(bytes);
    countRecord(pool, sums, bytes);
  }
  if ((flags & VERSION_FLAG.slice) !== 0) {
    assert(pool.extents.stateOf(bytes) === BLOCK_SLICE, `${name}: its bytes are a slice`);
    assert(pool.extents.ownerOf(bytes) === version, `${name}: its bytes are its own`);
    blocks.add(bytes);
  }
  const parts = checkParts(pool, version, blocks);
  sums.parts += parts.parts;
  sums.inline += parts.inline;
  sums.arena += parts.arena;
}

/** Versions that are withdrawn and that somebody still needs. */
function oldVersions({ objects, versions }: PoolState, object: number): number[] {
  const old: number[] = [];
  for (let at = objects.get(object, OBJECT.old); at !== 0; at = versions.get(at, VERSION.next)) {
    old.push(at);
  }
  return old;
}

function checkUnboundList(pool: PoolState, expected: number): void {
  let count = 0;
  let previous = 0;
  for (let at = pool.unboundHead; at !== 0; at = pool.objects.get(at, OBJECT.unboundNext)) {
    assert(pool.objects.get(at, OBJECT.unboundPrevious) === previous, 'the unbound list is linked');
    previous = at;
    count++;
  }
  assert(count === expected, 'objects with unbound requires are listed');
}

function checkMembers(pool: PoolState): void {
  let handles = 0;
  const bySession = new Map<number, number>();
  assert(pool.members.size === pool.membersByName.size, 'I1: names of members are unique');
  let indexed = 0;
  for (const indices of pool.indices.values()) indexed += indices.size;
  for (const member of pool.members.values()) {
    assert(pool.sessions.get(member.session.id) === member.session, 'a member has its session');
    let count = 0;
    let requires = 0;
    let offers = 0;
    let bytes = 0;
    for (let at = member.handles; at !== 0; at = pool.handles.get(at, HANDLE.memberNext)) {
      assert(pool.handles.get(at, HANDLE.member) === member.id, 'a handle names its member');
      const number = pool.handles.get(at, HANDLE.number);
      assert(member.session.handles.get(number) === at, 'a session finds its handles');
      if (handleState(pool, at) === HANDLE_STATE.required) requires++;
      count++;
    }
    assert(count === member.handleCount, 'handles of a member are counted');
    assert(requires === member.openRequires, 'requires of a member are counted');
    for (let version = 1; version < pool.versions.end; version++) {
      if (pool.versions.get(version, VERSION.providerMember) !== member.id) continue;
      if ((pool.versions.get(version, VERSION.flags) & VERSION_FLAG.offered) === 0) continue;
      if (isInParts(pool, version)) continue;
      offers++;
      bytes += pool.versions.getWide(version, VERSION.size);
    }
    const inParts = offersInParts(pool, member.id);
    offers += inParts.offers;
    bytes += inParts.bytes;
    assert(offers === member.offers, 'offers of a member are counted');
    assert(bytes === member.bytesOffered, 'I5: bytes that a member offers are counted');
    bySession.set(member.session.id, (bySession.get(member.session.id) ?? 0) + count);
    handles += count;
  }
  assert(handles === pool.handles.used, 'every handle belongs to a member');
  const withIndex = [...pool.members.values()].filter((member) => member.index !== null);
  assert(indexed === withIndex.length, 'indices in use are those of members');
  for (const session of pool.sessions.values()) {
    assert(session.handles.used === (bySession.get(session.id) ?? 0), 'a session counts handles');
    for (const member of session.members.values()) {
      assert(pool.members.get(member.id) === member, "the members of a session are the pool's");
    }
  }
}

function checkPromises(pool: PoolState, sums: Sums): void {
  let listed = pool.promiseGlobs.length + pool.promiseSelectors.length;
  for (const [name, rows] of pool.promisesByName) {
    assert(rows.length > 0, `${name}: a name without promises is not kept`);
    listed += rows.length;
  }
  assert(listed === pool.promises.size, 'every promise is where requires look for it');
  for (const promise of pool.promises.values()) {
    assert(listOf(pool, promise)?.includes(promise) === true, 'a promise is listed by its pattern');
    assert((promise.state === 'grace') === (promise.timer !== 0), 'only a grace has a timer');
    const member = pool.members.get(promise.memberId);
    assert((promise.state === 'open') === (member !== undefined), 'an open promise has its member');
    checkWait(pool, sums, promise.timer, WAIT_KIND.grace, promise.id);
  }
  for (const session of pool.sessions.values()) {
    let held = 0;
    for (const member of session.members.values()) held += member.promises.size;
    assert(held === session.promises.size, 'members know their promises, and no others');
    for (const [number, promise] of session.promises) {
      assert(promise.state === 'open', 'a session holds open promises');
      const member = pool.members.get(promise.memberId);
      assert(member?.promises.has(number) === true, 'a member knows its promises');
      assert(pool.promises.get(promise.id) === promise, "the promises of a session are the pool's");
    }
  }
}

function checkWaits(pool: PoolState, sums: Sums): void {
  for (const barrier of pool.barriers.byId.values()) {
    const { id, name, arrivals, members } = barrier;
    assert(pool.barriers.byName.get(name) === barrier, `${name}: a barrier is found by its name`);
    const isOpen = arrivals.size > 0 && arrivals.size < members;
    assert(isOpen, `${name}: somebody waits at a barrier, and not all`);
    for (const [member, wait] of arrivals) {
      assert(pool.members.get(member.id) === member, `${name}: who waits is a member`);
      checkWait(pool, sums, wait, WAIT_KIND.barrier, id);
    }
  }
  for (const each of pool.leaseWaits) {
    checkWait(pool, sums, each.wait, WAIT_KIND.lease, 0);
    assert(pool.sessions.get(each.session.id) === each.session, 'who waits for memory lives');
    const same = pool.leaseWaitsByObject.get(each.objectRow);
    assert(each.objectRow === 0 || same?.has(each) === true, 'a wait is known by its object');
  }
  assert(sums.waits === pool.waits.used, 'every wait belongs to somebody');
}

function checkRecords(pool: PoolState, sums: Sums): void {
  sums.spaces.delete(0);
  assert(sums.spaces.size === pool.spaces.used, 'every space is used');
  for (const [row, uses] of sums.spaces) {
    assert(pool.spaces.uses(row) === uses, 'uses of a space are counted');
    sums.arena += pool.arena.bytesOf(pool.spaces.recordOf(row));
  }
  assert(sums.arena === pool.arena.bytesUsed, 'I5: every record of the arena is named by somebody');
}

function checkExtents(pool: PoolState, slices: ReadonlySet<number>): void {
  const { extents } = pool;
  let free = 0;
  let leased = 0;
  let dead = 0;
  let adopted = 0;
  let total = 0;
  for (const block of extents.blocks()) {
    const size = extents.sizeOf(block);
    total += size;
    const state = extents.stateOf(block);
    const isAdopted = pool.slabsAdopted.has(extents.slabOf(block));
    if (isAdopted) adopted += size;
    if (state === BLOCK_FREE) {
      free += size;
      assert(!isAdopted, 'nothing of an adopted slab can be leased');
    } else if (state === BLOCK_DEAD) dead += size;
    else if (state === BLOCK_LEASE) {
      leased += size;
      assert(pool.sessions.has(extents.ownerOf(block)), 'I4: a lease has a living session');
    } else assert(slices.has(block), 'I5: a slice belongs to a version');
  }
  assert(free === extents.bytesFree, 'I5: free bytes are counted');
  assert(leased === extents.bytesLeased, 'I5: leased bytes are counted');
  assert(dead === extents.bytesDead, 'I5: dead bytes are counted');
  assert(adopted === extents.bytesAdopted, 'I5: adopted bytes are counted');
  assert(total === extents.bytesTotal, 'I5: all bytes are counted');
}

function checkTimers(pool: PoolState): void {
  let timers = 0;
  for (const promise of pool.promises.values()) if (promise.timer !== 0) timers++;
  for (let version = 1; version < pool.versions.end; version++) {
    const isVersion = (pool.versions.get(version, VERSION.flags) & VERSION_FLAG.offered) !== 0;
    if (isVersion && pool.versions.get(version, VERSION.lifetime) !== 0) timers++;
  }
  timers += pool.events.heldByTimer.size;
  for (const { timer } of pool.events.subscriptions.values()) if (timer !== 0) timers++;
  assert(timers === pool.timers, 'timers are counted');
}
