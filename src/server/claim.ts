import { randomInt } from 'node:crypto';
import { link, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import {
  checkSocketPath,
  connect,
  formatAddress,
  type ListenOptions,
  listen,
} from '../transport/index.js';

/** How often the name may be taken away under our hands by others that start at the same time. */
const ATTEMPTS_MAX = 16;
const LOCK_FILE = '.lock';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

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

/** Removes a name if it is still that of the file we made: a later server may have it by now. */
async function unlinkOwn(path: string, file: { ino: number; dev: number }): Promise<void> {
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
    if (codeOf(error) === 'ENOENT') return;
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
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    if (await isSocketAlive(lock)) throw inUse(path);
    await clearStale(path, lock);
  }
  throw inUse(path);
}

/**
 * Listens on a Unix socket in a directory that a living server has alone. Whether it lives is
 * asked of the kernel: its socket answers under the name `.lock` from its first moment to its
 * death. Clients find it under the name in `path` once it is published; what a dead server left
 * there is replaced. Errors: `name-in-use`, and those of `listen`.
 */
export async function claimSocket(path: string, options: ListenOptions): Promise<Claim> {
  checkSocketPath(path);
  const draft = join(dirname(path), draftName());
  const lock = join(dirname(path), LOCK_FILE);
  const none = { token: null, tokenFile: null };
  const listener = await listen({ kind: 'unix', path: draft, ...none }, options);
  try {
    await takeLock(path, draft, lock);
    const file = await stat(lock);
    return {
      async publish() {
        await link(lock, draft);
        await rename(draft, path);
      },
      async close() {
        await listener.close();
        await unlinkOwn(path, file);
        await unlinkOwn(lock, file);
      },
    };
  } catch (cause) {
    await listener.close();
    await unlink(draft).catch(() => {});
    if (cause instanceof AttaccaError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttaccaError(
      'file-error',
      `Cannot serve on "${formatAddress({ kind: 'unix', path })}": ${why}`,
      { path, system: codeOf(cause) },
      { cause },
    );
  }
}
