import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  beginningOf,
  countCharacters,
  decodeUtf8,
  encodeUtf8,
  hasHalfPair,
  isUtf8,
} from '../../src/core/utf8.js';
import { fc } from '../fast-check.js';
import { anyText } from './arbitraries.js';

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What the platform says: the text, or null when the bytes are not well formed. */
function platform(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** Bytes near the borders of the table of well-formed sequences. */
const tricky = fc.array(
  fc.constantFrom(
    ...[0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0],
    ...[0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff],
  ),
  { maxLength: 8 },
);

test('encodes as TextEncoder does, halves of pairs too', () => {
  fc.assert(
    fc.property(fc.oneof(anyText(40), fc.string({ unit: 'binary-ascii' })), (text) => {
      assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
    }),
  );
  for (const text of [
    '\ud800',
    '\udc00',
    'a\ud800b',
    '\udc00\ud800',
    '\ud83d\ude00',
    '\ud800\ud800',
  ]) {
    assert.deepEqual(encodeUtf8(text), new TextEncoder().encode(text));
  }
});

test('decodes what was encoded, and counts its characters', () => {
  fc.assert(
    fc.property(anyText(40), (text) => {
      const bytes = encodeUtf8(text);
      assert.equal(decodeUtf8(bytes), text);
      assert.ok(isUtf8(bytes));
      assert.equal(countCharacters(bytes), Array.from(text).length);
    }),
  );
});

test('tells well-formed bytes as a strict TextDecoder does', () => {
  fc.assert(
    fc.property(tricky, (list) => {
      const bytes = Uint8Array.from(list);
      const expected = platform(bytes);
      assert.equal(isUtf8(bytes), expected !== null);
      if (expected !== null) assert.equal(decodeUtf8(bytes), expected);
    }),
    { numRuns: 20_000 },
  );
});

test('a text is cut between characters', () => {
  fc.assert(
    fc.property(anyText(8), fc.nat(9), (text, length) => {
      const beginning = beginningOf(text, length);
      assert.ok(text.startsWith(beginning) && !hasHalfPair(beginning));
      assert.ok(beginning.length <= length && beginning.length > Math.min(length, text.length) - 2);
    }),
  );
});

test('never reads beyond its end', () => {
  fc.assert(
    fc.property(tricky, fc.nat(8), (list, cut) => {
      const bytes = Uint8Array.from(list);
      const end = Math.min(cut, bytes.length);
      assert.equal(isUtf8(bytes, 0, end), platform(bytes.slice(0, end)) !== null);
      assert.equal(decodeUtf8(bytes, 0, end), decodeUtf8(bytes.slice(0, end)));
    }),
  );
});
