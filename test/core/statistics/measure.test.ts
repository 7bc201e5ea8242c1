import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Reader, Writer } from '../../../src/core/bytes.js';
import { AttaccaError } from '../../../src/core/errors.js';
import { fromFloat16 } from '../../../src/core/regions/float16.js';
import { DTYPES, type Dtype, itemSizeOf } from '../../../src/core/space.js';
import { addSums, exactSum, meanOf, sumOf } from '../../../src/core/statistics/exact-sum.js';
import { BINS_MAX } from '../../../src/core/statistics/histogram.js';
import { Measure, type Measured, measure } from '../../../src/core/statistics/measure.js';
import {
  isMeasurable,
  mergeStatistics,
  noStatistics,
  quantile,
  type Statistics,
} from '../../../src/core/statistics/statistics.js';
import {
  readStatistics,
  readSummary,
  writeStatistics,
} from '../../../src/core/statistics/statistics-codec.js';
import { fc } from '../../fast-check.js';

const TYPES = (Object.keys(DTYPES) as Dtype[]).filter(isMeasurable);
const BIG = 2n ** 1_100n;

/** The elements of an array, one by one. */
function elementsOf({ dtype, byteOrder }: Measured, bytes: Uint8Array): (number | bigint)[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isLittle = byteOrder === 'little';
  const read: { readonly [D in Dtype]?: (at: number) => number | bigint } = {
    bool: (at) => view.getUint8(at),
    int8: (at) => view.getInt8(at),
    uint8: (at) => view.getUint8(at),
    int16: (at) => view.getInt16(at, isLittle),
    uint16: (at) => view.getUint16(at, isLittle),
    int32: (at) => view.getInt32(at, isLittle),
    uint32: (at) => view.getUint32(at, isLittle),
    int64: (at) => view.getBigInt64(at, isLittle),
    uint64: (at) => view.getBigUint64(at, isLittle),
    float16: (at) => fromFloat16(view.getUint16(at, isLittle)),
    float32: (at) => view.getFloat32(at, isLittle),
    float64: (at) => view.getFloat64(at, isLittle),
  };
  const itemSize = itemSizeOf(dtype);
  return Array.from({ length: bytes.length / itemSize }, (_, at) => {
    const element = read[dtype]?.(at * itemSize);
    assert.ok(element !== undefined);
    return element;
  });
}

/** A finite float64, as a multiple of 2^-1100. */
function fixed(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value * BIG;
  let [whole, shift] = [value, 0n];
  for (; !Number.isInteger(whole); shift++) whole *= 2;
  return (BigInt(whole) * BIG) >> shift;
}

/** A number and a bigint may be the same. */
function isSame(one: number | bigint, other: number | bigint): boolean {
  return one <= other && one >= other;
}

/** Everything is counted anew, one element after the other. */
function checkAgainst(measured: Measured, bytes: Uint8Array, found: Statistics): void {
  const isEqual = (value: number | bigint, fill: number | bigint): boolean =>
    isSame(value, measured.dtype === 'float32' ? Math.fround(Number(fill)) : fill);
  const all = elementsOf(measured, bytes);
  const numbers = all.filter((value) => !Number.isNaN(value));
  const values = numbers.filter((value) => !measured.fills.some((fill) => isEqual(value, fill)));
  const finite = values.filter((value) => typeof value === 'bigint' || Number.isFinite(value));
  assert.equal(found.nan, all.length - numbers.length);
  assert.equal(found.fill, numbers.length - values.length);
  assert.equal(found.infinite, values.length - finite.length);
  assert.equal(found.count, finite.length);
  if (finite.length === 0) return;
  const sorted = [...finite].sort((one, other) => Number(one > other) - Number(one < other));
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  assert.ok(isSame(found.min, least) && isSame(found.max, most), `${found.min}..${found.max}`);
  assert.ok(!Object.is(found.min, -0) && !Object.is(found.max, -0));
  const sum = finite.reduce<bigint>((total, value) => total + fixed(value), 0n);
  const { mantissa, exponent } = found.sum;
  assert.equal(mantissa * 2n ** BigInt(exponent + 1_100), sum);
  checkBins(finite, found);
}

function checkBins(finite: readonly (number | bigint)[], { histogram }: Statistics): void {
  const { exponent, first, counts } = histogram;
  assert.ok(counts.length >= 1 && counts.length <= BINS_MAX);
  assert.ok((counts[0] ?? 0) > 0 && (counts.at(-1) ?? 0) > 0, 'no bin at an end is empty');
  const width = 2n ** BigInt(exponent + 1_100);
  const expected = counts.map(() => 0);
  for (const value of finite) {
    const place = fixed(typeof value === 'bigint' ? Number(value) : value);
    const bin = place >= 0n ? place / width : -((-place + width - 1n) / width);
    const index = Number(bin - BigInt(first));
    expected[index] = (expected[index] ?? 0) + 1;
  }
  assert.deepEqual(counts, expected);
}

const fills = fc.constantFrom<readonly (number | bigint)[]>([], [0], [-9_999, 1e20], [255n, 1.5]);
const values = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  // Numbers that are near one another, and some that are none.
  fc
    .array(fc.oneof(fc.double({ min: -400, max: 400 }), fc.constantFrom(0, -0, 1e20, NaN, -1 / 0)))
    .map((list) => new Uint8Array(Float64Array.from(list).buffer)),
  fc.array(fc.float()).map((list) => new Uint8Array(Float32Array.from(list).buffer)),
);
const measured = fc.record({
  dtype: fc.constantFrom(...TYPES),
  byteOrder: fc.constantFrom('little', 'big'),
  fills,
});

const whole = (bytes: Uint8Array, { dtype }: Measured): Uint8Array =>
  bytes.subarray(0, bytes.length - (bytes.length % itemSizeOf(dtype)));

test('what is measured is what one by one is counted', () => {
  fc.assert(
    fc.property(measured, values, (what, list) => {
      const bytes = whole(list, what);
      checkAgainst(what, bytes, measure(what, bytes));
    }),
    { numRuns: 1_000 },
  );
});

test('more than a block is measured, wherever it lies', () => {
  for (const dtype of TYPES) {
    const itemSize = itemSizeOf(dtype);
    const memory = new Uint8Array(itemSize * 5_003 + 1);
    for (let at = 0; at < memory.length; at++) memory[at] = (at * 2_654_435_761) >>> 24;
    for (const skip of [0, 1]) {
      const bytes = memory.subarray(skip, skip + itemSize * 5_003);
      const what: Measured = { dtype, byteOrder: 'little', fills: [] };
      checkAgainst(what, bytes, measure(what, bytes));
    }
  }
});

test('those of a whole are those of its parts, bit for bit, in any order', () => {
  const cuts = fc.array(fc.tuple(fc.nat(400), fc.integer()), { maxLength: 6 });
  fc.assert(
    fc.property(measured, values, cuts, (what, list, at) => {
      const bytes = whole(list, what);
      const itemSize = itemSizeOf(what.dtype);
      const ends = at.map(([cut]) => Math.min(cut * itemSize, bytes.length)).sort((a, b) => a - b);
      const parts = [0, ...ends].map((start, index) =>
        bytes.subarray(start, ends[index] ?? bytes.length),
      );
      const inOrder = parts
        .map((part, index) => ({ part, key: at[index]?.[1] ?? 0 }))
        .sort((one, other) => one.key - other.key);
      const all = measure(what, bytes);
      const merged = inOrder
        .map(({ part }) => measure(what, part))
        .reduce(mergeStatistics, noStatistics(all.isWhole));
      assert.deepEqual(merged, all);
      const running = new Measure(what);
      for (const part of parts) running.add(part);
      assert.deepEqual(running.end(), all);
    }),
    { numRuns: 1_000 },
  );
});

test('statistics are read as they were written, and the numbers that stand first', () => {
  fc.assert(
    fc.property(measured, values, (what, list) => {
      const all = measure(what, whole(list, what));
      const w = new Writer();
      writeStatistics(w, all);
      assert.deepEqual(readStatistics(new Reader(w.written())), all);
      const { mean, ...summary } = readSummary(new Reader(w.written()));
      assert.equal(summary.max, all.max);
      assert.equal(mean, all.count === 0 ? 0 : meanOf(all.sum, all.count));
    }),
  );
});

test('statistics that are cut or flipped are refused, or are some', () => {
  fc.assert(
    fc.property(measured, values, fc.nat(), fc.nat(), (what, list, cut, flip) => {
      const w = new Writer();
      writeStatistics(w, measure(what, whole(list, what)));
      const bytes = w.written().slice();
      const short = bytes.subarray(0, cut % bytes.length);
      assert.throws(() => readStatistics(new Reader(short)), AttaccaError);
      bytes[flip % bytes.length] = (bytes[flip % bytes.length] ?? 0) ^ (1 << (flip % 8));
      try {
        readStatistics(new Reader(bytes));
      } catch (error) {
        assert.ok(error instanceof AttaccaError, String(error));
      }
    }),
  );
});

test('a histogram has the narrowest bins of which 64 are enough', () => {
  const histogramOf = (most: number) => {
    const values = Float64Array.from({ length: most + 1 }, (_, at) => at);
    const how = { dtype: 'float64', byteOrder: 'little', fills: [] } as const;
    const { exponent, first, counts } = measure(how, new Uint8Array(values.buffer)).histogram;
    return [exponent, first, [...counts]];
  };
  assert.deepEqual(histogramOf(63), [0, 0, new Array(64).fill(1)]);
  assert.deepEqual(histogramOf(64), [1, 0, [...new Array(32).fill(2), 1]]);
  assert.deepEqual(histogramOf(6_399), [7, 0, new Array(50).fill(128)]);
});

test('a mean is the nearest number', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 1 }),
      (list) => {
        const sum = list.map(sumOf).reduce(addSums);
        const mean = meanOf(sum, list.length);
        const exact = list.reduce((total, value) => total + fixed(value), 0n);
        const far = (value: number): bigint => {
          const from = fixed(value) * BigInt(list.length) - exact;
          return from < 0n ? -from : from;
        };
        const size = Math.abs(mean);
        const step = Math.max(size * Number.EPSILON, Number.MIN_VALUE);
        for (const other of [mean - step, mean + step]) {
          if (Number.isFinite(other)) assert.ok(far(mean) <= far(other), `${mean} ${other}`);
        }
      },
    ),
  );
  assert.equal(meanOf(exactSum(1n, 0), 3), 1 / 3);
  assert.equal(meanOf(exactSum(-10n, 0), 4), -2.5);
});

test('a quantile lies where it is said to lie', () => {
  const fractions = fc.double({ min: 0, max: 1, noNaN: true });
  const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 });
  fc.assert(
    fc.property(numbers, fractions, (list, fraction) => {
      const bytes = new Uint8Array(Float64Array.from(list).buffer);
      const found = quantile(
        measure({ dtype: 'float64', byteOrder: 'little', fills: [] }, bytes),
        fraction,
      );
      const sorted = [...list].sort((one, other) => one - other);
      const value = sorted[Math.max(Math.ceil(fraction * list.length), 1) - 1] ?? 0;
      assert.ok(found !== null && found[0] <= value && value <= found[1], `${found} ${value}`);
    }),
  );
  assert.equal(quantile(noStatistics(false), 0.5), null);
});
