import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../src/client/connection.js';
import { UNHEEDED } from '../../src/client/pending.js';
import { AttaccaError } from '../../src/core/errors.js';
import { writePing } from '../../src/protocol/index.js';
import { connect, parseAddress } from '../../src/transport/index.js';
import { FakePool } from './support/fake-pool.js';

test('a client stops sending while too many of its requests are not acknowledged', async (t) => {
  const pool = await FakePool.start(t);
  const address = parseAddress(pool.address);
  const connection = new Connection(
    {
      open: async (signal) => ({ link: await connect(address, { signal }), token: '' }),
      hello: { poolId: '', process: {} },
      reconnectMs: 1_000,
      acceptMs: 1_000,
    },
    { onAccept() {}, onReclaim() {}, onSlabGone() {}, onOver() {} },
    { requestsMax: 10, requestBytesMax: 1 << 20 },
  );
  t.after(() => connection.close(new AttaccaError('cancelled', 'the test is over')));
  connection.start();
  const peer = await pool.connection(0);
  await peer.untilHello();
  peer.accept();
  await connection.accepted;
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
