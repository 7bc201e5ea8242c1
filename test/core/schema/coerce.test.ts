import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { coerceValue, isSameValue } from '../../../src/core/schema/coerce.js';
import { readType } from '../../../src/core/schema/read-type.js';
import type { AttributeType } from '../../../src/core/schema/types.js';
import { readTimestamp } from '../../../src/core/selector/timestamps.js';
import { Float, Timestamp, type Value } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyValue } from '../arbitraries.js';
import { anyTypeText, nearValue } from './arbitraries.js';

function typeOf(text: string): AttributeType {
  return readType(text, (why) => assert.fail(why)).type;
}

/** Undefined when it does not fit. */
function coerced(text: string, value: Value): Value | undefined {
  const result = coerceValue(value, typeOf(text), 'k');
  return 'value' in result ? result.value : undefined;
}

function moment(text: string): Timestamp {
  const read = readTimestamp(text);
  assert.ok(read instanceof Timestamp, text);
  return read;
}

const NONE = undefined;

/** The table of docs/schemas.md, by example: a type, a value, and what becomes of it. */
const TABLE: readonly (readonly [type: string, value: Value, becomes: Value | undefined])[] = [
  ['int()', 12, 12],
  ['int()', new Float(12), 12],
  ['int()', 2 ** 60, 2n ** 60n],
  ['int()', '12', 12],
  ['int()', '+0600', 600],
  ['int()', '-9223372036854775808', -(2n ** 63n)],
  ['int()', -(2n ** 63n) - 1n, NONE],
  ['int()', 2n ** 63n, NONE],
  ['int()', -0, 0],
  ['int()', 12.5, NONE],
  ['int()', '12.0', NONE],
  ['int()', ' 12', NONE],
  ['int()', '', NONE],
  ['int()', true, NONE],
  ['int()', null, NONE],
  ['int()', Number.POSITIVE_INFINITY, NONE],
  ['int()', 5n, 5],
  ['uint()', 2n ** 64n - 1n, 2n ** 64n - 1n],
  ['uint()', 2n ** 64n, NONE],
  ['uint()', '18446744073709551616', NONE],
  ['uint()', -1, NONE],
  ['float()', 12, new Float(12)],
  ['float()', 12.5, 12.5],
  ['float()', new Float(12.5), 12.5],
  ['float()', '1e5', new Float(100_000)],
  ['float()', '.5', 0.5],
  ['float()', 'NaN', Number.NaN],
  ['float()', '-inf', Number.NEGATIVE_INFINITY],
  ['float()', 2n ** 53n + 1n, NONE],
  ['float()', '9007199254740993', NONE],
  ['float()', '1e999', NONE],
  ['float()', '1e-999', NONE],
  ['float()', '0e-999', new Float(0)],
  ['float()', 'x', NONE],
  ['float()', true, NONE],
  ['num()', 12, 12],
  ['num()', new Float(12), new Float(12)],
  ['num()', '12', 12],
  ['num()', '12.0', new Float(12)],
  ['num()', 2n ** 64n, NONE],
  ['bool()', 'True', true],
  ['bool()', 0, false],
  ['bool()', '1', true],
  ['bool()', new Float(1), true],
  ['bool()', 2, NONE],
  ['bool()', 'yes', NONE],
  ['str()', 12, '12'],
  ['str()', 2n ** 64n, '18446744073709551616'],
  ['str()', new Float(12), '12.0'],
  ['str()', true, 'true'],
  ['str()', moment('2026-01-31T06:00Z'), '2026-01-31T06:00:00Z'],
  ['str()', [], NONE],
  ['timestamp()', '2026-01-31', moment('2026-01-31')],
  ['timestamp()', 20_260_131, moment('2026-01-31')],
  ['timestamp()', '20260131', moment('2026-01-31')],
  ['timestamp()', '20260131T0600Z', moment('2026-01-31T06:00Z')],
  ['timestamp()', '2026-01-31 06:00', moment('2026-01-31T06:00Z')],
  ['timestamp()', '2026-01-31T06:00:00.5+0200', moment('2026-01-31T04:00:00.5Z')],
  ['timestamp()', '2026-01-31T06', moment('2026-01-31T06:00Z')],
  ['timestamp()', '2026-02-30', NONE],
  ['timestamp()', 20_260_230, NONE],
  ['timestamp()', 1_769_817_600, NONE],
  ['timestamp()', '1500-01-01', NONE],
  ['timestamp()', 'now', NONE],
  ['day()', '20260131', moment('2026-01-31')],
  ['day()', '2026-01-31T06:00Z', NONE],
  ['bytes()', 'ab', NONE],
  ["enum('a', 3)", '3', 3],
  ["enum('12', 12)", 12, 12],
  ["enum('12', 12)", '12', '12'],
  ["enum('12')", 12, '12'],
  ["enum('a')", 'A', NONE],
  ['enum(True)', 'true', true],
  ['enum(0.5)', '0.5', 0.5],
  ['list(int())', ['1', 2], [1, 2]],
  ['list(int())', '1', NONE],
  ['list(int())', ['x'], NONE],
  ['list()', [1, 'a'], [1, 'a']],
  ['map(int())', { a: '1' }, { a: 1 }],
  ["map(int(), key=regex('k'))", { a: 1 }, NONE],
  ['map(int())', moment('2026-01-31'), NONE],
  ['any(int(), str())', '12', '12'],
  ['any(int(), bool())', 'true', true],
  ['any()', { a: [1] }, { a: [1] }],
  ['any()', null, NONE],
];

test('the table of coercions', () => {
  for (const [type, value, becomes] of TABLE) {
    const result = coerced(type, value);
    const isSo =
      result === undefined || becomes === undefined
        ? result === becomes
        : isSameValue(result, becomes);
    assert.ok(isSo, `${type} of ${inspect(value)} is ${inspect(result)}`);
  }
});

test('what comes out fits as it is, and coercing it again changes nothing', () => {
  let fitted = 0;
  fc.assert(
    fc.property(anyTypeText, nearValue, (text, value) => {
      const once = coerced(text, value);
      if (once === undefined) return;
      fitted++;
      const twice = coerced(text, once);
      assert.ok(twice !== undefined && isSameValue(twice, once), `${text}`);
      // Its own text is the witness: a type made from nothing says the same.
      assert.ok(isSameValue(coerced(typeOf(text).text, once) ?? null, once));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(fitted > 200, `${fitted} fitted`);
});

test('numbers keep their value, whatever type they become', () => {
  const numbers = nearValue.filter(
    (value) => typeof value === 'number' || typeof value === 'bigint' || value instanceof Float,
  );
  const plain = (value: Value): unknown => (value instanceof Float ? value.value : value);
  fc.assert(
    fc.property(numbers, fc.constantFrom('int()', 'uint()', 'float()', 'num()'), (value, text) => {
      const result = coerced(text, value);
      if (result === undefined) return;
      const [before, after] = [plain(value), plain(result)];
      // biome-ignore lint/suspicious/noDoubleEquals: == compares numbers and bigints exactly.
      assert.ok(before == after || Number.isNaN(after), `${String(before)} ${String(after)}`);
    }),
  );
});

test('a value is the same as itself, and no other', () => {
  fc.assert(
    fc.property(anyValue, anyValue, (one, other) => {
      assert.ok(isSameValue(one, one));
      assert.equal(isSameValue(one, other), isSameValue(other, one));
    }),
  );
  assert.ok(!isSameValue(5, new Float(5)) && !isSameValue({ a: 1 }, { b: 1 }));
  assert.ok(!isSameValue(new Timestamp(0n), {}) && !isSameValue([1], [1, 2]));
});

test('what does not fit is told with the place within the value', () => {
  const result = coerceValue([1, [2, 'x']], typeOf('list(any(int(), list(int())))'), 'k');
  assert.ok('misfit' in result && result.misfit.path === 'k[1]');
  const inner = coerceValue({ a: ['x'] }, typeOf('map(list(int()))'), 'k');
  assert.ok('misfit' in inner);
  assert.deepEqual(inner.misfit, { path: 'k.a[0]', value: 'x', expected: 'int()' });
});
