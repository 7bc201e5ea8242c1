import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { ROLE, writeHello, writeRead } from '../../src/protocol/index.js';
import type { Range } from '../../src/server/agent-messages.js';
import { DataConnection, type DataHost } from '../../src/server/data-connection.js';
import { WriteGates } from '../../src/server/write-gates.js';
import { FakeLink } from './fake-link.js';

const NO_SECRET = new Uint8Array(0);

function bytesOf(write: (w: Writer) => void): Uint8Array {
  const writer = new Writer(64);
  write(writer);
  return writer.written().slice();
}

const HELLO = bytesOf((w) =>
  writeHello(w, {
    lowest: 1,
    highest: 1,
    role: ROLE.data,
    token: '',
    pool: '',
    session: 1,
    secret: NO_SECRET,
    received: 0,
    process: {},
  }),
);

test('what comes in the turn in which the queue drains is worked on, too', async () => {
  const asked: Range[] = [];
  const host: DataHost = {
    gates: new WriteGates(),
    open: async () => ({
      version: 1,
      poolId: '',
      poolName: '',
      session: 1,
      secret: NO_SECRET,
      received: 0,
      resumed: true,
      pool: {},
    }),
    askWrite: async () => ({ code: 'bad-lease', message: '' }),
    askRead: async (_connection, range) => {
      asked.push(range);
      return { code: 'bad-lease', message: '' };
    },
    pin: async () => ({ code: 'bad-lease', message: '' }),
    closed: () => {},
  };
  const link = new FakeLink();
  new DataConnection(link, 0, host);
  link.onData(HELLO);
  await new Promise((resolve) => setImmediate(resolve));
  // Ticks of one turn: no promise settles in between.
  for (let transfer = 0; transfer < 3; transfer++) {
    link.onDrain();
    link.onData(bytesOf((w) => writeRead(w, transfer, 7, 64 * transfer, 64)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(
    asked.map(({ offset }) => offset),
    [0, 64, 128],
  );
});
