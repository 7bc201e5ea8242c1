// Decoded values wait in memory, but no more of them than have room.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeptValues } from '../../src/files/kept-values.js';

const MiB = 1024 * 1024;

test('64 MiB of values are kept; what is beyond is decoded again', async () => {
  const keeping = new KeptValues();
  const field = new Float32Array((16 * MiB) / 4);
  const again = Float32Array.of(1);
  let decoded = 0;
  const decode = async (): Promise<Float32Array> => {
    decoded += 1;
    return again;
  };
  const gets = Array.from({ length: 6 }, () => keeping.valuesOr(field, decode));
  for (const get of gets.slice(0, 4)) assert.equal(await get(), field);
  assert.equal(decoded, 0);
  for (const get of gets.slice(4)) assert.equal(await get(), again);
  assert.equal(decoded, 2);
  // A large one at the beginning is not kept either, and leaves the room to others.
  const other = new KeptValues();
  assert.equal(await other.valuesOr(new Float32Array((65 * MiB) / 4), decode)(), again);
  assert.equal(await other.valuesOr(field, decode)(), field);
});
