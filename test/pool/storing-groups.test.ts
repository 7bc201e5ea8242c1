// Groups that wait until the bytes of all that is in them are in the store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolState } from '../../src/pool/state.js';
import { storedOfHeld, storesPending } from '../../src/pool/storing.js';
import { restored, saved } from '../core/states.js';
import type { Slice } from './call.js';
import { Harness, OPTIONS } from './harness.js';
import { KeptStore } from './kept-store.js';
import type { Handle, Member } from './member.js';

const FSYNC = 2;
const STORING = { durability: FSYNC, slabDurability: 1, hasStore: true } as const;

const members = (producer: Member, names: readonly string[]): (readonly [Handle, Slice])[] =>
  names.map((name) => [producer.declare(name), producer.slice(`bytes of ${name}`)]);

test('a group takes effect when all that is in it is safe, small things by their records', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const producer = pool.member('producer');
  const watch = pool.member('watching').subscribe({ kinds: ['offer', 'moved'] });
  const small = [producer.declare('small'), 'small'] as const;
  const own = producer.declare('step/1');
  const offer = own
    .offerGroup([...members(producer, ['t', 'u']), small], { durability: FSYNC })
    .waits();
  const { waits } = producer.explain('step/1').value() as { waits: { because: string }[] };
  const because = 'bytes of 2 of its objects are written to the store, of 2 in all';
  assert.deepEqual(
    waits.map((row) => row.because),
    [because],
  );
  const ofMember = producer.explain('u').value() as { waits: { because: string }[] };
  assert.equal(ofMember.waits[0]?.because, `it is in "step/1": ${because}`);
  const reader = pool.member('reader').require('u');
  const demand = reader.demand().waits();
  assert.deepEqual(store.answer(), ['t', 'u']);
  offer.ok();
  assert.equal(demand.text(), 'bytes of u');
  assert.deepEqual(watch.told, [
    ...['offer t', 'moved t', 'offer u', 'moved u', 'offer small', 'offer step/1'],
  ]);
  for (const name of ['t', 'u', 'small', 'step/1']) {
    assert.equal(producer.stat(name).value()['durability'], 'fsync', name);
  }
  store.check();
  own.withdraw().ok();
  reader.dispose().ok();
  store.check();
  assert.deepEqual(store.names, []);
});

test('of a group one of which finds no room nothing is offered, and nothing stays in the store', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const producer = pool.member('producer');
  const own = producer.declare('step/1');
  const all = members(producer, ['s', 't', 'u']);
  const first = own.offerGroup(all, { durability: FSYNC }).waits();
  store.answer({ t: 'disk-full' });
  assert.match(first.fails('disk-full').message, /"t"/u);
  assert.deepEqual(store.names, []);
  for (const name of ['s', 't', 'u', 'step/1']) {
    assert.equal(producer.stat(name).value()['state'], 'declared', name);
  }
  const again = own.offerGroup(all, { durability: FSYNC }).waits();
  store.answer();
  again.ok();
  store.check();
  assert.deepEqual(store.names, ['s 1', 't 1', 'u 1']);
});

test('a group that is late, or cancelled, or whose member dies, leaves nothing in the store', () => {
  for (const how of ['late', 'cancelled', 'crashed'] as const) {
    const pool = new Harness(STORING);
    const store = new KeptStore(pool);
    const producer = pool.member('producer');
    const own = producer.declare('step/1');
    const all = members(producer, ['s', 't', 'u']);
    const offer = own.offerGroup(all, { durability: FSYNC }).waits();
    const [{ ask = 0 } = {}] = pool.effectsOf('store');
    pool.loop.input({ kind: 'stored', ask, failure: null });
    pool.settle();
    const left = 'bytes of 2 of its objects are written to the store, of 3 in all';
    if (how === 'late') {
      pool.pass(1_000);
      assert.equal(offer.fails('deadline-passed').message, `Cannot offer "step/1": ${left}`);
    } else if (how === 'cancelled') {
      producer.cancel(offer).ok();
      assert.match(offer.fails('cancelled').message, new RegExp(left, 'u'));
    } else pool.crash(producer.client);
    assert.deepEqual(store.names, []);
    store.answer();
    store.check();
    assert.equal(pool.pool.storing.size, 0);
    assert.equal(pool.pool.storingOf.size, 0);
    assert.equal(pool.pool.versions.used, 0);
  }
});

test('what is refused of a group is told as such, and nothing of it is stored', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const producer = pool.member('producer');
  pool.member('other').offer('u', 'taken');
  const own = producer.declare('step/1');
  const how = { durability: FSYNC };
  own.offerGroup(members(producer, ['t', 'u']), how).fails('already-offered');
  const sized = producer.declare('v', { space: { dtype: 'float64', shape: [2] } });
  own.offerGroup([[sized, producer.slice('x')]], how).fails('size-mismatch');
  sized.offer(producer.slice('x'), how).fails('size-mismatch');
  const lost = { ...producer.slice('x'), slab: 7 };
  own.offerGroup([[producer.declare('w'), lost]], how).fails('bad-lease');
  store.check();
  const plain = new Harness({ ...STORING, hasStore: false });
  const member = plain.member('member');
  const group = member.declare('step/1');
  group.offerGroup(members(member, ['t']), how).fails('no-durable-level');
  assert.deepEqual(plain.effectsOf('store'), []);
});

test('another manager asks again for what of a group was not answered', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const producer = pool.member('producer');
  const own = producer.declare('step/1');
  const offer = own.offerGroup(members(producer, ['s', 't', 'u']), { durability: FSYNC }).waits();
  const [, ...others] = pool.effectsOf('store');
  pool.loop.input({ kind: 'stored', ask: 1, failure: null });
  pool.settle();
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.deepEqual(storesPending(pool.twin.pool), others);
  assert.deepEqual(storedOfHeld(pool.twin.pool), [{ name: 's', version: 1, part: 0 }]);
  store.answer();
  offer.ok();
  producer.ping().ok();
  store.check();
});

test('bytes that go with the memory while they are stored: their member hears of it at once', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const producer = pool.member('producer');
  const group = producer.declare('step/1');
  const all = members(producer, ['s', 't']);
  const offers = [
    group.offerGroup(all, { durability: FSYNC }).waits(),
    producer.declare('x').offer(producer.slice('x'), { durability: FSYNC }).waits(),
  ];
  const { id: _, name: __, hashSeed: ___, ...options } = { ...OPTIONS, ...STORING };
  pool.loop.input({ kind: 'restart', options, slabsLost: [...pool.pool.extents.slabs.keys()] });
  pool.settle();
  for (const offer of offers) offer.fails('bad-lease');
  store.check();
  assert.deepEqual(store.names, []);
});
