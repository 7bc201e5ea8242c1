// Whom events name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as protocol from '../../src/protocol/index.js';
import { Harness } from './harness.js';
import { Subscriber } from './subscriber.js';

test('who tags, deletes and withdraws is named, and is not told of it', () => {
  const pool = new Harness();
  const kinds = ['tag', 'delete', 'withdraw'] as const;
  const all = pool.member('w').subscribe({ kinds });
  const one = pool.member('one');
  const own = one.subscribe({ kinds });
  const keeper = pool.member('keeper');
  for (const name of ['x', 'y', 'z']) keeper.declare(name).offer(name, { keep: true }).ok();
  one.tag('x', { seen: true }).ok();
  one.tagSelected('name = "y"', { seen: true });
  one.define('collection', 'c', {}).ok();
  one.gather('name = "x"', '.collections', 'c');
  one.unkeep('x').ok();
  one.delete('y').ok();
  one.endSelected('name = "z"', 'unkeep');
  const told = ['tag x', 'tag y', 'tag x', 'withdraw x', 'delete y', 'withdraw y', 'withdraw z'];
  assert.deepEqual(all.told, told);
  assert.deepEqual(new Set(all.events.map(({ member }) => member)), new Set(['one']));
  assert.deepEqual(own.told, []);
  // A guard is not asked of what it does itself.
  const guard = one.subscribe({ kinds, before: true, acknowledge: true });
  guard.made.value();
  one.tag('x', { seen: false }).ok();
  const other = keeper.tag('x', { seen: true }).waits();
  assert.equal(guard.last.member, 'keeper');
  guard.acknowledge();
  other.ok();
});

test('a change that a program asks for which is no member names nobody', () => {
  const pool = new Harness();
  const all = pool.member('w').subscribe({ kinds: ['tag', 'delete'] });
  const { client } = pool.member('m');
  pool.member('keeper').offer('x');
  client.call((w) => protocol.writeTag(w, 'x', protocol.MEMBER_NONE, [], [])).ok();
  client.call((w) => protocol.writeTag(w, 'x', 77, [], [])).fails('not-a-member');
  client.call((w) => protocol.writeDelete(w, 'x', 77, false)).fails('not-a-member');
  client.call((w) => protocol.writeUnkeep(w, 'x', 77, 0)).fails('not-a-member');
  client.call((w) => protocol.writeDelete(w, 'x', protocol.MEMBER_NONE, false)).ok();
  assert.deepEqual(
    all.events.map(({ member }) => member),
    ['', ''],
  );
});

test('a number that is free again is whose who took it then', () => {
  const pool = new Harness();
  const one = pool.member('one');
  const two = pool.member('two', one.client);
  const other = pool.member('other');
  const promise = other.promise('x');
  const all = new Subscriber(one, { kinds: ['offer'], untilComplete: true }, 7);
  all.made.value();
  promise.close().ok();
  assert.deepEqual(all.told, ['end']);
  const mine = new Subscriber(two, { kinds: ['offer'] }, 7);
  mine.made.value();
  one.leave().bye();
  other.offer('y');
  assert.deepEqual(mine.told.slice(-1), ['offer y']);
});

test('what a handle does not say itself is told of the object as it is then', () => {
  const pool = new Harness();
  const kinds = ['declare', 'require', 'demand', 'retract', 'dispose', 'seal', 'offer'] as const;
  const watcher = pool.member('w').subscribe({ kinds: [...kinds], select: '.member = "reader"' });
  const guard = pool.member('guard').subscribe({
    ...{ kinds: ['declare'], before: true, acknowledge: true },
    select: 'param = "t" and .dtype = "uint8" and .member = "reader"',
  });
  const producer = pool.member('p');
  const said = { space: { dtype: 'uint8' }, attributes: { param: 't' } } as const;
  producer.declare('x', said).offer('x').ok();
  producer.tag('x', { seen: true }).ok();
  const reader = pool.member('reader');
  const one = reader.declare('x');
  one.declared.waits();
  guard.acknowledge().ok();
  one.declared.ok();
  one.demand();
  one.dispose().ok();
  const two = reader.declare('x');
  guard.acknowledge().ok();
  two.require();
  two.retract().ok();
  two.dispose().ok();
  const all = ['declare', 'require', 'demand', 'dispose'];
  assert.deepEqual(
    watcher.told,
    [...all, 'declare', 'require', 'retract', 'dispose'].map((kind) => `${kind} x`),
  );
  for (const { attributes } of watcher.events) {
    assert.deepEqual({ ...attributes }, { param: 't', seen: true });
  }
  // What it says itself is what it offers, and it alone.
  const own = reader.declare('x', { attributes: { mine: 1 } });
  own.declared.ok();
  assert.deepEqual({ ...watcher.last.attributes }, { mine: 1, seen: true });
  const bare = reader.declare('x');
  guard.acknowledge().ok();
  bare.seal().ok();
  assert.deepEqual({ ...watcher.last.attributes }, { seen: true });
});
