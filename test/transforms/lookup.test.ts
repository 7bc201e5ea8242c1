// Small elements are looked up where there are many: the same bits as when each is computed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { type ByteOrder, type Dtype, itemSizeOf, type Space } from '../../src/core/space.js';
import { planChain, runElements } from '../../src/transforms/chain.js';
import { lookupOf } from '../../src/transforms/lookup.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { fc } from '../fast-check.js';

/** Enough for a table of two bytes, and some that no round number has. */
const COUNT = 8 * 65_536 + 3;

/** Bytes that a seed gives. */
function bytesFrom(seed: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = seed | 1;
  for (let at = 0; at < size; at++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

const spaceOf = (dtype: Dtype, byteOrder: ByteOrder): Space => {
  return { dtype, shape: [COUNT], order: 'row', byteOrder };
};

/** The chain at once, and by so few elements that no table pays. */
function both(specs: readonly TransformSpec[], space: Space, source: Uint8Array) {
  const { steps, space: after } = planChain(specs, space);
  assert.ok(after !== null);
  const [from, to] = [itemSizeOf(space.dtype), itemSizeOf(after.dtype)];
  const atOnce = new Uint8Array(COUNT * to);
  runElements(steps, source, atOnce, COUNT);
  const computed = new Uint8Array(COUNT * to);
  for (let start = 0; start < COUNT; start += 1_000) {
    const end = Math.min(COUNT, start + 1_000);
    const part = computed.subarray(start * to, end * to);
    runElements(steps, source.subarray(start * from, end * from), part, end - start);
  }
  return { atOnce, computed };
}

const steps = fc.oneof(
  fc.record({
    kind: fc.constant('scale' as const),
    scale: fc.double({ min: -10, max: 10, noNaN: true }),
    offset: fc.double({ min: -1e3, max: 1e3, noNaN: true }),
    fill: fc.oneof(fc.integer({ min: -40_000, max: 40_000 }), fc.constant([0, 1, 255])),
  }),
  fc.constant({ kind: 'scale', range: [-5, 1e3] } as const),
  fc.constantFrom<ByteOrder>('little', 'big').map((byteOrder) => {
    return { kind: 'byte-order', byteOrder } as const;
  }),
  fc.constantFrom<Dtype>('float64', 'int16', 'uint8', 'float16', 'int64').map((dtype) => {
    return { kind: 'dtype', dtype, lossy: true } as const;
  }),
  fc.constantFrom('sqrt(x)', 'x > 3', 'where(isnan(x), -1, x*x)').map((text) => {
    return { kind: 'expression', text } as const;
  }),
  fc.constant({ kind: 'pack', dtype: 'int16', scale: 0.25, lossy: true } as const),
);

test('what is looked up has the bits of what is computed', () => {
  const dtypes = fc.constantFrom<Dtype>('int16', 'uint16', 'float16', 'int8', 'uint8');
  const orders = fc.constantFrom<ByteOrder>('little', 'big');
  const chains = fc.array(steps, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(dtypes, orders, chains, fc.nat(), (dtype, byteOrder, chain, seed) => {
      const space = spaceOf(dtype, byteOrder);
      const source = bytesFrom(seed, COUNT * itemSizeOf(dtype));
      let planned: ReturnType<typeof both>;
      try {
        planned = both(chain as readonly TransformSpec[], space, source);
      } catch (error) {
        // A chain that fits nothing, as bool has no scale.
        fc.pre(!(error instanceof AttaccaError && error.code === 'bad-transform'));
        throw error;
      }
      assert.ok(Buffer.compare(planned.atOnce, planned.computed) === 0);
    }),
    { numRuns: 30 },
  );
});

test('a value that is refused is refused where it is there, and nowhere else', () => {
  const space = spaceOf('int16', 'little');
  const pack: TransformSpec = { kind: 'pack', dtype: 'int8' };
  const { steps: packing } = planChain([pack], space);
  const target = new Uint8Array(COUNT);
  const small = new Int16Array(COUNT).map((_, at) => at % 100);
  const source = new Uint8Array(small.buffer);
  runElements(packing, source, target, COUNT);
  assert.deepEqual([...target.subarray(98, 102)], [98, 99, 0, 1]);
  small[COUNT - 1] = 1_000;
  assert.throws(() => runElements(packing, source, target, COUNT), { code: 'lossy-conversion' });
});

test('no table of few elements, of large ones, and of those at odd places', () => {
  const copy = (from: Uint8Array, to: Uint8Array): void => to.set(from);
  const made = (size: number, count: number, place = 0) => {
    const bytes = new Uint8Array(size * count + place).subarray(place);
    return lookupOf(copy, bytes, bytes, count);
  };
  assert.notEqual(made(2, 8 * 65_536), null);
  assert.notEqual(made(1, 8 * 256), null);
  assert.equal(made(2, 8 * 65_536 - 1), null);
  assert.equal(made(1, 8 * 256 - 1), null);
  assert.equal(made(2, 8 * 65_536, 1), null);
  assert.equal(made(4, 8 * 65_536), null);
  assert.equal(made(2, 0), null);
});
