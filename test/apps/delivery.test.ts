import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { CannotDeliver, type Carrier, Delivery } from '../../src/apps/tracer/delivery.js';
import { syslogCarrier } from '../../src/apps/tracer/syslog.js';
import { LIMITS } from '../../src/core/limits.js';
import { fc } from '../fast-check.js';

const gone = (mayPass = true): CannotDeliver =>
  new CannotDeliver('messages', 'it', 'gone', mayPass);

/** Takes what comes, or fails as it is told, once for each word. */
function carrierOf(fails: readonly boolean[], atOnce = 2) {
  const taken: string[] = [];
  let turn = 0;
  const carrier: Carrier = {
    ...{ atOnce, doubtMs: 0, onBroken: () => {} },
    async carry(texts, signal) {
      if (signal.aborted || fails[turn++] === true) throw gone();
      taken.push(...texts);
    },
    close: async () => {},
  };
  return { carrier, taken };
}

test('what fails is sent again, in its order, once; what is cut off is counted', async () => {
  // The first one arrives: who was never there is given up.
  const sequences = fc.array(fc.boolean(), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(sequences, fc.integer({ min: 1, max: 9 }), async (fails, count) => {
      const { carrier, taken } = carrierOf([false, ...fails]);
      const told: string[] = [];
      const delivery = new Delivery(carrier, ({ message }) => told.push(message));
      const texts = Array.from({ length: count }, (_, index) => `${index}`);
      for (const text of texts) delivery.add(text, 1);
      await delivery.flush();
      // When it ends nobody waits long: what has not come by then has not arrived.
      await delivery.close(fails.length % 2 === 0 ? 10_000 : 0);
      assert.deepEqual(taken, texts.slice(0, taken.length));
      assert.equal(delivery.undelivered, count - taken.length);
      assert.equal(delivery.failure, null);
      assert.ok(told.length <= fails.filter((fail) => fail).length);
    }),
    { numRuns: 20 },
  );
});

test('who was never there, and who refuses, end it; all that waits is counted', async () => {
  const { carrier, taken } = carrierOf([true, true, true, true]);
  const told: string[] = [];
  const delivery = new Delivery(carrier, ({ message }) => told.push(message));
  delivery.add('a', 3);
  await delivery.flush();
  delivery.add('b', 4);
  await delivery.close(60_000);
  assert.deepEqual([taken, told], [[], ['Cannot send messages to "it": gone']]);
  assert.equal(delivery.failure?.code, 'file-error');
  assert.deepEqual([delivery.undelivered, delivery.overflowed], [7, 0]);
  const refusing: Carrier = { ...carrier, carry: () => Promise.reject(gone(false)) };
  const refused = new Delivery(refusing);
  refused.add('a', 1);
  await refused.flush();
  assert.deepEqual([refused.failure?.message, refused.undelivered], [gone().message, 1]);
});

test('the backlog is bounded: the oldest goes, and is counted', async () => {
  const { carrier, taken } = carrierOf([true], LIMITS.traceBacklogMax);
  const delivery = new Delivery(carrier);
  const count = LIMITS.traceBacklogMax + 3;
  for (let index = 0; index < count; index++) delivery.add(`${index}`, 2);
  assert.deepEqual([delivery.overflowed, delivery.undelivered], [6, 2 * count]);
  await delivery.close(10_000);
  assert.deepEqual([delivery.overflowed, delivery.undelivered], [6, 6]);
  assert.deepEqual([taken[0], taken.length], ['3', LIMITS.traceBacklogMax]);
  const large = new Delivery(carrierOf([]).carrier);
  const half = 'x'.repeat(LIMITS.traceBacklogBytesMax / 2);
  for (const text of [half, half, 'y']) large.add(text, 1);
  assert.equal(large.overflowed, 1);
});

test('a connection that ends: what was in doubt is sent again over the next one', async (t) => {
  const seen = new Set<string>();
  let connections = 0;
  let all: () => void = () => {};
  const isAll = new Promise<void>((resolve) => {
    all = resolve;
  });
  const hear = (socket: Socket): void => {
    const isFirst = connections++ === 0;
    socket.on('error', () => {
      // It was ended here.
    });
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      // It has read, and keeps nothing of it.
      if (isFirst) socket.destroy();
      else for (const [text] of chunk.matchAll(/\d+(?=;)/gu)) seen.add(text);
      if (seen.size === 100) all();
    });
  };
  const server = createServer(hear).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const told: string[] = [];
  const carrier = await syslogCarrier(`tcp://127.0.0.1:${port}`);
  const delivery = new Delivery(carrier, ({ message }) => told.push(message));
  for (let index = 0; index < 100; index++) delivery.add(`${index};`, 1);
  await isAll;
  await delivery.close(10_000);
  assert.deepEqual([delivery.undelivered, delivery.failure, connections], [0, null, 2]);
  assert.match(told.join(), /Cannot send messages to "tcp:[^"]*": /u);
});

test('a peer that takes nothing of what it accepts is given up, and all is counted', async (t) => {
  const server = createServer((socket) => socket.on('error', () => {}).destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const delivery = new Delivery(await syslogCarrier(`tcp://127.0.0.1:${port}`));
  for (let index = 0; index < 10; index++) delivery.add(`${index}`, 1);
  await delivery.close(60_000);
  assert.equal(delivery.failure?.code, 'file-error');
  assert.equal(delivery.undelivered, 10);
});
