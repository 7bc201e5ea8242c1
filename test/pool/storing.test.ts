// Offers that wait until their bytes are in the store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION, VERSION_FLAG } from '../../src/pool/rows.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolState } from '../../src/pool/state.js';
import { storedOfHeld, storesPending } from '../../src/pool/storing.js';
import { restored, saved } from '../core/states.js';
import { Harness, OPTIONS } from './harness.js';
import { KeptStore } from './kept-store.js';

const FSYNC = 2;
const STORING = { durability: FSYNC, slabDurability: 1, hasStore: true } as const;

function answer(
  pool: Harness,
  failure: { code: 'disk-full'; message: string } | null = null,
): void {
  const asked = pool.effectsOf('store').at(-1);
  assert.ok(asked !== undefined, 'something is to be stored');
  pool.loop.input({ kind: 'stored', ask: asked.ask, failure });
  pool.settle();
}

const unstored = (pool: Harness): string[] =>
  pool.effectsOf('unstore').map(({ name, version }) => `${name} ${version}`);

test('an offer takes effect when its bytes are safe; requires and what follows wait for it', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const handle = producer.declare('x', { attributes: { step: 6 } });
  const slice = producer.slice('some bytes');
  const offer = handle.offer(slice, { durability: FSYNC }).waits();
  const withdraw = handle.withdraw().waits();
  const [asked] = pool.effectsOf('store');
  assert.deepEqual(
    { ...asked, attributes: { ...asked?.attributes } },
    {
      ...{ kind: 'store', ask: 1, name: 'x', version: 1, attributes: { step: 6 } },
      ...{ slab: slice.slab, offset: slice.offset, size: slice.size, part: 0 },
      space: { dtype: 'uint8', shape: [10], order: 'row', byteOrder: 'little' },
    },
  );
  const reader = pool.member('reader').require('x');
  const demand = reader.demand().waits();
  // Of others, and of what need not be safe, nobody waits.
  producer.offer('y', producer.slice('other bytes'));
  answer(pool);
  offer.ok();
  withdraw.ok();
  demand.delivered();
  assert.deepEqual(unstored(pool), []);
  reader.dispose();
  assert.deepEqual(unstored(pool), ['x 1']);
});

test('a store without room fails the offer: nothing has happened, and the bytes are the member’s', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  const slice = producer.slice('some bytes');
  const offer = handle.offer(slice, { durability: FSYNC }).waits();
  answer(pool, { code: 'disk-full', message: 'Cannot store "x": full' });
  offer.fails('disk-full');
  assert.equal(producer.stat('x').value()['state'], 'declared');
  const again = handle.offer(slice, { durability: FSYNC }).waits();
  answer(pool);
  again.ok();
  assert.equal(producer.stat('x').value()['durability'], 'fsync');
});

test('what comes to nothing while it is stored is taken out of the store', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const offer = producer.declare('x').offer(producer.slice('x'), { durability: FSYNC }).waits();
  producer.cancel(offer).ok();
  offer.fails('cancelled');
  assert.deepEqual(unstored(pool), ['x 1']);
  // An answer that comes too late is for nobody.
  answer(pool);
  const other = pool.member('other');
  other.declare('y').offer(other.slice('y'), { durability: FSYNC }).waits();
  pool.crash(other.client);
  assert.deepEqual(unstored(pool), ['x 1', 'y 1']);
  assert.equal(pool.pool.storing.size, 0);
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('who was slower is refused, and the copy goes', () => {
  const pool = new Harness(STORING);
  const slow = pool.member('slow');
  const quick = pool.member('quick');
  const late = slow.declare('x').offer(slow.slice('slow'), { durability: FSYNC }).waits();
  quick.offer('x', 'at once');
  answer(pool);
  late.fails('already-offered');
  assert.deepEqual(unstored(pool), ['x 1']);
});

test('two offers of one name: the second is stored when the first came to nothing', () => {
  for (const failing of [{}, { x: 'disk-full' }] as const) {
    const pool = new Harness(STORING);
    const store = new KeptStore(pool);
    const [one, other] = ['one', 'other'].map((name) => pool.member(name));
    assert.ok(one !== undefined && other !== undefined);
    const first = one.declare('x').offer(one.slice('one'), { durability: FSYNC }).waits();
    const second = other.declare('x').offer(other.slice('other'), { durability: FSYNC }).waits();
    const { waits } = one.explain('x').value() as { waits: { because: string }[] };
    assert.deepEqual(
      waits.map(({ because }) => because),
      ['its bytes are written to the store', 'another offer of "x" is written to the store'],
    );
    store.answer(failing);
    if ('x' in failing) {
      first.fails('disk-full');
      store.answer();
      second.ok();
    } else {
      first.ok();
      second.fails('already-offered');
    }
    store.check();
    assert.deepEqual(store.names, ['x 1']);
    const text = 'x' in failing ? 'other' : 'one';
    assert.equal(pool.member('reader').demand('x').text(), text);
  }
});

test('what waits for another offer of its name ends by its deadline, by CANCEL, with its member', () => {
  const pool = new Harness(STORING);
  const store = new KeptStore(pool);
  const first = pool.member('first');
  const offer = first.declare('x').offer(first.slice('first'), { durability: FSYNC }).waits();
  const ending = ['cancelled', 'crashed', 'restored', 'late'].map((name) => {
    const member = pool.member(name);
    const handle = member.declare('x');
    const waits = handle.offer(member.slice(name), { durability: FSYNC }).waits();
    return { member, waits };
  });
  const [cancelled, crashed, goesOn, late] = ending;
  assert.ok(cancelled && crashed && goesOn && late);
  cancelled.member.cancel(cancelled.waits).ok();
  cancelled.waits.fails('cancelled');
  pool.crash(crashed.member.client);
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  pool.pass(1_000);
  offer.fails('deadline-passed');
  // It has its turn, and its time from then on.
  goesOn.waits.waits();
  const { message } = late.waits.fails('deadline-passed');
  assert.equal(message, 'Cannot offer "x": another offer of "x" is written to the store');
  store.answer();
  goesOn.waits.ok();
  store.check();
  assert.deepEqual(store.names, ['x 1']);
  assert.equal(pool.pool.storeWaits.size, 0);
  assert.equal(pool.pool.events.operationsHeld, 0);
});

test('of two that would be the same version the second does not touch the copy of the first', () => {
  for (const ends of ['stored', 'full', 'cancelled', 'crash'] as const) {
    const pool = new Harness(STORING);
    const [first, second, third] = ['first', 'second', 'third'].map((name) => pool.member(name));
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    const reader = pool.member('reader').require('x');
    const [one, two, three] = [first, second, third].map((member) =>
      member.declare('x').offer(member.slice(member.name), { durability: FSYNC }).waits(),
    );
    assert.ok(one !== undefined && two !== undefined && three !== undefined);
    assert.equal(pool.effectsOf('store').length, 1, 'the others have not had their turn');
    const twin = restored(
      saved((w) => savePool(pool.pool, w)),
      restorePool,
    );
    assert.deepEqual(storesPending(twin), pool.effectsOf('store'));
    if (ends === 'cancelled') first.cancel(one).ok();
    else if (ends === 'crash') pool.crash(first.client);
    else answer(pool, ends === 'full' ? { code: 'disk-full', message: 'full' } : null);
    if (ends === 'stored') {
      one.ok();
      two.fails('already-offered');
      three.fails('already-offered');
      assert.deepEqual(unstored(pool), [], 'what was acknowledged stays in the store');
    } else {
      assert.equal(pool.effectsOf('store').length, 2);
      answer(pool);
      two.ok();
      three.fails('already-offered');
      const isAsked = ends !== 'full';
      assert.deepEqual(unstored(pool), isAsked ? ['x 1'] : [], 'before the second is asked');
      const kinds = pool.effects.flatMap(({ kind }) =>
        kind === 'store' || kind === 'unstore' ? [kind] : [],
      );
      assert.deepEqual(kinds, isAsked ? ['store', 'unstore', 'store'] : ['store', 'store']);
    }
    reader.demand().delivered();
    assert.equal(pool.pool.storeWaits.size, 0);
    assert.equal(pool.pool.events.operationsHeld, 0);
  }
});

test('a version that has come and gone meanwhile has had the number: it is stored as the next', () => {
  const pool = new Harness(STORING);
  const slow = pool.member('slow');
  const quick = pool.member('quick');
  const handle = slow.declare('x');
  const late = handle.offer(slow.slice('slow'), { durability: FSYNC }).waits();
  const other = quick.offer('x', 'at once');
  other.withdraw().ok();
  answer(pool);
  late.waits();
  assert.deepEqual(unstored(pool), ['x 1']);
  assert.equal(pool.effectsOf('store').at(-1)?.version, 2);
  answer(pool);
  late.ok();
});

test('another manager asks again for what was not answered, from a snapshot too', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  producer.declare('x').offer(producer.slice('x'), { durability: FSYNC }).waits();
  const [asked] = pool.effectsOf('store');
  assert.deepEqual(storesPending(pool.pool), [asked]);
  const again = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.deepEqual(storesPending(again), [asked]);
});

test('another manager looks anew at what was stored under a number that is taken by now', () => {
  for (const isThere of [true, false]) {
    const pool = new Harness({ ...STORING, deadlineDefaultMs: Number.POSITIVE_INFINITY });
    const slow = pool.member('slow');
    const late = slow.declare('x').offer(slow.slice('slow'), { durability: FSYNC }).waits();
    const other = pool.member('quick').offer('x', 'at once');
    if (!isThere) other.withdraw().ok();
    const { id: _, name: __, hashSeed: ___, ...options } = { ...OPTIONS, ...STORING };
    pool.loop.input({ kind: 'restart', options, slabsLost: [] });
    pool.settle();
    if (isThere) {
      late.fails('already-offered');
      // What has been written of it, perhaps, is not kept.
      assert.deepEqual(unstored(pool), ['x 1']);
      assert.deepEqual(storesPending(pool.pool), []);
      continue;
    }
    late.waits();
    answer(pool);
    assert.equal(pool.effectsOf('store').at(-1)?.version, 2);
    assert.deepEqual(unstored(pool), ['x 1']);
    answer(pool);
    late.ok();
  }
});

test('what is stored and waits for others is restored as stored', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const offer = producer.declare('x').offer(producer.slice('x'), { durability: FSYNC }).waits();
  const broker = pool.member('broker');
  const before = broker.subscribe({ kinds: ['offer'], before: true, acknowledge: true });
  before.made.value();
  answer(pool);
  offer.waits();
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  assert.deepEqual(storesPending(pool.twin.pool), []);
  assert.deepEqual(storedOfHeld(pool.twin.pool), [{ name: 'x', version: 1, part: 0 }]);
  before.acknowledge().ok();
  offer.ok();
  // The twin has come to the same, as is seen with the batch behind it.
  producer.ping().ok();
  assert.equal(pool.effectsOf('store').length, 1);
  assert.equal(pool.twin.pool.events.operationsHeld, 0);
});

test('what is stored and waits for its step is restored as stored', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  producer.queue('q', { maxAhead: 1 }).ok();
  const reader = pool.member('reader');
  const one = reader.subscribe({ kinds: ['offer'], requires: true, window: 9 });
  one.made.value();
  const offers = [1, 2].map((step) => {
    const handle = producer.declare(`x${step}`, { attributes: { step } });
    return handle.offer(producer.slice('x'), { durability: FSYNC }).waits();
  });
  for (const { ask } of pool.effectsOf('store')) {
    pool.loop.input({ kind: 'stored', ask, failure: null });
    pool.settle();
  }
  const [first, second] = offers;
  first?.ok();
  second?.waits();
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  one.acknowledge(1).ok();
  second?.ok();
  producer.ping().ok();
  assert.equal(pool.twin.pool.events.operationsHeld, 0);
});

test('a standing require has what is stored, from a snapshot too, and none of it is deleted', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const reader = pool.member('reader');
  for (const from of ['now', 'snapshot'] as const) {
    const ask = () => reader.subscribe({ kinds: ['offer'], requires: true, from });
    const early = from === 'now' ? ask() : null;
    const offer = producer.declare(from).offer(producer.slice(from), { durability: FSYNC });
    answer(pool);
    offer.ok();
    const one = early ?? ask();
    one.made.value();
    const taken = one.take();
    taken.made.ok();
    assert.equal(taken.demand().text(), from);
    taken.dispose().ok();
  }
  assert.deepEqual(unstored(pool), [], 'it is offered still');
});

test('explain says that an offer is stored; what takes too long ends, and its copy goes', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const slice = producer.slice('x');
  const handle = producer.declare('x');
  const offer = handle.offer(slice, { durability: FSYNC }).waits();
  pool.pass(400);
  const { waits } = producer.explain('x').value() as { waits: { [key: string]: unknown }[] };
  assert.deepEqual(
    waits.map((row) => ({ ...row })),
    [
      {
        ...{ object: 'x', member: 'producer', what: 'held', sinceMs: 400, deadlineMs: 600 },
        ...{ promisedBy: [], because: 'its bytes are written to the store' },
        endsWith: 'the store, its deadline',
      },
    ],
  );
  assert.ok(pool.twin !== null);
  (pool.twin as { pool: PoolState }).pool = restored(
    saved((w) => savePool(pool.pool, w)),
    restorePool,
  );
  pool.pass(600);
  const { message } = offer.fails('deadline-passed');
  assert.equal(message, 'Cannot offer "x": its bytes are written to the store');
  assert.deepEqual(unstored(pool), ['x 1']);
  // An answer that comes too late is for nobody; the bytes are the member's still.
  answer(pool);
  const again = handle.offer(slice, { durability: FSYNC }).waits();
  answer(pool);
  again.ok();
});

test('of a slab that is made anew what came back is there, and all else is lost', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const watching = pool.member('watching').subscribe({ kinds: ['offer', 'moved', 'lost'] });
  const offer = producer.declare('x').offer(producer.slice('safe'), { durability: FSYNC });
  answer(pool);
  offer.ok();
  producer.offer('y', producer.slice('unsafe'));
  const { extents, versions } = pool.pool;
  const [safe] = [...extents.blocks()].filter((block) => extents.ownerOf(block) > 0);
  assert.ok(safe !== undefined && versions.has(extents.ownerOf(safe)));
  const { id: _, name: __, hashSeed: ___, ...options } = { ...OPTIONS, ...STORING };
  const slabsLost = [...extents.slabs.keys()];
  const { stored } = VERSION_FLAG;
  const back = [...extents.blocks()]
    .map((block) => extents.ownerOf(block))
    .filter((owner) => versions.has(owner) && (versions.get(owner, VERSION.flags) & stored) !== 0);
  pool.loop.input({ kind: 'restart', options, slabsLost, restored: back });
  pool.settle();
  assert.deepEqual([...extents.slabs.keys()], slabsLost);
  const told = watching.events.map(({ name, topic }) => `${name} ${topic}`.trim());
  assert.deepEqual(told, ['x', 'x store', 'y', 'x memory', 'y']);
  assert.deepEqual(watching.told.slice(3), ['moved x', 'lost y']);
  const reader = pool.member('reader');
  assert.equal(reader.demand('x').text(), 'safe');
  assert.equal(reader.stat('y').value()['state'], 'declared');
});

test('without a store, or a journal that waits, nothing is held and it is refused', () => {
  for (const options of [
    { ...STORING, hasStore: false },
    { ...STORING, durability: 1 },
  ]) {
    const pool = new Harness(options);
    const producer = pool.member('producer');
    const handle = producer.declare('x');
    handle.offer(producer.slice('x'), { durability: FSYNC }).fails('no-durable-level');
    assert.deepEqual(pool.effectsOf('store'), []);
  }
});

test('bytes that are gone are told as such, and not that the pool could never store them', () => {
  const pool = new Harness(STORING);
  const producer = pool.member('producer');
  const handle = producer.declare('x');
  const slice = producer.slice('some bytes');
  const lost = { ...slice, slab: slice.slab + 7 };
  handle.offer(lost, { durability: FSYNC }).fails('bad-lease');
  assert.deepEqual(pool.effectsOf('store'), []);
  const offer = handle.offer(slice, { durability: FSYNC }).waits();
  answer(pool);
  offer.ok();
});
