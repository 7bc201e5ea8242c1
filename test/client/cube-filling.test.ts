import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillBytes } from '../../src/client/cubes/filling.js';
import { convertElements } from '../../src/core/regions/cast.js';
import { type Dtype, itemSizeOf } from '../../src/core/space.js';
import { fillWith } from '../../src/transforms/kernels/fill.js';
import { fc } from '../fast-check.js';

const WHOLE: readonly Dtype[] = [
  ...(['int8', 'int16', 'int32', 'int64'] as const),
  ...(['uint8', 'uint16', 'uint32', 'uint64'] as const),
];

/** What bytes of a whole type say. */
function wholeOf(dtype: Dtype, bytes: Uint8Array): bigint {
  const all = new Uint8Array(8);
  all.set(bytes);
  const bits = bytes.length * 8;
  const value = new DataView(all.buffer).getBigUint64(0, true);
  return dtype.startsWith('int') ? BigInt.asIntN(bits, value) : value;
}

/** What bytes of a type say, as a number that is real. */
function numberOf(dtype: Dtype, bytes: Uint8Array): number {
  const back = new Float64Array(1);
  const to = { bytes: new Uint8Array(back.buffer), dtype: 'float64', byteOrder: 'little' } as const;
  convertElements({ bytes, dtype, byteOrder: 'little' }, to);
  return back[0] as number;
}

test('whole types are filled with exactly what is said, and what they have not is refused', () => {
  const value = fc.oneof(
    fc.bigInt(-(2n ** 70n), 2n ** 70n),
    // At the ends of each type, to both sides.
    fc
      .tuple(fc.constantFrom(7n, 8n, 15n, 16n, 31n, 32n, 63n, 64n), fc.bigInt(-2n, 2n))
      .map(([bits, more]) => 2n ** bits + more),
    fc
      .tuple(fc.constantFrom(7n, 15n, 31n, 63n), fc.bigInt(-2n, 2n))
      .map(([bits, more]) => more - 2n ** bits),
  );
  fc.assert(
    fc.property(fc.constantFrom(...WHOLE), value, (dtype, fill) => {
      const bits = BigInt(itemSizeOf(dtype) * 8);
      const isSigned = dtype.startsWith('int');
      const least = isSigned ? -(2n ** (bits - 1n)) : 0n;
      const most = isSigned ? 2n ** (bits - 1n) - 1n : 2n ** bits - 1n;
      const fills = Number.isSafeInteger(Number(fill)) ? [fill, Number(fill)] : [fill];
      for (const each of fills) {
        if (fill < least || fill > most) {
          assert.throws(() => fillBytes('c', dtype, each), { code: 'bad-argument' });
        } else assert.equal(wholeOf(dtype, fillBytes('c', dtype, each)), fill);
      }
    }),
  );
  for (const dtype of WHOLE) {
    assert.equal(wholeOf(dtype, fillBytes('c', dtype, -0)), 0n);
    for (const fill of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 64, undefined]) {
      assert.throws(() => fillBytes('c', dtype, fill), { code: 'bad-argument' }, `${fill}`);
    }
  }
});

test('truth values are 0 and 1, and no others', () => {
  for (const fill of [0, 1n, -0]) {
    assert.deepEqual([...fillBytes('c', 'bool', fill)], [Number(fill) + 0]);
  }
  for (const fill of [2, -1n, 0.5, undefined]) {
    assert.throws(() => fillBytes('c', 'bool', fill), { code: 'bad-argument' });
  }
});

test('floats are rounded, and not beyond their ends', () => {
  for (const dtype of ['float16', 'float32', 'float64'] as const) {
    assert.equal(numberOf(dtype, fillBytes('c', dtype, undefined)), Number.NaN);
    assert.equal(numberOf(dtype, fillBytes('c', dtype, -1n)), -1);
    assert.ok(Object.is(numberOf(dtype, fillBytes('c', dtype, -0)), -0));
    const endless = Number.NEGATIVE_INFINITY;
    assert.equal(numberOf(dtype, fillBytes('c', dtype, endless)), endless);
    assert.throws(() => fillBytes('c', dtype, 2n ** 2_000n), { code: 'bad-argument' });
  }
  assert.equal(numberOf('float32', fillBytes('c', 'float32', 2n ** 64n)), 2 ** 64);
  assert.throws(() => fillBytes('c', 'float32', 1e39), { code: 'bad-argument' });
  assert.throws(() => fillBytes('c', 'float16', 1e5), { code: 'bad-argument' });
  assert.throws(() => fillBytes('c', 'complex64', 1e39), { code: 'bad-argument' });
  const complex = fillBytes('c', 'complex128', 2n);
  assert.deepEqual([...new Float64Array(complex.buffer)], [2, 0]);
});

test('of what is no number there is nothing to fill with, and it says so at once', () => {
  const why = { code: 'bad-argument', message: /string\[4\] is no number; wait for them/u };
  for (const fill of [undefined, 1]) assert.throws(() => fillBytes('c', 'string[4]', fill), why);
  assert.throws(() => fillBytes('c', 'float64', 'x' as never), { code: 'bad-argument' });
});

test('an element is put over and over', () => {
  for (const count of [0, 1, 2, 3, 7]) {
    const target = new Uint8Array(count * 2);
    fillWith(target, Uint8Array.of(1, 2));
    assert.deepEqual([...target], new Array(count).fill([1, 2]).flat());
  }
});
