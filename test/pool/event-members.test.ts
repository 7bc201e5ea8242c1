// Whom events name, and who waits for whom by that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as protocol from '../../src/protocol/index.js';
import { Harness } from './harness.js';

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

test('another member of the connection waits, too; who is behind, and who leaves, does not', () => {
  const pool = new Harness({ eventBytesMax: 1 << 18 });
  const watcher = pool.member('w');
  const all = watcher.subscribe({ kinds: ['emit'], window: 1, slow: 'block' });
  const beside = pool.member('p', watcher.client);
  const object = beside.declare('x');
  const large = { text: 'x'.repeat(8_192) };
  const calls = Array.from({ length: 60 }, () => beside.emit('tick', large));
  const waiting = calls.filter(({ answer }) => answer === null).length;
  assert.ok(waiting > 0 && waiting < 60, `${waiting} wait`);
  const offer = object.offer('x').waits();
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
  promise.made.ok();
  tag.fails('unknown-object');
  assert.ok(calls.every(({ answer }) => answer !== null));
  left.bye();
});
