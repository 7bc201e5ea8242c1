import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Call } from '../../src/client/call.js';
import { Connection, type ConnectionLimits } from '../../src/client/connection.js';
import { UNHEEDED } from '../../src/client/pending.js';
import { AttaccaError } from '../../src/core/errors.js';
import { connect, type Link, parseAddress } from '../../src/transport/index.js';
import { writePing } from '../protocol/other-side.js';
import { type FakeConnection, FakePool } from './support/fake-pool.js';

/** A connection to a fake pool that has been accepted; ends with the test. */
async function accepted(
  t: TestContext,
  pool: FakePool,
  limits: ConnectionLimits,
  poolLimits: { readonly [name: string]: number } = {},
): Promise<{ connection: Connection; peer: FakeConnection }> {
  const address = parseAddress(pool.address);
  const connection = new Connection(
    {
      open: async (signal) => ({ link: await connect(address, { signal }), token: '' }),
      hello: { poolId: '', process: {} },
      reconnectMs: () => 1_000,
      connectMs: 0,
      acceptMs: 1_000,
    },
    { onAccept() {}, onResumed() {}, onReclaim() {}, onSlabGone() {}, onOver() {} },
    limits,
  );
  t.after(() => connection.close(new AttaccaError('cancelled', 'the test is over')));
  connection.start();
  const peer = await pool.connection(0);
  await peer.untilHello();
  peer.accept(false, poolLimits);
  await connection.accepted;
  return { connection, peer };
}

const MANY = 1 << 20;

for (const { bound, limits, poolLimits } of [
  { bound: 'its own', limits: { requestsMax: 10, requestBytesMax: MANY }, poolLimits: {} },
  {
    bound: "the pool's",
    limits: { requestsMax: MANY, requestBytesMax: MANY },
    poolLimits: { sessionRepliesMax: 10 },
  },
]) {
  test(`a client stops sending at ${bound} bound of unacknowledged requests`, async (t) => {
    const pool = await FakePool.start(t);
    const { connection, peer } = await accepted(t, pool, limits, poolLimits);
    const order: number[] = [];
    const send = async (index: number): Promise<void> => {
      const room = connection.room();
      if (room !== null) await room;
      connection.post(UNHEEDED, 1, (w) => writePing(w));
      order.push(index);
    };
    const all = Promise.all(Array.from({ length: 30 }, (_, index) => send(index)));
    await pool.bell.until(() => (peer.numbers.length >= 10 ? true : null));
    assert.equal(order.length, 10, 'no more than the bound');
    while (order.length < 30) {
      const { length } = peer.numbers;
      peer.ack();
      await pool.bell.until(() => (peer.numbers.length > length ? true : null));
    }
    await all;
    const inOrder = Array.from({ length: 30 }, (_, index) => index);
    assert.deepEqual(order, inOrder, 'nobody overtakes');
  });
}

test('a connection that is refused for its pace is taken up again', async (t) => {
  const pool = await FakePool.start(t);
  const limits = { requestsMax: MANY, requestBytesMax: MANY };
  const { connection, peer } = await accepted(t, pool, limits);
  const call = new Call<never>(2);
  connection.post(call, 2, (w) => {
    writePing(w);
    writePing(w);
  });
  await peer.next('ping');
  await peer.next('ping');
  peer.refuse('session-limit', true);
  const again = await pool.connection(1);
  assert.equal((await again.untilHello()).session, 7);
  again.accept(true);
  again.ok(1, 2);
  await call.promise;
  assert.ok(connection.isUp);
  again.refuse('wrong-token');
  await again.untilClosed();
  assert.equal(connection.over?.code, 'wrong-token');
});

test('a link that has ended before it is used is a lost connection, at once', async (t) => {
  const pool = await FakePool.start(t);
  const connection = new Connection(
    {
      open: async () => ({ link: await closedLink(pool), token: '' }),
      hello: { poolId: '', process: {} },
      reconnectMs: () => 1_000,
      connectMs: 0,
      acceptMs: 60_000,
    },
    { onAccept() {}, onResumed() {}, onReclaim() {}, onSlabGone() {}, onOver() {} },
  );
  connection.start();
  await assert.rejects(connection.accepted, { code: 'connection-lost' });
});

async function closedLink(pool: FakePool): Promise<Link> {
  const link = await connect(parseAddress(pool.address));
  const closed = new Promise<void>((resolve) => {
    link.onClose = () => resolve();
  });
  link.destroy();
  await closed;
  return link;
}
