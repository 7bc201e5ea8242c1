import type { Role } from '../catalog/shapes.js';
import { assert } from '../core/assert.js';
import { Depended } from './depended.js';
import { OBJECT, VERSION } from './rows.js';
import type { PoolState } from './state.js';

const NONE: ReadonlySet<number> = new Set();

/**
 * Recounts, from all records of a pool, which terms there are and by which rows each is found, and
 * compares it with the index (I9). For tests and simulation, as all of invariants.ts.
 */
export class FoundBy {
  readonly #pool: PoolState;
  /** Those who hold each record. */
  readonly #records = new Map<number, number>();
  readonly #uses = new Map<number, number>();
  readonly #shapeUses = new Map<number, number>();
  readonly #shapeRows = { attributed: new Map(), tagged: new Map() } as const satisfies {
    readonly [R in Role]: Map<number, Set<number>>;
  };
  readonly #rows = new Map<number, Set<number>>();
  readonly #objects = new Set<number>();
  #recordBytes = 0;

  constructor(pool: PoolState) {
    this.#pool = pool;
  }

  /** A record of attributes that somebody names. */
  addRecord(record: number): void {
    if (record === 0) return;
    count(this.#records, record);
    if (this.#records.get(record) !== 1) return;
    this.#recordBytes += this.#pool.arena.bytesOf(record);
    for (const term of this.#termsOf(record)) count(this.#uses, term);
    count(this.#shapeUses, this.#pool.attributes.shapeOf(record));
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
    for (const term of byKey.values()) addRow(this.#rows, term, object);
    const { attributed, tagged } = this.#shapeRows;
    if (said !== 0) addRow(attributed, attributes.shapeOf(said), object);
    if (tags !== 0) addRow(tagged, attributes.shapeOf(tags), object);
  }

  /** Compares; returns what records and values take of the arena. */
  check(): number {
    const { terms, arena, all } = this.#pool;
    assert(terms.used === this.#uses.size, 'I9: every term is held by a record');
    for (const [record, uses] of this.#records) {
      const isCounted = this.#pool.attributes.usesOf(record) === uses;
      assert(isCounted, 'I9: those who hold a record are counted');
    }
    let bytes = this.#recordBytes;
    for (const [term, uses] of this.#uses) {
      assert(terms.usesOf(term) === uses, 'I9: records that hold a term are counted');
      bytes += arena.bytesOf(terms.valueOf(term));
      this.#compare(terms.rowsOf(term), this.#rows.get(term) ?? NONE);
    }
    this.#compare(all, this.#objects);
    const depended = new Depended();
    depended.restore(this.#pool);
    assert(depended.isSame(this.#pool.depended), 'who depends on what is counted');
    return bytes + this.#checkShapes();
  }

  #checkShapes(): number {
    const { shapes, arena } = this.#pool;
    assert(shapes.used === this.#shapeUses.size, 'I9: every shape is held by a record');
    let bytes = 0;
    for (const [shape, uses] of this.#shapeUses) {
      assert(shapes.usesOf(shape) === uses, 'I9: records that have a shape are counted');
      bytes += arena.bytesOf(shapes.keysOf(shape));
      for (const role of ['attributed', 'tagged'] as const) {
        this.#compare(shapes.rowsOf(shape, role), this.#shapeRows[role].get(shape) ?? NONE);
      }
    }
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

function count(map: Map<number, number>, key: number): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

function addRow(map: Map<number, Set<number>>, key: number, row: number): void {
  map.set(key, (map.get(key) ?? new Set()).add(row));
}
