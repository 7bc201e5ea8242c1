import { AttaccaError, type ErrorCode } from '../core/errors.js';
import type {
  Level,
  LevelBytes,
  LevelCapacity,
  LevelEntry,
  LevelFound,
  LevelKey,
  LevelStream,
  PutOptions,
} from '../levels/level.js';

/** How often each fault comes, of one call: 0 never, 1 always. What is left out never comes. */
export interface LevelFaults {
  /** Chooses which calls fail: the same calls fail the same way with the same seed. */
  readonly seed: number;
  /** A put is refused with `disk-full`. */
  readonly full?: number;
  /** Any call fails with `file-error`; a put or a deletion may have been done all the same. */
  readonly failing?: number;
  /** A read ends early: `store-short`. */
  readonly short?: number;
  /** An object is found damaged, and stays so until it is put again: `store-damaged`. */
  readonly damaged?: number;
  /** `store-denied`, of any call. */
  readonly denied?: number;
  /**
   * From a put or a deletion on, done or not, every call fails with `connection-lost`, as if the
   * program at the other end had died.
   */
  readonly crash?: number;
}

/** A level around another one that fails as it is told, by a seed. */
export function faultyLevel(level: Level, faults: LevelFaults): FaultyLevel {
  return new FaultyLevel(level, faults);
}

/** See {@link faultyLevel}. */
export class FaultyLevel implements Level {
  readonly #level: Level;
  readonly #faults: LevelFaults;
  readonly #damaged = new Set<string>();
  #state: number;
  #isCrashed = false;

  constructor(level: Level, faults: LevelFaults) {
    this.#level = level;
    this.#faults = faults;
    this.#state = faults.seed >>> 0;
  }

  /** Whether it has crashed: the level within is as it was left. */
  get isCrashed(): boolean {
    return this.#isCrashed;
  }

  async put(
    entry: Omit<LevelEntry, 'size'>,
    bytes: LevelBytes,
    options?: PutOptions,
  ): Promise<void> {
    if (this.#happens('full')) throw failure('disk-full', entry);
    await this.#change(entry, () => this.#level.put(entry, bytes, options));
    this.#damaged.delete(idOf(entry));
  }

  async delete(key: LevelKey, options?: PutOptions): Promise<boolean> {
    const isDeleted = await this.#change(key, () => this.#level.delete(key, options));
    this.#damaged.delete(idOf(key));
    return isDeleted;
  }

  async get(key: LevelKey, into?: Uint8Array): Promise<LevelFound | null> {
    this.#mayFail(key);
    if (await this.#level.has(key)) this.#mayBeDamaged(key);
    return await this.#level.get(key, into);
  }

  async stream(key: LevelKey): Promise<LevelStream | null> {
    this.#mayFail(key);
    const found = await this.#level.stream(key);
    return found === null ? null : { ...found, blocks: this.#blocks(key, found.blocks) };
  }

  async *#blocks(key: LevelKey, blocks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const block of blocks) {
      this.#mayBeDamaged(key);
      yield block;
    }
  }

  async find(key: LevelKey): Promise<LevelEntry | null> {
    this.#mayFail(key);
    return await this.#level.find(key);
  }

  async has(key: LevelKey): Promise<boolean> {
    this.#mayFail(key);
    return await this.#level.has(key);
  }

  async newest(pool: string, name: string): Promise<number | null> {
    this.#mayFail({ pool, name, version: 0 });
    return await this.#level.newest(pool, name);
  }

  async *list(isWanted?: (entry: LevelEntry) => boolean): AsyncIterable<LevelEntry> {
    for await (const entry of this.#level.list(isWanted)) {
      this.#mayFail(entry);
      yield entry;
    }
  }

  async sync(): Promise<void> {
    this.#mayFail({ pool: '', name: '', version: 0 });
    await this.#level.sync();
  }

  async capacity(): Promise<LevelCapacity> {
    this.#mayFail({ pool: '', name: '', version: 0 });
    return await this.#level.capacity();
  }

  async close(): Promise<void> {
    await this.#level.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #change<T>(key: LevelKey, run: () => Promise<T>): Promise<T> {
    this.#mayFail(key, false);
    const isCrash = this.#happens('crash');
    const isFailure = this.#happens('failing');
    const isDone = this.#dice() < 0.5;
    if (!isCrash && !isFailure) return await run();
    if (isDone) await run();
    if (isFailure && !isCrash) throw failure('file-error', key);
    this.#isCrashed = true;
    throw failure('connection-lost', key);
  }

  #mayFail(key: LevelKey, withFailure = true): void {
    if (this.#isCrashed) throw failure('connection-lost', key);
    if (this.#happens('denied')) throw failure('store-denied', key);
    if (withFailure && this.#happens('failing')) throw failure('file-error', key);
  }

  #mayBeDamaged(key: LevelKey): void {
    if (this.#happens('short')) throw failure('store-short', key);
    if (this.#happens('damaged')) this.#damaged.add(idOf(key));
    if (this.#damaged.has(idOf(key))) throw failure('store-damaged', key);
  }

  #happens(fault: Exclude<keyof LevelFaults, 'seed'>): boolean {
    const share = this.#faults[fault] ?? 0;
    return share > 0 && this.#dice() < share;
  }

  /** The next number of the seed, from 0 to 1: mulberry32. */
  #dice(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
}

function idOf({ pool, name, version }: LevelKey): string {
  return JSON.stringify([pool, name, version]);
}

function failure(code: ErrorCode, { name, version }: LevelKey): AttaccaError {
  const text = `Cannot use version ${version} of "${name}": a fault that a test asked for`;
  return new AttaccaError(code, text, { name, version });
}
