import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { AttaccaError } from '../../src/core/errors.js';
import { StateReader, StateWriter } from '../../src/core/state-codec.js';
import type { Value, ValueMap } from '../../src/core/value.js';
import { Float, Timestamp } from '../../src/core/value.js';
import { fc } from '../fast-check.js';
import { CHECKSUM, restored, saved, sourceOf } from './states.js';

/** A field of each kind; the size of arrays goes beyond the chunk of both sides. */
const field = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('flag' as const), value: fc.boolean() }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(2 ** 32 - 1) }),
  fc.record({ kind: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('f64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ kind: fc.constant('bytes' as const), value: fc.uint8Array() }),
  fc.record({
    kind: fc.constant('words' as const),
    value: fc
      .oneof(fc.nat(40), fc.integer({ min: 60_000, max: 70_000 }))
      .map((length) => Uint32Array.from({ length }, (_, index) => index * 2_654_435_761)),
  }),
);

type Field = typeof field extends fc.Arbitrary<infer T> ? T : never;

function write(w: StateWriter, { kind, value }: Field): void {
  if (kind === 'words') {
    w.u32(value.length);
    w.words(value);
  } else if (kind === 'flag') w.flag(value);
  else if (kind === 'text') w.text(value);
  else if (kind === 'bytes') w.bytes(value);
  else w[kind](value);
}

function read(r: StateReader, { kind }: Field): unknown {
  return kind === 'words' ? r.words(r.count(4)) : r[kind]();
}

test('state codec: what is written is read, whatever lies on which side of a chunk', () => {
  fc.assert(
    fc.property(fc.array(field, { maxLength: 40 }), (fields) => {
      const bytes = saved((w) => {
        for (const each of fields) write(w, each);
      });
      restored(bytes, (r) => {
        for (const each of fields) assert.deepEqual(read(r, each), each.value);
      });
    }),
    { numRuns: 200 },
  );
});

test('state codec: values are the same again, whole floats and big integers among them', () => {
  const values: Value[] = [null, true, 7, -0, 0.5, 2 ** 60, 2n ** 63n, 'é海', new Float(2), []];
  values.push(new Timestamp(-5n), Uint8Array.of(1, 2), [1, [2, { a: 3 }]], 'x'.repeat(300_000));
  const map: ValueMap = Object.assign(Object.create(null), { b: 1, a: [new Float(1)] });
  const bytes = saved((w) => {
    for (const value of values) w.value(value);
    w.valueMap(map);
  });
  restored(bytes, (r) => {
    for (const value of values) {
      const again = r.value();
      assert.deepEqual(
        saved((w) => w.value(again)),
        saved((w) => w.value(value)),
      );
      if (typeof value !== 'object') assert.ok(Object.is(again, value));
    }
    assert.deepEqual(r.valueMap(), map);
  });
});

test('state codec: the checksum and the size are those of all bytes, on both sides', () => {
  const pieces: Uint8Array[] = [];
  const w = new StateWriter((bytes) => pieces.push(bytes.slice()), CHECKSUM);
  const words = Uint32Array.from({ length: 100_000 }, (_, index) => index);
  w.text('head');
  w.words(words);
  w.u8(1);
  w.end();
  const bytes = Buffer.concat(pieces);
  assert.equal(w.checksum, crc32(bytes));
  assert.equal(w.bytesWritten, bytes.length);
  const r = new StateReader(sourceOf(Buffer.concat([bytes, bytes])), bytes.length, CHECKSUM);
  assert.equal(r.text(), 'head');
  assert.deepEqual(r.words(100_000), words);
  assert.throws(() => r.end(), { code: 'journal-damaged' });
  r.u8();
  r.end();
  assert.equal(r.checksum, crc32(bytes));
  assert.throws(() => r.u8(), { code: 'journal-damaged' }, 'what follows is not of the state');
});

test('state codec: large arrays are handed on and filled without a copy', () => {
  const words = new Uint32Array(1 << 17);
  let isSame = false;
  const w = new StateWriter((bytes) => {
    isSame ||= bytes.buffer === words.buffer;
  }, CHECKSUM);
  w.words(words);
  w.end();
  assert.ok(isSame);
});

test('state codec: lengths beyond what is left, and bytes that mean nothing, are damage', () => {
  const refused = (bytes: Uint8Array, use: (r: StateReader) => unknown): void => {
    assert.throws(() => restored(bytes, use), { code: 'journal-damaged' });
  };
  const huge = Uint8Array.of(255, 255, 255, 255, 1, 2, 3);
  for (const kind of ['text', 'bytes', 'value', 'valueMap'] as const)
    refused(huge, (r) => r[kind]());
  refused(huge, (r) => r.count(1));
  refused(huge, (r) => r.words(2 ** 28));
  refused(huge, (r) => r.f64());
  refused(new Uint8Array(8).fill(255), (r) => r.u64());
  refused(Uint8Array.of(2), (r) => r.flag());
  refused(Uint8Array.of(1, 0, 0, 0, 0xff), (r) => r.text());
  refused(Uint8Array.of(1, 0, 0, 0, 99), (r) => r.value());
  refused(Uint8Array.of(2, 0, 0, 0, 0, 0), (r) => r.value());
  const short = new StateReader(() => 0, 100, CHECKSUM);
  assert.throws(
    () => short.u32(),
    (error) => error instanceof AttaccaError,
  );
});
