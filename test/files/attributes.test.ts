import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeOf, valuesOfAttributes } from '../../src/files/attributes.js';
import { fc } from '../fast-check.js';

/** What is said of an object again when a file with its attribute is imported. */
function again(value: number | bigint | readonly (number | bigint)[]): unknown {
  const attribute = attributeOf('a', value);
  assert.ok(attribute !== null);
  return valuesOfAttributes([attribute])['a'];
}

const integer = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.bigInt({ min: -(2n ** 33n), max: 2n ** 33n }),
  )
  .map((each) => (Number.isSafeInteger(Number(each)) ? Number(each) : each));

test('integers stay the integers that they are, or become text: none wraps', () => {
  fc.assert(
    fc.property(fc.array(integer, { minLength: 1, maxLength: 4 }), (values) => {
      const isNegative = values.some((each) => each < 0);
      const isWide = values.some((each) => each >= 2n ** 63n);
      if (!(isNegative && isWide)) assert.deepEqual(again(values), values);
      else {
        const text = again(values);
        assert.ok(typeof text === 'string');
        assert.deepEqual((JSON.parse(text) as readonly unknown[]).map(String), values.map(String));
      }
    }),
  );
  assert.equal(again([-1, 2n ** 63n]), '[-1,"9223372036854775808"]');
  assert.equal(again(2n ** 64n - 1n), 2n ** 64n - 1n);
});
