import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillFrom, fillJson } from '../../src/files/zarr-fill.js';
import type { Attribute } from '../../src/formats/dataset.js';
import { fc } from '../fast-check.js';

const double = (value: number): Attribute => ({
  ...{ name: '_FillValue', type: 'float64', byteOrder: 'little' },
  bytes: new Uint8Array(Float64Array.of(value).buffer),
});

test('fill values are as xarray writes them, and are read again', () => {
  // What xarray 2026.9 writes for NaN and for -999.
  assert.equal(fillJson(double(Number.NaN), 'float32'), 'AAAAAAAA+H8=');
  assert.equal(fillJson(double(-999), 'float64'), 'AAAAAAA4j8A=');
  assert.equal(fillJson(double(-999), 'int16'), -999);
  const doubles = fc.double();
  fc.assert(
    fc.property(doubles, (value) => {
      const json = fillJson(double(value), 'float64');
      assert.ok(typeof json === 'string');
      const read = fillFrom(json, 'float64');
      assert.deepEqual(read?.bytes, double(value).bytes);
    }),
  );
  const read = fillFrom('AAAAAAAA+H8=', 'float32');
  assert.deepEqual([read?.type, [...(read?.bytes ?? [])]], ['float32', [0, 0, 192, 127]]);
});

test('one that no element could have is left out: a store with it would not open', () => {
  assert.equal(fillJson(double(Number.NaN), 'int16'), undefined);
  assert.equal(fillJson(double(0.5), 'uint8'), undefined);
  assert.equal(fillJson(double(1), 'string[4]'), undefined);
  const text = { ...double(1), type: 'text' as const };
  assert.equal(fillJson(text, 'float32'), undefined);
  assert.equal(fillFrom('no number', 'float32'), null);
  assert.equal(fillFrom([1], 'int32'), null);
  assert.equal(fillFrom('AAAAAAAA+H8=', 'int32'), null);
});
