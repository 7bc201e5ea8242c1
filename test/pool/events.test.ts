import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import { EVENT_FLAG } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';
import type { SubscribeOptions } from './subscriber.js';

test('a subscriber is told what happens after it has subscribed, by kind and selector', () => {
  const pool = new Harness();
  const producer = pool.member('model[3]');
  producer.offer('early', 'x');
  const watcher = pool.member('watcher');
  const all = watcher.subscribe({});
  const offers = watcher.subscribe({ kinds: ['offer'], select: 'number = 3' });
  const named = watcher.subscribe({ kinds: ['offer', 'withdraw'], select: 'name ~ "t/*"' });
  const handle = producer.offer('t/850', 'abcd', { attributes: { number: 3, param: 't' } });
  producer.offer('u/850', 'abcd', { attributes: { number: 4 } });
  handle.withdraw().ok();
  assert.deepEqual(offers.told, ['offer t/850']);
  assert.deepEqual(named.told, ['offer t/850', 'withdraw t/850']);
  assert.deepEqual(all.told.slice(0, 3), ['declare t/850', 'offer t/850', 'declare u/850']);
  const { member, version, attributes, space, seq, n } = offers.last;
  assert.deepEqual({ member, version, n }, { member: 'model[3]', version: 1, n: 1 });
  assert.deepEqual({ ...attributes }, { number: 3, param: 't' });
  assert.deepEqual(space.shape, [4]);
  assert.ok(seq > 1);
  for (const each of [all, offers, named]) each.checkNumbers();
});

test('every operation is an event, and names who did what to what', () => {
  const pool = new Harness();
  const watcher = pool.member('watcher').subscribe({});
  const one = pool.member('one');
  const two = pool.member('two');
  const promised = one.promise('x*', 'glob');
  const consumer = two.require('x');
  const given = one.declare('x');
  given.seal().ok();
  given.offer('bytes').ok();
  consumer.demand().text();
  consumer.dispose().ok();
  two.require('y', {}, true).retract().ok();
  two.tag('x', { good: true }).ok();
  one.emit('steer', { dt: 30 }).ok();
  promised.close().ok();
  given.withdraw().ok();
  two.delete('x').ok();
  one.leave().bye();
  pool.crash(two.client);
  assert.deepEqual(
    watcher.told.filter((each) => !each.startsWith('declare')),
    [
      'join one',
      'join two',
      'promise x*',
      'require x',
      'seal x',
      'offer x',
      'demand x',
      'dispose x',
      'require y',
      'retract y',
      'tag x',
      'emit steer',
      'close x*',
      'withdraw x',
      'delete x',
      'leave one',
      'crash two',
    ],
  );
  const tag = watcher.events.find(({ eventKind }) => eventKind === 9);
  assert.deepEqual({ ...tag?.attributes }, { good: true });
  const steer = watcher.events.find(({ topic }) => topic === 'steer');
  assert.deepEqual([steer?.member, { ...steer?.attributes }], ['one', { dt: 30 }]);
  watcher.checkNumbers();
});

test('a subscription means what its selector meant, also when it is restored', () => {
  const pool = new Harness();
  const watcher = pool.member('w');
  watcher.define('collection', 'threes', { selector: 'n = 3' }).ok();
  const threes = watcher.subscribe({ kinds: ['offer'], select: '.collection = "threes"' });
  watcher.define('collection', 'threes', null).ok();
  const state = saved((w) => savePool(pool.pool, w));
  const copy = restored(state, restorePool);
  assert.equal(
    Buffer.compare(
      saved((w) => savePool(copy, w)),
      state,
    ),
    0,
  );
  const producer = pool.member('p');
  producer.offer('x', 'b', { attributes: { n: 3 } });
  producer.offer('y', 'b', { attributes: { n: 4 } });
  assert.deepEqual(threes.told, ['offer x']);
});

test('what a member does itself it is told of when it asks for that', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const others = member.subscribe({ kinds: ['offer'] });
  const own = member.subscribe({ kinds: ['offer'], own: true });
  member.offer('x');
  pool.member('b').offer('y');
  assert.deepEqual(others.told, ['offer y']);
  assert.deepEqual(own.told, ['offer x', 'offer y']);
});

test('emitted events are taken by their topics, and selected by what they say', () => {
  const pool = new Harness();
  const watcher = pool.member('w');
  const steer = watcher.subscribe({ kinds: ['emit'], topics: ['steer'], select: 'dt > 20' });
  const by = watcher.subscribe({ select: '.event = "steer" and .member = "model"' });
  const model = pool.member('model');
  model.emit('steer', { dt: 10 }).ok();
  model.emit('steer', { dt: 30 }).ok();
  model.emit('stop', { dt: 30 }).ok();
  pool.member('other').emit('steer', { dt: 1 }).ok();
  assert.deepEqual(
    steer.events.map(({ attributes }) => attributes['dt']),
    [30],
  );
  assert.deepEqual(
    by.events.map(({ attributes }) => attributes['dt']),
    [10, 30],
  );
});

test('a selector that asks an event for what it cannot tell is refused', () => {
  const watcher = new Harness().member('w');
  const { message } = watcher.subscribe({ select: '.level = "memory"' }).made.fails('bad-selector');
  assert.match(message, /an event tells \.event, \.member/u);
  watcher.subscribe({ select: 'a = ' }).made.fails('bad-selector');
});

test('an offer is held until each who is told before has acknowledged; requires are taken', () => {
  const pool = new Harness();
  const brokers = [pool.member('broker[0]'), pool.member('broker[1]')];
  const asked = { kinds: ['offer'], before: true, acknowledge: true, select: 'n = 1' } as const;
  const [one, two] = brokers.map((broker) => broker.subscribe(asked));
  assert.ok(one !== undefined && two !== undefined);
  const producer = pool.member('producer');
  const other = producer.declare('y', { attributes: { n: 2 } }).offer('y');
  other.ok();
  const handle = producer.declare('x', { attributes: { n: 1 } });
  const offer = handle.offer('bytes').waits();
  assert.deepEqual([one.told, two.told], [['offer x'], ['offer x']]);
  assert.equal(one.last.flags, EVENT_FLAG.before);
  assert.equal(one.last.version, 1);
  // Requires are accepted while it is held, and what follows on the handle comes behind it.
  const need = brokers[0]?.require('x');
  const withdrawn = handle.withdraw().waits();
  one.acknowledge().ok();
  offer.waits();
  two.acknowledge().ok();
  offer.ok();
  withdrawn.ok();
  assert.equal(need?.demand().text(), 'bytes');
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('a veto fails the operation with its reason, and changes nothing', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  const contract = guard.subscribe({ kinds: ['offer'], before: true, acknowledge: true });
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  const offer = handle.offer('bytes').waits();
  contract.veto('it has NaN').ok();
  const { fields, message } = offer.fails('vetoed');
  assert.deepEqual(fields, { name: 'x', by: 'guard', reason: 'it has NaN' });
  assert.match(message, /guard has vetoed "x": it has NaN/u);
  assert.equal(producer.stat('x').value()['state'], 'declared');
  // Nothing waits for it any more.
  contract.veto('again').fails('wrong-state');
  const again = handle.offer('better').waits();
  contract.acknowledge().ok();
  again.ok();
});

test('silence is decided as it was declared, at the deadline, and at once when one is gone', () => {
  for (const silence of ['allow', 'deny'] as const) {
    const pool = new Harness();
    const guard = pool.member('guard');
    const asked = { kinds: ['offer'], before: true, acknowledge: true, silence } as const;
    guard.subscribe({ ...asked, deadline: 50 });
    const producer = pool.member('producer');
    const slow = producer.declare('x').offer('x').waits();
    pool.pass(49);
    slow.waits();
    pool.pass(1);
    if (silence === 'allow') slow.ok();
    else assert.match(slow.fails('subscriber-silent').message, /guard did not answer in time/u);
    const dead = producer.declare('y').offer('y').waits();
    pool.crash(guard.client);
    if (silence === 'allow') dead.ok();
    else assert.match(dead.fails('subscriber-silent').message, /: guard is gone, and silence/u);
    producer.declare('z').offer('z').ok();
    assert.equal(pool.pool.waits.used, 0);
  }
});

test('every request that has an event before it can be held, and is answered as without', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  const gate = guard.subscribe({ before: true, acknowledge: true, window: 4_096 });
  const let_go = (): void => {
    for (let left = 100; left > 0 && pool.pool.events.held.size > 0; left--) {
      const { events } = gate;
      const first = events.find(({ seq }) => pool.pool.events.held.has(seq));
      assert.ok(first !== undefined, 'what is held was told');
      gate.acknowledge(first.n).ok();
    }
  };
  const client = pool.client();
  const member = client.join('m');
  member.joined.waits();
  let_go();
  member.joined.welcome();
  const calls = [member.promise('x').made];
  const handle = member.declare('x', { attributes: { a: 1 } });
  calls.push(handle.declared, handle.set({ attributes: { b: 2 } }), handle.seal());
  calls.push(handle.offer('bytes', { keep: true }));
  for (const call of calls) call.waits();
  let_go();
  for (const call of calls) call.ok();
  const consumer = member.declare('x');
  const delivered = consumer.demand();
  delivered.waits();
  let_go();
  assert.equal(delivered.text(), 'bytes');
  // Its number is free at once: nobody has a say in that.
  consumer.dispose().ok();
  const rest = [member.tag('x', { t: 1 }), member.unkeep('x'), member.emit('done')];
  for (const call of rest) call.waits();
  let_go();
  for (const call of rest) call.ok();
  handle.dispose().ok();
  const left = member.leave().waits();
  let_go();
  left.bye();
  const kinds = new Set(gate.told.map((each) => each.split(' ')[0]));
  for (const kind of ['join', 'promise', 'declare', 'seal', 'offer', 'require', 'demand']) {
    assert.ok(kinds.has(kind), kind);
  }
  for (const kind of ['tag', 'withdraw', 'emit', 'leave']) assert.ok(kinds.has(kind));
  assert.ok(!kinds.has('dispose'));
  gate.checkNumbers();
});

test('a crash drops what was held of it, and tells those who were asked', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  const gate = guard.subscribe({ kinds: ['offer'], before: true, acknowledge: true });
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  handle.offer('bytes').waits();
  handle.withdraw().waits();
  pool.crash(producer.client);
  assert.deepEqual(gate.told, ['offer x', 'cancelled']);
  assert.equal(pool.pool.events.operationsHeld, 0);
  gate.acknowledge(1).ok();
  assert.equal(pool.pool.waits.used, 0);
});

test('a request that is held can be cancelled', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  guard.subscribe({ kinds: ['offer'], before: true, acknowledge: true });
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  const offer = handle.offer('bytes').waits();
  const behind = handle.withdraw().waits();
  producer.cancel(behind).ok();
  behind.fails('cancelled');
  producer.cancel(offer).ok();
  offer.fails('cancelled');
  assert.equal(producer.stat('x').value()['state'], 'declared');
});

test('what stands behind a leave that is cancelled waits for all before it, and is asked for', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], before: true, acknowledge: true } as const;
  const guard = pool.member('guard').subscribe(asked);
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  const other = producer.declare('y');
  const offer = handle.offer('bytes').waits();
  const leave = producer.leave().waits();
  const behind = other.offer('bytes').waits();
  producer.cancel(leave).ok();
  leave.fails('cancelled');
  assert.deepEqual(guard.told, ['offer x']);
  guard.acknowledge().ok();
  offer.ok();
  assert.deepEqual(guard.told, ['offer x', 'offer y']);
  behind.waits();
  guard.acknowledge().ok();
  behind.ok();
});

test('no more is in flight than the window lets through; the rest comes with acknowledgements', () => {
  const pool = new Harness();
  const watcher = pool.member('w').subscribe({ kinds: ['offer'], window: 2 });
  const producer = pool.member('p');
  for (let index = 0; index < 5; index++) producer.offer(`x${index}`);
  assert.deepEqual(watcher.told, ['offer x0', 'offer x1']);
  watcher.acknowledge(1).ok();
  assert.equal(watcher.last.name, 'x2');
  watcher.acknowledge(2, 2).ok();
  assert.equal(watcher.events.length, 5);
  // What was acknowledged before is not again.
  watcher.acknowledge(1, 3).ok();
  watcher.checkNumbers();
});

test('one may begin with the oldest event, or with one by its number', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  for (let index = 0; index < 4; index++) producer.offer(`x${index}`);
  const watcher = pool.member('w');
  const start = watcher.subscribe({ kinds: ['offer'], from: 'start' });
  assert.deepEqual(start.told, ['offer x0', 'offer x1', 'offer x2', 'offer x3']);
  const seq = start.events[2]?.seq ?? 0;
  assert.deepEqual(watcher.subscribe({ kinds: ['offer'], from: 'seq', seq }).told, [
    'offer x2',
    'offer x3',
  ]);
  watcher.subscribe({ from: 'seq', seq: 1_000_000 }).made.fails('bad-argument');
});

test('a durable subscription goes on where it stopped; what was not acknowledged comes again', () => {
  const pool = new Harness();
  const producer = pool.member('p');
  const asked = { kinds: ['offer'], name: 'archive' } as const;
  const first = pool.member('archiver');
  const before = first.subscribe(asked);
  producer.offer('x0');
  producer.offer('x1');
  before.acknowledge(1).ok();
  pool.crash(first.client);
  producer.offer('x2');
  const second = pool.member('archiver');
  const after = second.subscribe({ ...asked, from: 'last' });
  assert.deepEqual(after.told, ['offer x1', 'offer x2']);
  assert.deepEqual(
    after.events.map(({ n, flags }) => [n, flags]),
    [
      [2, EVENT_FLAG.again],
      [3, 0],
    ],
  );
  second.subscribe({ ...asked, select: 'a = 1' }).made.fails('bad-argument');
  after.acknowledge(2, 2).ok();
  after.end(true).ok();
  assert.equal(pool.pool.events.subscriptions.size, 0);
});

test('who goes on with a durable subscription asks for the same, also of who is slow or silent', () => {
  const pool = new Harness();
  const one = pool.member('one');
  const two = pool.member('two');
  const refused = (asked: SubscribeOptions, other: RegExp): void => {
    assert.match(two.subscribe(asked).made.fails('bad-argument').message, other);
  };
  const all = { kinds: ['emit'], name: 'all', slow: 'block' } as const;
  one.subscribe(all).made.value();
  for (const slow of ['drop', 'disconnect'] as const) {
    refused({ ...all, slow }, /^Cannot subscribe as "all": it is there, with another "slow"/u);
  }
  two.subscribe({ ...all, silence: 'deny', deadline: 5 }).made.value();
  const guard = { kinds: ['offer'], name: 'guard', before: true, acknowledge: true } as const;
  one.subscribe({ ...guard, deadline: 50 }).made.value();
  refused({ ...guard, deadline: 60 }, /another "answerMs"/u);
  refused({ ...guard, deadline: 50, silence: 'deny' }, /another "silence"/u);
  // Who says nothing of it takes it as it is.
  for (const deadline of [0, 50]) two.subscribe({ ...guard, deadline }).made.value();
});

test('workers share a subscription: each event to one of them, and again when one dies', () => {
  const pool = new Harness();
  const asked = { kinds: ['offer'], name: 'work', window: 2 } as const;
  const workers = [0, 1].map((index) => pool.member(`worker[${index}]`));
  const subscribed = workers.map((worker) => worker.subscribe(asked));
  const producer = pool.member('p');
  for (let index = 0; index < 6; index++) producer.offer(`x${index}`);
  const [one, two] = subscribed;
  assert.ok(one !== undefined && two !== undefined);
  assert.equal(one.events.length + two.events.length, 4);
  assert.deepEqual([one.events.length, two.events.length], [2, 2]);
  const dead = workers[0];
  assert.ok(dead !== undefined);
  const taken = one.told;
  one.acknowledge(one.events[0]?.n).ok();
  pool.crash(dead.client);
  for (let left = 10; left > 0; left--) {
    for (const { n } of two.events) two.acknowledge(n).ok();
  }
  const all = [taken[0], ...two.told].sort();
  assert.deepEqual(
    all,
    [0, 1, 2, 3, 4, 5].map((index) => `offer x${index}`),
  );
});

test('one that is behind what the pool keeps is told how much it has missed, or ends', () => {
  const pool = new Harness({ eventBytesMax: 1 << 20, checked: false });
  const watcher = pool.member('w');
  const drop = watcher.subscribe({ kinds: ['emit'], window: 1 });
  const end = watcher.subscribe({ kinds: ['emit'], window: 1, slow: 'disconnect' });
  const producer = pool.member('p');
  const many = 40_000;
  pool.batch(() => {
    for (let index = 0; index < many; index++) producer.emit('tick', { index });
  });
  drop.acknowledge().ok();
  end.acknowledge().ok();
  assert.deepEqual(drop.told, ['emit tick', 'gap']);
  const { from, to } = drop.last.fields as { from: number; to: number };
  assert.equal(from, (drop.events[0]?.seq ?? 0) + 1);
  assert.ok(to > from && to < many);
  drop.acknowledge().ok();
  assert.equal(drop.last.seq, to + 1);
  drop.checkNumbers();
  assert.deepEqual(end.told, ['emit tick', 'end']);
  assert.equal(end.last.fields['reason'], 'subscriber-slow');
});

test('one whose selector takes too much ends; those behind it are told all the same', () => {
  withLimit('selectorStepsMax', 2_000, () => {
    const pool = new Harness();
    const watcher = pool.member('watcher');
    const greedy = watcher.subscribe({ kinds: ['emit'], select: 'text =~ "(a|b|c)*x"' });
    greedy.made.value();
    const others = ['has text', ''].map((select) => watcher.subscribe({ kinds: ['emit'], select }));
    pool
      .member('m')
      .emit('tick', { text: 'abc'.repeat(3_000) })
      .ok();
    assert.deepEqual(greedy.told, ['end']);
    assert.deepEqual(
      others.map((each) => each.told),
      [['emit tick'], ['emit tick']],
    );
  });
});
