import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Value } from '../../src/core/value.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';

/** What any member can see of a name. */
function seen(member: Member, name: string): { [key: string]: Value } | null {
  const { answer } = member.stat(name);
  return answer?.kind === 'value' ? { ...(answer.value as { [key: string]: Value }) } : null;
}

test('crash: is one step: no other member ever sees a part of it', () => {
  const pool = new Harness();
  const client = pool.client();
  const writer = client.join('writer');
  const helper = client.join('helper');
  const watcher = pool.member('watcher');
  const reader = pool.member('reader');
  writer.offer('own', writer.slice('own'));
  writer.offer('kept', 'kept', { keep: true });
  helper.require('own');
  helper.declare('declared');
  const reading = reader.declare('own').demand();
  const bound = reader.require('own');
  const next = reader.demand('next');
  const looks: { [name: string]: Value | null }[] = [];
  // All that is stepped with the crash sees the pool either before or after it.
  pool.batch(() => {
    pool.loop.input({ kind: 'session-gone', session: client.session, why: 'killed' });
    client.gone = true;
  });
  for (const name of ['own', 'kept', 'declared', 'next']) {
    looks.push({ [name]: seen(watcher, name)?.['state'] ?? null });
  }
  assert.deepEqual(looks, [
    { own: 'declared' },
    { kept: 'offered' },
    { declared: null },
    { next: 'required' },
  ]);
  assert.equal(reading.text(), 'own', 'a reader keeps its view');
  assert.equal(bound.demand().text(), 'own', 'the pool holds the bytes');
  next.waits();
  assert.equal((watcher.members().value() as unknown as Value[]).length, 2);
});

test('crash: requires are retracted, leases end, unoffered handles go, memory is free', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const victim = pool.member('victim');
  const offered = writer.offer('x', writer.slice('bytes'));
  victim.declare('x').demand().delivered();
  victim.require('x');
  victim.demand('never');
  victim.slice('leased and not offered');
  offered.withdraw().ok();
  const { extents } = pool.pool;
  assert.ok(extents.leasedBy(victim.client.session) > 0);
  pool.crash(victim.client);
  assert.equal(extents.bytesFree, extents.bytesTotal);
  assert.equal(pool.pool.requiresOpen, 0);
  assert.equal(pool.pool.waits.used, 0);
  writer.stat('never').fails('unknown-object');
  assert.deepEqual(
    pool.effectsOf('session-ended').map((each) => each.crashed),
    [true],
  );
});

test('crash: requires that nobody has offered for wait on; explain names who declared it', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  const call = reader.demand('x', { deadline: 500 });
  const writer = pool.member('writer[4]');
  writer.declare('x');
  pool.crash(writer.client);
  call.waits();
  const [row] = reader.explain('x').value()['waits'] as { [key: string]: Value }[];
  assert.match(String(row?.['because']), /writer\[4\] declared it last and has crashed/);
  pool.pass(500);
  assert.match(call.fails('deadline-passed').message, /writer\[4\]/);
});

test('who ends its session in order has left, and not crashed, for those who wait', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  reader.demand('x', { deadline: 500 });
  const writer = pool.member('writer[4]');
  writer.declare('x');
  writer.end();
  const [row] = reader.explain('x').value()['waits'] as { [key: string]: Value }[];
  assert.match(String(row?.['because']), /writer\[4\] declared it last and has left/);
});

test('explain names who declared an object last, though its consumer came after that', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const handle = writer.declare('x');
  const reader = pool.member('reader');
  const call = reader.demand('x', { deadline: 500 });
  const because = (): string => {
    const [row] = reader.explain('x').value()['waits'] as { [key: string]: Value }[];
    return String(row?.['because']);
  };
  assert.match(because(), /nobody has promised it; writer declared it last/);
  handle.dispose().ok();
  assert.match(because(), /nobody has promised it/);
  writer.declare('x');
  pool.crash(writer.client);
  assert.match(because(), /writer declared it last and has crashed/);
  pool.pass(500);
  assert.equal(call.fails('deadline-passed').fields['declaredBy'], 'writer');
});

test('crash: every member of the session has crashed, those of others live', () => {
  const pool = new Harness();
  const client = pool.client();
  for (const name of ['a', 'b', 'c']) client.join(name).offer(name, name);
  const other = pool.member('other');
  other.offer('d', 'd');
  pool.crash(client);
  assert.deepEqual(other.list('*').value()['objects'], ['d']);
  for (const name of ['a', 'b', 'c']) pool.member(name).joined.welcome();
});

test('crash: of a session that is gone already, or never was, is nothing', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.end().ok();
  pool.crash(member.client);
  pool.loop.input({ kind: 'session-gone', session: 999, why: 'test' });
  pool.settle();
  assert.equal(pool.effectsOf('session-ended').length, 1);
});

test('crash: what a member had offered can be offered by the one that takes its place', () => {
  const pool = new Harness();
  const first = pool.member('model[0]');
  first.offer('step/1', 'one');
  const reader = pool.member('reader');
  reader.require('step/1');
  const waiting = reader.demand('step/2');
  pool.crash(first.client);
  const second = pool.member('model[0]');
  second.joined.welcome();
  second.offer('step/1', 'one again');
  assert.equal(reader.stat('step/1').value()['version'], 2);
  second.offer('step/2', 'two');
  assert.equal(waiting.text(), 'two');
});

test('messages that were on their way when a session ended are dropped', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const other = pool.member('b');
  pool.batch(() => {
    member.declare('x').offer('bytes', { keep: true });
    member.client.flush();
    pool.loop.input({ kind: 'session-gone', session: member.client.session, why: 'killed' });
    member.declare('y').offer('bytes', { keep: true });
  });
  assert.deepEqual(other.list('*').value()['objects'], ['x'], 'stepped in the order of arrival');
});
