import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Writer } from '../../src/core/bytes.js';
import { hashOf } from '../../src/loop/history.js';
import { type Batch, PoolLoop } from '../../src/loop/pool-loop.js';
import { checkInvariants } from '../../src/pool/invariants.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  Messages,
  readValueAnswer,
  writeDeclare,
  writeJoin,
  writeOfferInline,
  writeQuery,
} from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import { OPTIONS } from '../pool/harness.js';

const MiB = 1024 * 1024;
const BATCHES = 40;
const OBJECTS = 1_000;

/** Lives of sessions that offer many objects, and are dead at once: all goes with them. */
class Lives {
  readonly loop: PoolLoop;
  readonly records: Batch[] = [];
  #now = 1;

  constructor(loop: PoolLoop) {
    this.loop = loop;
  }

  step(): Batch {
    const batch = this.loop.step(this.#now++);
    this.records.push({ ...batch, entries: batch.entries.slice() });
    this.loop.release(batch);
    return batch;
  }

  open(): { session: number; say: (count: number, write: (w: Writer) => void) => Batch } {
    const session = this.loop.openSession({ pid: 7 });
    let sent = 0;
    const say = (count: number, write: (w: Writer) => void): Batch => {
      const w = new Writer();
      const start = beginMessages(w, sent + 1, 0);
      write(w);
      endFrame(w, start);
      sent += count;
      const body = w.written().slice(FRAME_HEADER_SIZE);
      this.loop.receive(session, body, 0, body.length);
      return this.step();
    };
    say(1, (w) => writeJoin(w, 1, `m${session}`, {}));
    return { session, say };
  }

  offerMany(): void {
    const { session, say } = this.open();
    for (let batch = 0; batch < BATCHES; batch++) {
      say(2 * OBJECTS, (w) => {
        for (let index = 0; index < OBJECTS; index++) {
          const handle = batch * OBJECTS + index + 1;
          writeDeclare(w, handle, 1, `x/${handle}`, null, []);
          writeOfferInline(w, handle, 0, 0, 0, new Uint8Array(60));
        }
      });
    }
    assert.equal(this.loop.pool.objects.used, BATCHES * OBJECTS);
    this.loop.input({ kind: 'session-gone', session, why: 'test' });
    this.step();
  }
}

test('a pool that is empty again is small again, and so are its snapshots', () => {
  const lives = new Lives(new PoolLoop({ ...OPTIONS, eventBytesMax: 1 << 20 }, crc32));
  const { loop } = lives;
  const bytes: number[] = [];
  for (let life = 0; life < 3; life++) {
    lives.offerMany();
    assert.equal(loop.pool.objects.used, 0);
    assert.equal(loop.pool.objects.end, 1);
    checkInvariants(loop.pool);
    bytes.push(saved((w) => loop.save(w)).length);
  }
  // Beside events, and the bytes of what they tell of.
  assert.ok(Math.max(...bytes) < 5 * MiB, `snapshots of ${bytes} bytes`);
  assert.ok(Math.max(...bytes) < 1.1 * Math.min(...bytes), `snapshots of ${bytes} bytes`);
});

test('it goes on as one that was restored, and as its records say', () => {
  const lives = new Lives(new PoolLoop(OPTIONS, crc32));
  lives.offerMany();
  const state = saved((w) => lives.loop.save(w));
  const copy = restored(state, (r) => PoolLoop.restore(r, crc32));
  const before = lives.records.length;
  lives.offerMany();
  for (const record of lives.records.slice(before)) copy.replay(record);
  assert.equal(hashOf(copy, crc32), hashOf(lives.loop, crc32));
  const again = new PoolLoop(OPTIONS, crc32);
  for (const record of lives.records) again.replay(record);
  assert.equal(hashOf(again, crc32), hashOf(lives.loop, crc32));
});

test('a list that goes on where there is nothing any more is at its end', () => {
  const lives = new Lives(new PoolLoop(OPTIONS, crc32));
  lives.offerMany();
  const { say } = lives.open();
  const page = { selector: '', after: '30000', limit: 10, detail: 0 };
  const { frames } = say(1, (w) => writeQuery(w, page));
  const messages = new Messages();
  const bytes = frames[0]?.bytes ?? new Uint8Array(0);
  messages.open(bytes, FRAME_HEADER_SIZE, bytes.length);
  assert.ok(messages.next());
  assert.deepEqual(
    { ...Object(readValueAnswer(messages.reader).value) },
    { objects: [], next: null },
  );
});
