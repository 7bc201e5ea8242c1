import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSelector } from '../../../src/core/selector/parser.js';
import { objectTester } from '../../../src/core/selector/selects.js';
import type { ValueMap } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyAttributes, anySelector } from './arbitraries.js';
import { isSelected } from './reference.js';

const own: ValueMap = { name: 't/850', '.bytes': 24 };
const attributes: ValueMap = { param: 't', step: 6, levels: [850, 500], 'a b': null, toString: 1 };

/** Each selector, and whether it selects the object above; docs/selectors.md says why. */
const SELECTED: readonly (readonly [selector: string, isSelected: boolean])[] = [
  ['', true],
  ['param = "t"', true],
  ['param = "t" and step in 0..5', false],
  ['param = "q" or step in 0..6', true],
  ['not step > 6', true],
  ['missing = 1', false],
  ['not missing = 1', true],
  ['missing != 1', false],
  ['name ~ "t/*"', true],
  ['.bytes < 24', false],
  ['any levels = 500', true],
  ['all levels > 500', false],
  ['has levels and not has valueOf', true],
  ['has toString', true],
  ['has key("st*")', true],
  ['key("*") = "t"', true],
  ['key("nam*") = "t/850"', false],
];

test('an object at hand is selected as one in a pool is', () => {
  for (const [text, isSelected] of SELECTED) {
    assert.equal(objectTester(parseSelector(text))({ own, attributes }), isSelected, text);
  }
});

test('any selector selects what it means', () => {
  let selected = 0;
  fc.assert(
    fc.property(anySelector, anyAttributes, (selector, all) => {
      const isMeant = isSelected(selector, all);
      if (isMeant) selected++;
      const object = { own: {}, attributes: Object.fromEntries(all) };
      assert.equal(objectTester(selector)(object), isMeant);
    }),
    { numRuns: 2_000 },
  );
  assert.ok(selected > 200 && selected < 1_800, String(selected));
});
