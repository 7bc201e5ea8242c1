import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { Writer } from '../../src/core/bytes.js';
import { writeWriteHead } from '../../src/protocol/index.js';
import type { Why } from '../../src/server/agent-messages.js';
import type { DataHost, GrantedRange } from '../../src/server/data-connection.js';
import { DataConnection } from '../../src/server/data-connection.js';
import { DataFrames } from '../../src/server/data-frames.js';
import { WriteGates } from '../../src/server/write-gates.js';
import { WriteTransfer } from '../../src/server/write-transfer.js';
import { FakeLink } from './fake-link.js';

const BAD_LEASE: Why = { code: 'bad-lease', message: 'Cannot write: no lease' };
const SIZE = 64;

/** One WRITE over the whole of a slab of SIZE bytes; the pool's answers are the test's. */
function writing(answers: (() => GrantedRange | Why)[], onPin: (asked: number) => void) {
  const gates = new WriteGates();
  const slab = new Uint8Array(SIZE);
  let asked = 0;
  const host: DataHost = {
    gates,
    open: () => Promise.reject(new Error('nobody opens')),
    askWrite: async () => answers[asked++]?.() ?? BAD_LEASE,
    askRead: async () => BAD_LEASE,
    pin: async ({ offset, size }) => {
      onPin(asked);
      return { bytes: slab.subarray(offset, offset + size), release: () => {} };
    },
    closed: () => {},
  };
  const connection = new DataConnection(new FakeLink(), 0, host);
  const transfer = new WriteTransfer(connection, host);
  const frames = new DataFrames();
  const writer = new Writer(64);
  writeWriteHead(writer, 1, 7, 0, SIZE);
  frames.push(writer.written().slice());
  return { gates, slab, transfer, frames, connection, asked: () => asked };
}

const granting = (gates: WriteGates): GrantedRange => ({
  slab: 7,
  start: 0,
  end: SIZE,
  generation: gates.generationOf(0),
});

test('what is taken back between the grant and the copy is asked for anew, not written', async (t) => {
  const failed: string[] = [];
  t.mock.method(DataConnection.prototype, 'failed', (_transfer: number, why: Why) => {
    failed.push(why.code);
  });
  const made = writing(
    [() => granting(made.gates), () => granting(made.gates), () => BAD_LEASE],
    // Leased to another while the bytes are being mapped.
    () => made.gates.revoke(0),
  );
  const { transfer, frames, slab } = made;
  assert.equal(frames.next(), 'write');
  await transfer.begin(frames);
  frames.push(new Uint8Array(SIZE).fill(9));
  assert.equal(frames.next(), 'payload');
  await transfer.take(frames);
  assert.equal(made.asked(), 3);
  assert.deepEqual(slab, new Uint8Array(SIZE));
  assert.deepEqual(failed, ['bad-lease']);
});

test('a WRITE goes on in its place when its grant was only renewed', async (t) => {
  const done: number[] = [];
  t.mock.method(DataConnection.prototype, 'done', (_transfer: number, size: number) => {
    done.push(size);
  });
  const made = writing([() => granting(made.gates), () => granting(made.gates)], () => {});
  const { transfer, frames, slab, gates } = made;
  frames.next();
  await transfer.begin(frames);
  for (const part of [1, 2]) {
    frames.push(new Uint8Array(SIZE / 2).fill(part));
    assert.equal(frames.next(), 'payload');
    await transfer.take(frames);
    if (part === 1) gates.revoke(0);
    else if (done.length === 0) transfer.end();
  }
  assert.equal(made.asked(), 2);
  assert.deepEqual(slab, new Uint8Array(SIZE).fill(1, 0, SIZE / 2).fill(2, SIZE / 2));
  assert.deepEqual(done, [SIZE]);
});

test('a connection that has closed asks for nothing: its slot may be another one', async () => {
  const made = writing([() => granting(made.gates)], () => {});
  const { transfer, frames, connection } = made;
  frames.next();
  connection.isClosed = true;
  await transfer.begin(frames);
  assert.equal(made.asked(), 0);
});

test('taking back waits for the copy that is under way, and ends what comes after', async () => {
  const gates = new WriteGates();
  const said = new SharedArrayBuffer(8);
  const words = new Int32Array(said);
  const generation = gates.generationOf(0);
  const passed = gates.pass(0, generation, () => {
    const worker = new Worker(new URL('./revoker.js', import.meta.url), {
      workerData: { memory: gates.memory, said },
    });
    worker.unref();
    Atomics.wait(words, 0, 0);
    // It has begun; the generation is over as soon as it is seen to be, and it still waits.
    while (gates.generationOf(0) === generation);
    assert.equal(Atomics.wait(words, 1, 0, 50), 'timed-out');
  });
  assert.equal(passed, true);
  Atomics.wait(words, 1, 0);
  assert.equal(
    gates.pass(0, generation, () => assert.fail('it is over')),
    false,
  );
  assert.equal(
    gates.pass(0, gates.generationOf(0), () => {}),
    true,
  );
});
