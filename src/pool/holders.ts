import { BLOCK_SLICE } from '../catalog/extents.js';
import type { Value } from '../core/value.js';
import { nameOfMember } from './looking.js';
import { forEachHandle, memberOf } from './objects.js';
import { someOf } from './room.js';
import { HANDLE, VERSION, VERSION_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/** So many of the largest holders are named. */
const HOLDERS_MAX = 5;
/** So many blocks are looked at: bounds the pause of a pool with millions of small slices. */
const BLOCKS_MAX = 262_144;
const OFFERED = 'offered';
const WITHDRAWN = 'withdrawn, but not delivered to all, or read yet';

interface Holder {
  readonly members: string[];
  readonly what: string;
  bytes: number;
  /** A version of it, to tell who is waited for. */
  readonly version: number;
}

/**
 * The largest holders of slabs, what each holds and who is waited for: for the error that says
 * memory is full. Kept for the step in which it was asked for, as waits may end by the hundred.
 */
export function holders(pool: PoolState): Value[] {
  const known = pool.holdersKnown;
  if (known !== null && known.now === pool.now && known.operations === pool.operations) {
    return known.rows;
  }
  const found = new Map<string, Holder>();
  for (const session of pool.sessions.values()) {
    const bytes = pool.extents.leasedBy(session.id);
    if (bytes === 0) continue;
    const members = membersOf(session);
    found.set(`${session.id}`, { members, what: 'leased, not offered yet', bytes, version: 0 });
  }
  countSlices(pool, found);
  const largest = [...found.values()].sort((left, right) => right.bytes - left.bytes);
  const rows = largest.slice(0, HOLDERS_MAX).map(({ members, what, bytes, version }) => {
    const row = { members, what, bytes };
    return what === WITHDRAWN ? { ...row, waitsFor: waitedFor(pool, version) } : row;
  });
  pool.holdersKnown = { now: pool.now, operations: pool.operations, rows };
  return rows;
}

function countSlices(pool: PoolState, found: Map<string, Holder>): void {
  const { extents, versions } = pool;
  let seen = 0;
  for (const block of extents.blocks()) {
    if (++seen > BLOCKS_MAX) return;
    if (extents.stateOf(block) !== BLOCK_SLICE) continue;
    const version = extents.ownerOf(block);
    const provider = versions.get(version, VERSION.providerMember);
    const what = versionHas(pool, version, VERSION_FLAG.offered) ? OFFERED : WITHDRAWN;
    const key = `${what} ${provider}`;
    const holder = found.get(key);
    const bytes = extents.sizeOf(block);
    if (holder === undefined) {
      found.set(key, { members: [nameOfMember(pool, provider)], what, bytes, version });
    } else holder.bytes += bytes;
  }
}

/** The members that have yet to demand a withdrawn version, or that read it. */
function waitedFor(pool: PoolState, version: number): string[] {
  const names: string[] = [];
  const object = pool.versions.get(version, VERSION.object);
  forEachHandle(pool, object, (handle) => {
    if (pool.handles.get(handle, HANDLE.version) !== version) return;
    names.push(memberOf(pool, handle).name);
  });
  return someOf(names, 10);
}

/** Names of the members of a session, as many as say who it is. */
export function membersOf(session: Session): string[] {
  return someOf(
    [...session.members.values()].map((member) => member.name),
    10,
  );
}
