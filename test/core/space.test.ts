import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import {
  completeSpace,
  completeSpaceOf,
  DTYPES,
  encodedSpaceSize,
  isNumeric,
  itemSizeOf,
  mergeSpace,
  readSpace,
  type SpaceExpectation,
  skipSpace,
  spaceByteSize,
  spaceBytes,
  spaceFieldName,
  spaceFieldText,
  spaceMismatch,
  writeSpace,
} from '../../src/core/space.js';
import { fc } from '../fast-check.js';
import { anyDtype, anySpace } from './arbitraries.js';
import { codeOf, refused } from './refusal.js';

/** A byte before, so that a forgotten start shows. */
const START = 1;

function encode(space: SpaceExpectation | null): Uint8Array {
  const w = new Writer(4);
  w.u8(0xee);
  writeSpace(w, space);
  return w.written().slice();
}

function decode(w: Writer): SpaceExpectation {
  return readSpace(new Reader(w.written()));
}

function complete(space: SpaceExpectation, payloadSize: number): SpaceExpectation {
  const w = new Writer();
  completeSpace(w, encode(space), START, payloadSize);
  return decode(w);
}

/** The size as the page defines it, in numbers that do not end. */
function exactSize({ dtype, shape }: SpaceExpectation): bigint | null {
  if (dtype === undefined || shape === undefined) return null;
  let size = BigInt(itemSizeOf(dtype));
  for (const dimension of shape) {
    if (dimension === null) return null;
    size *= BigInt(dimension);
  }
  return size;
}

test('a space comes back, and takes the size it says', () => {
  fc.assert(
    fc.property(anySpace, (space) => {
      const bytes = encode(space);
      const r = new Reader();
      r.reset(bytes, START, bytes.length);
      assert.deepEqual(readSpace(r), space);
      assert.equal(r.remaining, 0);
      assert.equal(encodedSpaceSize(bytes, START), bytes.length - START);
    }),
  );
  assert.deepEqual(encode(null), encode({}));
});

test('codes and sizes of dtypes are those of the page', () => {
  const table = Object.values(DTYPES);
  assert.deepEqual(
    table.map(({ code }) => code),
    table.map((_, index) => index + 1),
  );
  const sizes = [1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 8, 16];
  assert.deepEqual(
    table.map(({ itemSize }) => itemSize),
    sizes,
  );
  assert.ok(isNumeric('float32'));
  assert.ok(!isNumeric('toString'));
});

test('spaces that cannot be are refused', () => {
  const bad = (space: object): void => refused('bad-space', () => encode(space));
  bad({ dtype: 'float31' });
  bad({ dtype: 'toString' });
  bad({ order: 'fortran' });
  bad({ shape: [-1] });
  bad({ shape: [1.5] });
  bad({ shape: [2 ** 53] });
  bad({ shape: new Array(17).fill(1) });
  for (const bytes of [
    [17, 0, 0, 255],
    [15, 0, 0, 255],
    [16, 0, 0, 255, 4, 0, 1, 0, 0, 0],
    [0, 3, 0, 255],
    [0, 0, 3, 255],
    [0, 0, 0, 17, ...new Array(17 * 8).fill(0)],
    [0, 0, 0, 254, ...new Array(254 * 8).fill(0)],
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 0],
  ]) {
    refused('bad-message', () => skipSpace(new Reader(Uint8Array.from(bytes))));
  }
});

test('the size of a payload is the product, unset or refused', () => {
  fc.assert(
    fc.property(anySpace, (space) => {
      const exact = exactSize(space);
      const bytes = encode(space);
      const size = (): number => spaceByteSize(bytes, START);
      if (exact === null) assert.equal(size(), -1);
      else if (exact > BigInt(Number.MAX_SAFE_INTEGER)) refused('bad-space', size);
      else assert.equal(size(), Number(exact));
      const whole = completeSpaceOf(space);
      if (whole !== null) {
        assert.equal(
          codeOf(() => assert.equal(spaceBytes(whole), size())),
          codeOf(size),
        );
      }
    }),
  );
  assert.equal(spaceBytes({ dtype: 'complex128', shape: [] }), 16);
  assert.equal(spaceBytes({ dtype: 'int8', shape: [2 ** 52, 2 ** 52, 0] }), 0);
});

/** The model of a comparison: over plain objects. */
function mismatchOf(expected: SpaceExpectation, offered: SpaceExpectation): string {
  for (const field of ['dtype', 'order', 'byteOrder'] as const) {
    const [one, other] = [expected[field], offered[field]];
    if (one !== undefined && other !== undefined && one !== other) return field;
  }
  const [one, other] = [expected.shape, offered.shape];
  if (one === undefined || other === undefined) return 'none';
  if (one.length !== other.length) return 'ndim';
  const differs = one.findIndex((size, index) => {
    const given = other[index] ?? null;
    return size !== null && given !== null && size !== given;
  });
  return differs < 0 ? 'none' : `shape[${differs}]`;
}

/** Two spaces which often agree. */
const twoSpaces = fc.tuple(anySpace, anySpace, fc.nat(15)).map(([one, other, keep]) => {
  const second = { ...other };
  if (keep & 1 && one.dtype !== undefined) second.dtype = one.dtype;
  if (keep & 2 && one.order !== undefined) second.order = one.order;
  if (keep & 4 && one.byteOrder !== undefined) second.byteOrder = one.byteOrder;
  const shape = one.shape;
  if (keep & 8 && shape !== undefined) {
    second.shape = shape.map((size, index) => (index === (other.dtype?.length ?? 0) ? 3 : size));
  }
  return [one, second] as const;
});

test('a mismatch names the first field that differs', () => {
  fc.assert(
    fc.property(twoSpaces, ([expected, offered]) => {
      const field = spaceMismatch(encode(expected), START, encode(offered), START);
      assert.equal(spaceFieldName(field), mismatchOf(expected, offered));
    }),
    { numRuns: 1_000 },
  );
  const bytes = encode({ dtype: 'int8', shape: [3, null] });
  assert.equal(spaceFieldText(bytes, START, 1), 'int8');
  assert.equal(spaceFieldText(bytes, START, 2), 'unset');
  assert.equal(spaceFieldText(bytes, START, 5), '[3, ?]');
});

test('a merge replaces what is set', () => {
  fc.assert(
    fc.property(twoSpaces, ([base, over]) => {
      const w = new Writer();
      mergeSpace(w, encode(base), START, encode(over), START);
      const expected = { ...base, ...over };
      if (base.shape !== undefined && base.shape.length === over.shape?.length) {
        const under = base.shape;
        expected.shape = over.shape.map((size, index) => size ?? under[index] ?? null);
      }
      assert.deepEqual(decode(w), expected);
    }),
    { numRuns: 1_000 },
  );
});

test('an offer fills in what is unset', () => {
  assert.deepEqual(complete({}, 7), {
    dtype: 'uint8',
    shape: [7],
    order: 'row',
    byteOrder: 'little',
  });
  assert.deepEqual(complete({ dtype: 'float64', order: 'column', byteOrder: 'big' }, 80), {
    dtype: 'float64',
    shape: [10],
    order: 'column',
    byteOrder: 'big',
  });
  assert.deepEqual(complete({ dtype: 'int16', shape: [3, null, 5] }, 60).shape, [3, 2, 5]);
  assert.deepEqual(complete({ dtype: 'int16', shape: [null, 0] }, 0).shape, [0, 0]);
  assert.deepEqual(complete({ dtype: 'int16', shape: [] }, 2).shape, []);
  refused('size-mismatch', () => complete({ dtype: 'float64' }, 81));
  refused('size-mismatch', () => complete({ shape: [4, null] }, 10));
  refused('size-mismatch', () => complete({ shape: [0, null] }, 1));
  refused('bad-space', () => complete({ shape: [null, null] }, 4));
  refused('bad-space', () => complete({ shape: [2 ** 52, 2 ** 52, null] }, 4));
});

test('a completed space has the size of its payload, or a shape of its own', () => {
  fc.assert(
    fc.property(
      anyDtype,
      fc.array(fc.nat(6), { maxLength: 4 }),
      fc.nat(5),
      (dtype, shape, open) => {
        const size = spaceBytes({ dtype, shape });
        const left = shape.map((dimension, index) => (index === open ? null : dimension));
        const w = new Writer();
        completeSpace(w, encode({ dtype, shape: left }), START, size);
        assert.equal(spaceByteSize(w.written(), 0), size);
      },
    ),
  );
});
