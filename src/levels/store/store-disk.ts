/** A file or a folder in a folder of a store. */
export interface StoreFile {
  readonly name: string;
  readonly size: number;
  readonly isFolder: boolean;
}

/**
 * The directory of a store, as its code sees it. Paths are relative to it, with `/`. Every promise
 * rejects with an AttaccaError: `disk-full`, `store-denied`, `file-error` for all else. Bytes are
 * borrowed until the promise is settled.
 *
 * What a loss of power may undo: contents that were not synced, in any order and in part, and names
 * that were made, changed or removed since their folder was synced.
 */
export interface StoreDisk {
  /** Nothing where there is no such folder. */
  list(folder: string): Promise<readonly StoreFile[]>;
  /** Null where there is no such file. */
  size(path: string): Promise<number | null>;
  /** Reads as much of `target` as there is and returns how much; null where there is no file. */
  read(path: string, offset: number, target: Uint8Array): Promise<number | null>;
  /**
   * The same bytes at once, when memory has them all: borrowed until the next call. Null: nobody
   * knows without waiting, or this thread should see to other things first.
   */
  readNow(path: string, offset: number, bytes: number): Uint8Array | null;
  /** Writes pieces one behind the other; makes the file when it is not there, not its folder. */
  write(path: string, offset: number, pieces: readonly Uint8Array[]): Promise<void>;
  /** All that was written to a file is durable, and its size. */
  sync(path: string): Promise<void>;
  /** The names in a folder are durable. */
  syncFolder(path: string): Promise<void>;
  truncate(path: string, size: number): Promise<void>;
  /** With those above it; one that is there stays. */
  makeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** A file, or a folder with all that is in it; where there is none, nothing. */
  remove(path: string): Promise<void>;
  /** Bytes that there is room for; null where the system does not say. */
  free(): Promise<number | null>;
  /** Lets files go that are open. Idempotent. */
  close(): Promise<void>;
}
