import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from '../../src/pool/rows.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import type { PoolOptions } from '../../src/pool/state.js';
import { EVENT, EVENT_FLAG } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { Harness, OPTIONS } from './harness.js';
import { withLimit } from './limits.js';
import type { Member } from './member.js';
import type { SubscribeOptions, Subscriber } from './subscriber.js';

function standing(member: Member, asked: SubscribeOptions = {}): Subscriber {
  const one = member.subscribe({ kinds: ['offer'], requires: true, ...asked });
  one.made.value();
  return one;
}

/** What another manager of the pool begins with. */
function restartOptions(): Omit<PoolOptions, 'id' | 'name' | 'hashSeed'> {
  const { id: _, name: __, hashSeed: ___, ...options } = OPTIONS;
  return options;
}

function slabs({ pool }: Harness): number[] {
  return [...pool.extents.slabs.keys()];
}

/** Takes, reads and disposes a delivery, without acknowledging it. */
function read(one: Subscriber, n: number): string {
  const taken = one.take(n);
  taken.made.ok();
  const text = taken.demand().text();
  taken.dispose().ok();
  return text;
}

test('what matches is required at its offer: withdrawn, its member gone, it is handed over', () => {
  const pool = new Harness();
  const one = standing(pool.member('reader'), { select: 'n < 3' });
  const producer = pool.member('producer');
  for (let n = 1; n <= 3; n++) {
    const handle = producer.offer(`x${n}`, producer.slice(`bytes ${n}`), { attributes: { n } });
    handle.withdraw().ok();
    handle.dispose().ok();
  }
  producer.leave().bye();
  assert.deepEqual(one.told, ['offer x1', 'offer x2']);
  assert.equal(one.last.attributes['n'], 2);
  assert.equal(read(one, 1), 'bytes 1');
  assert.equal(read(one, 1), 'bytes 1');
  assert.equal(read(one, 2), 'bytes 2');
  one.acknowledge(1, 2).ok();
  one.take(1).made.fails('wrong-state');
  assert.equal(pool.pool.versions.used, 0);
  assert.equal(pool.pool.objects.used, 0);
});

test('also what nobody has room for yet, and while the only one of its name is gone', () => {
  const pool = new Harness();
  const first = pool.member('a');
  const asked = { name: 'work', window: 1 } as const;
  const one = standing(first, asked);
  const producer = pool.member('producer');
  const offer = (name: string): void => {
    const handle = producer.offer(name, name);
    handle.withdraw().ok();
    handle.dispose().ok();
  };
  offer('x');
  offer('y');
  assert.deepEqual(one.told, ['offer x']);
  pool.crash(first.client);
  offer('z');
  const other = standing(pool.member('b'), { ...asked, window: 9 });
  assert.deepEqual(other.told, ['offer x', 'offer y', 'offer z']);
  assert.deepEqual(
    other.events.map(({ flags }) => flags & EVENT_FLAG.again),
    [EVENT_FLAG.again, 0, 0],
  );
  assert.equal(read(other, 2), 'y');
  other.acknowledge(1, 3).ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('without a name all goes with its member', () => {
  const pool = new Harness();
  const reader = pool.member('reader');
  standing(reader, { window: 1 });
  const producer = pool.member('producer');
  for (const name of ['x', 'y']) producer.offer(name, producer.slice(name)).withdraw().ok();
  assert.equal(pool.pool.versions.used, 2);
  reader.leave().bye();
  assert.equal(pool.pool.versions.used, 0);
});

test('a snapshot is what is offered when it begins, in the order of the offers', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const handles = ['a', 'b', 'c'].map((name) => producer.offer(name, name));
  handles[0]?.withdraw().ok();
  handles[0]?.dispose().ok();
  handles.push(producer.offer('d', 'd'));
  const one = standing(pool.member('reader'), { from: 'snapshot', window: 2 });
  producer.offer('e', 'e');
  for (const handle of handles.slice(1)) handle.withdraw().ok();
  assert.deepEqual(one.told, ['offer b', 'offer c']);
  one.acknowledge(1, 2).ok();
  assert.deepEqual(one.told, ['offer b', 'offer c', 'offer d', 'offer e']);
  const isSnapshot = one.events.map(({ flags }) => (flags & EVENT_FLAG.snapshot) !== 0);
  assert.deepEqual(isSnapshot, [true, true, true, false]);
  assert.deepEqual(
    one.events.slice(2).map(({ n }) => read(one, n)),
    ['d', 'e'],
  );
});

test('what is withdrawn before a long snapshot has come to it is required all the same', () => {
  withLimit('eventsLookedMax', 2, () => {
    const pool = new Harness();
    // Its frames come before those of the producer.
    const reader = pool.member('reader');
    const producer = pool.member('producer');
    const handles = ['a', 'b', 'c', 'd'].map((name) => producer.offer(name, name));
    let one: Subscriber | null = null;
    pool.batch(() => {
      one = reader.subscribe({ kinds: ['offer'], requires: true, from: 'snapshot' });
      handles[3]?.withdraw();
      handles[2]?.withdraw();
      producer.declare('d').offer('again');
    });
    const told = (one as Subscriber | null)?.told ?? [];
    assert.deepEqual([...told].sort(), ['offer a', 'offer b', 'offer c', 'offer d', 'offer d']);
  });
});

test('what is deleted or lost before a long snapshot has come to it is told once, by name', () => {
  for (const ends of ['object-deleted', 'object-lost'] as const) {
    withLimit('eventsLookedMax', 2, () => {
      const pool = new Harness();
      const reader = pool.member('reader');
      const producer = pool.member('producer');
      for (const name of ['a', 'b', 'c']) producer.offer(name, name, { keep: true });
      producer.offer('d', producer.slice('d'), { keep: true });
      pool.batch(() => {
        reader.subscribe({ kinds: ['offer'], requires: true, from: 'snapshot' });
        reader.client.flush();
        if (ends === 'object-deleted') producer.delete('d', true);
        else
          pool.loop.input({ kind: 'restart', options: restartOptions(), slabsLost: slabs(pool) });
      });
      const events = reader.client.events.get(0) ?? [];
      const lost = events.filter(({ eventKind }) => eventKind === EVENT.lost);
      assert.deepEqual(
        lost.map(({ fields }) => [fields['name'], fields['reason']]),
        [['d', ends]],
      );
      const offers = events.filter(({ eventKind }) => eventKind === EVENT.offer);
      assert.deepEqual(
        offers.map(({ name }) => name),
        ['a', 'b', 'c'],
      );
    });
  }
});

test('an object in parts comes once, at its first part; the demand waits for the rest', () => {
  const pool = new Harness();
  const one = standing(pool.member('reader'));
  const producer = pool.member('producer');
  const space = { dtype: 'uint8', shape: [4] } as const;
  const part = producer.declare('x', { space });
  part.offerPart([[4], [[0, 2]]], 'ab').ok();
  const taken = one.take();
  taken.made.ok();
  const demand = taken.demand().waits();
  const half = one.take(1, { region: [[4], [[0, 2]]] });
  half.made.ok();
  assert.equal(half.demand().parts().length, 1);
  part.offerPart([[4], [[2, 4]]], 'cd').ok();
  assert.equal(demand.parts().length, 2);
  part.withdraw().ok();
  taken.dispose().ok();
  half.dispose().ok();
  assert.deepEqual(one.told, ['offer x']);
  one.acknowledge().ok();
  assert.equal(pool.pool.versions.used, 0);
  one.take(1, { region: [[4], [[0, 2]]] }).made.fails('wrong-state');
});

test('one that ends before it is whole, or has no such region, is refused by name', () => {
  const pool = new Harness();
  const one = standing(pool.member('reader'));
  const producer = pool.member('producer');
  const space = { dtype: 'uint8', shape: [4] } as const;
  const part = producer.declare('x', { space });
  part.offerPart([[4], [[0, 2]]], 'ab').ok();
  one.take(1, { region: [[9], [[0, 9]]] }).made.fails('bad-region');
  part.withdraw().ok();
  assert.equal(one.take().made.fails('parts-missing').fields['missing'], 2);
  const half = one.take(1, { region: [[4], [[0, 2]]] });
  half.made.ok();
  assert.equal(half.demand().parts().length, 1);
  half.dispose().ok();
  one.acknowledge().ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('delete is refused while it is required; by force who is owed it is told', () => {
  const pool = new Harness();
  const one = standing(pool.member('reader'), { window: 1 });
  const producer = pool.member('producer');
  for (const name of ['x', 'y', 'z']) producer.offer(name, name, { keep: true });
  assert.deepEqual(producer.delete('y').fails('object-required').fields['members'], ['reader']);
  producer.delete('x', true).ok();
  producer.delete('y', true).ok();
  one.take(1).made.fails('object-deleted');
  one.acknowledge(1).ok();
  assert.equal(one.last.eventKind, EVENT.lost);
  assert.equal(one.last.fields['reason'], 'object-deleted');
  assert.equal(one.last.fields['name'], 'y');
  one.acknowledge(2).ok();
  assert.equal(read(one, 3), 'z');
  one.acknowledge(3).ok();
  producer.delete('z').ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('what is lost with its memory is told by name, before and after it was delivered', () => {
  const pool = new Harness();
  const one = standing(pool.member('reader'), { window: 2 });
  const producer = pool.member('producer');
  const handles = ['x', 'y', 'z'].map((name) => producer.offer(name, producer.slice(name)));
  const taken = one.take(1);
  taken.made.ok();
  handles[0]?.withdraw().ok();
  const options = restartOptions();
  pool.loop.input({ kind: 'restart', options, slabsLost: slabs(pool) });
  pool.settle();
  assert.equal(pool.pool.extents.slabs.size, 0);
  taken.demand().fails('object-lost');
  assert.equal(one.take(2).made.fails('object-lost').fields['member'], 'producer');
  one.acknowledge(1, 2).ok();
  assert.equal(one.last.eventKind, EVENT.lost);
  assert.equal(one.last.fields['name'], 'z');
  taken.dispose().ok();
  one.acknowledge(3).ok();
  assert.equal(pool.pool.versions.used, 0);
});

test('until complete: all promises of others are closed, and all was acknowledged', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const promise = producer.promise('*', 'glob');
  promise.made.ok();
  const worker = pool.member('worker');
  const own = worker.promise('out/*', 'glob');
  own.made.ok();
  const asked = { untilComplete: true, name: 'work', from: 'snapshot' } as const;
  const one = standing(worker, asked);
  producer.offer('x', 'x', { keep: true });
  promise.close().ok();
  assert.deepEqual(one.told, ['offer x']);
  one.acknowledge().ok();
  assert.deepEqual(one.told, ['offer x', 'end']);
  // Who comes late by the same name has nothing left to do.
  own.close().ok();
  assert.deepEqual(standing(pool.member('late'), asked).told, ['end']);
});

test('one that was complete goes on with what came since, when more is promised', () => {
  const pool = new Harness();
  const producer = pool.member('producer');
  const asked = { untilComplete: true, name: 'work', from: 'snapshot' } as const;
  const one = standing(pool.member('worker'), asked);
  const promise = producer.promise('*', 'glob');
  for (const name of ['a', 'b']) producer.offer(name, name, { keep: true });
  promise.close().ok();
  one.acknowledge(1, 2).ok();
  assert.deepEqual(one.told, ['offer a', 'offer b', 'end']);
  // Nobody may ever come again: until somebody does it keeps nothing.
  producer.offer('c', 'c', { keep: true });
  const gone = producer.offer('gone', 'gone');
  const more = producer.promise('?', 'glob');
  more.made.ok();
  const state = saved((w) => savePool(pool.pool, w));
  assert.equal(
    restored(state, (r) => restorePool(r)).events.byName.get('work')?.standing?.isWanted,
    true,
  );
  gone.withdraw().ok();
  const next = standing(pool.member('next'), asked);
  assert.deepEqual(next.told, ['offer c']);
  assert.equal(next.last.n, 3);
  producer.offer('d', 'd').withdraw().ok();
  assert.deepEqual(next.told, ['offer c', 'offer d'], 'now it requires as it did before');
  more.close().ok();
  next.acknowledge(3, 2).ok();
  assert.deepEqual(next.told, ['offer c', 'offer d', 'end']);
  // One of another name begins with all that is offered; this one has done with it.
  producer.promise('others').made.ok();
  assert.deepEqual(standing(pool.member('last'), { ...asked, name: 'new' }).told, [
    'offer a',
    'offer b',
    'offer c',
  ]);
  assert.deepEqual(standing(pool.member('third'), asked).told, []);
});

test('of too many that were complete the oldest are forgotten when more is promised', () => {
  withLimit('groupsCompleteMax', 2, () => {
    const pool = new Harness();
    const producer = pool.member('producer');
    const promise = producer.promise('x');
    producer.offer('x', 'x', { keep: true });
    promise.close().ok();
    const asked = { untilComplete: true, from: 'snapshot' } as const;
    for (const name of ['first', 'second', 'third']) {
      const one = standing(pool.member(name), { ...asked, name });
      one.acknowledge().ok();
      assert.deepEqual(one.told, ['offer x', 'end']);
    }
    producer.promise('y').made.ok();
    const told = ['first', 'second', 'third'].map((name) => {
      return standing(pool.member(`${name} again`), { ...asked, name }).told;
    });
    assert.deepEqual(told, [['offer x'], [], []]);
  });
});

test('what it keeps is told: by INFO, by explain, by memory that is full', () => {
  const pool = new Harness({ memoryBytesMax: 1 << 20 });
  standing(pool.member('reader'), { window: 1, name: 'work' });
  const producer = pool.member('producer');
  const size = 1 << 19;
  producer
    .offer('x', producer.slice(new Uint8Array(size)))
    .withdraw()
    .ok();
  producer.offer('y', 'y').withdraw().ok();
  const info = producer.info().value();
  const [row] = info['subscriptions'] as { [key: string]: unknown }[];
  assert.deepEqual(
    [row?.['requires'], row?.['pinned'], row?.['pinnedBytes'], row?.['behind']],
    [true, 2, size + 1, 1],
  );
  const told = producer.explain('x').value();
  assert.deepEqual(told['standing'], ['reader']);
  const full = producer.lease(size + 4_096, { deadline: 1 });
  pool.pass(1);
  const { fields, message } = full.fails('memory-full');
  const holders = fields['holders'] as { [key: string]: unknown }[];
  assert.deepEqual(holders[0]?.['waitsFor'], ['reader']);
  assert.match(message, /withdrawn, but not delivered to all, or read yet, by reader/);
});

test('at its limit it ends by name, and lets all go', () => {
  withLimit('pinsMax', 2, () => {
    const pool = new Harness();
    const one = standing(pool.member('reader'), { name: 'work' });
    const producer = pool.member('producer');
    for (const name of ['x', 'y', 'z']) producer.offer(name, name).withdraw().ok();
    assert.deepEqual(one.told, ['offer x', 'offer y', 'end']);
    assert.equal(one.last.fields['reason'], 'subscriber-slow');
    assert.equal(pool.pool.versions.used, 0);
  });
});

test('it is of offers alone, after them, and from what is there', () => {
  const pool = new Harness();
  const member = pool.member('m');
  const refused: readonly SubscribeOptions[] = [
    { kinds: ['offer', 'tag'] },
    { kinds: ['offer'], before: true },
    { kinds: ['offer'], from: 'start' },
    { kinds: ['offer'], slow: 'block' },
  ];
  for (const asked of refused) {
    member.subscribe({ ...asked, requires: true }).made.fails('bad-argument');
  }
  const events = member.subscribe({ kinds: ['offer'], own: true });
  member.offer('x', 'x');
  events.take(1).made.fails('wrong-state');
  assert.equal(pool.pool.versions.get(1, VERSION.pins), 0);
});

test('the rest of what is required in parts may come out of the reserve', () => {
  const size = 1 << 20;
  const pool = new Harness({ memoryBytesMax: 8 * size });
  standing(pool.member('reader'), { window: 1, select: 'step = 1' });
  const producer = pool.member('producer');
  const space = { dtype: 'uint8', shape: [4] } as const;
  const parted = producer.declare('x', { space, attributes: { step: 1 } });
  const other = producer.declare('y', { space });
  for (const handle of [parted, other]) handle.offerPart([[4], [[0, 2]]], 'ab').ok();
  producer.lease(7 * size).grant();
  const waiting = producer.lease(size / 2, { for: other }).waits();
  producer.lease(size / 2, { for: parted }).grant();
  waiting.waits();
});
