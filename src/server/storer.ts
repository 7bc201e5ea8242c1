import type { FileHandle } from 'node:fs/promises';
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
import type { PinnedRange, SlabStore } from './slab-store.js';

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
  readonly refill: SlabStore['refill'];
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
    const restored: number[] = [];
    for (const kept of slabs) {
      const within = versions.filter(({ slab }) => slab === kept.slab);
      if (within.length === 0) continue;
      const back = kept.adopted
        ? this.#readBackFile(kept, within, memory)
        : this.#readBack(kept, within, memory);
      restored.push(...(await back));
    }
    return restored;
  }

  async #readBack(
    { slab, size }: KeptSlab,
    within: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<number[]> {
    const isMade = await memory.create(slab, size).then(
      () => true,
      () => false,
    );
    if (!isMade) return [];
    const { pool } = this.#options;
    const rows: number[] = [];
    for (const each of within) {
      const { name, version, row } = each;
      const found = await this.#level
        .get({ pool, name, version }, memory.bytesOf(each))
        .catch(() => null);
      if (found?.entry.size === each.size) rows.push(row);
    }
    if (rows.length === 0) await memory.remove(slab);
    return rows;
  }

  /** It was a file that was adopted, of any size: so it is written as one. */
  async #readBackFile(
    { slab, size }: KeptSlab,
    within: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<number[]> {
    const rows: number[] = [];
    const isMade = await memory
      .refill(slab, size, async (file) => {
        for (const each of within) {
          const isBack = await this.#copy(each, file).catch(() => false);
          if (isBack) rows.push(each.row);
        }
        return rows.length > 0;
      })
      .catch(() => false);
    return isMade ? rows : [];
  }

  async #copy({ name, version, offset, size }: StoredVersion, file: FileHandle): Promise<boolean> {
    const { pool } = this.#options;
    const found = await this.#level.stream({ pool, name, version });
    if (found?.entry.size !== size) return false;
    let at = offset;
    for await (const block of found.blocks) {
      await writeAll(file, block, at);
      at += block.length;
    }
    return true;
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

async function writeAll(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
    done += bytesWritten;
  }
}

function whyOf(error: unknown, name: string): Why {
  if (error instanceof AttaccaError) return { code: error.code, message: error.message };
  const why = error instanceof Error ? error.message : String(error);
  return { code: 'internal', message: `Cannot store "${name}": ${why}` };
}
