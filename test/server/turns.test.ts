import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { ENDLESS, LIMITS } from '../../src/core/limits.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  endFrame,
  FRAME,
  FRAME_HEADER_SIZE,
  MESSAGE,
  readAck,
  readFail,
  writeDeclare,
  writeDemand,
  writeJoin,
  writeOfferNothing,
  writeStop,
} from '../../src/protocol/index.js';
import type { ControlConnection } from '../../src/server/control-connection.js';
import { Turns } from '../../src/server/turns.js';
import { OPTIONS } from '../pool/harness.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

test('a request that waits is acknowledged before it is answered', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'consumer', {})));
  await client.ok(client.send((w) => writeDeclare(w, 1, 1, 'late', null, [])));
  const waiting = client.send((w) => writeDemand(w, 1, ENDLESS, 0, 1, 0));
  const frame = await client.until(() => client.frames.find(({ kind }) => kind === FRAME.ack));
  assert.equal(readAck(frame.body, 0, frame.body.length), waiting);
});

test('many requests that wait are acknowledged at once', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'consumer', {})));
  client.link.write(
    client.frame(1_100, (w) => {
      for (let handle = 0; handle < 1_100; handle++) writeDeclare(w, handle, 1, 'late', null, []);
    }),
  );
  await client.ok(client.sent);
  client.frames.length = 0;
  // The last one waits with those before it, in a frame that is answered by nothing.
  client.link.write(
    client.frame(1_100, (w) => {
      for (let handle = 0; handle < 1_100; handle++) writeDemand(w, handle, ENDLESS, 0, 1, 0);
    }),
  );
  const [frame] = await client.until(() => client.frames.length > 0 && client.frames);
  assert.deepEqual([frame?.kind, client.frames.length], [FRAME.ack, 1]);
});

test('deadlines pass in their order while nothing else happens', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'consumer', {})));
  // In one frame: they count from one moment, however busy the machine is.
  client.link.write(
    client.frame(6, (w) => {
      for (const [index, deadlineMs] of [30, 1, 15].entries()) {
        writeDeclare(w, index, 1, `late ${index}`, null, []);
        writeDemand(w, index, deadlineMs, 0, 1, 0);
      }
    }),
  );
  const requests = [client.sent - 4, client.sent - 2, client.sent];
  for (const request of requests) await client.answer(request);
  const fails = client.answers.filter(({ code }) => code === MESSAGE.fail);
  const ended = fails.map(({ body }) => readFail(new Reader(body)));
  assert.deepEqual(
    ended.map(({ request }) => requests.indexOf(request)),
    [1, 2, 0],
  );
  assert.ok(ended.every(({ code }) => code === 'deadline-passed'));
});

test('what several connections sent is answered to each of them alone', async (t) => {
  const server = await poolOf(t);
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => RawClient.open(server.address)),
  );
  for (const [index, client] of clients.entries()) {
    client.link.write(
      client.frame(3, (w) => {
        writeJoin(w, 1, `member[${index}]`, {});
        writeDeclare(w, 1, 1, `object ${index}`, { shape: [0] }, []);
        writeOfferNothing(w, 1, 0, 0, 0);
      }),
    );
  }
  for (const client of clients) {
    await client.ok(3);
    // One OK for both, or two when the turn of all of them was over in between.
    assert.deepEqual(
      [...new Set(client.answers.map(({ code }) => code))],
      [MESSAGE.welcome, MESSAGE.ok],
    );
  }
});

test('a gap behind frames that were held back ends its own connection, nobody else', async (t) => {
  const limits: { batchBytesMax: number } = LIMITS;
  const { batchBytesMax } = limits;
  t.after(() => {
    limits.batchBytesMax = batchBytesMax;
  });
  limits.batchBytesMax = 1;
  const server = await poolOf(t);
  const other = await RawClient.open(server.address);
  const client = await RawClient.open(server.address);
  client.link.write(client.frame(1, (w) => writeJoin(w, 1, 'consumer', {})));
  client.link.write(client.frame(1, (w) => writeDeclare(w, 1, 1, 'x', null, [])));
  client.sent += 5;
  client.link.write(client.frame(1, (w) => writeDeclare(w, 2, 1, 'y', null, [])));
  assert.equal((await client.refused()).code, 'bad-frame');
  await client.untilClosed();
  await other.answer(other.send((w) => writeJoin(w, 1, 'other', {})));
  assert.equal(server.hasCrashed, false);
});

test('who is behind is not read from, whatever else it is held for', () => {
  const loop = new PoolLoop(OPTIONS);
  const connection = {
    session: 1,
    state: 'open',
    isRead: true,
    heldFrames: 3,
    halt: () => {
      connection.isRead = false;
    },
    readOn: () => {
      connection.isRead = true;
    },
    // Others fill the batch again before it has its turn.
    releaseHeld: () => {
      if (connection.heldFrames-- > 0) hold();
    },
  };
  const turns = new Turns({
    loop,
    journal: null,
    now: () => 0,
    accept: () => {},
    connectionOf: () => connection as unknown as ControlConnection,
    beforeRelease: () => {},
    perform: () => {},
    crashed: (error) => {
      throw error;
    },
  });
  const hold = (): void => {
    connection.halt();
    turns.hold(connection as unknown as ControlConnection);
  };
  let isBehind = true;
  loop.isBehind = () => isBehind;
  Object.defineProperty(loop, 'behind', { get: () => (isBehind ? [1] : []) });
  hold();
  for (let turn = 0; turn < 6; turn++) {
    turns.runNow();
    assert.equal(connection.isRead, false);
    turns.plan();
  }
  isBehind = false;
  turns.runNow();
  assert.equal(connection.isRead, true);
  turns.stop();
});

test('a turn that stops the pool leaves no timer behind', (t) => {
  const loop = new PoolLoop(OPTIONS);
  const session = loop.openSession({});
  const writer = new Writer();
  const start = beginMessages(writer, 1, 0);
  writeJoin(writer, 1, 'consumer', {});
  writeDeclare(writer, 1, 1, 'late', null, []);
  writeDemand(writer, 1, 60_000, 0, 1, 0);
  writeStop(writer, true, 0);
  endFrame(writer, start);
  const bytes = writer.written();
  loop.receive(session, bytes, FRAME_HEADER_SIZE, bytes.length);
  const performed: string[] = [];
  const turns = new Turns({
    loop,
    journal: null,
    now: () => 0,
    accept: () => {},
    connectionOf: () => undefined,
    beforeRelease: () => {},
    perform: (effect) => {
      performed.push(effect.kind);
      if (effect.kind === 'stop') turns.stop();
    },
    crashed: (error) => {
      throw error;
    },
  });
  const timers = t.mock.method(globalThis, 'setTimeout');
  turns.plan();
  turns.runNow();
  assert.ok(performed.includes('stop'));
  assert.ok(loop.pool.waits.nextDeadline() < Number.POSITIVE_INFINITY);
  assert.equal(timers.mock.callCount(), 0);
});

test('turns that have stopped take nothing: the loop stays as its last snapshot has it', () => {
  const loop = new PoolLoop(OPTIONS);
  const turns = new Turns({
    loop,
    journal: null,
    now: () => 0,
    accept: () => {},
    connectionOf: () => undefined,
    beforeRelease: () => {},
    perform: () => {},
    crashed: (error) => {
      throw error;
    },
  });
  turns.input({ kind: 'tick' });
  assert.ok(loop.isDue(0));
  turns.runNow();
  turns.stop();
  turns.input({ kind: 'tick' });
  assert.ok(!loop.isDue(0));
});
