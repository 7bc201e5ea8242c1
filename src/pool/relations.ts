import { LIMITS } from '../core/limits.js';
import type { Value } from '../core/value.js';
import { KEY, KEY_NAMES } from './attributes.js';
import type { Room } from './room.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/** What an object says of others: lists of names, in its tags or attributes. */
const RELATIONS = (['derivedFrom', 'partOf', 'supersedes', 'dependsOn'] as const).map((each) => ({
  key: KEY[each],
  relation: KEY_NAMES[each].slice(1),
}));

/** What lists may take to find out who names whom: half of what an answer has, for any pool. */
const LISTS_BYTES_MAX = 384 << 10;
/** To read a list takes its bytes and these; to follow one of its names, or an object, others. */
const LIST_BYTES = 16;
const FOLLOWED_BYTES = 96;

interface Listed {
  readonly relation: string;
  readonly term: number;
}

/** Who says to stand in relation to whom, for one answer: each list is read once, for its room. */
export class Relations {
  readonly #pool: PoolState;
  readonly #room: Room;
  readonly #names = new Map<number, readonly string[]>();
  #byName: ReadonlyMap<string, readonly Listed[]> | null = null;
  /** Whether there was too much to be looked at. */
  isCut = false;

  constructor(pool: PoolState, room: Room) {
    this.#pool = pool;
    this.#room = room;
  }

  /** The names that an object says to stand in relation to. */
  *of(object: number): Generator<{ readonly relation: string; readonly name: string }> {
    const { objects, versions, attributes } = this.#pool;
    const current = objects.get(object, OBJECT.current);
    const records = [objects.get(object, OBJECT.tags)];
    if (current !== 0) records.push(versions.get(current, VERSION.attributes));
    for (const { key, relation } of RELATIONS) {
      const term = records.map((record) => attributes.termOf(record, key)).find((at) => at !== 0);
      if (term === undefined) continue;
      for (const name of this.#namesIn(term)) {
        if (!this.#room.take(FOLLOWED_BYTES)) return;
        yield { relation, name };
      }
    }
  }

  /** The objects that say to stand in relation to a name. */
  *to(name: string): Generator<{ readonly relation: string; readonly object: number }> {
    const { terms } = this.#pool;
    this.#byName ??= this.#all();
    for (const { relation, term } of this.#byName.get(name) ?? []) {
      // No answer has room for more.
      const objects = terms.postings.some(terms.rowsOf(term), LIMITS.lineageNodesMax);
      for (const object of objects) {
        if (!this.#room.take(FOLLOWED_BYTES)) return;
        yield { relation, object };
      }
      if (objects.length === LIMITS.lineageNodesMax) this.isCut = true;
    }
  }

  /** By which lists a name is named. */
  #all(): Map<string, Listed[]> {
    const { terms } = this.#pool;
    const found = new Map<string, Listed[]>();
    let left = LISTS_BYTES_MAX;
    for (const { key, relation } of RELATIONS) {
      const isCut = terms.someOf(key, (term) => {
        left -= this.#costOf(term);
        if (left < 0) return true;
        for (const name of this.#namesIn(term)) {
          const same = found.get(name);
          if (same === undefined) found.set(name, [{ relation, term }]);
          else same.push({ relation, term });
        }
        return false;
      });
      if (isCut) this.isCut = true;
    }
    return found;
  }

  /** The names in a list, each once; none for want of room. */
  #namesIn(term: number): readonly string[] {
    const known = this.#names.get(term);
    if (known !== undefined) return known;
    if (!this.#room.take(this.#costOf(term))) return [];
    const value = this.#pool.attributes.valueOf(term);
    const list: readonly Value[] = Array.isArray(value) ? value : [value];
    const names = [...new Set(list.filter((each) => typeof each === 'string'))];
    this.#names.set(term, names);
    return names;
  }

  #costOf(term: number): number {
    const { arena, terms } = this.#pool;
    return LIST_BYTES + arena.size(terms.valueOf(term));
  }
}
