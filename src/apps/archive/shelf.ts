import { parseSelector } from '../../core/selector/parser.js';
import { objectTester } from '../../core/selector/selects.js';
import { keysOfEntry } from '../../levels/entry-keys.js';
import type { LevelEntry } from '../../levels/level.js';
import type { DirectoryLevel } from '../../levels/store/index.js';
import { storedAt } from './place.js';

/** A store that another process may be writing to is looked at anew so often. */
const REFRESH_MS = 500;
/** ... and for at most this part of the time. */
const REFRESH_SHARE = 10;

/** Objects of a store by their names. */
export class Shelf {
  readonly #store: DirectoryLevel;
  readonly #pool: string;
  #pools: ReadonlySet<string> = new Set();
  #refreshing: Promise<void> | null = null;
  /** When it may be looked at anew. */
  #nextMs = 0;

  /** What is written by others is found when it is looked for. */
  onMore: (() => void) | null = null;

  private constructor(store: DirectoryLevel, pool: string) {
    this.#store = store;
    this.#pool = pool;
  }

  /** `pool`: whose objects come first. */
  static async of(store: DirectoryLevel, pool: string): Promise<Shelf> {
    const shelf = new Shelf(store, pool);
    await shelf.#look();
    return shelf;
  }

  /**
   * The newest version of a name, of this pool; else of the pool of which it was stored last. Null:
   * there is none, also in what was written since.
   */
  async find(name: string): Promise<LevelEntry | null> {
    const known = await this.#known(name);
    if (known !== null) return known;
    await this.refresh();
    return await this.#known(name);
  }

  /** The names of what a selector selects. */
  async select(selector: string): Promise<ReadonlySet<string>> {
    const isSelected = objectTester(parseSelector(selector));
    const names = new Set<string>();
    for await (const entry of this.#store.list()) {
      if (isSelected({ own: keysOfEntry(entry), attributes: entry.attributes }))
        names.add(entry.name);
    }
    return names;
  }

  /** Whoever needs it meanwhile has the same. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #known(name: string): Promise<LevelEntry | null> {
    const own = await this.#newest(this.#pool, name);
    if (own !== null) return own;
    let last: LevelEntry | null = null;
    for (const pool of this.#pools) {
      const found = await this.#newest(pool, name);
      if (found !== null && (last === null || storedAt(found) >= storedAt(last))) last = found;
    }
    return last;
  }

  async #newest(pool: string, name: string): Promise<LevelEntry | null> {
    const version = await this.#store.newest(pool, name);
    return version === null ? null : await this.#store.find({ pool, name, version });
  }

  async #refresh(): Promise<void> {
    const ms = this.#nextMs - performance.now();
    if (ms > 0) await new Promise((done) => setTimeout(done, ms));
    await this.#store.refresh();
    await this.#look();
  }

  async #look(): Promise<void> {
    const startedMs = performance.now();
    const pools = new Set<string>();
    for await (const { pool } of this.#store.list()) pools.add(pool);
    this.#pools = pools;
    const endedMs = performance.now();
    this.#nextMs = endedMs + Math.max(REFRESH_MS, REFRESH_SHARE * (endedMs - startedMs));
  }
}
