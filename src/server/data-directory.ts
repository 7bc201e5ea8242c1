import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { lockPoolDirectory } from '../levels/shm/index.js';
import { directoryInUse } from './holder.js';
import { NodeDisk } from './node-disk.js';
import { makePrivateDirectory } from './place.js';
import { makeToken, readSecretToken, writeTokenFile } from './secrets.js';

const KEY_FILE = 'session-key';
const KEY_BYTES = 32;
const TOKEN_FILE = 'token';

/** Where a pool is kept: its journal, and what makes its secrets. One manager has it at a time. */
export class DataDirectory {
  readonly path: string;
  readonly disk: NodeDisk;
  readonly #release: () => Promise<void>;

  private constructor(path: string, release: () => Promise<void>) {
    this.path = path;
    this.disk = new NodeDisk(path);
    this.#release = release;
  }

  /**
   * Opens a directory that only its user may enter, or makes it, with those that it lies in.
   * Errors: `name-in-use` when a manager that lives has it (who shares memory in `shmDirectory`, as
   * the caller will), `bad-argument` (no path at all), `file-error`.
   */
  static async open(
    given: string,
    shmDirectory: string | undefined,
    log: (line: string) => void,
  ): Promise<DataDirectory> {
    if (given === '') refuse('bad-argument', 'Cannot keep a pool in "": name a directory');
    const path = resolve(given);
    await makeDurably(path);
    const lock = await lockPoolDirectory(path);
    if (lock === 'held') throw await directoryInUse(path, shmDirectory);
    if (lock === 'unsupported') {
      log(`WARNING: nothing keeps a second manager out of "${path}": this system has no locks`);
      return new DataDirectory(path, async () => {});
    }
    return new DataDirectory(path, () => lock.release());
  }

  /**
   * The key of session secrets: a client that takes its session up again must be believed. `isNew`:
   * nobody is.
   */
  async sessionKey(isNew: boolean): Promise<Uint8Array> {
    const path = join(this.path, KEY_FILE);
    const found = isNew ? null : await readSmall(path);
    if (found !== null) {
      if (found.length === KEY_BYTES) return found;
      throw new AttaccaError('file-error', `Cannot use "${path}": it is no key of ours`, { path });
    }
    const key = randomBytes(KEY_BYTES);
    // A name that each draft has: what a crash leaves of one the next replaces.
    const draft = `${path}.new`;
    try {
      await rm(draft, { force: true });
      await writeAll(await open(draft, 'wx', 0o600), key);
      await rename(draft, path);
    } catch (cause) {
      await rm(draft, { force: true }).catch(() => {});
      throw cannotKeep(path, cause);
    }
    await this.disk.syncDirectory();
    return key;
  }

  /** The token that opens the pool, the same for each manager. */
  async token(): Promise<string> {
    const path = join(this.path, TOKEN_FILE);
    if ((await readSmall(path)) !== null) return readSecretToken(path);
    const token = makeToken();
    try {
      await writeTokenFile(path, token);
    } catch (cause) {
      throw cannotKeep(path, cause);
    }
    await this.disk.syncDirectory();
    return token;
  }

  /** Lets another manager have it. Idempotent. */
  async close(): Promise<void> {
    await this.disk.close();
    await this.#release();
  }
}

/**
 * Makes a directory for what outlives a loss of power: the names of all that are new are on the
 * disk, too.
 */
async function makeDurably(path: string): Promise<void> {
  const parent = dirname(path);
  let first: string | undefined;
  try {
    first = await mkdir(parent, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new AttaccaError(
      'file-error',
      `Cannot make the directory "${path}": ${whyFailed(cause)}`,
      { path, system: systemCode(cause) },
      { cause },
    );
  }
  if ((await makePrivateDirectory(path)) === 'found') return;
  const top = first === undefined ? parent : dirname(first);
  for (let at = parent; ; at = dirname(at)) {
    await syncNames(at);
    if (at === top) return;
  }
}

/** One that we may write to and not read cannot be synced by us. */
async function syncNames(directory: string): Promise<void> {
  const disk = new NodeDisk(directory);
  try {
    await disk.syncDirectory();
  } catch (error) {
    if (!(error instanceof AttaccaError && error.fields['system'] === 'EACCES')) throw error;
  } finally {
    await disk.close();
  }
}

async function readSmall(path: string): Promise<Uint8Array | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return null;
    const why = whyFailed(cause);
    throw new AttaccaError('file-error', `Cannot read "${path}": ${why}`, { path }, { cause });
  }
  try {
    const bytes = new Uint8Array(1_024);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } catch (cause) {
    const why = whyFailed(cause);
    throw new AttaccaError('file-error', `Cannot read "${path}": ${why}`, { path }, { cause });
  } finally {
    await handle.close();
  }
}

/** A file that a new pool begins with could not be made. */
function cannotKeep(path: string, cause: unknown): AttaccaError {
  const system = systemCode(cause);
  const code = system === 'ENOSPC' || system === 'EDQUOT' ? 'disk-full' : 'file-error';
  const text = `Cannot keep a pool, as "${path}" cannot be made: ${whyFailed(cause)}`;
  return new AttaccaError(code, text, { path, system }, { cause });
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}
