/** The product as a store of metadata: objects without payload, offered and kept. */
import { join, Timestamp, type Value } from 'attacca';
import type { Described, Question } from '../metadata/objects.js';
import { type MetadataStore, type Row, selectorOf, VARIABLE_KEY } from '../metadata/store.js';

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
      objects.map(({ object, attributes: { name, ...attributes } }) => ({
        name: object,
        attributes: {
          ...attributes,
          [VARIABLE_KEY]: name,
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

  async tagWhere(question: Question, key: string, value: string): Promise<number> {
    const { changed } = await this.#pool.tagSelected(selectorOf(question), { [key]: value });
    return changed;
  }

  async *query(
    question: Question,
    { attributes }: { readonly attributes: boolean },
  ): AsyncGenerator<readonly Row[]> {
    const selector = selectorOf(question);
    if (attributes) {
      for await (const page of this.#pool.queryPages(selector)) {
        yield page.map(({ name, attributes: found }) => ({ object: name, attributes: found }));
      }
      return;
    }
    for await (const page of this.#pool.queryPages(selector, { detail: 'name' })) {
      yield page.map((object) => ({ object, attributes: null }));
    }
  }

  /** All go out in one turn, and so in one write. */
  async queryEach(questions: readonly Question[]): Promise<readonly string[]> {
    const found = await Promise.all(
      questions.map(async (question) => {
        const names: string[] = [];
        const pages = this.#pool.queryPages(selectorOf(question), { detail: 'name' });
        for await (const page of pages) names.push(...page);
        return names;
      }),
    );
    return found.flat();
  }

  count(question: Question): Promise<number> {
    return this.#pool.count(selectorOf(question));
  }

  async close(): Promise<void> {
    await this.#pool.leave();
  }
}

/** Members with different times to reconnect have connections of their own. */
export async function poolStore(address: string, index: number): Promise<MetadataStore> {
  const member = 'metadata[*]';
  return new PoolStore(await join({ member, address, reconnectMs: RECONNECT_MS + index }));
}
