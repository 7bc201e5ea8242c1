import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from 'fast-png';
import type { LatLonGrid } from '../../../examples/weather/grid.js';
import { Canvas } from '../../../examples/weather/map/canvas.js';
import { colourIndex, createColourTable } from '../../../examples/weather/map/colours.js';
import { contourLines } from '../../../examples/weather/map/contours.js';
import { createFont } from '../../../examples/weather/map/font.js';
import { createSampler } from '../../../examples/weather/map/sampler.js';
import { chooseTicks, roundRange } from '../../../examples/weather/map/ticks.js';
import { displayUnits, formatNumber, prettyUnits } from '../../../examples/weather/map/units.js';
import { drawMap, type MapOptions } from '../../../examples/weather/map.js';
import { createModel } from '../../../examples/weather/model/model.js';
import { fc } from '../../fast-check.js';

const GRID: LatLonGrid = {
  latitudes: Float64Array.from({ length: 18 }, (_, j) => 85 - 10 * j),
  longitudes: Float64Array.from({ length: 36 }, (_, i) => -180 + 10 * i),
};
const field = (value: (latitude: number, longitude: number) => number): Float32Array =>
  Float32Array.from({ length: 18 * 36 }, (_, at) =>
    value(GRID.latitudes[Math.floor(at / 36)] ?? 0, GRID.longitudes[at % 36] ?? 0),
  );
const BASIC: MapOptions = {
  grid: GRID,
  field: field((latitude) => latitude),
  title: 'Latitude',
  units: 'degrees',
  colours: 'diverging',
  width: 600,
};

interface Picture {
  readonly width: number;
  readonly height: number;
  at(x: number, y: number): readonly [number, number, number];
}

function look(png: Uint8Array): Picture {
  const { width, height, data, channels } = decode(png);
  assert.equal(channels, 3);
  const at = (x: number, y: number): readonly [number, number, number] => {
    const start = 3 * (y * width + x);
    return [data[start] ?? 0, data[start + 1] ?? 0, data[start + 2] ?? 0];
  };
  return { width, height, at };
}

test('the example of drawMap: a PNG of the size asked for', () => {
  const model = createModel({ member: 0, seed: 1, levels: [500] });
  const png = drawMap({
    grid: model,
    field: model.field('h', 500),
    units: 'm',
    title: 'Height at 500 hPa',
    colours: 'height',
  });
  const { width, height } = look(png);
  assert.deepEqual([width, height], [1200, 720]);
});

test('north is up and red is positive', () => {
  const picture = look(drawMap(BASIC));
  const [northRed, , northBlue] = picture.at(200, 80);
  const [southRed, , southBlue] = picture.at(200, 280);
  assert.ok(northRed > northBlue && southBlue > southRed);
});

test('east is right, whichever way the rows run', () => {
  const east = field((_, longitude) => (longitude > 0 ? 1 : 0));
  const reversed = { ...GRID, latitudes: GRID.latitudes.slice().reverse() };
  for (const grid of [GRID, reversed]) {
    const picture = look(drawMap({ ...BASIC, grid, field: east, colours: 'magnitude' }));
    const [, west] = picture.at(150, 100);
    const [, right] = picture.at(450, 100);
    assert.ok(right > west + 100, 'green of viridis grows with the value');
  }
});

test('missing values are grey, and a field without any value still makes a map', () => {
  const half = field((_, longitude) => (longitude > 0 ? 1 : Number.NaN));
  assert.deepEqual(look(drawMap({ ...BASIC, field: half })).at(150, 100), [200, 200, 200]);
  const none = field(() => Number.NaN);
  assert.deepEqual(look(drawMap({ ...BASIC, field: none })).at(450, 100), [200, 200, 200]);
});

test('the same input gives the same bytes; contours and barbs show', () => {
  const plain = drawMap(BASIC);
  assert.deepEqual(drawMap(BASIC), plain);
  const contours = { field: BASIC.field, interval: 20, caption: 'every 20' };
  assert.notDeepEqual(drawMap({ ...BASIC, contours }), plain);
  const wind = { u: field(() => 37), v: field((latitude) => latitude) };
  assert.notDeepEqual(drawMap({ ...BASIC, wind }), plain);
});

test('a region is drawn with its own edges', () => {
  const grid = {
    latitudes: Float64Array.of(50, 52, 54, 56),
    longitudes: Float64Array.of(-10, -8, -6, -4, -2),
  };
  const values = new Float32Array(20).fill(3);
  const { width, height } = look(drawMap({ ...BASIC, grid, field: values }));
  assert.equal(width, 600);
  assert.ok(height > 450, `${height} pixels for 6 of 8 degrees`);
});

test('what cannot be drawn is refused with its reason', () => {
  const draw = (options: Partial<MapOptions>) => () => drawMap({ ...BASIC, ...options });
  assert.throws(draw({ field: new Float32Array(3) }), /"Latitude".*3 values where 648/);
  assert.throws(draw({ width: 100 }), /width "100"/);
  assert.throws(draw({ range: { min: 1, max: 1 } }), /empty/);
  const wind = { u: new Float32Array(2), v: new Float32Array(648) };
  assert.throws(draw({ wind }), RangeError);
  for (const interval of [0, 0.01, Number.NaN, -5]) {
    const contours = { field: BASIC.field, interval, caption: '' };
    assert.throws(draw({ contours }), /Cannot draw contours/);
  }
});

const range = fc
  .tuple(
    fc.double({ min: -1e6, max: 1e6, noNaN: true }),
    fc.double({ min: 1e-3, max: 1e6, noNaN: true }),
  )
  .map(([min, width]) => ({ min, max: min + width }));

test('ticks are multiples of a round step, within the range, not too many', () => {
  fc.assert(
    fc.property(range, fc.integer({ min: 2, max: 20 }), ({ min, max }, countMax) => {
      const { values, step, decimals } = chooseTicks(min, max, countMax);
      assert.ok(values.length <= countMax + 1);
      for (const value of values) {
        assert.ok(value >= min - step * 1e-5 && value <= max + step * 1e-5);
        const written = Number(formatNumber(value, decimals).replace('\u2212', '-'));
        assert.ok(Math.abs(written - value) < step * 1e-5, `${value} is written ${written}`);
      }
    }),
  );
});

test('a round range holds the values and has ticks at both ends', () => {
  fc.assert(
    fc.property(range, fc.boolean(), ({ min, max }, isDiverging) => {
      const round = roundRange(min, max, isDiverging, 12);
      const slack = (round.max - round.min) * 1e-5;
      assert.ok(round.min <= min + slack && round.max >= max - slack);
      if (isDiverging) assert.equal(round.min, -round.max);
      const { values } = chooseTicks(round.min, round.max, 12);
      assert.ok(Math.abs((values[0] ?? Number.NaN) - round.min) <= slack);
      assert.ok(Math.abs((values.at(-1) ?? Number.NaN) - round.max) <= slack);
    }),
  );
});

test('the range of a field of one value is not empty', () => {
  for (const value of [0, 5, -3, 1e-9]) {
    for (const isDiverging of [false, true]) {
      const { min, max } = roundRange(value, value, isDiverging, 12);
      assert.ok(min <= value && value <= max && min < max, `${min}..${max}`);
    }
  }
});

test('units as people read them', () => {
  assert.equal(prettyUnits('m s-1'), 'm s\u207b\u00b9');
  assert.equal(prettyUnits('m s**-1'), 'm s\u207b\u00b9');
  assert.equal(prettyUnits('m**2 s**-2'), 'm\u00b2 s\u207b\u00b2');
  assert.deepEqual(displayUnits('m', 9000), { factor: 1, units: 'm' });
  const { factor, units } = displayUnits('s-1', 1.4e-4);
  assert.equal(units, '10\u207b\u2075 s\u207b\u00b9');
  assert.ok(Math.abs(factor - 1e5) < 1e-6);
  assert.equal(formatNumber(-0.001, 2), '0.00');
  assert.equal(formatNumber(-2, 0), '\u22122');
});

test('colours run through their table and stop at its ends', () => {
  assert.deepEqual(
    [-5, 0, 0.5, 1, 7].map((value) => colourIndex(value, 0, 1)),
    [0, 0, 128, 255, 255],
  );
  const table = createColourTable('magnitude');
  assert.deepEqual(Array.from(table.slice(0, 3)), [0x44, 0x01, 0x54]);
  assert.deepEqual(Array.from(table.slice(-3)), [0xfd, 0xe7, 0x25]);
});

test('contours of a plane lie where the plane has their level', () => {
  const slope = fc.integer({ min: -5, max: 5 });
  fc.assert(
    fc.property(slope, slope, fc.double({ min: -20, max: 20, noNaN: true }), (dx, dy, level) => {
      const values = Float32Array.from({ length: 48 }, (_, at) => {
        return dx * (at % 8) + dy * Math.floor(at / 8);
      });
      const lines = contourLines({ columns: 8, rows: 6, values }, level);
      for (const { x0, y0, x1, y1 } of lines) {
        assert.ok(Math.abs(dx * x0 + dy * y0 - level) < 1e-6);
        assert.ok(Math.abs(dx * x1 + dy * y1 - level) < 1e-6);
      }
      const crossed = Math.min(...values) < level && level <= Math.max(...values);
      assert.equal(lines.length > 0, crossed);
    }),
  );
});

test('a sampler gives grid values at grid points and stays between neighbours', () => {
  const values = field((latitude, longitude) => latitude + longitude / 10);
  const extent = { west: -180, east: 180, north: 90, south: -90 };
  // Pixels half a degree wide: pixel 2 i has its centre a quarter degree east of a grid point.
  const sampler = createSampler({ grid: GRID, field: values, extent, width: 720, height: 360 });
  assert.ok(Math.abs(sampler.sample(360, 179) - 0.25 - 0.025) < 1e-5);
  // Beyond the last row the row itself, across the date line the first column.
  assert.ok(Math.abs(sampler.sample(0, 0) - 85 + 18 - 0.025) < 1e-5);
  const between = sampler.sample(719, 100);
  assert.ok(between < 40 + 17 && between > 30 - 18);
});

test('lines that touch are laid on once, and a clip holds', () => {
  const white = { red: 255, green: 255, blue: 255 };
  const black = { red: 0, green: 0, blue: 0 };
  const canvas = new Canvas(20, 20, white);
  canvas.clip({ x: 0, y: 0, width: 20, height: 10 });
  const line = { x0: 2, y0: 5, x1: 17, y1: 5 };
  const steep = { x0: 10, y0: 2, x1: 10, y1: 18 };
  canvas.lines([line, line, steep], { colour: black, width: 1, opacity: 0.5 });
  const picture = look(canvas.encodePng());
  assert.deepEqual(picture.at(5, 5), [128, 128, 128]);
  assert.deepEqual(picture.at(10, 5), [128, 128, 128]);
  assert.deepEqual(picture.at(10, 15), [255, 255, 255]);
  // A second call starts from a clean sheet.
  canvas.lines([line], { colour: black, width: 1, opacity: 0.5 });
  assert.deepEqual(look(canvas.encodePng()).at(5, 5), [64, 64, 64]);
});

test('the font has every letter that maps use, each with ink and no two alike', () => {
  const font = createFont(2);
  const letters =
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,:;-+()[]/=%*_<>?' +
    '\u2212\u00b0\u00b9\u00b2\u00b3\u207b';
  const seen = new Map<string, string>();
  for (const letter of letters) {
    const glyph = font.glyph(letter);
    if (glyph === undefined) assert.fail(`no ${letter}`);
    assert.ok(Math.max(...glyph.ink) > 0.5, letter);
    const shape = `${glyph.width} ${glyph.top} ${Array.from(glyph.ink).join()}`;
    assert.equal(seen.get(shape), undefined, `${letter} looks like another`);
    seen.set(shape, letter);
  }
  assert.equal(font.glyph('\u4e2d'), undefined);
  assert.ok(font.measure('mm') > font.measure('m'));
});
