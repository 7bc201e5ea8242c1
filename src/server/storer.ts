import type { FileHandle } from 'node:fs/promises';
import { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { EXACT, readMap } from '../core/value-codec.js';
import type { LevelKey } from '../levels/level.js';
import { type DirectoryLevel, openClaimed } from '../levels/store/index.js';
import type { Stored } from '../pool/state.js';
import type { StoredVersion } from '../pool/stored-versions.js';
import type { KeptSlab, Range, StoreOrder, Why } from './agent-messages.js';
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
    const { ask, name } = effect;
    this.#inOrder(effect, async () => {
      const failure = await this.#put(effect).then(
        () => null,
        (error: unknown) => whyOf(error, name),
      );
      this.#options.tell({ ask, failure });
    });
  }

  async #put(effect: StoreOrder): Promise<void> {
    const { name, space } = effect;
    const attributes = readMap(new Reader(effect.attributes), EXACT);
    const pinned = await this.#options.pin(effect);
    if (pinned === null) {
      throw new AttaccaError('object-lost', `Cannot store "${name}": its bytes are gone`, { name });
    }
    try {
      const entry = { ...this.#keyOf(effect), space, attributes };
      await this.#level.put(entry, pinned.bytes, { durability: 'fsync' });
    } finally {
      pinned.release();
    }
  }

  /** What cannot be removed stays until the next start, which looks for it. */
  unstore(stored: Stored): void {
    this.#inOrder(stored, async () => {
      await this.#level.delete(this.#keyOf(stored)).catch(() => {});
    });
  }

  /** Parts are beside the objects, as of another pool: each has a name that no other one has. */
  #keyOf({ name, version, part }: Stored): LevelKey {
    const { pool } = this.#options;
    if (part === 0) return { pool, name, version };
    return { pool: partsOf(pool), name: `${name}#${part}`, version };
  }

  #inOrder({ name, version, part }: Stored, run: () => Promise<void>): void {
    const key = `${part} ${version} ${name}`;
    const before = this.#busy.get(key) ?? Promise.resolve();
    const done = before.then(run).then(() => {
      if (this.#busy.get(key) === done) this.#busy.delete(key);
    });
    this.#busy.set(key, done);
  }

  /**
   * Makes slabs anew that are gone and have versions in them which the store has, each verified.
   * Returns the rows of those that are back, with all their parts; a slab with nothing of them is
   * not made.
   */
  async restore(
    slabs: readonly KeptSlab[],
    versions: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<number[]> {
    const back = new Set<StoredVersion>();
    for (const kept of slabs) {
      const within = versions.filter(({ slab }) => slab === kept.slab);
      if (within.length === 0) continue;
      const found = kept.adopted
        ? await this.#readBackFile(kept, within, memory)
        : await this.#readBack(kept, within, memory);
      for (const each of found) back.add(each);
    }
    const gone = new Set(slabs.map(({ slab }) => slab));
    const wanted = versions.filter(({ slab }) => gone.has(slab));
    const lost = new Set(wanted.filter((each) => !back.has(each)).map(({ row }) => row));
    return [...new Set([...back].map(({ row }) => row))].filter((row) => !lost.has(row));
  }

  async #readBack(
    { slab, size }: KeptSlab,
    within: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<StoredVersion[]> {
    const isMade = await memory.create(slab, size).then(
      () => true,
      () => false,
    );
    if (!isMade) return [];
    const back: StoredVersion[] = [];
    for (const each of within) {
      const found = await this.#level
        .get(this.#keyOf(each), memory.bytesOf(each))
        .catch(() => null);
      if (found?.entry.size === each.size) back.push(each);
    }
    if (back.length === 0) await memory.remove(slab);
    return back;
  }

  /** It was a file that was adopted, of any size: so it is written as one. */
  async #readBackFile(
    { slab, size }: KeptSlab,
    within: readonly StoredVersion[],
    memory: Restoring,
  ): Promise<StoredVersion[]> {
    const back: StoredVersion[] = [];
    const isMade = await memory
      .refill(slab, size, async (file) => {
        for (const each of within) {
          const isBack = await this.#copy(each, file).catch(() => false);
          if (isBack) back.push(each);
        }
        return back.length > 0;
      })
      .catch(() => false);
    return isMade ? back : [];
  }

  async #copy(each: StoredVersion, file: FileHandle): Promise<boolean> {
    const { offset, size } = each;
    const found = await this.#level.stream(this.#keyOf(each));
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
  async forgetOthers(known: readonly Stored[]): Promise<void> {
    const { pool } = this.#options;
    const textOf = ({ pool, name, version }: LevelKey): string => `${version} ${name} ${pool}`;
    const texts = new Set(known.map((each) => textOf(this.#keyOf(each))));
    const others: LevelKey[] = [];
    // While there is a list nothing is compacted: so all of it first.
    for await (const { pool: of, name, version } of this.#level.list()) {
      const key = { pool: of, name, version };
      if ((of === pool || of === partsOf(pool)) && !texts.has(textOf(key))) others.push(key);
    }
    for (const key of others) {
      try {
        await this.#level.delete(key);
      } catch (error) {
        // Together they may make room, though each of them finds none.
        if (!(error instanceof AttaccaError && error.code === 'disk-full')) throw error;
      }
    }
  }
}

/** Under what name of a pool its parts are in a store. */
const partsOf = (pool: string): string => `${pool}.parts`;

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
