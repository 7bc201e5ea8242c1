import { BLOCK_SLICE } from '../catalog/extents.js';
import { formatBytes } from '../core/format-bytes.js';
import type { ValueMap } from '../core/value.js';
import { pinnersOf } from './events/told.js';
import { groupsWith } from './groups.js';
import { nameOfMember } from './looking.js';
import { forEachHandle, memberOf, objectName } from './objects.js';
import { inWords, someOf } from './room.js';
import { HANDLE, VERSION, VERSION_FLAG } from './rows.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';
import { versionHas } from './versions.js';

/** So many of the largest holders are named. */
const HOLDERS_MAX = 5;
/** So many blocks are looked at: bounds the pause of a pool with millions of small slices. */
const BLOCKS_MAX = 262_144;
/** So many of them are told in the words of an error; its fields have all. */
const HOLDERS_IN_WORDS = 3;
const OFFERED = 'offered';
const WITHDRAWN = 'withdrawn, but not delivered to all, or read yet';

interface Holder {
  readonly members: string[];
  readonly what: string;
  bytes: number;
  objects: number;
  /** Its largest version: names what is held, and tells who is waited for. 0: there is none yet. */
  version: number;
  versionBytes: number;
}

/**
 * The largest holders of slabs, what each holds and who is waited for: for the error that says
 * memory is full. Kept for the step in which it was asked for, as waits may end by the hundred.
 */
export function holders(pool: PoolState): ValueMap[] {
  const known = pool.holdersKnown;
  if (known?.operations === pool.operations) return known.rows;
  const found = new Map<string, Holder>();
  for (const session of pool.sessions.values()) {
    const bytes = pool.extents.leasedBy(session.id);
    if (bytes === 0) continue;
    const members = membersOf(session);
    found.set(`${session.id}`, holderOf(members, 'leased, not offered yet', bytes, 0));
  }
  countSlices(pool, found);
  const largest = [...found.values()].sort((left, right) => right.bytes - left.bytes);
  const rows = largest.slice(0, HOLDERS_MAX).map((holder) => rowOf(pool, holder));
  pool.holdersKnown = { operations: pool.operations, rows };
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
      found.set(key, holderOf([nameOfMember(pool, provider)], what, bytes, version));
      continue;
    }
    holder.bytes += bytes;
    holder.objects++;
    if (bytes > holder.versionBytes) {
      holder.version = version;
      holder.versionBytes = bytes;
    }
  }
}

function holderOf(members: string[], what: string, bytes: number, version: number): Holder {
  const objects = version === 0 ? 0 : 1;
  return { members, what, bytes, objects, version, versionBytes: bytes };
}

function rowOf(pool: PoolState, holder: Holder): ValueMap {
  const { members, what, bytes, objects, version } = holder;
  if (version === 0) return { members, what, bytes };
  const largest = objectName(pool, pool.versions.get(version, VERSION.object));
  const row = { members, what, bytes, objects, largest };
  return what === WITHDRAWN ? { ...row, waitsFor: waitedFor(pool, version) } : row;
}

/** The largest holders in words, for a message: `; most is held by model[0] (1.0 GiB offered)`. */
export function holdersInWords(rows: readonly ValueMap[]): string {
  if (rows.length === 0) return '';
  const words = rows.slice(0, HOLDERS_IN_WORDS).map((row) => {
    const names = inWords(row['members'] as string[]);
    const largest = row['largest'] === undefined ? '' : `, the largest "${row['largest']}"`;
    const waitsFor = row['waitsFor'] as string[] | undefined;
    const waits = waitsFor === undefined ? '' : `, by ${inWords(waitsFor)}`;
    return `${names} (${formatBytes(row['bytes'] as number)} ${row['what']}${waits}${largest})`;
  });
  return `; most is held by ${words.join(', ')}`;
}

/** The members that have yet to demand a withdrawn version, or that read it. */
function waitedFor(pool: PoolState, version: number): string[] {
  const names: string[] = [];
  const object = pool.versions.get(version, VERSION.object);
  forEachHandle(pool, object, (handle) => {
    if (pool.handles.get(handle, HANDLE.version) !== version) return;
    names.push(memberOf(pool, handle).name);
  });
  for (const group of groupsWith(pool, version)) names.push(...waitedFor(pool, group));
  if (pool.versions.get(version, VERSION.pins) > 0) names.push(...pinnersOf(pool, version));
  return someOf([...new Set(names)], 10);
}

/** Names of the members of a session, as many as say who it is. */
export function membersOf(session: Session): string[] {
  return someOf(
    [...session.members.values()].map((member) => member.name),
    10,
  );
}
