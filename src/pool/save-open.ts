import { Reader, Writer } from '../core/bytes.js';
import { LIMITS } from '../core/limits.js';
import { readRegion, writeRegion } from '../core/regions/region-codec.js';
import { skipSpace } from '../core/space.js';
import { checkSaved, type StateReader, type StateWriter } from '../core/state-codec.js';
import { CONSISTENCIES } from '../protocol/index.js';
import { type Awaiting, type Moving, OpenVersion } from './open-state.js';
import { shapeOf } from './parts.js';
import type { PoolState } from './state.js';

/** Writes what members write to: open versions with their locks, then transfers in their order. */
export function saveOpen({ open }: PoolState, w: StateWriter): void {
  w.u64(open.next);
  w.u32(open.versions.size);
  for (const each of open.versions.values()) {
    w.u32(each.version);
    w.u8(each.consistency);
    w.flag(each.sealing !== null);
    w.u32(each.sealing?.session ?? 0);
    w.u64(each.sealing?.request ?? 0);
    saveLocks(each, w);
  }
  const awaited = [...new Set([...open.moving.values()].map(({ awaiting }) => awaiting))];
  const groups = awaited.filter((each) => each !== null);
  w.u32(groups.length);
  for (const { session, request } of groups) {
    w.u32(session);
    w.u64(request);
  }
  w.u32(open.moving.size);
  for (const each of open.moving.values()) saveMoving(each, groups, w);
}

function saveLocks({ locks }: OpenVersion, w: StateWriter): void {
  w.u32(locks.size);
  const region = new Writer();
  for (const each of locks.values()) {
    w.u32(each.handle);
    w.u32(each.number);
    w.u32(each.member);
    w.u8(each.mode);
    w.f64(each.since);
    w.u32(each.wait);
    region.reset();
    writeRegion(region, each.region);
    w.bytes(region.written());
  }
}

function saveMoving(each: Moving, groups: readonly Awaiting[], w: StateWriter): void {
  w.u64(each.id);
  w.flag(each.isWrite);
  w.u32(each.version);
  w.u32(each.member);
  w.u32(each.session);
  w.u64(each.request);
  w.bytes(each.as);
  w.bytes(each.regions);
  w.u32(each.count);
  w.u32(each.block);
  w.u32(each.record);
  w.u64(each.size);
  w.flag(each.isHeld);
  w.u64(each.droppedAt);
  w.u32(each.awaiting === null ? 0 : groups.indexOf(each.awaiting) + 1);
}

export function restoreOpen(pool: PoolState, r: StateReader): void {
  const { open } = pool;
  open.next = r.u64();
  for (let count = r.count(1); count > 0; count--) restoreVersion(pool, r);
  const groups: Awaiting[] = [];
  for (let count = r.count(12); count > 0; count--) {
    groups.push({ session: r.u32(), request: r.u64(), left: 0 });
  }
  for (let count = r.count(1); count > 0; count--) restoreMoving(pool, r, groups);
  checkSaved(
    groups.every(({ left }) => left > 0),
    'who waits for transfers waits for some',
  );
}

function restoreVersion(pool: PoolState, r: StateReader): void {
  const version = r.u32();
  const consistency = r.u8();
  checkSaved(version !== 0 && pool.versions.has(version), 'a version that is open is there');
  checkSaved(consistency < CONSISTENCIES.length, 'a consistency is known');
  checkSaved(!pool.open.versions.has(version), 'a version is open once');
  const found = new OpenVersion(version, consistency);
  const isSealing = r.flag();
  const sealing = { session: r.u32(), request: r.u64() };
  if (isSealing) found.sealing = sealing;
  pool.open.versions.set(version, found);
  for (let count = r.count(1); count > 0; count--) {
    const handle = r.u32();
    const lock = { handle, number: r.u32(), member: r.u32(), mode: r.u8(), since: r.f64() };
    const wait = r.u32();
    const isThere = handle !== 0 && pool.handles.has(handle) && pool.waits.rows.has(wait);
    checkSaved(isThere, 'a lock is of a handle that is there');
    found.locks.add({
      ...lock,
      wait,
      region: readRegion(new Reader(r.bytes()), shapeOf(pool, version)),
    });
    pool.open.locks++;
  }
  checkSaved(found.locks.size <= LIMITS.locksMax, 'a version has so many locks at most');
}

function restoreMoving(pool: PoolState, r: StateReader, groups: readonly Awaiting[]): void {
  const fields = {
    id: r.u64(),
    isWrite: r.flag(),
    version: r.u32(),
    member: r.u32(),
    session: r.u32(),
    request: r.u64(),
    as: r.bytes(),
    regions: r.bytes(),
    count: r.u32(),
    block: r.u32(),
    record: r.u32(),
    size: r.u64(),
    isHeld: r.flag(),
    droppedAt: r.u64(),
  };
  const group = r.u32();
  const awaiting = group === 0 ? null : groups[group - 1];
  checkSaved(awaiting !== undefined, 'who waits for a transfer is there');
  checkSaved(fields.version !== 0 && pool.versions.has(fields.version), 'what moves has a version');
  checkSaved(!pool.open.moving.has(fields.id), 'a transfer is there once');
  skipSpace(new Reader(fields.as));
  if (awaiting !== null) awaiting.left++;
  pool.open.add({ ...fields, awaiting });
  const found = pool.open.versions.get(fields.version);
  const isUnderWay = !fields.isHeld && fields.droppedAt === 0;
  if (found !== undefined && fields.isWrite && isUnderWay) found.writes++;
}
