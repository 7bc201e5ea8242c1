import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coerceValue } from '../../../src/core/schema/coerce.js';
import { readType } from '../../../src/core/schema/read-type.js';
import type { AttributeType } from '../../../src/core/schema/types.js';
import type { Value } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyText } from '../arbitraries.js';
import { anyTypeText } from './arbitraries.js';

class Refused extends Error {
  readonly position: number;
  constructor(why: string, position: number) {
    super(why);
    this.position = position;
  }
}

const read = (text: string): ReturnType<typeof readType> =>
  readType(text, (why, position) => {
    throw new Refused(why, position);
  });

const typeOf = (text: string): AttributeType => read(text).type;

const fits = (text: string, value: Value): boolean =>
  'value' in coerceValue(value, typeOf(text), 'k');

test('a type has one text, however it is written', () => {
  const same: readonly (readonly [string, string])[] = [
    ['int()', 'int()'],
    [' int ( max = 5 , min=-1 ) ', 'int(min=-1, max=5)'],
    ['double(min=0)', 'float(min=0.0)'],
    ['blob(max=4)', 'bytes(max=4)'],
    ['enum("a", \'b\', 3, 0.5, True,)', "enum('a', 'b', 3, 0.5, True)"],
    ["regex('^..$', name='two')", "regex('^..$')"],
    ["regex('a', ignore_case=True)", "regex('(?i)a')"],
    ["str(matches=r'\\d\\'', max=5)", "str(max=5, matches='\\\\d\\\\\\'')"],
    ['list(int(min=0), max=5)', 'list(int(min=0), max=5)'],
    ['list(int(), str())', 'list(int(), str())'],
    ['map(str(), key=regex("^k"))', "map(str(), key=regex('^k'))"],
    ["day(min='20260131')", "day(min='2026-01-31')"],
    ['any(int())', 'int()'],
    ['int(required=True, none=False)', 'int()'],
  ];
  for (const [written, text] of same) assert.equal(typeOf(written).text, text, written);
});

test('the text of a type is read as the same type', () => {
  fc.assert(
    fc.property(anyTypeText, (text) => {
      const type = typeOf(text);
      assert.equal(typeOf(type.text).text, type.text);
    }),
  );
});

test('what a type says of its key', () => {
  assert.deepEqual([read('int()').required, read('int()').none], [null, null]);
  const said = read('str(required=False, none=False)');
  assert.deepEqual([said.required, said.none], [false, false]);
});

test('a text that is no type is refused, at its character', () => {
  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ['', 0, /written as int/],
    ['int', 3, /parentheses/],
    ['integer()', 0, /no type "integer"; .* Did you mean "int"\?/],
    ['toString()', 0, /no type/],
    ['int(', 4, /written as int/],
    ['int() x', 6, /behind the type/],
    ['int(5)', 4, /has a name/],
    ['int(min)', 7, /parentheses/],
    ['int(min=)', 8, /written as int/],
    ['int(min=1.5)', 4 + 4, /integer/],
    ['uint(min=-1)', 9, /integer/],
    ['int(min=5, max=4)', 15, /above/],
    ['int(min=1, min=2)', 11, /twice/],
    ['int(mni=1)', 4, /Did you mean "min"/],
    ['int(min=0 max=1)', 10, /"," or "\)"/],
    ['str(min=-1)', 8, /a length/],
    ['str(matches=5)', 12, /a text in quotes/],
    ["str(matches='(')", 12, /in the pattern '\(' "\(" is not closed/],
    ["str(max=3, 'a')", 11, /before what has one/],
    ["str(starts_with='a)", 16, /not closed/],
    ['regex()', 0, /needs a pattern/],
    ["regex('(?=a)')", 6, /only/],
    ['enum()', 0, /a value at least/],
    ['enum(None)', 5, /texts in quotes/],
    ["enum('a', 'b', 'a')", 15, /twice/],
    ['list(3)', 5, /a type/],
    ['list(int(required=True))', 9, /of a key/],
    ['map(int(), key=int())', 0, /keys of a map/],
    ["timestamp(min='soon')", 14, /a moment/],
    ["day(min='2026-01-31T06:00Z')", 8, /a day/],
    ['bool(none=1)', 10, /True or False/],
    ['int(min=1e999)', 8, /too large/],
    [`${'list('.repeat(9)}${')'.repeat(9)}`, 40, /nested/],
  ];
  for (const [text, position, why] of wrong) {
    assert.throws(
      () => typeOf(text),
      (error) => {
        assert.ok(error instanceof Refused, `${text}: ${String(error)}`);
        assert.match(error.message, why);
        assert.equal(error.position, position, `${text}: ${error.message}`);
        return true;
      },
    );
  }
});

test('any text is a type, or refused at one of its characters', () => {
  const pieces = fc.constantFrom('int', 'list', '(', ')', ',', 'min=', "'a'", '"', '3', ' ', '\\');
  const texts = fc.oneof(
    anyText(20),
    fc.array(pieces, { maxLength: 12 }).map((all) => all.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        typeOf(text);
      } catch (error) {
        assert.ok(error instanceof Refused, String(error));
        assert.ok(error.position >= 0 && error.position <= Array.from(text).length);
      }
    }),
  );
});

test('bounds are of values, and of lengths', () => {
  assert.ok(fits('int(min=0, max=5)', 5) && !fits('int(min=0, max=5)', 6));
  assert.ok(fits('float(max=0.5)', 0.5) && !fits('float(max=0.5)', 0.6));
  assert.ok(!fits('float(min=0)', Number.NaN) && fits('float()', Number.NaN));
  assert.ok(fits('uint(min=9007199254740993)', 2n ** 64n - 1n));
  assert.ok(!fits('uint(min=9007199254740993)', 2 ** 53));
  assert.ok(fits('str(min=2, max=2)', '温度') && !fits('str(min=2, max=2)', 'a'));
  assert.ok(fits('bytes(max=1)', new Uint8Array(1)) && !fits('bytes(max=1)', new Uint8Array(2)));
  assert.ok(fits('list(max=1)', ['x']) && !fits('list(max=1)', ['x', 'y']));
  assert.ok(fits('map(int(), min=1)', { a: 1 }) && !fits('map(int(), min=1)', {}));
  assert.ok(
    fits("day(min='2026-01-31')", 20_260_131) && !fits("day(min='2026-02-01')", 20_260_131),
  );
});

test('patterns begin where the text begins, as in yamale; their end is free', () => {
  assert.ok(fits("regex('b')", 'ba') && !fits("regex('b')", 'ab'));
  assert.ok(fits("regex('a|b')", 'bx') && !fits("regex('a|b')", 'xb'));
  assert.ok(fits("regex('^a$', 'b')", 'bx') && !fits("regex('^a$', 'b')", 'ab'));
  assert.ok(fits("str(matches='A', ignore_case=True)", 'ab'));
  assert.ok(fits("regex('(?s)a.b')", 'a\nb') && !fits("regex('a.b')", 'a\nb'));
  assert.ok(fits("str(starts_with='t', ends_with='0', exclude='/ ')", 't850'));
  assert.ok(!fits("str(exclude='/ ')", 'a b') && !fits("str(ends_with='0')", 'x1'));
});
