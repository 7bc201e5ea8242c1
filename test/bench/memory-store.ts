import type { Attributes, Described, Question } from '../../bench/metadata/objects.js';
import type { MetadataStore, Row } from '../../bench/metadata/store.js';

type Tagged = Attributes & Record<string, unknown>;

/** A store that looks at all it has: what the others are compared with. */
export class MemoryStore implements MetadataStore {
  readonly batch = { objects: 300, underWay: 2 };
  readonly #objects = new Map<string, Tagged>();
  settled = 0;

  get size(): number {
    return this.#objects.size;
  }

  async load(objects: readonly Described[]): Promise<void> {
    for (const { object, attributes } of objects) this.#objects.set(object, { ...attributes });
  }

  async settle(): Promise<void> {
    this.settled++;
  }

  async tag(objects: readonly string[], key: string, value: string): Promise<void> {
    for (const object of objects) this.#tag(object, key, value);
  }

  async tagEach(
    tags: readonly { readonly object: string; readonly value: string }[],
    key: string,
  ): Promise<void> {
    for (const { object, value } of tags) this.#tag(object, key, value);
  }

  async tagWhere(question: Question, key: string, value: string): Promise<number> {
    const found = this.names(question);
    await this.tag(found, key, value);
    return found.length;
  }

  async *query(
    question: Question,
    options: { readonly attributes: boolean },
  ): AsyncGenerator<readonly Row[]> {
    yield this.names(question).map((object) => ({
      object,
      attributes: options.attributes ? (this.#objects.get(object) ?? null) : null,
    }));
  }

  async queryEach(questions: readonly Question[]): Promise<readonly string[]> {
    return questions.flatMap((question) => this.names(question));
  }

  async count(question: Question): Promise<number> {
    return this.names(question).length;
  }

  async close(): Promise<void> {}

  names(question: Question): string[] {
    return [...this.#objects]
      .filter(([, attributes]) => satisfies(attributes, question))
      .map(([object]) => object);
  }

  #tag(object: string, key: string, value: string): void {
    const attributes = this.#objects.get(object);
    if (attributes === undefined) throw new Error(`Cannot tag "${object}": there is none`);
    this.#objects.set(object, { ...attributes, [key]: value });
  }
}

function satisfies(attributes: Tagged, { equal, range, infix }: Question): boolean {
  if (!Object.entries(equal ?? {}).every(([key, value]) => attributes[key] === value)) return false;
  if (infix !== undefined && !String(attributes[infix.key]).includes(infix.text)) return false;
  if (range === undefined) return true;
  const value = Number(attributes[range.key]);
  return value >= range.low && value <= range.high;
}
