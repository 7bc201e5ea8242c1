import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  beginMessages,
  endFrame,
  FRAME,
  MESSAGE,
  writeDeclare,
  writeDemand,
  writeEnd,
  writeJoin,
  writeMembers,
  writeOfferInline,
  writeStat,
} from '../../src/protocol/index.js';
import { writePing } from '../protocol/other-side.js';
import { poolOf } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

/** A frame of any kind, with a size that need not be true. */
function frame(kind: number, body: Uint8Array, size: number = body.length + 4): Uint8Array {
  const writer = new Writer();
  writer.u32(size);
  writer.u32(kind);
  writer.raw(body);
  return writer.written();
}

const NOTHING = new Uint8Array(0);

const BROKEN: readonly { name: string; bytes: Uint8Array; code: string }[] = [
  { name: 'garbage', bytes: new Uint8Array(500).fill(0xa7), code: 'frame-too-large' },
  { name: 'zeros', bytes: new Uint8Array(500), code: 'bad-frame' },
  { name: 'an unknown kind', bytes: frame(99, NOTHING), code: 'bad-frame' },
  { name: 'reserved bytes', bytes: frame(FRAME.ack | 0x100, new Uint8Array(8)), code: 'bad-frame' },
  {
    name: 'an oversized frame',
    bytes: frame(FRAME.messages, NOTHING, LIMITS.frameBytesMax + 1),
    code: 'frame-too-large',
  },
  { name: 'a short ACK', bytes: frame(FRAME.ack, new Uint8Array(3)), code: 'bad-frame' },
  {
    name: 'a message beyond its frame',
    bytes: frame(FRAME.messages, new Uint8Array(30).fill(1)),
    code: 'bad-frame',
  },
  { name: 'a second HELLO', bytes: frame(FRAME.hello, NOTHING), code: 'bad-frame' },
  { name: 'a frame of the pool', bytes: frame(FRAME.accept, NOTHING), code: 'bad-frame' },
  { name: 'an ack of what was never sent', bytes: ackOf(1_000_000), code: 'bad-frame' },
  { name: 'a gap in the numbers', bytes: messagesFrom(1_000), code: 'bad-frame' },
];

function ackOf(number: number): Uint8Array {
  const writer = new Writer();
  writer.u64(number);
  return frame(FRAME.ack, writer.written());
}

function messagesFrom(first: number): Uint8Array {
  const writer = new Writer();
  const start = beginMessages(writer, first, 0);
  writePing(writer);
  endFrame(writer, start);
  return writer.written();
}

test('whatever is sent ends at worst its own connection, with a reason', async (t) => {
  const server = await poolOf(t);
  const witness = await RawClient.open(server.address);
  for (const { name, bytes, code } of BROKEN) {
    await t.test(name, async () => {
      const client = await RawClient.open(server.address);
      await client.ok(client.send(writePing));
      const { session, secret } = client.accept;
      client.link.write(bytes);
      assert.equal((await client.refused()).code, code);
      await client.untilClosed();
      // Nothing of that frame took effect, and the session is still there.
      const again = await RawClient.connect(server.address);
      const { token } = server;
      const accept = await again.hello({ token, session, secret, received: client.received });
      assert.equal(accept.resumed, true);
      assert.equal(accept.received, 1);
      await witness.ok(witness.send(writePing));
    });
  }
});

test('before HELLO nothing else is heard', async (t) => {
  const server = await poolOf(t);
  for (const bytes of [messagesFrom(1), ackOf(0), frame(FRAME.hello, new Uint8Array(9))]) {
    const client = await RawClient.connect(server.address);
    client.link.write(bytes);
    assert.equal((await client.refused()).code, 'bad-frame');
    await client.untilClosed();
  }
  assert.equal(server.sessionCount, 0);
});

test('who speaks another protocol is told so', async (t) => {
  const server = await poolOf(t);
  const words = ['GET / HTTP/1.1\r\nhost: pool\r\n\r\n', '\x16\x03\x01\x02\x00\x01', '\0\0\0\0'];
  for (const word of words) {
    const client = await RawClient.connect(server.address);
    client.link.write(Buffer.from(word, 'latin1'));
    const { code, message } = await client.refused();
    assert.equal(code, 'bad-frame');
    assert.match(message, /this is not the Attacca protocol/u);
    await client.untilClosed();
  }
  const session = await RawClient.open(server.address);
  const { data } = session.accept.pool;
  const client = await RawClient.connect(Array.isArray(data) ? String(data[0]) : '');
  client.link.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  assert.match((await client.refused()).message, /this is not the Attacca protocol/u);
});

test('HELLO is refused with a code that says what to mend', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const refusals: [Parameters<RawClient['writeHello']>[0], string][] = [
    [{ token: 'guess' }, 'wrong-token'],
    [{ token: '' }, 'wrong-token'],
    [{ token, lowest: 7, highest: 9 }, 'version-mismatch'],
    [{ token, pool: 'another' }, 'wrong-pool'],
    [{ token, session: 77, secret: new Uint8Array(32) }, 'session-unknown'],
    [{ token, role: 1 }, 'bad-frame'],
  ];
  for (const [hello, code] of refusals) {
    const client = await RawClient.connect(server.address);
    client.writeHello(hello);
    const refusal = await client.refused();
    assert.equal(refusal.code, code);
    if (code === 'version-mismatch')
      assert.deepEqual({ ...refusal.fields }, { lowest: 1, highest: 1 });
    await client.untilClosed();
  }
  const newer = await RawClient.open(server.address, { lowest: 1, highest: 200 });
  assert.equal(newer.accept.version, 1);
});

test("another session's secret opens nothing", async (t) => {
  const server = await poolOf(t);
  const one = await RawClient.open(server.address);
  const other = await RawClient.open(server.address);
  const { session } = one.accept;
  const { secret } = other.accept;
  await assert.rejects(RawClient.open(server.address, { session, secret }), /session-unknown/);
  await one.ok(one.send(writePing));
});

test('requests may stand behind HELLO in the same write', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.connect(server.address);
  client.writeHello({ token: server.token });
  await client.ok(client.send(writePing));
  assert.equal(client.frames[0]?.kind, FRAME.accept);
});

test('a connection that says nothing is closed', async (t) => {
  const server = await poolOf(t, { handshakeMsMax: 1 });
  const client = await RawClient.connect(server.address);
  assert.equal((await client.refused()).code, 'bad-frame');
  await client.untilClosed();
});

test('a session goes on after a cut in the middle of a frame: each request once', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'model', {})));
  // Ten declares under one handle number each: done twice, they would fail with handle-in-use.
  const bytes = client.frame(10, (w) => {
    for (let handle = 0; handle < 10; handle++) writeDeclare(w, handle, 1, 'name', null, []);
  });
  client.link.write(bytes.subarray(0, bytes.length - 5));
  client.link.close();
  await client.untilClosed();

  const { session, secret } = client.accept;
  const again = await RawClient.connect(server.address);
  const accept = await again.hello({ token, session, secret, received: 1 });
  assert.equal(accept.received, 1);
  again.received = 1;
  again.link.write(bytes);
  again.sent = 11;
  await again.ok(11);
  // One range of all, or several where a turn was over in between.
  assert.ok(again.answers.length > 0 && again.answers.every(({ code }) => code === MESSAGE.ok));
});

test('what was sent and not heard is sent again, with the same numbers', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const client = await RawClient.open(server.address);
  const { session, secret } = client.accept;
  await client.ok(client.send(writePing));
  await client.answer(client.send((w) => writeStat(w, 'nothing')));
  const [, failed] = client.answers;
  assert.equal(failed?.number, 2);
  client.link.destroy();
  await client.untilClosed();

  // It says that it has heard the first answer only.
  const again = await RawClient.connect(server.address);
  again.received = 1;
  await again.hello({ token, session, secret, received: 1 });
  const repeated = await again.until(() => again.answers[0]);
  assert.deepEqual(repeated, failed);
});

test('who says that it lacks what it has acknowledged is refused, and may think again', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const client = await RawClient.open(server.address);
  const { session, secret } = client.accept;
  await client.ok(client.send(writePing));
  // It acknowledges the answer before.
  await client.ok(client.send(writePing));
  client.link.destroy();
  await client.untilClosed();
  const forgetful = await RawClient.connect(server.address);
  forgetful.writeHello({ token, session, secret, received: 0 });
  assert.equal((await forgetful.refused()).code, 'bad-frame');
  const again = await RawClient.connect(server.address);
  again.received = 2;
  const accept = await again.hello({ token, session, secret, received: 2 });
  assert.deepEqual([accept.resumed, accept.received], [true, 2]);
});

test('a session that is taken up again while its old connection stands leaves that one', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const old = await RawClient.open(server.address);
  const { session, secret } = old.accept;
  const taker = await RawClient.connect(server.address);
  await taker.hello({ token, session, secret });
  await old.untilClosed();
  await taker.ok(taker.send(writePing));
  assert.equal(server.sessionCount, 1);
});

test('END is answered, then the connection is closed and the session unknown', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const { session, secret } = client.accept;
  await client.ok(client.send(writeEnd));
  await client.untilClosed();
  assert.equal(server.sessionCount, 0);
  await assert.rejects(RawClient.open(server.address, { session, secret }), /session-unknown/);
});

test('a client that reads slowly is waited for, alone, and loses nothing', async (t) => {
  const server = await poolOf(t);
  const slow = await RawClient.open(server.address);
  const witness = await RawClient.open(server.address);
  await slow.answer(slow.send((w) => writeJoin(w, 1, 'slow', {})));
  const payload = new Uint8Array(LIMITS.inlineBytesMax).fill(5);
  slow.send((w) => writeDeclare(w, 1, 1, 'big', { dtype: 'uint8', shape: [payload.length] }, []));
  await slow.ok(slow.send((w) => writeOfferInline(w, 1, 0, 0, 0, payload)));

  // 2,000 answers of 64 KiB are twice what the pool queues for one connection.
  slow.link.pause();
  const count = 2_000;
  for (let handle = 10; handle < 10 + count; handle++) {
    slow.send((w) => writeDeclare(w, handle, 1, 'big', null, []));
    slow.send((w) => writeDemand(w, handle, 0, 0, 0, 2));
  }
  const last = slow.sent;
  for (let round = 0; round < 100; round++) await witness.ok(witness.send(writePing));
  slow.link.resume();
  let heard = 0;
  let acked = 0;
  await slow.until(() => {
    heard += slow.answers.filter(({ code }) => code === MESSAGE.deliver).length;
    const done = slow.answers.some(({ number }) => number === last) || heard === count;
    slow.answers.length = 0;
    slow.frames.length = 0;
    if (slow.received - acked > 500) {
      acked = slow.received;
      slow.ack();
    }
    return done;
  });
  assert.equal(heard, count);
});

/** Frames of so many requests, each answered with a message of its own. */
function frames(client: RawClient, count: number, write: (w: Writer) => void): Uint8Array[] {
  const made: Uint8Array[] = [];
  for (let left = count; left > 0; left -= 1_000) {
    const some = Math.min(left, 1_000);
    made.push(
      client.frame(some, (w) => {
        for (let index = 0; index < some; index++) write(w);
      }),
    );
  }
  return made;
}

/** Reads to the end of what was asked for, keeping nothing. */
async function hear(client: RawClient, count: number): Promise<void> {
  await client.until(() => {
    client.answers.length = 0;
    client.frames.length = 0;
    return client.received >= count;
  });
}

test('requests wait while too many answers are not acknowledged, and go on after it', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const most = LIMITS.sessionRepliesMax;
  // Made before anything is heard: none of them acknowledges.
  const first = frames(client, most, writeMembers);
  const more = frames(client, 5_000, writeMembers);
  for (const each of first) client.link.write(each);
  await hear(client, most);
  // Held, but read: the acknowledgement that frees them stands behind them.
  for (const each of more) client.link.write(each);
  const witness = await RawClient.open(server.address);
  for (let round = 0; round < 20; round++) await witness.ok(witness.send(writePing));
  assert.equal(client.received, most);
  client.ack();
  await hear(client, most + 5_000);
});

test('who acknowledges nothing is cut off, and taking the session up again mends it', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const client = await RawClient.open(server.address);
  const { session, secret } = client.accept;
  const most = LIMITS.sessionRepliesMax;
  const first = frames(client, most, writeMembers);
  const more = frames(client, 9_000, (w) => writeStat(w, 'z'.repeat(1_000)));
  for (const each of first) client.link.write(each);
  await hear(client, most);
  for (const each of more) client.link.write(each);
  const refusal = await client.refused();
  assert.deepEqual([refusal.code, refusal.retryable], ['session-limit', true]);
  await client.untilClosed();

  const again = await RawClient.connect(server.address);
  again.received = client.received;
  const accept = await again.hello({ token, session, secret, received: client.received });
  assert.equal(accept.received, most);
  for (const each of more) again.link.write(each);
  await hear(again, most + 9_000);
});

test('who was cut off for acknowledging nothing gets each answer once, when it is back', async (t) => {
  const server = await poolOf(t);
  const { token } = server;
  const client = await RawClient.open(server.address);
  const { session, secret } = client.accept;
  const most = LIMITS.sessionRepliesMax;
  // Each is answered by one message that names it.
  const first = frames(client, most + 3_000, writeMembers);
  const more = frames(client, 9_000, (w) => writeStat(w, 'z'.repeat(1_000)));
  const answered = new Uint8Array(client.sent + 1);
  const note = (from: RawClient): void => {
    for (const { body } of from.answers.splice(0)) {
      const request = new Reader(body).u64();
      answered[request] = (answered[request] ?? 0) + 1;
    }
  };
  for (const each of [...first, ...more]) client.link.write(each);
  assert.equal((await client.refused()).code, 'session-limit');
  await client.untilClosed();
  note(client);

  const again = await RawClient.connect(server.address);
  again.received = client.received;
  const { received } = await again.hello({ token, session, secret, received: client.received });
  assert.ok(received >= most && received < client.sent);
  // What the pool has already is sent again, too: it must not take effect twice.
  for (const each of [...first, ...more]) again.link.write(each);
  await again.until(() => {
    note(again);
    again.frames.length = 0;
    again.ack();
    return again.received >= client.sent;
  });
  assert.ok(answered.subarray(1).every((times) => times === 1));
});

test('a HELLO that does not end is not waited for', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.connect(server.address);
  client.link.write(frame(FRAME.hello, new Uint8Array(1 << 20), LIMITS.frameBytesMax));
  assert.equal((await client.refused()).code, 'frame-too-large');
  await client.untilClosed();
});

test('a HELLO that is too large is refused when it comes whole, and says so', async (t) => {
  const server = await poolOf(t);
  for (const [size, code] of [
    [65_536, 'frame-too-large'],
    [65_532, 'bad-frame'],
  ] as const) {
    const client = await RawClient.connect(server.address);
    client.link.write(frame(FRAME.hello, new Uint8Array(size - 4)));
    assert.equal((await client.refused()).code, code, `${size} bytes`);
    await client.untilClosed();
  }
});
