import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

test('a stream ends by itself when all promises are closed and all was acknowledged', () => {
  const pool = new Harness();
  const watcher = pool.member('w').subscribe({ kinds: ['offer'], untilComplete: true });
  const producer = pool.member('p');
  producer.offer('early');
  watcher.acknowledge().ok();
  // Nobody has promised anything: nothing is known to be over.
  assert.deepEqual(watcher.told, ['offer early']);
  const promised = producer.promise('x*', 'glob');
  producer.offer('x1');
  promised.close().ok();
  assert.equal(watcher.last.name, 'x1');
  watcher.acknowledge().ok();
  assert.deepEqual(watcher.told, ['offer early', 'offer x1', 'end']);
  assert.equal(watcher.last.fields['reason'], 'complete');
  watcher.acknowledge().fails('unknown-subscription');
});

test('a stream ends when what it may select is closed, whatever else is promised', () => {
  const pool = new Harness();
  const watcher = pool.member('w');
  const asks = (selector: string) =>
    watcher.subscribe({ kinds: ['offer'], untilComplete: true, select: selector });
  const four = asks('number = 4');
  const names = asks('name ~ "an/*"');
  const both = asks('number in [3, 4]');
  const own = asks('.member = "p" and number = 9');
  const producer = pool.member('p');
  // About others, and closed: nothing that is asked for was promised.
  producer.promise('name ~ "fc/*" and number = 5', 'selector').close().ok();
  assert.deepEqual(
    [four, names, both, own].map(({ told }) => told),
    [[], [], [], []],
  );
  const third = producer.promise('number = 3 and name ~ "fc/*"', 'selector');
  const fourth = pool.member('q').promise('number = 4 and step in 0..9', 'selector');
  producer.promise('an/1').close().ok();
  assert.deepEqual(own.told, ['end'], 'an/1 might have had number 9, and is of p');
  assert.deepEqual(names.told, [], 'what has number 4 may have such a name');
  fourth.close().ok();
  assert.deepEqual(names.told, ['end']);
  assert.deepEqual(four.told, ['end']);
  assert.deepEqual(both.told, []);
  third.close().ok();
  assert.deepEqual(both.told, ['end']);
});

test('what was closed before it began, and may be of another run, ends nothing that has not begun', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  producer.promise('old/*', 'glob').close().ok();
  producer.promise('exact').close().ok();
  const watcher = pool.member('w');
  const complete = { kinds: ['offer'], untilComplete: true } as const;
  const early = watcher.subscribe({ ...complete, select: 'param = "v"' });
  const exact = watcher.subscribe({ ...complete, select: 'name = "exact"' });
  assert.deepEqual([early.told, exact.told], [[], ['end']]);
  const promised = producer.promise('v/*', 'glob');
  producer
    .declare('v/1', { attributes: { param: 'v' } })
    .offer()
    .ok();
  promised.close().ok();
  early.acknowledge().ok();
  assert.deepEqual(early.told, ['offer v/1', 'end']);
  // Who comes when all is over is told what is there, and ends.
  const late = watcher.subscribe({ ...complete, from: 'snapshot', select: 'param = "v"' });
  late.acknowledge().ok();
  assert.deepEqual(late.told, ['offer v/1', 'end']);
});

test('a promise of a selector is no promise of a name', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  const promised = producer.promise('n = 1', 'selector');
  const watcher = pool.member('w').subscribe({
    ...{ kinds: ['offer'], untilComplete: true, select: 'n = 1' },
  });
  promised.close().ok();
  assert.deepEqual(watcher.told, ['end']);
  // It waits: who has promised a selector has not said that this name will not come.
  pool.member('c').demand('x').waits();
});

test('it ends when the last operation that was held is done, or is not to be', () => {
  for (const ends of ['acknowledge', 'veto', 'crash'] as const) {
    const pool = new Harness();
    const watcher = pool.member('w').subscribe({ kinds: ['offer'], untilComplete: true });
    const gate = pool.member('gate').subscribe({ kinds: ['tag'], before: true, acknowledge: true });
    const producer = pool.member('p');
    producer.offer('x');
    watcher.acknowledge().ok();
    const promised = producer.promise('x');
    const tagger = pool.member('t');
    tagger.tag('x', { good: true }).waits();
    promised.close().ok();
    // An operation that is held may bring something yet.
    assert.deepEqual(watcher.told, ['offer x']);
    if (ends === 'acknowledge') gate.acknowledge().ok();
    else if (ends === 'veto') gate.veto('no').ok();
    else pool.crash(tagger.client);
    assert.deepEqual(watcher.told, ['offer x', 'end'], ends);
  }
});

test('a durable stream that is complete goes on with who comes later', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], untilComplete: true, name: 'runs', from: 'last' } as const;
  const producer = pool.member('p');
  const first = pool.member('w').subscribe(asked);
  const promised = producer.promise('x*', 'glob');
  producer.offer('x1');
  promised.close().ok();
  first.acknowledge().ok();
  assert.deepEqual(first.told, ['offer x1', 'end']);
  producer.offer('x2');
  const second = pool.member('v').subscribe(asked);
  assert.deepEqual(second.told, ['offer x2']);
  assert.equal(second.last.n, 2);
  second.acknowledge().ok();
  assert.deepEqual(second.told, ['offer x2', 'end']);
  assert.deepEqual(pool.member('u').subscribe(asked).told, ['end']);
});

test('what one has promised who shares it by now is waited for no longer', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], untilComplete: true, name: 'runs' } as const;
  const watcher = pool.member('w').subscribe(asked);
  const [own, other] = [pool.member('p'), pool.member('q')];
  own.promise('x').made.ok();
  const promised = other.promise('z');
  other.promise('y').close().ok();
  assert.deepEqual(watcher.told, []);
  own.subscribe(asked).made.value();
  promised.close().ok();
  assert.deepEqual(watcher.told, ['end']);
});
