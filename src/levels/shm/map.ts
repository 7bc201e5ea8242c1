import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants as osConstants } from 'node:os';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { fileError, refusedFile } from './file-errors.js';
import { type Libc, loadLibc } from './native.js';

/** `read`: a stray write ends the process that wrote (SIGSEGV), never the data. */
export type Access = 'read' | 'read-write';

/** Linux <linux/mman.h>, since 5.14 (RHEL 8 has 4.18: there pages are touched by copying). */
const MADV_POPULATE_READ = 22;
const MADV_POPULATE_WRITE = 23;
const MADV_DONTNEED = 4;

/** How much is copied at a time where the kernel cannot populate: bounds the scratch memory. */
const TOUCH_BYTES = 4 * 1024 * 1024;

/** Mapped memory, apart from the buffer over it. */
interface Memory {
  readonly libc: Libc;
  readonly address: bigint;
  readonly size: number;
  /** Calls on other threads that use the address, and that no buffer keeps. */
  readonly underway: Set<Promise<void>>;
}

async function unmap({ libc, address, size, underway }: Memory): Promise<void> {
  await Promise.allSettled(underway);
  libc.unmap(address, size);
}

/** Unmaps what was closed once its buffer is collected: then no view of it is left anywhere. */
const closed = new FinalizationRegistry<Memory>((memory) => void unmap(memory));

/**
 * A file's bytes in this thread's memory. Made by {@link mapFile}; one per file and thread: each
 * view of S bytes costs one full garbage collection when it is made, as V8 counts them as its own.
 *
 * An ArrayBuffer over memory that is gone would be a crash or, worse, someone else's bytes. `close`
 * therefore ends the use of this object only: views made before stay readable, and the memory is
 * unmapped after the last of them, when the garbage collector finds that the buffer is gone. Who
 * can prove that earlier has {@link unsafeUnmap}.
 */
export class Mapping {
  readonly path: string;
  readonly access: Access;
  readonly size: number;
  readonly #memory: Memory;
  /** Null once closed: only views keep the buffer then. */
  #buffer: ArrayBuffer | null;
  readonly #reference: WeakRef<ArrayBuffer>;

  constructor(libc: Libc, fields: { path: string; access: Access; size: number; address: bigint }) {
    const { address, size } = fields;
    this.#memory = { libc, address, size, underway: new Set() };
    this.path = fields.path;
    this.access = fields.access;
    this.size = size;
    this.#buffer = libc.view(address, size);
    this.#reference = new WeakRef(this.#buffer);
  }

  get closed(): boolean {
    return this.#buffer === null;
  }

  /** The bytes. Throws `wrong-state` after close; a buffer taken before stays valid. */
  get buffer(): ArrayBuffer {
    return this.#mustBeOpen('use');
  }

  /**
   * Faults pages in ahead of use, on another thread, without changing a byte: fresh pages of tmpfs
   * are zeroed at the first touch, which costs ten times what writing them costs. `write` for pages
   * that nobody has touched yet; `read` for those that are warm elsewhere, twice as fast, also
   * where this thread will write. Advice: whatever goes wrong, it just does less.
   * Throws RangeError for a range outside, `wrong-state` after close.
   */
  async populate(offset: number, size: number, purpose: 'read' | 'write'): Promise<void> {
    this.#mustBeOpen('populate');
    if (!(offset >= 0 && size >= 0 && offset + size <= this.size)) {
      throw new RangeError(`Cannot populate ${size} bytes at ${offset}: the end is ${this.size}`);
    }
    if (size === 0) return;
    // madvise wants the start on a page; a page may be 64 KiB (arm64), slices start on 64 bytes.
    const start = offset - (offset % 65_536);
    const work = this.#populate(start, offset + size - start, purpose);
    const { underway } = this.#memory;
    underway.add(work);
    try {
      await work;
    } finally {
      underway.delete(work);
    }
  }

  async #populate(offset: number, size: number, purpose: 'read' | 'write'): Promise<void> {
    const { libc } = this.#memory;
    const address = this.#memory.address + BigInt(offset);
    const writing = purpose === 'write' && this.access === 'read-write';
    const advice = writing ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;
    try {
      const known = process.platform === 'linux' && libc.knowsAdvice(this.#memory.address, advice);
      if (known && (await libc.advise(address, size, advice))) return;
      // Reading touches too, and unlike writing the same byte back it races with nobody.
      const scratch = new Uint8Array(Math.min(size, TOUCH_BYTES));
      for (let at = 0; at < size; at += TOUCH_BYTES) {
        await libc.copyOut(scratch, address + BigInt(at), Math.min(TOUCH_BYTES, size - at));
      }
    } catch {
      // Advice: the first use faults the pages in, later and more slowly.
    }
  }

  /** Ends the use of this object. Idempotent; unmaps once no view is left (see the class). */
  close(): void {
    const buffer = this.#buffer;
    if (buffer === null) return;
    this.#buffer = null;
    const memory = this.#memory;
    // Shared pages live in the file: this drops page tables and RSS; a view that is left refaults.
    if (process.platform === 'linux') {
      memory.libc.adviseNow(memory.address, memory.size, MADV_DONTNEED);
    }
    // Detached, by a byte stream say: another buffer has the memory, and nobody tells of its end.
    if (buffer.byteLength > 0) closed.register(buffer, memory, memory);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Unmaps, after populating under way has ended. The caller proves that no view of this buffer
   * will be touched again, neither by JavaScript nor by a read, write or transform still in a
   * thread pool: touching one afterwards is a SIGSEGV or, once the addresses are used again, other
   * memory. From Node 22 on the buffer is detached first, so that JavaScript sees empty views
   * instead.
   */
  async unsafeUnmap(): Promise<void> {
    // Who takes it out of the list of what is closed unmaps it, once.
    if (this.closed && !closed.unregister(this.#memory)) return;
    this.#buffer = null;
    await Promise.allSettled(this.#memory.underway);
    const buffer: (ArrayBuffer & { transfer?: (size: number) => ArrayBuffer }) | undefined =
      this.#reference.deref();
    buffer?.transfer?.(0);
    await unmap(this.#memory);
  }

  #mustBeOpen(action: string): ArrayBuffer {
    if (this.#buffer !== null) return this.#buffer;
    throw new AttaccaError('wrong-state', `Cannot ${action} "${this.path}": it is closed`, {
      path: this.path,
    });
  }
}

/**
 * Maps the first `size` bytes of a file of this user (symbolic links are refused). Errors:
 * `mapping-unavailable` (no koffi here: use the socket, and say so), `memory-full` (ENOMEM),
 * `file-error` (not there, not regular, of another user, shorter than `size`); RangeError for a
 * size that is no slab's. A mapping beyond the end of a file would end the process with SIGBUS at
 * its first touch, so the length is checked on the very descriptor that is mapped; nobody may
 * truncate a slab afterwards.
 */
export async function mapFile(
  path: string,
  options: { readonly access: Access; readonly size: number; readonly libc?: Libc | undefined },
): Promise<Mapping> {
  const libc = options.libc ?? (await loadLibc());
  const flags = options.access === 'read' ? constants.O_RDONLY : constants.O_RDWR;
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError('map', path, cause);
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw refusedFile('map', path, 'it is not a regular file');
    if (stats.uid !== process.geteuid?.()) {
      throw refusedFile('map', path, `it belongs to user ${stats.uid}`);
    }
    return mapDescriptor(libc, handle.fd, { path, ...options, fileSize: stats.size });
  } finally {
    await handle.close();
  }
}

/** Maps an open file whose length the caller has just read from the same descriptor. */
export function mapDescriptor(
  libc: Libc,
  fd: number,
  file: { path: string; access: Access; size: number; fileSize: number },
): Mapping {
  const { path, access, size } = file;
  if (!Number.isInteger(size) || size < 1 || size > LIMITS.slabBytesMax) {
    throw new RangeError(`Cannot map ${size} bytes: a slab has 1 to ${LIMITS.slabBytesMax}`);
  }
  if (file.fileSize < size) {
    throw refusedFile('map', path, `it has ${file.fileSize} bytes, not ${size}`);
  }
  const mapped = libc.map(fd, size, access === 'read-write');
  if ('failed' in mapped) {
    const errno = mapped.failed;
    const full = errno === osConstants.errno.ENOMEM;
    throw new AttaccaError(
      full ? 'memory-full' : 'file-error',
      `Cannot map "${path}": errno ${errno}${full ? ', address space or mappings used up' : ''}`,
      { path, errno },
    );
  }
  try {
    return new Mapping(libc, { path, access, size, address: mapped.address });
  } catch (cause) {
    libc.unmap(mapped.address, size);
    throw new AttaccaError(
      'mapping-unavailable',
      `Cannot map "${path}": this runtime forbids views of foreign memory`,
      { path },
      { cause },
    );
  }
}
