import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWish } from '../../bench/harness/arguments.js';

test('a name alone runs five rounds at the default size', () => {
  const wish = parseWish(['pool-rate']);
  assert.equal(wish.kind, 'run');
  if (wish.kind !== 'run') return;
  assert.deepEqual(wish.names, ['pool-rate']);
  assert.equal(wish.rounds, 5);
  assert.equal(wish.size, null);
  assert.equal(wish.json, null);
});

test('contenders are chosen by name', () => {
  const wish = parseWish(['sink', '--only', 'redis,memcpy', '--without=ray']);
  assert.equal(wish.kind, 'run');
  if (wish.kind !== 'run') return;
  assert.deepEqual(wish.only, ['redis', 'memcpy']);
  assert.deepEqual(wish.without, ['ray']);
});

test('what is asked for wrongly says what would be right', () => {
  assert.throws(() => parseWish([]), /name a benchmark/);
  for (const rounds of ['0', '-1', '2.5', 'many', '1001']) {
    assert.throws(() => parseWish(['sink', `--rounds=${rounds}`]), /whole number from 1 to 1000/);
  }
  assert.throws(() => parseWish(['sink', '--round', '3']), TypeError);
});

test('list and help ask for no name', () => {
  assert.equal(parseWish(['--list']).kind, 'list');
  assert.equal(parseWish(['-h']).kind, 'help');
});
