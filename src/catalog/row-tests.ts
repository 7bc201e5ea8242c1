import { unreachable } from '../core/assert.js';
import { Reader } from '../core/bytes.js';
import { decodeUtf8 } from '../core/utf8.js';
import { VALUE_TYPE, type Value } from '../core/value.js';
import { readValue } from '../core/value-codec.js';
import type { Work } from '../core/work.js';
import type { Arena } from './arena.js';
import type { Compiled, CompiledKey, Leaf, NameKey, RowTester, Span } from './compile.js';
import {
  EQUAL_STEPS,
  KEY_STEPS,
  LOOK_STEPS,
  NAME_STEPS,
  READ_STEPS,
  ROW_STEPS,
  TEST_STEPS,
  VALUE_STEPS,
} from './costs.js';
import type { TermTest } from './term-tests.js';
import { KIND, TEXT_AT, type Terms } from './terms.js';

/** Where the terms of rows are. */
interface RowTerms {
  readonly terms: Terms;
  readonly arena: Arena;
  /** The term of a key that a row has, or 0. */
  readonly termOf: (row: number, key: number) => number;
}

/** Looks at rows one by one: whether what is said of one satisfies a condition. */
export class RowTests {
  readonly #rows: RowTerms;
  readonly #reader = new Reader();
  readonly #span: Span = { bytes: new Uint8Array(0), start: 0, end: 0 };

  constructor(rows: RowTerms) {
    this.#rows = rows;
  }

  /** Of any of the keys, by their numbers. */
  tested(leaf: Leaf & { kind: 'tested' }, keys: readonly number[]): RowTester {
    const { tests, isNegated } = leaf.tests;
    const { termOf } = this.#rows;
    const steps = LOOK_STEPS * keys.length;
    return (row, work) => {
      work.charge(steps);
      return keys.some((key) => {
        const term = termOf(row, key);
        if (term === 0) return false;
        return tests.some((test) => this.#satisfies(term, test, work)) !== isNegated;
      });
    };
  }

  /** Names, for all tests at once; those that ask for one name are the caller's or `equal`'s. */
  named(own: NameKey, tests: readonly TermTest[]): RowTester {
    return (row, work) => {
      work.charge(ROW_STEPS + tests.length * NAME_STEPS);
      return tests.some((test) => this.#nameSatisfies(own, row, test, work));
    };
  }

  #satisfies(term: number, test: TermTest, work: Work): boolean {
    const { terms, arena } = this.#rows;
    const record = terms.valueOf(term);
    if (test.kind === 'equal') {
      work.charge(test.values.length * EQUAL_STEPS);
      return test.values.some((bytes) => arena.equals(record, bytes, 0, bytes.length));
    }
    if (test.kind !== 'texts') return this.read(term, work, (value) => test.passes(value, work));
    work.charge(TEST_STEPS);
    const start = arena.start(record);
    const bytes = arena.chunk(record);
    const isText = bytes[start] === VALUE_TYPE.string;
    return isText && test.passes(bytes, start + TEXT_AT, start + arena.size(record), work);
  }

  /** Whether the value of a term passes. */
  read(term: number, work: Work, passes: (value: Value) => boolean): boolean {
    const { terms, arena } = this.#rows;
    const record = terms.valueOf(term);
    work.charge(VALUE_STEPS + arena.size(record) * READ_STEPS);
    arena.read(this.#reader, record, 0);
    return passes(readValue(this.#reader));
  }

  #nameSatisfies(own: NameKey, row: number, test: TermTest, work: Work): boolean {
    if (test.kind === 'numbers') return false;
    if (test.kind === 'texts') {
      const { low, high } = test.signature;
      if (!own.mayHold(row, low, high)) return false;
    }
    const span = this.#span;
    own.read(row, span);
    const { bytes, start, end } = span;
    work.charge(VALUE_STEPS);
    switch (test.kind) {
      case 'texts':
        return test.passes(bytes, start, end, work);
      case 'values':
        return test.column === KIND.text && test.passes(decodeUtf8(bytes, start, end), work);
      case 'equal':
        return test.values.some((value) => isTextOf(value, span));
      default:
        return unreachable(test);
    }
  }
}

/** Whether an encoded value is the text of a span. */
export function isTextOf(value: Uint8Array, { bytes, start, end }: Span): boolean {
  if (value[0] !== VALUE_TYPE.string || value.length - TEXT_AT !== end - start) return false;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== value[TEXT_AT + at - start]) return false;
  }
  return true;
}

/** The numbers of keys by their names, of which there may be more later. */
interface KeyNumbers {
  readonly find: (name: string) => number;
  readonly entries: () => Iterable<readonly [name: string, number: number]>;
  readonly used: number;
}

/**
 * A selector that is asked of rows one by one, for as long as one likes. Keys that come to be known
 * are looked for again when there are more of them.
 */
export function rowSelector(compiled: Compiled, rows: RowTerms, keys: KeyNumbers): RowTester {
  const tests = new RowTests(rows);
  const within = (part: Compiled): RowTester => {
    switch (part.kind) {
      case 'constant':
        return () => part.value;
      case 'and': {
        const parts = part.parts.map(within);
        return (row, work) => parts.every((passes) => passes(row, work));
      }
      case 'or': {
        const parts = part.parts.map(within);
        return (row, work) => parts.some((passes) => passes(row, work));
      }
      case 'not': {
        const passes = within(part.part);
        return (row, work) => !passes(row, work);
      }
      case 'told':
        return part.passes;
      case 'named': {
        const { isNegated } = part.tests;
        const passes = tests.named(part.own, part.tests.tests);
        return isNegated ? (row, work) => !passes(row, work) : passes;
      }
      case 'has':
        return ofKeys(part.key, keys, (numbers) => (row, work) => {
          work.charge(LOOK_STEPS * numbers.length);
          return numbers.some((key) => rows.termOf(row, key) !== 0);
        });
      case 'tested':
        return ofKeys(part.key, keys, (numbers) => tests.tested(part, numbers));
      default:
        return unreachable(part);
    }
  };
  return within(compiled);
}

/** A test of what keys it stands for, made anew when there are more keys. */
function ofKeys(
  key: CompiledKey,
  keys: KeyNumbers,
  make: (numbers: readonly number[]) => RowTester,
): RowTester {
  let known = -1;
  let passes: RowTester = () => false;
  return (row, work) => {
    if (known !== keys.used) {
      passes = make(numbersOf(key, keys, work));
      known = keys.used;
    }
    return passes(row, work);
  };
}

function numbersOf(key: CompiledKey, keys: KeyNumbers, work: Work): readonly number[] {
  if (key.kind === 'name') {
    const number = keys.find(key.name);
    return number === 0 ? [] : [number];
  }
  const found: number[] = [];
  for (const [name, number] of keys.entries()) {
    work.charge(KEY_STEPS);
    if (key.matches(name, work)) found.push(number);
  }
  return found;
}
