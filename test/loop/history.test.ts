import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { Writer } from '../../src/core/bytes.js';
import { Journal } from '../../src/journal/journal.js';
import { BEGIN } from '../../src/journal/segment.js';
import { hashOf, hashWithin, makeSnapshot, revive } from '../../src/loop/history.js';
import { encodePoolInfo } from '../../src/loop/pool-info.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { STEP_VERSION } from '../../src/pool/step.js';
import {
  beginMessages,
  endFrame,
  FRAME_HEADER_SIZE,
  writeDeclare,
  writeJoin,
  writeOfferInline,
} from '../../src/protocol/index.js';
import { SimDisk } from '../../src/sim/disk.js';
import { OPTIONS } from '../pool/harness.js';

const INFO = encodePoolInfo({ options: OPTIONS, bootId: 'boot', shmDirectory: '/nowhere' });
const SEGMENT_BYTES = 64 * 1024;

/** Lives for so many batches and ends all at once; the hash after each of them. */
async function live(
  disk: SimDisk,
  batches: number,
): Promise<{ hashes: number[]; closed: number[] }> {
  const loop = new PoolLoop(OPTIONS, crc32);
  const closed: number[] = [];
  const ignore = (): void => {};
  const journal = new Journal({
    ...{ disk, checksum: crc32, stepVersion: STEP_VERSION, info: INFO, after: BEGIN, tail: null },
    ...{ segmentBytes: SEGMENT_BYTES, onReady: ignore, onRoom: ignore, onDurable: ignore },
    onFailed: (error) => assert.fail(error),
    onClosed: (last) => closed.push(last),
  });
  const session = loop.openSession({ pid: 7 });
  const hashes = [0];
  let sent = 0;
  const say = (write: (w: Writer) => void, count: number): void => {
    const w = new Writer();
    const start = beginMessages(w, sent + 1, 0);
    write(w);
    endFrame(w, start);
    const body = w.written().slice(FRAME_HEADER_SIZE);
    loop.receive(session, body, 0, body.length);
    sent += count;
  };
  say((w) => writeJoin(w, 1, 'm', {}), 1);
  for (let number = 1; number <= batches; number++) {
    if (number > 1) {
      say((w) => {
        writeDeclare(w, number, 1, `x/${number}`, null, []);
        writeOfferInline(w, number, 1, 0, 0, new Uint8Array(3_000).fill(number));
      }, 2);
    }
    while (journal.reserve(loop.bytesGathered) !== 'ok') await journal.flush().then(() => {});
    const batch = loop.step(number);
    journal.append(batch);
    const held = hashOf(loop, crc32);
    await journal.flush();
    loop.release(batch);
    hashes.push(hashOf(loop, crc32));
    assert.equal(hashes.at(-1), held, 'what is not released yet is no other state');
  }
  await journal.close();
  return { hashes, closed };
}

test('a pool is brought back as it was, from its records, and from a snapshot with those behind', async () => {
  const disk = new SimDisk();
  const { hashes, closed } = await live(disk, 60);
  assert.ok(closed.length > 1, `${closed.length} segments are closed`);
  const plain = await revive(disk, { checksum: crc32, repair: false });
  assert.equal(plain.recovered.records, 60);
  assert.ok(plain.loop !== null);
  assert.equal(hashOf(plain.loop, crc32), hashes[60]);
  assert.deepEqual(plain.info?.options, OPTIONS);

  const upTo = closed[0] ?? 0;
  const made = await makeSnapshot(disk, { checksum: crc32, upTo, info: INFO });
  assert.equal(made?.number, upTo);
  assert.equal(made?.hash, hashes[upTo]);
  assert.equal(await makeSnapshot(disk, { checksum: crc32, upTo, info: INFO }), null);
  const again = await revive(disk, { checksum: crc32, repair: false });
  assert.equal(again.recovered.snapshot, upTo);
  assert.equal(again.recovered.records, 60 - upTo);
  assert.ok(again.loop !== null);
  assert.equal(hashOf(again.loop, crc32), hashes[60]);
});

test('a snapshot whose replay comes by another state than there was is refused', async () => {
  const disk = new SimDisk();
  const { hashes, closed } = await live(disk, 60);
  const [upTo = 0] = closed;
  const [between, hash] = [upTo - 3, hashes[upTo - 3] ?? 0];
  const order = { checksum: crc32, upTo, info: INFO };
  const other = { number: between, hash: hash ^ 1 };
  await assert.rejects(makeSnapshot(disk, { ...order, state: other }), {
    code: 'journal-damaged',
    fields: { number: between, hash: hash ^ 1, again: hash },
  });
  const made = await makeSnapshot(disk, { ...order, state: { number: between, hash } });
  assert.equal(made?.hash, hashes[upTo]);
});

test('a state is summed up only if it is small', () => {
  const loop = new PoolLoop(OPTIONS, crc32);
  const whole = hashOf(loop, crc32);
  const sizes = [0, 100, 1_000, 10_000, 1 << 20];
  const found = sizes.map((bytesMax) => hashWithin(loop, crc32, bytesMax));
  assert.deepEqual([found[0], found.at(-1)], [null, whole]);
  assert.ok(found.every((hash) => hash === null || hash === whole));
});

test('a directory without a journal holds no pool', async () => {
  const revived = await revive(new SimDisk(), { checksum: crc32, repair: false });
  assert.equal(revived.loop, null);
  assert.equal(revived.info, null);
});
