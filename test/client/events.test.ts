import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type AttaccaError,
  type BatchFailure,
  join,
  type Pool,
  type PoolEvent,
  type Subscription,
} from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

/** The next so many events. */
async function take(events: Subscription, count: number): Promise<PoolEvent[]> {
  const taken: PoolEvent[] = [];
  while (taken.length < count) {
    const event = await events.wait({ timeoutMs: 10_000 });
    assert.ok(event !== null, `event ${taken.length + 1} of ${count} comes`);
    taken.push(event);
  }
  return taken;
}

const told = (events: readonly PoolEvent[]): string[] =>
  events.map(({ kind, name }) => `${kind} ${name}`.trim());

for (const transport of TRANSPORTS) {
  describe(`events over ${transport}`, () => {
    test('a third program sees what two others do, as it happens', async (t) => {
      const server = await servePool(t);
      await using watcher = await joinApart(server, 'watcher', { transport });
      await using model = await joinApart(server, 'model[0]', { transport });
      await using events = await watcher.subscribe({
        kinds: ['offer', 'withdraw', 'steer'],
        select: 'param = "t" or .event = "steer"',
      });
      await model.put('t/850', ramp(4), { attributes: { param: 't', level: 850 } });
      await model.put('u/850', ramp(4), { attributes: { param: 'u' } });
      await model.emit('steer', { dt: 30 });
      await model.unkeep('t/850');
      const [offer, steer, withdraw] = await take(events, 3);
      assert.ok(offer !== undefined && steer !== undefined && withdraw !== undefined);
      assert.deepEqual(told([offer, steer, withdraw]), ['offer t/850', 'steer', 'withdraw t/850']);
      assert.deepEqual([offer.n, steer.n, withdraw.n], [1, 2, 3]);
      assert.deepEqual([offer.member, withdraw.member], ['model[0]', 'model[0]']);
      assert.equal(offer.attributes['level'], 850);
      assert.deepEqual([offer.dtype, offer.shape, offer.version], ['float32', [4], 1]);
      assert.equal(steer.attributes['dt'], 30);
      assert.ok(steer.seq > offer.seq && withdraw.seq > steer.seq);
      assert.equal(events.poll(), null);
    });

    test('until now: all that was there, however much, and then the end', async (t) => {
      const server = await servePool(t);
      await using model = await joinApart(server, 'model', { transport });
      await using late = await joinApart(server, 'late', { transport });
      const items = Array.from({ length: 3_000 }, (_, step) => ({
        ...{ name: `t/${step}`, attributes: { step } },
      }));
      await model.offerMany(items, { keep: true });
      for (const from of ['start', 'snapshot'] as const) {
        const asked = { kinds: 'offer', select: 'step >= 0', from, until: 'now' } as const;
        let count = 0;
        for await (const { name } of await late.subscribe(asked)) if (name !== '') count++;
        assert.equal(count, 3_000, from);
      }
      await using none = await late.subscribe({ kinds: 'lost', from: 'start', until: 'now' });
      assert.equal(await none.wait(), null);
      // One that is durable goes on with what comes later.
      const asked = { kinds: 'offer', name: 'kept', until: 'now' } as const;
      const steps = async (from: 'start' | 'last'): Promise<number> => {
        let count = 0;
        for await (const _ of await late.subscribe({ ...asked, from })) count++;
        return count;
      };
      assert.equal(await steps('start'), 3_000);
      await model.offerMany([{ name: 'u' }], { keep: true });
      assert.equal(await steps('last'), 1);
      assert.equal(await steps('last'), 0);
      const wrong = late.subscribe({ kinds: 'offer', when: 'before', until: 'now' });
      assert.equal(await codeOf(wrong), 'bad-argument');
    });

    test('a broker requires what it wants while the offer is held, and lets it go', async (t) => {
      const server = await servePool(t);
      await using broker = await joinApart(server, 'broker', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using events = await broker.subscribe({
        ...{ kinds: 'offer', select: 'number = 3', when: 'before', acknowledge: true },
      });
      const offered = model.put('x', ramp(1_000), { attributes: { number: 3 } });
      const [event] = await take(events, 1);
      assert.ok(event !== undefined && event.when === 'before');
      const need = broker.object('x');
      await need.require();
      events.acknowledge(event);
      await offered;
      assert.equal((await need.demand()).array[7], 7);
    });

    test('an offer that is held ends with the deadline of who offers, or by their signal', async (t) => {
      const server = await servePool(t);
      await using holder = await joinApart(server, 'holder', { transport });
      await using model = await joinApart(server, 'model', { transport });
      const asked = { kinds: 'offer', when: 'before', acknowledge: true } as const;
      await using held = await holder.subscribe({ ...asked, answerMs: Infinity });
      for (const size of [3, 300_000]) {
        const late = await errorOf(model.put('x', ramp(size), { timeoutMs: 50 }));
        assert.equal(late.code, 'deadline-passed');
        assert.match(late.message, /holder held it for 50 ms/u);
        const controller = new AbortController();
        const aborted = codeOf(model.put('y', ramp(size), { signal: controller.signal }));
        await take(held, 1);
        controller.abort();
        assert.equal(await aborted, 'aborted');
      }
      const group = model.group('g');
      group.add('z', ramp(3));
      assert.equal(await codeOf(group.offer({ timeoutMs: 50 })), 'deadline-passed');
      const names: string[] = [];
      for await (const name of model.list('*')) names.push(name);
      assert.deepEqual(
        names.filter((name) => name !== 'g' && name !== 'z'),
        [],
      );
    });

    test('what is done to all that is selected waits as one, for so long as it is said', async (t) => {
      const server = await servePool(t);
      await using holder = await joinApart(server, 'holder', { transport });
      await using model = await joinApart(server, 'model', { transport });
      for (const name of ['x', 'y', 'z']) {
        await model.put(name, ramp(3), { keep: true, attributes: { field: true } });
      }
      const kinds = ['tag', 'withdraw', 'delete'];
      const asked = { kinds, select: 'name in ["x", "y"]', when: 'before' } as const;
      await using held = await holder.subscribe({ ...asked, acknowledge: true });
      const late = await errorOf(model.deleteSelected('has field', { timeoutMs: 50 }));
      assert.equal(late.code, 'deadline-passed');
      assert.match(late.message, /holder held it for 50 ms/u);
      held.acknowledge(await take(held, 2));
      const vetoed = codeOf(model.unkeepSelected('has field'));
      const [first, second] = await take(held, 2);
      assert.ok(first !== undefined && second !== undefined);
      assert.deepEqual(told([first, second]), ['withdraw x', 'withdraw y']);
      assert.equal(await held.veto(second, 'y stays'), true);
      assert.equal(await vetoed, 'vetoed');
      held.acknowledge(first);
      assert.equal(await model.count('has field'), 3);
      const tagged = model.tagSelected('has field', { seen: true });
      held.acknowledge(await take(held, 2));
      assert.deepEqual(await tagged, { selected: 3, changed: 3, refused: [] });
    });

    test('tags, emits, deletes and leaving that are held end with the deadline too', async (t) => {
      const server = await servePool(t);
      await using holder = await joinApart(server, 'holder', { transport });
      await using model = await joinApart(server, 'model', { transport });
      const leaver = await joinApart(server, 'leaver', { transport });
      await model.put('x', ramp(3));
      const kinds = ['tag', 'delete', 'steer', 'leave'];
      const asked = { kinds, when: 'before', acknowledge: true, answerMs: Infinity } as const;
      const held = await holder.subscribe(asked);
      const soon = { timeoutMs: 50 };
      const calls = [
        () => model.tag('x', { z: 1 }, soon),
        () => model.delete('x', soon),
        () => model.emit('steer', { dt: 3 }, soon),
        () => leaver.leave(soon),
      ];
      for (const call of calls) {
        const error = await errorOf(call());
        assert.equal(error.code, 'deadline-passed');
        assert.match(error.message, /holder held it for 50 ms/u);
      }
      const signal = AbortSignal.abort();
      assert.equal(await codeOf(model.emit('steer', {}, { signal })), 'aborted');
      assert.equal((await model.stat('x'))['state'], 'offered');
      await held.close();
      await leaver.leave();
    });

    test('what is held of a batch ends with its deadline or signal; all else is offered', async (t) => {
      const server = await servePool(t);
      await using holder = await joinApart(server, 'holder', { transport });
      await using model = await joinApart(server, 'model', { transport });
      const asked = { kinds: 'offer', when: 'before', acknowledge: true } as const;
      await using held = await holder.subscribe({
        ...asked,
        select: 'step = 1',
        answerMs: Infinity,
      });
      const items = [0, 1, 2].map((step) => ({
        ...{ name: `x/${step}`, data: ramp(3), attributes: { step } },
      }));
      for (const keep of [false, true]) {
        const failures: BatchFailure[] = [];
        const onFailure = (failure: BatchFailure): number => failures.push(failure);
        const many = await model.offerMany(items, { keep, timeoutMs: 100, onFailure });
        assert.equal(many.count, 2);
        assert.equal(failures[0]?.error.code, 'deadline-passed');
        assert.match(failures[0]?.error.message ?? '', /holder held it for 100 ms/u);
        const controller = new AbortController();
        const { signal } = controller;
        const aborted = errorOf(model.offerMany(items.slice(1, 2), { keep, signal }));
        await take(held, 1);
        controller.abort();
        assert.equal((await aborted).code, 'aborted');
        if (keep) for (const name of ['x/0', 'x/2']) await model.delete(name);
        else await many.withdraw();
      }
    });

    test('a data contract forbids an offer, with its reason', async (t) => {
      const server = await servePool(t);
      await using guard = await joinApart(server, 'guard', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using events = await guard.subscribe({
        ...{ kinds: 'offer', when: 'before', acknowledge: true },
      });
      const offered = model.put('x', new Float64Array([1, Number.NaN]));
      const refused = errorOf(offered);
      const [event] = await take(events, 1);
      assert.ok(event !== undefined);
      await events.veto(event, 'it has NaN');
      const error = await refused;
      assert.equal(error.code, 'vetoed');
      assert.equal((error as AttaccaError).fields['reason'], 'it has NaN');
      // It is decided: a guard that comes late goes on.
      assert.equal(await events.veto(event, 'again'), false);
      await using after = await guard.subscribe({ kinds: 'offer' });
      const other = model.put('y', new Float64Array(1));
      for (const each of await take(events, 1)) events.acknowledge(each);
      await other;
      const [told] = await take(after, 1);
      assert.ok(told !== undefined);
      assert.equal(await codeOf(after.veto(told, 'late')), 'wrong-state');
    });

    test('no field with NaN gets in: what is offered is measured before', async (t) => {
      const server = await servePool(t);
      await using guard = await joinApart(server, 'guard', { transport });
      await using model = await joinApart(server, 'model', { transport });
      await using contract = await guard.subscribe({
        ...{ kinds: 'offer', when: 'before', acknowledge: true, silence: 'deny' },
        select: 'stats.nan > 0',
      });
      const field = ramp(100_000);
      await model.put('clean', field);
      field[7] = Number.NaN;
      const refused = errorOf(model.put('broken', field));
      const [event] = await take(contract, 1);
      assert.ok(event !== undefined);
      assert.deepEqual(told([event]), ['offer broken']);
      assert.deepEqual(
        ['count', 'nan', 'min', 'max'].map((key) => event.attributes[`stats.${key}`]),
        [99_999, 1, 0, 99_999],
      );
      await contract.veto(event, `${event.attributes['stats.nan']} is NaN`);
      const { code, message } = await refused;
      assert.equal(code, 'vetoed');
      assert.match(message, /guard has vetoed "broken": 1 is NaN/u);
      // Whole numbers have none, and what is small is measured as well.
      await model.put('counts', new Int32Array(100_000).fill(-1));
      const small = errorOf(model.put('small', Float32Array.of(Number.NaN)));
      const [another] = await take(contract, 1);
      assert.ok(another !== undefined);
      await contract.veto(another, 'nothing but NaN');
      assert.equal((await small).code, 'vetoed');
      const names: string[] = [];
      for await (const { name } of model.query('stats.count > 0')) names.push(name);
      assert.deepEqual(names.sort(), ['clean', 'counts']);
      const after = guard.subscribe({ kinds: 'offer', select: 'stats.nan > 0' });
      assert.equal(await codeOf(after), 'bad-selector');
    });
  });
}

test('a callback is called with each event, one after the other, until all has come', async (t) => {
  const server = await servePool(t);
  await using watcher = await joinApart(server, 'w');
  await using model = await joinApart(server, 'model');
  const events = await watcher.subscribe({ kinds: 'offer', until: 'complete' });
  const seen: string[] = [];
  const visiting = events.forEach(({ name }) => void seen.push(name));
  const promise = await model.promise('x*');
  for (let index = 0; index < 5; index++) await model.put(`x${index}`, ramp(1));
  await promise.close();
  await visiting;
  assert.deepEqual(seen, ['x0', 'x1', 'x2', 'x3', 'x4']);
  const failing = await watcher.subscribe({ kinds: 'offer', from: 'start' });
  const thrown = failing.forEach(() => {
    throw new Error('mine');
  });
  await assert.rejects(thrown, /mine/u);
  const misspelt = { untill: 'complete' } as object;
  assert.match(await codeOf(watcher.subscribe(misspelt)), /Did you mean "until"/u);
});

test('a durable subscription is forgotten by its name: who has it is told, and nothing waits for it', async (t) => {
  const server = await servePool(t);
  await using holder = await joinApart(server, 'holder');
  await using model = await joinApart(server, 'model');
  const held = await holder.subscribe({
    ...{ kinds: 'offer', when: 'before', acknowledge: true, name: 'gate' },
  });
  const offered = model.put('x', ramp(3));
  await take(held, 1);
  await model.forgetSubscription('gate');
  await offered;
  assert.equal(await codeOf(held.wait()), 'cancelled');
  assert.equal(await codeOf(model.forgetSubscription('gate')), 'unknown-subscription');
  await using again = await holder.subscribe({ kinds: 'tag', name: 'gate' });
  assert.equal(again.isOver, false);
});

test('for await ends by itself when all that was promised has come', async (t) => {
  const server = await servePool(t);
  await using watcher = await joinApart(server, 'w');
  const events = await watcher.subscribe({ kinds: 'offer', until: 'complete' });
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { name } of events) seen.push(name);
  })();
  await using model = await joinApart(server, 'model');
  const promise = await model.promise('x*', { select: 'a = 1' });
  for (let index = 0; index < 300; index++) await model.put(`x${index}`, ramp(1));
  await promise.close();
  await watching;
  assert.equal(seen.length, 300);
  assert.equal(new Set(seen).size, 300);
  assert.ok(events.isOver);
  await events.close();
});

test('a wait ends at its time, by its signal, with close and with the pool', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'w');
  const events = await pool.subscribe({ kinds: 'offer' });
  assert.equal(await events.wait({ timeoutMs: 10 }), null);
  const controller = new AbortController();
  const waiting = events.wait({ signal: controller.signal });
  controller.abort();
  assert.equal(await codeOf(waiting), 'aborted');
  const closed = events.wait();
  await events.close();
  assert.equal(await closed, null);
  const left = await pool.subscribe();
  const last = left.wait();
  await pool.leave();
  assert.equal(await last, null);
  assert.equal(await codeOf(pool.subscribe()), 'wrong-state');
});

test('what cannot be asked for is refused before anything is sent', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'w');
  await assert.rejects(pool.subscribe({ window: -1 }), RangeError);
  await assert.rejects(pool.subscribe({ from: 1.5 }), RangeError);
  await assert.rejects(pool.subscribe({ from: 'then' as 'now' }), TypeError);
  assert.equal(await codeOf(pool.subscribe({ kinds: 'gap' })), 'bad-argument');
  assert.equal(await codeOf(pool.subscribe({ select: 'a = ' })), 'bad-selector');
  assert.equal(await codeOf(pool.emit('offer')), 'bad-argument');
  // Numbers that were refused are free again.
  await using events = await pool.subscribe({ own: true, kinds: 'done' });
  await pool.emit('done');
  await take(events, 1);
});

test('over breaks of the connection and a restart of the pool each event comes once', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  const watcher = await join({ address: kept.address, member: 'w', reconnectMs: 20_001 });
  const events = await watcher.subscribe({ kinds: 'tick', window: 8 });
  const model = await join({ address: kept.address, member: 'm', reconnectMs: 20_002 });
  const seen: unknown[] = [];
  const watching = (async () => {
    for await (const { attributes } of events) {
      seen.push(attributes['index']);
      if (seen.length === 300) return;
    }
  })();
  for (let index = 0; index < 300; index++) {
    if (index === 100) await kept.restart();
    await model.emit('tick', { index });
  }
  await watching;
  assert.deepEqual(
    seen,
    Array.from({ length: 300 }, (_, index) => index),
  );
  await watcher.leave();
  await model.leave();
});

test('a durable subscription of a program that died goes on with the next one', async (t) => {
  const server = await servePool(t);
  await using model: Pool = await joinApart(server, 'm');
  const asked = { kinds: 'offer', name: 'archive', acknowledge: true } as const;
  const first = await joinApart(server, 'archiver[0]');
  const events = await first.subscribe(asked);
  await model.put('x0', ramp(1));
  await model.put('x1', ramp(1));
  const [done] = await take(events, 2);
  assert.ok(done !== undefined);
  events.acknowledge(done);
  await first.leave();
  await model.put('x2', ramp(1));
  await using second = await joinApart(server, 'archiver[1]');
  await using again = await second.subscribe({ ...asked, from: 'last' });
  const rest = await take(again, 2);
  assert.deepEqual(told(rest), ['offer x1', 'offer x2']);
  assert.deepEqual(
    rest.map(({ isAgain }) => isAgain),
    [true, false],
  );
  again.acknowledge(rest);
  await again.close({ forget: true });
});

test('what is handed over, and may not be withdrawn, stays offered; its handle is not reused', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await using guard = await join({ address: pool.address, member: 'g' });
  const asked = { kinds: 'withdraw', when: 'before', acknowledge: true } as const;
  await using held = await guard.subscribe(asked);
  const kept = member.object('kept', { space: { dtype: 'uint8', shape: [3] } });
  kept.array.fill(7);
  const handing = kept.handOver();
  const event = await held.wait();
  assert.ok(event !== null);
  await held.veto(event, 'no');
  await assert.rejects(handing, (error: AttaccaError) => error.code === 'vetoed');
  assert.equal(kept.state, 'offered');
  await assert.rejects(kept.dispose(), (error: AttaccaError) => error.code === 'wrong-state');
  await member.put('other', new Uint8Array(1));
  await using found = await guard.object('kept').demand();
  assert.deepEqual([...(found.array as Uint8Array)], [7, 7, 7]);
  const withdrawing = kept.withdraw();
  const again = await held.wait();
  assert.ok(again !== null);
  held.acknowledge(again);
  await found.dispose();
  await withdrawing;
});
