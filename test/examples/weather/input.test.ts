import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { WeatherError, type WeatherErrorCode } from '../../../examples/weather/errors.js';
import { openInput } from '../../../examples/weather/input.js';
import { writeWindSpeed } from '../../../examples/weather/products.js';
import { fieldSums } from '../../../examples/weather/sums.js';
import { type FileContent, writeClassic } from './netcdf-writer.js';
import { sharedFile, whyWithout } from './shared-data.js';

const directory = mkdtempSync(join(tmpdir(), 'attacca-weather-'));
after(() => rmSync(directory, { recursive: true }));

function save(name: string, bytes: Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

function refusal(path: string): WeatherError {
  try {
    openInput(path);
  } catch (error) {
    assert.ok(error instanceof WeatherError, String(error));
    assert.ok(error.message.includes(path), error.message);
    return error;
  }
  assert.fail(`${path} was read`);
}

/** Temperature on a record dimension, two levels, 2 x 3 points, packed in 16 bits. */
const SMALL: FileContent = {
  recordCount: 2,
  dimensions: [
    { name: 'time', size: 0 },
    { name: 'plev', size: 2 },
    { name: 'lat', size: 2 },
    { name: 'lon', size: 3 },
  ],
  variables: [
    { name: 'time', dimensions: [0], type: 'double', attributes: {}, values: [0, 6] },
    {
      name: 'plev',
      dimensions: [1],
      type: 'float',
      attributes: { units: 'hPa' },
      values: [500, 850],
    },
    {
      name: 'lat',
      dimensions: [2],
      type: 'float',
      attributes: { units: 'degrees_north' },
      values: [10, -10],
    },
    {
      name: 'lon',
      dimensions: [3],
      type: 'double',
      attributes: { units: 'degrees_east' },
      values: [0, 120, 240],
    },
    {
      name: 't',
      dimensions: [0, 1, 2, 3],
      type: 'short',
      attributes: {
        units: 'K',
        long_name: 'Temperature',
        scale_factor: 0.5,
        add_offset: 200,
        _FillValue: -32767,
      },
      values: Array.from({ length: 24 }, (_, index) => (index === 7 ? -32767 : index * 3 - 20)),
    },
    { name: 'label', dimensions: [3], type: 'char', attributes: {}, values: [65, 66, 67] },
  ],
};

test('packed values, levels, records and missing values come out as CF says', () => {
  const { fields } = openInput(save('small.nc', writeClassic(SMALL)));
  assert.deepEqual(
    fields.map(({ variable, level, others, units }) => ({ variable, level, others, units })),
    [
      { variable: 't', level: 500, others: [['time', 0]], units: 'K' },
      { variable: 't', level: 850, others: [['time', 0]], units: 'K' },
      { variable: 't', level: 500, others: [['time', 6]], units: 'K' },
      { variable: 't', level: 850, others: [['time', 6]], units: 'K' },
    ],
  );
  for (const [index, one] of fields.entries()) {
    const expected = Array.from({ length: 6 }, (_, at) => {
      const order = index * 6 + at;
      return order === 7 ? Number.NaN : (order * 3 - 20) * 0.5 + 200;
    });
    assert.deepEqual(Array.from(one.read()), expected);
    const target = new Float32Array(new SharedArrayBuffer(24));
    one.writeInto(target);
    assert.deepEqual(Array.from(target), expected);
    assert.deepEqual(Array.from(one.latitudes), [10, -10]);
    assert.deepEqual(Array.from(one.longitudes), [0, 120, 240]);
    assert.equal(one.longName, 'Temperature');
    assert.throws(() => one.writeInto(new Float32Array(5)), RangeError);
  }
});

test('every number type is read, bytes with their sign', () => {
  for (const type of ['byte', 'short', 'int', 'float', 'double'] as const) {
    const variables = SMALL.variables.map((variable) =>
      variable.name === 't'
        ? { ...variable, type, attributes: { _FillValue: -7 }, values: [-7, ...Array(23).fill(-5)] }
        : variable,
    );
    const path = save(`${type}.nc`, writeClassic({ ...SMALL, variables }));
    const [first, second] = openInput(path).fields;
    assert.deepEqual(Array.from(first?.read() ?? []), [Number.NaN, -5, -5, -5, -5, -5], type);
    assert.deepEqual(Array.from(second?.read() ?? []), Array(6).fill(-5), type);
  }
});

test('a file cut off anywhere is refused by name, never read as something else', () => {
  const bytes = writeClassic(SMALL);
  for (let length = 0; length < bytes.length; length++) {
    const path = save('cut.nc', bytes.subarray(0, length));
    // What is cut off may be the padding after the last value.
    if (length >= bytes.length - 3) continue;
    assert.equal(refusal(path).code, 'not-a-netcdf-file', `cut after ${length} bytes`);
  }
});

test('a byte changed in the header is refused or read, never another error', () => {
  const bytes = writeClassic(SMALL);
  for (let at = 0; at < 700; at += 3) {
    for (const value of [0, 255, (bytes[at] ?? 0) ^ 1]) {
      const damaged = bytes.slice();
      damaged[at] = value;
      const path = save('damaged.nc', damaged);
      try {
        for (const field of openInput(path).fields) field.read();
      } catch (error) {
        assert.ok(error instanceof WeatherError, `byte ${at} = ${value}: ${String(error)}`);
      }
    }
  }
});

test('other files are named for what they are', () => {
  const text = (content: string): Uint8Array => Buffer.from(content, 'latin1');
  const cases: readonly (readonly [string, Uint8Array, WeatherErrorCode, RegExp])[] = [
    ['empty', new Uint8Array(), 'not-a-netcdf-file', /an empty file/],
    ['text', text('hello'), 'not-a-netcdf-file', /no file of a known kind/],
    ['four.nc', text('\x89HDF\r\n\x1a\n....'), 'netcdf-variant-not-read', /NetCDF-4.*nccopy/],
    ['five.nc', text('CDF\x05....'), 'netcdf-variant-not-read', /CDF-5/],
    ['a.grib', text('GRIB....'), 'not-a-netcdf-file', /a GRIB file/],
  ];
  for (const [name, bytes, code, why] of cases) {
    const error = refusal(save(name, bytes));
    assert.equal(error.code, code);
    assert.match(error.message, why);
    assert.equal(error.retryable, false);
  }
});

test('a NetCDF file without a horizontal field says so; an absent file stays an absent file', () => {
  const variables = SMALL.variables.filter(({ name }) => name !== 't');
  const path = save('no-field.nc', writeClassic({ ...SMALL, variables }));
  assert.equal(refusal(path).code, 'no-field-in-file');
  const nothing = { recordCount: 0, dimensions: [], variables: [] };
  assert.equal(refusal(save('nothing.nc', writeClassic(nothing))).code, 'no-field-in-file');
  assert.throws(() => openInput(join(directory, 'absent.nc')), { code: 'cannot-read-file' });
});

test('ERA-Interim: all fields, and the jet stream of January over Japan', {
  skip: whyWithout('eraint_uvz.nc'),
}, () => {
  const { fields } = openInput(sharedFile('eraint_uvz.nc'));
  assert.equal(fields.length, 18);
  const find = (variable: string, level: number, month: number): Float32Array => {
    const found = fields.find(
      (one) => one.variable === variable && one.level === level && one.others[0]?.[1] === month,
    );
    assert.ok(found !== undefined && found.nlat === 241 && found.nlon === 480);
    return found.read();
  };
  const u = find('u', 200, 1);
  const speed = new Float32Array(u.length);
  const sums = writeWindSpeed({ u, v: find('v', 200, 1) }, speed);
  assert.equal(sums.missing, 0);
  assert.ok(sums.max > 70 && sums.max < 85, `${sums.max} m/s`);
  const at = speed.indexOf(sums.max);
  const latitude = fields[0]?.latitudes[Math.floor(at / 480)] ?? 0;
  const longitude = fields[0]?.longitudes[at % 480] ?? 0;
  assert.ok(latitude > 28 && latitude < 38, `${latitude} north`);
  assert.ok(longitude > 125 && longitude < 165, `${longitude} east`);
  // Geopotential at 500 hPa is some 5500 m of height.
  const z = fieldSums(find('z', 500, 7));
  const height = z.sum / z.count / 9.80665;
  assert.ok(height > 5300 && height < 5800, `${height} m`);
});

test('the other files of the data folder are refused by what they are', {
  skip: whyWithout('basin_mask.nc'),
}, () => {
  assert.equal(refusal(sharedFile('basin_mask.nc')).code, 'netcdf-variant-not-read');
  for (const name of ['era5-levels-members.grib', 'era5-levels-corrupted.grib']) {
    assert.equal(refusal(sharedFile(name)).code, 'not-a-netcdf-file', name);
  }
});

test('a real file cut in the middle of its last variable', {
  skip: whyWithout('eraint_uvz.nc'),
}, () => {
  const bytes = readFileSync(sharedFile('eraint_uvz.nc'));
  const error = refusal(save('cut-real.nc', bytes.subarray(0, 3_000_000)));
  assert.equal(error.code, 'not-a-netcdf-file');
  assert.match(error.message, /truncated or damaged: variable "v" ends at byte/);
});
