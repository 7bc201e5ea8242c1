import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Writer } from '../../src/core/bytes.js';
import { beginMessages, endFrame, FRAME_HEADER_SIZE } from '../../src/protocol/index.js';
import { HeldFrames } from '../../src/server/held-frames.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';

/** The body of a MESSAGES frame without messages. */
function body(first: number): Uint8Array {
  const writer = new Writer(64);
  endFrame(writer, beginMessages(writer, first, first - 1));
  return writer.written().slice(FRAME_HEADER_SIZE);
}

test('held frames come out in their order, however they are put in and taken', () => {
  const held = new HeldFrames();
  let put = 0;
  let taken = 0;
  const take = (): void => {
    taken++;
    assert.deepEqual(held.shift(), body(taken));
  };
  for (let round = 0; round < 2_000; round++) {
    for (let more = round % 7; more > 0; more--) {
      put++;
      const bytes = body(put);
      assert.equal(held.push(bytes, 0, bytes.length), put - 1);
    }
    for (let less = round % 5; less > 0 && taken < put; less--) take();
  }
  while (taken < put) take();
  assert.equal(held.isEmpty, true);
  assert.equal(held.shift(), null);
});

test('as many small frames as are held at most are let out at once', () => {
  const bytes = body(1);
  const count = Math.floor(SERVER_LIMITS.heldBytesMax / bytes.length);
  const held = new HeldFrames();
  for (let each = 0; each < count; each++) held.push(bytes, 0, bytes.length);
  assert.throws(() => held.push(bytes, 0, bytes.length), { code: 'session-limit' });
  // Each moved all that stood behind it once: a minute of standing still. Now some 20 ms.
  const start = performance.now();
  while (held.shift() !== null);
  assert.ok(performance.now() - start < 4_000);
  held.push(bytes, 0, bytes.length);
  held.clear();
  assert.equal(held.isEmpty, true);
});
