import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { LIMITS } from '../../src/core/limits.js';
import { Float, Timestamp, VALUE_TYPE, type Value } from '../../src/core/value.js';
import {
  EXACT,
  readMap,
  readValue,
  skipMap,
  skipValue,
  writeMap,
  writeValue,
} from '../../src/core/value-codec.js';
import { fc } from '../fast-check.js';
import { anyMap, anyValue } from './arbitraries.js';
import { codeOf, refused } from './refusal.js';

function encode(value: Value, depthMax?: number): Uint8Array {
  const w = new Writer(16);
  writeValue(w, value, depthMax);
  return w.written().slice();
}

const decode = (bytes: Uint8Array): Value => readValue(new Reader(bytes));

test('half of a surrogate pair is refused, wherever it stands: two texts would become one', () => {
  const values: Value[] = ['\ud800', 'a\udc00b', ['海\ud83d'], { key: '\ud83d' }, { '\udc00': 1 }];
  for (const value of values) refused('bad-argument', () => encode(value));
  assert.equal(decode(encode('🌊')), '🌊');
});

test('a value comes back exactly, and is skipped to its end', () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encode(value);
      const r = new Reader(bytes);
      assert.deepStrictEqual(readValue(r, EXACT), value);
      assert.equal(r.remaining, 0);
      r.reset(bytes, 0, bytes.length);
      skipValue(r);
      assert.equal(r.remaining, 0);
    }),
  );
});

test('a map comes back exactly, keys like __proto__ too', () => {
  fc.assert(
    fc.property(anyMap, (map) => {
      const w = new Writer();
      writeMap(w, map);
      assert.deepStrictEqual(readMap(new Reader(w.written()), EXACT), map);
      const r = new Reader(w.written());
      skipMap(r);
      assert.equal(r.remaining, 0);
    }),
  );
  const hostile = JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}');
  const back = decode(encode(hostile)) as { [key: string]: Value };
  assert.deepEqual(Object.keys(back), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(back), null);
});

test('a map as programs have it: with the usual prototype, whatever its keys are', () => {
  const hostile = JSON.parse('{"a": [{"toString": 3}], "__proto__": {"x": 1}, "constructor": 2}');
  const how = { depthMax: LIMITS.valueDepthMax, exact: false, ordinary: true };
  const back = readValue(new Reader(encode(hostile)), how) as { [key: string]: Value };
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.equal(JSON.stringify(back), JSON.stringify(hostile));
  assert.equal('x' in back, false);
  const twice = new Writer(64);
  twice.u8(VALUE_TYPE.map);
  twice.u32(2);
  for (let time = 0; time < 2; time++) {
    twice.text('__proto__');
    twice.u8(VALUE_TYPE.null);
  }
  refused('bad-message', () => readValue(new Reader(twice.bytes.slice(0, twice.at)), how));
});

test('integers and floats have the type that the page says', () => {
  const typeOf = (value: Value): number => encode(value)[0] as number;
  assert.equal(typeOf(1), VALUE_TYPE.int64);
  assert.equal(typeOf(Number.MIN_SAFE_INTEGER), VALUE_TYPE.int64);
  assert.equal(typeOf(2n ** 63n - 1n), VALUE_TYPE.int64);
  assert.equal(typeOf(-(2n ** 63n)), VALUE_TYPE.int64);
  assert.equal(typeOf(2n ** 63n), VALUE_TYPE.uint64);
  for (const float of [0.5, -0, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, new Float(3)]) {
    assert.equal(typeOf(float), VALUE_TYPE.float64);
  }
  assert.equal(decode(encode(new Float(3))), 3);
  assert.equal(decode(encode(5n)), 5);
  assert.equal(decode(encode(-(2n ** 53n))), -(2n ** 53n));
  assert.equal(decode(encode(-1)), -1);
});

test('what is no value is refused', () => {
  const nothing = undefined as unknown as Value;
  for (const value of [
    2n ** 64n,
    -(2n ** 63n) - 1n,
    nothing,
    [nothing],
    (() => 0) as unknown as Value,
    Symbol('x') as unknown as Value,
    new Map() as unknown as Value,
    new Float32Array(2) as unknown as Value,
    { when: new Date(0) as unknown as Value },
  ]) {
    refused('bad-argument', () => encode(value));
  }
});

test('a timestamp is a whole number of 64 bits', () => {
  const last = new Timestamp(2n ** 63n - 1n);
  assert.deepEqual(decode(encode(last)), last);
  assert.throws(() => new Timestamp(2n ** 63n), RangeError);
});

/** A list in a list, `depth` deep. */
function nest(depth: number): Value {
  let value: Value = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

test('nesting ends at its limit, on both sides', () => {
  const deepest = nest(LIMITS.valueDepthMax);
  assert.equal(encode(decode(encode(deepest))).length, encode(deepest).length);
  const deeper = nest(LIMITS.valueDepthMax + 1);
  refused('bad-argument', () => encode(deeper));
  const bytes = encode(deeper, LIMITS.valueDepthMax + 1);
  refused('bad-message', () => decode(bytes));
  refused('bad-message', () => skipValue(new Reader(bytes)));
  assert.equal(
    codeOf(() => readValue(new Reader(bytes), { depthMax: 9, exact: false, ordinary: false })),
    null,
  );
  const ring: Value[] = [];
  ring.push(ring);
  refused('bad-argument', () => encode(ring));
});

/** Both ways to get past a value refuse these bytes. */
function bothRefuse(...bytes: number[]): void {
  refused('bad-message', () => decode(Uint8Array.from(bytes)));
  refused('bad-message', () => skipValue(new Reader(Uint8Array.from(bytes))));
}

test('malformed values are refused, by reading and by skipping', () => {
  bothRefuse();
  bothRefuse(10);
  bothRefuse(255);
  bothRefuse(VALUE_TYPE.bool, 2);
  bothRefuse(VALUE_TYPE.uint64, 0, 0, 0, 0, 0, 0, 0, 0x7f);
  bothRefuse(VALUE_TYPE.string, 1, 0, 0, 0, 0x80);
  bothRefuse(VALUE_TYPE.bytes, 0xff, 0xff, 0xff, 0xff);
  // Counts of four thousand million make no room for as many.
  bothRefuse(VALUE_TYPE.list, 0xff, 0xff, 0xff, 0xff, 0, 0);
  bothRefuse(VALUE_TYPE.map, 0xff, 0xff, 0xff, 0xff, 0, 0);
  // The key "a" twice.
  bothRefuse(VALUE_TYPE.map, 2, 0, 0, 0, 1, 0, 0, 0, 0x61, 0, 1, 0, 0, 0, 0x61, 0);
});

test('reading and skipping agree on any bytes', () => {
  const nearly = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.tuple(anyValue, fc.nat(), fc.nat(255)).map(([value, at, byte]) => {
      const bytes = encode(value);
      bytes[at % bytes.length] = byte;
      return bytes;
    }),
  );
  fc.assert(
    fc.property(nearly, (bytes) => {
      const reading = new Reader(bytes);
      const skipping = new Reader(bytes);
      const code = codeOf(() => readValue(reading));
      assert.equal(
        codeOf(() => skipValue(skipping)),
        code,
      );
      if (code === null) assert.equal(skipping.at, reading.at);
    }),
    { numRuns: 5_000 },
  );
});

test('a timestamp is read from the text that it is told as, in JSON, too', () => {
  const moment = Timestamp.parse('2026-01-31T06:00:00.5+02:00');
  assert.equal(String(moment), '2026-01-31T04:00:00.5Z');
  assert.equal(JSON.stringify({ moment }), '{"moment":"2026-01-31T04:00:00.5Z"}');
  assert.deepEqual(Timestamp.parse(String(moment)), moment);
  assert.throws(() => Timestamp.parse('2026-02-31'), RangeError);
});
