import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LatLonGrid } from '../../../examples/weather/grid.js';
import {
  createExtremes,
  writeMeanAndSpread,
  writeRelativeVorticity,
  writeWindSpeed,
} from '../../../examples/weather/products.js';
import { checkSums, fieldSums } from '../../../examples/weather/sums.js';
import { fc } from '../../fast-check.js';

const EARTH_RADIUS_METRES = 6.37122e6;
const DEGREE = Math.PI / 180;

/** Centres of equal bands, or with rows on both poles. */
function globe(nlat: number, nlon: number, hasPoles = false): LatLonGrid {
  const step = hasPoles ? 180 / (nlat - 1) : 180 / nlat;
  const first = hasPoles ? 90 : 90 - step / 2;
  return {
    latitudes: Float64Array.from({ length: nlat }, (_, j) => first - j * step),
    longitudes: Float64Array.from({ length: nlon }, (_, i) => -180 + (i * 360) / nlon),
  };
}

const value = fc.oneof(
  { weight: 9, arbitrary: fc.float({ min: -200, max: 200, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(Number.NaN) },
);
const field = (size: number): fc.Arbitrary<Float32Array> =>
  fc.array(value, { minLength: size, maxLength: size }).map((values) => Float32Array.from(values));
const fields = (count: number): fc.Arbitrary<Float32Array[]> =>
  fc
    .integer({ min: 0, max: 30 })
    .chain((size) => fc.array(field(size), { minLength: count, maxLength: count }));

test('sums equal a plain count, and a field equals its own sums', () => {
  fc.assert(
    fc.property(fields(1), ([one = new Float32Array()]) => {
      const present = Array.from(one).filter((each) => !Number.isNaN(each));
      assert.deepEqual(fieldSums(one), {
        count: present.length,
        missing: one.length - present.length,
        sum: present.reduce((sum, each) => sum + each, 0),
        sumOfSquares: present.reduce((sum, each) => sum + each * each, 0),
        min: present.length === 0 ? 0 : Math.min(...present),
        max: present.length === 0 ? 0 : Math.max(...present),
      });
      assert.deepEqual(checkSums(one.slice(), fieldSums(one)), { kind: 'equal' });
    }),
  );
});

test('one value changed shows in the sums, by name', () => {
  const one = Float32Array.of(1, 2, 3);
  const check = checkSums(Float32Array.of(1, 2, 4), fieldSums(one));
  assert.equal(check.kind, 'different');
  assert.deepEqual(check.kind === 'different' && check.names, ['sum', 'sumOfSquares', 'max']);
  const missing = checkSums(Float32Array.of(1, Number.NaN, 3), fieldSums(one));
  assert.ok(missing.kind === 'different' && missing.names.includes('missing'));
});

test('sums survive being written as JSON', () => {
  fc.assert(
    fc.property(fields(1), ([one = new Float32Array()]) => {
      const sent = JSON.parse(JSON.stringify(fieldSums(one)));
      // JSON has no minus zero; nor does === tell it from zero.
      assert.deepEqual(checkSums(one, sent), { kind: 'equal' });
    }),
  );
});

test('wind speed is the length of the wind, missing where either is missing', () => {
  fc.assert(
    fc.property(fields(2), ([u = new Float32Array(), v = new Float32Array()]) => {
      const target = new Float32Array(u.length);
      const sums = writeWindSpeed({ u, v }, target);
      for (const [at, speed] of target.entries()) {
        assert.equal(speed, Math.fround(Math.sqrt((u[at] ?? 0) ** 2 + (v[at] ?? 0) ** 2)));
      }
      assert.deepEqual(sums, fieldSums(target));
      // In place.
      writeWindSpeed({ u, v }, u);
      assert.deepEqual(u, target);
    }),
  );
  const short = { u: new Float32Array(3), v: new Float32Array(2) };
  assert.throws(() => writeWindSpeed(short, new Float32Array(3)), RangeError);
});

test('mean and spread equal the textbook, over any number of members', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }).chain((count) => fields(count)),
      (members) => {
        const size = members[0]?.length ?? 0;
        const mean = new Float32Array(size);
        const spread = new Float32Array(size);
        const sums = writeMeanAndSpread(members, { mean, spread });
        assert.deepEqual(sums, { mean: fieldSums(mean), spread: fieldSums(spread) });
        for (let at = 0; at < size; at++) {
          const values = members.map((member) => member[at] ?? 0);
          const average = values.reduce((sum, each) => sum + each, 0) / values.length;
          const squares = values.reduce((sum, each) => sum + (each - average) ** 2, 0);
          assert.equal(mean[at], Math.fround(average));
          const expected = Math.sqrt(squares / Math.max(1, values.length - 1));
          assert.equal(spread[at], Math.fround(expected));
        }
      },
    ),
  );
});

test('mean and spread do not depend on a constant added to all members', () => {
  const members = [1, 4, 7].map((add) => Float32Array.of(10_000 + add, add));
  const target = { mean: new Float32Array(2), spread: new Float32Array(2) };
  writeMeanAndSpread(members, target);
  assert.deepEqual(Array.from(target.spread), [3, 3]);
  assert.deepEqual(Array.from(target.mean), [10_004, 4]);
  assert.throws(() => writeMeanAndSpread([], target), RangeError);
  assert.throws(() => writeMeanAndSpread([new Float32Array(3)], target), RangeError);
});

test('extremes equal a search through everything, in whatever order fields come', () => {
  const grid = globe(3, 4);
  const from = fc.record({
    member: fc.integer({ min: 0, max: 3 }),
    step: fc.integer({ min: 0, max: 3 }),
  });
  // Few different values, so that equal ones meet.
  const coarse = fc
    .array(fc.constantFrom(-1, 0, 1, 2, Number.NaN), { minLength: 12, maxLength: 12 })
    .map((values) => Float32Array.from(values));
  const arrivals = fc.uniqueArray(fc.tuple(from, coarse), {
    selector: ([{ member, step }]) => `${member} ${step}`,
    maxLength: 8,
  });
  fc.assert(
    fc.property(arrivals, (all) => {
      const extremes = createExtremes(grid);
      for (const [source, one] of all) extremes.add(one, source);
      const ordered = all
        .flatMap(([{ member, step }, one]) =>
          Array.from(one, (each, at) => ({ member, step, at, value: each })),
        )
        .filter((each) => !Number.isNaN(each.value))
        .sort((a, b) => b.value - a.value || a.step - b.step || a.member - b.member || a.at - b.at);
      const best = ordered[0];
      assert.deepEqual(
        extremes.extreme,
        best && {
          value: best.value,
          member: best.member,
          step: best.step,
          latitude: grid.latitudes[Math.floor(best.at / 4)],
          longitude: grid.longitudes[best.at % 4],
        },
      );
      for (let at = 0; at < 12; at++) {
        const here = ordered.find((each) => each.at === at)?.value ?? Number.NaN;
        assert.equal(extremes.largest[at], here);
      }
    }),
  );
});

/** Largest error of the vorticity of a known flow on a grid, up to a latitude. */
function vorticityError(
  grid: LatLonGrid,
  latitudeMax: number,
  flow: (latitude: number, longitude: number) => readonly [u: number, v: number, zeta: number],
): number {
  const { latitudes, longitudes } = grid;
  const size = latitudes.length * longitudes.length;
  const [u, v, expected, target] = Array.from({ length: 4 }, () => new Float32Array(size));
  assert.ok(u && v && expected && target);
  for (let at = 0; at < size; at++) {
    const latitude = (latitudes[Math.floor(at / longitudes.length)] ?? 0) * DEGREE;
    const longitude = (longitudes[at % longitudes.length] ?? 0) * DEGREE;
    [u[at], v[at], expected[at]] = flow(latitude, longitude);
  }
  writeRelativeVorticity({ u, v }, grid, target);
  return target.reduce((most, each, at) => {
    const latitude = latitudes[Math.floor(at / longitudes.length)] ?? 0;
    if (Math.abs(latitude) > latitudeMax) return most;
    return Math.max(most, Math.abs(each - (expected[at] ?? 0)));
  }, 0);
}

test('vorticity of solid rotation about the axis is 2 w sin(latitude), poles too', () => {
  const rate = 1e-5;
  const rotation = (latitude: number): readonly [number, number, number] => [
    rate * EARTH_RADIUS_METRES * Math.cos(latitude),
    0,
    2 * rate * Math.sin(latitude),
  ];
  const reversed = globe(91, 180, true);
  reversed.latitudes.reverse();
  for (const grid of [globe(90, 180), globe(91, 180, true), reversed]) {
    const error = vorticityError(grid, 90, rotation);
    assert.ok(error < 0.002 * 2 * rate, `error ${error}`);
  }
});

test('vorticity of rotation about an axis in the equator: second order away from the poles', () => {
  const rate = 1e-5;
  // Rotation about the axis through (0, 0): zeta = 2 w cos(latitude) cos(longitude).
  const rotation = (latitude: number, longitude: number): readonly [number, number, number] => [
    -rate * EARTH_RADIUS_METRES * Math.sin(latitude) * Math.cos(longitude),
    rate * EARTH_RADIUS_METRES * Math.sin(longitude),
    2 * rate * Math.cos(latitude) * Math.cos(longitude),
  ];
  const coarse = vorticityError(globe(45, 90), 75, rotation);
  const fine = vorticityError(globe(90, 180), 75, rotation);
  assert.ok(coarse < 0.05 * rate, `coarse error ${coarse}`);
  assert.ok(fine < 0.4 * coarse, `errors ${coarse}, ${fine}`);
});

test('Stokes: vorticity weighted by area adds up to nothing over the globe, for any wind', () => {
  const wind = fc.float({ min: -50, max: 50, noNaN: true });
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 8 }),
      fc.integer({ min: 3, max: 9 }),
      fc.boolean(),
      fc.infiniteStream(wind),
      (nlat, nlon, hasPoles, stream) => {
        const grid = globe(nlat, nlon, hasPoles);
        const take = (): Float32Array =>
          Float32Array.from({ length: nlat * nlon }, () => stream.next().value);
        const target = new Float32Array(nlat * nlon);
        const sums = writeRelativeVorticity({ u: take(), v: take() }, grid, target);
        assert.equal(sums.missing, 0);
        let total = 0;
        for (let j = 0; j < nlat; j++) {
          const edge = (k: number): number =>
            k === 0
              ? 1
              : k === nlat
                ? -1
                : Math.sin(
                    0.5 * ((grid.latitudes[k - 1] ?? 0) + (grid.latitudes[k] ?? 0)) * DEGREE,
                  );
          for (let i = 0; i < nlon; i++) {
            total += (edge(j) - edge(j + 1)) * (target[j * nlon + i] ?? 0);
          }
        }
        assert.ok(Math.abs(total) < 1e-5 * nlat * nlon * 1e-3, `total ${total}`);
      },
    ),
  );
});

test('vorticity in the interior equals the central difference on paper', () => {
  const grid = globe(12, 8);
  fc.assert(
    fc.property(field(96), field(96), (u, v) => {
      const target = new Float32Array(96);
      writeRelativeVorticity({ u, v }, grid, target);
      for (let j = 1; j < 11; j++) {
        for (let i = 0; i < 8; i++) {
          const cosine = (row: number): number => Math.cos((grid.latitudes[row] ?? 0) * DEGREE);
          const edgeCosine = (edge: number): number => Math.cos((90 - edge * 15) * DEGREE);
          const at = (row: number, column: number): number => row * 8 + ((column + 8) % 8);
          const dv = (v[at(j, i + 1)] ?? 0) - (v[at(j, i - 1)] ?? 0);
          const own = u[at(j, i)] ?? 0;
          const north = (((u[at(j - 1, i)] ?? 0) + own) / 2) * edgeCosine(j);
          const south = (((u[at(j + 1, i)] ?? 0) + own) / 2) * edgeCosine(j + 1);
          const height = 15 * DEGREE;
          // The band's area is cos(latitude) 2 sin(height / 2), not cos(latitude) height.
          const band = cosine(j) * 2 * Math.sin(height / 2);
          const expected =
            ((dv / (2 * 45 * DEGREE)) * height - (north - south)) / band / EARTH_RADIUS_METRES;
          const actual = target[at(j, i)] ?? 0;
          if (Number.isNaN(expected)) assert.ok(Number.isNaN(actual));
          else assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`);
        }
      }
    }),
  );
});

test('vorticity refuses a region and a field of another size', () => {
  const region = globe(4, 8);
  const half = { latitudes: region.latitudes, longitudes: region.longitudes.slice(0, 4) };
  const wind = { u: new Float32Array(16), v: new Float32Array(16) };
  assert.throws(() => writeRelativeVorticity(wind, half, new Float32Array(16)), /globe/);
  assert.throws(() => writeRelativeVorticity(wind, region, new Float32Array(32)), RangeError);
});
