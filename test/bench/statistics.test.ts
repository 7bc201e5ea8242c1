import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, pairedRatio, quantile, spread } from '../../bench/harness/statistics.js';

test('the median of an even number lies between the two in the middle', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('quantiles are interpolated, and the ends are the extremes', () => {
  const values = [10, 20, 30, 40, 50];
  assert.equal(quantile(values, 0), 10);
  assert.equal(quantile(values, 1), 50);
  assert.equal(quantile(values, 0.25), 20);
  assert.equal(quantile(values, 0.1), 14);
  assert.deepEqual(values, [10, 20, 30, 40, 50], 'what is measured stays in order');
});

test('a spread is the least and the greatest', () => {
  assert.deepEqual(spread([3, 1, 2]), [1, 3]);
});

test('ratios are taken round by round: a machine that slows down for all does not show', () => {
  assert.equal(pairedRatio([100, 10, 50], [50, 5, 25]), 2);
});

test('a round in which one side failed has no ratio', () => {
  assert.equal(pairedRatio([100, Number.NaN, 60], [50, 1, Number.NaN]), 2);
  assert.ok(Number.isNaN(pairedRatio([1], [])));
});
