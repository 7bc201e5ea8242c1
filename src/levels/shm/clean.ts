import { existsSync } from 'node:fs';
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { assert } from '../../core/assert.js';
import { systemCode } from '../../core/system-errors.js';
import { type Liveness, processAlive } from '../process-identity.js';
import { fileError } from './file-errors.js';
import {
  lockPoolDirectory,
  ownUid,
  type PoolOwner,
  parsePoolDirectoryName,
  phaseSuffix,
  readOwner,
  whyUntrusted,
} from './owner.js';
import type { LibcChoice } from './slabs.js';

/** A pool directory of this user. */
export interface FoundPool {
  readonly directory: string;
  readonly poolId: string;
  /** Null when owner.json is missing or damaged; `state` is then `unknown`, as a rule. */
  readonly owner: PoolOwner | null;
  readonly state: Liveness;
  /** For humans: why the state is what it is. */
  readonly why: string;
  /** Memory (or disk) that its files take. */
  readonly bytesUsed: number;
}

/** What became of a directory: `gone` means someone else was faster. */
type Removal =
  | { readonly kind: 'removed'; readonly bytesFreed: number }
  | { readonly kind: 'gone' }
  | { readonly kind: 'kept'; readonly why: string };

/**
 * All pool directories of this user directly in `root`, by name. Directories that are links, of
 * other users, or open to others are not listed: nobody asked us to judge them. Error: `file-error`
 * when `root` cannot be read.
 */
export async function findPools(root: string): Promise<FoundPool[]> {
  let names: string[];
  try {
    names = await readdir(root);
  } catch (cause) {
    throw fileError('look for pools in', root, cause);
  }
  const found: FoundPool[] = [];
  for (const name of names.sort()) {
    const parsed = parsePoolDirectoryName(name);
    if (parsed === null || parsed.uid !== ownUid()) continue;
    const directory = join(root, name);
    const stats = await lstat(directory).catch(() => null);
    if (stats === null || whyUntrusted(stats) !== null) continue;
    found.push(await look(directory));
  }
  return found;
}

/**
 * Those of {@link findPools} whose manager is surely dead, and whose journal, if they have one, is
 * gone.
 */
export async function findDeadPools(root: string): Promise<FoundPool[]> {
  return (await findPools(root)).filter((pool) => pool.state === 'dead' && !hasJournal(pool));
}

/**
 * Whether a manager can be started again on what a pool left: it takes the directory over with the
 * bytes in it (claimPoolDirectory).
 */
export function hasJournal({ owner }: FoundPool): boolean {
  if (owner === null || owner.data === null) return false;
  return existsSync(owner.data);
}

async function look(directory: string): Promise<FoundPool> {
  const parsed = parsePoolDirectoryName(basename(directory));
  assert(parsed !== null, 'only pool directories are looked at');
  const { poolId, phase } = parsed;
  const [found, bytesUsed] = await Promise.all([readOwner(directory), bytesOf(directory)]);
  if (found.kind === 'missing' && phase === 'removing') {
    const why = 'a cleaner was removing it';
    return { directory, poolId, owner: null, state: 'dead', why, bytesUsed };
  }
  if (found.kind !== 'owner') {
    const why = found.kind === 'missing' ? 'it has no owner.json' : found.why;
    return { directory, poolId, owner: null, state: 'unknown', why, bytesUsed };
  }
  const { owner } = found;
  const state = processAlive(owner);
  const why: Record<Liveness, string> = {
    alive: `its manager runs (pid ${owner.pid})`,
    dead: `its manager has ended (pid ${owner.pid})`,
    unknown: `its manager (pid ${owner.pid} on ${owner.hostname}) cannot be seen from here`,
  };
  return { directory, poolId, owner, state, why: why[state], bytesUsed };
}

async function bytesOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory).catch(() => [])) {
    const stats = await lstat(join(directory, name)).catch(() => null);
    if (stats?.isFile() === true) bytes += stats.blocks * 512;
  }
  return bytes;
}

/**
 * Removes the directory of a dead pool with all in it, following no link. Keeps, and says why, what
 * is alive, what cannot be told, and what is not ours. Any number of cleaners at once, a cleaner
 * beside a manager that starts, a cleaner killed half-way: harmless. Error: `file-error`.
 *
 * How: the kernel's lock (where there is one) shuts out a manager and other cleaners; then the
 * directory is renamed, which one of several can do; looked at once more; and removed. What a
 * killed cleaner leaves has a name that findDeadPools lists again.
 */
export async function removePool(directory: string, options: LibcChoice = {}): Promise<Removal> {
  const parsed = parsePoolDirectoryName(basename(directory));
  if (parsed === null) return { kind: 'kept', why: 'its name is not of a pool directory' };
  if (parsed.uid !== ownUid()) return { kind: 'kept', why: `it is named for user ${parsed.uid}` };
  const why = await whyKept(directory);
  if (why !== null) return why;

  let lock: Awaited<ReturnType<typeof lockPoolDirectory>>;
  try {
    lock = await lockPoolDirectory(directory, options);
  } catch (error) {
    if ((await lstat(directory).catch(() => null)) === null) return { kind: 'gone' };
    throw error;
  }
  if (lock === 'held') return { kind: 'kept', why: 'another process holds its lock' };
  try {
    return await removeRenamed(directory);
  } finally {
    if (typeof lock === 'object') await lock.release();
  }
}

async function removeRenamed(directory: string): Promise<Removal> {
  // Under the lock: the owner may have changed since the first look.
  const changed = await whyKept(directory);
  if (changed !== null) return changed;
  const bare = basename(directory).replace(/\..*$/, '');
  const doomed = join(dirname(directory), bare + phaseSuffix('removing'));
  try {
    await rename(directory, doomed);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return { kind: 'gone' };
    throw fileError('remove', directory, cause);
  }
  // Without flock a manager may have claimed it between the look and the renaming.
  const claimed = await whyKept(doomed);
  if (claimed?.kind === 'kept') {
    await rename(doomed, directory).catch((cause: unknown) => {
      throw fileError('give back', directory, cause);
    });
    return claimed;
  }
  const bytesFreed = await bytesOf(doomed);
  try {
    await rm(doomed, { recursive: true, force: true });
  } catch (cause) {
    throw fileError('remove', doomed, cause);
  }
  return { kind: 'removed', bytesFreed };
}

/** Null when the directory may be removed. */
async function whyKept(directory: string): Promise<Exclude<Removal, { kind: 'removed' }> | null> {
  let stats: Awaited<ReturnType<typeof lstat>>;
  try {
    stats = await lstat(directory);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return { kind: 'gone' };
    throw fileError('look at', directory, cause);
  }
  const untrusted = whyUntrusted(stats);
  if (untrusted !== null) return { kind: 'kept', why: untrusted };
  const pool = await look(directory);
  return pool.state === 'dead' ? null : { kind: 'kept', why: pool.why };
}
