import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../src/catalog/arena.js';
import { compileSelector } from '../../src/catalog/compile.js';
import { COSTS, type Costs } from '../../src/catalog/costs.js';
import { Planner } from '../../src/catalog/plan.js';
import { Search } from '../../src/catalog/search.js';
import { Shapes } from '../../src/catalog/shapes.js';
import { Terms } from '../../src/catalog/terms.js';
import { Writer } from '../../src/core/bytes.js';
import type { Condition, Selector } from '../../src/core/selector/ast.js';
import { parseSelector } from '../../src/core/selector/parser.js';
import type { Value } from '../../src/core/value.js';
import { writeValue } from '../../src/core/value-codec.js';
import { Work } from '../../src/core/work.js';
import {
  anyAttributes,
  anySelector,
  FEW_MOMENTS,
  FEW_NUMBERS,
} from '../core/selector/arbitraries.js';
import { isSelected } from '../core/selector/reference.js';
import { fc } from '../fast-check.js';

type AnyCosts = Partial<Costs> & { readonly partSteps?: number };

/** Objects with attributes, as a pool has them: each by its row. */
class Objects {
  readonly arena = new Arena();
  readonly terms = new Terms(this.arena, 7);
  readonly shapes = new Shapes(this.arena, this.terms.postings, 7);
  readonly #keys = new Map<string, number>();
  readonly #rows = new Map<
    number,
    { attributes: ReadonlyMap<string, Value>; terms: number[]; shape: number }
  >();
  readonly #writer = new Writer();
  readonly #planner: Planner;
  #all = 0;

  readonly #partSteps: number | undefined;

  constructor({ partSteps, ...costs }: AnyCosts = {}) {
    const searched = {
      terms: this.terms,
      shapes: this.shapes,
      arena: this.arena,
      all: () => this.#all,
      keyNumber: (name: string) => this.#keys.get(name) ?? 0,
      keys: () => this.#keys,
      termOf: (row: number, key: number) =>
        this.#rows.get(row)?.terms.find((term) => this.terms.keyOf(term) === key) ?? 0,
    };
    this.#planner = new Planner(searched, { ...COSTS, ...costs });
    this.#partSteps = partSteps;
  }

  get rows(): number[] {
    return [...this.#rows.keys()].sort((one, other) => one - other);
  }

  has(row: number): boolean {
    return this.#rows.has(row);
  }

  add(row: number, attributes: ReadonlyMap<string, Value>): void {
    const terms: number[] = [];
    const keys: number[] = [];
    for (const [name, value] of attributes) {
      let key = this.#keys.get(name);
      if (key === undefined) {
        key = this.#keys.size + 1;
        this.#keys.set(name, key);
      }
      this.#writer.reset();
      writeValue(this.#writer, value);
      const term = this.terms.intern(key, this.#writer.bytes, 0, this.#writer.at);
      this.terms.show(term, row);
      terms.push(term);
      keys.push(key);
    }
    const shape = keys.length === 0 ? 0 : this.shapes.intern(Uint32Array.from(keys), keys.length);
    if (shape !== 0) this.shapes.show(shape, 'attributed', row);
    this.#all = this.terms.postings.add(this.#all, row);
    this.#rows.set(row, { attributes, terms, shape });
  }

  remove(row: number): void {
    for (const term of this.#rows.get(row)?.terms ?? []) {
      this.terms.hide(term, row);
      this.terms.release(term);
    }
    const shape = this.#rows.get(row)?.shape ?? 0;
    if (shape !== 0) {
      this.shapes.hide(shape, 'attributed', row);
      this.shapes.release(shape);
    }
    this.#all = this.terms.postings.remove(this.#all, row);
    this.#rows.delete(row);
  }

  search(selector: Selector): Search {
    const work = new Work();
    const plan = this.#planner.plan(
      compileSelector(selector, () => null),
      work,
    );
    const searched = { postings: this.terms.postings, all: this.#all };
    return new Search(plan, searched, work, this.#partSteps);
  }

  found(selector: Selector): number[] {
    const rows: number[] = [];
    assert.equal(
      this.search(selector).rows(0, (row) => rows.push(row) > 0),
      -1,
    );
    return rows;
  }

  /** By brute force. */
  selected(selector: Selector): number[] {
    return this.rows.filter((row) =>
      isSelected(selector, this.#rows.get(row)?.attributes ?? new Map()),
    );
  }
}

function countOf(search: Search): number {
  let count = 0;
  for (let next = 0; next >= 0; ) {
    next = search.part(next, (rows) => {
      count += rows.count();
    });
  }
  assert.ok(search.countKnown < 0 || search.countKnown === count);
  assert.equal(search.countAll(), count);
  return count;
}

const anyAsked = fc.array(anySelector, { minLength: 1, maxLength: 6 });
/** Rows are looked at one by one, or hardly ever; scans have time, or end amid it; so do parts. */
const anyCosts = fc.record({
  look: fc.constantFrom(0, 1, 1_000),
  scannedMax: fc.constantFrom(0, 100, 300, 1_000, 1_000_000),
  partSteps: fc.constantFrom(0, 500, 1_000_000),
});

const anyRow = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(65_535, 65_536, 200_000));

test('what an index finds is what brute force finds, whatever comes and goes (I9)', () => {
  const steps = fc.array(fc.tuple(anyRow, anyAttributes), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(steps, anyAsked, anyCosts, (changes, asked, costs) => {
      const objects = new Objects(costs);
      for (const [row, attributes] of changes) {
        if (objects.has(row)) objects.remove(row);
        else objects.add(row, attributes);
      }
      for (const selector of asked) {
        const expected = objects.selected(selector);
        assert.deepEqual(objects.found(selector), expected);
        assert.equal(countOf(objects.search(selector)), expected.length);
      }
      for (const row of objects.rows) objects.remove(row);
      assert.equal(objects.terms.used, 0);
      assert.equal(objects.shapes.used, 0);
      assert.equal(objects.terms.postings.bytesUsed, 0);
      assert.equal(objects.arena.bytesUsed, 0);
    }),
    { numRuns: 400 },
  );
});

test('at the ends of a range, each operator means what it says', () => {
  for (const few of [FEW_NUMBERS, FEW_MOMENTS]) {
    const objects = new Objects();
    for (const [index, value] of few.entries()) objects.add(index + 1, new Map([['a', value]]));
    const asked = (condition: Condition): void => {
      const key = { kind: 'name', name: 'a', at: 0 } as const;
      const selector = { kind: 'test', quantifier: null, key, condition, at: 0 } as const;
      assert.deepEqual(objects.found(selector), objects.selected(selector));
    };
    for (const low of few) {
      for (const operator of ['<', '<=', '>', '>=', '=', '!='] as const) {
        asked({ kind: 'compare', operator, value: low, at: 0 });
      }
      for (const high of few) {
        asked({ kind: 'in', items: [{ kind: 'range', low, high }], at: 0 });
      }
    }
  }
});

const FIELDS = ['t', 'u', 'v', 'q', 'z'];

function fields(count: number): Objects {
  const objects = new Objects();
  for (let row = 1; row <= count; row++) {
    const attributes = new Map<string, Value>([
      ['param', FIELDS[row % FIELDS.length] as string],
      ['step', (row * 6) % 246],
      ['name', `${FIELDS[row % FIELDS.length]}/${row % 100}/${row}`],
      ['value', Math.sin(row)],
    ]);
    objects.add(row, attributes);
  }
  return objects;
}

test('rows come in pages, in order, each once, over windows', () => {
  const objects = fields(70_000);
  for (const text of [
    'param = "t"',
    'param in ["t", "q"] and step in 12..24',
    'name ~ "*/7?/*70"',
    'value > 0.999 or name suffix "/123"',
    'not (param = "u" or value < 0)',
    'name =~ "^v/1[0-9]/1+"',
  ]) {
    const selector = parseSelector(text);
    const expected = objects.selected(selector);
    assert.ok(expected.length > 2, text);
    const rows: number[] = [];
    for (let from = 0; from >= 0; ) {
      let left = 1_000;
      from = objects.search(selector).rows(from, (row) => {
        rows.push(row);
        return --left > 0;
      });
    }
    assert.deepEqual(rows, expected, text);
    assert.equal(countOf(objects.search(selector)), expected.length, text);
  }
});

const anyPiece = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 4 });
const anyTest = fc.oneof(
  fc
    .tuple(fc.constantFrom('infix', 'prefix', 'suffix', '<', '>='), anyPiece)
    .map(([kind, piece]) => `s ${kind} "${piece}"`),
  fc.constantFrom('s ~ "*a?b*"', 's =~ "a.*b|é"', 's = "ab"', 's != "ab"', 't > 1', 't < 5'),
);
const anyJoined = fc.letrec<{ all: string; joined: string }>((tie) => ({
  all: fc.oneof({ maxDepth: 3 }, anyTest, tie('joined')),
  joined: fc
    .tuple(
      fc.constantFrom('', 'not '),
      fc.constantFrom(' and ', ' or '),
      fc.array(tie('all'), { minLength: 1, maxLength: 5 }),
    )
    .map(([not, by, parts]) => `${not}(${parts.join(by)})`),
})).joined;

test('conditions of one key that are tested together find what they do one by one (I9)', () => {
  const anySaid = fc.record({
    s: fc.oneof(anyPiece, fc.integer()),
    t: fc.integer({ min: 0, max: 6 }),
  });
  fc.assert(
    fc.property(fc.array(anySaid, { maxLength: 12 }), anyJoined, anyCosts, (said, text, costs) => {
      const objects = new Objects(costs);
      for (const [row, each] of said.entries()) objects.add(row + 1, new Map(Object.entries(each)));
      const selector = parseSelector(text);
      assert.deepEqual(objects.found(selector), objects.selected(selector), text);
    }),
    { numRuns: 2_000 },
  );
});
