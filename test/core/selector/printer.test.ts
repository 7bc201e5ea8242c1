import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf, type Selector } from '../../../src/core/selector/ast.js';
import { parseSelector } from '../../../src/core/selector/parser.js';
import {
  normaliseSelector,
  printSelector,
  selectorId,
} from '../../../src/core/selector/printer.js';
import { fc } from '../../fast-check.js';
import { anyAttributes, anySelector } from './arbitraries.js';
import { isSelected } from './reference.js';

/** The same with each node at 0. */
function placeless<T>(node: T): T {
  if (Array.isArray(node)) return node.map(placeless) as T;
  // Values with a class have no places.
  if (
    node === null ||
    typeof node !== 'object' ||
    Object.getPrototypeOf(node) !== Object.prototype
  ) {
    return node;
  }
  const entries = Object.entries(node).map(([key, each]) => [
    key,
    key === 'at' ? 0 : placeless(each),
  ]);
  return Object.fromEntries(entries);
}

/** The selector in Maestro's form wherever that can say it: in prefix. */
function prefixText(selector: Selector): string {
  if (selector.kind === 'and' || selector.kind === 'or') {
    return `(${selector.kind} ${selector.parts.map(prefixText).join('')})`;
  }
  if (selector.kind === 'not') return `(not${prefixText(selector.part)})`;
  return `(${printSelector(selector)})`;
}

test('what is printed parses to the same selector', () => {
  fc.assert(
    fc.property(anySelector, (selector) => {
      const text = printSelector(selector);
      assert.deepStrictEqual(placeless(parseSelector(text)), placeless(selector), text);
      assert.equal(printSelector(parseSelector(text)), text);
    }),
    { numRuns: 4_000 },
  );
});

test('both syntaxes say the same, and each can stand in the other', () => {
  fc.assert(
    fc.property(anySelector, anySelector, (one, other) => {
      assert.deepStrictEqual(placeless(parseSelector(prefixText(one))), placeless(one));
      const mixed = `not (${printSelector(one)}) or ${prefixText(other)}`;
      assert.deepStrictEqual(placeless(parseSelector(mixed)), {
        kind: 'or',
        parts: [{ kind: 'not', part: placeless(one), at: 0 }, placeless(other)],
        at: 0,
      });
    }),
    { numRuns: 2_000 },
  );
});

test('the normal form selects the same, is its own normal form, and does not depend on order', () => {
  let selected = 0;
  fc.assert(
    fc.property(anySelector, anyAttributes, (selector, attributes) => {
      const normal = normaliseSelector(selector);
      const expected = isSelected(selector, attributes);
      if (expected) selected++;
      assert.equal(isSelected(normal, attributes), expected);
      const id = selectorId(selector);
      assert.equal(selectorId(normal), id);
      assert.equal(selectorId(parseSelector(id)), id);
      assert.equal(
        selectorId({ kind: 'not', part: { kind: 'not', part: selector, at: 3 }, at: 2 }),
        id,
      );
      if (selector.kind !== 'and' && selector.kind !== 'or') return;
      const turned = [...selector.parts].reverse();
      assert.equal(selectorId({ ...selector, parts: [...turned, ...turned] }), id);
    }),
    { numRuns: 4_000 },
  );
  assert.ok(selected > 500);
});

test('selectors that mean the same have one id, and others have others', () => {
  const id = (text: string): string => selectorId(parseSelector(text));
  assert.equal(id('(and (b = 2.0)(and (a in [2, 1, 2])(b == 2)))'), 'a in [1, 2] and b = 2');
  assert.equal(id('has a or (has b or has a)'), 'has a or has b');
  assert.equal(id('a = 9007199254740992.0'), id('a = 9007199254740992'));
  assert.equal(id('a = -0.0'), id('a = 0'));
  assert.notEqual(id('a = 1'), id('a = "1"'));
  assert.notEqual(id('has a'), id('has key("a")'));
  assert.equal(id(''), 'true');
});

test('examples', () => {
  const cases: readonly (readonly [text: string, printed: string])[] = [
    [
      'param="t" and step in 0..24 and name~"t850*"',
      'param = "t" and step in 0..24 and name ~ "t850*"',
    ],
    ["a='it\\'s \"\\u{1f30a}\"'", 'a = "it\'s \\"🌊\\""'],
    ['(((a = 1)))', 'a = 1'],
    ['a = 1 or b = 2 and not c = 3', 'a = 1 or b = 2 and not c = 3'],
    ['(a = 1 or b = 2) and c = 3', '(a = 1 or b = 2) and c = 3'],
    ['not (a = 1 and b = 2)', 'not (a = 1 and b = 2)'],
    ['(a=1 and b=2) and c=3', '(a = 1 and b = 2) and c = 3'],
    ['a in [1,5..,"x",..2]', 'a in [1, 5.., "x", ..2]'],
    ['a in [ 1..2 ]', 'a in 1..2'],
    ['a.b in ..5 and a.b in 5..', 'a.b in ..5 and a.b in 5..'],
    ['has key("temp_*") and any key(=~"^l") >= 5', 'has key("temp_*") and any key(=~ "^l") >= 5'],
    ['has `a``b` or has `and` or has `a..b`', 'has `a``b` or has `and` or has `a..b`'],
    ['t >= 2026-01-01T06:00+02:00', 't >= 2026-01-01T04:00:00Z'],
    ['t in 2026-01-01..2026-02-01T00:00:00.500Z', 't in 2026-01-01..2026-02-01T00:00:00.5Z'],
    ['b = x"00FF"', 'b = x"00ff"'],
    ['l = [1, [2.0, null]]', 'l = [1, [2.0, null]]'],
    [
      'f = 1e300 or f = -inf or f != +inf or f = nan',
      'f = 1e+300 or f = -inf or f != inf or f = nan',
    ],
    ['i = +5 or i = -9223372036854775808', 'i = 5 or i = -9223372036854775808'],
    ['true', 'true'],
    [' \t\r\n', 'true'],
    ['(has .maestro.ecmwf.step)', 'has .maestro.ecmwf.step'],
    ['(.maestro.ecmwf.step = 2)', '.maestro.ecmwf.step = 2'],
    [
      '(and (.maestro.gsv.param = 130)(.maestro.gsv.levelist = 1))',
      '.maestro.gsv.param = 130 and .maestro.gsv.levelist = 1',
    ],
    ['(or(has a) (not(has b)))', 'has a or not has b'],
    ['(and (or (a = 1)(b = 2)) (c =~ "x|y"))', '(a = 1 or b = 2) and c =~ "x|y"'],
    ['(and (a = 1))', 'a = 1'],
  ];
  for (const [text, printed] of cases)
    assert.equal(printSelector(parseSelector(text)), printed, text);
});

test('keys are told each once, in their order', () => {
  const text = 'not b = 1 and (has a or any key("b*") = 1) and key("b*") < 2 and b > 3 and true';
  const names = keysOf(parseSelector(text)).map((key) =>
    key.kind === 'name' ? key.name : `${key.kind} ${key.pattern}`,
  );
  assert.deepEqual(names, ['b', 'a', 'glob b*']);
});
