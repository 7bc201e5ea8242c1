import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Writer } from '../../src/core/bytes.js';
import { Batches } from '../../src/loop/batches.js';
import { hashOf } from '../../src/loop/history.js';
import { type Batch, type Performance, PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  writeDeclare,
  writeJoin,
  writeOfferInline,
} from '../../src/protocol/index.js';
import { OPTIONS } from '../pool/harness.js';

function frame(first: number, ack: number, write: (w: Writer) => void): Uint8Array {
  const w = new Writer();
  const start = beginMessages(w, first, ack);
  write(w);
  endFrame(w, start);
  return w.written().slice(FRAME_HEADER_SIZE);
}

/** A session whose JOIN is stepped, and not durable. */
function joined(): { loop: PoolLoop; session: number; batch: Batch } {
  const loop = new PoolLoop(OPTIONS, crc32);
  const session = loop.openSession({ pid: 1 });
  const join = frame(1, 0, (w) => writeJoin(w, 1, 'm', {}));
  loop.receive(session, join, 0, join.length);
  return { loop, session, batch: loop.step(1) };
}

function copyOf(batch: Batch): Batch {
  return { ...batch, entries: batch.entries.slice() };
}

test('nobody hears of a batch before it is released: not that it came, nor what came of it', () => {
  const { loop, session, batch } = joined();
  assert.equal(loop.ackDue(session, true), 0);
  assert.equal(loop.receivedOf(session), 0);
  const early = loop.resumeSession(session, 0);
  assert.deepEqual(early, { received: 0, frames: [] });
  assert.throws(() => loop.receiveAck(session, 1), { code: 'bad-frame' }, 'nobody was told of it');
  const { opened, frames } = loop.release(batch);
  assert.deepEqual(opened, [session]);
  assert.equal(frames.length, 1);
  assert.equal(loop.receivedOf(session), 1);
  const late = loop.resumeSession(session, 0);
  assert.equal(late.received, 1);
  assert.equal(late.frames.length, 1);
  loop.receiveAck(session, 1);
});

test('what later batches have to say waits for them, whoever connects meanwhile', () => {
  const { loop, session, batch } = joined();
  const offer = frame(2, 0, (w) => {
    writeDeclare(w, 1, 1, 'x', null, []);
    writeOfferInline(w, 1, 0, 0, 0, Uint8Array.of(1));
  });
  loop.receive(session, offer, 0, offer.length);
  const second = loop.step(2);
  loop.release(batch);
  loop.disconnected(session);
  const { received, frames } = loop.resumeSession(session, 0);
  assert.equal(received, 1, 'the offer is not durable');
  assert.equal(frames.length, 1);
  assert.equal(loop.release(second).frames.length, 1);
  assert.equal(loop.receivedOf(session), 3);
});

test('a first acknowledgement alone is worth a batch, others wait for one, and are one', () => {
  const { loop, session, batch } = joined();
  const twin = new PoolLoop(OPTIONS, crc32);
  twin.replay(copyOf(batch));
  loop.release(batch);
  assert.ok(!loop.isDue(2));
  loop.receiveAck(session, 1);
  assert.ok(loop.isDue(2));
  const heard = loop.step(2);
  const { length } = heard.entries;
  twin.replay(copyOf(heard));
  assert.ok(twin.hasAcknowledged(session));
  loop.release(heard);
  for (let first = 2; first <= 3; first++) {
    const declare = frame(first, 0, (w) => writeDeclare(w, first, 0, 'x', null, []));
    loop.receive(session, declare, 0, declare.length);
    loop.run(first + 1);
  }
  loop.receiveAck(session, 2);
  loop.receiveAck(session, 3);
  assert.ok(!loop.isDue(9));
  assert.equal(loop.step(9).entries.length, length, 'one entry');
});

test('a record is done again with the same outcome, or not at all', () => {
  const { loop, batch } = joined();
  const first = copyOf(batch);
  loop.input({ kind: 'tick' });
  const second = copyOf(loop.step(2));
  const twin = new PoolLoop(OPTIONS, crc32);
  twin.replay(first);
  twin.replay(second);
  const third = { ...second, check: second.check ^ 1 };
  const broken = new PoolLoop(OPTIONS, crc32);
  broken.replay(first);
  assert.throws(() => broken.replay(third), { code: 'journal-damaged' });
  const changed = new PoolLoop({ ...OPTIONS, deadlineDefaultMs: 5 }, crc32);
  changed.replay(first);
  assert.throws(() => changed.replay(second), { code: 'journal-damaged' });
});

test('batches leave in their order, and wait for a journal that has no place now', () => {
  const loop = new PoolLoop(OPTIONS, crc32);
  const appended: number[] = [];
  const performed: Performance[] = [];
  let room: 'ok' | 'later' | 'full' = 'ok';
  let asked: boolean[] = [];
  const journal = {
    reserve: (_bytes: number, frees = false) => {
      asked.push(frees);
      return room === 'full' && frees ? 'ok' : room;
    },
    append: () => appended.push(appended.length),
  };
  const batches = new Batches({ loop, journal, perform: (each) => performed.push(each) });
  assert.ok(batches.step(1), 'there is nothing to do');
  loop.openSession({});
  assert.ok(batches.step(1));
  loop.openSession({});
  assert.ok(batches.step(2));
  room = 'later';
  loop.openSession({});
  assert.ok(!batches.step(3));
  assert.equal(appended.length, 2);
  assert.deepEqual(performed, []);
  batches.durable(1);
  assert.deepEqual(
    performed.map(({ opened }) => opened),
    [[1]],
  );
  room = 'full';
  asked = [];
  assert.ok(batches.step(3), 'what came before may use what is kept back');
  assert.deepEqual(asked, [false, true]);
  batches.durable(3);
  assert.deepEqual(
    performed.map(({ opened }) => opened),
    [[1], [2], [3]],
  );
  loop.hasRoom = false;
  loop.input({ kind: 'tick' });
  asked = [];
  batches.step(4);
  assert.deepEqual(asked, [true], 'then nothing new comes');
});

test('an acknowledgement in a frame that is all known is written down, too', () => {
  const { loop, session, batch } = joined();
  const twin = new PoolLoop(OPTIONS, crc32);
  twin.replay(copyOf(batch));
  loop.release(batch);
  const again = frame(1, 1, (w) => writeJoin(w, 1, 'm', {}));
  loop.receive(session, again, 0, again.length);
  twin.replay(copyOf(loop.step(2)));
  assert.equal(twin.hasAcknowledged(session), true);
  assert.equal(hashOf(twin, crc32), hashOf(loop, crc32));
});
