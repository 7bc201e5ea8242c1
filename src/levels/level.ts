import type { Space } from '../core/space.js';
import type { ValueMap } from '../core/value.js';

/** What a level knows an object by. A version is a whole number from 1. */
export interface LevelKey {
  /** The name of the pool that it comes from. */
  readonly pool: string;
  readonly name: string;
  readonly version: number;
}

/** All that a level says of an object without its bytes. */
export interface LevelEntry extends LevelKey {
  readonly space: Space;
  /** Attributes and tags, as they were when it was put. */
  readonly attributes: ValueMap;
  /** Bytes of the payload. */
  readonly size: number;
}

/**
 * How safe a level says that something is. `memory`: it survives any end of this process, not one
 * of the host. `fsync`: that, too.
 */
export type LevelDurability = 'memory' | 'fsync';

/** The payload: in one piece, or in pieces of any size that come one after the other. */
export type LevelBytes = Uint8Array | AsyncIterable<Uint8Array>;

export interface PutOptions {
  /** What is to be so before the call ends; `memory` unless said otherwise. */
  readonly durability?: LevelDurability | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LevelFound {
  readonly entry: LevelEntry;
  /** Small ones lie in one buffer with others, on a multiple of 8: mind `byteOffset`. */
  readonly bytes: Uint8Array;
}

export interface LevelStream {
  readonly entry: LevelEntry;
  /** The payload in its order, each block compared with its checksum before it is given. */
  readonly blocks: AsyncIterable<Uint8Array>;
}

export interface LevelCapacity {
  readonly objects: number;
  /** Of all that lies there, also of what is dead and not yet removed. */
  readonly bytesUsed: number;
  /** What there is room for; null where nobody knows. */
  readonly bytesFree: number | null;
}

/**
 * A place for the bytes of objects. All of a level pass `levelCases` of `attacca/testing`.
 *
 * Each call ends in one of these ways, and they are never mixed up:
 * - it is done;
 * - there is no such object: `null` or `false`, and nothing else is said so;
 * - `store-short`: the bytes end before they should;
 * - `store-damaged`: bytes are there and are not those that were put; never given to anybody;
 * - `store-denied`: the system does not let us;
 * - `disk-full`: there is no room. Nothing of it is there, later puts work when there is room;
 * - `file-error`: the system has failed in another way;
 * - `aborted`: the signal, before it was done.
 *
 * Objects are whole: a put that has not ended leaves the object that was there before, or none.
 */
export interface Level extends AsyncDisposable {
  /**
   * Puts an object, in place of one with the same key. Bytes are not changed before the call has
   * ended. `size-mismatch` when they are not those of the space; `bad-space` when that is none, or
   * leaves anything open. With `fsync` it waits, together with others that wait, for one sync.
   */
  put(entry: Omit<LevelEntry, 'size'>, bytes: LevelBytes, options?: PutOptions): Promise<void>;
  /**
   * An object with its bytes, verified; null when there is none. `into`: takes them, and has at
   * least as many bytes as the object (`bad-argument`).
   */
  get(key: LevelKey, into?: Uint8Array): Promise<LevelFound | null>;
  /** As {@link get}, a block at a time, for what is large. */
  stream(key: LevelKey): Promise<LevelStream | null>;
  /** What is said of an object; null when there is none. */
  find(key: LevelKey): Promise<LevelEntry | null>;
  has(key: LevelKey): Promise<boolean>;
  /** The newest version of a name; null when there is none. */
  newest(pool: string, name: string): Promise<number | null>;
  /** Whether there was one. It is as safe as `options` says when the call ends. */
  delete(key: LevelKey, options?: PutOptions): Promise<boolean>;
  /**
   * All objects, or those that are wanted, in no order. What is put or deleted meanwhile is there
   * or not; all others are there once. Saying what is wanted costs less than leaving out.
   */
  list(isWanted?: (entry: LevelEntry) => boolean): AsyncIterable<LevelEntry>;
  /** All that was put or deleted before is safe as of `fsync`. */
  sync(): Promise<void>;
  capacity(): Promise<LevelCapacity>;
  /** Ends what is under way first; again: nothing. */
  close(): Promise<void>;
}
