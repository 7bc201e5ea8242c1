import { RowSet, WINDOW_BITS } from '../catalog/row-set.js';
import type { Value } from '../core/value.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** What an object says of others, by the tag or attribute `.RELATION`: a name or a list of them. */
const RELATIONS = ['derived-from', 'part-of', 'supersedes', 'depends-on'] as const;

/** Distinct values of a key that are looked into for one answer: bounds the pause. */
const VALUES_MAX = 16_384;

interface Declared {
  readonly relation: string;
  readonly object: number;
}

/** The names that an object says to stand in relation to. */
export function* relationsOf(
  pool: PoolState,
  object: number,
): Generator<{ readonly relation: string; readonly name: string }> {
  const { objects, versions, attributes, keys } = pool;
  const current = objects.get(object, OBJECT.current);
  const records = [objects.get(object, OBJECT.tags)];
  if (current !== 0) records.push(versions.get(current, VERSION.attributes));
  for (const relation of RELATIONS) {
    const key = keys.find(`.${relation}`);
    if (key === 0) continue;
    const term = records.map((record) => attributes.termOf(record, key)).find((at) => at !== 0);
    if (term === undefined) continue;
    for (const name of namesIn(attributes.valueOf(term))) yield { relation, name };
  }
}

/** Who says to stand in relation to a name: looked up once, when it is asked for first. */
export class DeclaredBy {
  readonly #pool: PoolState;
  #byName: Map<string, Declared[]> | null = null;
  /** Whether there was too much to be looked at. */
  isCut = false;

  constructor(pool: PoolState) {
    this.#pool = pool;
  }

  of(name: string): readonly Declared[] {
    this.#byName ??= this.#all();
    return this.#byName.get(name) ?? [];
  }

  #all(): Map<string, Declared[]> {
    const { keys, terms, attributes } = this.#pool;
    const found = new Map<string, Declared[]>();
    let left = VALUES_MAX;
    for (const relation of RELATIONS) {
      const key = keys.find(`.${relation}`);
      if (key === 0) continue;
      terms.eachOf(key, (term) => {
        if (left-- <= 0) {
          this.isCut = true;
          return;
        }
        const names = namesIn(attributes.valueOf(term));
        for (const object of this.#rowsOf(terms.rowsOf(term))) {
          for (const name of names) {
            const same = found.get(name);
            if (same === undefined) found.set(name, [{ relation, object }]);
            else same.push({ relation, object });
          }
        }
      });
    }
    return found;
  }

  /** The rows of a set, as many as are looked at. */
  #rowsOf(set: number): number[] {
    const { postings } = this.#pool.terms;
    const rows: number[] = [];
    const some = new RowSet();
    for (let window = postings.windowFrom(set, 0); window >= 0; ) {
      some.clear();
      postings.fill(set, window, some.words);
      for (let row = some.next(0); row >= 0; row = some.next(row + 1)) {
        if (rows.length >= VALUES_MAX) {
          this.isCut = true;
          return rows;
        }
        rows.push((window << WINDOW_BITS) | row);
      }
      window = postings.windowFrom(set, window + 1);
    }
    return rows;
  }
}

function namesIn(value: Value): string[] {
  const list: readonly Value[] = Array.isArray(value) ? value : [value];
  return [...new Set(list.filter((each) => typeof each === 'string'))];
}
