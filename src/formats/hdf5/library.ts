import { resolve } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { product } from '../chunking.js';

/** The calls of the HDF5 library, compiled to WebAssembly. It sees the files of the host. */
export type H5wasm = typeof import('h5wasm/node').Module;
export type Metadata = ReturnType<H5wasm['get_dataset_metadata']>;
export type WriteMetadata = Parameters<H5wasm['create_dataset']>[3];

/** What is used of the library's file system, of which no types are shipped. */
interface Stream {
  nfd: number;
  node?: { readonly mode: number };
  stream_ops?: {
    write(stream: Stream, from: Uint8Array, offset: number, size: number): number;
  };
}
interface FileSystem {
  getStream(descriptor: number): Stream;
  open(path: unknown, flags: unknown, mode?: unknown): Stream;
  readonly ErrnoError: new (errno: number) => Error;
}

/** Permission denied, and no such file, in WebAssembly's numbers; its flag of a folder. */
const [EACCES, ENOENT] = [2, 44] as const;
const O_DIRECTORY = 0x10000;

const STDERR = 2;
/** A device of characters, as a terminal is: the file system asks whether it is a folder. */
const DEVICE_MODE = 0o20000;
/** A stack of errors has some twenty lines; more than this is kept of none. */
const SAID_BYTES_MAX = 16 * 1024;

/** The address of a text, in the library's memory. */
export const ADDRESS_BYTES = 4;
/** What is read or written at once: the library has a copy, and its memory ends at 2 GiB. */
const PIECE_BYTES = 16 * 1024 * 1024;
/** Of a chunk that is larger so much: it is unpacked as a whole for each piece. */
const CHUNK_PIECE_BYTES = 256 * 1024 * 1024;

/** Elements of a variable that are read or written at once. */
export function pieceOf(chunks: readonly number[] | null, itemSize: number): number {
  const chunk = Math.min(product(chunks ?? []) * itemSize, CHUNK_PIECE_BYTES);
  return Math.max(PIECE_BYTES, chunk) / itemSize;
}

/** What went wrong within HDF5, with what it said of it: the caller knows of which file. */
export class Hdf5Fault extends Error {
  override readonly name = 'Hdf5Fault';
  /** What the system said, if it was the system: `ENOSPC`. */
  readonly code: string | undefined;

  constructor(why: string, options: ErrorOptions & { readonly code?: string | undefined } = {}) {
    super(why, options);
    this.code = options.code;
  }
}

/** Numbers of errors in WebAssembly (WASI's), which have others than the system. */
const SYSTEM: { readonly [errno: string]: string } = {
  ...{ 2: 'EACCES', 19: 'EDQUOT', 22: 'EFBIG', 29: 'EIO', 51: 'ENOSPC', 69: 'EROFS', 72: 'ESTALE' },
};

/** What HDF5 has printed, as an error. */
function faultOf(text: string, options: ErrorOptions = {}): Hdf5Fault {
  const [, errno = '', message] = /\berrno = (\d+), error message = '([^']*)'/u.exec(text) ?? [];
  return new Hdf5Fault(message ?? reasonIn(text), { ...options, code: SYSTEM[errno] });
}

function elsewhere(path: string): Hdf5Fault {
  return new Hdf5Fault(`it wants to read the file "${path}"`);
}

/**
 * The library, loaded. Its calls do not return before they are done: who must not wait calls them
 * in a thread. HDF5 tells errors by printing its stack of calls; here it becomes part of the error.
 */
export class Hdf5Library {
  readonly #module: H5wasm;
  readonly #stderr: Stream;
  /** Why it had to stop in the middle of a call, with who knows what in its memory. */
  #broken: string | null = null;
  /** The files that it may open. */
  readonly #files = new Set<string>();
  /** One that it wanted to open besides, in the call that goes on. */
  #refused: string | null = null;

  private constructor(module: H5wasm) {
    this.#module = module;
    const files = module.FS as unknown as FileSystem;
    this.#stderr = files.getStream(STDERR);
    const open = files.open.bind(files);
    files.open = (path, flags, mode) => {
      const isAllowed = typeof path !== 'string' || this.#files.has(resolve(path));
      if (isAllowed) return open(path, flags, mode);
      // Where plugins of filters would lie, of which there are none.
      if ((Number(flags) & O_DIRECTORY) !== 0) throw new files.ErrnoError(ENOENT);
      this.#refused = path;
      throw new files.ErrnoError(EACCES);
    };
  }

  /**
   * Allows it to open a file, and none besides those: a file of HDF5 may say that its elements lie
   * in any other of the user's.
   */
  mayOpen(path: string): void {
    this.#files.add(resolve(path));
  }

  /** Loads the library (some 150 ms and 80 MiB the first time): only where there is HDF5. */
  static async load(): Promise<Hdf5Library> {
    try {
      const { ready } = await import('h5wasm/node');
      return new Hdf5Library(await ready);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const install = 'npm install h5wasm';
      const message = `Cannot load h5wasm, which reads and writes HDF5 (${install}): ${why}`;
      const fields = { library: 'h5wasm', install };
      throw new AttaccaError('library-unavailable', message, fields, { cause });
    }
  }

  /**
   * Does one call. Throws {@link Hdf5Fault} when it fails. Some calls of h5wasm return well when
   * one of their steps has failed: so whatever HDF5 prints is a failure.
   */
  call<T>(work: (module: H5wasm) => T): T {
    if (this.#broken !== null) throw new Hdf5Fault(this.#broken);
    const stream = this.#stderr;
    const said: Buffer[] = [];
    let bytes = 0;
    this.#refused = null;
    stream.node = { mode: DEVICE_MODE };
    stream.stream_ops = {
      write: (_stream, from, offset, size) => {
        const kept = Math.min(size, SAID_BYTES_MAX - bytes);
        if (kept > 0) said.push(Buffer.from(from.slice(offset, offset + kept)));
        bytes += size;
        return size;
      },
    };
    try {
      // Damaged files can make HDF5 forget to print again what it had been told not to.
      this.#module.deactivate_throwing_error_handler();
      const result = work(this.#module);
      if (this.#refused !== null) throw elsewhere(this.#refused);
      const isFailed = (typeof result === 'number' || typeof result === 'bigint') && result < 0;
      if (!isFailed && bytes === 0) return result;
      throw faultOf(Buffer.concat(said).toString());
    } catch (cause) {
      if (cause instanceof Hdf5Fault || cause instanceof AttaccaError) throw cause;
      if (this.#refused !== null) throw elsewhere(this.#refused);
      const text = Buffer.concat(said).toString();
      const why = cause instanceof Error ? cause.message : String(cause);
      // Of WebAssembly: an access outside of its memory, or the end of its stack.
      if (cause instanceof Error && cause.name === 'RuntimeError') this.#broken = why;
      throw text === '' ? new Hdf5Fault(why, { cause }) : faultOf(text, { cause });
    } finally {
      delete stream.stream_ops;
      delete stream.node;
    }
  }

  /** Bytes in the library's memory while `work` has them. */
  withMemory<T>(size: number, work: (address: number) => T): T {
    const module = this.#module;
    const address = module._malloc(Math.max(size, 1));
    if (address === 0) throw new Hdf5Fault(`no ${size} bytes are left in the library's memory`);
    try {
      return work(address);
    } finally {
      module._free(address);
    }
  }

  /** The library's memory as it lies now: it may lie elsewhere after any call. */
  get memory(): Uint8Array {
    return this.#module.HEAPU8;
  }
}

/**
 * The reason in what HDF5 prints: a stack of calls, from the outermost to where it began, each with
 * a line `#000: file line 1 in H5Fopen(): unable to open`. The last says most.
 */
function reasonIn(text: string): string {
  const found = [...text.matchAll(/^\s*#\d+: .*? in \w+\(\): (.*)$/gmu)].at(-1)?.[1];
  return found ?? 'HDF5 gives no reason';
}
