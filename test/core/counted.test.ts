import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counted } from '../../src/core/counted.js';

test('one is singular, all else plural, and thousands are told apart', () => {
  const said = [0, 1, 2, 999, 1_000, 12_345, 1_234_567].map((count) => counted(count, 'object'));
  assert.deepEqual(said, [
    '0 objects',
    '1 object',
    '2 objects',
    '999 objects',
    '1,000 objects',
    '12,345 objects',
    '1,234,567 objects',
  ]);
  assert.equal(counted(1, 'object is', 'objects are'), '1 object is');
});
