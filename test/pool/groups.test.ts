import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolState } from '../../src/pool/state.js';
import { EVENT, MEMBER_NONE, writeUnkeep } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { Harness } from './harness.js';
import type { Handle, Member } from './member.js';

/** A group with what is in it, by names and texts. */
function group(
  member: Member,
  name: string,
  has: { readonly [name: string]: string },
): { readonly own: Handle; readonly members: (readonly [Handle, string])[] } {
  const own = member.declare(name, { attributes: { '.depends-on': Object.keys(has) } });
  const members = Object.entries(has).map(([each, text]) => [member.declare(each), text] as const);
  return { own, members };
}

test('a group is offered as one: who waits for any of it hears when all is there', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const watch = view.subscribe({ kinds: ['offer'] });
  const waits = view.demand('t');
  const whole = view.demand('step/1');
  const { own, members } = group(model, 'step/1', { t: 'warm', u: 'windy' });
  waits.waits();
  own.offerGroup(members).ok();
  assert.equal(waits.text(), 'warm');
  whole.delivered();
  assert.deepEqual(watch.told, ['offer t', 'offer u', 'offer step/1']);
});

test('what a group has stays for who required the group, and as the group has it', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const early = view.require('step/1');
  const { own, members } = group(model, 'step/1', { t: 'one', u: 'two' });
  own.offerGroup(members).ok();
  own.withdraw().ok();
  // The names are free: others are offered by them.
  model.offer('t', 'later');
  assert.equal(pool.pool.versions.used, 4);
  early.demand().delivered();
  const t = view.declare('t');
  t.requireMember(early).ok();
  assert.equal(t.demand().text(), 'one');
  const u = view.declare('u');
  u.requireMember(early).ok();
  early.dispose().ok();
  assert.equal(u.demand().text(), 'two');
  assert.equal(pool.pool.groups.size, 0);
  assert.equal(view.demand('t').text(), 'later');
  const other = view.declare('t');
  other.requireMember(u).fails('wrong-state');
  model.offer('step/2');
  const single = view.require('step/2');
  single.demand().delivered();
  other.requireMember(single).fails('wrong-state');
});

test('a group is offered whole or not at all', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const other = pool.member('other');
  other.offer('u', 'mine');
  const { own, members } = group(model, 'step/1', { t: 'one', u: 'two' });
  const { fields } = own.offerGroup(members).fails('already-offered');
  assert.equal(fields['name'], 'u');
  const sized = model.declare('v', { space: { dtype: 'float64', shape: [2] } });
  own.offerGroup([...members.slice(0, 1), [sized, 'x']]).fails('size-mismatch');
  own.offerGroup([...members.slice(0, 1), ...members.slice(0, 1)]).fails('bad-argument');
  own.offerGroup([[own, 'x']]).fails('bad-argument');
  const second = model.client.join('second');
  own.offerGroup([[second.declare('w'), 'x']]).fails('bad-argument');
  own.withdraw().fails('wrong-state');
  assert.deepEqual([pool.pool.versions.used, pool.pool.bytesInline], [1, 4]);
  own.offerGroup(members.slice(0, 1)).ok();
  assert.equal(other.demand('t').text(), 'one');
  own.offerGroup([]).fails('already-offered');
});

test('slices of a group are leased, and each is offered once', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const { own, members } = group(model, 'g', { a: '', b: '' });
  const slice = model.lease(256).grant();
  const [a, b] = members.map(([handle]) => handle) as [Handle, Handle];
  const half = { ...slice, size: 100 };
  const rest = { ...slice, offset: slice.offset + 128, size: 128 };
  const within = { ...slice, offset: slice.offset + 64, size: 64 };
  own
    .offerGroup([
      [a, half],
      [b, half],
    ])
    .fails('bad-lease');
  own
    .offerGroup([
      [a, half],
      [b, within],
    ])
    .fails('bad-lease');
  own
    .offerGroup([
      [a, within],
      [b, { ...slice, size: 256 }],
    ])
    .fails('bad-lease');
  own
    .offerGroup([
      [a, half],
      [b, rest],
    ])
    .ok();
  assert.equal(pool.pool.groups.size, 1);
  own.withdraw().ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('a group is held as one: a veto of one of it keeps all from being offered', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const guard = pool.member('guard');
  const held = guard.subscribe({
    ...{ kinds: ['offer'], before: true, acknowledge: true },
    select: 'name ~ "t*"',
  });
  const both = guard.subscribe({ kinds: ['offer'], before: true, acknowledge: true });
  const one = group(model, 'step/1', { t1: 'one', t2: 'two', u: 'three' });
  const offer = one.own.offerGroup(one.members).waits();
  assert.deepEqual(held.told, ['offer t1', 'offer t2']);
  assert.deepEqual(both.told, ['offer t1', 'offer t2', 'offer u', 'offer step/1']);
  const twin = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.equal(twin.events.held.size, 4);
  both.acknowledge(1, 4).ok();
  held.acknowledge(1).ok();
  offer.waits();
  const required = guard.require('t1');
  held.veto('it has NaN', 2).ok();
  const { fields, message } = offer.fails('vetoed');
  assert.equal(fields['name'], 't2');
  assert.match(message, /guard has vetoed "t2": it has NaN/u);
  assert.equal(pool.pool.versions.used, 0);
  const again = one.own.offerGroup(one.members).waits();
  both.acknowledge(5, 4).ok();
  held.acknowledge(3, 2).ok();
  again.ok();
  assert.equal(required.demand().text(), 'one');
});

test('what is explained of an object in a group that is held is its own wait, of the group all', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const guard = pool.member('guard');
  guard.subscribe({
    ...{ kinds: ['offer'], before: true, acknowledge: true },
    select: 'name != "u"',
  });
  const one = group(model, 'step/1', { t1: 'one', t2: 'two', u: 'three' });
  const offer = one.own.offerGroup(one.members).waits();
  const held = (name: string): unknown[] => {
    const { waits } = model.explain(name).value() as { waits: { [key: string]: unknown }[] };
    return waits.map(({ object, member, what, because }) => [object, member, what, because]);
  };
  const because = 'its offerGroup waits for guard';
  const waitOf = (name: string) => [name, 'model', 'held', because];
  for (const name of ['t1', 't2']) assert.deepEqual(held(name), [waitOf(name)]);
  assert.deepEqual(held('step/1'), ['t1', 't2', 'step/1'].map(waitOf), 'of the group, all of it');
  assert.deepEqual(held('u'), [], 'nobody is asked of it');
  const { waits } = model.explainWaits().value() as { waits: { object: string }[] };
  assert.deepEqual(
    waits.map(({ object }) => object),
    ['t1', 't2', 'step/1'],
  );
  offer.waits();
});

test('silence about one of a group is decided as was declared; a crash takes it back', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const guard = pool.member('guard');
  const held = guard.subscribe({
    ...{ kinds: ['offer'], before: true, acknowledge: true },
    ...{ silence: 'deny', deadline: 50, select: 'name = "b"' },
  });
  const one = group(model, 'g', { a: '1', b: '2' });
  const offer = one.own.offerGroup(one.members).waits();
  pool.pass(50);
  offer.fails('subscriber-silent');
  one.own.offerGroup(one.members).waits();
  pool.crash(model.client);
  assert.equal(held.last.eventKind, EVENT.cancelled);
  assert.deepEqual([pool.pool.versions.used, pool.pool.events.held.size], [0, 0]);
});

test('a group that is withdrawn is held as one, too', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const guard = pool.member('guard');
  const one = group(model, 'g', { a: '1', b: '2' });
  one.own.offerGroup(one.members).ok();
  const keeps = guard.subscribe({
    ...{ kinds: ['withdraw'], before: true, acknowledge: true },
    select: 'name = "b"',
  });
  const withdrawn = one.own.withdraw().waits();
  assert.equal(guard.demand('a').text(), '1');
  keeps.veto('I read it').ok();
  assert.equal(withdrawn.fails('vetoed').fields['name'], 'b');
  assert.equal(guard.demand('b').text(), '2');
});

test('a kept group that is withdrawn by its name, or replaced, is held as one, too', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const guard = pool.member('guard');
  const one = group(model, 'g', { a: '1', b: '2' });
  one.own.offerGroup(one.members, { keep: true }).ok();
  const asked = { kinds: ['withdraw'], before: true, acknowledge: true } as const;
  const all = guard.subscribe({ ...asked, select: 'name != "b"' });
  const keeps = guard.subscribe({ ...asked, select: 'name = "b"' });
  const { client } = model;
  const ends = [
    () => model.unkeep('g'),
    () => client.call((w) => writeUnkeep(w, 'g', MEMBER_NONE, 0)),
    () => pool.member('other[*]').declare('g').offer('new', { keep: true, replace: true }),
  ];
  for (const [index, end] of ends.entries()) {
    const ended = end().waits();
    assert.deepEqual(all.told.slice(2 * index), ['withdraw a', 'withdraw g']);
    assert.equal(keeps.told.length, index + 1);
    all.acknowledge(2 * index + 1, 2).ok();
    ended.waits();
    keeps.veto('I read it').ok();
    assert.equal(ended.fails('vetoed').fields['name'], 'b');
    assert.equal(guard.demand('b').text(), '2');
  }
  const last = model.unkeep('g').waits();
  all.acknowledge(7, 2).ok();
  keeps.acknowledge().ok();
  last.ok();
  // Of what is refused as it is nobody is asked.
  model.unkeep('g').fails('wrong-state');
  const mine = group(model, 'h', { c: '3' });
  mine.own.offerGroup(mine.members).ok();
  model.unkeep('h').fails('wrong-state');
});

test('leave and crash end a group with all that it has, and tell each name', () => {
  const pool = new Harness();
  const view = pool.member('view');
  const waits = view.require('g');
  const model = pool.member('model');
  const one = group(model, 'g', { a: '1', b: '2' });
  one.own.offerGroup(one.members).ok();
  assert.deepEqual(model.leave().bye().sort(), ['a', 'b', 'g']);
  waits.demand().delivered();
  const a = view.declare('a');
  a.requireMember(waits).ok();
  assert.equal(a.demand().text(), '1');
  pool.crash(view.client);
  assert.equal(pool.pool.versions.used, 0);
});

test('what is kept goes with its group: by its name, its lifetime, a selector, by force', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const offer = (options: { lifetime?: number } = {}): void => {
    const one = group(model, 'g', { a: '1', b: '2' });
    one.own.offerGroup(one.members, { keep: true, ...options }).ok();
    for (const [handle] of one.members) handle.dispose().ok();
    one.own.dispose().ok();
  };
  offer();
  model.delete('a').fails('object-depended-on');
  model.unkeep('g').ok();
  assert.equal(pool.pool.objects.used, 0);
  offer({ lifetime: 20 });
  pool.pass(20);
  assert.equal(pool.pool.objects.used, 0);
  offer();
  const ended = model.endSelected('', 'unkeep').value();
  assert.deepEqual([ended['selected'], ended['refused']], [3, []]);
  assert.equal(pool.pool.objects.used, 0);
  offer();
  const group2 = model.require('g');
  model.delete('a', true).ok();
  group2.demand().delivered();
  const a = model.declare('a');
  a.requireMember(group2).ok();
  assert.equal(a.demand().text(), '1');
});

test('a group whose memory is lost is lost as a whole', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const view = pool.member('view');
  const required = view.require('g');
  const one = group(model, 'g', { a: '', b: 'small' });
  const slice = model.lease(256).grant();
  const [a, b] = one.members.map(([handle]) => handle) as [Handle, Handle];
  one.own
    .offerGroup([
      [a, slice],
      [b, 'small'],
    ])
    .ok();
  one.own.withdraw().ok();
  const { options } = pool.pool;
  pool.loop.input({ kind: 'restart', options, slabsLost: [slice.slab] });
  pool.settle();
  required.demand().fails('object-lost');
  assert.deepEqual([pool.pool.groups.size, pool.pool.versions.used], [0, 0]);
});

test('a group that was offered is in a snapshot with what it has', () => {
  const pool = new Harness();
  const model = pool.member('model');
  const one = group(model, 'g', { a: '1', b: '2' });
  one.own.offerGroup(one.members).ok();
  const bytes = saved((w) => savePool(pool.pool, w));
  const again = restored(bytes, restorePool);
  assert.deepEqual(
    [...again.groups].map(([id, has]) => [id, [...has]]),
    [...pool.pool.groups].map(([id, has]) => [id, [...has]]),
  );
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    bytes,
  );
});

test('what is asked of one that is in a group that is held stands behind the group', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const asked = { kinds: ['offer'], before: true, acknowledge: true } as const;
  const broker = pool.member('broker').subscribe(asked);
  const [own, t, u, v] = ['g', 't', 'u', 'v'].map((name) => producer.declare(name));
  assert.ok(own !== undefined && t !== undefined && u !== undefined && v !== undefined);
  const group = own.offerGroup([
    [t, 't'],
    [u, 'u'],
  ]);
  group.waits();
  const dispose = t.dispose().waits();
  v.seal().ok();
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  for (const { n } of broker.events) broker.acknowledge(n).ok();
  group.ok();
  dispose.fails('wrong-state');
  assert.equal(producer.stat('g').value()['state'], 'offered');
  producer.ping().ok();
});

test('a group stands behind what is held of each that is in it, until all of that is done', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const asked = { kinds: ['seal', 'offer'], before: true, acknowledge: true } as const;
  const broker = pool.member('broker').subscribe(asked);
  const [own, t, u] = ['g', 't', 'u'].map((name) => producer.declare(name));
  assert.ok(own !== undefined && t !== undefined && u !== undefined);
  const seals = [t.seal().waits(), u.seal().waits()];
  const group = own.offerGroup([
    [t, 't'],
    [u, 'u'],
  ]);
  const behind = own.dispose().waits();
  broker.acknowledge(1).ok();
  seals[0]?.ok();
  assert.deepEqual(broker.told, ['seal t', 'seal u']);
  broker.acknowledge(2).ok();
  assert.deepEqual(broker.told.slice(2), ['offer t', 'offer u', 'offer g']);
  group.waits();
  for (const { n } of broker.events.slice(2)) broker.acknowledge(n).ok();
  group.ok();
  behind.fails('wrong-state');
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('a group that is cancelled before its turn lets go what stands behind it', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const asked = { kinds: ['seal'], before: true, acknowledge: true } as const;
  const broker = pool.member('broker').subscribe(asked);
  const [own, t, u] = ['g', 't', 'u'].map((name) => producer.declare(name));
  assert.ok(own !== undefined && t !== undefined && u !== undefined);
  const seal = t.seal().waits();
  const group = own.offerGroup([
    [t, 't'],
    [u, 'u'],
  ]);
  const others = [u.dispose().waits(), own.dispose().waits()];
  const last = t.dispose().waits();
  const leave = producer.leave().waits();
  producer.cancel(group).ok();
  group.fails('cancelled');
  for (const each of others) each.ok();
  last.waits();
  broker.acknowledge(1).ok();
  seal.ok();
  last.ok();
  leave.bye();
  assert.equal(pool.pool.events.operationsHeld, 0);
});
