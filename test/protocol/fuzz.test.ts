import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { AttaccaError, type ErrorCode } from '../../src/core/errors.js';
import { FrameAssembler, MESSAGE, Messages } from '../../src/protocol/index.js';
import { fc } from '../fast-check.js';
import { decodeFrame, encodeFrame } from './any-frame.js';
import { anyFrame } from './arbitraries.js';
import { decodeAny } from './decode-any.js';

/** All that a peer's bytes can cause: anything else is a bug of the decoders. */
const FRAME_CODES: readonly ErrorCode[] = ['bad-frame', 'frame-too-large'];
const MESSAGE_CODES: readonly ErrorCode[] = [
  'bad-message',
  'bad-name',
  'bad-attribute',
  'bad-argument',
];

function allow(codes: readonly ErrorCode[], action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (error instanceof AttaccaError && codes.includes(error.code)) return false;
    throw error;
  }
}

/** Reads the frames of a stream as a receiver does: a bad message fails alone. */
function receive(bytes: Uint8Array): void {
  const assembler = new FrameAssembler();
  const messages = new Messages();
  assembler.push(bytes);
  allow(FRAME_CODES, () => {
    while (assembler.next()) {
      const { kind, start, end } = assembler;
      if (kind !== 4) decodeFrame(kind, assembler.bytes, start, end);
      else {
        messages.open(assembler.bytes, start, end);
        let count = 0;
        while (messages.next()) {
          count++;
          allow(MESSAGE_CODES, () => decodeAny(messages.code, messages.reader));
        }
        assert.equal(count, messages.count);
      }
    }
  });
}

function encode(frame: Parameters<typeof encodeFrame>[1]): Uint8Array {
  const w = new Writer();
  encodeFrame(w, frame);
  return w.written().slice();
}

test('random bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => receive(bytes)),
    { numRuns: 5_000 },
  );
});

test('random bodies of every message', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(MESSAGE)),
      fc.array(fc.oneof(fc.constant(0), fc.nat(3), fc.nat(255)), { maxLength: 80 }),
      (code, body) => {
        const r = new Reader(Uint8Array.from(body));
        if (allow(MESSAGE_CODES, () => decodeAny(code, r))) assert.equal(r.remaining, 0);
      },
    ),
    { numRuns: 20_000 },
  );
});

test('valid frames cut at every place', () => {
  fc.assert(
    fc.property(anyFrame, (frame) => {
      const bytes = encode(frame);
      for (let end = 0; end < bytes.length; end += bytes.length < 600 ? 1 : 11) {
        receive(bytes.subarray(0, end));
        // The same with a size that fits, so that the body and not the frame ends early.
        if (end < 8) continue;
        const shorter = bytes.slice(0, end);
        new DataView(shorter.buffer).setUint32(0, end - 4, true);
        receive(shorter);
      }
    }),
    { numRuns: 200 },
  );
});

test('valid frames with bits flipped', () => {
  const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anyFrame, flips, (frame, changes) => {
      const bytes = encode(frame);
      for (const [at, bit] of changes) {
        const place = at % bytes.length;
        bytes[place] = (bytes[place] as number) ^ (1 << bit);
      }
      receive(bytes);
    }),
    { numRuns: 10_000 },
  );
});

test('valid frames with four bytes replaced by a large count', () => {
  fc.assert(
    fc.property(anyFrame, fc.constantFrom(0xffff_ffff, 0x7fff_ffff, 0xffff), (frame, count) => {
      const bytes = encode(frame);
      for (let at = 8; at + 4 <= bytes.length; at += bytes.length < 600 ? 1 : 17) {
        const changed = bytes.slice();
        new DataView(changed.buffer).setUint32(at, count, true);
        receive(changed);
      }
    }),
    { numRuns: 200 },
  );
});

test('a bad message leaves the others of its frame alone', () => {
  const bytes = encode({
    kind: 'messages',
    first: 1,
    ack: 0,
    messages: [
      { kind: 'seal', handle: 1 },
      { kind: 'require', handle: 2, policy: 0 },
      { kind: 'seal', handle: 3 },
    ],
  });
  // The policy of the second.
  bytes[24 + 12 + 12] = 9;
  const messages = new Messages();
  messages.open(bytes, 8, bytes.length);
  const seen: (number | null)[] = [];
  while (messages.next()) {
    const good = allow(MESSAGE_CODES, () => decodeAny(messages.code, messages.reader));
    seen.push(good ? messages.number : null);
  }
  assert.deepEqual(seen, [1, null, 3]);
});
