import assert from 'node:assert/strict';
import { test } from 'node:test';
import { widthOf } from '../../src/cli/format.js';
import { rangesText, valuesText } from '../../src/cli/looking/facets-text.js';
import { rangesOf } from '../../src/cli/looking/ranges.js';
import { type Histogram, join, Timestamp } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { fc } from '../fast-check.js';
import { attacca, jsonLines } from './command.js';

const style = { dim: (text: string) => text, bold: (text: string) => text };
const HOUR_NS = 3_600_000_000_000n;

test('facets counts values, of all objects or of those selected', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  const data = new Uint8Array(1);
  const moment = (step: number) => new Timestamp(BigInt(step) * HOUR_NS);
  for (const [param, steps] of [['t', 9] as const, ['u', 3] as const]) {
    for (let step = 0; step < steps; step++) {
      const attributes = { param, step, at: moment(step) };
      await member.put(`${param}/${step}`, data, { attributes });
    }
  }
  await member.put('odd', data, { attributes: { param: '12' } });
  const facets = (...args: readonly string[]) =>
    attacca(['facets', ...args], { pool: pool.address });
  const [all, few, some, json, numbers, moments, none] = await Promise.all([
    facets('param'),
    facets('param', '--limit', '1'),
    facets('step', '-w', 'param = "u" and step > 0'),
    facets('param', '--json', '--limit', '1'),
    facets('step', '--histogram', '--limit', '3'),
    facets('at', '--histogram', '--json', '--limit', '4'),
    facets('nothing', '--histogram'),
  ]);
  // A text that could be taken for a number stands in quotes.
  assert.equal(all.out, 'COUNT  VALUE\n    9  t\n    3  u\n    1  "12"\n');
  assert.deepEqual([all.code, all.err], [0, '']);
  assert.deepEqual(
    [few.out, few.err],
    ['COUNT  VALUE\n    9  t\n', '2 other values, of 4 objects\n'],
  );
  assert.equal(some.out, 'COUNT  VALUE\n    1  1\n    1  2\n');
  assert.deepEqual(jsonLines(json.out), [
    {
      ...{ key: 'param', objects: 13, values: [{ value: 't', count: 9 }] },
      ...{ otherValues: 2, otherObjects: 4, isExact: true },
    },
  ]);
  assert.equal(numbers.out, 'COUNT  FROM  TO\n    7     0   4\n    4     4   8\n    1     8  12\n');
  const [histogram] = jsonLines(moments.out);
  assert.deepEqual(
    [histogram?.['of'], histogram?.['objects'], histogram?.['most']],
    ['timestamps', 12, '1970-01-01T08:00:00Z'],
  );
  const bins = histogram?.['bins'] as { from: string; to: string; count: number }[];
  assert.ok(bins.length <= 4);
  assert.equal(
    bins.reduce((sum, { count }) => sum + count, 0),
    12,
  );
  assert.deepEqual([none.code, none.out], [0, '']);
  assert.match(
    none.err,
    /^no number and no timestamp is found as "nothing"\nno object has "nothing"\n$/u,
  );
});

const facetValues = (values: readonly (readonly [string, number])[]) => ({
  key: 'k',
  objects: 0,
  values: values.map(([value, count]) => ({ value, count })),
  otherValues: 0,
  otherObjects: 0,
  isExact: true,
});

test('values have bars that fit the terminal, and none where there is no terminal', () => {
  const few = facetValues([
    ['t', 10],
    ['u', 5],
    ['v', 0],
  ]);
  assert.equal(
    valuesText(few, { columns: 40, style }),
    [
      'COUNT  VALUE',
      `   10  t      ${'#'.repeat(25)}`,
      `    5  u      ${'#'.repeat(13)}`,
      '    0  v',
    ].join('\n'),
  );
  const long = facetValues([['x'.repeat(200), 1]]);
  assert.ok(valuesText(long, { columns: null, style }).includes('x'.repeat(200)));
  assert.ok(!valuesText(few, { columns: null, style }).includes('#'));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.nat())),
      fc.integer({ min: 16, max: 200 }),
      (values, columns) => {
        const lines = valuesText(facetValues(values), { columns, style }).split('\n');
        assert.equal(lines.length, values.length + 1);
        const digits = Math.max(5, ...values.map(([, count]) => String(count).length));
        const least = digits + 2 + 'VALUE'.length + 1;
        for (const line of lines) assert.ok(widthOf(line) < Math.max(columns, least), line);
      },
    ),
  );
});

test('ranges are put together until they are few, and none is lost', () => {
  const bins = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 64 });
  const first = fc.integer({ min: -1_000, max: 1_000 });
  const most = fc.integer({ min: 1, max: 70 });
  fc.assert(
    fc.property(
      bins,
      first,
      fc.integer({ min: -20, max: 20 }),
      most,
      (counts, start, exponent, max) => {
        const histogram = histogramOf('numbers', { exponent, first: start, bins: counts });
        const ranges = rangesOf(histogram, max);
        assert.ok(ranges.length <= Math.max(max, 2));
        const width = Number(ranges[0]?.to) - Number(ranges[0]?.from);
        for (const [index, { from, to, count }] of ranges.entries()) {
          assert.equal(Number(to) - Number(from), width);
          assert.equal(Math.abs(Number(from) % width), 0);
          if (index > 0) assert.equal(from, ranges[index - 1]?.to);
          const within = counts.filter((_, bin) => {
            const low = (start + bin) * 2 ** exponent;
            return low >= Number(from) && low < Number(to);
          });
          assert.equal(
            count,
            within.reduce((sum, each) => sum + each, 0),
          );
        }
        const total = counts.reduce((sum, each) => sum + each, 0);
        assert.equal(
          ranges.reduce((sum, { count }) => sum + count, 0),
          total,
        );
      },
    ),
  );
});

function histogramOf(
  of: Histogram['of'],
  bins: Pick<Histogram, 'exponent' | 'first' | 'bins'>,
): Histogram {
  return { of, objects: 0, least: 0, most: 0, ...bins };
}

test('moments are cut to what tells ranges apart, and never leave what a timestamp can be', () => {
  const edges = (exponent: number, first: number): string[] =>
    rangesOf(histogramOf('timestamps', { exponent, first, bins: [1, 1] }), 24).map(
      ({ fromText }) => fromText,
    );
  assert.deepEqual(edges(53, 180), ['2021-05-17', '2021-08-30']);
  assert.deepEqual(edges(46, 0), ['1970-01-01T00:00Z', '1970-01-01T19:32Z']);
  assert.deepEqual(edges(36, 0), ['1970-01-01T00:00:00Z', '1970-01-01T00:01:08Z']);
  assert.deepEqual(edges(0, 1), [
    '1970-01-01T00:00:00.000000001Z',
    '1970-01-01T00:00:00.000000002Z',
  ]);
  assert.deepEqual(edges(-2, 6), [
    '1970-01-01T00:00:00.000000001Z',
    '1970-01-01T00:00:00.000000001Z',
  ]);
  const last = rangesOf(histogramOf('timestamps', { exponent: 62, first: 1, bins: [1] }), 24);
  assert.deepEqual(last[0]?.to, new Timestamp(2n ** 63n - 1n));
});

test('in a narrow terminal a range shows only where it begins', () => {
  const histogram = histogramOf('timestamps', { exponent: 46, first: 0, bins: [4, 2] });
  const ranges = rangesOf(histogram, 24);
  const text = (columns: number) => rangesText(ranges, { columns, style });
  assert.equal(
    text(32),
    [
      'COUNT               FROM',
      '    4  1970-01-01T00:00Z  #####',
      '    2  1970-01-01T19:32Z  ###',
    ].join('\n'),
  );
  assert.match(text(80), /^COUNT +FROM +TO\n +4 +1970-01-01T00:00Z +1970-01-01T19:32Z +#+\n/u);
});
