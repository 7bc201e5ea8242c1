import { assert } from '../core/assert.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

/**
 * Recounts, from all records of a pool, which terms there are and by which rows each is found, and
 * compares it with the index (I9). For tests and simulation, as all of invariants.ts.
 */
export class FoundBy {
  readonly #pool: PoolState;
  readonly #uses = new Map<number, number>();
  readonly #rows = new Map<number, Set<number>>();
  readonly #objects = new Set<number>();
  #recordBytes = 0;

  constructor(pool: PoolState) {
    this.#pool = pool;
  }

  /** A record of attributes that somebody names. */
  addRecord(record: number): void {
    if (record === 0) return;
    this.#recordBytes += this.#pool.arena.bytesOf(record);
    for (const term of this.#termsOf(record)) {
      this.#uses.set(term, (this.#uses.get(term) ?? 0) + 1);
    }
  }

  addObject(object: number): void {
    const { objects, versions, attributes } = this.#pool;
    this.#objects.add(object);
    const tags = objects.get(object, OBJECT.tags);
    const current = objects.get(object, OBJECT.current);
    const said = current === 0 ? 0 : versions.get(current, VERSION.attributes);
    const byKey = new Map<number, number>();
    for (const record of [said, tags]) {
      for (const term of this.#termsOf(record)) byKey.set(attributes.terms.keyOf(term), term);
    }
    for (const term of byKey.values()) {
      const rows = this.#rows.get(term) ?? new Set();
      this.#rows.set(term, rows.add(object));
    }
  }

  /** Compares; returns what records and values take of the arena. */
  check(): number {
    const { terms, arena, all } = this.#pool;
    assert(terms.used === this.#uses.size, 'I9: every term is held by a record');
    let bytes = this.#recordBytes;
    const byKey = new Map<number, Set<number>>();
    for (const [term, uses] of this.#uses) {
      assert(terms.usesOf(term) === uses, 'I9: records that hold a term are counted');
      bytes += arena.bytesOf(terms.valueOf(term));
      const rows = this.#rows.get(term) ?? new Set();
      this.#compare(terms.rowsOf(term), rows);
      const key = terms.keyOf(term);
      byKey.set(key, new Set([...(byKey.get(key) ?? []), ...rows]));
    }
    for (const [key, rows] of byKey) this.#compare(terms.rowsOfKey(key), rows);
    this.#compare(all, this.#objects);
    return bytes;
  }

  #compare(set: number, rows: ReadonlySet<number>): void {
    const { postings } = this.#pool.terms;
    assert(postings.count(set) === rows.size, 'I9: a set has the rows that it should, no more');
    for (const row of rows) assert(postings.has(set, row), 'I9: a set has every row');
  }

  #termsOf(record: number): number[] {
    const { attributes } = this.#pool;
    const terms: number[] = [];
    for (let place = 0; place < attributes.count(record); place++) {
      terms.push(attributes.termAt(record, place));
    }
    return terms;
  }
}
