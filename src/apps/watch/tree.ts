import { isUtf8 } from 'node:buffer';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { systemCode } from '../../core/system-errors.js';
import { STORE_FILE } from '../../levels/store/index.js';
import { Inotify, type Notice } from './inotify.js';

/** How often the kernel is asked. */
const LOOK_MS = 20;

/** Names of what is not meant to be seen, or not whole yet. */
const DRAFT = /^\.|~$|\.(?:tmp|temp|part|partial|swp|crdownload)$/u;

const ARRIVED: ReadonlySet<Notice['what']> = new Set(['written', 'moved here']);

/** What a tree tells of. */
interface Told {
  readonly onFile: (path: string) => void;
  /** Its name is no UTF-8: `path` has marks in the place of what is none. */
  readonly onUnreadable: (path: string) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * The files of a directory and of those within it, as they are closed or moved into place. Each
 * directory is watched before it is read, so that no file is missed between; one that is read while
 * somebody still writes to it is told again when it is closed.
 */
export class WatchedTree {
  readonly #root: string;
  readonly #inotify: Inotify;
  readonly #told: Told;
  /** By number: the path of each directory that is watched, within the root. */
  readonly #directories = new Map<number, string>();
  #timer: NodeJS.Timeout | null = null;

  private constructor(root: string, inotify: Inotify, told: Told) {
    this.#root = root;
    this.#inotify = inotify;
    this.#told = told;
  }

  /** Watches from now on; with `all` what is there is told first. */
  static async open(root: string, told: Told, all: boolean): Promise<WatchedTree> {
    const tree = new WatchedTree(root, await Inotify.open(), told);
    try {
      tree.#enter('', all);
      if (tree.#directories.size === 0) {
        const message = `Cannot watch "${root}": it is no directory`;
        throw new AttaccaError('file-error', message, { path: root });
      }
    } catch (error) {
      tree.close();
      throw error;
    }
    tree.#timer = setInterval(() => tree.look(), LOOK_MS);
    return tree;
  }

  /** Takes what the kernel has told. */
  look(): void {
    try {
      for (const notice of this.#inotify.read()) this.#take(notice);
    } catch (error) {
      this.#told.onFailure(error);
    }
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#inotify.close();
  }

  #take({ watch, name, what, isDirectory, isUnreadable }: Notice): void {
    if (what === 'dropped') {
      // What was told is not all: look at everything, and what is known already is known.
      this.#enter('', true);
      return;
    }
    const directory = this.#directories.get(watch);
    if (directory === undefined) return;
    if (what === 'over') {
      this.#directories.delete(watch);
      if (directory === '') throw gone(this.#root);
      return;
    }
    if (DRAFT.test(name)) return;
    const path = directory === '' ? name : `${directory}/${name}`;
    if (this.#isOfStore(path)) return;
    if (isUnreadable) {
      if (isDirectory ? what !== 'moved away' : ARRIVED.has(what)) this.#told.onUnreadable(path);
    } else if (!isDirectory) {
      if (ARRIVED.has(what)) this.#told.onFile(path);
    } else if (what === 'moved away') this.#leave(path);
    else this.#enter(path, true);
  }

  /** Watches a directory and those below; with `all` the files in them are told. */
  #enter(path: string, all: boolean): void {
    const full = join(this.#root, path);
    if (this.#isOfStore(`${path}/`)) return;
    const watch = this.#inotify.watch(full);
    if (watch === null) return;
    this.#directories.set(watch, path);
    for (const entry of this.#entries(full)) {
      const name = entry.name.toString();
      if (DRAFT.test(name)) continue;
      const below = path === '' ? name : `${path}/${name}`;
      if (!isUtf8(entry.name)) {
        if (all && (entry.isDirectory() || entry.isFile())) this.#told.onUnreadable(below);
      } else if (entry.isDirectory()) this.#enter(below, all);
      else if (all && entry.isFile()) this.#told.onFile(below);
    }
  }

  /** Whether a directory below the root, in which it is, is a store: what is in it is no output. */
  #isOfStore(path: string): boolean {
    for (let end = path.indexOf('/'); end > 0; end = path.indexOf('/', end + 1)) {
      if (existsSync(join(this.#root, path.slice(0, end), STORE_FILE))) return true;
    }
    return false;
  }

  #entries(path: string) {
    try {
      return readdirSync(path, { withFileTypes: true, encoding: 'buffer' });
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error))) return [];
      throw fileError('read', path, error);
    }
  }

  /** A directory was moved away, perhaps to where nobody looks: if it comes back it is entered. */
  #leave(path: string): void {
    for (const [watch, directory] of this.#directories) {
      if (directory !== path && !directory.startsWith(`${path}/`)) continue;
      this.#directories.delete(watch);
      this.#inotify.unwatch(watch);
    }
  }
}

function gone(path: string): AttaccaError {
  const fields = { path, system: 'ENOENT' };
  return new AttaccaError('file-error', `Cannot watch "${path}" any more: it is gone`, fields);
}
