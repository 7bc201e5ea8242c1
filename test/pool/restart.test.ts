import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Harness, OPTIONS } from './harness.js';

function restart(pool: Harness, slabsLost: number[], options = {}): void {
  const { id: _, name: __, hashSeed: ___, ...rest } = { ...OPTIONS, ...options };
  pool.loop.input({ kind: 'restart', options: rest, slabsLost });
  pool.settle();
}

test('restart: a pool that was stopped goes on, with other options', () => {
  const pool = new Harness();
  pool.loop.input({ kind: 'drain', graceMs: 0 });
  pool.settle();
  assert.throws(() => pool.client(), { code: 'pool-stopping' });
  restart(pool, [], { deadlineDefaultMs: 77 });
  const member = pool.member('m');
  const demand = member.demand('never');
  pool.pass(76);
  demand.waits();
  pool.pass(1);
  demand.fails('deadline-passed');
});

test('restart: what lay in a slab that is gone is lost: who waits hears it, by name', () => {
  const pool = new Harness();
  const provider = pool.member('provider');
  const reader = pool.member('reader');
  const offered = provider.offer('x', provider.slice('some bytes'));
  const inline = provider.offer('inline', 'stays');
  const required = reader.require('x');
  const slab = [...pool.pool.extents.slabs.keys()];
  restart(pool, slab);
  assert.equal(pool.pool.extents.slabs.size, 0);
  assert.equal(pool.effectsOf('lost').length, 1);
  assert.equal(pool.effectsOf('lost')[0]?.versions, 1);
  const error = required.demand().fails('object-lost');
  assert.equal(error.fields['member'], 'provider');
  assert.equal(error.fields['version'], 1);
  // The provider's handle is as if it had withdrawn; the name is free for the next version.
  offered.withdraw().ok();
  const again = reader.require('x');
  provider.offer('x', 'anew');
  assert.equal(again.demand().text(), 'anew');
  assert.equal(reader.require('inline').demand().text(), 'stays');
  inline.withdraw().ok();
});

test('restart: readers and leases of a lost slab end; memory comes anew', () => {
  const pool = new Harness();
  const provider = pool.member('provider');
  const reader = pool.member('reader');
  provider.offer('x', provider.slice('some bytes'));
  const held = reader.require('x');
  held.demand().text();
  const lease = provider.lease(4_096);
  lease.grant();
  restart(pool, [...pool.pool.extents.slabs.keys()]);
  assert.equal(pool.pool.readerLeases, 0);
  held.dispose().ok();
  provider.lease(4_096).grant();
});

test('without room in the journal nothing new is begun, and all else is done', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const x = member.offer('x', 'bytes');
  const required = member.require('x');
  const declared = member.declare('late');
  pool.loop.hasRoom = false;
  declared.offer('bytes').fails('journal-full');
  member.declare('more').declared.fails('journal-full');
  pool.client().join('n').joined.fails('journal-full');
  assert.equal(required.demand().text(), 'bytes');
  required.dispose().ok();
  x.withdraw().ok();
  pool.loop.hasRoom = true;
  declared.offer('bytes').ok();
});
