import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, extname, resolve } from 'node:path';
import type { Attributes, Pool, PoolPromise, Subscription } from '../../client/index.js';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { quoted } from '../../core/selector/printer.js';
import { nearest } from '../../core/suggest.js';
import { systemCode } from '../../core/system-errors.js';
import { importFile } from '../../files/index.js';
import { type Libc, tryLoadLibc } from '../../levels/shm/index.js';
import {
  attributesOfFacts,
  type FileFacts,
  factsAt,
  factsOf,
  isOfFacts,
  isSameFile,
} from './file-facts.js';
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
const SETTLED_MS = 20;
/** How often it is asked whether another import of the same file has ended, and for how long. */
const IMPORTING_MS = 100;
const IMPORT_MS = 600_000;
const READ_BYTES = 16 * 1024 * 1024;

/**
 * Offers each file of a directory that is closed after it was written, or renamed into place, for
 * the pool to keep: so a program that writes files joins unchanged. One that is written again is
 * the next version. Objects have `file.path`, `file.size`, `file.mtime`, `file.ctime` and
 * `file.inode`, by which a later watch knows what the pool has already. Hidden files, drafts
 * (`.tmp`, `.part`, `~`, ...) and symbolic links are left out. Needs Linux: `library-unavailable`.
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

/** `bad-argument` of a placeholder that is not known: it would name all files alike. */
export function checkPattern(pattern: string): void {
  for (const [found, word = ''] of pattern.matchAll(/\{([^{}]*)\}/gu)) {
    if (PLACEHOLDERS.some((known) => known === word)) continue;
    const [meant] = nearest(word, PLACEHOLDERS);
    const mend = meant === undefined ? `of ${PLACEHOLDERS.join(', ')}` : `did you mean {${meant}}?`;
    const fields = { name: pattern };
    const message = `Cannot name objects "${pattern}": there is no ${found}; ${mend}`;
    throw new AttaccaError('bad-argument', message, fields);
  }
}

/** A file that was looked at, and is to be offered. */
interface Looked {
  readonly path: string;
  readonly full: string;
  readonly name: string;
  /** What the pool had under its name before; null: the import looks. */
  /** The version that is there before it; null: none, or files are imported. */
  readonly former: number | null;
  readonly file: FileHandle;
  readonly facts: FileFacts;
}

/** It is another one by now than it was when it was looked at. */
class HasChanged extends Error {}

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
        // Why there is nothing to watch is the one to tell.
        await promise?.close().catch(() => {});
        throw error;
      },
    );
    const line = await this.#pool.subscribe({ kinds: 'lost', select: 'false' });
    const ended = untilEnded(line).catch(onFailure);
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
      await line.close().catch(() => {});
      await ended;
      await promise?.close().catch((error: unknown) => {
        this.#failure ??= error;
      });
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
      const facts = await settled(file);
      // Who still writes to it closes it, too: then it is told again.
      if (!facts.isFile || this.#libc?.hasWriters(file.fd) === true) return;
      const name = this.#nameOf(path);
      // Before it is asked for: what another watch has offered by then is known.
      const former = this.#options.import === true ? null : await this.#versionOf(name);
      const names = (await this.#isKnown(full, name, facts))
        ? null
        : await this.#offerUnlessKnown({ path, full, name, former, file, facts });
      const bytes = facts.size;
      if (names === null) this.#tell({ path, names: [], bytes, outcome: 'unchanged', error: null });
      else this.#tell({ path, names, bytes, outcome: 'offered', error: null });
    } catch (error) {
      // It is looked at again: who writes to it now closes it, but not all that changes it is told.
      if (error instanceof HasChanged) this.#waiting.add(path);
      else this.#tell({ path, names: [], bytes: 0, outcome: 'failed', error });
    }
  }

  /** The version that the pool keeps of a name; null: none. */
  async #versionOf(name: string): Promise<number | null> {
    for await (const known of this.#pool.query(`name = ${quoted(name)}`, { detail: 'all' })) {
      const { scope, version } = known;
      return scope === 'pool' && typeof version === 'number' ? version : null;
    }
    return null;
  }

  /**
   * Whether the pool has objects of this file as it is, by the names that it has here: another
   * watch may make others of it. What is imported says `file`, a blob of that name does not.
   */
  async #isKnown(full: string, name: string, facts: FileFacts): Promise<boolean> {
    const isNamed = `name = ${quoted(name)}`;
    const isOne =
      this.#options.import === true
        ? `(${isNamed} or name prefix ${quoted(`${name}/`)}) and has file`
        : isNamed;
    const selector = `file.path = ${quoted(full)} and ${isOne}`;
    for await (const found of this.#pool.query(selector, { limit: 1, sort: '-file.ctime' })) {
      return isOfFacts(found.attributes, facts);
    }
    return false;
  }

  /** The names of its objects; null: another watch has just offered the very same file. */
  async #offerUnlessKnown(one: Looked): Promise<readonly string[] | null> {
    const { timeoutMs = IMPORT_MS } = this.#options;
    const until = performance.now() + timeoutMs;
    for (;;) {
      try {
        return this.#options.import === true ? await this.#import(one) : await this.#offer(one);
      } catch (error) {
        if (!(error instanceof AttaccaError)) throw error;
        // What was there has been withdrawn meanwhile.
        if (error.code === 'wrong-state') throw new HasChanged();
        if (error.code !== 'already-offered') throw error;
        if (await this.#isKnown(one.full, one.name, one.facts)) return null;
        // What another one imports is there when it has ended.
        if (error.fields['importing'] !== true || performance.now() > until) throw error;
        await new Promise((resolve) => setTimeout(resolve, IMPORTING_MS));
      }
    }
  }

  async #import({ full, name, facts }: Looked): Promise<readonly string[]> {
    const { timeoutMs } = this.#options;
    const attributes = this.#attributesOf(full, facts);
    const onRead = async (): Promise<void> => {
      if (!isSameFile(facts, await factsAt(full))) throw new HasChanged();
    };
    const how = { name, attributes, timeoutMs, replace: true, onRead };
    const { objects } = await importFile(this.#pool, full, how).catch(async (error: unknown) => {
      // What is no file of its kind may be half of one.
      await onRead();
      throw error;
    });
    return objects.map((object) => object.name);
  }

  async #offer({ full, name, former, file, facts }: Looked): Promise<readonly string[]> {
    const { timeoutMs } = this.#options;
    const { size } = facts;
    const space = { dtype: 'uint8', shape: [size] } as const;
    const attributes = this.#attributesOf(full, facts);
    const object = this.#pool.object(name, { space, attributes });
    try {
      if (size > 0) await object.allocate({ timeoutMs });
      const isWhole = await readInto(file, object.bytes);
      if (!isWhole || !isSameFile(facts, await factsOf(file))) throw new HasChanged();
      // A name that nobody has a handle on is forgotten, and its versions begin anew.
      await object.seal();
      // If another watch has offered a version meanwhile, it may be of the very same file.
      await object.offer({ keep: true, timeoutMs, replace: former ?? false });
      await object.dispose();
    } catch (error) {
      await object.dispose().catch(() => {});
      throw error;
    }
    return [name];
  }

  #attributesOf(full: string, facts: FileFacts): Attributes {
    return { ...this.#options.attributes, ...attributesOfFacts(full, facts) };
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

/** Throws when the pool has ended, or cannot be reached: nothing else comes to that one. */
async function untilEnded(line: Subscription): Promise<void> {
  while ((await line.wait()) !== null);
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

/**
 * What a file is, when so much time has passed since it changed that the next change has another
 * time: those of files stand still for as long as a tick of the kernel, 10 ms at most.
 */
async function settled(file: FileHandle): Promise<FileFacts> {
  for (;;) {
    const facts = await factsOf(file);
    const ageMs = Date.now() - Number(facts.ctimeNs / 1_000_000n);
    // The clock of another host may be ahead.
    if (ageMs >= SETTLED_MS || ageMs < 0) return facts;
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS - ageMs));
  }
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
