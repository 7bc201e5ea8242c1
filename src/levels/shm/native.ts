import { constants } from 'node:os';
import { assert } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';

/** The few calls into libc that Node has no words for. Addresses are bigints, errors are errnos. */
export interface Libc {
  /** mmap(MAP_SHARED) of a file from its start. Returns the address, or the errno as `failed`. */
  map(fd: number, size: number, writable: boolean): { address: bigint } | { failed: number };
  /** An ArrayBuffer over mapped memory, not a copy. It does not keep the mapping: see map.ts. */
  view(address: bigint, size: number): ArrayBuffer;
  /** Where the bytes lie in this process: as long as their buffer lives, which nothing moves. */
  addressOf(bytes: Uint8Array): bigint;
  unmap(address: bigint, size: number): void;
  /** Whether the kernel knows this advice (asked for zero bytes, which changes nothing). */
  knowsAdvice(address: bigint, advice: number): boolean;
  /** madvise on a thread of libuv's pool: true when it succeeded. */
  advise(address: bigint, size: number, advice: number): Promise<boolean>;
  adviseNow(address: bigint, size: number, advice: number): boolean;
  /** Copies mapped bytes to `target` on a thread of libuv's pool: touches pages, changes none. */
  copyOut(target: Uint8Array, address: bigint, size: number): Promise<void>;
  /**
   * posix_fallocate on a thread of libuv's pool: 0 or an errno. Null where there is none (macOS).
   */
  readonly allocate: ((fd: number, offset: number, size: number) => Promise<number>) | null;
  /**
   * preadv2(RWF_NOWAIT): how many bytes the page cache has given, `size` at most; -1 when that
   * takes the disk, or the file system does not say. Null where there is none (macOS).
   */
  readonly readCached:
    | ((fd: number, offset: number, target: Uint8Array, size: number) => number)
    | null;
  /**
   * flock(LOCK_EX | LOCK_NB): `held` when another open file holds it; `refused` where such a file
   * takes no lock. The kernel drops it at death.
   */
  lock(fd: number): 'taken' | 'held' | 'refused';
  /** Whether some process has the file open for writing; null where the kernel does not tell. */
  hasWriters(readOnlyFd: number): boolean | null;
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const LOCK_EX_NB = 2 | 4;
/** Linux <fcntl.h>; a read lease is refused with EAGAIN while the file is open for writing. */
const F_SETLEASE = 1024;
const F_SETSIG = 10;
const F_RDLCK = 0;
const F_UNLCK = 2;
/** Linux <fs.h>. */
const RWF_NOWAIT = 8;

/** Resolves to koffi: a parameter, so that a platform without it can be played in tests. */
type ImportKoffi = () => Promise<typeof import('koffi')>;

type Done<T> = (error: unknown, result: T) => void;

/** A foreign function with its koffi.async form, which runs on libuv's thread pool. */
type Foreign<A extends readonly unknown[], R> = ((...args: A) => R) & {
  async: (...args: [...A, Done<R>]) => void;
};

function later<A extends readonly unknown[], R>(foreign: Foreign<A, R>, ...args: A): Promise<R> {
  return new Promise((resolve, reject) => {
    foreign.async(...args, (error, result) => {
      if (error === null || error === undefined) resolve(result);
      else reject(error instanceof Error ? error : new Error(String(error)));
    });
  });
}

function optional<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}

/**
 * Loads koffi (6 to 10 ms the first time in a thread, 0.1 ms later) and binds the calls above to
 * the libc the process already runs on, glibc, musl or macOS's: dlopen(NULL) needs no file name.
 * Fails with `mapping-unavailable`: no prebuilt koffi for this platform, a runtime that forbids
 * foreign memory, 32 bit. Then bytes go by read and write, or over the socket.
 */
export async function loadLibc(importKoffi: ImportKoffi = () => import('koffi')): Promise<Libc> {
  try {
    return bind(await importKoffi());
  } catch (cause) {
    const where = `${process.platform}-${process.arch}`;
    throw new AttaccaError(
      'mapping-unavailable',
      `Cannot map memory on "${where}": ${cause instanceof Error ? cause.message : String(cause)}`,
      { platform: process.platform, arch: process.arch, node: process.version },
      { cause },
    );
  }
}

/** As {@link loadLibc}, with null in place of `mapping-unavailable`. */
export async function tryLoadLibc(importKoffi?: ImportKoffi): Promise<Libc | null> {
  try {
    return await loadLibc(importKoffi);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'mapping-unavailable') return null;
    throw error;
  }
}

function bindReadCached(
  koffi: typeof import('koffi'),
  lib: import('koffi').LibraryHandle,
): Libc['readCached'] {
  if (process.platform !== 'linux') return null;
  const preadv2 = optional(
    (): ((
      fd: number,
      pieces: BigUint64Array,
      count: number,
      at: number,
      flags: number,
    ) => number) => lib.func('int64_t preadv2(int, void *, int, int64_t, int)'),
  );
  if (preadv2 === null) return null;
  // One struct iovec: address and size. Most callers have one target, whose address is kept.
  const piece = new BigUint64Array(2);
  let last: Uint8Array | null = null;
  return (fd, offset, target, size) => {
    assert(size <= target.length, 'there is room for what is read');
    if (target !== last) {
      piece[0] = koffi.address(target);
      last = target;
    }
    piece[1] = BigInt(size);
    return preadv2(fd, piece, 1, offset, RWF_NOWAIT);
  };
}

function bind(koffi: typeof import('koffi')): Libc {
  if (koffi.sizeof('size_t') !== 8) throw new Error('slabs need a 64-bit process');
  const lib = koffi.load(null);
  const mmap: (
    hint: null,
    size: number,
    protection: number,
    flags: number,
    fd: number,
    offset: number,
  ) => bigint = lib.func('void *mmap(void *, size_t, int, int, int, int64_t)');
  const munmap: (address: bigint, size: number) => number = lib.func('int munmap(void *, size_t)');
  const madvise: Foreign<readonly [bigint, number, number], number> = lib.func(
    'int madvise(void *, size_t, int)',
  );
  const memcpy: Foreign<readonly [Uint8Array, bigint, number], bigint> = lib.func(
    'void *memcpy(void *, void *, size_t)',
  );
  const flock: (fd: number, operation: number) => number = lib.func('int flock(int, int)');
  const fallocate = optional(
    (): Foreign<readonly [number, number, number], number> =>
      lib.func('int posix_fallocate(int, int64_t, int64_t)'),
  );
  const fcntl: (fd: number, command: number, type: 'int', argument: number) => number = lib.func(
    'int fcntl(int, int, ...)',
  );
  const failedAddress = BigInt.asUintN(64, -1n);

  return {
    map(fd, size, writable) {
      const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
      const address = mmap(null, size, protection, MAP_SHARED, fd, 0);
      return address === failedAddress ? { failed: koffi.errno() } : { address };
    },
    view: (address, size) => koffi.view(address, size),
    addressOf: (bytes) => koffi.address(bytes),
    unmap: (address, size) => {
      munmap(address, size);
    },
    knowsAdvice: (address, advice) => madvise(address, 0, advice) === 0,
    advise: async (address, size, advice) => (await later(madvise, address, size, advice)) === 0,
    adviseNow: (address, size, advice) => madvise(address, size, advice) === 0,
    copyOut: async (target, address, size) => {
      await later(memcpy, target, address, size);
    },
    allocate: fallocate === null ? null : (fd, offset, size) => later(fallocate, fd, offset, size),
    readCached: bindReadCached(koffi, lib),
    lock: (fd) => {
      if (flock(fd, LOCK_EX_NB) === 0) return 'taken';
      return koffi.errno() === constants.errno.EAGAIN ? 'held' : 'refused';
    },
    hasWriters(readOnlyFd) {
      if (process.platform !== 'linux') return null;
      // Whoever opens it for writing meanwhile breaks the lease. The kernel would tell us by SIGIO,
      // which ends a process that does not expect it; SIGURG is ignored by one that does not.
      if (fcntl(readOnlyFd, F_SETSIG, 'int', constants.signals.SIGURG) !== 0) return null;
      if (fcntl(readOnlyFd, F_SETLEASE, 'int', F_RDLCK) === 0) {
        fcntl(readOnlyFd, F_SETLEASE, 'int', F_UNLCK);
        return false;
      }
      return koffi.errno() === constants.errno.EAGAIN ? true : null;
    },
  };
}
