import { unreachable } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import type { ValueTester } from '../core/selector/satisfies.js';
import { decodeUtf8 } from '../core/utf8.js';
import { VALUE_TYPE } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import type { Arena } from './arena.js';
import { Collector, countRows, type Windows } from './collector.js';
import type { Compiled, CompiledKey, Leaf, RowTester } from './compile.js';
import type { Shapes } from './shapes.js';
import type { TermTest } from './term-tests.js';
import { KIND, TEXT_AT, type Terms } from './terms.js';

/** Where a plan comes from, for people: what it answers, and whether it looks at each row. */
interface Origin {
  readonly of?: Leaf;
}

/**
 * How a selector is answered: sets of rows, and what is made of them. `count` is how many rows
 * there are: exact for a set and for rows, else at most so many.
 */
export type Plan = Origin & Steps;

type Steps =
  | { readonly kind: 'none' | 'all'; readonly count: number }
  | { readonly kind: 'set'; readonly set: number; readonly count: number }
  | { readonly kind: 'union'; readonly sets: readonly number[]; readonly count: number }
  /** What is too many sets for a union: their rows, by window. */
  | { readonly kind: 'rows'; readonly windows: Windows; readonly count: number }
  /** What no set tells: each row is looked at. */
  | { readonly kind: 'filter'; readonly passes: RowTester; readonly count: number }
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Plan[]; readonly count: number }
  | { readonly kind: 'not'; readonly part: Plan; readonly count: number };

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
type Tested = Extract<Leaf, { kind: 'tested' }>;
type Named = Extract<Leaf, { kind: 'named' }>;

/** Plans selectors, each for the moment: what it names may change with the next operation. */
export class Planner {
  readonly #searched: Searched;
  readonly #lookCost: number;
  readonly #reader = new Reader();
  /** What was scanned for this plan. */
  #scanned = 0;

  /** `lookCost`: what a look at one row costs, in the units of scans: for tests. */
  constructor(searched: Searched, lookCost = LOOK_COST) {
    this.#searched = searched;
    this.#lookCost = lookCost;
  }

  plan(compiled: Compiled): Plan {
    this.#scanned = 0;
    return this.#plan(compiled);
  }

  #plan(compiled: Compiled): Plan {
    switch (compiled.kind) {
      case 'constant':
        return compiled.value ? this.#all() : NONE;
      case 'and':
        return this.#conjunction(compiled.parts);
      case 'or':
        return this.#or(compiled.parts.map((part) => this.#plan(part)));
      case 'not':
        return this.#not(this.#plan(compiled.part));
      case 'has': {
        const found = new Collector(this.#searched.terms.postings);
        for (const key of this.#keysOf(compiled.key)) this.#addHaving(key, found);
        return from(this.#found(found), compiled);
      }
      case 'tested':
        return this.#mayScan(compiled)
          ? from(this.#test(compiled), compiled)
          : this.#look(compiled);
      case 'named':
        return from(this.#name(compiled), compiled);
      case 'told':
        return from(this.#filter(compiled.passes), compiled);
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

  /**
   * What costs little is planned first. Where that leaves few rows, what would have to scan many
   * values is asked of those rows, one by one.
   */
  #conjunction(parts: readonly Compiled[]): Plan {
    const plans: Plan[] = [];
    const scans: Scan[] = [];
    for (const part of parts) {
      const cost = part.kind === 'tested' ? this.#scanCost(part) : 0;
      if (part.kind === 'tested' && cost > 0) scans.push({ leaf: part, cost });
      else plans.push(this.#plan(part));
    }
    scans.sort((one, other) => one.cost - other.cost);
    for (const { leaf, cost } of scans) {
      const left = plans.reduce((least, { count }) => Math.min(least, count), this.#all().count);
      plans.push(left * this.#lookCost < cost ? this.#look(leaf) : this.#plan(leaf));
    }
    return this.#and(plans);
  }

  /**
   * Whether values may be scanned for a condition: the first time always, and then as long as all
   * of it takes no longer than a pause may. What is left is asked of rows, and so comes in parts.
   */
  #mayScan(leaf: Tested): boolean {
    const cost = this.#scanCost(leaf);
    if (cost > 0 && this.#scanned > 0 && this.#scanned + cost > SCANNED_MAX) return false;
    this.#scanned += cost;
    return true;
  }

  /** What it costs to scan the values of a condition; 0 when none need be scanned. */
  #scanCost({ key, tests: { tests } }: Tested): number {
    if (key.kind !== 'name') return 0;
    const number = this.#searched.keyNumber(key.name);
    let cost = 0;
    for (const test of tests) {
      if (test.kind === 'equal') continue;
      const column = test.kind === 'texts' ? KIND.text : test.column;
      cost += (this.#searched.terms.column(number, column)?.used ?? 0) * SCAN_COSTS[test.kind];
    }
    return cost;
  }

  /** Row by row. */
  #look(leaf: Tested): Plan {
    const { tests, isNegated } = leaf.tests;
    const [key = 0] = this.#keysOf(leaf.key);
    const { termOf } = this.#searched;
    const passes = (row: number): boolean => {
      const term = termOf(row, key);
      return term !== 0 && tests.some((test) => this.#satisfies(term, test)) !== isNegated;
    };
    return from(this.#filter(passes), leaf);
  }

  #satisfies(term: number, test: TermTest): boolean {
    const { terms, arena } = this.#searched;
    const record = terms.valueOf(term);
    if (test.kind === 'equal') {
      return test.values.some((bytes) => arena.equals(record, bytes, 0, bytes.length));
    }
    if (test.kind !== 'texts') {
      arena.read(this.#reader, record, 0);
      return test.passes(readValue(this.#reader));
    }
    const start = arena.start(record);
    const bytes = arena.chunk(record);
    const isText = bytes[start] === VALUE_TYPE.string;
    return isText && test.passes(bytes, start + TEXT_AT, start + arena.size(record));
  }

  #filter(passes: RowTester): Plan {
    return { kind: 'filter', passes, count: this.#all().count };
  }

  #name(leaf: Named): Plan {
    const { tests, isNegated } = leaf.tests;
    const found = this.#or(tests.map((test) => this.#testName(leaf, test)));
    return isNegated ? this.#not(found) : found;
  }

  #testName({ own }: Named, test: TermTest): Plan {
    const { arena, terms } = this.#searched;
    switch (test.kind) {
      case 'equal': {
        const rows = test.values.map((value) =>
          value[0] === VALUE_TYPE.string ? own.find(value, TEXT_AT, value.length) : 0,
        );
        const sets = rows.filter((row) => row !== 0).map((row) => terms.postings.add(0, row));
        const found = new Collector(terms.postings);
        for (const set of sets) found.add(set);
        return this.#found(found);
      }
      case 'texts': {
        const { low, high } = test.signature;
        const { passes } = test;
        return this.#filter((row) => {
          if (!own.mayHold(row, low, high)) return false;
          const record = own.record(row);
          const start = arena.start(record);
          return passes(arena.chunk(record), start, start + arena.size(record));
        });
      }
      case 'values': {
        if (test.column !== KIND.text) return NONE;
        const { passes } = test;
        return this.#filter((row) => {
          const record = own.record(row);
          const start = arena.start(record);
          return passes(decodeUtf8(arena.chunk(record), start, start + arena.size(record)));
        });
      }
      case 'numbers':
        return NONE;
      default:
        return unreachable(test);
    }
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
    this.#searched.shapes.eachSetOf(key, (set) => found.add(set));
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
    const { keyNumber, keys } = this.#searched;
    if (key.kind === 'name') {
      const number = keyNumber(key.name);
      return number === 0 ? [] : [number];
    }
    const found: number[] = [];
    for (const [name, number] of keys()) if (key.matches(name)) found.push(number);
    return found;
  }

  /** Adds the rows of the terms of a key that pass one of the tests. */
  #find(key: number, tests: readonly TermTest[], found: Collector): void {
    for (const test of tests) {
      switch (test.kind) {
        case 'equal':
          this.#findEqual(key, test.values, found);
          break;
        case 'numbers':
          this.#findNumbers(key, test, found);
          break;
        case 'texts':
          this.#findTexts(key, test, found);
          break;
        case 'values':
          this.#searched.terms.column(key, test.column)?.each(this.#looker(test.passes, found));
          break;
        default:
          unreachable(test);
      }
    }
  }

  #findEqual(key: number, values: readonly Uint8Array[], found: Collector): void {
    const { terms } = this.#searched;
    for (const bytes of values) {
      const term = terms.find(key, bytes, 0, bytes.length);
      if (term !== 0) found.add(terms.rowsOf(term));
    }
  }

  #findNumbers(key: number, test: Numbers, found: Collector): void {
    const { terms } = this.#searched;
    const { low, high, passes } = test;
    const look = this.#looker(passes, found);
    terms.column(key, test.column)?.eachBetween(low, high, (term, number) => {
      // Between the ends, and exact: there is nothing to look at.
      const isInside = number > low && number < high && Math.abs(number) < EXACT_BELOW;
      if (isInside) found.add(terms.rowsOf(term));
      else look(term);
    });
  }

  #findTexts(key: number, test: Texts, found: Collector): void {
    const { terms, arena } = this.#searched;
    const { signature, passes } = test;
    terms.column(key, KIND.text)?.eachWith(signature.low, signature.high, (term) => {
      const record = terms.valueOf(term);
      const start = arena.start(record);
      const end = start + arena.size(record);
      if (passes(arena.chunk(record), start + TEXT_AT, end)) found.add(terms.rowsOf(term));
    });
  }

  #looker(passes: ValueTester, found: Collector): (term: number) => void {
    const { terms, arena } = this.#searched;
    return (term) => {
      arena.read(this.#reader, terms.valueOf(term), 0);
      if (passes(readValue(this.#reader))) found.add(terms.rowsOf(term));
    };
  }
}

/** What a look at one row costs, and at one of the values that are scanned: measured, in ns. */
const LOOK_COST = 300;
const SCAN_COSTS = { numbers: 1, texts: 4, values: 200 } as const;

/** So much is scanned for one plan, in the same units: 10 ms. */
const SCANNED_MAX = 10_000_000;

/** A part of a conjunction that has to scan. */
interface Scan {
  readonly leaf: Tested;
  readonly cost: number;
}

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
