import type { Value } from '../core/value.js';
import { KEY, KEY_NAMES } from './attributes.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** What an object says of others: lists of names, in its tags or attributes. */
const RELATIONS = (['derivedFrom', 'partOf', 'supersedes', 'dependsOn'] as const).map((each) => ({
  key: KEY[each],
  relation: KEY_NAMES[each].slice(1),
}));

/** Names that are read, and relations that are found, for one answer: bounds the pause. */
const WORK_MAX = 65_536;
/** A name in a list takes some ten bytes at least. */
const NAME_BYTES = 10;

interface Declared {
  readonly relation: string;
  readonly object: number;
}

/** The names that an object says to stand in relation to. */
export function* relationsOf(
  pool: PoolState,
  object: number,
): Generator<{ readonly relation: string; readonly name: string }> {
  const { objects, versions, attributes } = pool;
  const current = objects.get(object, OBJECT.current);
  const records = [objects.get(object, OBJECT.tags)];
  if (current !== 0) records.push(versions.get(current, VERSION.attributes));
  for (const { key, relation } of RELATIONS) {
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
    const { terms, attributes, arena } = this.#pool;
    const found = new Map<string, Declared[]>();
    let left = WORK_MAX;
    for (const { key, relation } of RELATIONS) {
      terms.eachOf(key, (term) => {
        left -= Math.ceil(arena.size(terms.valueOf(term)) / NAME_BYTES);
        const names = left <= 0 ? [] : namesIn(attributes.valueOf(term));
        const objectsMax = Math.max(0, Math.floor(left / Math.max(names.length, 1)));
        const objects = terms.postings.some(terms.rowsOf(term), objectsMax + 1);
        if (objects.length > objectsMax) {
          this.isCut = true;
          return;
        }
        left -= names.length * objects.length;
        for (const name of names) {
          const same = found.get(name) ?? [];
          found.set(name, same);
          for (const object of objects) same.push({ relation, object });
        }
      });
    }
    return found;
  }
}

function namesIn(value: Value): string[] {
  const list: readonly Value[] = Array.isArray(value) ? value : [value];
  return [...new Set(list.filter((each) => typeof each === 'string'))];
}
