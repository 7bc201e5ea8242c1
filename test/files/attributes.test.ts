import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributeOf, jsonOf, valuesOfAttributes } from '../../src/files/attributes.js';
import { textOf } from '../../src/files/fitting.js';
import type { Attribute } from '../../src/formats/dataset.js';
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
      const [only] = values;
      if (values.length === 1) assert.equal(again(values), only);
      else if (!(isNegative && isWide)) assert.deepEqual(again(values), values);
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

/** An attribute of texts as h5py has them: in fixed sizes, filled up with zeros. */
function fixed(type: Attribute['type'], text: string, shape?: readonly number[]): Attribute {
  const all = { name: 'a', type, byteOrder: 'little', bytes: Buffer.from(text) } as const;
  return shape === undefined ? all : { ...all, shape };
}

test('texts of a fixed size are as many as they are, each without its zeros', () => {
  const told = (attribute: Attribute) => {
    const text = Buffer.from(textOf(attribute)).toString();
    return [valuesOfAttributes([attribute])['a'], jsonOf(attribute), text];
  };
  const list = ['ab', 'cde'];
  assert.deepEqual(told(fixed('string[5]', 'ab\0\0\0cde\0\0', [2])), [list, list, 'ab\ncde']);
  assert.deepEqual(told(fixed('text', 'ab\0cde\0', [2])), [list, list, 'ab\ncde']);
  const square = ['a', '', 'bc', 'd'];
  const squared = fixed('string[2]', 'a\0\0\0bcd\0', [2, 2]);
  assert.deepEqual(told(squared), [square, square, 'a\n\nbc\nd']);
  assert.deepEqual(told(fixed('char', 'xy', [2])), [['x', 'y'], ['x', 'y'], 'x\ny']);
  // One text, as NetCDF has it, stays as it lies.
  assert.deepEqual(told(fixed('char', 'xy\0')), ['xy', 'xy', 'xy\0']);
  assert.deepEqual(told(fixed('string[3]', 'xy\0', [])), ['xy', 'xy', 'xy\0']);
  assert.deepEqual(told(fixed('string[3]', 'xy\0', [1])), ['xy', 'xy', 'xy\0']);
  assert.deepEqual(told(fixed('char', '')), ['', '', '']);
});
