import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { EXACT, readMap } from '../core/value-codec.js';
import { type DirectoryLevel, openClaimed } from '../levels/store/index.js';
import type {
  KeptSlab,
  Range,
  StoredVersion,
  StoreOrder,
  VersionNamed,
  Why,
} from './agent-messages.js';
import type { PinnedRange } from './slab-store.js';

/** What the agent does for a store: the pool says what, and hears of it. */
interface StorerOptions {
  readonly directory: string;
  /** What the pool is called in it. */
  readonly pool: string;
  /** The bytes of a range, until they are released; null when they are not there. */
  readonly pin: (range: Range) => Promise<PinnedRange | null>;
  readonly tell: (told: { readonly ask: number; readonly failure: Why | null }) => void;
}

/** Memory that is made anew for what comes back. */
interface Restoring {
  readonly create: (slab: number, size: number) => Promise<void>;
  readonly remove: (slab: number) => Promise<void>;
  readonly bytesOf: (range: StoredVersion) => Uint8Array;
}

/** Writes bytes of slabs to a store, durably, and brings them back when the slabs are gone. */
export class Storer {
  readonly #options: StorerOptions;
  readonly #level: DirectoryLevel;
  /** What is under way with each version: one after the other, as it was asked. */
  readonly #busy = new Map<string, Promise<void>>();

  static async open(options: StorerOptions): Promise<Storer> {
    return new Storer(options, await openClaimed(options.directory));
  }

  private constructor(options: StorerOptions, level: DirectoryLevel) {
    this.#options = options;
    this.#level = level;
  }

  store(effect: StoreOrder): void {
    const { ask, name, version } = effect;
    this.#inOrder(name, version, async () => {
      const failure = await this.#put(effect).then(
        () => null,
        (error: unknown) => whyOf(error, name),
      );
      this.#options.tell({ ask, failure });
    });
  }

  async #put(effect: StoreOrder): Promise<void> {
    const { name, version, space } = effect;
    const attributes = readMap(new Reader(effect.attributes), EXACT);
    const pinned = await this.#options.pin(effect);
    if (pinned === null) {
      throw new AttaccaError('object-lost', `Cannot store "${name}": its bytes are gone`, { name });
    }
    try {
      const { pool } = this.#options;
      const entry = { pool, name, version, space, attributes };
      await this.#level.put(entry, pinned.bytes, { durability: 'fsync' });
    } finally {
      pinned.release();
    }
  }

  /** What cannot be removed stays until the next start, which looks for it. */
  unstore(name: string, version: number): void {
    const { pool } = this.#options;
    this.#inOrder(name, version, async () => {
      await this.#level.delete({ pool, name, version }).catch(() => {});
    });
  }

  #inOrder(name: string, version: number, run: () => Promise<void>): void {
    const key = `${version} ${name}`;
    const before = this.#busy.get(key) ?? Promise.resolve();
    const done = before.then(run).then(() => {
      if (this.#busy.get(key) === done) this.#busy.delete(key);
    });
    this.#busy.set(key, done);
  }

  /**
   * Makes slabs anew that are gone and have versions in them which the store has, each verified.
   * Returns the rows of those that are back; a slab with none of them is not made.
   */
  async restore(
    slabs: readonly KeptSlab[],
    versions: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<number[]> {
    const { pool } = this.#options;
    const restored: number[] = [];
    for (const { slab, size, adopted } of slabs) {
      const within = adopted ? [] : versions.filter((each) => each.slab === slab);
      if (within.length === 0) continue;
      const isMade = await memory.create(slab, size).then(
        () => true,
        () => false,
      );
      if (!isMade) continue;
      let count = 0;
      for (const each of within) {
        const { name, version, row } = each;
        const found = await this.#level
          .get({ pool, name, version }, memory.bytesOf(each))
          .catch(() => null);
        if (found?.entry.size !== each.size) continue;
        restored.push(row);
        count++;
      }
      if (count === 0) await memory.remove(slab);
    }
    return restored;
  }

  /**
   * Removes what the store has of this pool that the pool does not know: a crash has left it, or a
   * full disk, which may have no room for the deletions either. Then the next start looks again.
   */
  async forgetOthers(known: readonly VersionNamed[]): Promise<void> {
    const { pool } = this.#options;
    const names = new Set(known.map(({ name, version }) => `${version} ${name}`));
    const others: { readonly name: string; readonly version: number }[] = [];
    // While there is a list nothing is compacted: so all of it first.
    for await (const { pool: of, name, version } of this.#level.list()) {
      if (of === pool && !names.has(`${version} ${name}`)) others.push({ name, version });
    }
    for (const { name, version } of others) {
      try {
        await this.#level.delete({ pool, name, version });
      } catch (error) {
        // Together they may make room, though each of them finds none.
        if (!(error instanceof AttaccaError && error.code === 'disk-full')) throw error;
      }
    }
  }
}

function whyOf(error: unknown, name: string): Why {
  if (error instanceof AttaccaError) return { code: error.code, message: error.message };
  const why = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message: `Cannot store "${name}": ${why}` };
}
