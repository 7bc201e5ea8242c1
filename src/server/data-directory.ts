import { dirname, join, resolve } from 'node:path';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { makeDirectory } from '../levels/make-directory.js';
import { lockPoolDirectory } from '../levels/shm/index.js';
import { LINK_LIMITS } from '../transport/index.js';
import { directoryInUse } from './holder.js';
import { NodeDisk } from './node-disk.js';
import { makePrivateDirectory } from './place.js';
import { readPlainFile } from './plain-file.js';
import { makeToken, readSecretToken, tokenLine, writeSecretFile } from './secrets.js';

const KEY_FILE = 'session-key';
const KEY_BYTES = 32;
/** The longest token, and the end of its line. */
const SECRET_BYTES_MAX = LINK_LIMITS.tokenBytesMax + 1;
const TOKEN_FILE = 'token';

/** Where a pool is kept: its journal, and what makes its secrets. One manager has it at a time. */
export class DataDirectory {
  readonly path: string;
  readonly disk: NodeDisk;
  readonly #log: (line: string) => void;
  readonly #release: () => Promise<void>;

  private constructor(path: string, log: (line: string) => void, release: () => Promise<void>) {
    this.path = path;
    this.disk = new NodeDisk(path);
    this.#log = log;
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
      return new DataDirectory(path, log, async () => {});
    }
    return new DataDirectory(path, log, () => lock.release());
  }

  /** The key of session secrets: who has one takes up a session again. Null: there is none. */
  async sessionKey(): Promise<Uint8Array | null> {
    const path = join(this.path, KEY_FILE);
    const found = readPlainFile(path, SECRET_BYTES_MAX);
    if (found === null || found.length === KEY_BYTES) return found;
    throw new AttaccaError('file-error', `Cannot use "${path}": it is no key of ours`, { path });
  }

  /** Keeps a key, durably: from then on no secret of another one is good. */
  async keepSessionKey(key: Uint8Array): Promise<void> {
    await this.#keep(join(this.path, KEY_FILE), key);
  }

  /**
   * The token that opens the pool, the same for each manager. A file of nothing, or of zeros, is
   * what a loss of power leaves of one that was not synced: nobody has a token of it.
   */
  async token(): Promise<string> {
    const path = join(this.path, TOKEN_FILE);
    const found = readPlainFile(path, SECRET_BYTES_MAX);
    if (found?.some((byte) => byte !== 0) === true) return readSecretToken(path);
    const token = makeToken();
    await this.#keep(path, tokenLine(token));
    if (found !== null) this.#log(`WARNING: "${path}" was empty: the pool has a new token`);
    return token;
  }

  /** Writes a secret, durably, its name too. */
  async #keep(path: string, secret: string | Uint8Array): Promise<void> {
    try {
      await writeSecretFile(path, secret);
    } catch (cause) {
      throw cannotKeep(path, cause);
    }
    await this.disk.syncDirectory();
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
    first = await makeDirectory(parent, { mode: 0o700 });
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

/** A file that a new pool begins with could not be made. */
function cannotKeep(path: string, cause: unknown): AttaccaError {
  const system = systemCode(cause);
  const code = system === 'ENOSPC' || system === 'EDQUOT' ? 'disk-full' : 'file-error';
  const text = `Cannot keep a pool, as "${path}" cannot be made: ${whyFailed(cause)}`;
  return new AttaccaError(code, text, { path, system }, { cause });
}
