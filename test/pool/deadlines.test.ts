import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDLESS, LIMITS } from '../../src/core/limits.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import { random } from './random.js';

test('a deadline of 0 is the default of the pool, one of 2^32 - 1 never passes', () => {
  const pool = new Harness({ deadlineDefaultMs: 700 });
  const reader = pool.member('reader');
  const byDefault = reader.demand('x', { deadline: 0 });
  const endless = reader.demand('x', { deadline: ENDLESS });
  const long = reader.demand('x', { deadline: ENDLESS - 1 });
  pool.pass(699);
  byDefault.waits();
  pool.pass(1);
  byDefault.fails('deadline-passed');
  pool.pass(2 ** 32 - 2 - 700 - 1);
  long.waits();
  pool.pass(1);
  long.fails('deadline-passed');
  pool.pass(2 ** 40);
  endless.waits();
});

test('deadline-passed says for whom it waited, and how long', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const closed = pool.member('closed');
  writer.promise('x');
  closed.promise('x').close().ok();
  const call = pool.member('reader').demand('x', { deadline: 250 });
  pool.pass(250);
  const { fields, message } = call.fails('deadline-passed');
  assert.deepEqual(fields, {
    name: 'x',
    waitedMs: 250,
    promisedBy: ['writer'],
    closedBy: ['closed'],
    declaredBy: '',
  });
  assert.match(message, /not offered within 250 ms; writer promised it/);
  const { answer } = call;
  assert.ok(answer?.kind === 'fail' && answer.retryable);
});

test('a deadline that is noticed late is told as it was asked for', () => {
  const pool = new Harness({ deadlineDefaultMs: 700 });
  const reader = pool.member('reader');
  const asked = reader.demand('x', { deadline: 250 });
  const byDefault = reader.demand('x', { deadline: 0 });
  pool.pass(900);
  const { fields, message } = asked.fails('deadline-passed');
  assert.match(message, /not offered within 250 ms/);
  assert.equal(fields['waitedMs'], 900);
  assert.match(byDefault.fails('deadline-passed').message, /not offered within 700 ms/);
});

test('deadlines end in their order, whatever order they were asked in', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const pool = new Harness();
    const reader = pool.member('reader');
    const dice = random(seed);
    const waits = Array.from({ length: 300 }, () => {
      const deadline = 1 + dice(100);
      return { deadline, call: reader.demand('x', { deadline }) };
    });
    const gone = new Set(waits.filter(() => dice(4) === 0));
    for (const { call } of gone) reader.cancel(call).ok();
    reader.client.order.length = 0;
    pool.pass(200);
    const ended = reader.client.order.map(
      (number) => waits.find(({ call }) => call.number === number)?.deadline ?? -1,
    );
    assert.equal(ended.length, 300 - gone.size);
    assert.deepEqual(
      ended,
      [...ended].sort((left, right) => left - right),
      `seed ${seed}`,
    );
  }
});

test('a deadline that passes at the moment of the offer has passed', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const writer = pool.member('writer');
  const call = reader.demand('x', { deadline: 50 });
  const longer = reader.demand('x', { deadline: 51 });
  pool.now += 50;
  writer.offer('x', 'bytes');
  call.fails('deadline-passed');
  assert.equal(longer.text(), 'bytes');
});

test('a require announced by itself outlives the deadline of its demand; another does not', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const explicit = reader.require('x');
  const implicit = reader.declare('x');
  const calls = [explicit.demand({ deadline: 10 }), implicit.demand({ deadline: 10 })];
  pool.pass(10);
  for (const call of calls) call.fails('deadline-passed');
  assert.equal(pool.pool.requiresOpen, 1);
  implicit.demand().fails('wrong-state');
  implicit.dispose().ok();
  const again = explicit.demand().waits();
  pool.member('writer').offer('x', 'bytes');
  assert.equal(again.text(), 'bytes');
});

test('CANCEL: the request is answered with cancelled, once; what has ended stays as it is', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const explicit = reader.require('x');
  const call = explicit.demand();
  reader.cancel(call).ok();
  call.fails('cancelled');
  reader.cancel(call).ok();
  const second = explicit.demand();
  pool.member('writer').offer('x', 'bytes');
  assert.equal(second.text(), 'bytes');
  reader.cancel(second).ok();
  assert.equal(second.text(), 'bytes');
});

test('CANCEL and what it cancels: whichever ends it first, one answer, in one frame too', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const calls: Call[] = [];
  pool.batch(() => {
    const call = reader.demand('x');
    calls.push(call, reader.cancel(call));
  });
  calls[0]?.fails('cancelled');
  calls[1]?.ok();
  const due = reader.demand('y', { deadline: 5 });
  pool.now += 5;
  const late = reader.cancel(due);
  due.fails('deadline-passed');
  late.ok();
});

test('CANCEL of a request of another session, of the future, or of none, is nothing', () => {
  const pool = new Harness();
  const one = pool.member('one');
  const two = pool.member('two');
  for (let index = 0; index < 5; index++) two.ping();
  const call = one.demand('x');
  two.cancel(call).ok();
  two.client.call((w) => {
    w.u32(16);
    w.u32(0x06);
    w.u64(2 ** 53 - 1);
  });
  two.client
    .call((w) => {
      w.u32(16);
      w.u32(0x06);
      w.u64(0);
    })
    .ok();
  call.waits();
});

test('CANCEL of a lease that waits; others behind it are served', () => {
  const pool = new Harness();
  const holder = pool.member('holder');
  const first = pool.member('first');
  const second = pool.member('second');
  const held = holder.lease(800 << 10).grant();
  const large = first.lease(500 << 10);
  const small = second.lease(50 << 10);
  large.waits();
  small.waits();
  first.cancel(large).ok();
  large.fails('cancelled');
  assert.equal(small.grant().size, 50 << 10);
  holder.giveBack(held).ok();
});

test('a lease whose deadline passes says who holds the memory; others behind it are served', () => {
  const pool = new Harness();
  const holder = pool.member('holder');
  const first = pool.member('first');
  const second = pool.member('second');
  holder.lease(800 << 10).grant();
  const large = first.lease(500 << 10, { deadline: 20 });
  const small = second.lease(50 << 10, { deadline: 60 });
  pool.pass(20);
  const { fields } = large.fails('memory-full');
  assert.equal(fields['waitedMs'], 20);
  assert.equal(fields['size'], 500 << 10);
  const [row] = fields['holders'] as { [key: string]: unknown }[];
  assert.deepEqual(row?.['members'], ['holder']);
  assert.equal(row?.['bytes'], 800 << 10);
  assert.equal(small.grant().size, 50 << 10);
});

test('the end of a session whose lease waits serves those behind it', () => {
  const pool = new Harness();
  const holder = pool.member('holder');
  const first = pool.member('first');
  const second = pool.member('second');
  holder.lease(800 << 10).grant();
  first.lease(500 << 10).waits();
  const small = second.lease(50 << 10).waits();
  pool.crash(first.client);
  assert.equal(small.grant().size, 50 << 10);
});

test('time that passes in one step or in many ends the same', () => {
  const ends = (steps: number[]): string[] => {
    const pool = new Harness();
    const reader = pool.member('reader');
    const writer = pool.member('writer');
    writer.promise('p');
    const calls = [10, 20, 30].map((deadline) => reader.demand('x', { deadline }));
    calls.push(reader.demand('p', { deadline: ENDLESS }));
    writer.offer('kept', null, { keep: true, lifetime: 15 });
    pool.crash(writer.client);
    for (const ms of steps) pool.pass(ms);
    calls.push(reader.stat('kept'));
    return calls.map(({ answer }) =>
      answer?.kind === 'fail' ? answer.code : String(answer?.kind),
    );
  };
  assert.deepEqual(ends([1_000]), ends(Array.from({ length: 1_000 }, () => 1)));
});

test('of very many deadlines that pass in one moment some end at a time', () => {
  const pool = new Harness({ checked: false });
  const a = pool.member('a');
  const count = 2 * LIMITS.turnDeadlinesMax + 10;
  const demands: Call[] = [];
  pool.batch(() => {
    for (let at = 0; at < count; at++) demands.push(a.demand(`x/${at}`, { deadline: 100 }));
  });
  const ended = (): number => demands.filter(({ answer }) => answer !== null).length;
  const turn = (): number => {
    const before = ended();
    const { frames } = pool.loop.release(pool.loop.step(pool.now));
    for (const { session, bytes } of frames) pool.clients.get(session)?.take(bytes);
    return ended() - before;
  };
  pool.now += 99;
  assert.equal(turn(), 0);
  pool.now += 1;
  assert.equal(turn(), LIMITS.turnDeadlinesMax);
  assert.ok(pool.loop.isDue(pool.now), 'the rest is due');
  assert.equal(turn(), LIMITS.turnDeadlinesMax);
  assert.equal(turn(), 10);
  assert.ok(!pool.loop.isDue(pool.now));
  for (const demand of demands) demand.fails('deadline-passed');
});
