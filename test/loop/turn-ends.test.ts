import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Checksum } from '../../src/core/streams.js';
import { Chronicle } from '../../src/loop/chronicle.js';
import { type Batch, PoolLoop } from '../../src/loop/pool-loop.js';
import { beginMessages, endFrame, FRAME_HEADER_SIZE } from '../../src/protocol/index.js';
import { fc } from '../fast-check.js';
import { OPTIONS } from '../pool/harness.js';
import { writePing } from '../protocol/other-side.js';

const SUM: Checksum = (bytes, from) => bytes.reduce((at, byte) => (at * 31 + byte) >>> 0, from);

/** A loop of which each look at the clock says that so much time has passed. */
class Slow {
  readonly loop = new PoolLoop(OPTIONS, SUM);
  readonly #replayed = new PoolLoop(OPTIONS, SUM);
  readonly #sent = new Map<number, number>();
  readonly #chronicle = new Chronicle(null);
  /** By session, the last request that was told. */
  readonly #told = new Map<number, number>();
  #now = 0;

  constructor(takesMs: () => number) {
    let ms = 0;
    this.loop.clock = () => {
      ms += takesMs();
      return ms;
    };
    // Its own clock must not matter where a batch is done again.
    this.#replayed.clock = () => assert.fail('a replay looks at no clock');
  }

  session(): number {
    return this.loop.openSession({});
  }

  /** Sends a frame of so many PINGs. */
  send(session: number, count: number): void {
    const before = this.#sent.get(session) ?? 0;
    const w = new Writer();
    const start = beginMessages(w, before + 1, 0);
    for (let left = count; left > 0; left--) writePing(w);
    endFrame(w, start);
    this.loop.receive(session, w.bytes, FRAME_HEADER_SIZE, w.at);
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
