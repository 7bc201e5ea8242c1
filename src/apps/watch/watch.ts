import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import { type Attributes, type Pool, type PoolPromise, Timestamp } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { nearest } from '../../core/suggest.js';
import { systemCode } from '../../core/system-errors.js';
import { importFile } from '../../files/index.js';
import { type Libc, tryLoadLibc } from '../../levels/shm/index.js';
import { WatchedTree } from './tree.js';

/** What {@link watch} is told. */
export interface WatchOptions {
  /** `start`: with what is there already, unless the pool has it as it is. Default `now`. */
  readonly from?: 'now' | 'start' | undefined;
  /** Whether files are imported (attacca/files), and not offered as they are. */
  readonly import?: boolean | undefined;
  /** Which files, by their path within the directory; left out: all. */
  readonly accepts?: ((path: string) => boolean) | undefined;
  /**
   * Names an object: `{path}` within the directory, `{dir}`, `{file}`, `{stem}`, `{ext}`. Default
   * `{path}`; of imports `{stem}`.
   */
  readonly name?: string | undefined;
  /** What all objects have besides. */
  readonly attributes?: Attributes | undefined;
  /** Globs of names that it promises until it ends. */
  readonly promise?: readonly string[] | undefined;
  /** Ends after so many files. */
  readonly count?: number | undefined;
  /** How long one file may wait for memory. */
  readonly timeoutMs?: number | undefined;
  /** Takes no more; what was closed by then is still offered. */
  readonly signal?: AbortSignal | undefined;
  readonly onReady?: (() => void) | undefined;
  readonly onFile?: ((file: WatchedFile) => void) | undefined;
}

/** What became of a file. */
export interface WatchedFile {
  readonly path: string;
  /** The objects that it is now. */
  readonly names: readonly string[];
  readonly bytes: number;
  readonly outcome: 'offered' | 'unchanged' | 'failed';
  readonly error: unknown;
}

/** How it went. */
export interface WatchSummary {
  readonly offered: number;
  readonly unchanged: number;
  readonly failed: number;
}

/** So many files are read at a time. */
const AT_ONCE = 8;
const READ_BYTES = 16 * 1024 * 1024;

/**
 * Offers each file of a directory that is closed after it was written, or renamed into place, for
 * the pool to keep: so a program that writes files joins unchanged. One that is written again is
 * the next version. Objects have `file.path`, `file.size` and `file.mtime`, by which a later watch
 * knows what the pool has already. Hidden files, drafts (`.tmp`, `.part`, `~`, ...) and symbolic
 * links are left out. Needs Linux: `library-unavailable`.
 *
 * ```ts
 * await watch(pool, 'out', { from: 'start', signal });
 * ```
 */
export async function watch(
  pool: Pool,
  directory: string,
  options: WatchOptions = {},
): Promise<WatchSummary> {
  checkPattern(options.name ?? '');
  const root = resolve(directory);
  const libc = await tryLoadLibc();
  const promised = options.promise ?? [];
  const promise = promised.length === 0 ? null : await pool.promise(...promised);
  return await new Watcher(pool, root, libc, options).run(promise);
}

const PLACEHOLDERS = ['path', 'dir', 'file', 'stem', 'ext'] as const;

/** One that is not known would name all files alike. */
function checkPattern(pattern: string): void {
  for (const [found, word = ''] of pattern.matchAll(/\{([^{}]*)\}/gu)) {
    if (PLACEHOLDERS.some((known) => known === word)) continue;
    const [meant] = nearest(word, PLACEHOLDERS);
    const mend = meant === undefined ? `of ${PLACEHOLDERS.join(', ')}` : `did you mean {${meant}}?`;
    const fields = { name: pattern };
    const message = `Cannot name objects "${pattern}": there is no ${found}; ${mend}`;
    throw new AttaccaError('bad-argument', message, fields);
  }
}

class Watcher {
  readonly #pool: Pool;
  readonly #root: string;
  readonly #libc: Libc | null;
  readonly #options: WatchOptions;
  /** Paths that are to be looked at, each once; and those that are being looked at. */
  readonly #waiting = new Set<string>();
  readonly #active = new Set<string>();
  readonly #counts = { offered: 0, unchanged: 0, failed: 0 };
  #isOver = false;
  #failure: unknown = null;
  #wake: () => void = () => {};

  constructor(pool: Pool, root: string, libc: Libc | null, options: WatchOptions) {
    this.#pool = pool;
    this.#root = root;
    this.#libc = libc;
    this.#options = options;
  }

  async run(promise: PoolPromise | null): Promise<WatchSummary> {
    const { signal, from = 'now', accepts, onReady } = this.#options;
    const over = new Promise<void>((wake) => {
      this.#wake = wake;
    });
    const onFile = (path: string): void => {
      if (accepts !== undefined && !accepts(path)) return;
      this.#waiting.add(path);
      this.#advance();
    };
    const onUnreadable = (path: string): void => {
      if (accepts !== undefined && !accepts(path)) return;
      const message = `Cannot offer "${path}": its name is no UTF-8`;
      const error = new AttaccaError('file-error', message, { path });
      this.#tell({ path, names: [], bytes: 0, outcome: 'failed', error });
    };
    const onFailure = (error: unknown): void => {
      this.#failure ??= error;
      this.#end();
    };
    const told = { onFile, onUnreadable, onFailure };
    const tree = await WatchedTree.open(this.#root, told, from === 'start').catch(
      async (error: unknown) => {
        await promise?.close();
        throw error;
      },
    );
    const stop = (): void => {
      tree.look();
      this.#end();
    };
    try {
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
      onReady?.();
      await over;
    } finally {
      signal?.removeEventListener('abort', stop);
      tree.close();
      await promise?.close();
    }
    if (this.#failure !== null) throw this.#failure;
    return { ...this.#counts };
  }

  /** No more is taken: it is over when what waits is done. */
  #end(): void {
    this.#isOver = true;
    this.#advance();
  }

  #advance(): void {
    const { count = Number.POSITIVE_INFINITY } = this.#options;
    for (const path of this.#waiting) {
      const isFull = this.#active.size >= AT_ONCE;
      if (isFull || this.#counts.offered + this.#active.size >= count) break;
      // One that was closed again meanwhile is looked at behind the former.
      if (this.#active.has(path)) continue;
      this.#waiting.delete(path);
      this.#active.add(path);
      void this.#look(path).finally(() => {
        this.#active.delete(path);
        this.#advance();
      });
    }
    const isEnough = this.#counts.offered >= count;
    const isDone = this.#isOver && (this.#waiting.size === 0 || this.#failure !== null);
    if (this.#active.size === 0 && (isEnough || isDone)) this.#wake();
  }

  async #look(path: string): Promise<void> {
    const full = `${this.#root}/${path}`;
    try {
      await using file = await openFile(full);
      if (file === null) return;
      const { size, mtimeNs, isFile } = await factsOf(file);
      // Who still writes to it closes it, too: then it is told again.
      if (!isFile || this.#libc?.hasWriters(file.fd) === true) return;
      const attributes: Attributes = {
        ...this.#options.attributes,
        ...{ 'file.path': full, 'file.size': size, 'file.mtime': new Timestamp(mtimeNs) },
      };
      const isKnown = await this.#isKnown(attributes);
      if (isKnown) this.#tell({ path, names: [], bytes: size, outcome: 'unchanged', error: null });
      else await this.#offer(path, file, size, attributes);
    } catch (error) {
      this.#tell({ path, names: [], bytes: 0, outcome: 'failed', error });
    }
  }

  /** Whether the pool has objects of this file as it is. */
  async #isKnown(attributes: Attributes): Promise<boolean> {
    const selector = `file.path = ${JSON.stringify(attributes['file.path'])}`;
    for await (const found of this.#pool.query(selector, { limit: 1, sort: '-file.mtime' })) {
      const known = found.attributes['file.mtime'];
      const time = attributes['file.mtime'];
      const isSame =
        known instanceof Timestamp &&
        time instanceof Timestamp &&
        known.nanoseconds === time.nanoseconds;
      return isSame && found.attributes['file.size'] === attributes['file.size'];
    }
    return false;
  }

  async #offer(
    path: string,
    file: FileHandle,
    size: number,
    attributes: Attributes,
  ): Promise<void> {
    const { timeoutMs } = this.#options;
    const name = this.#nameOf(path);
    if (this.#options.import === true) {
      const how = { name, attributes, timeoutMs, replace: true };
      const { objects } = await importFile(this.#pool, `${this.#root}/${path}`, how);
      const names = objects.map((object) => object.name);
      this.#tell({ path, names, bytes: size, outcome: 'offered', error: null });
      return;
    }
    const space = { dtype: 'uint8', shape: [size] } as const;
    const object = this.#pool.object(name, { space, attributes });
    try {
      if (size > 0) await object.allocate({ timeoutMs });
      const isWhole = await readInto(file, object.bytes);
      const after = await factsOf(file);
      const time = attributes['file.mtime'];
      const isSame = time instanceof Timestamp && after.mtimeNs === time.nanoseconds;
      // It was written to meanwhile: who did closes it.
      if (!isWhole || !isSame || after.size !== size) {
        await object.dispose();
        return;
      }
      // A name that nobody has a handle on is forgotten, and its versions begin anew.
      await object.seal();
      await this.#withdraw(name);
      await object.offer({ keep: true, timeoutMs });
      await object.dispose();
    } catch (error) {
      await object.dispose().catch(() => {});
      throw error;
    }
    this.#tell({ path, names: [name], bytes: size, outcome: 'offered', error: null });
  }

  /** Ends the version before, if there is one. */
  async #withdraw(name: string): Promise<void> {
    try {
      const { scope } = await this.#pool.stat(name);
      if (scope === 'pool') await this.#pool.unkeep(name);
    } catch (error) {
      if (!(error instanceof AttaccaError && error.code === 'unknown-object')) throw error;
    }
  }

  #nameOf(path: string): string {
    const { name = this.#options.import === true ? '{stem}' : '{path}' } = this.#options;
    const ext = extname(path);
    const dir = dirname(path);
    const texts: { readonly [key: string]: string } = {
      ...{ path, dir: dir === '.' ? '' : dir, file: basename(path), ext: ext.slice(1) },
      stem: basename(path, ext),
    };
    return name.replace(/\{(path|dir|file|ext|stem)\}/gu, (_, key: string) => texts[key] ?? '');
  }

  #tell(file: WatchedFile): void {
    this.#counts[file.outcome]++;
    this.#options.onFile?.(file);
  }
}

/** Null when it is gone, or a symbolic link. */
async function openFile(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO'].includes(systemCode(error))) return null;
    throw fileError('read', path, error);
  }
}

async function factsOf(file: FileHandle) {
  const stats = await file.stat({ bigint: true });
  return { size: Number(stats.size), mtimeNs: stats.mtimeNs, isFile: stats.isFile() };
}

/** Whether there were so many bytes. */
async function readInto(file: FileHandle, bytes: Uint8Array): Promise<boolean> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(READ_BYTES, bytes.length - at), at);
    if (bytesRead === 0) return false;
    at += bytesRead;
  }
  return true;
}
