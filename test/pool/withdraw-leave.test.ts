import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';

test('withdraw while requires are bound: they get the old bytes, later ones the next', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const one = writer.offer('x', writer.slice('one'));
  const bound = [reader.require('x'), reader.require('x')];
  one.withdraw().ok();
  const later = reader.demand('x').waits();
  const two = writer.offer('x', writer.slice('two'));
  assert.equal(later.delivered().version, 2);
  for (const handle of bound) {
    const call = handle.demand();
    assert.equal(call.delivered().version, 1);
    assert.equal(call.text(), 'one');
  }
  two.withdraw().ok();
});

test('bytes are freed exactly when no bound require and no reader is left', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  const slice = writer.slice('bytes');
  const freed = (): number => pool.effectsOf('freed').length;
  const offered = writer.offer('x', slice);
  const reading = reader.declare('x');
  const view = reading.demand();
  const bound = reader.require('x');
  offered.withdraw().ok();
  assert.equal(freed(), 0);
  bound.retract().ok();
  assert.equal(freed(), 0, 'one reads it');
  assert.equal(view.text(), 'bytes');
  reading.dispose().ok();
  assert.equal(freed(), 1);
  assert.deepEqual(pool.effectsOf('freed')[0], { kind: 'freed', ...slice, size: 64 });
  assert.notEqual(view.text(), 'bytes', 'what is kept beyond dispose is not what it was');
});

test('bytes are freed at once when nobody needs them, in every order of the last ones', () => {
  for (const order of [
    ['reading', 'bound', 'offer'],
    ['bound', 'offer', 'reading'],
    ['offer', 'reading', 'bound'],
    ['offer', 'bound', 'reading'],
  ] as const) {
    const pool = new Harness();
    const writer = pool.member('writer');
    const reader = pool.member('reader');
    const offered = writer.offer('x', writer.slice('bytes'));
    const reading = reader.declare('x');
    reading.demand().delivered();
    const bound = reader.require('x');
    const end = {
      offer: () => offered.withdraw().ok(),
      reading: () => reading.dispose().ok(),
      bound: () => bound.retract().ok(),
    };
    for (const [index, each] of order.entries()) {
      assert.equal(pool.effectsOf('freed').length, 0, `${order.join()} at ${index}`);
      end[each]();
    }
    assert.equal(pool.effectsOf('freed').length, 1, order.join());
  }
});

test('withdraw: what is not offered is refused, twice is once, another member cannot', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.declare('x');
  handle.withdraw().fails('wrong-state');
  handle.offer('bytes').ok();
  const rival = pool.member('rival').declare('x');
  rival.withdraw().fails('wrong-state');
  handle.withdraw().ok();
  handle.withdraw().ok();
  handle.offer('more').fails('wrong-state');
  rival.offer('more').ok();
  handle.withdraw().ok();
  assert.equal(
    writer.stat('x').value()['version'],
    2,
    'a late withdraw is not of the next version',
  );
});

test('leave: offers of scope member are withdrawn and reported, those of the pool stay', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('own/1', '1');
  writer.offer('own/2', writer.slice('2'));
  writer.offer('kept', '3', { keep: true });
  writer.offer('gone', '4').withdraw().ok();
  writer.declare('declared');
  assert.deepEqual(writer.leave().bye().sort(), ['own/1', 'own/2']);
  const objects = reader.list('*').value()['objects'];
  assert.deepEqual(objects, ['kept']);
});

test('leave: nothing that is required is lost', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', writer.slice('bytes'));
  writer.offer('y', 'inline');
  const handles = [reader.require('x'), reader.require('y')];
  const reading = reader.declare('x').demand();
  writer.leave().bye();
  pool.crash(writer.client);
  assert.equal(reading.text(), 'bytes');
  assert.deepEqual(
    handles.map((handle) => handle.demand().text()),
    ['bytes', 'inline'],
  );
});

test('leave: every request that waits for the member is answered', () => {
  const pool = new Harness();
  const client = pool.client();
  const member = client.join('a');
  const other = client.join('b');
  const demanded = member.require('x').demand();
  const implicit = member.demand('y', { deadline: 0xffff_ffff });
  const stays = other.demand('x');
  member.leave().bye();
  demanded.fails('cancelled');
  implicit.fails('cancelled');
  stays.waits();
  pool.member('writer').offer('x', 'bytes');
  assert.equal(stays.text(), 'bytes');
});

test('leave: its requires are retracted, its reader leases end, its handles go', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const member = pool.member('reader');
  const offered = writer.offer('x', writer.slice('bytes'));
  member.declare('x').demand().delivered();
  member.require('x');
  const handle = member.declare('other');
  offered.withdraw().ok();
  assert.equal(pool.effectsOf('freed').length, 0);
  member.leave().bye();
  assert.equal(pool.effectsOf('freed').length, 1);
  assert.equal(pool.pool.requiresOpen, 0);
  handle.seal().fails('unknown-handle');
  member.leave().fails('not-a-member');
});

test('leave: a member that requires what it offers itself leaves nothing behind', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.offer('x', member.slice('bytes'));
  member.require('x');
  member.declare('x').demand().delivered();
  assert.deepEqual(member.leave().bye(), ['x']);
  assert.equal(pool.pool.objects.used, 0);
  assert.equal(pool.effectsOf('freed').length, 1);
});

test('leave: of a member with very many offers is answered', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const other = pool.member('b');
  const name = 'a name that is not short at all, as names in an archive of fields are: ';
  pool.batch(() => {
    for (let index = 0; index < 60_000; index++) member.declare(name + index).offer('');
  });
  const names = member.leave().bye();
  assert.ok(names.length > 10_000, 'as many are reported as an answer can hold');
  assert.ok(names.every((each) => each.startsWith(name)));
  assert.equal(pool.pool.objects.used, 0);
  other.ping().ok();
});
