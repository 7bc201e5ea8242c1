import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import type { ErrorCode } from '../../src/core/errors.js';
import { LIMITS } from '../../src/core/limits.js';
import type { Value } from '../../src/core/value.js';
import {
  type Attribute,
  AttributeIndex,
  checkNameText,
  MESSAGE,
  MESSAGE_HEADER_SIZE,
  parseMemberName,
  readAttributes,
  readName,
  writeAttributes,
  writeDeclare,
} from '../../src/protocol/index.js';
import { codeOf, refused } from '../core/refusal.js';
import { fc } from '../fast-check.js';
import { anyName } from './arbitraries.js';
import { type AnyMessage, decodeAny } from './decode-any.js';
import { encodeAny } from './encode-any.js';

const declare = (name: string, attributes: readonly Attribute[] = []): AnyMessage => ({
  kind: 'declare',
  handle: 1,
  member: 0,
  name,
  space: {},
  attributes,
});

/** Writing it is refused, and leaves the writer as it was. */
function writerRefuses(code: ErrorCode, message: AnyMessage): void {
  const w = new Writer();
  w.u32(42);
  refused(code, () => encodeAny(w, message));
  assert.equal(w.at, 4);
}

test('a name has 1 to 1,000 characters of any script, without NUL', () => {
  for (const name of ['a', 'é'.repeat(1_000), '🌊'.repeat(1_000), '/', ' ', '\n']) {
    assert.equal(
      codeOf(() => checkNameText(name)),
      null,
    );
  }
  for (const name of ['', 'a\0', 'a'.repeat(1_001), '🌊'.repeat(1_001), 'é'.repeat(1_001)]) {
    writerRefuses('bad-name', declare(name));
    refused('bad-name', () => checkNameText(name));
    writerRefuses('bad-name', { kind: 'stat', name });
  }
});

test('a name with half of a surrogate pair is refused: two names would become one', () => {
  for (const name of ['\ud800', 'a\udc00b', '海\ud83d']) {
    writerRefuses('bad-name', declare(name));
    refused('bad-name', () => checkNameText(name));
    refused('bad-name', () => parseMemberName(name));
    writerRefuses('bad-attribute', { kind: 'key', key: 1, name });
  }
});

test('the key of FACETS and of SORT is as long as a key may be, and no longer', () => {
  const selecting = { selector: '', after: '', limit: 0 };
  for (const key of ['', 'k'.repeat(LIMITS.keyBytesMax + 1), 'a\ud800']) {
    writerRefuses('bad-attribute', { ...selecting, kind: 'facets', what: 0, key });
    const order = { descending: 0, detail: 0, place: null };
    writerRefuses('bad-attribute', { ...selecting, ...order, kind: 'sort', key });
  }
  for (const [code, rest] of [
    [MESSAGE.facets, [0]],
    [MESSAGE.sort, []],
  ] as const) {
    const w = new Writer();
    w.text('');
    w.text('');
    for (const byte of rest) w.u8(byte);
    w.text('k'.repeat(LIMITS.keyBytesMax + 1));
    refused('bad-attribute', () => decodeAny(code, new Reader(w.written().slice())));
  }
});

test('names that the writer takes, the reader takes', () => {
  fc.assert(
    fc.property(anyName, (name) => {
      const w = new Writer();
      encodeAny(w, declare(name));
      const r = new Reader();
      r.reset(w.written(), MESSAGE_HEADER_SIZE, w.at);
      assert.deepEqual(decodeAny(MESSAGE.declare, r), declare(name));
    }),
  );
});

test('names that come malformed are refused by name', () => {
  const malformed = [[], [0], [0x61, 0], [0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80]];
  for (const name of [...malformed, new Array<number>(4_001).fill(0x61)]) {
    const w = new Writer();
    w.u32(name.length);
    w.raw(Uint8Array.from(name));
    const r = new Reader();
    r.reset(w.bytes, 0, w.at);
    refused('bad-name', () => readName(r));
  }
});

test('names of members have a component and perhaps an index', () => {
  assert.deepEqual(parseMemberName('model'), { component: 'model', index: null });
  assert.deepEqual(parseMemberName('model[0]'), { component: 'model', index: 0 });
  assert.deepEqual(parseMemberName('model[2147483647]'), {
    component: 'model',
    index: 2147483647,
  });
  assert.deepEqual(parseMemberName('modèle 2[*]'), { component: 'modèle 2', index: 'any' });
  assert.equal(parseMemberName('é'.repeat(127)).component.length, 127);
  for (const name of [
    ...['', '[1]', 'a[', 'a]', 'a[]', 'a[01]', 'a[-1]', 'a[1.5]', 'a[2147483648]', 'a[**]'],
    ...['a[9999999999]', 'a[12345678901]', 'a[1]b', 'a\0', 'a\n', 'a[1][2]', 'é'.repeat(128)],
  ]) {
    refused('bad-name', () => parseMemberName(name));
  }
});

/** Attributes as bytes: (key, encoded value) each. */
function attributeBytes(count: number, ...entries: number[][]): Uint8Array {
  return Uint8Array.of(count & 0xff, count >> 8, ...entries.flat());
}

function reading(bytes: Uint8Array): ErrorCode | null {
  return codeOf(() => readAttributes(new Reader(bytes), new AttributeIndex()));
}

test('attributes: a key once, no null, 64 KiB at most', () => {
  const one = [7, 0, 1, 1];
  assert.equal(reading(attributeBytes(1, one)), null);
  assert.equal(reading(attributeBytes(2, one, one)), 'bad-attribute');
  assert.equal(reading(attributeBytes(1, [7, 0, 0])), 'bad-attribute');
  assert.equal(reading(attributeBytes(1, [7, 0])), 'bad-message');
  assert.equal(reading(attributeBytes(0xffff, one)), 'bad-attribute');
  writerRefuses('bad-attribute', declare('a', [[1, null]]));
  const twice: Attribute[] = [
    [1, 2],
    [1, 3],
  ];
  writerRefuses('bad-attribute', declare('a', twice));
  const bytes = new Uint8Array(LIMITS.attributeBytesMax - 9);
  const fits = new Writer();
  writeAttributes(fits, [[1, bytes]]);
  assert.equal(fits.at, LIMITS.attributeBytesMax);
  assert.equal(reading(fits.written()), null);
  writerRefuses('bad-attribute', declare('a', [[1, new Uint8Array(bytes.length + 1)]]));
});

test('attributes: the many-key path finds a key twice too', () => {
  const many = (count: number): Attribute[] =>
    Array.from({ length: count }, (_, key): Attribute => [key, true]);
  const w = new Writer();
  writeAttributes(w, many(LIMITS.attributesMax));
  assert.equal(reading(w.written()), null);
  writerRefuses('bad-attribute', declare('a', many(LIMITS.attributesMax + 1)));
  writerRefuses('bad-attribute', declare('a', [...many(40), [39, false]]));
  const bytes = w.written().slice(0, 2 + 40 * 4);
  bytes.set([40, 0]);
  assert.equal(reading(bytes), null);
  bytes.set([5, 0], bytes.length - 4);
  assert.equal(reading(bytes), 'bad-attribute');
});

test('a message that is refused leaves nothing of it in the writer', () => {
  const nothing = undefined as unknown as Value;
  writerRefuses('bad-argument', declare('a', [[1, nothing]]));
  writerRefuses('bad-argument', { kind: 'join', member: 0, name: 'a', info: { a: nothing } });
  writerRefuses('bad-name', { kind: 'join', member: 0, name: 'a[', info: {} });
  writerRefuses('bad-argument', { kind: 'value', request: 1, value: [nothing] });
  writerRefuses('bad-attribute', { kind: 'key', key: 1, name: '' });
  writerRefuses('bad-attribute', { kind: 'key', key: 1, name: 'é'.repeat(128) });
  writerRefuses('bad-argument', { kind: 'adopt', file: 'slab-1', size: 1 });
  writerRefuses('bad-argument', { kind: 'adopt', file: 'adopt-../x', size: 1 });
  const query = { kind: 'gather', selector: '', after: '', member: 0, dry: 0, removes: 0 } as const;
  writerRefuses('bad-argument', { ...query, key: 'a', value: nothing });
  const promise = { kind: 'promise', promise: 1, member: 1 } as const;
  writerRefuses('bad-argument', { ...promise, promiseKind: 1, pattern: '[' });
  writerRefuses('bad-name', { ...promise, promiseKind: 0, pattern: '' });
  writerRefuses('bad-selector', { ...promise, promiseKind: 2, pattern: 'a = ' });
  const w = new Writer();
  refused('bad-space', () => writeDeclare(w, 0, 0, 'a', { shape: [-1] }, []));
  assert.equal(w.at, 0);
});

/** The body of a message, as bytes, is refused. */
function bodyRefused(code: number, expected: ErrorCode, ...body: number[]): void {
  const bytes = Uint8Array.from(body);
  assert.equal(
    codeOf(() => decodeAny(code, new Reader(bytes))),
    expected,
  );
}

test('fields that say something unknown are refused', () => {
  const handle = [1, 0, 0, 0];
  const never = [255, 255, 255, 255];
  bodyRefused(MESSAGE.require, 'bad-message', ...handle, 2);
  bodyRefused(MESSAGE.demand, 'bad-message', ...handle, ...never, 3, 0, 0);
  bodyRefused(MESSAGE.demand, 'bad-message', ...handle, ...never, 0, 2, 0);
  bodyRefused(MESSAGE.demand, 'bad-message', ...handle, ...never, 0, 0, 8);
  bodyRefused(MESSAGE.offer, 'bad-message', ...handle, 4, 0, 0, 0, 0, 0, 0, 0);
  bodyRefused(MESSAGE.offerPart, 'bad-message', ...handle, 3, 0, 0, 0, 0, 0, 0, 0);
  const ofGroup = [12, 0, 0, 0, ...handle, 3, 0, 0, 0, 0, 0, 0, 0];
  bodyRefused(MESSAGE.offerGroup, 'bad-message', ...ofGroup, 0, 0, 0, 0);
  bodyRefused(MESSAGE.offer, 'bad-message', ...handle, 0, 3, 0, 0, 0, 0, 0, 0);
  bodyRefused(MESSAGE.offer, 'bad-message', ...handle, 0, 0, 3, 0, 0, 0, 0, 0);
  bodyRefused(MESSAGE.offer, 'bad-message', ...handle, 0, 0, 0, 1, 0, 0, 0, 0);
  bodyRefused(MESSAGE.stop, 'bad-message', 2, ...never);
  bodyRefused(MESSAGE.explain, 'bad-message', 4, 0, 0, 0, 0);
  bodyRefused(MESSAGE.explain, 'bad-name', 0, 0, 0, 0, 0);
  const two = [2, 0, 0, 0, 0, 0, 0, 0];
  const one = [1, 0, 0, 0, 0, 0, 0, 0];
  bodyRefused(MESSAGE.ok, 'bad-message', ...two, ...one, 0, 0);
  bodyRefused(MESSAGE.ok, 'bad-message', ...one, ...two, 3, 0);
  bodyRefused(MESSAGE.bye, 'bad-message', ...one, ...never);
  bodyRefused(MESSAGE.cancel, 'bad-message', 0, 0, 0, 0, 0, 0, 0x20, 0);
  bodyRefused(MESSAGE.query, 'bad-selector', 1, 0, 1, 0, ...new Array(65_541).fill(0x61));
  bodyRefused(MESSAGE.query, 'bad-message', ...new Array(12).fill(0), 3);
  bodyRefused(MESSAGE.facets, 'bad-message', ...new Array(8).fill(0), 2);
  bodyRefused(MESSAGE.endSelected, 'bad-message', ...new Array(13).fill(0), 3);
  bodyRefused(MESSAGE.tagSelected, 'bad-attribute', ...new Array(15).fill(0), 0xff, 0xff);
  const ofKey = [...new Array(8).fill(0), 1, 0, 0, 0, 0x61];
  bodyRefused(MESSAGE.sort, 'bad-message', ...ofKey, ...new Array(6).fill(0), 2);
  bodyRefused(MESSAGE.define, 'bad-message', 3);
  bodyRefused(MESSAGE.define, 'bad-name', 0, 0, 0, 0, 0, 0);
  bodyRefused(MESSAGE.tag, 'bad-attribute', 1, 0, 0, 0, 0x61, ...handle, 0, 0, 0xff, 0xff);
  bodyRefused(MESSAGE.adopt, 'bad-argument', 1, 0, 0, 0, 0x61, ...one);
});
