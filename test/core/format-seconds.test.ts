import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatSeconds } from '../../src/core/format-seconds.js';

test('a time is told in milliseconds below a second, else in seconds', () => {
  const times = [0, 0.4, 200, 999, 1_000, 1_500, 1_549, 90_000, 600_000];
  const told = ['0 ms', '0 ms', '200 ms', '999 ms', '1 s', '1.5 s', '1.5 s', '90 s', '600 s'];
  assert.deepEqual(times.map(formatSeconds), told);
});
