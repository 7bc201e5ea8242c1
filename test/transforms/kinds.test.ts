import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TransformSpec } from '../../src/transforms/spec.js';
import { conversion } from '../../src/transforms/units.js';
import { fc } from '../fast-check.js';
import { failure, numbersAfter, run, spaceOf } from './support.js';

const { NaN: nan } = Number;

describe('transforms', () => {
  test('packed numbers are scaled, and what is missing is NaN', async () => {
    const packed = Int16Array.of(0, 100, -32_768, 200, 30_000, 5);
    const space = spaceOf('int16', [6]);
    const scale: TransformSpec = {
      ...{ kind: 'scale', scale: 0.5, offset: 10, fill: [-32_768, 5], range: [0, 1_000] },
    };
    assert.deepEqual(await numbersAfter([scale], packed, space), [10, 60, nan, 110, nan, nan]);
    const { space: after } = await run([scale], packed, space);
    assert.equal(after.dtype, 'float32');
    const one: TransformSpec = { kind: 'scale', scale: 2, fill: 5, dtype: 'float64' };
    assert.deepEqual(await numbersAfter([one], packed, space), [0, 200, -65_536, 400, 60_000, nan]);
  });

  test('packing rounds to the nearest, of two to the even one', async () => {
    const values = Float64Array.of(0.5, 1.5, 2.5, -0.5, -1.5, 1.49);
    const space = spaceOf('float64', [6]);
    const pack: TransformSpec = { kind: 'pack', dtype: 'int8' };
    assert.deepEqual(await numbersAfter([pack], values, space), [0, 2, 2, 0, -2, 1]);
  });

  test('packing refuses what does not fit, unless it is told', async () => {
    const space = spaceOf('float64', [1]);
    for (const value of [128, -129, nan, Number.POSITIVE_INFINITY]) {
      const pack: TransformSpec = { kind: 'pack', dtype: 'int8' };
      const code = await failure(() => run([pack], Float64Array.of(value), space));
      assert.equal(code, 'lossy-conversion', `${value}`);
    }
    const clamp: TransformSpec = { kind: 'pack', dtype: 'int8', lossy: true, fill: 127 };
    assert.deepEqual(await numbersAfter([clamp], Float64Array.of(500), space), [126]);
    assert.deepEqual(await numbersAfter([clamp], Float64Array.of(nan), space), [127]);
  });

  test('averages and every n-th element, by either order, against the definition', async () => {
    const cases = fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }),
      by: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 3, maxLength: 3 }),
      order: fc.constantFrom('row' as const, 'column' as const),
      skip: fc.boolean(),
      gaps: fc.array(fc.nat(124), { maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ shape, by, order, skip, gaps }) => {
        const steps = by.slice(0, shape.length);
        const count = shape.reduce((product, size) => product * size, 1);
        const values = Float64Array.from({ length: count }, (_, at) => at * at);
        for (const gap of gaps) if (gap < count) values[gap] = nan;
        const space = spaceOf('float64', shape, { order });
        const place = (index: readonly number[], sizes: readonly number[]): number => {
          const [axes, all] =
            order === 'row' ? [index, sizes] : [index.toReversed(), sizes.toReversed()];
          return axes.reduce((sum, each, axis) => sum * (all[axis] as number) + each, 0);
        };
        const small = shape.map((size, axis) => Math.ceil(size / (steps[axis] as number)));
        const average = { kind: 'average', block: steps, nan: skip ? 'skip' : 'keep' } as const;
        const means = await numbersAfter([average], values, space);
        const nths = await numbersAfter([{ kind: 'decimate', every: steps }], values, space);
        for (const index of indicesOf(small)) {
          const inside = indicesOf(shape)
            .filter((each) =>
              each.every((at, axis) => Math.floor(at / (steps[axis] as number)) === index[axis]),
            )
            .map((each) => values[place(each, shape)] as number)
            .filter((value) => !skip || !Number.isNaN(value));
          const mean = inside.reduce((sum, value) => sum + value, 0) / inside.length;
          const got = means[place(index, small)] as number;
          assert.ok(Object.is(got, mean) || Math.abs(got - mean) < 1e-9, `${got} ${mean}`);
          const first = index.map((each, axis) => each * (steps[axis] as number));
          assert.ok(Object.is(nths[place(index, small)], values[place(first, shape)]));
        }
      }),
      { numRuns: 150 },
    );
  });

  test('means are the same to the last bit however elements lie', async () => {
    const given = [1e20, 1, -1e20, 3, 5, 7, 1e-3, 9];
    const turned = [1e20, 5, 1, 7, -1e20, 1e-3, 3, 9];
    const sum = given.reduce((all, each) => all + each, 0);
    const average: TransformSpec = { kind: 'average', block: [2, 4] };
    const space = spaceOf('float64', [2, 4]);
    const rows = await numbersAfter([average], Float64Array.from(given), space);
    const column = { ...space, order: 'column' } as const;
    assert.deepEqual(rows, [sum / 8]);
    assert.deepEqual(await numbersAfter([average], Float64Array.from(turned), column), rows);
    const numbers = fc.array(fc.double({ noDefaultInfinity: true, noNaN: true }), {
      ...{ minLength: 30, maxLength: 30 },
    });
    const block = fc.tuple(...[2, 3, 5].map((max) => fc.integer({ min: 1, max: max + 1 })));
    const order: TransformSpec = { kind: 'order', order: 'column' };
    await fc.assert(
      fc.asyncProperty(numbers, block, async (values, sizes) => {
        const mean: TransformSpec = { kind: 'average', block: sizes };
        const all = [Float64Array.from(values), spaceOf('float64', [2, 3, 5])] as const;
        const ahead = await run([order, mean], ...all);
        const behind = await run([mean, order], ...all);
        assert.deepEqual(ahead, behind);
      }),
    );
  });

  test('units', () => {
    const cases: readonly (readonly [string, string, number, number, number?])[] = [
      ['K', 'degC', 273.15, 0],
      ['degC', 'degF', 100, 212],
      ['degF', 'K', 32, 273.15],
      ['Pa', 'hPa', 101_325, 1_013.25],
      ['m', 'km', 1_500, 1.5],
      ['m s-1', 'km/h', 10, 36],
      ['m s**-1', 'kt', 1_852 / 3_600, 1],
      ['m2 s-2', 'J kg-1', 5, 5],
      ['kg m-2 s-1', 'mm day-1', 1, 86_400, 1_000],
      ['mm', 'kg m-2', 3, 3, 1_000],
      ['%', '1', 50, 0.5],
      ['g kg-1', '1e-3', 7, 7],
      ['10 hPa', 'Pa', 2, 2_000],
      ['W m^-2', 'kg s-3', 4, 4],
    ];
    for (const [from, to, value, expected, density] of cases) {
      const { factor, offset } = conversion(from, to, density);
      const got = value * factor + offset;
      assert.ok(Math.abs(got - expected) <= 1e-9 * Math.max(1, expected), `${from} ${to}: ${got}`);
    }
  });

  test('units that are none, or measure something else', async () => {
    for (const [from, to] of [
      ['K', 'm'],
      ['furlong', 'm'],
      ['m', 'constructor'],
      ['kg m-2 s-1', 'mm day-1'],
      ['m s--1', 'm'],
      ['m99', 'm99'],
    ] as const) {
      assert.equal(await failure(() => conversion(from, to)), 'bad-transform', `${from} ${to}`);
    }
  });

  test('what does not fit is refused before a byte is moved', async () => {
    const refused: readonly TransformSpec[] = [
      null as never,
      5 as never,
      { kind: 'shuffle', itemSize: 2 ** 40 },
      { kind: 'unshuffle', itemSize: 2 ** 53 - 1 },
      { kind: 'decompress', codec: 'zstd' } as never,
      { kind: 'transpose', axes: [0, 0] },
      { kind: 'transpose', axes: [0] },
      { kind: 'decimate', every: [2] },
      { kind: 'decimate', every: [0, 1] },
      { kind: 'average', block: [1.5, 1] },
      { kind: 'shuffle', itemSize: 0 },
      { kind: 'bitround' },
      { kind: 'bitround', bits: 3, absolute: 1 },
      { kind: 'bitround', absolute: -1 },
      { kind: 'pack', dtype: 'float32' },
      { kind: 'pack', dtype: 'int16', scale: 0 },
      { kind: 'pack', dtype: 'int8', fill: 300 },
      { kind: 'scale', scale: nan },
      { kind: 'soa', fields: [{ offset: 0, size: 1 }] },
      { kind: 'compress', codec: 'lzw' as 'gzip' },
      { kind: 'compress', codec: 'gzip', level: 99 },
      { kind: 'nothing' } as unknown as TransformSpec,
    ];
    const space = spaceOf('float32', [2, 2]);
    for (const spec of refused) {
      const code = await failure(() => run([spec], new Float32Array(4), space));
      assert.equal(code, 'bad-transform', JSON.stringify(spec));
    }
    const narrow: TransformSpec = { kind: 'dtype', dtype: 'int8' };
    const code = await failure(() => run([narrow], new Float32Array(4), space));
    assert.equal(code, 'lossy-conversion');
    const many = Array.from({ length: 65 }, () => ({ kind: 'transpose' }) as const);
    assert.equal(await failure(() => run(many, new Float32Array(4), space)), 'bad-transform');
  });

  test('compressed bytes that are cut, changed or lie of their size', async () => {
    const bytes = Uint8Array.from({ length: 3_000 }, (_, at) => (at * at) % 251);
    const space = spaceOf('uint8', [3_000]);
    for (const codec of ['gzip', 'zstd', 'lz4', 'blosc'] as const) {
      const there = await run([{ kind: 'compress', codec }], bytes, space);
      const back = (given: Uint8Array, size = 3_000): Promise<string> => {
        const spec: TransformSpec = { kind: 'decompress', codec, space: spaceOf('uint8', [size]) };
        return failure(() => run([spec], given, spaceOf('uint8', [given.length])));
      };
      assert.equal(await back(there.bytes), 'none', codec);
      for (const cut of [0, 1, 4, 9, there.bytes.length >> 1, there.bytes.length - 1]) {
        assert.equal(
          await back(there.bytes.subarray(0, cut)),
          'transform-failed',
          `${codec} ${cut}`,
        );
      }
      assert.equal(await back(there.bytes, 2_999), 'transform-failed', codec);
      assert.equal(await back(there.bytes, 4_000_000_000), 'transform-failed', codec);
    }
  });
});

function indicesOf(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (found, size) =>
      found.flatMap((index) => Array.from({ length: size }, (_, at) => [...index, at])),
    [[]],
  );
}
