import { LIMITS } from '../core/limits.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { CONSISTENCIES } from '../protocol/index.js';
import { addMeetings, explainMeeting } from './barriers.js';
import { pinnedOf } from './events/gone.js';
import { addHeldWaits, pinnersOf } from './events/told.js';
import { holders, membersOf } from './holders.js';
import { addLockEdges, addLockWaits, lockRows } from './lock-waits.js';
import { levelOf, nameOfMember, objectNamed, readersOf } from './looking.js';
import { missingRegion } from './missing.js';
import { findObject, forEachHandle, handleState, memberOf, objectName } from './objects.js';
import type { OpenVersion } from './open-state.js';
import { addOpenings, addOpeningsOf } from './opening-waits.js';
import { isGrowing, missingOf, partsOf } from './parts.js';
import { promisesOf, promisesOfName } from './promises.js';
import { missingText, readinessOf, readyWaits, waitsUntilReady } from './readiness-told.js';
import { Room, someOf } from './room.js';
import { HANDLE, HANDLE_STATE, OBJECT, PARTITION, VERSION, VERSION_FLAG, WAIT } from './rows.js';
import type { Member, PromiseRow } from './sessions.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';
import { type Awaited, awaited, awaitedText } from './waiting.js';
import { isReady, missingTold } from './wanted.js';

/** EXPLAIN of a name: of an object, of what is promised, or of where members meet. */
export function explainName(pool: PoolState, start: number, end: number): Value {
  const name = pool.reader.bytes.subarray(start, end);
  const promised = explainPromised(pool, name);
  if (promised !== null) return promised;
  const isKnown = findObject(pool, name, 0, name.length) !== 0;
  const met = isKnown ? null : explainMeeting(pool, name);
  return met ?? explainObject(pool, objectNamed(pool, start, end));
}

/** Who waits for an object, for whom, since when, and what would end it. */
export function explainObject(pool: PoolState, object: number): Value {
  const { objects, versions } = pool;
  const current = objects.get(object, OBJECT.current);
  const room = new Room();
  const waits: Value[] = [];
  const who = awaited(pool, object);
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) !== HANDLE_STATE.required || room.isFull) return;
    if (waits.length < LIMITS.explainRowsMax)
      room.add(waits, requireRow(pool, object, handle, who));
  });
  const open = pool.open.versions.get(current);
  const name = pool.arena.view(objects.get(object, OBJECT.name));
  addHeldWaits(pool, waits, room, name);
  addOpeningsOf(pool, object, waits, room);
  addMeetings(pool, waits, room, objectName(pool, object));
  if (open !== undefined) addLockWaits(pool, open, waits, room);
  const promises = promiseRows(pool, promisesOf(pool, object), room);
  return {
    name: objectName(pool, object),
    offered:
      current === 0
        ? null
        : {
            version: versions.get(current, VERSION.number),
            by: nameOfMember(pool, versions.get(current, VERSION.providerMember)),
            scope: versionHas(pool, current, VERSION_FLAG.scopePool) ? 'pool' : 'member',
            level: levelOf(pool, current),
            bytes: versions.getWide(current, VERSION.size),
          },
    waits,
    promises,
    readers: someOf(readersOf(pool, object)),
    withdrawn: withdrawnVersions(pool, object),
    standing: someOf(pinnedOf(pool, object).flatMap((version) => pinnersOf(pool, version))),
    ...(open === undefined ? {} : openFields(pool, open, room)),
    ...(current === 0 ? {} : partFields(pool, current)),
    ...(current === 0 ? {} : readinessOf(pool, current)),
  };
}

/** Of a version that is not complete. */
function partFields(pool: PoolState, version: number): { readonly [key: string]: Value } {
  const missing = missingOf(pool, version);
  if (missing === 0 || isGrowing(pool, version)) return {};
  return {
    parts: partsOf(pool, version),
    missing,
    missingRegion: missingRegion(pool, version),
  };
}

function openFields(
  pool: PoolState,
  open: OpenVersion,
  room: Room,
): { readonly [key: string]: Value } {
  const consistency = CONSISTENCIES[open.consistency] ?? 'posix';
  return { consistency, locks: lockRows(pool, open, room), writes: open.writes };
}

function promiseRows(pool: PoolState, found: readonly PromiseRow[], room: Room): Value[] {
  const rows: Value[] = [];
  for (const { member, pattern, state, since } of found) {
    if (rows.length >= LIMITS.explainRowsMax || room.isFull) break;
    room.add(rows, { member, pattern, state, sinceMs: pool.now - since });
  }
  return rows;
}

/** A name that no object has yet, but that somebody has promised; null when nobody has. */
export function explainPromised(pool: PoolState, name: Uint8Array): Value {
  if (findObject(pool, name, 0, name.length) !== 0) return null;
  const found = promisesOfName(pool, name);
  if (found.length === 0) return null;
  const promises = promiseRows(pool, found, new Room());
  return { name: decodeUtf8(name), offered: null, waits: [], promises, readers: [], withdrawn: [] };
}

/** Versions whose offer has ended and whose bytes are still owed. */
function withdrawnVersions(pool: PoolState, object: number): Value[] {
  const rows: Value[] = [];
  let version = pool.objects.get(object, OBJECT.old);
  while (version !== 0 && rows.length < LIMITS.explainRowsMax) {
    rows.push({
      version: pool.versions.get(version, VERSION.number),
      requires: pool.versions.get(version, VERSION.requires),
      readers: pool.versions.get(version, VERSION.leases),
      standing: pool.versions.get(version, VERSION.pins),
      bytes: pool.versions.getWide(version, VERSION.size),
    });
    version = pool.versions.get(version, VERSION.next);
  }
  return rows;
}

function requireRow(pool: PoolState, object: number, handle: number, who: Awaited): Value {
  const member = memberOf(pool, handle).name;
  const wait = pool.handles.get(handle, HANDLE.wait);
  const rows = pool.waits.rows;
  const deadline = wait === 0 ? Number.POSITIVE_INFINITY : pool.waits.deadlineOf(wait);
  const bound = isReady(pool, handle);
  const version = pool.handles.get(handle, HANDLE.version);
  const unready = waitsUntilReady(pool, handle);
  const missing = missingTold(pool, handle);
  const what = missing > 0 ? `${missing} of its elements are` : 'it is';
  return {
    object: objectName(pool, object),
    member,
    what: wait === 0 ? 'require' : 'demand',
    sinceMs: wait === 0 ? null : pool.now - rows.getWide(wait, WAIT.since),
    deadlineMs: deadline === Number.POSITIVE_INFINITY ? null : deadline - pool.now,
    promisedBy: who.promisedBy,
    because: unready
      ? `it is offered, but not ready; ${missingText(pool, version)}`
      : bound
        ? `${boundText(pool, object, version)}: ${member} has only to demand it`
        : `${what} not offered; ${awaitedText(who, member)}`,
    endsWith: bound
      ? `a demand or retract of ${member}`
      : who.createdBy === ''
        ? 'an offer, a closed promise, its deadline'
        : 'a seal, the end of the open version, its deadline',
  };
}

/** Of a require that has its version: whether that is still the one that is offered. */
function boundText(pool: PoolState, object: number, version: number): string {
  if (version === pool.objects.get(object, OBJECT.current)) return 'it is offered';
  const number = pool.versions.get(version, VERSION.number);
  return `version ${number} is withdrawn, and kept for it`;
}

/** All waits of the pool, those of objects first, then those for memory. */
export function explainWaits(pool: PoolState): Value {
  const room = new Room();
  const waits: Value[] = [];
  const memory: Value[] = [];
  for (const object of waitedObjects(pool)) {
    if (waits.length >= LIMITS.explainRowsMax || room.isFull) break;
    const who = awaited(pool, object);
    forEachHandle(pool, object, (handle) => {
      if (handleState(pool, handle) !== HANDLE_STATE.required) return;
      if (isReady(pool, handle) || room.isFull) return;
      if (waits.length < LIMITS.explainRowsMax) {
        room.add(waits, requireRow(pool, object, handle, who));
      }
    });
  }
  for (const handle of readyWaits(pool, room)) {
    if (waits.length >= LIMITS.explainRowsMax) break;
    const object = pool.handles.get(handle, HANDLE.object);
    room.add(waits, requireRow(pool, object, handle, awaited(pool, object)));
  }
  addHeldWaits(pool, waits, room);
  addOpenings(pool, waits, room);
  addMeetings(pool, waits, room);
  for (const open of pool.open.versions.values()) addLockWaits(pool, open, waits, room);
  for (const each of pool.leaseWaits.slice(0, LIMITS.explainRowsMax)) {
    const row = {
      members: membersOf(each.session),
      what: 'lease',
      bytes: each.least,
      object: each.object,
      sinceMs: pool.now - pool.waits.rows.getWide(each.wait, WAIT.since),
      because: 'the memory of the pool is full',
    };
    if (!room.add(memory, row)) break;
  }
  return { waits, memory, holders: memory.length > 0 ? holders(pool) : [] };
}

/**
 * Rings of waits: members each of which waits for what the next has promised. They are shown, not
 * broken: only the programs know whether one of them still does something else first.
 */
export function explainRings(pool: PoolState): Value {
  const edges = waitEdges(pool);
  const rings: Value[] = [];
  const room = new Room();
  const done = new Set<string>();
  for (const start of edges.keys()) {
    if (done.has(start)) continue;
    const path: { member: string; object: string }[] = [];
    walk(start, path, new Map());
  }
  return { rings };

  function walk(
    member: string,
    path: { member: string; object: string }[],
    onPath: Map<string, number>,
  ): void {
    const seen = onPath.get(member);
    if (seen !== undefined) {
      if (rings.length < LIMITS.explainRowsMax) {
        const ring = path.slice(seen);
        room.add(
          rings,
          ring.map((each) => ({ member: each.member, waitsFor: each.object })),
        );
      }
      return;
    }
    if (done.has(member) || path.length > 10_000) return;
    onPath.set(member, path.length);
    for (const edge of edges.get(member) ?? []) {
      path.push({ member, object: edge.object });
      walk(edge.to, path, onPath);
      path.pop();
    }
    onPath.delete(member);
    done.add(member);
  }
}

/** member -> the members that promised what its demands wait for. */
function waitEdges(pool: PoolState): Map<string, { to: string; object: string }[]> {
  const edges = new Map<string, { to: string; object: string }[]>();
  let count = 0;
  for (const object of waitedObjects(pool)) {
    if (count >= LIMITS.explainRowsMax * 10) break;
    const providers = awaited(pool, object).promisedBy;
    if (providers.length === 0) continue;
    forEachHandle(pool, object, (handle) => {
      if (pool.handles.get(handle, HANDLE.wait) === 0) return;
      const member: Member = memberOf(pool, handle);
      const list = edges.get(member.name) ?? [];
      for (const to of providers) {
        if (list.some((edge) => edge.to === to)) continue;
        list.push({ to, object: objectName(pool, object) });
        count++;
      }
      edges.set(member.name, list);
    });
  }
  addLockEdges(pool, edges);
  return edges;
}

/** Objects for whose next version somebody waits, then those whose version lacks parts. */
function* waitedObjects({
  objects,
  partitions,
  versions,
  unboundHead,
}: PoolState): Generator<number> {
  for (let object = unboundHead; object !== 0; ) {
    yield object;
    object = objects.get(object, OBJECT.unboundNext);
  }
  for (let partition = 1; partition < partitions.end; partition++) {
    if (partitions.getWide(partition, PARTITION.missing) === 0) continue;
    const object = versions.get(partitions.get(partition, PARTITION.version), VERSION.object);
    if (objects.get(object, OBJECT.unbound) === 0) yield object;
  }
}
