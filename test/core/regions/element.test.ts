import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DTYPES, NUMERIC_DTYPES } from '../../../src/core/dtype.js';
import { convertElements } from '../../../src/core/regions/cast.js';
import { elementOf } from '../../../src/core/regions/element.js';
import { itemSizeOf } from '../../../src/core/space.js';
import { fc } from '../../fast-check.js';

test('an element is what the value is, in either byte order, or there is none', () => {
  const values = fc.oneof(
    fc.integer({ min: -70_000, max: 70_000 }),
    fc.double(),
    fc.bigInt(-(2n ** 65n), 2n ** 65n),
  );
  fc.assert(
    fc.property(fc.constantFrom(...NUMERIC_DTYPES), values, (dtype, value) => {
      const little = elementOf(dtype, value);
      const big = elementOf(dtype, value, 'big');
      assert.equal(little === null, big === null);
      if (little === null || big === null) return;
      assert.equal(little.length, itemSizeOf(dtype));
      const turned = new Uint8Array(little.length);
      const from = { bytes: big, dtype, byteOrder: 'big' } as const;
      convertElements(from, { bytes: turned, dtype, byteOrder: 'little' });
      assert.deepEqual(turned, little);
      if (!dtype.includes('int')) return;
      const bits = BigInt(DTYPES[dtype].itemSize * 8);
      const read = little.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      const isSigned = dtype.startsWith('int');
      assert.equal(isSigned ? BigInt.asIntN(Number(bits), read) : read, BigInt(value));
    }),
  );
});

test('what a type has not is nothing: no neighbour, no wrapped number', () => {
  const none = [
    ['uint8', -1],
    ['int8', 300.7],
    ['int8', 128],
    ['int32', Number.NaN],
    ['int64', 1.5],
    ['uint64', 2n ** 64n],
    ['bool', 2],
    ['float16', 65_520],
    ['float32', 1e39],
    ['complex64', 1e39],
    ['string[4]', 65],
    ['{x:int8@0;1}', 1],
    ['int8', '1'],
    ['float32', true],
  ] as const;
  for (const [dtype, value] of none) {
    assert.equal(elementOf(dtype, value as number), null, `${dtype} ${value}`);
  }
  assert.deepEqual(elementOf('float16', 1), Uint8Array.of(0, 0x3c));
  assert.deepEqual(elementOf('complex64', 1), new Uint8Array(Float32Array.of(1, 0).buffer));
  assert.deepEqual(elementOf('int32', -2, 'big'), Uint8Array.of(255, 255, 255, 254));
});
