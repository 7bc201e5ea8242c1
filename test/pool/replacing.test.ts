// Offers in the place of what the pool keeps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness } from './harness.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';
import { Taking } from './taking.js';

const KEPT = { keep: true } as const;
const REPLACING = { keep: true, replace: true } as const;

function before(
  member: Member,
  kind: 'offer' | 'withdraw' | 'delete',
  more: SubscribeOptions = {},
) {
  const one: Subscriber = member.subscribe({
    ...{ kinds: [kind], before: true, acknowledge: true },
    ...more,
  });
  one.made.value();
  return one;
}

const versionOf = (pool: Harness): unknown => pool.member('looks[*]').stat('x').value()['version'];

test('what is kept ends when the new one is let in, in one step', () => {
  const pool = new Harness();
  const all = pool.member('watcher').subscribe({ kinds: ['offer', 'withdraw'] });
  const reader = pool.member('reader').require('x');
  pool.member('one').declare('x').offer('old', KEPT).ok();
  const two = pool.member('two');
  two.declare('x').offer('new', KEPT).fails('already-offered');
  two.declare('x').offer('new', REPLACING).ok();
  assert.equal(versionOf(pool), 2);
  assert.deepEqual(
    all.events.map(({ member, version }) => [member, version]),
    [
      ['one', 1],
      ['two', 1],
      ['two', 2],
    ],
  );
  assert.deepEqual(all.told, ['offer x', 'withdraw x', 'offer x']);
  // Who was promised the former one is served.
  assert.equal(reader.demand().text(), 'old');
  two.declare('y').offer('first', REPLACING).ok();
});

test('one that is refused leaves what is kept', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.declare('x').offer('old', KEPT).ok();
  member
    .declare('x', { space: { shape: [5] } })
    .offer('new', REPLACING)
    .fails('size-mismatch');
  assert.equal(versionOf(pool), 1);
  pool.member('n').declare('z').offer('mine').ok();
  member.declare('z').offer('new', REPLACING).fails('already-offered');
});

test('one may replace a version, and no other', () => {
  const pool = new Harness();
  const member = pool.member('m');
  member.declare('x').offer('one', KEPT).ok();
  member.declare('x').offer('two', { keep: true, replace: 1 }).ok();
  const { message } = member
    .declare('x')
    .offer('again', { keep: true, replace: 1 })
    .fails('already-offered');
  assert.match(message, /^Cannot offer "x"/u);
  assert.equal(versionOf(pool), 2);
  member.unkeep('x').ok();
  member.declare('x').offer('late', { keep: true, replace: 2 }).fails('wrong-state');
});

test('who may refuse is asked of the new one first, then of the end of the old one', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  const offers = before(guard, 'offer', { select: '.version = 2' });
  const withdraws = before(guard, 'withdraw');
  const member = pool.member('m');
  member.declare('x').offer('old', KEPT).ok();
  const one = member.declare('x').offer('new', REPLACING).waits();
  assert.deepEqual([offers.told, withdraws.told], [['offer x'], []]);
  offers.veto('it has NaN');
  one.fails('vetoed');
  assert.equal(versionOf(pool), 1);
  const two = member.declare('x').offer('new', REPLACING).waits();
  offers.acknowledge();
  two.waits();
  assert.deepEqual([withdraws.told, withdraws.last.version], [['withdraw x'], 1]);
  withdraws.veto('it is needed');
  two.fails('vetoed');
  assert.equal(versionOf(pool), 1);
  const three = member.declare('x').offer('new', REPLACING).waits();
  offers.acknowledge();
  withdraws.acknowledge();
  three.ok();
  assert.equal(versionOf(pool), 2);
});

test('one that is to be stored leaves what is kept until it is safe', () => {
  const pool = new Harness({ durability: 2, slabDurability: 1, hasStore: true });
  const member = pool.member('m');
  const stored = (failure: { code: 'disk-full'; message: string } | null): void => {
    const asked = pool.effectsOf('store').at(-1);
    assert.ok(asked !== undefined, 'something is to be stored');
    pool.loop.input({ kind: 'stored', ask: asked.ask, failure });
    pool.settle();
  };
  member.declare('x').offer(member.slice('old bytes'), KEPT).ok();
  const safe = { ...REPLACING, durability: 2 } as const;
  const one = member.declare('x').offer(member.slice('new bytes'), safe).waits();
  stored({ code: 'disk-full', message: 'Cannot store "x": the disk is full' });
  one.fails('disk-full');
  assert.equal(versionOf(pool), 1);
  const two = member.declare('x').offer(member.slice('new bytes'), safe).waits();
  assert.equal(versionOf(pool), 1);
  stored(null);
  two.ok();
  assert.equal(versionOf(pool), 2);
});

test('who let one version go is asked of another that came in its place', () => {
  const pool = new Harness();
  const guard = pool.member('guard');
  const withdraws = before(guard, 'withdraw', { select: '.version = 1' });
  const others = before(guard, 'withdraw', { select: '.version != 1' });
  const one = pool.member('one');
  const two = pool.member('two');
  one.declare('x').offer('one', KEPT).ok();
  const replaces = two.declare('x').offer('new', REPLACING).waits();
  const unkeeps = one.unkeep('x').waits();
  withdraws.acknowledge(1).ok();
  replaces.ok();
  // What the second was asked of has ended: its name has another version now.
  withdraws.acknowledge(2).ok();
  assert.deepEqual([others.told, others.last.version], [['withdraw x'], 2]);
  others.veto('it is new').ok();
  unkeeps.fails('vetoed');
  assert.equal(versionOf(pool), 2);
});

test('who let a version be deleted is asked of another that came in its place', () => {
  const pool = new Harness();
  const deletes = before(pool.member('guard'), 'delete', { select: 'name = "x"' });
  const news = before(pool.member('news'), 'delete', { select: '.version = 2' });
  const one = pool.member('one');
  const two = pool.member('two');
  const old = one.declare('x').offer('old', KEPT);
  old.ok();
  const deleted = two.delete('x').waits();
  one.unkeep('x').ok();
  one.declare('x').offer('new', KEPT).ok();
  deletes.acknowledge().ok();
  deleted.waits();
  assert.deepEqual(
    deletes.events.map(({ version }) => version),
    [1, 2],
  );
  news.veto('it is new').ok();
  deleted.fails('vetoed');
  assert.equal(versionOf(pool), 2);
  // What has ended by itself is let go: nobody is asked of nothing.
  const again = two.delete('x').waits();
  one.unkeep('x').ok();
  one.tag('x', { seen: true }).ok();
  news.acknowledge().ok();
  deletes.acknowledge().ok();
  again.ok();
  assert.equal(deletes.events.length, 3);
});

test('who let a version be deleted is asked of an open one that was created in its place', () => {
  const pool = new Harness();
  const deletes = before(pool.member('guard'), 'delete');
  const one = pool.member('one');
  one.declare('x').offer('old', KEPT).ok();
  const deleted = pool.member('two').delete('x', true).waits();
  one.unkeep('x').ok();
  Taking.create(one, 'x', '--------');
  deletes.acknowledge().ok();
  deleted.waits();
  assert.deepEqual(
    deletes.events.map(({ version }) => version),
    [1, 2],
  );
  deletes.acknowledge().ok();
  deleted.ok();
});

test('who let one version go is asked of another while the new one is written to the store', () => {
  const pool = new Harness({ durability: 2, slabDurability: 1, hasStore: true });
  const withdraws = before(pool.member('guard'), 'withdraw');
  const stored = (): void => {
    const asked = pool.effectsOf('store').at(-1);
    assert.ok(asked !== undefined, 'something is to be stored');
    pool.loop.input({ kind: 'stored', ask: asked.ask, failure: null });
    pool.settle();
  };
  const one = pool.member('one');
  const two = pool.member('two');
  one.declare('x').offer('old', { keep: true, lifetime: 20 }).ok();
  const safe = { ...REPLACING, durability: 2 } as const;
  const replaces = two.declare('x').offer(two.slice('new bytes'), safe).waits();
  withdraws.acknowledge().ok();
  assert.equal(pool.effectsOf('store').length, 1);
  // What it was to replace ends meanwhile, and another is kept.
  pool.pass(20);
  one.declare('x').offer('very new', KEPT).ok();
  stored();
  replaces.waits();
  assert.deepEqual(
    withdraws.events.map(({ version }) => version),
    [1, 2],
  );
  withdraws.acknowledge().ok();
  stored();
  replaces.ok();
  assert.equal(versionOf(pool), 3);
});
