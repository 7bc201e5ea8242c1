import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailed } from '../../src/core/assert.js';
import { Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { Float } from '../../src/core/value.js';
import {
  beginFrame,
  beginMessages,
  DATA_BYTES_MAX,
  endFrame,
  FRAME,
  FrameAssembler,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  Messages,
  readAccept,
  readHello,
  readRefuse,
  writeAccept,
  writeHello,
  writeRefuse,
  writeSeal,
  writeWriteHead,
} from '../../src/protocol/index.js';
import { codeOf, refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';
import { type AnyFrame, decodeFrame, decodeFrames, encodeFrame } from './any-frame.js';
import { anyFrame } from './arbitraries.js';
import { writePing } from './other-side.js';

/** `bytes` in pieces of the given sizes, again and again; a size of 0 is an empty chunk. */
function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    // A copy of its own, so that a view that outlives its chunk shows.
    yield bytes.slice(at, at + size);
    at += size;
  }
}

test('frames come whole, however the stream is cut', () => {
  const sizes = fc
    .array(fc.oneof(fc.nat(12), fc.nat(400)), { minLength: 1, maxLength: 6 })
    .filter((list) => list.some((size) => size > 0));
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 5 }), sizes, (frames, cuts) => {
      const w = new Writer();
      for (const frame of frames) encodeFrame(w, frame);
      const assembler = new FrameAssembler();
      const got: AnyFrame[] = [];
      for (const chunk of chunksOf(w.written(), cuts)) {
        assembler.push(chunk);
        while (assembler.next()) {
          const { kind, start, end } = assembler;
          got.push(decodeFrame(kind, assembler.bytes, start, end));
        }
        // The socket reuses its buffer: nothing may be kept of it.
        chunk.fill(0xaa);
      }
      assert.deepStrictEqual(got, frames);
      assert.equal(assembler.bytesHeld, 0);
    }),
    { numRuns: 500 },
  );
});

test('values in the frames of an opening can be read exactly, as those of messages', () => {
  const map = Object.assign(Object.create(null), { whole: new Float(0) });
  const error = { retryable: false, code: 'c', message: 'm', fields: map };
  const w = new Writer();
  writeHello(w, { ...hello, process: map });
  writeAccept(w, { ...hello, version: 1, poolId: 'p', poolName: 'n', resumed: false, pool: map });
  writeRefuse(w, error);
  const [first, second, third] = decodeFrames(w.written());
  assert.deepStrictEqual(first?.kind === 'hello' && first.process, map);
  assert.deepStrictEqual(second?.kind === 'accept' && second.pool, map);
  assert.deepStrictEqual(third, { kind: 'refuse', ...error });
});

test('a frame within a chunk is handed out in place', () => {
  const w = new Writer();
  encodeFrame(w, { kind: 'ack', ack: 5 });
  const chunk = w.written();
  const assembler = new FrameAssembler();
  assembler.push(chunk);
  assert.ok(assembler.next());
  assert.equal(assembler.bytes, chunk);
  assert.deepEqual([assembler.kind, assembler.start, assembler.end], [FRAME.ack, 8, 16]);
  assert.ok(!assembler.next());
});

test('a Buffer is taken as the plain array below it', () => {
  const w = new Writer();
  encodeFrame(w, { kind: 'ack', ack: 5 });
  const assembler = new FrameAssembler();
  assembler.push(Buffer.from(w.written()));
  assert.ok(assembler.next());
  assert.equal(assembler.bytes.constructor, Uint8Array);
});

function header(size: number, kind: number, ...reserved: number[]): Uint8Array {
  const w = new Writer();
  w.u32(size);
  w.u8(kind);
  for (const byte of reserved) w.u8(byte);
  return w.written();
}

/** What the assembler says to `bytes`, whole or byte by byte; and it says so again. */
function refusedBy(expected: string | null, bytes: Uint8Array, max?: number): void {
  for (const size of [bytes.length, 1]) {
    const assembler = new FrameAssembler(max);
    let code: string | null = null;
    for (const chunk of chunksOf(bytes, [size])) {
      assembler.push(chunk);
      code = codeOf(() => assembler.next());
      if (code !== null) break;
    }
    assert.equal(code, expected);
    if (expected !== null) {
      assembler.push(header(12, FRAME.ack, 0, 0, 0));
      assert.equal(
        codeOf(() => assembler.next()),
        expected,
      );
    }
  }
}

test('headers that no frame has are refused as soon as they are there', () => {
  refusedBy('bad-frame', header(0, 0).subarray(0, 4));
  refusedBy('bad-frame', header(3, FRAME.ack, 0, 0, 0));
  refusedBy('frame-too-large', header(LIMITS.frameBytesMax + 1, FRAME.ack).subarray(0, 4));
  refusedBy('frame-too-large', header(0xffff_ffff, FRAME.ack, 0, 0, 0));
  refusedBy(null, header(LIMITS.frameBytesMax, FRAME.messages, 0, 0, 0));
  refusedBy('frame-too-large', header(101, FRAME.messages, 0, 0, 0), 100);
  refusedBy(null, header(100, FRAME.messages, 0, 0, 0), 100);
  refusedBy('bad-frame', header(4, 0, 0, 0, 0));
  refusedBy('bad-frame', header(4, 11, 0, 0, 0));
  refusedBy('bad-frame', header(4, FRAME.ack, 1, 0, 0));
  refusedBy('bad-frame', header(4, FRAME.ack, 0, 0, 1));
});

test('an announced size makes no room before its bytes come', () => {
  const assembler = new FrameAssembler();
  const chunk = new Uint8Array(64 * 1024);
  const before = process.memoryUsage().arrayBuffers;
  assembler.push(header(LIMITS.frameBytesMax, FRAME.messages, 0, 0, 0));
  assert.ok(!assembler.next());
  assert.equal(assembler.bytesHeld, 8);
  assembler.push(chunk);
  assert.ok(!assembler.next());
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * chunk.length);
});

test('the largest frame passes in pieces, and its room is let go', () => {
  const w = new Writer();
  const start = beginFrame(w, FRAME.messages);
  w.raw(new Uint8Array(LIMITS.frameBytesMax - 4));
  endFrame(w, start);
  encodeFrame(w, { kind: 'ack', ack: 1 });
  const assembler = new FrameAssembler();
  const kinds: number[] = [];
  for (const chunk of chunksOf(w.written(), [65_536])) {
    assembler.push(chunk);
    while (assembler.next()) kinds.push(assembler.kind);
  }
  assert.deepEqual(kinds, [FRAME.messages, FRAME.ack]);
});

test('a frame that is too large is a bug of its writer', () => {
  const w = new Writer();
  const start = beginFrame(w, FRAME.messages);
  w.raw(new Uint8Array(LIMITS.frameBytesMax - 3));
  assert.throws(() => endFrame(w, start), AssertionFailed);
  assert.throws(() => writeWriteHead(w, 0, 0, 0, LIMITS.dataFrameBytesMax - 19), AssertionFailed);
  writeWriteHead(w, 0, 0, 0, DATA_BYTES_MAX);
});

/** A MESSAGES frame's body, as the assembler hands it out, behind 8 bytes of header. */
function messagesOf(write: (w: Writer) => void, first = 1): Uint8Array {
  const w = new Writer();
  const start = beginMessages(w, first, 9);
  write(w);
  endFrame(w, start);
  return w.written().slice();
}

function open(bytes: Uint8Array): Messages {
  const messages = new Messages();
  messages.open(bytes, 8, bytes.length);
  return messages;
}

test('messages come with their numbers, one after the other', () => {
  const messages = open(
    messagesOf((w) => {
      writePing(w);
      writeSeal(w, 77);
    }, 41),
  );
  assert.deepEqual([messages.first, messages.ack, messages.count], [41, 9, 2]);
  assert.ok(messages.next());
  assert.deepEqual([messages.number, messages.code], [41, MESSAGE.ping]);
  assert.equal(messages.reader.remaining, 0);
  // The body is left unread: the next message is found all the same.
  assert.ok(messages.next());
  assert.deepEqual([messages.number, messages.code], [42, MESSAGE.seal]);
  assert.equal(messages.end - messages.start, 12);
  assert.equal(messages.reader.u32(), 77);
  refused('bad-message', () => messages.reader.u8());
  assert.ok(!messages.next());
  assert.ok(!messages.next());
});

test('a frame without messages carries its ack', () => {
  const messages = open(messagesOf(() => {}, 3));
  assert.deepEqual([messages.first, messages.ack, messages.count], [3, 9, 0]);
  assert.ok(!messages.next());
});

test('sizes that do not add up refuse the frame before any message is seen', () => {
  const raw = (...bytes: number[]): Uint8Array =>
    messagesOf((w) => {
      writePing(w);
      w.raw(Uint8Array.from(bytes));
    });
  const bad = (bytes: Uint8Array): void => refused('bad-frame', () => open(bytes));
  bad(raw(1));
  bad(raw(8, 0, 0, 0, 5, 0, 0));
  bad(raw(7, 0, 0, 0, 5, 0, 0, 0));
  bad(raw(0, 0, 0, 0, 5, 0, 0, 0));
  bad(raw(9, 0, 0, 0, 5, 0, 0, 0));
  bad(raw(255, 255, 255, 255, 5, 0, 0, 0));
  bad(messagesOf(() => {}).subarray(0, 23));
  bad(messagesOf(() => {}, 0));
  const large = messagesOf(() => {});
  large[8 + 6] = 0x20;
  bad(large);
});

test('flags make the code one that nobody knows', () => {
  const bytes = messagesOf(writePing);
  bytes[24 + 6] = 1;
  const messages = open(bytes);
  assert.ok(messages.next());
  assert.equal(messages.code, MESSAGE.ping | (1 << 16));
});

test('the largest message fills a frame', () => {
  const w = new Writer();
  const start = beginMessages(w, 1, 0);
  w.u32(MESSAGE_BYTES_MAX);
  w.raw(new Uint8Array(MESSAGE_BYTES_MAX - 4));
  endFrame(w, start);
  assert.equal(w.at, LIMITS.frameBytesMax + 4);
});

const hello = {
  lowest: 1,
  highest: 1,
  role: 0,
  token: 't',
  pool: '',
  session: 0,
  secret: new Uint8Array(0),
  received: 0,
  process: {},
};

test('what a later version appends to HELLO, ACCEPT, REFUSE is left alone', () => {
  const w = new Writer();
  writeHello(w, hello);
  w.u32(0xdead_beef);
  assert.equal(readHello(w.bytes, 8, w.at).token, 't');
  w.reset();
  const accept = { version: 1, poolId: 'p', poolName: 'n', resumed: false, pool: {} };
  writeAccept(w, { ...hello, ...accept });
  w.u8(1);
  assert.equal(readAccept(w.bytes, 8, w.at).poolId, 'p');
  w.reset();
  writeRefuse(w, { retryable: true, code: 'c', message: 'm', fields: {} });
  w.u8(1);
  assert.equal(readRefuse(w.bytes, 8, w.at).code, 'c');
});

test('an opening that cannot be written leaves nothing of it in the writer', () => {
  const w = new Writer();
  const process = { client: undefined as unknown as string };
  refused('bad-argument', () => writeHello(w, { ...hello, process }));
  assert.equal(w.at, 0);
});

test('a HELLO that is none is a bad frame', () => {
  const w = new Writer();
  writeHello(w, hello);
  const good = w.written().slice();
  const bad = (change: (bytes: Uint8Array) => void): void => {
    const bytes = good.slice();
    change(bytes);
    refused('bad-frame', () => readHello(bytes, 8, bytes.length));
  };
  bad((bytes) => bytes.set([0], 8));
  bad((bytes) => bytes.set([0, 0], 12));
  bad((bytes) => bytes.set([2, 0], 12));
  bad((bytes) => bytes.set([2], 16));
  w.reset();
  writeHello(w, { ...hello, secret: new Uint8Array(31) });
  refused('bad-frame', () => readHello(w.bytes, 8, w.at));
  for (let end = 8; end < good.length; end++) {
    refused('bad-frame', () => readHello(good, 8, end));
  }
});
