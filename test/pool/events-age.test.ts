import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

test('events older than is wanted go, at the latest with the next that comes', () => {
  const pool = new Harness({ eventAgeMsMax: 8_000 });
  const producer = pool.member('p');
  for (let second = 0; second < 40; second++) {
    producer.emit('tick', { second }).ok();
    pool.pass(1_000);
  }
  producer.emit('tick', { second: 40 }).ok();
  const late = pool.member('late').subscribe({ kinds: ['emit'], from: 'start', own: true });
  const seconds = late.events.map(({ attributes }) => Number(attributes['second']));
  assert.ok((seconds[0] ?? 0) >= 30, `the oldest that is told is ${seconds[0]}`);
  assert.ok((seconds[0] ?? 0) <= 32, 'none goes before its time');
  assert.equal(seconds.at(-1), 40);
});
