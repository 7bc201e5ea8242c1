import { Reader } from '../core/bytes.js';
import { orderOfBytes } from '../core/selector/satisfies.js';
import { decodeUtf8 } from '../core/utf8.js';
import type { Value } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import { compareValues } from '../core/value-order.js';
import type { Sort } from '../protocol/index.js';
import { emit } from './emit.js';
import { termFound } from './indexing.js';
import { objectName } from './objects.js';
import { isNameKey, isToldKey, toldOf, toldSteps } from './own-keys.js';
import { pageOf, RowsAnswer } from './querying.js';
import { OBJECT } from './rows.js';
import { nextOf, WORK_MAX } from './searching.js';
import type { Session } from './sessions.js';
import type { PoolState } from './state.js';

/** Objects whose keys are looked up for one answer, and bytes of keys: bounds the pause. */
const ROWS_MAX = 8_192;
const BYTES_MAX = 1 << 20;
/** So many steps of telling count as a byte that is read. */
const BYTE_STEPS = 16;

interface Place {
  readonly value: Value | undefined;
  readonly name: Uint8Array;
}

interface Found extends Place {
  readonly object: number;
}

/**
 * SORT: of a part of the pool the first objects behind a place, in the order of a key and then of
 * their names: which is the same whatever is between them, so that a page goes on where the one
 * before has ended though objects come and go.
 */
export function sort(pool: PoolState, session: Session, request: number, message: Sort): void {
  const { search, from } = pool.searching.open(message);
  const best = new Best(pageOf(message.limit), message.descending === 1, placeOf(pool, message));
  const keys = new SortKeys(pool, message);
  let looked = 0;
  const next = search.rows(
    from,
    (object) => {
      best.add({ object, value: keys.of(object), name: nameBytes(pool, object) });
      return ++looked < ROWS_MAX && keys.bytes < BYTES_MAX;
    },
    WORK_MAX,
  );
  const answer = new RowsAnswer(pool, emit(pool, session), request, message.detail);
  const all = best.all();
  for (const found of all) {
    if (answer.isFull) break;
    answer.addSorted(found.object, found.value ?? null);
  }
  answer.end(nextOf(next), answer.count < all.length);
}

/** The first so many of what is added. */
class Best {
  readonly #limit: number;
  readonly #compare: (one: Place, other: Place) => number;
  readonly #behind: Place | null;
  #found: Found[] = [];
  /** Nothing that comes after it is among the first. */
  #worst: Found | undefined;

  constructor(limit: number, isDescending: boolean, behind: Place | null) {
    this.#limit = limit;
    this.#behind = behind;
    this.#compare = (one, other) => {
      const order = compareValues(one.value, other.value, isDescending);
      return order !== 0 ? order : orderOfBytes(one.name, other.name);
    };
  }

  add(found: Found): void {
    if (this.#behind !== null && this.#compare(found, this.#behind) <= 0) return;
    if (this.#worst !== undefined && this.#compare(found, this.#worst) >= 0) return;
    this.#found.push(found);
    if (this.#found.length >= this.#limit * 2) this.#prune();
  }

  all(): readonly Found[] {
    this.#prune();
    return this.#found;
  }

  #prune(): void {
    this.#found = this.#found.sort(this.#compare).slice(0, this.#limit);
    if (this.#found.length === this.#limit) this.#worst = this.#found.at(-1);
  }
}

function placeOf(pool: PoolState, message: Sort): Place | null {
  if (message.hasPlace === 0) return null;
  const { bytes } = pool.reader;
  const value = readValue(new Reader(bytes.subarray(message.placeStart, message.placeEnd)));
  const name = bytes.slice(message.nameStart, message.nameEnd);
  return { value: value ?? undefined, name };
}

/** What objects are sorted by. */
class SortKeys {
  /** Of the distinct keys that were read. */
  bytes = 0;
  readonly #pool: PoolState;
  readonly #name: string;
  readonly #number: number;
  readonly #values = new Map<number, Value>();

  constructor(pool: PoolState, message: Sort) {
    this.#pool = pool;
    this.#name = decodeUtf8(pool.reader.bytes, message.keyStart, message.keyEnd);
    this.#number = pool.keys.find(this.#name);
  }

  of(object: number): Value | undefined {
    const pool = this.#pool;
    if (isNameKey(this.#name)) {
      this.bytes += pool.arena.size(pool.objects.get(object, OBJECT.name));
      return objectName(pool, object);
    }
    if (isToldKey(this.#name)) {
      this.bytes += Math.floor(toldSteps(pool, this.#name, object) / BYTE_STEPS);
      return toldOf(pool, this.#name, object);
    }
    const term = termFound(pool, object, this.#number);
    if (term === 0) return undefined;
    const known = this.#values.get(term);
    if (known !== undefined) return known;
    const value = pool.attributes.valueOf(term);
    this.bytes += pool.arena.size(pool.terms.valueOf(term));
    this.#values.set(term, value);
    return value;
  }
}

function nameBytes({ objects, arena }: PoolState, object: number): Uint8Array {
  return arena.view(objects.get(object, OBJECT.name));
}
