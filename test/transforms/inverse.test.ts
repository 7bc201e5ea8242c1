// I10: a lossless transform and its inverse are the identity, a lossy one stays in its bound.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type ByteOrder,
  DTYPES,
  type Dtype,
  type Order,
  spaceBytes,
} from '../../src/core/space.js';
import { inverseOfChain, planChain } from '../../src/transforms/chain.js';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { fc } from '../fast-check.js';
import { lossOf } from './loss.js';
import { bytesOf, numbersAfter, run, spaceOf } from './support.js';

const DTYPE_NAMES = Object.keys(DTYPES) as Dtype[];

const spaces = fc
  .record(
    {
      dtype: fc.constantFrom(...DTYPE_NAMES),
      shape: fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }),
      order: fc.constantFrom<Order>('row', 'column'),
      byteOrder: fc.constantFrom<ByteOrder>('little', 'big'),
    },
    { noNullPrototype: true },
  )
  .chain((space) => {
    const size = spaceBytes(space);
    const bytes = fc.uint8Array({ minLength: size, maxLength: size });
    return fc.record({ space: fc.constant(space), bytes });
  });

/** Transforms that take whatever there is; axes are chosen by what the space turns out to be. */
const lossless: fc.Arbitrary<(shape: readonly number[]) => TransformSpec> = fc.oneof(
  fc.constantFrom<Order>('row', 'column').map((order) => () => ({ kind: 'order', order }) as const),
  fc
    .constantFrom<ByteOrder>('little', 'big')
    .map((byteOrder) => () => ({ kind: 'byte-order', byteOrder }) as const),
  fc.constant(() => ({ kind: 'transpose' }) as const),
  fc.nat(23).map((turn) => (shape: readonly number[]) => {
    const axes = shape.map((_, at) => (at + turn) % shape.length);
    return { kind: 'transpose', axes } as const;
  }),
  fc.integer({ min: 1, max: 16 }).map((itemSize) => () => ({ kind: 'shuffle', itemSize }) as const),
);

describe('I10', () => {
  test('chains of lossless transforms and their inverse give every bit back', async () => {
    const chains = fc.array(lossless, { maxLength: 6 });
    const codecs = fc.constantFrom('gzip', 'zstd', 'lz4', 'blosc', null);
    await fc.assert(
      fc.asyncProperty(spaces, chains, codecs, async ({ space, bytes }, chain, codec) => {
        const specs: TransformSpec[] = [];
        for (const make of chain) {
          const { space: now } = planChain(specs, space);
          specs.push(make(now?.shape ?? []));
        }
        if (codec !== null) specs.push({ kind: 'compress', codec });
        const { steps } = planChain(specs, space);
        for (const step of steps) assert.deepEqual(lossOf(step), { kind: 'none' });
        const inverse = inverseOfChain(steps);
        assert.ok(inverse !== null);
        const there = await run(specs, bytes, space);
        const back = await run(inverse, there.bytes, there.space);
        assert.deepEqual(back.space, space);
        assert.deepEqual([...back.bytes], [...bytes]);
      }),
      { numRuns: 300 },
    );
  });

  test('a type that has all values gives them back', async () => {
    const types = fc.constantFrom(...DTYPE_NAMES);
    let seen = 0;
    await fc.assert(
      fc.asyncProperty(spaces, types, async ({ space, bytes }, dtype) => {
        const isFloat = space.dtype.startsWith('float') || space.dtype.startsWith('complex');
        // Of NaN it is kept that it is none, not which; a bool that is no 0 or 1 is no bool.
        if (isFloat || space.dtype === 'bool') return;
        const specs: TransformSpec[] = [{ kind: 'dtype', dtype }];
        try {
          planChain(specs, space);
        } catch {
          return;
        }
        const { steps } = planChain(specs, space);
        const there = await run(specs, bytes, space);
        const back = await run(inverseOfChain(steps) ?? [], there.bytes, there.space);
        assert.deepEqual(back.space, space);
        assert.deepEqual([...back.bytes], [...bytes]);
        seen++;
      }),
      { numRuns: 300 },
    );
    assert.ok(seen > 20, `${seen}`);
  });

  test('structs become arrays of their fields, and structs again', async () => {
    const layouts = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(layouts, fc.nat(20), async (sizes, count) => {
        let offset = 0;
        const fields = sizes.map((size) => {
          const field = { offset, size };
          offset += size;
          return field;
        });
        const bytes = Uint8Array.from({ length: count * offset }, (_, at) => (at * 37) % 251);
        const space = spaceOf('uint8', [count, offset]);
        const there = await run([{ kind: 'soa', fields }], bytes, space);
        const first = fields[0]?.size ?? 0;
        for (let item = 0; item < count; item++) {
          const field = there.bytes.subarray(item * first, (item + 1) * first);
          assert.deepEqual([...field], [...bytes.subarray(item * offset, item * offset + first)]);
        }
        const back = await run([{ kind: 'aos', fields }], there.bytes, there.space);
        assert.deepEqual([...back.bytes], [...bytes]);
      }),
    );
  });

  test('rounded floats stay within the bound that is told', async () => {
    const values = fc.array(fc.oneof(fc.double(), fc.float(), fc.double({ min: -1, max: 1 })), {
      maxLength: 40,
    });
    const roundings = fc.oneof(
      fc.nat(23).map((bits) => ({ bits })),
      fc.double({ min: 1e-12, max: 1e6, noNaN: true }).map((absolute) => ({ absolute })),
      fc.double({ min: 1e-6, max: 0.4, noNaN: true }).map((relative) => ({ relative })),
    );
    const types = fc.constantFrom('float32' as const, 'float64' as const);
    await fc.assert(
      fc.asyncProperty(values, roundings, types, async (list, rounding, dtype) => {
        const array = dtype === 'float32' ? Float32Array.from(list) : Float64Array.from(list);
        const space = spaceOf(dtype, [list.length]);
        const spec: TransformSpec = { kind: 'bitround', ...rounding };
        const rounded = await numbersAfter([spec], array, space);
        const [step] = planChain([spec], space).steps;
        assert.ok(step !== undefined);
        const loss = lossOf(step);
        assert.ok(loss.kind === 'absolute' || loss.kind === 'relative');
        const least = dtype === 'float32' ? 2 ** -126 : 2 ** -1022;
        for (const [at, value] of [...array].entries()) {
          const got = rounded[at] as number;
          if (!Number.isFinite(value)) {
            assert.ok(Object.is(got, value));
            continue;
          }
          const size = Math.max(Math.abs(value), least);
          const bound = loss.kind === 'absolute' ? loss.bound : loss.bound * size;
          assert.ok(Math.abs(got - value) <= bound, `${value} became ${got}`);
        }
        const again = await numbersAfter([spec, spec], array, space);
        assert.deepEqual(again, rounded);
      }),
      { numRuns: 500 },
    );
  });

  test('packed values come back within half a step, and NaN as NaN', async () => {
    const values = fc.array(fc.oneof(fc.double({ min: -300, max: 300 }), fc.constant(Number.NaN)));
    await fc.assert(
      fc.asyncProperty(values, async (list) => {
        const spec: TransformSpec = {
          ...{ kind: 'pack', dtype: 'int16', scale: 0.01, offset: 10, fill: -32_768 },
        };
        const space = spaceOf('float64', [list.length]);
        const { steps } = planChain([spec], space);
        const back = await numbersAfter(
          [spec, ...(inverseOfChain(steps) ?? [])],
          Float64Array.from(list),
          space,
        );
        for (const [at, value] of list.entries()) {
          const got = back[at] as number;
          if (Number.isNaN(value)) assert.ok(Number.isNaN(got));
          else assert.ok(Math.abs(got - value) <= 0.005 + 1e-10, `${value} became ${got}`);
        }
      }),
    );
  });

  test('units there and back stay within the bound that is told, where one is', async () => {
    const units = fc.constantFrom(
      ...([
        ['m', 'km'],
        ['Pa', 'hPa'],
        ['m s-1', 'kt'],
        ['J', 'eV'],
      ] as const),
    );
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }));
    const types = fc.constantFrom('float32' as const, 'float64' as const);
    await fc.assert(
      fc.asyncProperty(values, units, types, async (list, [from, to], dtype) => {
        const large = list.filter((value) => Math.abs(value) > 1e-6);
        const array = dtype === 'float32' ? Float32Array.from(large) : Float64Array.from(large);
        const space = spaceOf(dtype, [large.length]);
        const spec: TransformSpec = { kind: 'units', from, to };
        const { steps } = planChain([spec], space);
        const [step] = steps;
        const loss = step === undefined ? null : lossOf(step);
        assert.ok(loss?.kind === 'relative');
        const back = await numbersAfter([spec, ...(inverseOfChain(steps) ?? [])], array, space);
        for (const [at, value] of [...array].entries()) {
          const far = Math.abs((back[at] as number) - value);
          assert.ok(far <= loss.bound * Math.abs(value), `${value} became ${back[at]}`);
        }
      }),
    );
    const [celsius] = planChain(
      [{ kind: 'units', from: 'K', to: 'degC' }],
      spaceOf('float64', [1]),
    ).steps;
    assert.equal(celsius && lossOf(celsius).kind, 'unbounded');
    const { steps } = planChain([{ kind: 'units', from: 'm', to: 'km' }], spaceOf('int16', [1]));
    assert.equal(inverseOfChain(steps), null);
  });

  test('NaN keeps its bits where elements are only moved', async () => {
    const bits = Uint32Array.of(0x7fc0_0001, 0x7f80_0001, 0xffc1_2345, 0x7fff_ffff);
    const space = spaceOf('float32', [2, 2]);
    const specs: TransformSpec[] = [
      { kind: 'order', order: 'column' },
      { kind: 'byte-order', byteOrder: 'big' },
      { kind: 'bitround', bits: 3 },
    ];
    const { bytes } = await run(specs, bits, space);
    const got = new Uint32Array(bytes.slice().buffer);
    assert.deepEqual([...got], [bits[0], bits[2], bits[1], bits[3]]);
    assert.deepEqual([...bytesOf(bits)].length, 16);
  });
});
