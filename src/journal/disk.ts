import type { Sink, Source } from '../core/streams.js';

/**
 * The directory of a journal, as its machines see it. Every promise rejects with an AttaccaError:
 * `disk-full` when there is no room, `file-error` for all else. Operations on one file are asked
 * for one after another; those on different files may overlap. Bytes are borrowed until the promise
 * is settled.
 *
 * What a crash may undo: contents that were not synced, and names that were made, changed or
 * removed since the directory was synced; in any order, in part, and torn within a write. What a
 * write does not change it does not harm: the bytes beside it, and those that it writes as they
 * were, stay.
 *
 * When a sync was refused nobody knows what its file holds: all that is written to it from then on
 * may be lost, whatever is answered, until a manager that begins anew has read it. So it is not
 * tried again.
 */
export interface Disk {
  /** Names of all files, with their sizes. */
  list(): Promise<{ readonly name: string; readonly size: number }[]>;
  /**
   * A new file of `size` zero bytes, all of them allocated and durable; one that is there is
   * replaced. Its name needs `syncDirectory`. When it cannot be made, there is none.
   */
  create(name: string, size: number): Promise<void>;
  /**
   * Writes within the size of a file; nothing may be written. `sync`: resolves when these bytes and
   * all that were written to this file before are durable.
   */
  write(name: string, offset: number, bytes: Uint8Array, sync: boolean): Promise<void>;
  /** Reads as much of `target` as there is; returns how much. */
  read(name: string, offset: number, target: Uint8Array): Promise<number>;
  /** Cuts a file, durably. */
  truncate(name: string, size: number): Promise<void>;
  /**
   * Makes or replaces a file of what `fill` writes, durably; its name needs `syncDirectory`. When
   * it cannot be made, there is none.
   */
  put(name: string, fill: (sink: Sink) => void): Promise<void>;
  /** Reads a file from its begin. */
  get<T>(name: string, use: (source: Source, size: number) => T): Promise<T>;
  /** One that has the name `to` is replaced. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes all names durable as they are now. */
  syncDirectory(): Promise<void>;
  /** Lets files go that are open. Idempotent. */
  close(): Promise<void>;
}
