import { isUtf8 } from 'node:buffer';
import { constants } from 'node:os';
import { AttaccaError } from '../../core/errors.js';

/** What the kernel tells of a directory (inotify(7)). */
export interface Notice {
  /** The number of the watch; -1 when the kernel has dropped some, as its queue was full. */
  readonly watch: number;
  readonly name: string;
  readonly what: 'written' | 'moved here' | 'moved away' | 'made' | 'over' | 'dropped';
  readonly isDirectory: boolean;
  /** The name is no UTF-8: with it nothing can be opened. */
  readonly isUnreadable: boolean;
}

const IN = {
  closeWrite: 0x8,
  movedFrom: 0x40,
  movedTo: 0x80,
  create: 0x100,
  overflow: 0x4000,
  ignored: 0x8000,
  onlyDirectories: 0x0100_0000,
  doNotFollow: 0x0200_0000,
  excludeUnlinked: 0x0400_0000,
  isDirectory: 0x4000_0000,
} as const;
const ASKED =
  IN.closeWrite | IN.movedFrom | IN.movedTo | IN.create | IN.onlyDirectories | IN.excludeUnlinked;
/** O_NONBLOCK and O_CLOEXEC. */
const OPEN_FLAGS = 0x800 | 0x8_0000;

/** `struct inotify_event`: i32 watch, u32 mask, u32 cookie, u32 length, and the name. */
const HEAD_BYTES = 16;
const BUFFER_BYTES = 65_536;

const { ENOENT, ENOTDIR, ELOOP } = constants.errno;
const NOT_THERE: ReadonlySet<number> = new Set([ENOENT, ENOTDIR, ELOOP]);

interface Calls {
  init(flags: number): number;
  add(fd: number, path: string, mask: number): number;
  remove(fd: number, watch: number): number;
  read(fd: number, into: Uint8Array, size: number): number;
  close(fd: number): number;
  errno(): number;
}

async function bind(): Promise<Calls> {
  if (process.platform !== 'linux') {
    throw unavailable(`"${process.platform}" has no inotify`, undefined);
  }
  try {
    const koffi = await import('koffi');
    const lib = koffi.load(null);
    return {
      init: lib.func('int inotify_init1(int)'),
      add: lib.func('int inotify_add_watch(int, const char *, uint32_t)'),
      remove: lib.func('int inotify_rm_watch(int, int)'),
      read: lib.func('int64_t read(int, void *, size_t)'),
      close: lib.func('int close(int)'),
      errno: () => koffi.errno(),
    };
  } catch (error) {
    throw unavailable(error instanceof Error ? error.message : String(error), error);
  }
}

function unavailable(why: string, cause: unknown): AttaccaError {
  const fields = { library: 'inotify' };
  const message = `Cannot watch a directory: ${why}`;
  return new AttaccaError('library-unavailable', message, fields, { cause });
}

/**
 * The kernel's notices of files that are closed after they were written, and of names that are
 * moved: what Node's own watcher does not tell apart from each piece that is written.
 */
export class Inotify {
  readonly #calls: Calls;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(BUFFER_BYTES);
  #isClosed = false;

  private constructor(calls: Calls, fd: number) {
    this.#calls = calls;
    this.#fd = fd;
  }

  static async open(): Promise<Inotify> {
    const calls = await bind();
    const fd = calls.init(OPEN_FLAGS);
    if (fd >= 0) return new Inotify(calls, fd);
    throw unavailable(`errno ${calls.errno()} (fs.inotify.max_user_instances)`, undefined);
  }

  /** Watches a directory; null when it is none, or there no more. The same one has one number. */
  watch(path: string): number | null {
    const watch = this.#calls.add(this.#fd, path, ASKED | IN.doNotFollow);
    if (watch >= 0) return watch;
    const errno = this.#calls.errno();
    if (NOT_THERE.has(errno)) return null;
    const why =
      errno === constants.errno.ENOSPC ? 'there are too many (fs.inotify.max_user_watches)' : '';
    const message = `Cannot watch "${path}": ${why === '' ? `errno ${errno}` : why}`;
    throw new AttaccaError('file-error', message, { path, errno });
  }

  unwatch(watch: number): void {
    this.#calls.remove(this.#fd, watch);
  }

  /** What has been told since it was asked last. */
  read(): Notice[] {
    const notices: Notice[] = [];
    if (this.#isClosed) return notices;
    for (;;) {
      const size = Number(this.#calls.read(this.#fd, this.#bytes, BUFFER_BYTES));
      if (size <= 0) return notices;
      for (let at = 0; at < size; ) {
        const length = this.#bytes.readUInt32LE(at + 12);
        const notice = this.#noticeAt(at, length);
        if (notice !== null) notices.push(notice);
        at += HEAD_BYTES + length;
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#calls.close(this.#fd);
  }

  #noticeAt(at: number, length: number): Notice | null {
    const watch = this.#bytes.readInt32LE(at);
    const mask = this.#bytes.readUInt32LE(at + 4);
    const from = at + HEAD_BYTES;
    const end = this.#bytes.indexOf(0, from);
    const said = this.#bytes.subarray(from, Math.min(end, from + length));
    const what = meaningOf(mask);
    if (what === null) return null;
    const isDirectory = (mask & IN.isDirectory) !== 0;
    return { watch, name: said.toString(), what, isDirectory, isUnreadable: !isUtf8(said) };
  }
}

function meaningOf(mask: number): Notice['what'] | null {
  if ((mask & IN.overflow) !== 0) return 'dropped';
  if ((mask & IN.ignored) !== 0) return 'over';
  if ((mask & IN.closeWrite) !== 0) return 'written';
  if ((mask & IN.movedTo) !== 0) return 'moved here';
  if ((mask & IN.movedFrom) !== 0) return 'moved away';
  return (mask & IN.create) !== 0 ? 'made' : null;
}
