import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailed } from '../../src/core/assert.js';
import { Reader, Writer } from '../../src/core/bytes.js';
import { fc } from '../fast-check.js';
import { anyText } from './arbitraries.js';
import { refused } from './refusal.js';

type Field =
  | { type: 'u8' | 'u16' | 'u32' | 'u64' | 'f64'; value: number }
  | { type: 'i64'; value: bigint }
  | { type: 'big64'; value: bigint }
  | { type: 'text'; value: string };

const anyField: fc.Arbitrary<Field> = fc.oneof(
  fc.record({ type: fc.constant('u8' as const), value: fc.nat(0xff) }),
  fc.record({ type: fc.constant('u16' as const), value: fc.nat(0xffff) }),
  fc.record({ type: fc.constant('u32' as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ type: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ type: fc.constant('f64' as const), value: fc.double() }),
  fc.record({
    type: fc.constant('i64' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({
    type: fc.constant('big64' as const),
    value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  }),
  fc.record({ type: fc.constant('text' as const), value: anyText() }),
);

function writeField(w: Writer, field: Field): void {
  if (field.type === 'text') w.text(field.value);
  else if (field.type === 'i64') w.i64(field.value);
  else if (field.type === 'big64') w.big64(field.value);
  else w[field.type](field.value);
}

test('what a writer writes, a reader reads', () => {
  fc.assert(
    fc.property(fc.array(anyField), fc.nat(8), (fields, capacity) => {
      const w = new Writer(capacity);
      for (const field of fields) writeField(w, field);
      const r = new Reader(w.written());
      for (const field of fields) assert.equal(r[field.type](), field.value);
      assert.equal(r.remaining, 0);
    }),
  );
});

test('a short read is refused and moves nothing past the end', () => {
  fc.assert(
    fc.property(anyField, (field) => {
      const w = new Writer();
      writeField(w, field);
      for (let size = 0; size < w.at; size++) {
        const r = new Reader(w.written().slice(0, size));
        refused('bad-message', () => r[field.type]());
        assert.ok(r.at <= size);
      }
    }),
  );
});

test('the limit ends what can be read, not the bytes behind it', () => {
  const r = new Reader();
  r.reset(Uint8Array.of(1, 2, 3, 4, 5), 1, 3);
  assert.equal(r.u16(), 0x0302);
  refused('bad-message', () => r.u8());
});

test('u64 refuses 2^53 and beyond, on both sides', () => {
  const w = new Writer();
  w.big64(2n ** 53n);
  refused('bad-message', () => new Reader(w.written()).u64());
  assert.throws(() => w.u64(2 ** 53), AssertionFailed);
  assert.throws(() => w.u64(-1), AssertionFailed);
});

test('patches write where they are told', () => {
  const w = new Writer();
  w.u32(0);
  w.u64(0);
  w.u8(9);
  w.patchU32(0, 0xfedc_ba98);
  w.patchU64(4, Number.MAX_SAFE_INTEGER);
  const r = new Reader(w.written());
  assert.equal(r.u32(), 0xfedc_ba98);
  assert.equal(r.u64(), Number.MAX_SAFE_INTEGER);
  assert.equal(r.u8(), 9);
  assert.throws(() => w.patchU32(w.at - 3, 0), AssertionFailed);
});

test('rawRange copies short and long runs', () => {
  const source = Uint8Array.from({ length: 200 }, (_, index) => index);
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), (one, other) => {
      const [start, end] = one < other ? [one, other] : [other, one];
      const w = new Writer(1);
      w.rawRange(source, start, end);
      assert.deepEqual(w.written(), source.subarray(start, end));
    }),
  );
});

test('a text that is not well formed is refused', () => {
  const w = new Writer();
  w.u32(2);
  w.raw(Uint8Array.of(0xc0, 0x80));
  refused('bad-message', () => new Reader(w.written()).text());
});
