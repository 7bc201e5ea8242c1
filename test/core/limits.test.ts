import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';
import { nameIn, pageAt, rowsOf } from './page.js';

const STEPS = [
  [2 ** 30, 'GiB'],
  [2 ** 20, 'MiB'],
  [2 ** 10, 'KiB'],
] as const;

/** Bytes in the largest unit of which they are whole ones. */
function bytesText(bytes: number): string {
  const [size, unit] = STEPS.find(([step]) => bytes % step === 0) ?? [1, 'bytes'];
  return `${(bytes / size).toLocaleString('en')} ${unit}`;
}

/** A limit in human units: its name ends in the unit. */
function textOf(name: string, value: number): string {
  if (/Bytes(Max|Min)?$/.test(name)) return bytesText(value);
  if (!/Ms(Max)?$/.test(name)) return value.toLocaleString('en');
  return value % 60_000 === 0 ? `${value / 60_000} min` : `${value / 1_000} s`;
}

test('docs/operating/limits.md has every limit with its value, and no other', () => {
  const rows = rowsOf(pageAt('docs/operating/limits.md'), 'limit', 'value', 'at it');
  const said = Object.fromEntries(rows.map(([name, value]) => [nameIn(name), value]));
  const limits = Object.entries({ ...LIMITS, ...SERVER_LIMITS });
  const expected = limits.map(([name, value]) => [name, textOf(name, value)]);
  assert.deepEqual(said, Object.fromEntries(expected));
  assert.equal(rows.length, limits.length, 'none stands there twice');
  for (const [name, , policy] of rows) assert.ok(policy !== '', `${name} says what happens`);
});
