import { unreachable } from '../core/assert.js';
import { VALUE_TYPE, type Value } from '../core/value.js';
import { Work } from '../core/work.js';
import type { Arena } from './arena.js';
import { Collector, countRows } from './collector.js';
import type { Compiled, CompiledKey, Leaf, RowTester } from './compile.js';
import {
  ADD_STEPS,
  COSTS,
  type Costs,
  EQUAL_STEPS,
  hasSignature,
  KEY_STEPS,
  LOOK_STEPS,
  SCAN_STEPS,
  SCANS_FUTILE,
  type ScanCost,
  SPARSE_ROWS,
  scanCostOf,
  TEST_STEPS,
  VALUE_STEPS,
} from './costs.js';
import type { Plan } from './plan-steps.js';
import { RowTests } from './row-tests.js';
import type { Shapes } from './shapes.js';
import type { TermTest } from './term-tests.js';
import { KIND, TEXT_AT, type Terms } from './terms.js';

/** What is searched. */
interface Searched {
  readonly terms: Terms;
  readonly shapes: Shapes;
  readonly arena: Arena;
  /** The rows of all objects, as a set of the terms' postings. */
  readonly all: () => number;
  /** The number of a key, 0 for one that nothing has; and all keys. */
  readonly keyNumber: (name: string) => number;
  readonly keys: () => Iterable<readonly [name: string, number: number]>;
  /** The term of a key by which a row is found, or 0. */
  readonly termOf: (row: number, key: number) => number;
}

type Numbers = Extract<TermTest, { kind: 'numbers' }>;
type Texts = Extract<TermTest, { kind: 'texts' }>;
type Equal = Extract<TermTest, { kind: 'equal' }>;
type Values = Extract<TermTest, { kind: 'values' }>;
type Tested = Extract<Leaf, { kind: 'tested' }>;
type Named = Extract<Leaf, { kind: 'named' }>;
type Told = Extract<Leaf, { kind: 'told' }>;

/** Plans selectors, each for the moment: what it names may change with the next operation. */
export class Planner {
  readonly #searched: Searched;
  readonly #rowTests: RowTests;
  readonly #costs: Costs;
  /** What the plan that is being made has cost, and its searches will. */
  #work = new Work();
  /** Whether no more values are scanned for it. */
  #isOver = false;
  /** The keys that patterns stand for in it. */
  readonly #matching = new Map<CompiledKey, readonly number[]>();

  constructor(searched: Searched, costs = COSTS) {
    this.#searched = searched;
    this.#rowTests = new RowTests(searched);
    this.#costs = costs;
  }

  /** What it costs to make and to search is charged to `work`. */
  plan(compiled: Compiled, work: Work): Plan {
    this.#work = work;
    this.#matching.clear();
    this.#isOver = this.#costOf(compiled) > SCANS_FUTILE * this.#costs.scannedMax;
    return this.#plan(compiled, this.#all().count);
  }

  /** `left`: of so many rows at most it is asked. */
  #plan(compiled: Compiled, left: number): Plan {
    switch (compiled.kind) {
      case 'constant':
        return compiled.value ? this.#all() : NONE;
      case 'and':
        return this.#conjunction(compiled.parts, left);
      case 'or':
        return this.#or(compiled.parts.map((part) => this.#plan(part, left)));
      case 'not':
        return this.#not(this.#plan(compiled.part, left));
      case 'has': {
        const found = new Collector(this.#searched.terms.postings);
        for (const key of this.#keysOf(compiled.key)) this.#addHaving(key, found);
        return from(this.#found(found), compiled);
      }
      case 'tested':
        return this.#tested(compiled, left);
      case 'named':
        return from(this.#name(compiled), compiled);
      case 'told':
        return from(this.#told(compiled), compiled);
      default:
        return unreachable(compiled);
    }
  }

  /** Distinct values that are looked through for a condition. */
  valuesOf(key: CompiledKey): number {
    let values = 0;
    for (const each of this.#keysOf(key)) values += this.#searched.terms.valuesOf(each);
    return values;
  }

  /** What costs little is planned first, and leaves few rows to ask for the rest. */
  #conjunction(parts: readonly Compiled[], from: number): Plan {
    const costs = parts.map((part) => ({ part, cost: this.#costOf(part) }));
    let left = from;
    const plans: Plan[] = [];
    for (const { part } of costs.sort((one, other) => one.cost - other.cost)) {
      const plan = this.#plan(part, left);
      left = Math.min(left, plan.count);
      plans.push(plan);
    }
    return this.#and(plans);
  }

  /** What scans for it cost at most. */
  #costOf(compiled: Compiled): number {
    switch (compiled.kind) {
      case 'tested':
        return this.#scanCost(compiled).scan;
      case 'not':
        return this.#costOf(compiled.part);
      case 'and':
      case 'or':
        return compiled.parts.reduce((sum, part) => sum + this.#costOf(part), 0);
      default:
        return 0;
    }
  }

  /**
   * By a scan over values, or row by row: where few rows are left; and where all scans together
   * would take longer than a pause may, as rows come in parts.
   */
  #tested(leaf: Tested, left: number): Plan {
    const { scan, look } = this.#scanCost(leaf);
    if (scan === 0) return from(this.#test(leaf), leaf);
    const usedThen = this.#work.used + scan;
    const isLooked = this.#isOver || left * look < scan || usedThen > this.#costs.scannedMax;
    if (isLooked) return this.#look(leaf);
    const plan = this.#test(leaf);
    if (!this.#isOver) return from(plan, leaf);
    // There may still be time for another one.
    this.#isOver = false;
    return this.#look(leaf);
  }

  /** Whether a scan goes on that has begun with so many steps, and seen some of the values. */
  #goesOn(begun: number, seen: number, values: number): boolean {
    const { used } = this.#work;
    const { scannedMax } = this.#costs;
    this.#isOver ||= used > scannedMax;
    // What would not end is not begun.
    if (seen === SEEN) this.#isOver ||= ((used - begun) / seen) * values > 2 * scannedMax;
    return !this.#isOver;
  }

  #scanCost({ key, tests: { tests } }: Tested): ScanCost {
    return scanCostOf(this.#searched.terms, this.#keysOf(key), tests, this.#costs.look);
  }

  /** Row by row. */
  #look(leaf: Tested): Plan {
    return from(this.#filter(this.#rowTests.tested(leaf, this.#keysOf(leaf.key))), leaf);
  }

  #told({ passes }: Told): Plan {
    return this.#filter((row, work) => {
      work.charge(LOOK_STEPS);
      return passes(row, work);
    });
  }

  #filter(passes: RowTester): Plan {
    const work = this.#work;
    return { kind: 'filter', passes: (row) => passes(row, work), count: this.#all().count };
  }

  #name(leaf: Named): Plan {
    const { tests, isNegated } = leaf.tests;
    const looked = tests.filter(({ kind }) => kind === 'texts' || kind === 'values');
    const parts = tests.map((test) => (test.kind === 'equal' ? this.#findName(leaf, test) : NONE));
    if (looked.length > 0) parts.push(this.#filter(this.#rowTests.named(leaf.own, looked)));
    const found = this.#or(parts);
    return isNegated ? this.#not(found) : found;
  }

  #findName({ own }: Named, { values }: Equal): Plan {
    const { terms } = this.#searched;
    const found = new Collector(terms.postings);
    for (const value of values) {
      const isText = value[0] === VALUE_TYPE.string;
      const row = isText ? own.find(value, TEXT_AT, value.length) : 0;
      if (row !== 0) found.add(terms.postings.add(0, row));
    }
    return this.#found(found);
  }

  #test({ key, tests: { tests, isNegated } }: Tested): Plan {
    const keys = this.#keysOf(key);
    if (isNegated) return this.#or(keys.map((each) => this.#others(each, tests)));
    const found = new Collector(this.#searched.terms.postings);
    for (const each of keys) this.#find(each, tests, found);
    return this.#found(found);
  }

  #all(): Plan {
    const { terms, all } = this.#searched;
    return { kind: 'all', count: terms.postings.count(all()) };
  }

  /** Adds all rows that have a key. */
  #addHaving(key: number, found: Collector): void {
    this.#searched.shapes.eachSetOf(key, (set) => this.#add(set, found));
  }

  #add(set: number, found: Collector): void {
    const count = set === 0 ? 0 : this.#searched.terms.postings.count(set);
    this.#work.charge(ADD_STEPS + 2 * Math.min(count, SPARSE_ROWS) + count / 32);
    found.add(set);
  }

  /** Rows that have the key with a value that none of the tests finds. */
  #others(key: number, tests: readonly TermTest[]): Plan {
    const { terms } = this.#searched;
    const has = new Collector(terms.postings);
    this.#addHaving(key, has);
    const found = new Collector(terms.postings);
    this.#find(key, tests, found);
    return this.#and([this.#found(has), this.#not(this.#found(found))]);
  }

  #found(found: Collector): Plan {
    const { postings } = this.#searched.terms;
    const { sets, windows } = found;
    if (sets === null) return { kind: 'rows', windows, count: countRows(windows) };
    const [first] = sets;
    if (first === undefined) return NONE;
    if (sets.length === 1) return { kind: 'set', set: first, count: postings.count(first) };
    const sum = sets.reduce((count, set) => count + postings.count(set), 0);
    return { kind: 'union', sets, count: Math.min(sum, this.#all().count) };
  }

  #and(parts: readonly Plan[]): Plan {
    const some: Plan[] = [];
    let count = Number.POSITIVE_INFINITY;
    for (const part of parts) {
      if (part.kind === 'none') return NONE;
      if (part.kind === 'all') continue;
      some.push(part);
      count = Math.min(count, part.count);
    }
    const [first] = some;
    if (first === undefined) return this.#all();
    if (some.length === 1) return first;
    // The rarest first: what it leaves is all that the others are asked for.
    return { kind: 'and', parts: some.sort(byCost), count };
  }

  #or(parts: readonly Plan[]): Plan {
    const all = this.#all();
    if (parts.some((part) => part.kind === 'all')) return all;
    const some = parts.filter((part) => part.kind !== 'none');
    const [first] = some;
    if (first === undefined) return NONE;
    if (some.length === 1) return first;
    const sum = some.reduce((count, part) => count + part.count, 0);
    return { kind: 'or', parts: some, count: Math.min(sum, all.count) };
  }

  #not(part: Plan): Plan {
    if (part.kind === 'none') return this.#all();
    if (part.kind === 'all') return NONE;
    if (part.kind === 'not') return part.part;
    const isExact = part.kind === 'set';
    const { count } = this.#all();
    return { kind: 'not', part, count: isExact ? count - part.count : count };
  }

  #keysOf(key: CompiledKey): readonly number[] {
    const known = this.#matching.get(key);
    if (known !== undefined) return known;
    const { keyNumber, keys } = this.#searched;
    const found: number[] = [];
    if (key.kind === 'name') {
      const number = keyNumber(key.name);
      if (number !== 0) found.push(number);
      return found;
    }
    for (const [name, number] of keys()) {
      this.#work.charge(KEY_STEPS);
      if (key.matches(name, this.#work)) found.push(number);
    }
    this.#matching.set(key, found);
    return found;
  }

  /** Adds the rows of the terms of a key that pass one of the tests. */
  #find(key: number, tests: readonly TermTest[], found: Collector): void {
    const texts: Texts[] = [];
    const values = new Map<number, Values[]>();
    for (const test of tests) {
      switch (test.kind) {
        case 'equal':
          this.#findEqual(key, test.values, found);
          break;
        case 'numbers':
          this.#findNumbers(key, test, found);
          break;
        case 'texts':
          texts.push(test);
          break;
        case 'values':
          values.set(test.column, [...(values.get(test.column) ?? []), test]);
          break;
        default:
          unreachable(test);
      }
    }
    this.#findTexts(key, texts, found);
    for (const [column, each] of values) this.#findValues(key, column, each, found);
  }

  #findEqual(key: number, values: readonly Uint8Array[], found: Collector): void {
    const { terms } = this.#searched;
    for (const bytes of values) {
      this.#work.charge(EQUAL_STEPS + bytes.length);
      const term = terms.find(key, bytes, 0, bytes.length);
      if (term !== 0) this.#add(terms.rowsOf(term), found);
    }
  }

  #findNumbers(key: number, test: Numbers, found: Collector): void {
    const { terms } = this.#searched;
    const { low, high, passes } = test;
    const column = terms.column(key, test.column);
    if (column === null) return;
    const work = this.#work;
    work.charge(column.used);
    column.eachBetween(low, high, (term, number) => {
      if (!this.#goesOn(0, 0, 0)) return;
      // Between the ends, and exact: there is nothing to look at.
      const isInside = number > low && number < high && Math.abs(number) < EXACT_BELOW;
      const isFound = isInside || this.#rowTests.read(term, work, (value) => passes(value, work));
      if (isFound) this.#add(terms.rowsOf(term), found);
    });
  }

  /** In one pass, however many tests there are. */
  #findTexts(key: number, tests: readonly Texts[], found: Collector): void {
    const { terms, arena } = this.#searched;
    const column = terms.column(key, KIND.text);
    const [only] = tests;
    if (only === undefined || column === null) return;
    const work = this.#work;
    work.charge(column.used * SCAN_STEPS.texts * tests.length);
    const begun = work.used;
    // How many of the values are read nobody knows before, but of those without a signature.
    const values = tests.some((test) => !hasSignature(test)) ? column.used : 0;
    let seen = 0;
    const passes = (term: number, test: Texts): boolean => {
      // What is left is not looked at: rows will be.
      if (!this.#goesOn(begun, seen++, values)) return true;
      work.charge(VALUE_STEPS);
      const record = terms.valueOf(term);
      const start = arena.start(record);
      const end = start + arena.size(record);
      if (!test.passes(arena.chunk(record), start + TEXT_AT, end, work)) return false;
      this.#add(terms.rowsOf(term), found);
      return true;
    };
    if (tests.length === 1) {
      const { low, high } = only.signature;
      column.eachWith(low, high, (term) => void passes(term, only));
    } else {
      const signatures = tests.map(({ signature }) => signature);
      column.eachWithAny(signatures, (term, index) => passes(term, tests[index] as Texts));
    }
  }

  #findValues(key: number, kind: number, tests: readonly Values[], found: Collector): void {
    const { terms } = this.#searched;
    const column = terms.column(key, kind);
    if (column === null) return;
    const work = this.#work;
    const begun = work.used;
    const passes = (value: Value): boolean => tests.some((test) => test.passes(value, work));
    let seen = 0;
    column.each((term) => {
      if (!this.#goesOn(begun, seen++, column.used)) return;
      work.charge(tests.length * TEST_STEPS);
      if (this.#rowTests.read(term, work, passes)) this.#add(terms.rowsOf(term), found);
    });
  }
}

/** After so many values it is foreseen how long all of them take. */
const SEEN = 64;

function from(plan: Plan, of: Leaf): Plan {
  // What most conditions come to; a spread takes ten times as long.
  if (plan.kind === 'set') return { kind: 'set', set: plan.set, count: plan.count, of };
  return { ...plan, of };
}

/** Sets before what looks at each row, and the rarest first. */
function byCost(one: Plan, other: Plan): number {
  const looks = Number(one.kind === 'filter') - Number(other.kind === 'filter');
  return looks !== 0 ? looks : one.count - other.count;
}

const NONE: Plan = { kind: 'none', count: 0 };
/** Below this a float64 holds every integer. */
const EXACT_BELOW = 2 ** 53;
