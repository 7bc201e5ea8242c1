import { constants, read } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  stat,
  statfs,
  truncate,
} from 'node:fs/promises';
import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { systemCode, whyFailed } from '../../core/system-errors.js';
import type { Libc } from '../shm/index.js';
import type { StoreDisk, StoreFile } from './store-disk.js';

/** Files that stay open, those touched last: packs are read in any order. */
const FILES_OPEN_MAX = 64;
const WRITE_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
/** Past the page cache; systems without that have no such flag. */
const PAST_FLAGS = constants.O_WRONLY | constants.O_NOFOLLOW | (constants.O_DIRECT ?? 0);
/** What memory, places in files and sizes are multiples of there. */
const ALIGNED_BYTES = 4096;
/** Smaller ones gain less than the file costs that is opened for them. */
const PAST_BYTES_MIN = 256 * 1024;
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;
/** Larger reads gain more by a thread of their own than they lose by going there. */
const NOW_BYTES_MAX = 64 * 1024;
/** Reads at once that follow one another: then timers and sockets have their turn. */
const NOW_READS_MAX = 64;
/** What the system refuses because of who asks. */
const DENIED: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS']);

interface OpenFile {
  readonly handle: FileHandle;
  readonly isWritable: boolean;
  uses: number;
  /** Nobody is to find it any more: its last user closes it. */
  isOver: boolean;
}

/** A store's directory in a file system. */
export class NodeStoreDisk implements StoreDisk {
  readonly #directory: string;
  readonly #files = new Map<string, OpenFile>();
  /** Which directory that is; null before it was looked at. */
  #root: { readonly device: number; readonly inode: number } | null = null;

  #canWritePast = constants.O_DIRECT !== undefined;
  readonly #readCached: Libc['readCached'];
  readonly #scratch: Uint8Array;
  #readsNow = 0;

  /** `libc`: with it what is in the page cache is read at once. */
  constructor(directory: string, libc: Libc | null = null) {
    this.#directory = directory;
    this.#readCached = libc?.readCached ?? null;
    this.#scratch = new Uint8Array(this.#readCached === null ? 0 : NOW_BYTES_MAX);
  }

  async list(folder: string): Promise<readonly StoreFile[]> {
    return await this.#attempt('list', folder, async () => {
      const found = await readdir(this.#path(folder), { withFileTypes: true }).catch(noneOf);
      const files: StoreFile[] = [];
      for (const entry of found ?? []) {
        const isFolder = entry.isDirectory();
        if (!isFolder && !entry.isFile()) continue;
        const path = join(this.#path(folder), entry.name);
        const size = isFolder ? 0 : (await stat(path).catch(noneOf))?.size;
        if (size !== undefined) files.push({ name: entry.name, size, isFolder });
      }
      return files;
    });
  }

  async size(path: string): Promise<number | null> {
    return await this.#attempt('read', path, async () => {
      return (await stat(this.#path(path)).catch(noneOf))?.size ?? null;
    });
  }

  async read(path: string, offset: number, target: Uint8Array): Promise<number | null> {
    return await this.#attempt('read', path, async () => {
      const file = await this.#acquire(path, false).catch(noneOf);
      if (file === null) return null;
      return await this.#use(path, file, async ({ handle }) => {
        let have = 0;
        for (let got = 1; have < target.length && got > 0; have += got) {
          const left = target.length - have;
          got = await readPiece(handle.fd, target.subarray(have, have + left), offset + have);
        }
        return have;
      });
    });
  }

  readNow(path: string, offset: number, bytes: number): Uint8Array | null {
    if (bytes > this.#scratch.length || this.#readsNow++ >= NOW_READS_MAX) {
      this.#readsNow = 0;
      return null;
    }
    const file = this.#files.get(path);
    if (file === undefined || this.#readCached === null) return null;
    const got = this.#readCached(file.handle.fd, offset, this.#scratch, bytes);
    return got === bytes ? this.#scratch.subarray(0, bytes) : null;
  }

  async write(path: string, offset: number, pieces: readonly Uint8Array[]): Promise<void> {
    await this.#attempt('write', path, async () => {
      const file = await this.#acquire(path, true);
      const looking = this.#mustBeThere();
      // Beside the write, and told when that has ended.
      looking.catch(() => {});
      await this.#use(path, file, async ({ handle }) => {
        const [first] = pieces;
        const past = first === undefined ? 0 : await this.#writePast(path, offset, first);
        const rest = past === 0 ? pieces : behind(pieces, past);
        await writeAll(handle, offset + past, rest);
      });
      await looking;
    });
  }

  /**
   * Writes as much of a large piece as can go past the page cache: without a copy, half the work of
   * a processor for each byte. Returns how much that was; 0 where the piece, or the file system,
   * does not lie so that it can.
   */
  async #writePast(path: string, offset: number, piece: Uint8Array): Promise<number> {
    const whole = piece.length - (piece.length % ALIGNED_BYTES);
    const isAligned = offset % ALIGNED_BYTES === 0 && piece.byteOffset % ALIGNED_BYTES === 0;
    if (!isAligned || whole < PAST_BYTES_MIN || !this.#canWritePast) return 0;
    let handle: FileHandle;
    try {
      handle = await open(this.#path(path), PAST_FLAGS);
    } catch (cause) {
      if (systemCode(cause) !== 'EINVAL') throw cause;
      this.#canWritePast = false;
      return 0;
    }
    try {
      let done = 0;
      while (done < whole && done % ALIGNED_BYTES === 0) {
        done += (await handle.write(piece, done, whole - done, offset + done)).bytesWritten;
      }
      return done;
    } catch (cause) {
      // Its buffer begins where no page does.
      if (systemCode(cause) === 'EINVAL') return 0;
      throw cause;
    } finally {
      await handle.close();
    }
  }

  async sync(path: string): Promise<void> {
    await this.#attempt('sync', path, async () => {
      const file = await this.#acquire(path, true);
      await this.#use(path, file, ({ handle }) => handle.datasync());
    });
  }

  async syncFolder(path: string): Promise<void> {
    await this.#attempt('sync', path, async () => {
      const handle = await open(this.#path(path), constants.O_RDONLY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  async truncate(path: string, size: number): Promise<void> {
    await this.#attempt('cut', path, () => truncate(this.#path(path), size));
  }

  async makeFolder(path: string): Promise<void> {
    await this.#attempt('make', path, async () => {
      await this.#mustBeThere();
      await mkdir(this.#path(path), { recursive: true });
    });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#attempt('rename', from, async () => {
      await this.#releaseAll(from);
      await this.#releaseAll(to);
      await rename(this.#path(from), this.#path(to));
    });
  }

  async remove(path: string): Promise<void> {
    await this.#attempt('remove', path, async () => {
      await this.#releaseAll(path);
      await rm(this.#path(path), { recursive: true, force: true });
    });
  }

  async free(): Promise<number | null> {
    return await this.#attempt('look at', '', async () => {
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize;
    });
  }

  async close(): Promise<void> {
    for (const path of [...this.#files.keys()]) await this.#release(path);
  }

  #path(path: string): string {
    return join(this.#directory, path);
  }

  /**
   * What is open stays open where the directory was moved or removed: what is written to it would
   * be nowhere that anybody looks.
   */
  async #mustBeThere(): Promise<void> {
    const found = await stat(this.#directory).catch(noneOf);
    if (found !== null) this.#root ??= { device: found.dev, inode: found.ino };
    const isSame = found?.dev === this.#root?.device && found?.ino === this.#root?.inode;
    if (isSame) return;
    const path = this.#directory;
    const text = `Cannot write to the store "${path}": it was moved or removed while it was open`;
    throw new AttaccaError('file-error', text, { path, system: 'ENOENT' });
  }

  async #acquire(path: string, isWritable: boolean): Promise<OpenFile> {
    const present = this.#files.get(path);
    if (present !== undefined && (present.isWritable || !isWritable)) {
      present.uses++;
      // The one that was touched last is closed last.
      this.#files.delete(path);
      this.#files.set(path, present);
      return present;
    }
    const handle = await open(this.#path(path), isWritable ? WRITE_FLAGS : READ_FLAGS, 0o644);
    const file = { handle, isWritable, uses: 1, isOver: false };
    const before = this.#files.get(path);
    this.#files.set(path, file);
    // Somebody has opened it meanwhile, or only to read: that one goes with its users.
    if (before !== undefined) await letGo(before);
    for (const [other, { uses }] of [...this.#files]) {
      if (this.#files.size <= FILES_OPEN_MAX) break;
      if (uses === 0) await this.#release(other);
    }
    return file;
  }

  async #use<T>(path: string, file: OpenFile, run: (file: OpenFile) => Promise<T>): Promise<T> {
    try {
      return await run(file);
    } finally {
      file.uses--;
      if (file.uses === 0 && file.isOver) await file.handle.close();
      else if (this.#files.size > FILES_OPEN_MAX && file.uses === 0) await this.#release(path);
    }
  }

  async #release(path: string): Promise<void> {
    const file = this.#files.get(path);
    if (file === undefined) return;
    this.#files.delete(path);
    await letGo(file);
  }

  /** Of a folder all that is in it, too. */
  async #releaseAll(path: string): Promise<void> {
    for (const each of [...this.#files.keys()]) {
      if (each === path || each.startsWith(`${path}/`)) await this.#release(each);
    }
  }

  async #attempt<T>(action: string, path: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (cause) {
      throw storeError(action, this.#path(path), cause);
    }
  }
}

async function letGo(file: OpenFile): Promise<void> {
  file.isOver = true;
  if (file.uses === 0) await file.handle.close();
}

/** By a callback, which costs half of what a promise of a FileHandle does. */
function readPiece(fd: number, target: Uint8Array, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, 0, target.length, offset, (error, got) => {
      if (error === null) resolve(got);
      else reject(error);
    });
  });
}

/** One call may write less than it was given. */
async function writeAll(
  handle: FileHandle,
  offset: number,
  pieces: readonly Uint8Array[],
): Promise<void> {
  let left = pieces.filter(({ length }) => length > 0);
  let at = offset;
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, at);
    at += bytesWritten;
    left = behind(left, bytesWritten);
  }
}

/** The pieces behind so many bytes. */
function behind(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let written = bytes;
  return pieces.flatMap((piece) => {
    const skipped = Math.min(written, piece.length);
    written -= skipped;
    return skipped === piece.length ? [] : [piece.subarray(skipped)];
  });
}

function noneOf(cause: unknown): null {
  if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR') return null;
  throw cause;
}

/** What the system says, as an error that names the file. */
export function storeError(action: string, path: string, cause: unknown): unknown {
  const system = systemCode(cause);
  if (cause instanceof AttaccaError || !DENIED.has(system)) return fileError(action, path, cause);
  const text = `Cannot ${action} "${path}": ${whyFailed(cause)}`;
  return new AttaccaError('store-denied', text, { path, system }, { cause });
}
