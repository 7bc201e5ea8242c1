import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import {
  Declare,
  MESSAGE,
  MESSAGE_HEADER_SIZE,
  type MessageName,
  messageName,
  readDeclare,
  writeDeclare,
} from '../../src/protocol/index.js';
import { codeOf, refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';
import { decodeFrames, encodeFrame } from './any-frame.js';
import { anyFrame, MESSAGES } from './arbitraries.js';
import { type AnyMessage, decodeAny } from './decode-any.js';
import { encodeAny } from './encode-any.js';

/** Encodes behind a byte of something else, so that a forgotten start shows. */
function encode(message: AnyMessage): Uint8Array {
  const w = new Writer(16);
  w.u8(0xee);
  encodeAny(w, message);
  return w.written().slice(1);
}

function readerOf(bytes: Uint8Array): Reader {
  const r = new Reader();
  r.reset(bytes, MESSAGE_HEADER_SIZE, bytes.length);
  return r;
}

for (const name of Object.keys(MESSAGE) as MessageName[]) {
  test(`${name}: comes back as it was, and uses its whole body`, () => {
    const any: fc.Arbitrary<AnyMessage> = MESSAGES[name];
    fc.assert(
      fc.property(any, (message) => {
        const bytes = encode(message);
        const r = new Reader(bytes);
        assert.equal(r.u32(), bytes.length);
        assert.equal(r.u16(), MESSAGE[name]);
        assert.equal(r.u16(), 0);
        assert.deepStrictEqual(decodeAny(MESSAGE[name], r), message);
        assert.equal(r.remaining, 0);
      }),
    );
  });

  test(`${name}: refused when cut anywhere, or with a byte too many`, () => {
    const any: fc.Arbitrary<AnyMessage> = MESSAGES[name];
    fc.assert(
      fc.property(any, (message) => {
        const bytes = encode(message);
        for (let end = MESSAGE_HEADER_SIZE; end < bytes.length; end += cutStep(bytes.length)) {
          const cut = codeOf(() => decodeAny(MESSAGE[name], readerOf(bytes.subarray(0, end))));
          assert.equal(cut, 'bad-message', `cut at ${end}`);
        }
        const longer = new Uint8Array(bytes.length + 1);
        longer.set(bytes);
        refused('bad-message', () => decodeAny(MESSAGE[name], readerOf(longer)));
      }),
      { numRuns: 20 },
    );
  });
}

/** Every offset of what is short, a prime step through what is long. */
function cutStep(size: number): number {
  return size < 600 ? 1 : 13;
}

test('every frame comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 3 }), (frames) => {
      const w = new Writer(16);
      for (const frame of frames) encodeFrame(w, frame);
      assert.deepStrictEqual(decodeFrames(w.written()), frames);
    }),
    { numRuns: 500 },
  );
});

test('a code that is not known is refused', () => {
  refused('bad-message', () => decodeAny(0x7f, new Reader(new Uint8Array(4))));
  // Flags are the upper half of the code.
  refused('bad-message', () => decodeAny(MESSAGE.ping | (1 << 16), new Reader()));
  assert.equal(messageName(0x84), 'deliver');
  assert.equal(messageName(0), null);
});

test('codes are each used once', () => {
  const codes = Object.values(MESSAGE);
  assert.equal(new Set(codes).size, codes.length);
});

test('a scratch that is filled again keeps nothing of what it held', () => {
  const scratch = new Declare();
  fc.assert(
    fc.property(fc.array(MESSAGES.declare, { minLength: 2, maxLength: 4 }), (messages) => {
      for (const message of messages) {
        const bytes = encode(message);
        readDeclare(readerOf(bytes), scratch);
        const fresh = new Declare();
        readDeclare(readerOf(bytes), fresh);
        const { attributes, ...fields } = scratch;
        const { attributes: index, ...expected } = fresh;
        assert.deepEqual(fields, expected);
        assert.deepEqual(
          [attributes.start, attributes.end, attributes.count],
          [index.start, index.end, index.count],
        );
        assert.deepEqual(
          attributes.valueEnds.subarray(0, index.count),
          index.valueEnds.subarray(0, index.count),
        );
      }
    }),
  );
});

test('ranges of a DECLARE point at its parts', () => {
  const w = new Writer();
  writeDeclare(w, 7, 1, 'name', { dtype: 'int8' }, [
    [5, 'x'],
    [6, true],
  ]);
  const declare = new Declare();
  readDeclare(readerOf(w.written()), declare);
  const text = new TextDecoder();
  assert.equal(text.decode(w.bytes.subarray(declare.nameStart, declare.nameEnd)), 'name');
  assert.equal(declare.spaceEnd - declare.spaceStart, 4);
  const { keys, valueStarts, valueEnds, count } = declare.attributes;
  assert.deepEqual([...keys.subarray(0, count)], [5, 6]);
  assert.deepEqual([...w.bytes.subarray(valueStarts[1], valueEnds[1])], [1, 1]);
});
