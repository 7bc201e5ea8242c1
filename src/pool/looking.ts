import { refuse } from '../core/assert.js';
import { LIMITS } from '../core/limits.js';
import { spaceAt } from '../core/space.js';
import { decodeUtf8 } from '../core/utf8.js';
import { Timestamp, type Value } from '../core/value.js';
import { CONSISTENCIES, DURABILITIES, DURABILITY } from '../protocol/index.js';
import { barrierRows } from './barriers.js';
import { eventsInfo, queueRows, subscriptionRows } from './events/told.js';
import { stateName } from './handles.js';
import { leaseBytesMax } from './memory.js';
import { findObject, forEachHandle, handleState, memberOf, objectName } from './objects.js';
import { forEachPart, isGrowing, isInParts, missingOf, partsOf, rowsOf } from './parts.js';
import { Room } from './room.js';
import {
  HANDLE,
  HANDLE_FLAG,
  HANDLE_STATE,
  OBJECT,
  PART,
  PART_FLAG,
  PARTITION,
  SAFETY,
  VERSION,
  VERSION_FLAG,
} from './rows.js';
import { commandOf } from './sessions.js';
import type { PoolState } from './state.js';
import { statisticsMap } from './told-statistics.js';
import { versionHas } from './versions.js';

/** The object of that name; `unknown-object` when there is none. */
export function objectNamed(pool: PoolState, start: number, end: number): number {
  const { bytes } = pool.reader;
  const object = findObject(pool, bytes, start, end);
  if (object === 0) {
    const name = decodeUtf8(bytes, start, end);
    refuse('unknown-object', `Cannot find "${name}": the pool has no such object`, { name });
  }
  return object;
}

/** STAT: what the pool knows of an object. */
export function stat(pool: PoolState, object: number): { [key: string]: Value } {
  const { objects, versions, spaces, attributes } = pool;
  const current = objects.get(object, OBJECT.current);
  const fields: { [key: string]: Value } = {
    name: objectName(pool, object),
    state: stateOf(pool, object),
    version: current === 0 ? null : versions.get(current, VERSION.number),
    versions: objects.get(object, OBJECT.number),
    requires: openRequires(pool, object),
    readers: readersOf(pool, object).length,
    handles: countHandles(pool, object),
    tags: attributes.toMap(objects.get(object, OBJECT.tags)),
  };
  if (current === 0) return fields;
  const spaceRow = versions.get(current, VERSION.space);
  const space = spaceAt(spaces.bytes(spaceRow), spaces.start(spaceRow));
  fields['bytes'] = versions.getWide(current, VERSION.size);
  fields['dtype'] = space.dtype ?? null;
  fields['shape'] = space.shape === undefined ? null : [...space.shape];
  fields['order'] = space.order ?? null;
  fields['byteOrder'] = space.byteOrder ?? null;
  fields['attributes'] = attributes.toMap(versions.get(current, VERSION.attributes));
  fields['scope'] = versionHas(pool, current, VERSION_FLAG.scopePool) ? 'pool' : 'member';
  fields['provider'] = nameOfMember(pool, versions.get(current, VERSION.providerMember));
  fields['level'] = levelOf(pool, current);
  fields['time'] = timeOf(pool, current);
  fields['durability'] = DURABILITIES[durabilityOfVersion(pool, current)] ?? 'process';
  const open = pool.open.versions.get(current);
  if (open !== undefined) {
    fields['consistency'] = CONSISTENCIES[open.consistency] ?? 'posix';
    fields['locks'] = open.locks.size;
  }
  if (isInParts(pool, current)) {
    fields['parts'] = partsOf(pool, current);
    if (!isGrowing(pool, current)) fields['missing'] = missingOf(pool, current);
    else fields['rows'] = rowsOf(pool, current);
  }
  const measured = statisticsMap(pool, current);
  if (measured !== null) fields['statistics'] = measured;
  return fields;
}

/** Whether an object is offered, all of it or parts; if not, whether somebody waits for it. */
export function stateOf(pool: PoolState, object: number): string {
  const { objects } = pool;
  const current = objects.get(object, OBJECT.current);
  if (current !== 0 && versionHas(pool, current, VERSION_FLAG.open)) return 'open';
  if (current !== 0) return missingOf(pool, current) > 0 ? 'partial' : 'offered';
  return objects.get(object, OBJECT.unbound) > 0 ? 'required' : 'declared';
}

/** How durable the bytes of a version are: one of DURABILITY. */
export function durabilityOfVersion(pool: PoolState, version: number): number {
  if (versionHas(pool, version, VERSION_FLAG.stored)) return DURABILITY.fsync;
  if (isInParts(pool, version)) {
    const partition = pool.versions.get(version, VERSION.partition);
    const safety = pool.partitions.get(partition, PARTITION.safety);
    if (safety === SAFETY.safe) return DURABILITY.fsync;
  }
  const isSlice = levelOf(pool, version) === 'memory';
  const { durability, slabDurability } = pool.options;
  return isSlice ? slabDurability : durability;
}

/** When a version was offered. */
export function timeOf(pool: PoolState, version: number): Timestamp {
  const ms = pool.versions.getWide(version, VERSION.offeredAt);
  return new Timestamp(BigInt(ms) * 1_000_000n);
}

/** Where the bytes of a version are. */
export function levelOf(pool: PoolState, version: number): string {
  if (isInParts(pool, version)) return levelOfParts(pool, version);
  if (versionHas(pool, version, VERSION_FLAG.slice)) return 'memory';
  return versionHas(pool, version, VERSION_FLAG.inline) ? 'manager' : 'none';
}

/** Where most of the bytes are likely to be: parts with few of them travel in messages. */
function levelOfParts(pool: PoolState, version: number): string {
  let flags = 0;
  forEachPart(pool, version, (part) => {
    if (pool.parts.getWide(part, PART.size) > 0) flags |= pool.parts.get(part, PART.flags);
  });
  if ((flags & PART_FLAG.slice) !== 0) return 'memory';
  return (flags & PART_FLAG.inline) !== 0 ? 'manager' : 'none';
}

export function nameOfMember(pool: PoolState, member: number): string {
  return pool.members.get(member)?.name ?? pool.departed.get(member)?.name ?? '';
}

function countHandles(pool: PoolState, object: number): number {
  let count = 0;
  forEachHandle(pool, object, () => {
    count++;
  });
  return count;
}

function openRequires(pool: PoolState, object: number): number {
  let count = 0;
  forEachHandle(pool, object, (handle) => {
    if (handleState(pool, handle) === HANDLE_STATE.required) count++;
  });
  return count;
}

/** Names of the members that hold a reader's lease on some version of the object. */
export function readersOf(pool: PoolState, object: number): string[] {
  const names: string[] = [];
  forEachHandle(pool, object, (handle) => {
    const leased = (pool.handles.get(handle, HANDLE.state) & HANDLE_FLAG.leased) !== 0;
    if (leased) names.push(memberOf(pool, handle).name);
  });
  return names;
}

/** Whether a row of the table is an object now: a released row has nothing but a link. */
export function isObject(pool: PoolState, object: number): boolean {
  const { objects } = pool;
  return (
    objects.get(object, OBJECT.handles) !== 0 ||
    objects.get(object, OBJECT.current) !== 0 ||
    objects.get(object, OBJECT.old) !== 0
  );
}

/** MEMBERS. */
export function members(pool: PoolState): Value {
  return [...pool.members.values()].map((member) => ({
    id: member.id,
    name: member.name,
    component: member.component,
    index: member.index,
    session: member.session.id,
    host: member.session.process['host'] ?? null,
    pid: member.session.process['pid'] ?? null,
    command: commandOf(member.session.process, member.info),
    sinceMs: pool.now - member.since,
    handles: member.handleCount,
    offers: member.offers,
    requires: member.openRequires,
    bytesOffered: member.bytesOffered,
    bytesLeased: pool.extents.leasedBy(member.session.id),
    info: member.info,
  }));
}

/** INFO: the pool in numbers. */
export function info(pool: PoolState): Value {
  const { extents, options, provenance } = pool;
  const promises = openPromises(pool);
  return {
    pool: { id: options.id, name: options.name, upMs: pool.now, stopping: pool.stopping },
    counts: {
      sessions: pool.sessions.size,
      members: pool.members.size,
      objects: pool.objects.used,
      handles: pool.handles.used,
      versions: pool.versions.used,
      requires: pool.requiresOpen,
      readers: pool.readerLeases,
      waits: pool.waits.used - pool.timers,
      timers: pool.timers,
      promises,
      promisesClosed: pool.promises.size - promises,
      operations: pool.operations,
    },
    memory: {
      limit: options.memoryBytesMax,
      objectLimit: leaseBytesMax(pool),
      slabs: extents.slabs.size,
      total: extents.bytesTotal,
      free: extents.bytesFree,
      leased: extents.bytesLeased,
      offered: extents.bytesTotal - extents.bytesFree - extents.bytesLeased - extents.bytesDead,
      reserved: pool.bytesReserved,
      inline: pool.bytesInline,
      inlineLimit: LIMITS.inlineTotalBytesMax,
      waiting: pool.leaseWaits.length,
    },
    events: eventsInfo(pool),
    subscriptions: subscriptionRows(pool, new Room()),
    barriers: barrierRows(pool),
    queues: queueRows(pool, new Room()),
    provenance: {
      versions: provenance.entities.used,
      uses: provenance.uses.used,
      stays: provenance.activities.used,
      versionsForgotten: provenance.entities.begin - 1,
      usesForgotten: provenance.uses.begin - 1,
      bytes: provenance.bytesUsed,
    },
    manager: {
      tableBytes:
        pool.objects.bytesUsed +
        pool.handles.bytesUsed +
        pool.versions.bytesUsed +
        pool.waits.rows.bytesUsed +
        pool.partitions.bytesUsed +
        pool.parts.bytesUsed +
        pool.wanted.bytesUsed +
        pool.measures.rows.bytesUsed +
        extents.bytesUsed +
        pool.directory.bytesUsed,
      indexBytes: pool.terms.bytesUsed + pool.shapes.bytesUsed,
      arenaBytes: pool.arena.bytesAllocated,
      arenaBytesUsed: pool.arena.bytesUsed,
    },
  };
}

/** Promises that are not closed: open, or in grace. */
function openPromises(pool: PoolState): number {
  let open = 0;
  for (const { state } of pool.promises.values()) if (state !== 'closed') open++;
  return open;
}

/** What is still required, for STOP: a row an object. */
export function stillRequired(pool: PoolState): Value[] {
  const rows: Value[] = [];
  const room = new Room();
  for (const member of pool.members.values()) {
    if (member.openRequires === 0) continue;
    let handle = member.handles;
    while (handle !== 0 && rows.length < LIMITS.explainRowsMax && !room.isFull) {
      if (handleState(pool, handle) === HANDLE_STATE.required) {
        const name = objectName(pool, pool.handles.get(handle, HANDLE.object));
        room.add(rows, { name, member: member.name, state: stateName(pool, handle) });
      }
      handle = pool.handles.get(handle, HANDLE.memberNext);
    }
  }
  return rows;
}
