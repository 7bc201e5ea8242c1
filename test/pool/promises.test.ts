import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';

test('close: a require that only closed promises could have met fails, naming the member', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const promise = writer.promise('x');
  promise.made.ok();
  const silent = reader.require('x');
  const demand = reader.demand('x');
  promise.close().ok();
  const { fields, message } = demand.fails('nobody-will-offer');
  assert.deepEqual(fields, { name: 'x', members: ['writer'], promises: ['x'] });
  assert.match(message, /writer/);
  silent.demand().fails('nobody-will-offer');
  silent.dispose().ok();
  promise.close().fails('unknown-promise');
});

test('a require after the close fails at once; the handle may be disposed', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.promise('step/*', 'glob').close().ok();
  const reader = pool.member('reader');
  const handle = reader.declare('step/7');
  handle.require().fails('nobody-will-offer');
  handle.dispose().ok();
  const { fields } = reader.demand('step/8', { dispose: true }).fails('nobody-will-offer');
  assert.deepEqual(fields['promises'], ['step/*']);
  reader.demand('other/8').waits();
});

test('policy wait: stays open for a producer that is started again', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const promise = writer.promise('x');
  const patient = reader.demand('x', { wait: true });
  const explicit = reader.require('x', {}, true);
  promise.close().ok();
  patient.waits();
  reader.demand('x', { wait: true }).waits();
  writer.leave().bye();
  pool.member('writer').offer('x', 'bytes');
  assert.equal(patient.text(), 'bytes');
  assert.equal(explicit.demand().text(), 'bytes');
});

test('any promise that is open keeps a require waiting, whoever has closed theirs', () => {
  const pool = new Harness();
  const one = pool.member('one');
  const two = pool.member('two');
  const reader = pool.member('reader');
  const closing = one.promise('x');
  const open = two.promise('?', 'glob');
  const call = reader.demand('x');
  closing.close().ok();
  call.waits();
  open.close().ok();
  assert.deepEqual(call.fails('nobody-will-offer').fields['members'], ['one', 'two']);
});

test('what is offered meets a require, whatever is closed', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const promise = writer.promise('x');
  const handle = writer.offer('x', 'bytes');
  const bound = reader.require('x');
  promise.close().ok();
  assert.equal(reader.demand('x').text(), 'bytes');
  handle.withdraw().ok();
  assert.equal(bound.demand().text(), 'bytes', 'bound before');
  reader.demand('x').fails('nobody-will-offer');
});

test('names nobody has promised wait as ever', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  writer.promise('x').close().ok();
  pool.member('reader').demand('y').waits();
});

test('leave closes promises', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.promise('x');
  writer.promise('f/*', 'glob');
  const calls = [reader.demand('x'), reader.demand('f/1'), reader.demand('f/2')];
  writer.leave().bye();
  for (const call of calls) call.fails('nobody-will-offer');
});

test('death closes promises after a grace', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.promise('x');
  const call = reader.demand('x');
  pool.crash(writer.client);
  pool.pass(99);
  call.waits();
  reader.demand('x').waits();
  pool.pass(1);
  assert.deepEqual(call.fails('nobody-will-offer').fields['members'], ['writer']);
});

test('within the grace a member of the same name takes the promise over', () => {
  const pool = new Harness();
  const writer = pool.member('writer[1]');
  const reader = pool.member('reader');
  writer.promise('x');
  writer.promise('f/*', 'glob');
  const calls = [reader.demand('x'), reader.demand('f/1')];
  pool.crash(writer.client);
  pool.pass(50);
  const again = pool.member('writer[1]');
  const promise = again.promise('x');
  again.promise('f/*', 'glob');
  pool.pass(500);
  for (const call of calls) call.waits();
  promise.close().ok();
  calls[0]?.fails('nobody-will-offer');
  again.offer('f/1', 'bytes');
  assert.equal(calls[1]?.text(), 'bytes');
});

test('a closed promise gives way to the same one made again, and requires wait again', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.promise('x').close().ok();
  reader.demand('x').fails('nobody-will-offer');
  const promise = writer.promise('x');
  const call = reader.demand('x').waits();
  promise.close().ok();
  call.fails('nobody-will-offer');
  assert.equal(pool.pool.promises.size, 1);
});

test('the same promise twice is closed twice', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const one = writer.promise('x');
  const two = writer.promise('x');
  const call = pool.member('reader').demand('x');
  one.close().ok();
  call.waits();
  two.close().ok();
  call.fails('nobody-will-offer');
});

test('promises: a number in use, a glob that is none, another session are refused', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const other = pool.member('other');
  writer.promise('x').made.ok();
  const promise = (number: number, kind: number, pattern: string): typeof writer.joined =>
    writer.client.call((w) => {
      const start = w.at;
      w.u32(0);
      w.u32(0x1b);
      w.u32(number);
      w.u32(0);
      w.u8(kind);
      w.text(pattern);
      w.patchU32(start, w.at - start);
    });
  promise(0, 0, 'y').fails('bad-argument');
  assert.equal(promise(7, 1, 'y[z-a]').fails('bad-argument').fields['position'], 2);
  promise(7, 1, '*'.repeat(17)).fails('bad-argument');
  promise(7, 0, '').fails('bad-name');
  promise(7, 0, 'y*').ok();
  other.client
    .call((w) => {
      w.u32(12);
      w.u32(0x1c);
      w.u32(7);
    })
    .fails('unknown-promise');
  other.demand('yes').waits();
});

test('promises have limits: closed ones make room, the oldest first', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  withLimit('promisesMax', 3, () => {
    writer.promise('a').close().ok();
    writer.promise('b').close().ok();
    const open = writer.promise('c');
    writer.promise('d').made.ok();
    reader.demand('a').waits();
    reader.demand('b').fails('nobody-will-offer');
    writer.promise('e').made.ok();
    writer.promise('f').made.fails('promise-limit');
    open.close().ok();
    writer.promise('f').made.ok();
  });
  withLimit('promiseGlobsMax', 1, () => {
    const glob = writer.promise('g*', 'glob');
    writer.promise('h*', 'glob').made.fails('promise-limit');
    glob.close().ok();
    writer.promise('h*', 'glob').made.ok();
  });
});

test('a closed glob fails every require that it alone could have met, and no other', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const even = writer.promise('step/*[02468]', 'glob');
  const all = writer.promise('step/1?', 'glob');
  const calls = Array.from({ length: 30 }, (_, index) => reader.demand(`step/${index}`));
  even.close().ok();
  for (const [index, call] of calls.entries()) {
    if (index % 2 === 0 && (index < 10 || index > 19)) call.fails('nobody-will-offer');
    else call.waits();
  }
  all.close().ok();
  for (const [index, call] of calls.entries()) {
    if (index >= 10 && index <= 19) call.fails('nobody-will-offer');
  }
});
