import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, unlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { systemCode } from '../../core/system-errors.js';
import { ownIdentity, type ProcessIdentity, processAlive } from '../process-identity.js';
import { fileError, refusedFile } from './file-errors.js';
import { tryLoadLibc } from './native.js';
import type { LibcChoice } from './slabs.js';

const OWNER_FILE = 'owner.json';
const LOCK_FILE = 'lock';
export const STAMP_FILE = 'stamp';
const KEPT_FILES = new Set([OWNER_FILE, LOCK_FILE, STAMP_FILE]);
const OWNER_BYTES_MAX = 64 * 1024;

/** Who a pool directory belongs to: what `owner.json` holds. */
export interface PoolOwner extends ProcessIdentity {
  readonly poolId: string;
  /** The workflow name, for humans. */
  readonly name: string;
  /** The directory of its journal: a manager that is started on it takes this one over. */
  readonly data: string | null;
}

/** What a directory is made for. */
export interface PoolNamed {
  readonly poolId: string;
  readonly name: string;
  readonly data?: string | null | undefined;
}

/** Effective user id: whose files are ours. */
export function ownUid(): number {
  const uid = process.geteuid?.();
  if (uid === undefined) throw new Error('Attacca runs where users have numbers');
  return uid;
}

/**
 * `attacca-<uid>-<poolid>`; while it is made or removed a suffix follows, which others ignore or
 * clean. Parts of the name, or null for a name that is not of this form.
 */
export function parsePoolDirectoryName(
  name: string,
): { uid: number; poolId: string; phase: 'whole' | 'new' | 'removing' } | null {
  const found = /^attacca-(\d{1,10})-([A-Za-z0-9_-]{1,64})(?:\.(new|removing)-[0-9a-f]{16})?$/.exec(
    name,
  );
  if (found === null) return null;
  const phase = found[3] === 'new' || found[3] === 'removing' ? found[3] : 'whole';
  return { uid: Number(found[1]), poolId: found[2] as string, phase };
}

export function poolDirectoryPath(root: string, poolId: string): string {
  const name = `attacca-${ownUid()}-${poolId}`;
  if (parsePoolDirectoryName(name)?.phase !== 'whole') {
    throw new RangeError(`Cannot name the directory of pool "${poolId}": A-Z a-z 0-9 _ - only`);
  }
  return join(root, name);
}

/** A fresh suffix: two who rename the same directory never choose the same name. */
export function phaseSuffix(phase: 'new' | 'removing'): string {
  return `.${phase}-${randomBytes(8).toString('hex')}`;
}

/** Why a directory may not be trusted, or null: ours, a real directory, closed to all others. */
export function whyUntrusted(stats: Stats): string | null {
  if (stats.isSymbolicLink()) return 'it is a symbolic link';
  if (!stats.isDirectory()) return 'it is not a directory';
  if (stats.uid !== ownUid()) return `it belongs to user ${stats.uid}`;
  if ((stats.mode & 0o077) !== 0) return `others may enter it (mode ${modeOf(stats)})`;
  return null;
}

const modeOf = (stats: Stats): string => (stats.mode & 0o777).toString(8).padStart(4, '0');

/** The kernel's lock on a pool directory: gone with the process, whatever its end. */
interface PoolLock {
  release(): Promise<void>;
}

/**
 * Takes the lock of a pool directory: of the directory itself, which nobody replaces while it is in
 * use, and of a file in it, as some file systems lock no directories. `held`: another process has
 * it. `unsupported`: no flock here (no koffi); owners are then told apart by owner.json alone.
 */
export async function lockPoolDirectory(
  directory: string,
  options: LibcChoice = {},
): Promise<PoolLock | 'held' | 'unsupported'> {
  const libc = options.libc === undefined ? await tryLoadLibc() : options.libc;
  if (libc === null) return 'unsupported';
  const path = join(directory, LOCK_FILE);
  const flags = constants.O_CREAT | constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handles: FileHandle[] = [];
  const release = async (): Promise<void> => {
    for (const handle of handles.splice(0)) await handle.close();
  };
  try {
    handles.push(await open(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    handles.push(await open(path, flags, 0o600));
  } catch (cause) {
    await release();
    throw fileError('lock', path, cause);
  }
  const outcomes = handles.map(({ fd }) => libc.lock(fd));
  if (!outcomes.includes('held') && outcomes.includes('taken')) return { release };
  await release();
  return 'held';
}

/** A pool directory of this process. The lock is held until `close`, `remove` or death. */
export class PoolDirectory {
  readonly path: string;
  readonly owner: PoolOwner;
  #lock: PoolLock | null;

  constructor(path: string, owner: PoolOwner, lock: PoolLock | null) {
    this.path = path;
    this.owner = owner;
    this.#lock = lock;
  }

  /** Gives the lock up and leaves the files, for the next manager of this pool. Idempotent. */
  async close(): Promise<void> {
    const lock = this.#lock;
    this.#lock = null;
    await lock?.release();
  }

  /**
   * A clean end of a pool that may be served again: removes all that takes memory, and leaves what
   * says whose it was, and how far its history went. Errors: `file-error`.
   */
  async clear(): Promise<void> {
    try {
      for (const name of await readdir(this.path)) {
        if (KEPT_FILES.has(name)) continue;
        await rm(join(this.path, name), { recursive: true, force: true });
      }
    } catch (cause) {
      throw fileError('clear', this.path, cause);
    }
    await this.close();
  }

  /** A clean end: removes the directory and all in it. Idempotent. Errors: `file-error`. */
  async remove(): Promise<void> {
    try {
      await rm(this.path, { recursive: true, force: true });
    } catch (cause) {
      throw fileError('remove', this.path, cause);
    }
    await this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Makes `attacca-<uid>-<poolid>` in `root`, mode 0700, with owner.json inside: whole or not at all.
 * Errors: `file-error` (it exists, `root` is missing or not writable), `shm-full`.
 */
export async function createPoolDirectory(
  root: string,
  pool: PoolNamed,
  options: LibcChoice = {},
): Promise<PoolDirectory> {
  const path = poolDirectoryPath(root, pool.poolId);
  const draft = path + phaseSuffix('new');
  const owner = ownerOf(pool);
  let lock: PoolLock | 'held' | 'unsupported' = 'unsupported';
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeOwner(draft, owner);
    // The lock belongs to the file, not to its path: it stays through the renaming.
    lock = await lockPoolDirectory(draft, options);
    await rename(draft, path);
  } catch (cause) {
    if (typeof lock === 'object') await lock.release();
    await rm(draft, { recursive: true, force: true }).catch(() => {});
    throw fileError('create', path, cause);
  }
  return new PoolDirectory(path, owner, typeof lock === 'object' ? lock : null);
}

/**
 * Takes over the directory that a dead manager of the same pool left, with its slabs, and writes
 * the caller into owner.json. Errors: `name-in-use` (its owner lives, may live, or someone removes
 * it now), `wrong-pool` (another pool's), `file-error` (missing, not trustworthy).
 */
export async function claimPoolDirectory(
  root: string,
  pool: PoolNamed,
  options: LibcChoice = {},
): Promise<PoolDirectory> {
  const path = poolDirectoryPath(root, pool.poolId);
  await mustBeTrusted(path);
  const lock = await lockPoolDirectory(path, options);
  if (lock === 'held') throw inUse(path, 'another process holds its lock');
  try {
    const before = await readOwner(path);
    if (before.kind !== 'owner') {
      const damaged = before.kind === 'missing' ? 'it has no owner.json' : before.why;
      throw refusedFile('take over', path, damaged);
    }
    if (before.owner.poolId !== pool.poolId) {
      throw new AttaccaError('wrong-pool', `Cannot take over "${path}": it is of another pool`, {
        path,
        poolId: before.owner.poolId,
      });
    }
    const { pid } = before.owner;
    const alive = processAlive(before.owner);
    if (alive === 'alive') throw inUse(path, `its manager runs (pid ${pid})`);
    if (alive === 'unknown') throw inUse(path, `its manager (pid ${pid}) may run elsewhere`);
    const owner = ownerOf(pool);
    await takeOver(path, owner);
    return new PoolDirectory(path, owner, typeof lock === 'object' ? lock : null);
  } catch (cause) {
    if (typeof lock === 'object') await lock.release();
    throw fileError('take over', path, cause);
  }
}

function ownerOf({ poolId, name, data }: PoolNamed): PoolOwner {
  return { poolId, name, data: data ?? null, ...ownIdentity() };
}

function inUse(path: string, why: string): AttaccaError {
  return new AttaccaError('name-in-use', `Cannot take over "${path}": ${why}`, { path });
}

async function mustBeTrusted(path: string): Promise<void> {
  let stats: Stats;
  try {
    stats = await lstat(path);
  } catch (cause) {
    throw fileError('take over', path, cause);
  }
  const why = whyUntrusted(stats);
  if (why !== null) throw refusedFile('take over', path, why);
}

/**
 * Replaces owner.json. Where its disk is full, as slabs may fill it to the last byte, in place: by
 * one write into the block that it has, as JSON may end with spaces.
 */
async function takeOver(directory: string, owner: PoolOwner): Promise<void> {
  try {
    await writeOwner(directory, owner);
  } catch (cause) {
    if (systemCode(cause) !== 'ENOSPC') throw cause;
    const flags = constants.O_RDWR | constants.O_NOFOLLOW;
    const handle = await open(join(directory, OWNER_FILE), flags);
    try {
      const { size } = await handle.stat();
      const text = `${JSON.stringify(owner)}\n`.padEnd(size, ' ');
      await handle.write(text, 0);
    } finally {
      await handle.close();
    }
  }
}

/** Replaces owner.json in one step, mode 0600. When it cannot, nothing is left of it. */
async function writeOwner(directory: string, owner: PoolOwner): Promise<void> {
  const draft = join(directory, `${OWNER_FILE}.${randomBytes(8).toString('hex')}`);
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY;
  const handle = await open(draft, flags, 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(owner, null, 2)}\n`);
    await rename(draft, join(directory, OWNER_FILE));
  } catch (cause) {
    await unlink(draft).catch(() => {});
    throw cause;
  } finally {
    await handle.close();
  }
}

type OwnerFound =
  | { readonly kind: 'owner'; readonly owner: PoolOwner }
  | { readonly kind: 'missing' }
  | { readonly kind: 'bad'; readonly why: string };

/** Reads owner.json without following links. Never throws: a bad file is an answer. */
export async function readOwner(directory: string): Promise<OwnerFound> {
  const path = join(directory, OWNER_FILE);
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return { kind: 'missing' };
    return { kind: 'bad', why: `${basename(path)} cannot be opened (${systemCode(cause)})` };
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.uid !== ownUid() || stats.size > OWNER_BYTES_MAX) {
      return { kind: 'bad', why: `${OWNER_FILE} is not a small file of this user` };
    }
    const owner = asOwner(JSON.parse(await handle.readFile('utf8')));
    return owner === null
      ? { kind: 'bad', why: `${OWNER_FILE} lacks a field` }
      : { kind: 'owner', owner };
  } catch {
    return { kind: 'bad', why: `${OWNER_FILE} does not parse` };
  } finally {
    await handle.close();
  }
}

const isTextOrNull = (value: unknown): value is string | null =>
  value === null || typeof value === 'string';

function asOwner(value: unknown): PoolOwner | null {
  if (typeof value !== 'object' || value === null) return null;
  const from: Partial<Record<keyof PoolOwner, unknown>> = value;
  const { poolId, name, data = null, pid, startTime, bootId, pidNamespace, hostname } = from;
  if (typeof poolId !== 'string' || typeof name !== 'string') return null;
  if (typeof pid !== 'number' || !Number.isInteger(pid) || pid < 1) return null;
  if (!isTextOrNull(startTime) || !isTextOrNull(bootId) || !isTextOrNull(pidNamespace)) return null;
  if (typeof hostname !== 'string' || !isTextOrNull(data)) return null;
  return { poolId, name, data, pid, startTime, bootId, pidNamespace, hostname };
}
