import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { LOCK_MODE } from '../protocol/index.js';
import { lockRow } from './locking.js';
import { nameOfMember } from './looking.js';
import { objectName } from './objects.js';
import type { OpenVersion } from './open-state.js';
import { inWords, type Room, someOf } from './room.js';
import { VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** The locks of an open object, held and waited for, in the order in which they were asked for. */
export function lockRows(pool: PoolState, open: OpenVersion, room: Room): Value[] {
  const rows: Value[] = [];
  for (const each of open.locks.values()) {
    if (rows.length >= LIMITS.explainRowsMax || !room.add(rows, lockRow(pool, each))) break;
  }
  return rows;
}

/** Who waits for a lock, and for whom. */
export function addLockWaits(pool: PoolState, open: OpenVersion, waits: Value[], room: Room): void {
  const object = objectName(pool, pool.versions.get(open.version, VERSION.object));
  for (const each of open.locks.values()) {
    if (each.wait === 0) continue;
    if (waits.length >= LIMITS.explainRowsMax || room.isFull) return;
    const blockers = open.locks.blockersOf(each);
    const waitsFor = someOf(blockers.map(({ member }) => nameOfMember(pool, member)));
    const deadline = pool.waits.deadlineOf(each.wait);
    const how = each.mode === LOCK_MODE.write ? 'writing' : 'reading';
    room.add(waits, {
      object,
      member: nameOfMember(pool, each.member),
      what: 'lock',
      sinceMs: pool.now - each.since,
      deadlineMs: deadline === Number.POSITIVE_INFINITY ? null : deadline - pool.now,
      promisedBy: [],
      waitsFor,
      because: `it wants a region for ${how} that ${inWords(waitsFor)} locked, or asked for before`,
      endsWith: 'an unlock of theirs, their end, its deadline',
    });
  }
}

/** member -> the members whose locks it waits for. */
export function addLockEdges(
  pool: PoolState,
  edges: Map<string, { to: string; object: string }[]>,
): void {
  for (const open of pool.open.versions.values()) {
    const object = objectName(pool, pool.versions.get(open.version, VERSION.object));
    for (const each of open.locks.values()) {
      if (each.wait === 0) continue;
      const member = nameOfMember(pool, each.member);
      const list = edges.get(member) ?? [];
      for (const { member: other } of open.locks.blockersOf(each)) {
        const to = nameOfMember(pool, other);
        if (!list.some((edge) => edge.to === to)) list.push({ to, object });
      }
      edges.set(member, list);
    }
  }
}
