import { AttaccaError } from '../../core/errors.js';
import { type DirectoryLevel, openStore } from '../../levels/store/index.js';
import { quoted } from '../format.js';
import type { Located } from '../pool/located.js';
import type { Saying } from '../where.js';
import { storedObjects } from './stored.js';

/** An object of a store, to be written: its blocks are verified before they are. */
type Stored = Pick<Located, 'name' | 'version' | 'size' | 'space' | 'attributes' | 'chunks'>;

/** The names of what is selected, each once. */
export async function storedNames(
  directory: string,
  selector: string,
  options: Saying,
): Promise<string[]> {
  const entries = await storedObjects(directory, selector, options);
  return [...new Set(entries.map(({ name }) => name))];
}

/** Opens a store and gives of each name its newest version; of several pools the one with it. */
export async function openStored(directory: string): Promise<StoredObjects> {
  return new StoredObjects(directory, await openStore(directory, { access: 'read' }));
}

class StoredObjects implements AsyncDisposable {
  readonly #directory: string;
  readonly #store: DirectoryLevel;
  /** Pools that objects come from: a name alone does not say which. */
  #pools: ReadonlySet<string> | null = null;

  constructor(directory: string, store: DirectoryLevel) {
    this.#directory = directory;
    this.#store = store;
  }

  /** `unknown-object` when there is none; `bad-name` when it is in several pools. */
  async find(name: string): Promise<Stored> {
    const found: { pool: string; version: number }[] = [];
    for (const pool of await this.#knownPools()) {
      const version = await this.#store.newest(pool, name);
      if (version !== null) found.push({ pool, version });
    }
    const [first, second] = found;
    const where = `"${this.#directory}"`;
    if (first === undefined) {
      const text = `Cannot get ${quoted(name)}: it is not in the store ${where}`;
      throw new AttaccaError('unknown-object', text, { name });
    }
    if (second !== undefined) {
      const text = `Cannot get ${quoted(name)}: the store ${where} has it of several pools`;
      throw new AttaccaError('bad-name', text, { name, pools: found.map(({ pool }) => pool) });
    }
    return await this.#open({ ...first, name });
  }

  async #open(key: { pool: string; name: string; version: number }): Promise<Stored> {
    const entry = await this.#store.find(key);
    if (entry === null) throw new AttaccaError('unknown-object', `Cannot get ${quoted(key.name)}`);
    const { name, version, size, space, attributes } = entry;
    const store = this.#store;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      const found = await store.stream(key);
      if (found !== null) yield* found.blocks;
    }
    return { name, version, size, space, attributes, chunks };
  }

  async #knownPools(): Promise<ReadonlySet<string>> {
    if (this.#pools !== null) return this.#pools;
    const pools = new Set<string>();
    for await (const { pool } of this.#store.list()) pools.add(pool);
    this.#pools = pools;
    return pools;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store.close();
  }
}
