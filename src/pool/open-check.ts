import { BLOCK_SLICE } from '../catalog/extents.js';
import { assert } from '../core/assert.js';
import { LOCK_MODE } from '../protocol/index.js';
import { handleState, memberOf, objectName } from './objects.js';
import type { OpenVersion } from './open-state.js';
import { HANDLE, HANDLE_STATE, OBJECT, VERSION, VERSION_FLAG } from './rows.js';
import type { PoolState } from './state.js';
import { hasOver } from './transferring.js';

/** What open objects take of what the pool counts. */
interface OpenSums {
  inline: number;
  arena: number;
  /** Waits for locks, each with its handle. */
  readonly waits: { readonly wait: number; readonly handle: number }[];
}

/**
 * Recounts what belongs to open objects: which versions are open, whose transfers move, that nobody
 * holds a lock beside one it conflicts with, and that who waits for one waits for somebody.
 */
export function checkOpen(pool: PoolState, blocks: Set<number>): OpenSums {
  const { versions, open } = pool;
  const sums: OpenSums = { inline: 0, arena: 0, waits: [] };
  const isOpen = (version: number): boolean =>
    (versions.get(version, VERSION.flags) & VERSION_FLAG.open) !== 0;
  for (const version of open.versions.keys()) {
    assert(isOpen(version), 'a version that is open says so');
    const object = versions.get(version, VERSION.object);
    assert(pool.objects.get(object, OBJECT.current) === version, 'what is open is current');
    assert(versions.get(version, VERSION.requires) === 0, 'no require is bound to what is open');
  }
  const moving = new Map<number, number>();
  const writes = new Map<number, number>();
  let regionBytes = 0;
  for (const each of open.moving.values()) {
    moving.set(each.version, (moving.get(each.version) ?? 0) + 1);
    regionBytes += each.regions.length;
    if (each.droppedAt !== 0) {
      const reads = [...open.moving.values()].some((read) => hasOver(read, each));
      assert(reads && !each.isHeld, 'what was dropped is kept for reads that have it');
    } else if (each.isWrite && !each.isHeld) {
      writes.set(each.version, (writes.get(each.version) ?? 0) + 1);
    }
    if (each.isHeld) {
      assert(open.versions.has(each.version), 'what is not committed goes with its version');
      assert(pool.members.has(each.member), 'what is not committed goes with its member');
    }
    if (each.block === 0) {
      sums.inline += each.size;
      if (each.record !== 0) sums.arena += pool.arena.bytesOf(each.record);
      continue;
    }
    assert(pool.extents.stateOf(each.block) === BLOCK_SLICE, 'what moves is a slice');
    assert(pool.extents.ownerOf(each.block) === each.version, 'what moves belongs to its version');
    blocks.add(each.block);
  }
  for (let version = 1; version < versions.end; version++) {
    const count = versions.get(version, VERSION.moving);
    if (versions.get(version, VERSION.object) === 0) continue;
    assert(count === (moving.get(version) ?? 0), 'transfers of a version are counted');
    assert(!isOpen(version) || open.versions.has(version), 'a version that is open is known');
  }
  assert(regionBytes === open.regionBytes, 'regions of transfers are counted');
  let locks = 0;
  for (const found of open.versions.values()) {
    assert(found.writes === (writes.get(found.version) ?? 0), 'writes under way are counted');
    locks += found.locks.size;
    const runs = found.locks.values().reduce((sum, { region }) => sum + region.runs, 0);
    assert(runs === found.locks.runs, 'runs of locks are counted');
    sums.waits.push(...checkLocks(pool, found));
  }
  assert(locks === open.locks, 'locks are counted');
  return sums;
}

function checkLocks(
  pool: PoolState,
  { version, locks }: OpenVersion,
): { readonly wait: number; readonly handle: number }[] {
  const waits: { wait: number; handle: number }[] = [];
  const object = pool.versions.get(version, VERSION.object);
  const name = objectName(pool, object);
  const held = locks.values().filter(({ wait }) => wait === 0);
  for (const each of locks.values()) {
    const state = handleState(pool, each.handle);
    const takesPart = state === HANDLE_STATE.opened || state === HANDLE_STATE.offered;
    assert(takesPart, `${name}: a lock goes with its handle`);
    assert(pool.handles.get(each.handle, HANDLE.version) === version, `${name}: of its version`);
    assert(memberOf(pool, each.handle).id === each.member, `${name}: a lock belongs to its member`);
    if (each.wait !== 0) {
      waits.push({ wait: each.wait, handle: each.handle });
      assert(locks.blockersOf(each).length > 0, `${name}: who waits for a lock waits for somebody`);
      continue;
    }
    for (const other of held) {
      if (other === each || other.member === each.member) continue;
      const isShared = each.mode === LOCK_MODE.read && other.mode === LOCK_MODE.read;
      assert(isShared || !each.region.meets(other.region), `${name}: locks exclude one another`);
    }
  }
  return waits;
}
