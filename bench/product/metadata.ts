/** The product as a store of metadata: objects without payload, offered and kept. */
import { join, Timestamp, type Value } from 'attacca';
import type { Described, Question } from '../metadata/objects.js';
import { CannotError, type MetadataStore, type Row, selectorOf } from '../metadata/store.js';

type Pool = Awaited<ReturnType<typeof join>>;

const RECONNECT_MS = 30_000;
const NANOSECONDS_A_MS = 1_000_000n;

class PoolStore implements MetadataStore {
  readonly batch = { objects: 1_000, underWay: 4 };
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async load(objects: readonly Described[]): Promise<void> {
    await this.#pool.offerMany(
      objects.map(({ object, attributes }) => ({
        name: object,
        attributes: {
          ...attributes,
          created: new Timestamp(BigInt(attributes.created) * NANOSECONDS_A_MS),
        } satisfies Record<string, Value>,
      })),
      { keep: true },
    );
  }

  async settle(): Promise<void> {}

  async tag(objects: readonly string[], key: string, value: string): Promise<void> {
    await Promise.all(objects.map((object) => this.#pool.tag(object, { [key]: value })));
  }

  async tagEach(
    tags: readonly { readonly object: string; readonly value: string }[],
    key: string,
  ): Promise<void> {
    await Promise.all(tags.map(({ object, value }) => this.#pool.tag(object, { [key]: value })));
  }

  tagWhere(question: Question): Promise<number> {
    return notYet('tag by a selector', question);
  }

  // biome-ignore lint/correctness/useYield: there is nothing to yield yet
  async *query(question: Question): AsyncGenerator<readonly Row[]> {
    await notYet('search', question);
  }

  queryEach(questions: readonly Question[]): Promise<readonly string[]> {
    return notYet('search', questions[0] ?? {});
  }

  count(question: Question): Promise<number> {
    return notYet('count', question);
  }

  async close(): Promise<void> {
    await this.#pool.leave();
  }
}

function notYet(what: string, question: Question): Promise<never> {
  return Promise.reject(
    new CannotError(`Cannot ${what} "${selectorOf(question)}": no call takes a selector yet`),
  );
}

/** Members with different times to reconnect have connections of their own. */
export async function poolStore(address: string, index: number): Promise<MetadataStore> {
  const member = 'metadata[*]';
  return new PoolStore(await join({ member, address, reconnectMs: RECONNECT_MS + index }));
}
