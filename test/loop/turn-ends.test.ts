import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { ENDLESS, LIMITS } from '../../src/core/limits.js';
import type { Checksum } from '../../src/core/streams.js';
import { Chronicle } from '../../src/loop/chronicle.js';
import { type Batch, PoolLoop } from '../../src/loop/pool-loop.js';
import { readAnswers } from '../../src/loop/told-answers.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  writeDeclare,
  writeDemand,
  writeJoin,
  writeOfferInline,
} from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { OPTIONS } from '../pool/harness.js';
import { writePing } from '../protocol/other-side.js';

const SUM: Checksum = (bytes, from) => bytes.reduce((at, byte) => (at * 31 + byte) >>> 0, from);

/** Has a loop receive a frame. */
function receive(loop: PoolLoop, session: number, first: number, write: (w: Writer) => void): void {
  const w = new Writer();
  const start = beginMessages(w, first, 0);
  write(w);
  endFrame(w, start);
  loop.receive(session, w.bytes, FRAME_HEADER_SIZE, w.at);
}

/** A loop of which each look at the clock says that so much time has passed. */
class Slow {
  readonly loop = new PoolLoop(OPTIONS, SUM);
  /** How often somebody has looked at the clock. */
  looks = 0;
  #replayed = new PoolLoop(OPTIONS, SUM);
  readonly #sent = new Map<number, number>();
  readonly #chronicle = new Chronicle(null);
  /** By session, the last request that was told. */
  readonly #told = new Map<number, number>();
  #now = 0;

  constructor(takesMs: () => number) {
    let ms = 0;
    this.loop.clock = () => {
      this.looks++;
      ms += takesMs();
      return ms;
    };
    this.#restore();
  }

  /** Has the replay go on behind a snapshot. */
  #restore(): void {
    const bytes = saved((w) => this.#replayed.save(w));
    this.#replayed = restored(bytes, (r) => PoolLoop.restore(r, SUM));
    // Its own clock must not matter where a batch is done again.
    this.#replayed.clock = () => assert.fail('a replay looks at no clock');
  }

  session(): number {
    return this.loop.openSession({});
  }

  /** Sends a frame of so many PINGs. */
  send(session: number, count: number): void {
    const before = this.#sent.get(session) ?? 0;
    receive(this.loop, session, before + 1, (w) => {
      for (let left = count; left > 0; left--) writePing(w);
    });
    this.#sent.set(session, before + count);
  }

  /** Runs a batch, and does it again elsewhere; how many PINGs of each session it has taken. */
  run(): number {
    const { operations } = this.loop.pool;
    const reserved = this.loop.bytesGathered;
    const batch: Batch = this.loop.step(++this.#now);
    assert.ok(batch.entries.length <= reserved, 'the journal has room for it');
    const entries = batch.entries.slice();
    this.loop.release(batch);
    const record = { ...batch, entries };
    const told = this.#chronicle.replay(record, this.#replayed);
    const requests = told.filter(({ kind }) => kind === 'request');
    assert.equal(requests.length, this.loop.pool.operations - operations, 'told where it is done');
    for (const { session, request, answer } of requests) {
      assert.equal(request, (this.#told.get(session) ?? 0) + 1, 'in order');
      assert.equal(answer?.outcome, 'ok');
      this.#told.set(session, request);
    }
    const left = [...this.#sent].reduce((sum, [, count]) => sum + count, 0);
    const done = [...this.#told].reduce((sum, [, count]) => sum + count, 0);
    assert.equal(this.#chronicle.undone().length, left - done);
    assert.equal(this.#replayed.pool.operations, this.loop.pool.operations);
    assert.deepEqual(this.#replayed.behind, this.loop.behind);
    this.#restore();
    return this.loop.pool.operations - operations;
  }
}

test('who has taken much time in a turn has the rest of it behind others', () => {
  const slow = new Slow(() => LIMITS.turnMsMax);
  const [one, other] = [slow.session(), slow.session()];
  slow.send(one, 3);
  slow.send(one, 2);
  assert.equal(slow.run(), 1);
  slow.send(other, 1);
  assert.equal(slow.run(), 2, 'one of each');
  assert.deepEqual(slow.loop.behind, [one]);
  for (let left = 3; left > 0; left--) assert.equal(slow.run(), 1);
  assert.equal(slow.loop.isDue(0), false);
});

test('those whose turn has ended share the time of one', () => {
  const slow = new Slow(() => LIMITS.turnMsMax);
  const sessions = Array.from({ length: 5 }, () => slow.session());
  for (const session of sessions) slow.send(session, 3);
  assert.equal(slow.run(), 5);
  for (let turn = 0; turn < 10; turn++) {
    const next = sessions[turn % 5];
    assert.equal(slow.loop.behind[0], next, 'one after another');
    assert.equal(slow.run(), 1);
  }
  assert.deepEqual(slow.loop.behind, []);
});

test('time that has been used up is not looked for again by each who waits for it', () => {
  const slow = new Slow(() => LIMITS.turnMsMax);
  const sessions = Array.from({ length: 50 }, () => slow.session());
  for (const session of sessions) slow.send(session, 3);
  slow.run();
  slow.looks = 0;
  assert.equal(slow.run(), 1);
  assert.ok(slow.looks <= 3, 'begin, end, and one request');
  assert.equal(slow.loop.behind.length, 50);
});

test('a turn has all frames of a session in a batch, and another batch has another', () => {
  const slow = new Slow(() => LIMITS.turnMsMax / 2);
  const session = slow.session();
  for (let left = 3; left > 0; left--) slow.send(session, 1);
  assert.equal(slow.run(), 2, 'each takes half of a turn');
  assert.equal(slow.run(), 1);
  slow.send(session, 1);
  assert.equal(slow.run(), 1);
});

test('a loop that was brought back goes on by its own clock', () => {
  const { loop } = new Slow(() => LIMITS.turnMsMax);
  const session = loop.openSession({});
  receive(loop, session, 1, (w) => {
    for (let left = 3; left > 0; left--) writePing(w);
  });
  const batch = loop.step(1);
  const replayed = new PoolLoop(OPTIONS, SUM);
  replayed.replay(batch);
  let ms = 0;
  replayed.clock = () => {
    ms += LIMITS.turnMsMax;
    return ms;
  };
  for (let left = 1; left >= 0; left--) assert.equal(replayed.step(2).turnsEnded.size, left);
});

test('what came without room is refused when its turn comes, over a snapshot as well', () => {
  const { loop } = new Slow(() => LIMITS.turnMsMax);
  const session = loop.openSession({});
  loop.hasRoom = false;
  receive(loop, session, 1, (w) => {
    writePing(w);
    writeDeclare(w, 0, 0, 'x', null, []);
  });
  loop.release(loop.step(1));
  loop.hasRoom = true;
  assert.equal(loop.turnOf(session), 2);
  const back = restored(
    saved((to) => loop.save(to)),
    (r) => PoolLoop.restore(r, SUM),
  );
  const { frames } = back.step(2);
  assert.equal(readAnswers(frames).get(session)?.get(2)?.outcome, 'journal-full');
});

test('whoever is sent much by others is answered as well', () => {
  const loop = new PoolLoop(OPTIONS);
  const [session, other] = [loop.openSession({}), loop.openSession({})];
  const [batches, payloads] = [3, Math.ceil(LIMITS.turnAnswerBytesMax / 60_000)];
  receive(loop, session, 1, (w) => {
    writeJoin(w, 0, 'a', {});
    for (let handle = 0; handle < batches * payloads; handle++) {
      writeDeclare(w, handle, 0, `x${handle}`, null, []);
      writeDemand(w, handle, ENDLESS, 0, 0, 0);
    }
  });
  receive(loop, other, 1, (w) => writeJoin(w, 0, 'b', {}));
  loop.run(1);
  for (let batch = 0; batch < batches; batch++) {
    receive(loop, other, 2 + batch * payloads * 2, (w) => {
      for (let handle = batch * payloads; handle < (batch + 1) * payloads; handle++) {
        writeDeclare(w, handle, 0, `x${handle}`, null, []);
        writeOfferInline(w, handle, 0, 0, 0, new Uint8Array(60_000));
      }
    });
    receive(loop, session, 2 + 2 * batches * payloads + 2 * batch, (w) => {
      writePing(w);
      writePing(w);
    });
    const { operations } = loop.pool;
    loop.run(2 + batch);
    const taken = loop.pool.operations - operations - 2 * payloads;
    assert.equal(taken, 1, 'one, however much came beside');
  }
});

test('turns that are quick end by nothing', () => {
  const slow = new Slow(() => LIMITS.turnMsMax / 1_000);
  const session = slow.session();
  slow.send(session, 900);
  assert.equal(slow.run(), 900);
  assert.equal(slow.loop.isDue(0), false);
});

test('whatever time requests take, all are taken in the end, and a replay does the same', () => {
  const takes = fc.constantFrom(0, 0, 1, LIMITS.turnMsMax / 2, LIMITS.turnMsMax);
  const step = fc.record({ session: fc.nat(3), count: fc.integer({ min: 1, max: 6 }) });
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { maxLength: 6 }), { maxLength: 12 }),
      fc.infiniteStream(takes),
      (batches, times) => {
        const slow = new Slow(() => times.next().value);
        const sessions = Array.from({ length: 4 }, () => slow.session());
        slow.run();
        let asked = 0;
        for (const batch of batches) {
          for (const { session, count } of batch) {
            slow.send(sessions[session] as number, count);
            asked += count;
          }
          slow.run();
        }
        for (let left = asked; slow.loop.isDue(0) && left > 0; left--) slow.run();
        assert.equal(slow.loop.isDue(0), false);
        assert.equal(slow.loop.pool.operations, asked);
      },
    ),
  );
});
