import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_FLAG } from '../../src/protocol/index.js';
import { Harness } from './harness.js';

test('what is there, then what comes: neither a gap nor anything twice', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  const handles = [0, 1, 2, 3, 4].map((index) =>
    producer.offer(`x${index}`, 'b', { attributes: { index } }),
  );
  handles[0]?.withdraw().ok();
  const asked = { kinds: ['offer', 'withdraw'], from: 'snapshot', window: 1 } as const;
  const watcher = pool.member('w').subscribe({ ...asked, select: 'index != 3' });
  handles[4]?.withdraw().ok();
  producer.offer('x5', 'b', { attributes: { index: 5 } });
  for (let left = 10; left > 0; left--) watcher.acknowledge().ok();
  assert.deepEqual(watcher.told, ['offer x1', 'offer x2', 'withdraw x4', 'offer x5']);
  assert.deepEqual(
    watcher.events.map(({ flags }) => flags & EVENT_FLAG.snapshot),
    [EVENT_FLAG.snapshot, EVENT_FLAG.snapshot, 0, 0],
  );
  watcher.checkNumbers();
});

test('what is offered again before a snapshot has come to it is told by its event alone', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  producer.offer('x', '1');
  const handle = producer.offer('y', '1');
  const asked = { kinds: ['offer'], from: 'snapshot', window: 1 } as const;
  const watcher = pool.member('w').subscribe(asked);
  handle.withdraw().ok();
  producer.offer('y', '2');
  for (let left = 3; left > 0; left--) watcher.acknowledge().ok();
  assert.deepEqual(
    watcher.events.map(({ name, version, flags }) => [name, version, flags]),
    [
      ['x', 1, EVENT_FLAG.snapshot],
      ['y', 2, 0],
    ],
  );
});

test('what was there before needs nothing of the log: it is not waited for', () => {
  const pool = new Harness({ eventBytesMax: 1 << 20, checked: false });
  const producer = pool.member('p');
  producer.offer('x', 'x');
  const asked = { kinds: ['offer'], from: 'snapshot', slow: 'block' } as const;
  const watcher = pool.member('w').subscribe(asked);
  assert.deepEqual(watcher.told, ['offer x']);
  const calls: { readonly answer: unknown }[] = [];
  pool.batch(() => {
    for (let index = 0; index < 20_000; index++) calls.push(producer.emit('tick', { index }));
  });
  assert.ok(calls.every(({ answer }) => answer !== null));
});
