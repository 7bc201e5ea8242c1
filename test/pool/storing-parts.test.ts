// Parts that wait until their bytes are in the store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolState } from '../../src/pool/state.js';
import { storedOfHeld, storesPending } from '../../src/pool/storing.js';
import { restored, saved } from '../core/states.js';
import { Harness, OPTIONS } from './harness.js';
import { KeptStore } from './kept-store.js';
import type { Handle, Member } from './member.js';

const FSYNC = 2;
const STORING = { durability: FSYNC, slabDurability: 1, hasStore: true } as const;
const SAFE = { durability: FSYNC } as const;
const SHAPE = [2, 4] as const;
const space = { dtype: 'uint8', shape: [...SHAPE] } as const;

function begun(): { pool: Harness; store: KeptStore; one: Member; other: Member } {
  const pool = new Harness(STORING);
  const [one, other] = [pool.member('one'), pool.member('other')];
  return { pool, store: new KeptStore(pool), one, other };
}

/** A row of the array, offered from a slab. */
const row = (member: Member, handle: Handle, index: number, text: string, how = {}) =>
  handle.offerPart([[...SHAPE], [index]], member.slice(text), how);

test('a part is acknowledged when its own bytes are safe, and waits for no other part', () => {
  const { pool, store, one, other } = begun();
  const watch = pool.member('watch').subscribe({ kinds: ['offer', 'moved'] });
  const reader = pool.member('reader').require('x');
  const demand = reader.demand().waits();
  const attributes = { step: 6 };
  const first = row(one, one.declare('x', { space, attributes }), 0, 'abcd', SAFE).waits();
  const [asked] = pool.effectsOf('store');
  assert.deepEqual(
    { ...asked, attributes: { ...asked?.attributes } },
    {
      ...{ kind: 'store', ask: 1, name: 'x', version: 1, part: 1 },
      ...{ slab: asked?.slab, offset: asked?.offset, size: 4 },
      space: { ...space, shape: [1, 4], order: 'row', byteOrder: 'little' },
      attributes: { step: 6, '.of-shape': [2, 4], '.region': '0,:' },
    },
  );
  assert.equal(one.stat('x').value()['state'], 'required');
  store.answer();
  first.ok();
  assert.equal(one.stat('x').value()['state'], 'partial');
  assert.equal(one.stat('x').value()['durability'], 'fsync');
  const second = row(other, other.declare('x', { space }), 1, 'efgh', SAFE).waits();
  demand.waits();
  store.answer();
  second.ok();
  demand.delivered();
  assert.deepEqual(watch.told, ['offer x', 'offer x', 'moved x']);
  store.check();
  assert.deepEqual(store.names, ['x#1 1', 'x#2 1']);
  reader.dispose().ok();
  pool.crash(one.client);
  pool.crash(other.client);
  store.check();
  assert.deepEqual(store.names, []);
});

test('when one part is safe all are, whatever is asked for them; a part in a message is by itself', () => {
  const { pool, store, one, other } = begun();
  const handle = one.declare('x', { space });
  handle
    .offerPart(
      [
        [...SHAPE],
        [
          [0, 1],
          [0, 2],
        ],
      ],
      'ab',
      SAFE,
    )
    .ok();
  const second = row(other, other.declare('x'), 1, 'efgh').waits();
  store.answer();
  second.ok();
  // Small ones go with their records.
  handle
    .offerPart(
      [
        [...SHAPE],
        [
          [0, 1],
          [2, 4],
        ],
      ],
      'cd',
    )
    .ok();
  pool.member('reader').demand('x').delivered();
  assert.deepEqual(store.names, ['x#1 1']);
  store.check();
});

test('a part is not safe beside one in memory alone: it is refused, and says whose that is', () => {
  const { store, one, other } = begun();
  const handle = one.declare('x', { space });
  row(one, handle, 0, 'abcd').ok();
  const late = other.declare('x', { space });
  const why = /"x" that durably: one has offered one that is in memory alone/u;
  assert.match(row(other, late, 1, 'efgh', SAFE).fails('no-durable-level').message, why);
  const small = late.offerPart([[...SHAPE], [1]], 'efgh', SAFE);
  assert.match(small.fails('no-durable-level').message, why);
  row(other, late, 1, 'efgh').ok();
  store.check();
  assert.deepEqual(store.names, []);
});

test('one that was begun while a part was stored: in memory alone that is refused, its copy goes', () => {
  const { store, one, other } = begun();
  const safe = row(one, one.declare('x', { space }), 0, 'abcd', SAFE).waits();
  row(other, other.declare('x', { space }), 1, 'efgh').ok();
  store.answer();
  safe.fails('no-durable-level');
  store.check();
  assert.deepEqual(store.names, []);
});

test('what is refused of a part is told as such, before and after it was stored', () => {
  const { pool, store, one, other } = begun();
  const handle = one.declare('x', { space });
  row(one, handle, 0, 'abc', SAFE).fails('size-mismatch');
  row(one, one.declare('y'), 0, 'abcd', SAFE).fails('bad-space');
  const lost = { ...one.slice('abcd'), slab: 7 };
  handle.offerPart([[...SHAPE], [0]], lost, SAFE).fails('bad-lease');
  const full = row(one, handle, 0, 'abcd', SAFE).waits();
  store.answer({ x: 'disk-full' });
  full.fails('disk-full');
  const offers = [one, other].map((member) => {
    return row(member, member.declare('x', { space }), 0, 'abcd', SAFE).waits();
  });
  store.answer();
  offers[0]?.ok();
  offers[1]?.fails('part-overlap');
  row(other, other.declare('x', { space }), 0, 'abcd', SAFE).fails('part-overlap');
  store.check();
  const rows = one.declare('rows', { space: { dtype: 'uint8', shape: [null, 4] } });
  const refused = rows.append(one.slice('abcd'), SAFE).fails('no-durable-level');
  assert.match(refused.message, /rows do not go to the store/u);
  const plain = new Harness({ ...STORING, hasStore: false });
  const member = plain.member('member');
  row(member, member.declare('x', { space }), 0, 'abcd', SAFE).fails('no-durable-level');
  assert.deepEqual(plain.effectsOf('store'), []);
  assert.equal(pool.pool.storing.size, 0);
});

test('a part that is late, cancelled, or whose member dies, leaves nothing in the store', () => {
  for (const how of ['late', 'cancelled', 'crashed'] as const) {
    const { pool, store, one } = begun();
    const part = row(one, one.declare('x', { space }), 0, 'abcd', SAFE).waits();
    if (how === 'crashed') pool.crash(one.client);
    else {
      if (how === 'late') pool.pass(1_000);
      else one.cancel(part).ok();
      part.fails(how === 'late' ? 'deadline-passed' : 'cancelled');
    }
    store.answer();
    store.check();
    assert.deepEqual(store.names, []);
    assert.equal(pool.pool.versions.used, 0);
  }
});

test('another manager asks again for a part; one whose version is over meanwhile is refused', () => {
  const { pool, store, one, other } = begun();
  const handle = one.declare('x', { space });
  const first = row(one, handle, 0, 'abcd', SAFE).waits();
  store.answer();
  first.ok();
  const second = row(other, other.declare('x'), 1, 'efgh').waits();
  assert.ok(pool.twin !== null);
  const twin = pool.twin as { pool: PoolState };
  twin.pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.deepEqual(storesPending(twin.pool), pool.effectsOf('store').slice(1));
  assert.deepEqual(storedOfHeld(twin.pool), []);
  one.delete('x', true).ok();
  store.answer();
  second.fails('bad-space');
  store.check();
  one.ping().ok();
});

test('parts in slabs that are made anew are there; when one is not back all are lost', () => {
  for (const isBack of [true, false]) {
    const { pool, store, one } = begun();
    const handle = one.declare('x', { space });
    for (const index of [0, 1]) {
      const part = row(one, handle, index, 'abcd', { ...SAFE, keep: true });
      store.answer();
      part.ok();
    }
    const { id: _, name: __, hashSeed: ___, ...options } = { ...OPTIONS, ...STORING };
    const slabsLost = [...pool.pool.extents.slabs.keys()];
    const restart = { kind: 'restart', options, slabsLost } as const;
    pool.loop.input(isBack ? { ...restart, restored: [1] } : restart);
    pool.settle();
    store.check();
    assert.equal(store.names.length, isBack ? 2 : 0);
    if (isBack) pool.member('reader').demand('x').delivered();
  }
});
