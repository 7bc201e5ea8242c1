import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { restored, saved } from '../core/states.js';
import { Harness } from './harness.js';
import { withLimit } from './limits.js';
import type { Member } from './member.js';

const KiB = 1_024;
const TEXT = 'x'.repeat(KiB);

/** Emits so many events of a KiB each, from `first` on. */
function tick(producer: Member, count: number, first = 0): void {
  for (let index = first; index < first + count; index++) {
    producer.emit('tick', { index, text: TEXT }).ok();
  }
}

test('who does not read is told no more than one may owe, of however many subscriptions', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness();
    const watcher = pool.member('w');
    const all = Array.from({ length: 20 }, () =>
      watcher.subscribe({ kinds: ['emit'], window: 4_096 }),
    );
    const other = pool.member('o').subscribe({ kinds: ['emit'], window: 4_096 });
    const producer = pool.member('p');
    watcher.client.stop();
    tick(producer, 100);
    assert.ok(watcher.client.bytesUnread > 60 * KiB, 'it was told what it may owe');
    assert.ok(watcher.client.bytesUnread < 70 * KiB, `${watcher.client.bytesUnread} bytes`);
    assert.equal(other.events.length, 100, 'others are told all the same');
    watcher.client.goOn();
    for (const each of all) {
      assert.deepEqual(
        each.events.map(({ attributes }) => attributes['index']),
        Array.from({ length: 100 }, (_, index) => index),
      );
      each.checkNumbers();
    }
  });
});

test('one request that brings very much stops there, too', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness();
    tick(pool.member('p'), 200);
    const late = pool.member('w');
    late.client.stop();
    const all = late.subscribe({ kinds: ['emit'], window: 4_096, from: 'start' });
    assert.ok(late.client.bytesUnread < 70 * KiB, `${late.client.bytesUnread} bytes`);
    late.client.goOn();
    assert.equal(all.events.length, 200);
    all.checkNumbers();
  });
});

test('all together are told no more than is kept for all; who reads goes on', () => {
  withLimit('repliesBytesMax', 256 * KiB, () => {
    const pool = new Harness();
    const asked = { kinds: ['emit'], window: 4_096 } as const;
    const stopped = Array.from({ length: 7 }, (_, index) => pool.member(`w[${index}]`));
    for (const each of stopped) each.subscribe(asked);
    const reads = pool.member('r').subscribe(asked);
    const producer = pool.member('p');
    for (const { client } of stopped) client.stop();
    pool.batch(() => {
      for (let index = 0; index < 200; index++) producer.emit('tick', { index, text: TEXT });
    });
    const unread = stopped.reduce((sum, { client }) => sum + client.bytesUnread, 0);
    assert.ok(unread > 128 * KiB && unread < 512 * KiB, `${unread} bytes`);
    assert.equal(reads.events.length, 200);
    reads.checkNumbers();
  });
});

test('it is behind as it has declared: told of a gap, ended, or waited for', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness({ eventBytesMax: 1 << 18 });
    const watcher = pool.member('w');
    const kinds = ['emit'] as const;
    const drop = watcher.subscribe({ kinds, window: 4_096 });
    const end = watcher.subscribe({ kinds, window: 4_096, slow: 'disconnect' });
    const producer = pool.member('p');
    watcher.client.stop();
    tick(producer, 1_000);
    watcher.client.goOn();
    assert.ok(drop.told.includes('gap'));
    assert.equal(drop.last.attributes['index'], 999);
    drop.checkNumbers();
    assert.equal(end.last.fields['reason'], 'subscriber-slow');

    const block = watcher.subscribe({ kinds, window: 4_096, slow: 'block' });
    watcher.client.stop();
    const calls = Array.from({ length: 1_000 }, (_, index) =>
      producer.emit('tick', { index, text: TEXT }),
    );
    assert.ok(
      calls.some(({ answer }) => answer === null),
      'who brings more waits',
    );
    watcher.client.goOn();
    for (let last = 0; last < block.last.n; ) {
      const first = last + 1;
      last = block.last.n;
      block.acknowledge(first, last - first + 1).ok();
    }
    assert.equal(block.events.length, 1_000);
    assert.ok(calls.every(({ answer }) => answer !== null));
  });
});

test('of the subscriptions of one who reads again that is told first which is furthest behind', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness();
    const producer = pool.member('p');
    tick(producer, 100);
    const watcher = pool.member('w');
    const asked = { kinds: ['emit'], window: 4_096 } as const;
    const near = watcher.subscribe(asked);
    watcher.client.stop();
    tick(producer, 100, 100);
    const far = watcher.subscribe({ ...asked, from: 'start' });
    watcher.client.readOnce();
    // What it may owe is told to the later one alone: that begins where the log does.
    assert.ok(far.events.length === 0 && watcher.client.bytesUnread > 60 * KiB);
    const before = near.events.length;
    assert.ok(before > 50 && before < 70, `${before} events`);
    watcher.client.readOnce();
    assert.ok(far.events.length > 50, `${far.events.length} events`);
    assert.equal(near.events.length, before);
    watcher.client.goOn();
    assert.deepEqual([near.events.length, far.events.length], [100, 200]);
  });
});

test('an operation that is held for one who does not read is decided by its silence', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness();
    const watcher = pool.member('w');
    const asked = { before: true, acknowledge: true, silence: 'deny', window: 4_096 } as const;
    watcher.subscribe({ kinds: ['emit'], ...asked, deadline: 50 });
    watcher.subscribe({ kinds: ['tag'], window: 4_096 });
    const producer = pool.member('p');
    producer.offer('x', 'x');
    watcher.client.stop();
    for (let index = 0; index < 100; index++) producer.tag('x', { index, text: TEXT });
    const held = producer.emit('asked');
    assert.equal(held.answer, null);
    pool.pass(51);
    held.fails('subscriber-silent');
    watcher.client.goOn();
  });
});

test('a loop that is restored goes on with who was told no more as the one that was saved', () => {
  withLimit('sessionEventBytesMax', 64 * KiB, () => {
    const pool = new Harness({ twin: false });
    const watcher = pool.member('w');
    watcher.subscribe({ kinds: ['emit'], window: 4_096 });
    watcher.client.stop();
    tick(pool.member('p'), 100);
    const state = saved((w) => pool.loop.save(w));
    const again = restored(state, (r) => PoolLoop.restore(r, crc32));
    assert.deepEqual(
      saved((w) => again.save(w)),
      state,
    );
    const { session } = watcher.client;
    assert.equal(again.isDue(pool.now), false);
    const heard = watcher.client.received;
    const held = again.resumeSession(session, heard).frames.length;
    assert.ok(held > 50, `${held} frames`);
    again.receiveAck(session, heard + held);
    assert.ok(again.isDue(pool.now), 'there is room: it goes on by itself');
    const { frames } = again.run(pool.now);
    assert.equal(frames.filter((each) => each.session === session).length, 1);
  });
});
