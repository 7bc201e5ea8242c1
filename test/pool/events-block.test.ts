import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as protocol from '../../src/protocol/index.js';
import { Harness } from './harness.js';
import { Taking } from './taking.js';

/** What becomes of others while one is behind that must miss none (`slow: block`). */

test('for one that must miss nothing those wait who bring more', () => {
  const pool = new Harness({ eventBytesMax: 1 << 20, checked: false });
  const watcher = pool.member('w');
  const all = watcher.subscribe({ kinds: ['emit'], window: 4_096, slow: 'block' });
  const producer = pool.member('p');
  const many = 40_000;
  const calls: { readonly answer: unknown }[] = [];
  pool.batch(() => {
    for (let index = 0; index < many; index++) calls.push(producer.emit('tick', { index }));
  });
  assert.ok(
    calls.some(({ answer }) => answer === null),
    'some wait',
  );
  // Who looks, and who is behind, does not.
  producer.ping().ok();
  watcher.emit('mine').ok();
  let acknowledged = 0;
  for (let left = 100; left > 0 && acknowledged < many; left--) {
    const told = all.events.length;
    all.acknowledge(acknowledged + 1, told - acknowledged).ok();
    acknowledged = told;
  }
  assert.equal(all.events.length, many);
  assert.ok(
    calls.every(({ answer }) => answer !== null),
    'all are answered',
  );
  all.checkNumbers();
  all.events.forEach(({ attributes }, index) => {
    assert.equal(attributes['index'], index);
  });
});

test('another member of the connection waits, too; who is behind, and who leaves, does not', () => {
  const pool = new Harness({ eventBytesMax: 1 << 18 });
  const watcher = pool.member('w');
  const all = watcher.subscribe({ kinds: ['emit'], window: 1, slow: 'block' });
  const beside = pool.member('p', watcher.client);
  const object = beside.declare('x');
  const parts = [[beside.declare('part'), 'part']] as const;
  const whole = beside.declare('whole');
  const large = { text: 'x'.repeat(8_192) };
  const calls = Array.from({ length: 60 }, () => beside.emit('tick', large));
  const waiting = calls.filter(({ answer }) => answer === null).length;
  assert.ok(waiting > 0 && waiting < 60, `${waiting} wait`);
  const offer = object.offer('x').waits();
  const group = whole.offerGroup(parts).waits();
  const promise = beside.promise('y');
  promise.made.waits();
  // By no name it may be of the one who is behind.
  watcher.emit('mine', large).ok();
  watcher.promise('z').made.ok();
  const { client } = watcher;
  const none = protocol.MEMBER_NONE;
  client.call((w) => protocol.writeTag(w, 'no such', none, [], [])).fails('unknown-object');
  const tag = pool.member('other', client).tag('no such', {}).waits();
  assert.deepEqual(all.told, ['emit tick']);
  const left = watcher.leave();
  offer.ok();
  group.ok();
  promise.made.ok();
  tag.fails('unknown-object');
  assert.ok(calls.every(({ answer }) => answer !== null));
  left.bye();
});

test('lists that are gathered, and an open object that is sealed, wait as well', () => {
  const pool = new Harness({ eventBytesMax: 1 << 18 });
  const all = pool.member('w').subscribe({ kinds: ['emit'], window: 1, slow: 'block' });
  const producer = pool.member('p');
  const open = Taking.create(producer, 'field', '--------');
  open.made.ok();
  producer.offer('x');
  const text = 'x'.repeat(8_192);
  const ticks = Array.from({ length: 60 }, () => producer.emit('tick', { text }));
  assert.equal(ticks.at(-1)?.answer, null);
  const gathered = producer.gather('name = "x"', 'in', 'a list').waits();
  const sealed = open.handle.seal().waits();
  const { waits } = producer.explainWaits().value() as { waits: { object: string }[] };
  assert.deepEqual(
    waits.flatMap(({ object }) => (object === 'field' ? [object] : [])),
    ['field'],
  );
  all.end().ok();
  assert.equal(gathered.value()['changed'], 1);
  sealed.ok();
  assert.equal(producer.stat('field').value()['state'], 'offered');
});

test('at twice what the log may take who keeps it is ended, as what frees things goes on', () => {
  const eventBytesMax = 1 << 17;
  const pool = new Harness({ eventBytesMax });
  const watcher = pool.member('w').subscribe({ kinds: ['withdraw'], window: 1, slow: 'block' });
  const producer = pool.member('p');
  const { log } = pool.pool.events;
  const text = 'x'.repeat(16_384);
  const handles = Array.from({ length: 40 }, (_, index) =>
    producer.offer(`x${index}`, null, { attributes: { text } }),
  );
  assert.ok(!pool.pool.events.isFull, 'nobody is behind yet');
  // A withdrawal is never held.
  let ended = 0;
  let most = 0;
  for (const [index, handle] of handles.entries()) {
    handle.withdraw().ok();
    most = Math.max(most, log.bytesUsed);
    if (ended === 0 && watcher.told.includes('end')) ended = index;
  }
  assert.ok(ended > 4, 'it had its time');
  assert.equal(watcher.last.fields['reason'], 'subscriber-slow');
  assert.ok((watcher.last.fields['fields'] as { lost: number }).lost > 0);
  assert.ok(most > 1.5 * eventBytesMax && most < 2.2 * eventBytesMax, `${most} bytes`);
  assert.ok(log.bytesUsed <= eventBytesMax * 1.2, 'and the log is as it should be');
  producer.emit('tick').ok();
});
