import { KEY } from './attributes.js';
import type { PoolState } from './state.js';

/**
 * Which terms of `.depends-on` name an object, and how many objects are found by each: asked at
 * every delete, so it is kept beside the index, from which it can be made anew.
 */
export class Depended {
  readonly #terms = new Map<string, Map<number, number>>();

  /** How many objects say that they depend on nothing, by a list without names. */
  #onNothing = 0;

  /** No object says what it depends on. */
  get isEmpty(): boolean {
    return this.#terms.size === 0 && this.#onNothing === 0;
  }

  /** The terms that name an object, by which something is found. */
  termsOf(name: string): Iterable<number> {
    return this.#terms.get(name)?.keys() ?? [];
  }

  /** Whether another one says the same. */
  isSame(other: Depended): boolean {
    return this.#text() === other.#text();
  }

  #text(): string {
    const rows = [...this.#terms].map(([name, terms]) => [name, [...terms].sort()]);
    return JSON.stringify([rows.sort(), this.#onNothing]);
  }

  /** So many more objects, or fewer, are found by a term. */
  add(pool: PoolState, term: number, objects: number): void {
    if (objects === 0) return;
    const names = namesOf(pool, term);
    if (names.size === 0) this.#onNothing += objects;
    for (const name of names) {
      const terms = this.#terms.get(name) ?? new Map<number, number>();
      const count = (terms.get(term) ?? 0) + objects;
      if (count === 0) terms.delete(term);
      else terms.set(term, count);
      if (terms.size === 0) this.#terms.delete(name);
      else this.#terms.set(name, terms);
    }
  }

  /** Made anew, in a pool that was restored. */
  restore(pool: PoolState): void {
    const { terms } = pool;
    terms.eachOf(KEY.dependsOn, (term) => {
      this.add(pool, term, terms.postings.count(terms.rowsOf(term)));
    });
  }
}

/** The names in a list, each once; one name alone is a list of one. */
export function namesOf({ attributes }: PoolState, term: number): ReadonlySet<string> {
  const value = attributes.valueOf(term);
  const names = Array.isArray(value) ? value : [value];
  return new Set(names.filter((name): name is string => typeof name === 'string'));
}
