import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fillPattern, patternSum, RunningSum } from '../../bench/hand-over/transport.js';
import { ownArrays, readAll } from '../../bench/sink/flow.js';

test('the sum of what a producer hands over is known beforehand', () => {
  for (const count of [0, 1, 1_000, 1_024, 1_025, 131_072]) {
    const array = new Float64Array(count);
    fillPattern(array);
    const sum = new RunningSum();
    sum.upTo(array, Math.floor(count / 3));
    sum.upTo(array, count);
    assert.equal(sum.value, patternSum(count * 8));
  }
});

test('a reader of a flow sees a single byte that is missing', () => {
  const [first = new Uint8Array(0)] = ownArrays(5_000);
  readAll(first);
  first[4_999] = 0;
  assert.throws(() => readAll(first), /nobody has written/);
});
