/** `attacca/store`: objects in a directory, without a server. docs/storage.md tells of it. */
import type { Level } from '../level.js';
import type { DirectoryOptions } from './directory-level.js';
import { openStore as open } from './open-store.js';

export { AttaccaError, type ErrorCode, type ErrorFields } from '../../core/errors.js';
export type { Space } from '../../core/space.js';
export type { Value, ValueMap } from '../../core/value.js';
export type {
  Level,
  LevelBytes,
  LevelCapacity,
  LevelDurability,
  LevelEntry,
  LevelFound,
  LevelKey,
  LevelStream,
  PutOptions,
} from '../level.js';

export type StoreOptions = Pick<DirectoryOptions, 'access'>;

/** A store that is open. It is let go of by `close()`, or at the end of its `await using`. */
export interface Store extends Level {
  /** For one that reads: what a writer has put since it was opened. */
  refresh(): Promise<void>;
  /** Packs that are mostly dead are written anew; by itself this happens after deletions. */
  compact(): Promise<void>;
}

/**
 * Opens the store in a directory. To be written one is made where there is none, in an empty
 * directory only: `not-a-store` for any other. `store-in-use`, with its pid, while another process
 * writes; any number may read at the same time.
 *
 * ```ts
 * await using store = await openStore('/data/store', { access: 'read' });
 * const found = await store.get({ pool: 'run', name: 't/850', version: 1 });
 * ```
 */
export async function openStore(directory: string, options: StoreOptions): Promise<Store> {
  return await open(directory, { access: options.access });
}
