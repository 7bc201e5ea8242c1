import assert from 'node:assert/strict';
import { test } from 'node:test';
import { convertElements, type Elements, isLossless } from '../../../src/core/regions/cast.js';
import { fromFloat16, toFloat16 } from '../../../src/core/regions/float16.js';
import { type ByteOrder, DTYPES, type Dtype, itemSizeOf } from '../../../src/core/space.js';
import { fc } from '../../fast-check.js';

const TYPES = Object.keys(DTYPES) as Dtype[];
const byteOrders: fc.Arbitrary<ByteOrder> = fc.constantFrom('little', 'big');

/** NaN may have any bits. */
const isNaN16 = (bits: number): boolean => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;

test('float16: all 65,536 go to a number and back', () => {
  for (let bits = 0; bits < 0x1_0000; bits++) {
    const number = fromFloat16(bits);
    if (isNaN16(bits)) assert.ok(Number.isNaN(number) && isNaN16(toFloat16(number)));
    else assert.equal(toFloat16(number), bits);
  }
});

test('float16: a number becomes the nearest one, of two the even one', () => {
  const numbers = fc.oneof(
    fc.double({ min: -70_000, max: 70_000 }),
    fc.double({ min: -1e-4, max: 1e-4 }),
    // Halfway between two.
    fc.nat(0x7bfe).map((bits) => (fromFloat16(bits) + fromFloat16(bits + 1)) / 2),
  );
  fc.assert(
    fc.property(numbers, (number) => {
      if (Number.isNaN(number)) return;
      const bits = toFloat16(number);
      const size = Math.abs(number);
      if (size >= 65_520) {
        assert.equal(bits & 0x7fff, 0x7c00);
        return;
      }
      const apart = (other: number): number => Math.abs(Math.abs(fromFloat16(other)) - size);
      const own = bits & 0x7fff;
      for (const other of [own - 1, own + 1]) {
        if (other < 0 || other >= 0x7c00) continue;
        assert.ok(apart(own) <= apart(other));
        if (apart(own) === apart(other)) assert.equal(own % 2, 0);
      }
    }),
    { numRuns: 5_000 },
  );
});

test('conversions: lossless ones come back as they were, by way of any such type', () => {
  const cases = fc.record({
    bytes: fc.uint8Array({ minLength: 48, maxLength: 48 }),
    from: fc.constantFrom(...TYPES),
    to: fc.constantFrom(...TYPES),
    orders: fc.tuple(byteOrders, byteOrders),
  });
  fc.assert(
    fc.property(cases, ({ bytes, from, to, orders }) => {
      if (!isLossless(from, to)) return;
      // Of a bool only 0 and 1 are values.
      const given = from === 'bool' ? bytes.map((byte) => byte & 1) : bytes;
      const source: Elements = { bytes: given, dtype: from, byteOrder: orders[0] };
      const count = given.length / itemSizeOf(from);
      const there = new Uint8Array(count * itemSizeOf(to));
      convertElements(source, { bytes: there, dtype: to, byteOrder: orders[1] });
      const back = new Uint8Array(given.length);
      convertElements(
        { bytes: there, dtype: to, byteOrder: orders[1] },
        { bytes: back, dtype: from, byteOrder: orders[0] },
      );
      assert.deepEqual(valuesOf({ ...source, bytes: back }), valuesOf(source));
    }),
    { numRuns: 3_000 },
  );
});

/** Values, in which every NaN is the same. */
function valuesOf(elements: Elements): (number | bigint)[] {
  const { dtype } = elements;
  const isFloat = dtype.startsWith('float') || dtype.startsWith('complex');
  if (!isFloat) return [...elements.bytes];
  const wide = dtype.startsWith('complex') ? 'complex128' : 'float64';
  const bytes = new Uint8Array((elements.bytes.length / itemSizeOf(dtype)) * itemSizeOf(wide));
  convertElements(elements, { bytes, dtype: wide, byteOrder: 'little' });
  return [...new Float64Array(bytes.buffer)];
}

function lossless(pair: string): boolean {
  const [from, to] = pair.split(' ') as [Dtype, Dtype];
  return isLossless(from, to);
}

test('conversions: which are lossless', () => {
  const yes = [
    ...['int16 float32', 'uint8 float16', 'float32 float64', 'float32 complex64'],
    ...['uint32 int64', 'bool int8', 'complex64 complex128', 'int64 int64'],
  ];
  const no = [
    ...['float64 float32', 'int32 float32', 'int8 uint64', 'uint64 int64'],
    ...['complex64 float64', 'uint8 bool', 'int64 float64', 'complex128 complex64'],
  ];
  for (const pair of yes) assert.ok(lossless(pair), pair);
  for (const pair of no) assert.ok(!lossless(pair), pair);
});

test('conversions: to integers values are cut, and wrap around; the imaginary part goes', () => {
  const converted = (values: Float64Array, dtype: Dtype): Uint8Array => {
    const source = new Uint8Array(values.buffer);
    const bytes = new Uint8Array(values.length * itemSizeOf(dtype));
    convertElements(
      { bytes: source, dtype: 'float64', byteOrder: 'little' },
      { bytes, dtype, byteOrder: 'little' },
    );
    return bytes;
  };
  assert.deepEqual([...converted(Float64Array.of(1.9, -1.9, 257, NaN), 'uint8')], [1, 255, 1, 0]);
  const wide = converted(Float64Array.of(-1.5, Number.POSITIVE_INFINITY), 'int64');
  assert.deepEqual([...new BigInt64Array(wide.buffer)], [-1n, 0n]);
  const real = new Uint8Array(8);
  convertElements(
    {
      bytes: new Uint8Array(Float32Array.of(2.5, 7).buffer),
      dtype: 'complex64',
      byteOrder: 'little',
    },
    { bytes: real, dtype: 'float64', byteOrder: 'little' },
  );
  assert.equal(new Float64Array(real.buffer)[0], 2.5);
});

test('conversions: as a bool all but zero is true, NaN, too, and either part of complex numbers', () => {
  const { NaN: nan } = Number;
  const { POSITIVE_INFINITY: endless } = Number;
  const pairs = [0, 0, -0, 0, nan, 0, 0, nan, 0, 1, 1, 0, 0, 5e-324, endless, 0];
  const numbers = new Uint8Array(Float64Array.from(pairs).buffer);
  const boolsOf = (dtype: Dtype, bytes: Uint8Array, byteOrder: ByteOrder): number[] => {
    const to = new Uint8Array(bytes.length / itemSizeOf(dtype));
    convertElements({ bytes, dtype, byteOrder }, { bytes: to, dtype: 'bool', byteOrder });
    return [...to];
  };
  const real = [0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0];
  assert.deepEqual(boolsOf('float64', numbers, 'little'), real);
  assert.deepEqual(boolsOf('complex128', numbers, 'little'), [0, 0, 1, 1, 1, 1, 1, 1]);
  for (const byteOrder of ['little', 'big'] as const) {
    for (const dtype of ['float16', 'float32'] as const) {
      const bytes = new Uint8Array(pairs.length * itemSizeOf(dtype));
      const source: Elements = { bytes: numbers, dtype: 'float64', byteOrder: 'little' };
      convertElements(source, { bytes, dtype, byteOrder });
      // The least float64 is no float32.
      assert.deepEqual(boolsOf(dtype, bytes, byteOrder), real.with(13, 0), dtype);
    }
  }
});
