import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';

/** Bytes that a reader of a format looks at where it wants: a file, or memory in tests. */
export interface ByteSource {
  /** For messages: the path. */
  readonly name: string;
  readonly size: number;
  /** Fills `into` from `at`. The caller has checked that they lie within the size. */
  read(at: number, into: Uint8Array): void;
}

/** Where a writer of a format puts its bytes; what is between two writes is zero. */
export interface ByteSink {
  /** Fills `into` with what is there from `at` on; zero where nothing was written yet. */
  read(at: number, into: Uint8Array): void;
  write(at: number, bytes: Uint8Array): void;
}

/** A file that is read while it stays open. It keeps the size that it had when it was opened. */
export class FileSource implements ByteSource, Disposable {
  readonly name: string;
  readonly size: number;
  readonly #descriptor: number;

  constructor(path: string) {
    this.name = path;
    try {
      // A pipe is opened at once, to be refused: else that waits for who writes to it.
      this.#descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      throw fileError('read', path, cause);
    }
    const stat = fstatSync(this.#descriptor);
    if (!stat.isFile()) {
      closeSync(this.#descriptor);
      throw new AttaccaError('file-error', `Cannot read "${path}": it is no plain file`, { path });
    }
    this.size = stat.size;
  }

  read(at: number, into: Uint8Array): void {
    let done = 0;
    while (done < into.length) {
      let count: number;
      try {
        count = readSync(this.#descriptor, into, done, into.length - done, at + done);
      } catch (cause) {
        throw fileError('read', this.name, cause);
      }
      if (count === 0) {
        const message = `Cannot read "${this.name}": it became shorter while it was read`;
        throw new AttaccaError('file-error', message, { path: this.name });
      }
      done += count;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor);
  }
}

/** Bytes in memory, read as a file is. */
export class MemorySource implements ByteSource {
  readonly name: string;
  readonly size: number;
  readonly #bytes: Uint8Array;

  constructor(name: string, bytes: Uint8Array) {
    this.name = name;
    this.size = bytes.length;
    this.#bytes = bytes;
  }

  read(at: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(at, at + into.length));
  }
}
