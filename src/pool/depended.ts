import { KEY } from './attributes.js';
import type { PoolState } from './state.js';

/**
 * How many objects say that they depend on each name: asked at every delete, so it is kept beside
 * the index, from which it can be counted anew. What is shown and hidden of other keys is none of
 * it.
 */
export class Depended {
  readonly #counts = new Map<string, number>();

  has(name: string): boolean {
    return this.#counts.has(name);
  }

  /** Whether another one counts the same. */
  isSame(other: Depended): boolean {
    const counts = [...this.#counts];
    return (
      counts.length === other.#counts.size &&
      counts.every(([name, count]) => other.#counts.get(name) === count)
    );
  }

  /** So many more objects, or fewer, are found by a term of `.depends-on`. */
  add(pool: PoolState, term: number, objects: number): void {
    for (const name of namesOf(pool, term)) {
      const count = (this.#counts.get(name) ?? 0) + objects;
      if (count === 0) this.#counts.delete(name);
      else this.#counts.set(name, count);
    }
  }

  /** Counts anew, in a pool that was restored. */
  restore(pool: PoolState): void {
    const { terms } = pool;
    terms.eachOf(KEY.dependsOn, (term) => {
      this.add(pool, term, terms.postings.count(terms.rowsOf(term)));
    });
  }
}

/** The names in a list, each once. */
function namesOf({ attributes }: PoolState, term: number): ReadonlySet<string> {
  const list = attributes.valueOf(term);
  const names = Array.isArray(list) ? list : [list];
  return new Set(names.filter((name): name is string => typeof name === 'string'));
}
