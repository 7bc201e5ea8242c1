import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client } from '../../src/client/client.js';
import { join, type Pool } from '../../src/client/index.js';
import { Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { writeSpace } from '../../src/core/space.js';
import { writeMap } from '../../src/core/value-codec.js';
import {
  beginDeliver,
  endDeliverInline,
  writeFail,
  writeOk,
  writeSlabGone,
  writeValueAnswer,
  writeWelcome,
} from '../../src/protocol/index.js';
import { type FakeConnection, FakePool } from './support/fake-pool.js';
import { codeOf, errorOf } from './support/pools.js';

let separate = 0;

async function joined(
  pool: FakePool,
  reconnectMs?: number,
  limits: { readonly [name: string]: number } = {},
): Promise<{ member: Pool; connection: FakeConnection }> {
  separate++;
  const joining = join({
    address: pool.address,
    member: 'm',
    reconnectMs: reconnectMs ?? 500 + separate,
  });
  const connection = await pool.connection(0);
  await connection.open(limits);
  return { member: await joining, connection };
}

function writeDelivery(w: Writer, request: number, payload: Uint8Array): void {
  const start = beginDeliver(w, request, 1, 1);
  writeSpace(w, { dtype: 'uint8', shape: [payload.length], order: 'row', byteOrder: 'little' });
  writeMap(w, { unit: 'K' });
  endDeliverInline(w, start, payload, 0, payload.length);
}

describe('sessions', () => {
  test('HELLO and JOIN go out in one write: joining is one round trip', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    assert.deepEqual(connection.framesOfChunks, [2]);
    assert.equal(connection.hello?.session, 0);
    assert.equal(typeof connection.hello?.process['pid'], 'number');
    const puts = Promise.all([
      member.put('a', Uint8Array.of(1), { attributes: { level: 1 } }),
      member.put('b', Uint8Array.of(2), { attributes: { level: 2 } }),
      member.object('c').offer({ keep: true }),
    ]);
    const last = await connection.next('offer');
    await connection.next('offer');
    const { number } = await connection.next('offer');
    assert.equal(connection.framesOfChunks.length, 2, 'one write for all of a turn');
    // One range for the key, three declares, three offers, and what follows.
    connection.ok(2, number);
    await puts;
    assert.ok(last.number < number);
  });

  test('a name that is in use is asked for again: its holder may just have died', async (t) => {
    const pool = await FakePool.start(t);
    const joining = join({ address: pool.address, member: 'm', reconnectMs: 777 });
    const connection = await pool.connection(0);
    await connection.untilHello();
    connection.accept();
    for (let refusals = 0; refusals < 3; refusals++) {
      const { number } = await connection.next('join');
      connection.send(1, (w) =>
        writeFail(w, number, {
          code: 'name-in-use',
          retryable: true,
          message: 'taken',
          fields: {},
        }),
      );
    }
    const { number, name } = await connection.next('join');
    connection.send(1, (w) => writeWelcome(w, number, { member: 1, name, granted: {} }));
    assert.equal((await joining).memberName, 'm');
  });

  test('a lost connection is taken up again: nothing is lost, nothing happens twice', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const first = member.object('a').offer({ keep: true });
    const sent = await connection.next('offer');
    connection.ok(sent.number - 1, sent.number);
    await first;
    // Received and answered, but the answer is lost with the connection.
    const second = member.object('b').offer({ keep: true });
    const unheard = await connection.next('offer');
    pool.frame(1, (w) => writeOk(w, unheard.number - 1, unheard.number, 0, 0));
    connection.drop();
    await connection.untilClosed();
    // Issued while there is no connection.
    const third = member.object('c').offer({ keep: true });
    const again = await pool.connection(1);
    const hello = await again.untilHello();
    assert.equal(hello.session, 7);
    assert.equal(hello.received, 2);
    assert.deepEqual(hello.secret, new Uint8Array(32).fill(7));
    again.accept(true);
    const late = await again.next('offer');
    again.ok(late.number - 1, late.number);
    await Promise.all([second, third]);
    assert.deepEqual(again.numbers, [late.number - 1, late.number], 'only what was not received');
  });

  test('answers that come twice are taken once', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const info = member.info();
    const request = await connection.next('info');
    const frame = pool.frame(1, (w) => writeValueAnswer(w, request.number, { up: true }));
    connection.raw(frame);
    connection.raw(frame);
    assert.deepEqual(await info, { up: true });
    const members = member.members();
    const next = await connection.next('members');
    connection.send(1, (w) => writeValueAnswer(w, next.number, []));
    assert.deepEqual(await members, []);
  });

  test('a session that the pool has ended fails everything that waits', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const waiting = [codeOf(member.object('a').demand()), codeOf(member.info())];
    await connection.next('info');
    connection.drop();
    const again = await pool.connection(1);
    await again.untilHello();
    again.refuse('session-unknown');
    assert.deepEqual(await Promise.all(waiting), ['session-unknown', 'session-unknown']);
    assert.equal(await codeOf(member.info()), 'session-unknown');
    await member.close();
  });

  test('a pool that does not come back is given up after reconnectMs', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool, 60);
    const waiting = errorOf(member.object('a').demand());
    await connection.next('demand');
    await pool.hide();
    connection.drop();
    const error = await waiting;
    assert.equal(error.code, 'connection-lost');
    assert.match(error.message, /tried again for \d+ ms/);
    assert.equal(await codeOf(member.leave()), 'connection-lost');
    await member.close();
  });

  test('a deadline that passes after a loss says how long the pool was away', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const quick = errorOf(member.object('a').demand({ timeoutMs: 1 }));
    await connection.next('demand');
    connection.drop();
    const again = await pool.connection(1);
    await again.untilHello();
    again.accept(true);
    const { code, message } = await quick;
    assert.equal(code, 'deadline-passed');
    const said = /not answer within 1 ms: it could not be reached for \d+ ms of that$/u;
    assert.match(message, said);
    const never = errorOf(member.object('b').demand({ timeoutMs: 1_500 }));
    assert.match((await never).message, /the pool did not answer within 1\.5 s$/u);
  });

  test('a pool that is not served yet is tried for connectMs, and no longer', async (t) => {
    const pool = await FakePool.start(t);
    await pool.hide();
    const { address } = pool;
    const options = { address, poolId: '', transport: 'auto', checks: false } as const;
    const client = new Client({ ...options, connectMs: 60_000 });
    client.connection.start();
    await client.connection.lost();
    assert.ok(client.connection.awayMs > 0);
    await pool.listen();
    const connection = await pool.connection(0);
    await connection.untilHello();
    connection.accept();
    await client.ready();
    assert.equal(client.connection.awayMs, 0);
    client.connection.close(new AttaccaError('aborted', 'the end'));
    await pool.hide();
    const soon = await errorOf(join({ address, member: 'm', connectMs: 30 }));
    assert.equal(soon.code, 'pool-unreachable');
    assert.match(soon.message, /; tried for \d+ ms$/u);
    const atOnce = await errorOf(join({ address, member: 'm' }));
    assert.match(atOnce.message, /has the pool been started\?$/u);
    const asked = AbortSignal.timeout(30);
    const aborted = join({ address, member: 'm', connectMs: 60_000, signal: asked });
    assert.equal(await codeOf(aborted), 'aborted');
    const nonsense = join({ address, member: 'm', connectMs: Number.NaN });
    assert.equal(await codeOf(nonsense), 'bad-argument');
  });

  test('a pool that dies before it has answered is tried on, for connectMs', async (t) => {
    const pool = await FakePool.start(t);
    const { address } = pool;
    const options = { address, poolId: '', transport: 'auto', checks: false } as const;
    const client = new Client({ ...options, connectMs: 60_000 });
    const joining = client.join('m', {}, {});
    client.connection.start();
    const first = await pool.connection(0);
    await first.next('join');
    first.drop();
    // The next one has heard of nothing.
    pool.received = 0;
    const next = await pool.connection(1);
    await next.open();
    assert.equal(next.hello?.session, 0, 'it is another session');
    assert.deepEqual(next.numbers, [1]);
    await joining;
    client.connection.close(new AttaccaError('aborted', 'the end'));
    pool.greet = (connection) => connection.drop();
    const soon = await errorOf(join({ address, member: 'm', connectMs: 30 }));
    assert.equal(soon.code, 'connection-lost');
    assert.match(soon.message, /; tried for \d+ ms$/u);
    const atOnce = await errorOf(join({ address, member: 'm' }));
    assert.equal(atOnce.code, 'connection-lost');
    assert.doesNotMatch(atOnce.message, /tried/u);
  });

  test('a batch of requires that waits for room fails with its session, and with nothing else', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool, undefined, { sessionRepliesMax: 10 });
    const names = Array.from({ length: 3_000 }, (_, index) => `x/${index}`);
    const requiring = codeOf(member.requireMany(names));
    await connection.next('require');
    // Some are sent, the others wait. A rejection that nobody hears would fail this test.
    connection.refuse('pool-stopping');
    assert.equal(await requiring, 'pool-stopping');
  });

  test('lost before ACCEPT: the caller decides, as a session may exist', async (t) => {
    const pool = await FakePool.start(t);
    const joining = codeOf(join({ address: pool.address, member: 'm' }));
    const connection = await pool.connection(0);
    await connection.untilHello();
    connection.drop();
    assert.equal(await joining, 'connection-lost');
    assert.equal(pool.connections.length, 1);
  });

  test('a pool that refuses whoever connects is heard, though the token comes from a file', async (t) => {
    const pool = await FakePool.start(t);
    pool.greet = (connection) => connection.refuse('session-limit', true);
    assert.equal(await codeOf(join({ address: pool.address, member: 'm' })), 'session-limit');
  });

  test('frames cut anywhere and put together are the same answers', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const demanding = member.object('a').demand();
    const info = member.info();
    const demand = await connection.next('demand');
    const asked = await connection.next('info');
    const w = new Writer();
    w.raw(pool.frame(1, (m) => writeOk(m, demand.number - 1, demand.number - 1, 0, 0)));
    w.raw(pool.frame(1, (m) => writeDelivery(m, demand.number, Uint8Array.of(1, 2, 3))));
    w.raw(pool.frame(1, (m) => writeValueAnswer(m, asked.number, { name: 'x' })));
    await connection.drip(w.written());
    const got = await demanding;
    assert.deepEqual([...got.bytes], [1, 2, 3]);
    assert.deepEqual(got.attributes, { unit: 'K' });
    assert.deepEqual(await info, { name: 'x' });
    await got.dispose();
  });

  test('an abort sends CANCEL, and a delivery that crossed it is given back', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const controller = new AbortController();
    const demanding = codeOf(member.object('a').demand({ signal: controller.signal }));
    const demand = await connection.next('demand');
    controller.abort();
    assert.equal(await demanding, 'aborted');
    const cancel = await connection.next('cancel');
    assert.equal(cancel.request, demand.number);
    const dispose = await connection.next('dispose');
    assert.equal(dispose.handle, demand.handle);
    connection.send(3, (w) => {
      writeOk(w, demand.number - 1, demand.number - 1, 0, 0);
      writeDelivery(w, demand.number, Uint8Array.of(1));
      writeOk(w, cancel.number, dispose.number, 0, 0);
    });
    const info = member.info();
    const asked = await connection.next('info');
    connection.send(1, (w) => writeValueAnswer(w, asked.number, {}));
    assert.deepEqual(await info, {});
  });

  test('a pool that says nothing is given up a little after the deadline', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const demanding = errorOf(member.object('a').demand({ timeoutMs: 500 }));
    t.mock.timers.tick(1_000);
    const demand = await connection.next('demand');
    assert.equal(demand.deadline, 500);
    t.mock.timers.tick(2_000);
    // It is cancelled then, and given up when nothing is said to that either.
    t.mock.timers.tick(1_000);
    const error = await demanding;
    assert.equal(error.code, 'deadline-passed');
    assert.match(error.message, /the pool did not answer/);
  });

  test('failures of a batch tell which items, and an unknown code is an error all the same', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const names = ['a', 'b', 'c'];
    const failures: [number, string, string][] = [];
    const offering = member.offerMany([...names.map((name) => ({ name })), { name: '' }], {
      keep: true,
      onFailure: ({ index, name, error }) => failures.push([index, name, error.code]),
    });
    const offers = [
      await connection.next('offer'),
      await connection.next('offer'),
      await connection.next('offer'),
    ];
    const second = offers[1]?.number ?? 0;
    const last = (offers[2]?.number ?? 0) + 1;
    connection.send(4, (w) => {
      writeOk(w, 2, second - 2, 0, 0);
      const error = { retryable: false, code: 'handle-limit', message: 'no', fields: {} };
      writeFail(w, second - 1, error);
      writeFail(w, second, { ...error, code: 'from-the-future' });
      writeOk(w, second + 1, last, 0, 0);
    });
    const offered = await offering;
    assert.equal(offered.count, 2);
    assert.deepEqual(failures.sort(), [
      [1, 'b', 'handle-limit'],
      [3, '', 'bad-name'],
    ]);
    const info = errorOf(member.info());
    const asked = await connection.next('info');
    connection.send(1, (w) =>
      writeFail(w, asked.number, {
        retryable: true,
        code: 'from-the-future',
        message: 'later',
        fields: { when: 1 },
      }),
    );
    const error = await info;
    assert.equal(error.code, 'internal');
    assert.equal(error.message, 'later');
    assert.deepEqual((error as { fields?: unknown }).fields, { when: 1, code: 'from-the-future' });
  });

  test('whether a failure may be tried again is what the pool says, not what its code tells', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    for (const retryable of [true, false]) {
      for (const code of ['memory-full', 'too-large', 'from-the-future']) {
        const info = member.info();
        const { number } = await connection.next('info');
        const parts = { retryable, code, message: 'no', fields: {} };
        connection.send(1, (w) => writeFail(w, number, parts));
        await assert.rejects(info, { retryable });
      }
    }
    const offering = member.offerMany([{ name: 'a' }]);
    const { number } = await connection.next('offer');
    const parts = { retryable: false, code: 'handle-limit', message: 'no', fields: {} };
    connection.send(2, (w) => {
      writeOk(w, number - 1, number - 1, 0, 0);
      writeFail(w, number, parts);
    });
    await assert.rejects(offering, { code: 'handle-limit', retryable: false });
    // A refusal that may be tried again ends the connection only, whatever its code.
    connection.refuse('wrong-pool', true);
    const again = await pool.connection(1);
    await again.untilHello();
    again.refuse('session-limit', false);
    await again.untilClosed();
    await assert.rejects(member.info(), { code: 'session-limit', retryable: false });
  });

  test('what a pool must not say ends the session with its reason', async (t) => {
    const stories: [string, (connection: FakeConnection, pool: FakePool) => void][] = [
      ['bad-frame', (connection) => connection.raw(Uint8Array.of(1, 0, 0, 0, 9, 9, 9, 9))],
      ['bad-frame', (connection) => connection.ok(4_000)],
      ['bad-frame', (connection) => connection.ack(1_000_000)],
      ['frame-too-large', (connection) => connection.raw(new Uint8Array(8).fill(255))],
      ['bad-message', (connection) => connection.send(1, (w) => writeOk(w, 9, 8, 0, 0))],
      ['pool-stopping', (connection) => connection.refuse('pool-stopping')],
    ];
    for (const [code, misbehave] of stories) {
      const pool = await FakePool.start(t);
      const { member, connection } = await joined(pool);
      const waiting = codeOf(member.object('a').demand());
      await connection.next('demand');
      connection.send(1, (w) => writeSlabGone(w, 12));
      misbehave(connection, pool);
      assert.equal(await waiting, code);
      await connection.untilClosed();
    }
  });

  test('answers are acknowledged soon when nothing else is sent', async (t) => {
    const pool = await FakePool.start(t);
    const { member, connection } = await joined(pool);
    const info = member.info();
    const asked = await connection.next('info');
    connection.send(1, (w) => writeValueAnswer(w, asked.number, {}));
    await info;
    await pool.bell.until(() => (connection.acked === 2 ? true : null));
  });
});
