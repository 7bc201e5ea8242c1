// Where the points of grids lie: by their keys alone, and as ecCodes reads these from messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FileSource } from '../../src/formats/bytes.js';
import type { GribField } from '../../src/formats/grib/field.js';
import { axesOf } from '../../src/formats/grib/grid.js';
import { scanGrib } from '../../src/formats/grib/scan.js';
import { GribValues } from '../../src/formats/grib/values.js';
import { codeOf } from '../client/support/pools.js';
import { fc } from '../fast-check.js';

const PLACES = fileURLToPath(new URL('../../../test/formats/grib/places.grib', import.meta.url));

function keysOf(north: number, south: number, west: number, east: number) {
  return {
    gridType: 'regular_ll',
    ...{ latitudeOfFirstGridPointInDegrees: north, latitudeOfLastGridPointInDegrees: south },
    ...{ longitudeOfFirstGridPointInDegrees: west, longitudeOfLastGridPointInDegrees: east },
  };
}

const none = (): null => null;

/** Latitudes and longitudes as lists, with the order in which they came. */
function told(axes: ReturnType<typeof axesOf>): [string, number[]][] {
  assert.ok(axes !== null);
  return axes.map(({ name, degrees }) => [name, [...degrees]]);
}

test('an even grid lies from its first point to its last, to a millionth of a degree', () => {
  const degrees = fc.integer({ min: -90_000, max: 90_000 });
  const count = fc.integer({ min: 2, max: 200 });
  fc.assert(
    fc.property(degrees, count, fc.integer({ min: 1, max: 1_000 }), (south, rows, step) => {
      // In thousandths, so that what is expected is exact.
      const expected = Array.from({ length: rows }, (_, at) => (south + at * step) / 1_000);
      const [first, last] = [expected[0] as number, expected.at(-1) as number];
      const keys = keysOf(last, first, 0, 1);
      const axes = told(axesOf(keys, [rows, 2], none));
      assert.deepEqual(axes, [
        ['latitude', expected.toReversed()],
        ['longitude', [0, 1]],
      ]);
    }),
  );
});

test('longitudes go on where they begin anew, and around the globe', () => {
  const along = (west: number, east: number, count: number, more = {}) =>
    told(axesOf({ ...keysOf(1, 0, west, east), ...more }, [2, count], none))[1]?.[1];
  assert.deepEqual(along(350, 10, 3), [-10, 0, 10]);
  assert.deepEqual(along(-10, 10, 3), [-10, 0, 10]);
  assert.deepEqual(along(0, 270, 4), [0, 90, 180, 270]);
  assert.deepEqual(along(180, 90, 4), [-180, -90, 0, 90]);
  assert.deepEqual(along(10, 350, 3, { iScansNegatively: 1 }), [10, 0, -10]);
  assert.deepEqual(along(7, 7, 1), [7]);
  // Edition 1 has thousandths: 359.296875 is told as 359.297.
  assert.equal(along(0, 359.297, 512)?.[256], 180);
});

test('columns come first where points of a column follow each other', () => {
  const keys = { ...keysOf(60, 40, 0, 30), jPointsAreConsecutive: 1 };
  assert.deepEqual(told(axesOf(keys, [4, 3], none)), [
    ['longitude', [0, 10, 20, 30]],
    ['latitude', [60, 50, 40]],
  ]);
});

test('a grid without such degrees, or that does not say them, has none', () => {
  const keys = keysOf(60, 40, 0, 30);
  assert.equal(axesOf(keys, [12], none), null);
  for (const gridType of ['rotated_ll', 'lambert', 'reduced_gg', 'polar_stereographic']) {
    assert.equal(axesOf({ ...keys, gridType }, [3, 4], none), null);
  }
  const { latitudeOfLastGridPointInDegrees: _, ...without } = keys;
  assert.equal(axesOf(without, [3, 4], none), null);
  const gaussian = { ...keys, gridType: 'regular_gg' };
  assert.equal(axesOf(gaussian, [3, 4], none), null);
  assert.equal(
    axesOf(gaussian, [3, 4], () => Float64Array.of(1, 2)),
    null,
  );
  const three = () => Float64Array.of(-1, 1, 0);
  assert.deepEqual(told(axesOf(gaussian, [3, 4], three))[0], ['latitude', [1, 0, -1]]);
  const northward = { ...gaussian, jScansPositively: 1 };
  assert.deepEqual(told(axesOf(northward, [3, 4], three))[0], ['latitude', [-1, 0, 1]]);
});

test('points of real messages lie where ecCodes says', async (t) => {
  using source = new FileSource(PLACES);
  using values = new GribValues();
  const fields: GribField[] = [];
  for (const { offset, size } of (await scanGrib(source)).messages) {
    const bytes = new Uint8Array(size);
    source.read(offset, bytes);
    const decoding = values.decode(bytes);
    if ((await codeOf(decoding)) === 'library-unavailable')
      return t.skip('no ecCodes is installed');
    fields.push(await decoding);
  }
  const [around, across, gaussian, reduced, rotated] = fields;
  assert.ok(around && across && gaussian && reduced && rotated);
  const [, longitudes] = told(around.axes);
  assert.deepEqual(
    [0, 1, 256, 511].map((at) => longitudes?.[1][at]),
    [0, 0.703125, 180, 359.296875],
  );
  assert.deepEqual(told(across.axes), [
    ['latitude', [49.9, 50, 50.1]],
    ['longitude', [-10, 0, 10]],
  ]);
  // The key `latitudes` of ecCodes: 87.86379884, 85.09652699, ...
  const [rows, columns] = told(gaussian.axes).map(([, degrees]) => degrees);
  assert.deepEqual([rows?.length, columns?.length], [64, 128]);
  assert.ok(Math.abs((rows?.[0] ?? 0) - 87.86379884) < 1e-8);
  assert.ok(Math.abs((rows?.[1] ?? 0) - 85.09652699) < 1e-8);
  assert.deepEqual(columns?.slice(0, 3), [0, 2.8125, 5.625]);
  assert.deepEqual([reduced.axes, rotated.axes], [null, null]);
  assert.deepEqual([reduced.shape.length, rotated.shape], [1, [31, 16]]);
});
