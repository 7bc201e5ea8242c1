import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { Chronicle, type Told } from '../../src/loop/chronicle.js';
import { type Batch, PoolLoop } from '../../src/loop/pool-loop.js';
import {
  beginMessages,
  EVENT,
  endFrame,
  FRAME_HEADER_SIZE,
  SUBSCRIBE,
  writeDeclare,
  writeDemand,
  writeEnd,
  writeJoin,
  writeOfferInline,
  writeQueue,
  writeSubscribe,
  writeTake,
} from '../../src/protocol/index.js';
import { CHECKSUM, restored, saved } from '../core/states.js';
import { OPTIONS } from '../pool/harness.js';
import { writePing } from '../protocol/other-side.js';

/** A loop in which each request takes a whole turn. */
function slowLoop(): PoolLoop {
  const loop = new PoolLoop(OPTIONS, CHECKSUM);
  let ms = 0;
  loop.clock = () => {
    ms += LIMITS.turnMsMax;
    return ms;
  };
  return loop;
}

function send(loop: PoolLoop, session: number, first: number, write: (w: Writer) => void): void {
  const w = new Writer();
  const start = beginMessages(w, first, 0);
  write(w);
  endFrame(w, start);
  loop.receive(session, w.bytes, FRAME_HEADER_SIZE, w.at);
}

function record(loop: PoolLoop, now: number): Batch {
  const batch = loop.step(now);
  const entries = batch.entries.slice();
  loop.release(batch);
  return { ...batch, entries };
}

function words(told: readonly Told[]): string[] {
  return told.map(({ kind, session, what, object, answer }) =>
    kind === 'request' || kind === 'answer'
      ? `${kind} s${session} ${`${what} ${object}`.trim()} ${answer?.outcome ?? 'waits'}`
      : `${kind} s${session}`,
  );
}

test('what had not had its turn when its session ended is told by nobody', () => {
  const loop = slowLoop();
  const replayed = new PoolLoop(OPTIONS, CHECKSUM);
  const chronicle = new Chronicle(null);
  const session = loop.openSession({});
  send(loop, session, 1, (w) => {
    writeJoin(w, 0, 'a', {});
    writeDeclare(w, 0, 0, 'x', null, []);
  });
  assert.deepEqual(words(chronicle.replay(record(loop, 1), replayed)), [
    'session-opened s1',
    'request s1 join ok',
  ]);
  send(loop, session, 3, writePing);
  loop.input({ kind: 'session-gone', session, why: '' });
  const other = loop.openSession({});
  send(loop, other, 1, (w) => {
    writePing(w);
    writePing(w);
  });
  loop.input({ kind: 'session-gone', session: other, why: '' });
  assert.deepEqual(words(chronicle.replay(record(loop, 2), replayed)), [
    'session-gone s1',
    'session-opened s2',
    'request s2 ping ok',
    'session-gone s2',
  ]);
  assert.deepEqual(chronicle.undone(), []);
});

test('a session that ends by itself is told up to there', () => {
  const loop = slowLoop();
  const replayed = new PoolLoop(OPTIONS, CHECKSUM);
  const chronicle = new Chronicle(null);
  const session = loop.openSession({});
  send(loop, session, 1, (w) => {
    writePing(w);
    writeEnd(w);
    writePing(w);
  });
  chronicle.replay(record(loop, 1), replayed);
  assert.deepEqual(words(chronicle.replay(record(loop, 2), replayed)), ['request s1 end ok']);
  assert.deepEqual(chronicle.undone(), []);
});

test('who has something new to say is told before those whose turn goes on', () => {
  const loop = slowLoop();
  const replayed = new PoolLoop(OPTIONS, CHECKSUM);
  const chronicle = new Chronicle(null);
  const [session, other] = [loop.openSession({}), loop.openSession({})];
  send(loop, session, 1, (w) => {
    writePing(w);
    writeJoin(w, 0, 'a', {});
  });
  chronicle.replay(record(loop, 1), replayed);
  send(loop, other, 1, writePing);
  assert.deepEqual(words(chronicle.replay(record(loop, 2), replayed)), [
    'request s2 ping ok',
    'request s1 join ok',
  ]);
});

test('what a snapshot has of requests that wait is told when it is done', () => {
  const loop = slowLoop();
  const session = loop.openSession({});
  loop.step(1);
  send(loop, session, 1, (w) => {
    writeJoin(w, 0, 'a', {});
    writeDeclare(w, 0, 0, 'x', null, []);
    writeDemand(w, 0, 60_000, 0, 0, 0);
  });
  loop.step(2);
  const snapshot = saved((w) => loop.save(w));
  const replayed = restored(snapshot, (r) => PoolLoop.restore(r, CHECKSUM));
  const chronicle = new Chronicle(null);
  send(loop, session, 4, writePing);
  const told: string[] = [];
  for (let now = 3; loop.isDue(now); now++) {
    told.push(...words(chronicle.replay(record(loop, now), replayed)));
  }
  assert.deepEqual(told, [
    'request s1 declare x ok',
    'request s1 demand x waits',
    'request s1 ping ok',
  ]);
});

test('what a standing require has taken is told by its name', () => {
  const loop = new PoolLoop(OPTIONS, CHECKSUM);
  const replayed = new PoolLoop(OPTIONS, CHECKSUM);
  const chronicle = new Chronicle(null);
  const session = loop.openSession({});
  const standing = {
    kinds: 1 << EVENT.offer,
    topics: [],
    flags: SUBSCRIBE.requires | SUBSCRIBE.own,
  };
  send(loop, session, 1, (w) => {
    writeJoin(w, 0, 'a', {});
    writeSubscribe(w, {
      ...{ ...standing, subscription: 1, member: 0, from: 0, slow: 0, silence: 0, seq: 0 },
      ...{ window: 0, deadline: 0, name: '', selector: '' },
    });
    writeQueue(w, { name: 'q', selector: '', by: 'step', keep: 1, maxAhead: 0, forget: 0 });
    writeDeclare(w, 1, 0, 'x', null, []);
    writeOfferInline(w, 1, 0, 0, 0, Uint8Array.of(7));
  });
  chronicle.replay(record(loop, 1), replayed);
  send(loop, session, 6, (w) => {
    writeTake(w, { handle: 2, subscription: 1, n: 1, policy: 0, region: null });
    writeDemand(w, 2, 0, 0, 0, 0);
    writeTake(w, { handle: 3, subscription: 1, n: 9, policy: 0, region: null });
  });
  assert.deepEqual(words(chronicle.replay(record(loop, 2), replayed)), [
    'request s1 take x ok',
    'request s1 demand x ok',
    'request s1 take wrong-state',
  ]);
});
