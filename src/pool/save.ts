import { assert } from '../core/assert.js';
import { AttaccaError, isErrorCode } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { encodeUtf8 } from '../core/utf8.js';
import { restoreBarriers, saveBarriers } from './barriers.js';
import { restoreEvents, saveEvents } from './events/save-events.js';
import { restoreGroups, restoreReady, saveGroups, saveReady } from './groups.js';
import { addMember } from './members.js';
import { addLeaseWait } from './memory.js';
import { addPromise, meantByPromise } from './promises.js';
import { restoreOpen, saveOpen } from './save-open.js';
import { type Member, type PromiseKind, type PromiseRow, Session } from './sessions.js';
import { type LeaseWait, type PoolOptions, PoolState } from './state.js';

const PROMISE_KINDS: readonly PromiseKind[] = ['name', 'glob', 'selector'];
const PROMISE_STATES: readonly PromiseRow['state'][] = ['open', 'grace', 'closed'];

/**
 * Writes all that a pool knows, as it is: what is restored from it is the same, also in what it
 * will do. Lists and maps are written in their order, as that decides whose turn it is. Only
 * between batches: what a batch works with is not part of the state.
 */
export function savePool(pool: PoolState, w: StateWriter): void {
  assert(pool.dirty.length === 0, 'all answers were taken');
  assert(pool.effects.length === 0, 'all effects were taken');
  assert(!pool.leasesDue && pool.holdersKnown === null, 'no step is under way');
  assert(pool.partitionsDue.length === 0, 'no version in parts is left to be looked at');
  saveOptions(pool.options, w);
  saveScalars(pool, w);
  pool.arena.save(w);
  pool.keys.save(w);
  w.u32(pool.all);
  pool.shapes.save(w);
  pool.terms.save(w);
  pool.definitions.save(w);
  pool.spaces.save(w);
  pool.objects.save(w);
  pool.handles.save(w);
  pool.versions.save(w);
  pool.partitions.save(w);
  pool.parts.save(w);
  pool.wanted.save(w);
  pool.directory.save(w);
  pool.waits.save(w);
  pool.extents.save(w);
  pool.measures.save(w);
  pool.provenance.save(w);
  w.u32(pool.sessions.size);
  for (const session of pool.sessions.values()) session.save(w);
  saveMembers(pool, w);
  savePromises(pool, w);
  saveFailures(pool, w);
  saveMemory(pool, w);
  saveOpen(pool, w);
  saveGroups(pool, w);
  saveBarriers(pool, w);
  saveReady(pool, w);
  saveEvents(pool, w);
}

/** The pool that was saved. What was written by no pool ends in `journal-damaged`. */
export function restorePool(r: StateReader): PoolState {
  const pool = new PoolState(restoreOptions(r));
  restoreScalars(pool, r);
  pool.arena.restore(r);
  pool.keys.restore(r);
  pool.all = r.u32();
  const sets = pool.shapes.restore(r, pool.keys.used);
  pool.terms.restore(r, pool.keys.used, [pool.all, ...sets]);
  pool.depended.restore(pool);
  pool.definitions.restore(r);
  pool.spaces.restore(r);
  pool.objects.restore(r);
  pool.handles.restore(r);
  pool.versions.restore(r);
  pool.partitions.restore(r);
  pool.parts.restore(r);
  pool.wanted.restore(r);
  pool.directory.restore(r);
  pool.waits.restore(r);
  pool.extents.restore(r);
  pool.measures.restore(r);
  pool.provenance.restore(r);
  checkSaved(pool.objects.has(pool.unboundHead), 'the first object that is waited for is there');
  restoreSessions(pool, r);
  restoreMembers(pool, r);
  restorePromises(pool, r);
  restoreFailures(pool, r);
  restoreMemory(pool, r);
  restoreOpen(pool, r);
  restoreGroups(pool, r);
  restoreBarriers(pool, r);
  restoreReady(pool, r);
  restoreEvents(pool, r);
  return pool;
}

function saveOptions(options: PoolOptions, w: StateWriter): void {
  w.text(options.id);
  w.text(options.name);
  w.u32(options.hashSeed);
  w.u64(options.memoryBytesMax);
  w.f64(options.deadlineDefaultMs);
  w.f64(options.promiseGraceMs);
  w.u8(options.durability);
  w.u8(options.slabDurability);
  w.flag(options.hasStore);
  w.flag(options.reportFreed);
  w.flag(options.statistics);
  w.u64(options.eventBytesMax);
  w.f64(options.eventAgeMsMax);
  w.u64(options.life);
  w.u64(options.lifeBefore);
  w.u64(options.sessionKeyId);
  w.u64(options.wallMs);
}

function restoreOptions(r: StateReader): PoolOptions {
  return {
    id: r.text(),
    name: r.text(),
    hashSeed: r.u32(),
    memoryBytesMax: r.u64(),
    deadlineDefaultMs: r.f64(),
    promiseGraceMs: r.f64(),
    durability: r.u8(),
    slabDurability: r.u8(),
    hasStore: r.flag(),
    reportFreed: r.flag(),
    statistics: r.flag(),
    eventBytesMax: r.u64(),
    eventAgeMsMax: r.f64(),
    life: r.u64(),
    lifeBefore: r.u64(),
    sessionKeyId: r.u64(),
    wallMs: r.u64(),
  };
}

function saveScalars(pool: PoolState, w: StateWriter): void {
  w.f64(pool.now);
  w.flag(pool.stopping);
  w.u32(pool.memberIdNext);
  w.u32(pool.promiseIdNext);
  w.u32(pool.unboundHead);
  w.u64(pool.requiresOpen);
  w.u64(pool.readerLeases);
  w.u64(pool.bytesInline);
  w.u32(pool.slabNext);
  w.u64(pool.timers);
  w.u64(pool.operations);
  w.u64(pool.storeNext);
}

function restoreScalars(pool: PoolState, r: StateReader): void {
  pool.now = r.f64();
  pool.stopping = r.flag();
  pool.memberIdNext = r.u32();
  pool.promiseIdNext = r.u32();
  pool.unboundHead = r.u32();
  pool.requiresOpen = r.u64();
  pool.readerLeases = r.u64();
  pool.bytesInline = r.u64();
  pool.slabNext = r.u32();
  pool.timers = r.u64();
  pool.operations = r.u64();
  pool.storeNext = r.u64();
}

function restoreSessions(pool: PoolState, r: StateReader): void {
  const sessions = r.u32();
  // A session takes much more room than its bytes here do.
  checkSaved(sessions <= LIMITS.sessionsMax, 'a pool has so many sessions at most');
  for (let count = sessions; count > 0; count--) {
    const session = Session.restore(r);
    checkSaved(!pool.sessions.has(session.id), 'a session is there once');
    pool.sessions.set(session.id, session);
  }
}

/** Names and indices are found through members, and made of them again. */
function saveMembers(pool: PoolState, w: StateWriter): void {
  w.u32(pool.members.size);
  for (const member of pool.members.values()) {
    w.u32(member.id);
    w.u32(member.number);
    w.u32(member.session.id);
    w.text(member.name);
    w.text(member.component);
    w.flag(member.index !== null);
    w.u64(member.index ?? 0);
    w.valueMap(member.info);
    w.f64(member.since);
    w.u32(member.handles);
    w.u32(member.handleCount);
    w.u32(member.offers);
    w.u64(member.bytesOffered);
    w.u32(member.openRequires);
    w.u32(member.activity);
  }
  w.u32(pool.departed.size);
  for (const [id, { name, how, when }] of pool.departed) {
    w.u32(id);
    w.text(name);
    w.flag(how === 'crashed');
    w.f64(when);
  }
}

function restoreMembers(pool: PoolState, r: StateReader): void {
  for (let count = r.count(1); count > 0; count--) {
    const member = restoreMember(pool, r);
    const isNew = !pool.members.has(member.id) && !pool.membersByName.has(member.name);
    checkSaved(isNew, 'a member is there once');
    checkSaved(!member.session.members.has(member.number), 'a number is given to one member');
    addMember(pool, member);
  }
  for (let count = r.count(1); count > 0; count--) {
    const id = r.u32();
    const name = r.text();
    pool.departed.set(id, { name, how: r.flag() ? 'crashed' : 'left', when: r.f64() });
  }
}

function restoreMember(pool: PoolState, r: StateReader): Member {
  const id = r.u32();
  const number = r.u32();
  const session = sessionOf(pool, r.u32());
  const name = r.text();
  const component = r.text();
  const hasIndex = r.flag();
  const index = r.u64();
  const member: Member = {
    id,
    number,
    session,
    name,
    nameBytes: encodeUtf8(name),
    component,
    index: hasIndex ? index : null,
    info: r.valueMap(),
    since: r.f64(),
    handles: r.u32(),
    handleCount: r.u32(),
    offers: r.u32(),
    bytesOffered: r.u64(),
    openRequires: r.u32(),
    promises: new Set(),
    subscriptions: new Set(),
    activity: r.u32(),
  };
  const hasStay = member.activity !== 0 && pool.provenance.activities.has(member.activity);
  checkSaved(hasStay, 'the stay of a member is there');
  checkSaved(pool.handles.has(member.handles), 'the handles of a member are there');
  return member;
}

function sessionOf(pool: PoolState, id: number): Session {
  const session = pool.sessions.get(id);
  checkSaved(session !== undefined, 'a session that is named is there');
  return session;
}

/** Patterns are compiled again; the lists of each kind have the order of all promises. */
function savePromises(pool: PoolState, w: StateWriter): void {
  w.u32(pool.promises.size);
  for (const promise of pool.promises.values()) {
    w.u32(promise.id);
    w.text(promise.member);
    w.u8(PROMISE_KINDS.indexOf(promise.kind));
    w.text(promise.pattern);
    w.u8(PROMISE_STATES.indexOf(promise.state));
    w.f64(promise.since);
    w.u32(promise.memberId);
    w.u32(promise.timer);
  }
  for (const session of pool.sessions.values()) {
    w.u32(session.promises.size);
    for (const [number, promise] of session.promises) {
      w.u32(number);
      w.u32(promise.id);
    }
  }
}

function restorePromises(pool: PoolState, r: StateReader): void {
  for (let count = r.count(1); count > 0; count--) {
    const promise = restorePromise(pool, r);
    checkSaved(!pool.promises.has(promise.id), 'a promise is there once');
    addPromise(pool, promise);
  }
  for (const session of pool.sessions.values()) {
    for (let count = r.count(8); count > 0; count--) {
      const number = r.u32();
      const promise = pool.promises.get(r.u32());
      checkSaved(promise !== undefined, 'a promise that a session made is there');
      session.promises.set(number, promise);
      pool.members.get(promise.memberId)?.promises.add(number);
    }
  }
}

function restorePromise(pool: PoolState, r: StateReader): PromiseRow {
  const id = r.u32();
  const member = r.text();
  const kind = PROMISE_KINDS[r.u8()];
  checkSaved(kind !== undefined, 'a promise is of a name, a glob or a selector');
  const pattern = r.text();
  const state = PROMISE_STATES[r.u8()];
  checkSaved(state !== undefined, 'a promise is open, in grace or closed');
  const since = r.f64();
  const memberId = r.u32();
  const timer = r.u32();
  checkSaved(pool.waits.rows.has(timer), 'the timer of a promise is there');
  const meant = meantBySaved(kind, pattern);
  return { id, member, kind, pattern, ...meant, state, since, memberId, timer };
}

function meantBySaved(kind: PromiseKind, pattern: string): ReturnType<typeof meantByPromise> {
  try {
    return meantByPromise(kind, pattern);
  } catch (error) {
    if (!(error instanceof AttaccaError)) throw error;
    throw new AttaccaError('journal-damaged', `Cannot restore a state: ${error.message}`);
  }
}

/** Requires that failed for one cause share their reason: it is written once. */
function saveFailures(pool: PoolState, w: StateWriter): void {
  const places = new Map<AttaccaError, number>();
  for (const error of pool.failures.values()) {
    if (!places.has(error)) places.set(error, places.size);
  }
  w.u32(places.size);
  for (const error of places.keys()) {
    w.text(error.code);
    w.text(error.message);
    w.valueMap(error.fields);
  }
  w.u32(pool.failures.size);
  for (const [handle, error] of pool.failures) {
    w.u32(handle);
    w.u32(places.get(error) ?? 0);
  }
}

function restoreFailures(pool: PoolState, r: StateReader): void {
  const errors: AttaccaError[] = [];
  for (let count = r.count(1); count > 0; count--) {
    const code = r.text();
    checkSaved(isErrorCode(code), 'the code of an error is known');
    errors.push(new AttaccaError(code, r.text(), r.valueMap()));
  }
  for (let count = r.count(8); count > 0; count--) {
    const handle = r.u32();
    const error = errors[r.u32()];
    checkSaved(error !== undefined && pool.handles.has(handle), 'what failed has its reason');
    pool.failures.set(handle, error);
  }
}

/** Who waits for memory, and what the agent was asked for. */
function saveMemory(pool: PoolState, w: StateWriter): void {
  w.u32(pool.leaseWaits.length);
  for (const each of pool.leaseWaits) {
    w.u32(each.wait);
    w.u32(each.session.id);
    w.u64(each.request);
    w.u64(each.size);
    w.u64(each.least);
    w.text(each.object);
    w.u32(each.objectRow);
  }
  w.u32(pool.slabsAdopted.size);
  for (const [slab, sessions] of pool.slabsAdopted) {
    w.u32(slab);
    // Who has ended is told nothing any more.
    const living = [...sessions].filter((session) => !session.ended);
    w.u32(living.length);
    for (const session of living) w.u32(session.id);
  }
  w.text(pool.slabFailure);
  w.flag(pool.slabPending !== null);
  w.u32(pool.slabPending?.slab ?? 0);
  w.u64(pool.slabPending?.size ?? 0);
  w.u32(pool.adoptsPending.size);
  for (const [slab, { file, size, session, request }] of pool.adoptsPending) {
    w.u32(slab);
    w.text(file);
    w.u64(size);
    w.u32(session);
    w.u64(request);
  }
}

function restoreMemory(pool: PoolState, r: StateReader): void {
  for (let count = r.count(1); count > 0; count--) addLeaseWait(pool, restoreLeaseWait(pool, r));
  for (let count = r.count(8); count > 0; count--) {
    const slab = r.u32();
    const sessions = new Set<Session>();
    for (let told = r.count(4); told > 0; told--) sessions.add(sessionOf(pool, r.u32()));
    pool.slabsAdopted.set(slab, sessions);
  }
  pool.slabFailure = r.text();
  const isPending = r.flag();
  const pending = { slab: r.u32(), size: r.u64() };
  pool.slabPending = isPending ? pending : null;
  for (let count = r.count(1); count > 0; count--) {
    const slab = r.u32();
    const asked = { file: r.text(), size: r.u64(), session: r.u32(), request: r.u64() };
    pool.adoptsPending.set(slab, asked);
  }
}

function restoreLeaseWait(pool: PoolState, r: StateReader): LeaseWait {
  const each: LeaseWait = {
    wait: r.u32(),
    session: sessionOf(pool, r.u32()),
    request: r.u64(),
    size: r.u64(),
    least: r.u64(),
    object: r.text(),
    objectRow: r.u32(),
  };
  const isThere = pool.waits.rows.has(each.wait) && pool.objects.has(each.objectRow);
  checkSaved(isThere, 'a wait for memory is there, and what it is for');
  return each;
}
