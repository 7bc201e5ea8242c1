import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { parseSchema } from '../../../src/core/schema/schema.js';
import { Schemas } from '../../../src/core/schema/schemas.js';
import { typeSelector } from '../../../src/core/schema/type-selector.js';
import type { Selector } from '../../../src/core/selector/ast.js';
import { parseSelector } from '../../../src/core/selector/parser.js';
import { printSelector } from '../../../src/core/selector/printer.js';
import { fc } from '../../fast-check.js';
import { anySelector } from '../selector/arbitraries.js';
import { attribute, documentOf, FIELDS, failureOf } from './examples.js';

const schemas = new Schemas([
  parseSchema(FIELDS),
  parseSchema(
    documentOf('more', [
      attribute('count', 'uint(max=10)'),
      attribute('mixed', "enum('a', 3)"),
      attribute('either', 'any(int(), list(str()))'),
      attribute('free', 'any()'),
      attribute('code', "regex('^[0-9]+$')"),
      attribute('map', 'map(int())'),
    ]),
  ),
]);

const typed = (text: string): string => printSelector(typeSelector(parseSelector(text), schemas));

test('literals become what their key is', () => {
  const table: readonly (readonly [string, string])[] = [
    ['date >= "2026-01-31"', 'date >= 2026-01-31'],
    ['date = 20260131', 'date = 2026-01-31'],
    ['date < "20260131T0600"', 'date < 2026-01-31T06:00:00Z'],
    ['step = "12"', 'step = 12'],
    ['step = 12.0', 'step = 12'],
    ['step != -5', 'step != -5'],
    ['step in ["0", "6", "12".."24"]', 'step in [0, 6, 12..24]'],
    ['step < 1.5', 'step < 1.5'],
    ['count > -1 and count < inf', 'count > -1 and count < inf'],
    ['scale = "2"', 'scale = 2.0'],
    ['param = 130', 'param = "130"'],
    ['param in 1..', 'param in "1"..'],
    ['flag = 1 or not flag = "false"', 'flag = true or not flag = false'],
    ['class != "od"', 'class != "od"'],
    ['class < "p"', 'class < "p"'],
    ['mixed = "3"', 'mixed = 3'],
    ['mixed >= "b" or mixed < 5', 'mixed >= "b" or mixed < 5'],
    ['levels = ["850", 500]', 'levels = [850, 500]'],
    ['any levels > "500"', 'any levels > 500'],
    ['all levels in ["1"..]', 'all levels in 1..'],
    ['any either prefix "t"', 'any either prefix "t"'],
    ['either = "5"', 'either = 5'],
    ['any free = "5" and free ~ "5"', 'any free = "5" and free ~ "5"'],
    ['code = 12', 'code = "12"'],
    [
      'param ~ "t*" and code =~ "^1" and class infix "d"',
      'param ~ "t*" and code =~ "^1" and class infix "d"',
    ],
    ['unknown = "5" and has step', 'unknown = "5" and has step'],
    ['key("st*") = "5"', 'key("st*") = "5"'],
    ['', 'true'],
  ];
  for (const [text, becomes] of table) assert.equal(typed(text), becomes, text);
});

test('what no value can be is refused, at the operator', () => {
  const table: readonly (readonly [text: string, position: number, why: RegExp])[] = [
    ['step = "x"', 5, /"x" cannot be one/],
    ['step = 1.5', 5, /1.5 cannot/],
    ['count = -1', 6, /-1 cannot/],
    ['param = "t" and step < "x"', 21, /cannot/],
    ['class = "odd"', 6, /"class" is enum\('od', 'rd'\): "odd"/],
    ['class in ["od", "xx"]', 6, /"xx"/],
    ['step = null', 5, /write has/],
    ['date = "soon"', 5, /"soon"/],
    ['date prefix "2026"', 5, /asked of texts/],
    ['step ~ "1*"', 5, /asked of texts/],
    ['flag > 0', 5, /no order/],
    ['levels > 500', 7, /write any before/],
    ['levels = 500', 7, /write any before/],
    ['any step = 5', 0, /asked of lists/],
    ['any levels infix "5"', 11, /asked of texts/],
    ['not (map = 5)', 9, /cannot/],
    ['scale = 9007199254740993', 6, /cannot/],
  ];
  for (const [text, position, why] of table) {
    const { fields, message } = failureOf('bad-selector', () => typed(text));
    assert.equal(fields['position'], position, `${text}: ${message}`);
    assert.match(message, why);
  }
});

test('typing again changes nothing, and leaves what no schema knows as it is', () => {
  const over = new Schemas([
    parseSchema(
      documentOf('s', [
        attribute('a', 'any(int(), str())'),
        attribute('b', 'timestamp()'),
        attribute('ab', 'list(num())'),
      ]),
    ),
  ]);
  const none = new Schemas();
  fc.assert(
    fc.property(anySelector, (selector) => {
      assert.deepEqual(typeSelector(selector, none), selector);
      let once: Selector;
      try {
        once = typeSelector(selector, over);
      } catch (error) {
        assert.ok(error instanceof AttaccaError && error.code === 'bad-selector', String(error));
        return;
      }
      assert.equal(printSelector(typeSelector(once, over)), printSelector(once));
      // What was typed is a selector that a text can say.
      assert.equal(printSelector(parseSelector(printSelector(once))), printSelector(once));
    }),
  );
});
