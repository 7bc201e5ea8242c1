import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Checksum } from '../../src/core/streams.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  Messages,
  writeDeclare,
  writeDemand,
  writeJoin,
  writeOfferInline,
  writeStat,
} from '../../src/protocol/index.js';
import { refused } from '../core/refusal.js';
import { Harness, OPTIONS } from '../pool/harness.js';
import { withLimit } from '../pool/limits.js';
import { type AnyMessage, decodeAny } from '../protocol/decode-any.js';
import { writePing } from '../protocol/other-side.js';

/** A MESSAGES frame. */
function frame(first: number, ack: number, write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  const start = beginMessages(w, first, ack);
  write(w);
  endFrame(w, start);
  return w.bytes.slice(0, w.at);
}

function receive(loop: PoolLoop, session: number, bytes: Uint8Array): void {
  loop.receive(session, bytes, FRAME_HEADER_SIZE, bytes.length);
}

/** The messages of a frame, with its numbers. */
function open(bytes: Uint8Array): { first: number; ack: number; messages: AnyMessage[] } {
  const messages = new Messages();
  messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
  const found: AnyMessage[] = [];
  while (messages.next()) {
    const body = messages.reader.bytes.slice(messages.reader.at, messages.end);
    found.push(decodeAny(messages.code, new Reader(body)));
  }
  return { first: messages.first, ack: messages.ack, messages: found };
}

function loopWithSession(): { loop: PoolLoop; session: number } {
  const loop = new PoolLoop(OPTIONS);
  const session = loop.openSession({});
  loop.run(0);
  return { loop, session };
}

test('a batch is stepped whole before any of its answers is released', () => {
  const { loop, session } = loopWithSession();
  const other = loop.openSession({});
  receive(
    loop,
    session,
    frame(1, 0, (w) => writeJoin(w, 0, 'reader', {})),
  );
  receive(
    loop,
    other,
    frame(1, 0, (w) => writeJoin(w, 0, 'writer', {})),
  );
  receive(
    loop,
    session,
    frame(2, 0, (w) => {
      writeDeclare(w, 0, 0, 'x', null, []);
      writeDemand(w, 0, 0, 0, 0, 0);
    }),
  );
  receive(
    loop,
    other,
    frame(2, 0, (w) => {
      writeDeclare(w, 0, 0, 'x', null, []);
      writeOfferInline(w, 0, 0, 0, 0, Uint8Array.of(1, 2));
    }),
  );
  assert.ok(loop.isDue(0));
  const { frames } = loop.run(1);
  assert.deepEqual(
    frames.map((each) => [each.session, open(each.bytes).messages.map(({ kind }) => kind)]),
    [
      [session, ['welcome', 'ok', 'deliver']],
      [other, ['welcome', 'ok']],
    ],
  );
  assert.deepEqual(loop.run(2).frames, []);
});

test('a frame that comes again takes no effect again, one that overlaps only what is new', () => {
  const { loop, session } = loopWithSession();
  const join = frame(1, 0, (w) => {
    writeJoin(w, 0, 'a', {});
    writeDeclare(w, 0, 0, 'x', null, []);
  });
  receive(loop, session, join);
  receive(loop, session, join);
  receive(
    loop,
    session,
    frame(2, 0, (w) => {
      writeDeclare(w, 0, 0, 'x', null, []);
      writeStat(w, 'x');
    }),
  );
  const { frames } = loop.run(1);
  const messages = frames.flatMap(({ bytes }) => open(bytes).messages);
  assert.deepEqual(
    messages.map(({ kind }) => kind),
    ['welcome', 'ok', 'value'],
  );
  assert.equal(loop.pool.handles.used, 1);
});

test('a gap, and an ack of what was not sent, are bad frames of which nothing takes effect', () => {
  const { loop, session } = loopWithSession();
  refused('bad-frame', () => receive(loop, session, frame(2, 0, writePing)));
  refused('bad-frame', () => receive(loop, session, frame(1, 1, writePing)));
  refused('bad-frame', () => loop.receiveAck(session, 1));
  assert.ok(!loop.isDue(0));
  assert.equal(loop.receivedOf(session), 0);
  receive(loop, session, frame(1, 0, writePing));
  assert.equal(loop.run(1).frames.length, 1);
  loop.receiveAck(session, 1);
  refused('bad-frame', () => loop.receiveAck(session, 2));
});

test('frames whose messages do not add up are refused whole', () => {
  const { loop, session } = loopWithSession();
  const good = frame(1, 0, (w) => {
    writePing(w);
    writePing(w);
  });
  for (let size = FRAME_HEADER_SIZE; size < good.length; size++) {
    if (size === FRAME_HEADER_SIZE + 16 || size === FRAME_HEADER_SIZE + 24) continue;
    refused('bad-frame', () => loop.receive(session, good, FRAME_HEADER_SIZE, size));
  }
  assert.ok(!loop.isDue(0));
});

test('a session that is not known is refused; one session too many as well', () => {
  const { loop, session } = loopWithSession();
  refused('session-unknown', () => receive(loop, 99, frame(1, 0, writePing)));
  refused('session-unknown', () => loop.receiveAck(99, 0));
  refused('session-unknown', () => loop.resumeSession(99, 0));
  withLimit('sessionsMax', 1, () => refused('session-limit', () => loop.openSession({})));
  assert.ok(loop.hasSession(session) && !loop.hasSession(99));
  assert.equal(loop.ackDue(99, true), 0);
  assert.equal(loop.receivedOf(99), 0);
  assert.equal(loop.isCongested(99), false);
  loop.disconnected(99);
  loop.input({ kind: 'session-gone', session, why: 'test' });
  assert.deepEqual(
    loop.run(1).effects.map((effect) => effect.kind),
    ['slab-wanted', 'session-ended'].slice(1),
  );
  assert.ok(!loop.hasSession(session));
});

test('answers to a client that is away are kept, and sent with what it has not received', () => {
  const { loop, session } = loopWithSession();
  receive(
    loop,
    session,
    frame(1, 0, (w) => writeJoin(w, 0, 'a', {})),
  );
  assert.equal(loop.run(1).frames.length, 1);
  receive(loop, session, frame(2, 0, writePing));
  loop.disconnected(session);
  assert.deepEqual(loop.run(2).frames, []);
  refused('bad-frame', () => loop.resumeSession(session, 3));
  const resumed = loop.resumeSession(session, 1);
  assert.equal(resumed.received, 2);
  assert.deepEqual(
    resumed.frames.map((bytes) => open(bytes)),
    [{ first: 2, ack: 2, messages: [{ kind: 'ok', first: 2, last: 2, record: 0, bytes: 0 }] }],
  );
  receive(loop, session, frame(3, 2, writePing));
  const [next] = loop.run(3).frames;
  assert.equal(open(next?.bytes as Uint8Array).first, 3);
});

test('who lacks what it has acknowledged is refused: nobody can send that again', () => {
  const { loop, session } = loopWithSession();
  receive(
    loop,
    session,
    frame(1, 0, (w) => writeJoin(w, 0, 'a', {})),
  );
  loop.run(1);
  receive(loop, session, frame(2, 1, writePing));
  loop.run(2);
  loop.disconnected(session);
  refused('bad-frame', () => loop.resumeSession(session, 0));
  // Nothing has changed by that: who has it goes on.
  const { received, frames } = loop.resumeSession(session, 1);
  assert.equal(received, 2);
  assert.equal(open(frames[0] as Uint8Array).first, 2);
});

test('waits that end while the client is away are answered when it is back', () => {
  const { loop, session } = loopWithSession();
  receive(
    loop,
    session,
    frame(1, 0, (w) => {
      writeJoin(w, 0, 'a', {});
      writeDeclare(w, 0, 0, 'x', null, []);
      writeDemand(w, 0, 500, 0, 0, 0);
    }),
  );
  loop.run(1);
  loop.disconnected(session);
  assert.equal(loop.pool.waits.nextDeadline(), 501);
  assert.deepEqual(loop.run(501).frames, []);
  const { frames } = loop.resumeSession(session, 2);
  const [message] = open(frames[0] as Uint8Array).messages;
  assert.ok(message?.kind === 'fail' && message.code === 'deadline-passed');
});

test('answers that fill more than a frame are several, in order and numbered on', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', new Uint8Array(65_536).fill(7), { keep: true });
  const calls: ReturnType<typeof reader.demand>[] = [];
  pool.batch(() => {
    for (let index = 0; index < 200; index++) calls.push(reader.demand('x', { dispose: true }));
  });
  for (const call of calls) assert.equal(call.bytes()?.length, 65_536);
  const { loop, session } = loopWithSession();
  receive(
    loop,
    session,
    frame(1, 0, (w) => writeJoin(w, 0, 'a', {})),
  );
  receive(
    loop,
    session,
    frame(2, 0, (w) => {
      for (let handle = 1; handle <= 300; handle++) {
        writeDeclare(w, handle, 0, 'x', null, []);
        writeDemand(w, handle, 0, 0, 0, 2);
      }
      // All that wait are answered by one offer.
      writeDeclare(w, 0, 0, 'x', null, []);
      writeOfferInline(w, 0, 1, 0, 0, new Uint8Array(65_000));
    }),
  );
  const { frames } = loop.run(1);
  assert.ok(frames.length >= 5);
  let next = 1;
  for (const { bytes } of frames) {
    assert.ok(bytes.length <= LIMITS.frameBytesMax + 4);
    const { first, messages } = open(bytes);
    assert.equal(first, next);
    next += messages.length;
  }
  checkInvariants(loop.pool);
});

test('a session is congested by answers that it has not acknowledged, until it has', () => {
  const { loop, session } = loopWithSession();
  let sent = 0;
  const ping = (): void => {
    receive(
      loop,
      session,
      frame(++sent, 0, (w) => writeStat(w, 'x')),
    );
    loop.run(1);
  };
  withLimit('sessionRepliesMax', 10, () => {
    while (!loop.isCongested(session)) ping();
    assert.equal(sent, 10);
    loop.receiveAck(session, 1);
    assert.ok(!loop.isCongested(session));
  });
  withLimit('sessionReplyBytesMax', 1_000, () => {
    assert.ok(loop.isCongested(session));
    loop.receiveAck(session, sent);
    assert.ok(!loop.isCongested(session));
  });
});

test('an ack is due when nothing else carried it: at once for many, else soon', () => {
  const { loop, session } = loopWithSession();
  assert.equal(loop.ackDue(session, true), 0);
  receive(
    loop,
    session,
    frame(1, 0, (w) => {
      writeJoin(w, 0, 'a', {});
      writeDeclare(w, 0, 0, 'x', null, []);
    }),
  );
  loop.run(1);
  assert.equal(loop.ackDue(session, true), 0, 'the answers carried it');
  receive(
    loop,
    session,
    frame(3, 0, (w) => writeDemand(w, 0, 0, 0, 0, 0)),
  );
  loop.run(2);
  assert.equal(loop.ackDue(session, false), 0);
  assert.equal(loop.ackDue(session, true), 3);
  assert.equal(loop.ackDue(session, true), 0);
  assert.equal(loop.receivedOf(session), 3);
});

test('time that has come is stepped though nothing else happened', () => {
  const { loop, session } = loopWithSession();
  receive(
    loop,
    session,
    frame(1, 0, (w) => {
      writeJoin(w, 0, 'a', {});
      writeDeclare(w, 0, 0, 'x', null, []);
      writeDemand(w, 0, 10, 0, 0, 0);
    }),
  );
  loop.run(5);
  assert.deepEqual(loop.run(14).frames, []);
  assert.equal(loop.run(15).frames.length, 1);
  assert.throws(() => loop.input({ kind: 'tick' }) === undefined && loop.run(14), /go back/);
});

test('a batch that was large leaves no large buffer behind', () => {
  const pool = new Harness();
  const writer = pool.member('writer');
  const reader = pool.member('reader');
  writer.offer('x', new Uint8Array(65_536), { keep: true });
  pool.batch(() => {
    for (let index = 0; index < 100; index++) reader.demand('x', { dispose: true });
  });
  const session = pool.pool.sessions.get(reader.client.session);
  assert.ok((session?.out.bytes.length ?? 0) <= 256 * 1024);
});

test('answers that are much at once come in turns, in order, and others are served between', () => {
  const { loop, session } = loopWithSession();
  const other = loop.openSession({});
  const asked = 50;
  receive(
    loop,
    session,
    frame(1, 0, (w) => {
      writeJoin(w, 0, 'a', {});
      writeDeclare(w, 0, 0, 'x', null, []);
      writeOfferInline(w, 0, 0, 0, 0, new Uint8Array(60_000));
    }),
  );
  loop.run(1);
  const bytes = frame(4, 0, (w) => {
    for (let index = 0; index < asked; index++) {
      writeDeclare(w, 1 + index, 0, 'x', null, []);
      writeDemand(w, 1 + index, 0, 0, 0, 0);
    }
  });
  receive(loop, session, bytes);
  // The bytes of what is left off are the loop's own: those that came may be used again.
  const rest = frame(4 + 2 * asked, 0, (w) => writeStat(w, 'x'));
  receive(loop, session, rest);
  const heard: string[] = [];
  let turns = 0;
  for (; loop.isDue(0); turns++) {
    const { frames } = loop.run(2 + turns);
    bytes.fill(0xff);
    rest.fill(0xff);
    for (const each of frames) {
      for (const message of open(each.bytes).messages) {
        if (each.session === session) heard.push(message.kind);
        else assert.equal(heard.includes('value'), false, 'before all of the first is answered');
      }
    }
    if (turns === 0) receive(loop, other, frame(1, 0, writePing));
  }
  const aTurn = Math.ceil(LIMITS.turnAnswerBytesMax / 60_000);
  assert.equal(turns, Math.floor(asked / aTurn) + 1);
  assert.equal(heard.filter((kind) => kind === 'deliver').length, asked);
  assert.equal(heard.at(-1), 'value', 'what came behind has its turn behind');
});

test('who has not read what is kept for it is answered no further, and goes on when it has', () => {
  const { loop, session } = loopWithSession();
  const stats = 200;
  receive(
    loop,
    session,
    frame(1, 0, (w) => {
      for (let index = 0; index < stats; index++) writeStat(w, 'x');
    }),
  );
  withLimit('turnAnswerBytesMax', 1_000, () =>
    withLimit('sessionReplyBytesMax', 5_000, () => {
      let now = 1;
      while (loop.isDue(0)) loop.run(now++);
      assert.ok(loop.isCongested(session));
      const other = loop.openSession({});
      let answered = loop.pool.operations;
      loop.run(now++);
      assert.equal(loop.pool.operations, answered, 'in the turn of others, neither');
      assert.ok(loop.hasSession(other));
      assert.ok(answered > 0 && answered < stats);
      for (; answered < stats; answered = loop.pool.operations) {
        loop.receiveAck(session, answered);
        assert.ok(loop.isDue(0));
        loop.run(now++);
      }
      assert.ok(!loop.isDue(0));
    }),
  );
});

test('together too much is kept: who holds more than its share waits, others do not', () => {
  const { loop, session } = loopWithSession();
  const other = loop.openSession({});
  const stat = (to: number, first: number): void => {
    receive(
      loop,
      to,
      frame(first, 0, (w) => writeStat(w, 'x')),
    );
    loop.run(first);
  };
  for (let first = 1; first <= 20; first++) stat(session, first);
  receive(
    loop,
    other,
    frame(1, 0, (w) => writeStat(w, 'x')),
  );
  loop.run(21);
  withLimit('repliesBytesMax', 1_000, () => {
    assert.ok(loop.isCongested(session));
    assert.ok(!loop.isCongested(other));
    loop.receiveAck(session, 20);
    assert.ok(!loop.isCongested(session));
  });
});

test('who ends with a batch has no turn in it, neither first nor when it is done again', () => {
  const sum: Checksum = (bytes, from) => bytes.reduce((at, byte) => (at * 31 + byte) >>> 0, from);
  const loop = new PoolLoop(OPTIONS, sum);
  const replayed = new PoolLoop(OPTIONS, sum);
  const run = (now: number): void => {
    const batch = loop.step(now);
    const entries = batch.entries.slice();
    loop.release(batch);
    replayed.replay({ ...batch, entries });
  };
  const session = loop.openSession({});
  run(1);
  const requests = frame(1, 0, (w) => {
    writeJoin(w, 0, 'a', {});
    for (let index = 0; index < 9; index++) writePing(w);
    writeStat(w, 'nothing');
    writeStat(w, 'nothing');
  });
  receive(loop, session, requests);
  withLimit('turnAnswerBytesMax', 1, () => {
    run(2);
    const { operations } = loop.pool;
    assert.ok(loop.isBehind(session) && operations < 12, `${operations} were stepped`);
    receive(loop, session, frame(13, 0, writePing));
    loop.input({ kind: 'session-gone', session, why: 'test' });
    run(3);
    assert.equal(loop.pool.operations, operations);
    assert.ok(!loop.hasSession(session) && !loop.isDue(3));
    assert.deepEqual(loop.behind, []);
    run(4);
  });
});
