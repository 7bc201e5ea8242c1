import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Selector } from '../../../src/core/selector/ast.js';
import { parseSelector } from '../../../src/core/selector/parser.js';
import { printSelector } from '../../../src/core/selector/printer.js';
import { type Facts, factsOf, verdictOf } from '../../../src/core/selector/verdict.js';
import { encodeUtf8 } from '../../../src/core/utf8.js';
import type { Value } from '../../../src/core/value.js';
import { Work } from '../../../src/core/work.js';
import { fc } from '../../fast-check.js';
import { anyAttributes, anySelector } from './arbitraries.js';
import { isSelected } from './reference.js';

const NAMES = ['a', 'ab', 'abc', 'b', 'b/1', 'b/12', '海'];

/** A selector that says something of names, alone or beside others. */
const ofNames = fc
  .constantFrom(
    ...['name = "ab"', 'name in ["b/1", "b/12"]', 'name ~ "b/*"', 'name ~ "a?"', 'name ~ "*"'],
    ...['name prefix "ab"', 'name != "a"', 'name suffix "2"', 'name in ["a".."b"]', 'has name'],
  )
  .map(parseSelector);

const either: fc.Arbitrary<Selector> = fc.oneof(
  anySelector,
  ofNames,
  fc.tuple(ofNames, anySelector).map((parts) => ({ kind: 'and' as const, parts, at: 0 })),
  fc.tuple(anySelector, ofNames).map((parts) => ({ kind: 'or' as const, parts, at: 0 })),
  ofNames.map((part) => ({ kind: 'not' as const, part, at: 0 })),
);

const anyObject = fc
  .tuple(anyAttributes, fc.constantFrom(...NAMES))
  .map(([attributes, name]) => new Map<string, Value>([...attributes, ['name', name]]));

function mustAgree(selector: Selector, facts: Facts, object: ReadonlyMap<string, Value>): void {
  const verdict = verdictOf(selector, facts, new Work());
  if (verdict === 'maybe') return;
  const text = printSelector(selector);
  assert.equal(isSelected(selector, object), verdict === 'yes', `${verdict}: ${text}`);
}

test('what is certain of an object that a selector selects is so', () => {
  fc.assert(
    fc.property(either, either, fc.array(anyObject, { maxLength: 6 }), (one, other, objects) => {
      for (const object of objects) {
        if (isSelected(one, object)) mustAgree(other, factsOf(one), object);
        if (isSelected(other, object)) mustAgree(one, factsOf(other), object);
      }
    }),
    { numRuns: 3_000 },
  );
});

test('what is certain of an object that is known is so; and of a whole one all is certain', () => {
  fc.assert(
    fc.property(either, anyObject, (selector, object) => {
      const known = [...object].map(([key, value]) => [key, [value]] as const);
      mustAgree(selector, { values: new Map(known), namePrefix: encodeUtf8('') }, object);
    }),
    { numRuns: 2_000 },
  );
});

/** What a promise says, what somebody asks for, and whether the one may meet the other. */
const CASES: readonly (readonly [string, string, string])[] = [
  ['n = 3', 'n = 3', 'yes'],
  ['n = 3', 'n = 4', 'no'],
  ['n = 3 and p = "t"', 'n = 3', 'yes'],
  ['n = 3', 'n = 3 and p = "t"', 'maybe'],
  ['n in [1, 2]', 'n in [2, 3]', 'maybe'],
  ['n in [1, 2]', 'n in [3, 4]', 'no'],
  ['n in [1, 2]', 'n in 0..9', 'yes'],
  ['n in 0..9', 'n = 10', 'maybe'],
  ['n = 10', 'n in 0..9', 'no'],
  ['n = 3', 'not n = 3', 'no'],
  ['n = 3', 'n = 4 or p = "t"', 'maybe'],
  ['n = 3 or n = 4', 'n = 5', 'maybe'],
  ['n = 3', 'has n', 'yes'],
  ['n = 3', 'has m', 'maybe'],
  ['name ~ "fc/*"', 'name ~ "an/*"', 'no'],
  ['name ~ "fc/*"', 'name ~ "fc/1*"', 'maybe'],
  ['name ~ "fc/1/*"', 'name prefix "fc/"', 'maybe'],
  ['name ~ "fc/*"', 'name = "fc"', 'no'],
  ['name ~ "fc/*"', 'name in ["an/1", "an/2"]', 'no'],
  ['name = "fc/1"', 'name ~ "fc/*"', 'yes'],
  ['name = "fc/1"', 'name ~ "an/*"', 'no'],
];

test('what may be meant is seen in the words of both', () => {
  for (const [said, asked, verdict] of CASES) {
    const facts = factsOf(parseSelector(said));
    assert.equal(verdictOf(parseSelector(asked), facts, new Work()), verdict, `${said}: ${asked}`);
  }
});
