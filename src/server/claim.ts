import { randomInt } from 'node:crypto';
import { link, lstat, readdir, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import {
  checkSocketPath,
  connect,
  formatAddress,
  type ListenOptions,
  listen,
} from '../transport/index.js';
import { isSocketThere } from './leftovers.js';

/** How often the name may be taken away under our hands by others that start at the same time. */
const ATTEMPTS_MAX = 16;
const LOCK_FILE = '.lock';

const DRAFT = /^\.[0-9a-z]{5}$/u;

/** Of the length of `socket`, so that it fits where that fits. */
function draftName(): string {
  return `.${randomInt(36 ** 5)
    .toString(36)
    .padStart(5, '0')}`;
}

/** Whether somebody listens on a Unix socket; what may not be asked counts as living. */
export async function isSocketAlive(path: string): Promise<boolean> {
  try {
    const probe = await connect({ kind: 'unix', path, token: null, tokenFile: null });
    probe.destroy();
    return true;
  } catch (error) {
    const { system } = error instanceof AttaccaError ? error.fields : {};
    return system !== 'ECONNREFUSED' && system !== 'ENOENT' && system !== 'ENOTSOCK';
  }
}

function inUse(path: string): AttaccaError {
  const address = formatAddress({ kind: 'unix', path });
  return new AttaccaError(
    'name-in-use',
    `Cannot serve on "${address}": a living pool is there; stop it or choose another name`,
    { address },
  );
}

/** A name that this process alone serves under. */
interface Claim {
  /** Gives the socket its name: from now on clients find it. */
  publish(): Promise<void>;
  /** Listens no more and gives the name up. Idempotent. */
  close(): Promise<void>;
}

/** Whether a dead server's socket is there; refuses one that answers, and what is no socket. */
export async function findStaleSocket(path: string): Promise<boolean> {
  if (!(await isSocketThere(path))) return false;
  if (await isSocketAlive(path)) throw inUse(path);
  return true;
}

/** Removes a name if it is still that of the file we made: a later server may have it by now. */
export async function unlinkOwn(path: string, file: { ino: number; dev: number }): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.ino === file.ino && found.dev === file.dev) await unlink(path).catch(() => {});
}

/**
 * Takes the name of a dead server away. Of several that start at once one renames it; if that was a
 * living one's, which was quicker, it gets its name back and we stand aside.
 */
async function clearStale(path: string, lock: string): Promise<void> {
  const aside = join(dirname(lock), draftName());
  try {
    await rename(lock, aside);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw error;
  }
  const alive = await isSocketAlive(aside);
  if (alive) await link(aside, lock).catch(() => {});
  await unlink(aside).catch(() => {});
  if (alive) throw inUse(path);
}

/** Links a draft's name to the lock's, which one process can do at a time. */
async function takeLock(path: string, draft: string, lock: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      await link(draft, lock);
      await unlink(draft);
      return;
    } catch (error) {
      // Who was quicker has swept ours away.
      if (systemCode(error) === 'ENOENT') throw inUse(path);
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    if (!(await isSocketThere(lock))) continue;
    if (await isSocketAlive(lock)) throw inUse(path);
    await clearStale(path, lock);
  }
  throw inUse(path);
}

/** Removes the drafts of servers that were killed while they started: who has the lock is alone. */
async function sweepDrafts(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!DRAFT.test(name)) continue;
    const path = join(directory, name);
    const isSocket = (await lstat(path).catch(() => null))?.isSocket() === true;
    if (isSocket && !(await isSocketAlive(path))) await unlink(path).catch(() => {});
  }
}

/**
 * Listens on a Unix socket in a directory that a living server has alone. Whether it lives is
 * asked of the kernel: its socket answers under the name `.lock` from its first moment to its
 * death. Clients find it under the name in `path` once it is published; the socket that a dead
 * server left there is replaced, and nothing else. Errors: `name-in-use`, `file-error` and those of
 * `listen`.
 */
export async function claimSocket(path: string, options: ListenOptions): Promise<Claim> {
  checkSocketPath(path);
  try {
    await isSocketThere(path);
    return await claim(path, options);
  } catch (cause) {
    if (cause instanceof AttaccaError) throw cause;
    throw new AttaccaError(
      'file-error',
      `Cannot serve on "${formatAddress({ kind: 'unix', path })}": ${whyFailed(cause)}`,
      { path, system: systemCode(cause) },
      { cause },
    );
  }
}

async function claim(path: string, options: ListenOptions): Promise<Claim> {
  const draft = join(dirname(path), draftName());
  const lock = join(dirname(path), LOCK_FILE);
  const none = { token: null, tokenFile: null };
  const listener = await listen({ kind: 'unix', path: draft, ...none }, options);
  try {
    await takeLock(path, draft, lock);
  } catch (error) {
    await listener.close();
    await unlink(draft).catch(() => {});
    throw error;
  }
  await sweepDrafts(dirname(path));
  const file = await stat(lock);
  const close = async (): Promise<void> => {
    await listener.close();
    await unlinkOwn(path, file);
    await unlinkOwn(lock, file);
  };
  try {
    await findStaleSocket(path);
  } catch (error) {
    await close();
    throw error;
  }
  return { publish: () => publish(path, draft, lock), close };
}

async function publish(path: string, draft: string, lock: string): Promise<void> {
  // A name that is free is taken without replacing what somebody puts there at this moment.
  if (!(await findStaleSocket(path))) return await link(lock, path);
  await link(lock, draft);
  await rename(draft, path);
}
