import { type BigIntStats, constants, lstatSync } from 'node:fs';
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { systemCode } from '../../core/system-errors.js';
import { fileError, refusedFile, throwIfAborted } from './file-errors.js';
import { type Access, type Mapping, mapDescriptor } from './map.js';
import { type Libc, loadLibc, tryLoadLibc } from './native.js';

const MiB = 1024 * 1024;
/** posix_fallocate takes 0.27 s/GiB: so long at most until an abort is noticed. */
const ALLOCATE_BYTES = 256 * MiB;
/** Written at a time where there is no posix_fallocate. */
const ZERO_BYTES = 4 * MiB;
/** A signal may interrupt posix_fallocate (EINTR); tmpfs then takes that piece back. */
const INTERRUPTS_MAX = 100;
/** 2.5 s/GiB for fresh pages: 80 ms until an abort is noticed. */
const WARM_BYTES = 32 * MiB;
/** One read or write call; Linux ends one at 2 GiB - 4 KiB. */
const TRANSFER_BYTES = 64 * MiB;

export interface SlowWork {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((bytesDone: number, bytesTotal: number) => void) | undefined;
}

export interface LibcChoice {
  /** Bound already, or null to do without; loaded when undefined. */
  readonly libc?: Libc | null | undefined;
}

/** The path of slab `id`: `slab-<id>`, as clients in every language know it. */
/** Of a file's mode, without its type. */
export const MODE_BITS = 0o7777;
/** Write permission of anybody. */
const ANY_WRITE = 0o222;

/** Whether a slab's file is one that was adopted: nobody writes to it, ever again. */
export function isAdopted({ mode }: { readonly mode: number }): boolean {
  return (mode & ANY_WRITE) === 0;
}

export function slabPath(directory: string, id: number): string {
  if (!Number.isInteger(id) || id < 0 || id > 0xffff_ffff) {
    throw new RangeError(`Cannot name slab ${id}: an id is a whole number below 2^32`);
  }
  return join(directory, `slab-${id}`);
}

/** The ids of the slabs whose files are in a directory. */
export async function listSlabs(directory: string): Promise<number[]> {
  const names = await readdir(directory).catch((cause: unknown) => {
    throw fileError('look for slabs in', directory, cause);
  });
  const ids = names.map((name) => Number(/^slab-(0|[1-9]\d*)$/u.exec(name)?.[1] ?? -1));
  return ids.filter((id) => id >= 0 && id <= 0xffff_ffff);
}

/** An open slab file. Reads and writes through the descriptor; maps when asked to. */
export class SlabFile {
  readonly id: number;
  readonly path: string;
  readonly size: number;
  readonly access: Access;
  readonly #handle: FileHandle;
  #closing: Promise<void> | null = null;

  constructor(
    handle: FileHandle,
    fields: { id: number; path: string; size: number; access: Access },
  ) {
    this.#handle = handle;
    this.id = fields.id;
    this.path = fields.path;
    this.size = fields.size;
    this.access = fields.access;
  }

  /** Tells this file from another one that has had, or gets, its name. Errors: `file-error`. */
  async identity(): Promise<string> {
    this.#mustBeOpen();
    try {
      return identityOf(await this.#handle.stat({ bigint: true }));
    } catch (cause) {
      throw fileError('read', this.path, cause);
    }
  }

  /**
   * Maps the whole slab with the access it was opened with. The mapping outlives this object.
   * Errors: as {@link mapFile}.
   */
  async map(options: { readonly libc?: Libc | undefined } = {}): Promise<Mapping> {
    this.#mustBeOpen();
    const libc = options.libc ?? (await loadLibc());
    const { size: fileSize } = await this.#handle.stat();
    const { path, access, size } = this;
    return mapDescriptor(libc, this.#handle.fd, { path, access, size, fileSize });
  }

  /**
   * Fills `target` with the bytes at `offset`, without a mapping. RangeError beyond the end,
   * `file-error` when the file is shorter than it was, `aborted`.
   */
  async preadInto(
    target: Uint8Array,
    offset: number,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    this.#mustLieInside('read', offset, target.length);
    for (let at = 0; at < target.length; ) {
      throwIfAborted(options.signal, 'read', this.path);
      const length = Math.min(target.length - at, TRANSFER_BYTES);
      let bytesRead: number;
      try {
        ({ bytesRead } = await this.#handle.read(target, at, length, offset + at));
      } catch (cause) {
        throw fileError('read', this.path, cause);
      }
      if (bytesRead === 0) {
        throw refusedFile('read', this.path, `it ends at ${offset + at}, not ${this.size}`);
      }
      at += bytesRead;
    }
  }

  /**
   * Writes all of `source` at `offset`, without a mapping. RangeError beyond the end (a slab never
   * grows), `not-allowed` on a slab opened for reading, `file-error`, `aborted` (then a part of
   * the bytes may be written: nobody reads them before an offer).
   */
  async pwriteFrom(
    source: Uint8Array,
    offset: number,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<void> {
    this.#mustLieInside('write', offset, source.length);
    if (this.access === 'read') {
      throw new AttaccaError('not-allowed', `Cannot write "${this.path}": opened for reading`, {
        path: this.path,
      });
    }
    await writeAll(this.#handle, this.path, source, { offset, signal: options.signal });
  }

  /** Closes the descriptor. Idempotent. Mappings stay. */
  close(): Promise<void> {
    this.#closing ??= this.#handle.close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #mustBeOpen(): void {
    if (this.#closing === null) return;
    throw new AttaccaError('wrong-state', `Cannot use "${this.path}": it is closed`, {
      path: this.path,
    });
  }

  #mustLieInside(action: string, offset: number, size: number): void {
    this.#mustBeOpen();
    if (Number.isInteger(offset) && offset >= 0 && offset + size <= this.size) return;
    throw new RangeError(
      `Cannot ${action} ${size} bytes at ${offset} of "${this.path}": it has ${this.size}`,
    );
  }
}

async function writeAll(
  handle: FileHandle,
  path: string,
  source: Uint8Array,
  options: { offset: number; signal: AbortSignal | undefined },
): Promise<void> {
  for (let at = 0; at < source.length; ) {
    throwIfAborted(options.signal, 'write', path);
    const length = Math.min(source.length - at, TRANSFER_BYTES);
    try {
      const { bytesWritten } = await handle.write(source, at, length, options.offset + at);
      at += bytesWritten;
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }
}

/**
 * Creates `slab-<id>`, readable and writable by its user alone, with room for all of its bytes:
 * never sparse, as the first touch of a hole on a full tmpfs is a SIGBUS. Off the event loop. Pages
 * are not faulted in: see {@link warm}. Where posix_fallocate is missing (macOS, no koffi) zeros
 * are written, which faults them in too.
 *
 * Errors: `shm-full` (no room), `file-error` (the id exists, the directory is missing), `aborted`;
 * after each of them the file is gone again. RangeError for a size that is not a multiple of a
 * page up to `slabBytesMax`.
 */
export async function createSlab(
  directory: string,
  id: number,
  size: number,
  options: SlowWork & LibcChoice = {},
): Promise<SlabFile> {
  const path = slabPath(directory, id);
  if (!Number.isInteger(size) || size < LIMITS.pageBytes || size > LIMITS.slabBytesMax) {
    throw new RangeError(`Cannot create a slab of ${size} bytes: at most ${LIMITS.slabBytesMax}`);
  }
  if (size % LIMITS.pageBytes !== 0) {
    throw new RangeError(`Cannot create a slab of ${size} bytes: not a multiple of a page`);
  }
  throwIfAborted(options.signal, 'create', path);
  const libc = options.libc === undefined ? await tryLoadLibc() : options.libc;
  let handle: FileHandle;
  try {
    // O_EXCL follows no symbolic link, not even a dangling one.
    handle = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600);
  } catch (cause) {
    throw fileError('create', path, cause);
  }
  try {
    await allocate(handle, path, size, { ...options, libc });
    return new SlabFile(handle, { id, path, size, access: 'read-write' });
  } catch (error) {
    await unlink(path).catch(() => {});
    await handle.close();
    throw fileError('create', path, error);
  }
}

/**
 * Gives every byte of [0, size) a place of its own, keeping what is there. With posix_fallocate, or
 * by writing: zeros behind the end of the file, the same bytes again before it.
 */
export async function allocate(
  handle: FileHandle,
  path: string,
  size: number,
  options: SlowWork & { readonly libc: Libc | null },
): Promise<void> {
  const allocateNow = options.libc?.allocate ?? null;
  let interrupts = 0;
  for (let at = 0; at < size && allocateNow !== null; ) {
    throwIfAborted(options.signal, 'allocate', path);
    const piece = Math.min(ALLOCATE_BYTES, size - at);
    const errno = await allocateNow(handle.fd, at, piece);
    if (errno === 0) {
      at += piece;
      options.onProgress?.(at, size);
    } else if (errno === osConstants.errno.EINTR && interrupts < INTERRUPTS_MAX) {
      interrupts++;
    } else if (UNSUPPORTED.has(errno)) {
      break; // musl does not emulate it where the file system cannot: write instead.
    } else {
      throw allocateError(path, size, errno);
    }
    if (at === size) return;
  }
  await fillByWriting(handle, path, size, options);
}

const UNSUPPORTED: ReadonlySet<number> = new Set([
  osConstants.errno.EOPNOTSUPP,
  osConstants.errno.ENOSYS,
  osConstants.errno.EINVAL,
  osConstants.errno.ENODEV,
]);

function allocateError(path: string, size: number, errno: number): AttaccaError {
  // tmpfs answers ENOMEM when the cgroup, not the file system, has no room.
  const full: readonly number[] = [
    osConstants.errno.ENOSPC,
    osConstants.errno.EDQUOT,
    osConstants.errno.ENOMEM,
    osConstants.errno.EFBIG,
  ];
  return full.includes(errno)
    ? new AttaccaError('shm-full', `Cannot allocate "${path}": no room for ${size} bytes`, {
        path,
        size,
        errno,
      })
    : new AttaccaError('file-error', `Cannot allocate "${path}": errno ${errno}`, { path, errno });
}

async function fillByWriting(
  handle: FileHandle,
  path: string,
  size: number,
  options: SlowWork,
): Promise<void> {
  const { size: length } = await handle.stat();
  const bytes = new Uint8Array(Math.min(size, ZERO_BYTES));
  for (let at = 0; at < size; ) {
    const piece = bytes.subarray(0, Math.min(bytes.length, size - at));
    piece.fill(0);
    for (let have = 0; at + have < length && have < piece.length; ) {
      const { bytesRead } = await handle.read(piece, have, piece.length - have, at + have);
      if (bytesRead === 0) break;
      have += bytesRead;
    }
    await writeAll(handle, path, piece, { offset: at, signal: options.signal });
    at += piece.length;
    options.onProgress?.(at, size);
  }
}

/** As `SlabFile.identity`, of the slab that has this number now; null: there is none. */
export function slabIdentity(directory: string, id: number): string | null {
  try {
    return identityOf(lstatSync(slabPath(directory, id), { bigint: true }));
  } catch {
    return null;
  }
}

/** Numbers of inodes are used again, so when it was made counts, too: 0 where nobody knows. */
function identityOf({ dev, ino, birthtimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${birthtimeNs}`;
}

/**
 * Opens an existing slab. Costs no koffi until it is mapped. Refuses symbolic links and files of
 * other users. Errors: `file-error`.
 */
export async function openSlab(directory: string, id: number, access: Access): Promise<SlabFile> {
  const path = slabPath(directory, id);
  const flags = access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  let handle: FileHandle;
  try {
    handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError('open', path, cause);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refusedFile('open', path, 'it is not a regular file');
    if (stats.uid !== process.geteuid?.()) {
      throw refusedFile('open', path, `it belongs to user ${stats.uid}`);
    }
    if (stats.size < 1 || stats.size > LIMITS.slabBytesMax) {
      throw refusedFile('open', path, `no slab has ${stats.size} bytes`);
    }
    return new SlabFile(handle, { id, path, size: stats.size, access });
  } catch (error) {
    await handle.close();
    throw fileError('open', path, error);
  }
}

/**
 * Faults a range in ahead of use, chunk by chunk, on another thread, without changing a byte; safe
 * beside readers and writers. With a read-only mapping too: fresh pages are zeroed either way.
 * Returns when all is done; `aborted` between two chunks.
 */
export async function warm(
  mapping: Mapping,
  options: SlowWork & {
    readonly offset?: number | undefined;
    readonly size?: number | undefined;
    readonly chunkBytes?: number | undefined;
  } = {},
): Promise<void> {
  const offset = options.offset ?? 0;
  const size = options.size ?? mapping.size - offset;
  const chunk = options.chunkBytes ?? WARM_BYTES;
  if (!(chunk > 0)) throw new RangeError(`Cannot warm in chunks of ${chunk} bytes`);
  for (let done = 0; done < size; ) {
    throwIfAborted(options.signal, 'warm', mapping.path);
    const piece = Math.min(chunk, size - done);
    await mapping.populate(offset + done, piece, 'write');
    done += piece;
    options.onProgress?.(done, size);
  }
}

/**
 * Removes a slab's name: `removed`, or `missing` when it had none. The bytes are freed when the
 * last process that maps them unmaps or ends; until then readers see them unchanged.
 */
export async function removeSlab(directory: string, id: number): Promise<'removed' | 'missing'> {
  const path = slabPath(directory, id);
  try {
    await unlink(path);
    return 'removed';
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return 'missing';
    throw fileError('remove', path, cause);
  }
}

/** Whether something of this name exists, a dangling symbolic link included. */
export async function nameExists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return false;
    throw fileError('look at', path, cause);
  }
}
