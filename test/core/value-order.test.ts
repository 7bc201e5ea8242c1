import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Float, Timestamp, type Value } from '../../src/core/value.js';
import { compareValues, isEqualValue } from '../../src/core/value-order.js';
import { fc } from '../fast-check.js';

/** From few characters, of each length in UTF-8, so that texts often begin alike. */
const anyText = fc
  .array(fc.constantFrom('a', 'b', 'é', '\ud7ff', '\ue000', '\uffee', '\u{10000}', '\u{1f4a9}'))
  .map((characters) => characters.join(''));

test('texts are in the order of their bytes, characters beyond U+FFFF too', () => {
  fc.assert(
    fc.property(anyText, anyText, (one, other) => {
      const expected = Buffer.compare(Buffer.from(one), Buffer.from(other));
      const order = Math.sign(compareValues(one, other, false));
      assert.ok(order === expected);
      assert.ok(Math.sign(compareValues(one, other, true)) === -expected);
    }),
  );
});

test('values are equal that are in order, and lists and maps that hold such', () => {
  const scalar: fc.Arbitrary<Value> = fc.oneof(
    fc.constantFrom<Value[]>(6, 6n, new Float(6), Number.NaN, new Float(Number.NaN), 2n ** 63n),
    fc.constantFrom<Value[]>('6', '', true, false, null),
    fc.constantFrom<Value[]>(Uint8Array.of(6), Timestamp.parse('2026-01-31')),
  );
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      scalar,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('a', 'b', 'constructor'), tie('value'), {
        noNullPrototype: true,
      }),
    ),
  }));
  /** What says the same is written the same. */
  const written = (each: Value | undefined): string => {
    if (Array.isArray(each)) return `[${(each as readonly Value[]).map(written).join()}]`;
    if (each instanceof Float) return `n${each.value}`;
    if (each instanceof Timestamp) return `t${each.nanoseconds}`;
    if (each instanceof Uint8Array) return `b${each.join()}`;
    if (typeof each === 'number' || typeof each === 'bigint') return `n${each}`;
    if (typeof each !== 'object' || each === null) return `${typeof each} ${each}`;
    const entries = Object.entries(each as { readonly [key: string]: Value }).sort();
    return `{${entries.map(([key, inner]) => `${key}:${written(inner)}`).join()}}`;
  };
  fc.assert(
    fc.property(value, value, (one, other) => {
      assert.equal(isEqualValue(one, other), written(one) === written(other));
      assert.ok(isEqualValue(one, one));
    }),
    { numRuns: 500 },
  );
  assert.ok(isEqualValue([6, { a: 6n }], [6, { a: new Float(6) }]));
  assert.ok(!isEqualValue([6], 6));
  assert.ok(!isEqualValue(undefined, []));
  assert.ok(isEqualValue(undefined, undefined));
});
