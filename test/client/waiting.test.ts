import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Client } from '../../src/client/client.js';
import { join, type PoolObject } from '../../src/client/index.js';
import { makePromise } from '../../src/client/pool-promise.js';
import { Clients } from '../../src/client/tenancy.js';
import { testPool } from '../../src/testing/index.js';
import { codeOf, errorOf, joinApart, ramp, servePool, TRANSPORTS } from './support/pools.js';

const LARGE = 65_536;
const MiB = 1 << 20;

for (const transport of TRANSPORTS) {
  describe(`waits over ${transport}`, () => {
    test('a deadline says for whom it waited, and the handle can demand again', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'model[3]', { transport });
      await using promise = await other.promise('t/*');
      const need = pool.object('t/850');
      const error = await errorOf(need.demand({ timeoutMs: 20 }));
      assert.equal(error.code, 'deadline-passed');
      assert.match(error.message, /model\[3\] promised it/);
      await other.put('t/850', ramp(LARGE));
      const view = await need.demand();
      assert.equal(view.array[9], 9);
      await view.dispose();
      await promise.close();
    });

    test('an abort ends one wait at once; the connection goes on', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const controller = new AbortController();
      const need = pool.object('x');
      const waiting = need.demand({ signal: controller.signal });
      const other = pool.object('y').demand();
      controller.abort(new Error('enough'));
      const error = await errorOf(waiting);
      assert.equal(error.code, 'aborted');
      assert.equal((error.cause as Error).message, 'enough');
      await pool.put('x', ramp(3));
      await pool.put('y', ramp(4));
      assert.equal((await other).array.length, 4);
      assert.equal((await need.demand()).array.length, 3);
      const late = AbortSignal.abort();
      assert.equal(await codeOf(pool.object('x').demand({ signal: late })), 'aborted');
      const info = await pool.info();
      assert.equal((info['counts'] as { waits: number }).waits, 0);
    });

    test('a require announced before outlives an aborted and a late demand', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const need = pool.object('x');
      await need.require();
      const controller = new AbortController();
      const waiting = need.demand({ signal: controller.signal });
      controller.abort();
      assert.equal(await codeOf(waiting), 'aborted');
      assert.equal(need.state, 'required');
      assert.equal(await codeOf(need.demand({ timeoutMs: 1 })), 'deadline-passed');
      assert.equal(need.state, 'required');
      const field = pool.object('x', { space: { dtype: 'float32', shape: [LARGE] } });
      field.array.fill(3);
      await field.offer();
      await field.withdraw();
      // Only a require that stayed open is still owed the withdrawn version.
      const view = await need.demand();
      assert.equal(view.array[0], 3);
      await view.dispose();
    });

    test('aborts that cross the delivery leave nothing behind', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      for (let round = 0; round < 20; round++) {
        const controller = new AbortController();
        const name = `x/${round}`;
        const outcomes = [
          codeOf(pool.object(name).demand({ signal: controller.signal })),
          codeOf(pool.object(name).demand({ signal: controller.signal, own: true })),
          codeOf(pool.object(name).peek({ signal: controller.signal })),
        ];
        const field = pool.object(name, { space: { dtype: 'float32', shape: [LARGE] } });
        field.array.fill(round);
        const offering = field.offer();
        controller.abort();
        await offering;
        assert.deepEqual(await Promise.all(outcomes), ['aborted', 'aborted', 'aborted']);
        await field.withdraw();
      }
      const info = await pool.info();
      const { handles, readers, requires, versions } = info['counts'] as {
        [name: string]: number;
      };
      assert.deepEqual(
        { handles, readers, requires, versions },
        {
          handles: 0,
          readers: 0,
          requires: 0,
          versions: 0,
        },
      );
    });

    test('nobody will offer what only closed promises could have met', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using model = await joinApart(server, 'model', { transport });
      const promise = await model.promise({ name: 'a*b' }, 't/*');
      const waiting = codeOf(pool.object('t/1').demand());
      const named = codeOf(pool.object('a*b').demand());
      const patient = pool.object('t/1').demand({ whenNobody: 'wait' });
      await promise.close();
      await promise.close();
      assert.equal(await waiting, 'nobody-will-offer');
      assert.equal(await named, 'nobody-will-offer');
      assert.equal(await codeOf(pool.object('t/2').require()), 'nobody-will-offer');
      await model.put('t/1', ramp(1));
      assert.equal((await patient).array.length, 1);
    });

    test('memory that is full is waited for, with a deadline that names the holders', async (t) => {
      const server = await servePool(t, { memoryBytes: 16 << 20 });
      await using pool = await joinApart(server, 'p', { transport });
      const half = 6 << 18;
      const first = pool.object('a', { space: { dtype: 'float32', shape: [half] } });
      first.array.fill(1);
      await first.offer();
      const second = pool.object('b', { space: { dtype: 'float32', shape: [half] } });
      second.array.fill(2);
      const third = pool.object('c', { space: { dtype: 'float32', shape: [half * 2] } });
      third.array.fill(3);
      await second.offer();
      const error = await errorOf(third.offer({ timeoutMs: 20 }));
      assert.equal(error.code, 'memory-full');
      assert.match(JSON.stringify((error as { fields?: unknown }).fields), /"p"/);
      const controller = new AbortController();
      const aborted = third.offer({ signal: controller.signal });
      controller.abort();
      assert.equal(await codeOf(aborted), 'aborted');
      const waiting = third.offer();
      await first.withdraw();
      await second.withdraw();
      await waiting;
      await using view = await pool.object('c', { space: { dtype: 'float32' } }).demand();
      assert.equal(view.array[half * 2 - 1], 3);
      assert.equal(await codeOf(pool.put('huge', new Uint8Array(20 << 20))), 'too-large');
    });
  });
}

describe('what comes for a call that was aborted', () => {
  test('a lease stays at hand, and goes back when the pool asks for it', async (t) => {
    const server = await servePool(t);
    // Over a socket nothing is leased ahead.
    await using pool = await joinApart(server, 'p', { transport: 'socket' });
    const { leases } = (pool as unknown as { client: Client }).client;
    const leased = async (): Promise<unknown> => Object((await pool.info())['memory']).leased;
    const purpose = { handle: null, what: 'test' };
    const slice = await leases.lease(MiB, purpose, {});
    const before = Number(await leased());
    const controller = new AbortController();
    const leasing = codeOf(leases.lease(6 * MiB, purpose, { signal: controller.signal }));
    // LEASE goes out with CANCEL behind it, and is granted at once.
    controller.abort();
    assert.equal(await leasing, 'aborted');
    assert.ok(Number(await leased()) >= before + 6 * MiB);
    leases.reclaim();
    assert.equal(await leased(), MiB);
    leases.giveBack(slice);
    assert.equal(await leased(), 0);
  });

  test('memory that became its own goes back', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p', { transport: 'shared-memory' });
    await using other = await joinApart(server, 'q', { transport: 'shared-memory' });
    const held = async (): Promise<unknown> =>
      (await other.members()).find(({ name }) => name === 'q')?.['bytesLeased'];
    /** Nobody else is owed the slice: with `own` it is handed over, not copied. */
    const lastNeed = async (name: string): Promise<PoolObject> => {
      const need = other.object(name);
      await need.require();
      const field = pool.object(name, { space: { dtype: 'uint8', shape: [MiB] } });
      field.array.fill(1);
      await field.offer();
      await field.withdraw();
      return need;
    };
    const owned = await (await lastNeed('a')).demand({ own: true });
    assert.equal(await held(), MiB);
    await owned.dispose();
    assert.equal(await held(), 0);
    const need = await lastNeed('b');
    const controller = new AbortController();
    const demanding = codeOf(need.demand({ own: true, signal: controller.signal }));
    // DEMAND goes out with CANCEL behind it, and is answered at once.
    controller.abort();
    assert.equal(await demanding, 'aborted');
    assert.equal(await held(), 0);
    assert.equal(await codeOf(need.demand({ timeoutMs: 1 })), 'deadline-passed', 'it had come');
  });
});

describe('members', () => {
  test('two joins of a process share its connection; the last to leave ends it', async (t) => {
    const server = await servePool(t);
    const { address } = server;
    const [one, two] = await Promise.all([
      join({ address, member: 'model[*]' }),
      join({ address, member: 'model[*]' }),
    ]);
    const three = await one.member('watch');
    assert.deepEqual([one.memberName, two.memberName].sort(), ['model[0]', 'model[1]']);
    assert.equal(server.sessionCount, 1);
    const members = await three.members();
    assert.deepEqual(members.map((each) => each['name']).sort(), ['model[0]', 'model[1]', 'watch']);
    await one.object('x').offer();
    assert.deepEqual(await one.leave(), ['x']);
    assert.deepEqual(await one.leave(), ['x']);
    assert.equal(await codeOf(one.object('y').offer()), 'wrong-state');
    await two.object('y').offer();
    await three.close();
    await two.close();
    await two.close();
    assert.equal(server.sessionCount, 0);
    assert.equal(await codeOf(two.stat('y')), 'wrong-state');
    await using again = await join({ address, member: 'model[0]' });
    assert.equal(again.memberName, 'model[0]');
  });

  test('a name that is taken, a wrong token, a wrong pool, nobody there', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'model[0]');
    assert.equal(pool.poolId, server.id);
    const taken = await errorOf(joinApart(server, 'model[0]'));
    assert.equal(taken.code, 'name-in-use');
    assert.equal(await codeOf(joinApart(server, 'no]name')), 'bad-name');
    const address = `${server.address}?token=wrong`;
    assert.equal(await codeOf(join({ address, member: 'x' })), 'wrong-token');
    assert.equal(await codeOf(joinApart(server, 'x', { poolId: 'other' })), 'wrong-pool');
    assert.equal(
      await codeOf(join({ address: 'unix:/nowhere/socket', member: 'x' })),
      'pool-unreachable',
    );
    assert.equal(await codeOf(join({ address: 'gopher:x', member: 'x' })), 'bad-argument');
  });

  test('a pool that stops tells everybody, and says what is required', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    const waiting = codeOf(pool.object('x').demand());
    const { required } = await pool.stop();
    assert.equal(required[0]?.['name'], 'x');
    assert.equal((await pool.stop({ force: true })).required.length, 1);
    assert.equal(await waiting, 'pool-stopping');
    assert.equal(await codeOf(pool.info()), 'pool-stopping');
    await server.closed;
    assert.deepEqual(await pool.leave(), [], 'nobody needs anything of it any more');
  });
});

describe('rendezvous', () => {
  test('signals stay, and are raised once', async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p');
    await using other = await joinApart(server, 'q');
    const waiting = other.waitFor('go');
    await pool.signal('go');
    await pool.signal('go');
    await other.signal('go');
    await waiting;
    await other.waitFor('go');
  });

  test('what differs is told with both values, of two programs of one name', async (t) => {
    const server = await servePool(t);
    const attributes = { units: 'K' };
    const one = await joinApart(server, 'put[0]');
    await one.put('t', Uint8Array.of(1), { attributes });
    await one.leave();
    await using two = await joinApart(server, 'put[0]');
    const other = two.object('t', { attributes: { units: 'degC' } });
    const { message } = await errorOf(other.demand());
    const why = 'put[0] expects another than put[0], another program of that name, offers';
    assert.equal(message, `Cannot require "t": the attribute units is "K", not "degC": ${why}`);
    await two.put('own', Uint8Array.of(1), { attributes });
    const own = await errorOf(two.object('own', { attributes: { units: 'm' } }).demand());
    assert.match(own.message, /put\[0\] expects another than put\[0\] offers$/u);
  });
});

test('what a member has promised ends when it leaves: its numbers are free again', async () => {
  await using pool = await testPool();
  const options = { poolId: '', transport: 'auto', checks: false } as const;
  const tenancy = new Clients().enter({ address: pool.address, ...options });
  const { client } = tenancy;
  client.connection.start();
  const seat = await client.join('a', {}, {});
  const promise = await makePromise(seat, [{ name: 'x' }, 'y/*']);
  assert.equal(client.connection.promises.used, 2);
  seat.abandon();
  await promise.close();
  assert.equal(client.connection.promises.used, 0);
  const next = await client.join('a', {}, {});
  await using _again = await makePromise(next, [{ name: 'x' }, 'y/*']);
  await tenancy.release();
});
