import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Form, textOf } from '../../../src/core/dtype.js';
import { formOf } from '../../../src/core/dtype-text.js';
import {
  columnOf,
  columnsOf,
  convertElements,
  isConvertible,
  isLossless,
  putColumn,
} from '../../../src/core/regions/cast.js';
import type { ByteOrder, Dtype } from '../../../src/core/space.js';
import { fc } from '../../fast-check.js';
import { anyForm, anyStruct } from '../arbitraries.js';
import { codeOf, refused } from '../refusal.js';

const byteOrders: fc.Arbitrary<ByteOrder> = fc.constantFrom('little', 'big');

function converted(
  bytes: Uint8Array,
  [dtype, byteOrder]: readonly [Dtype, ByteOrder],
  [to, order]: readonly [Dtype, ByteOrder],
): Uint8Array {
  const count = bytes.length / formOf(dtype).itemSize;
  // Memory that was something else before.
  const target = new Uint8Array(count * formOf(to).itemSize).fill(0xaa);
  convertElements({ bytes, dtype, byteOrder }, { bytes: target, dtype: to, byteOrder: order });
  return target;
}

/** Three elements, with zeros where no field is, and 0 or 1 where a bool is. */
function elements(form: Form, random: readonly number[], count = 3): Uint8Array {
  const bytes = new Uint8Array(count * form.itemSize);
  const fill = (own: Form, at: number): void => {
    if (own.kind === 'struct') {
      for (const { offset, form: inner } of own.fields) fill(inner, at + offset);
      return;
    }
    for (let byte = at; byte < at + own.itemSize; byte++) {
      const value = random[byte % random.length] as number;
      bytes[byte] = own.kind === 'number' && own.dtype === 'bool' ? value % 2 : value;
    }
  };
  for (let each = 0; each < count; each++) fill(form, each * form.itemSize);
  return bytes;
}

const random = fc.array(fc.nat(255), { minLength: 97, maxLength: 97 });

/** The same fields, reordered and with other gaps, and some left out. */
function rearranged(form: Form, seed: number): Form {
  if (form.kind !== 'struct') return form;
  const kept = form.fields.filter((_, at) => at === 0 || (seed >> at) % 2 === 0);
  const fields = seed % 3 === 0 ? kept.toReversed() : kept;
  let end = seed % 2;
  const placed = fields.map(({ name, form: inner }) => {
    const own = { name, offset: end, form: inner };
    end += inner.itemSize + (seed % 3);
    return own;
  });
  return { kind: 'struct', itemSize: end + (seed % 5), fields: placed };
}

test('structs: fields go by name, wherever they lie, and come back through the other byte order', () => {
  const cases = fc.record({
    form: anyStruct(anyForm),
    seed: fc.nat(10_000),
    random,
    orders: fc.tuple(byteOrders, byteOrders),
  });
  fc.assert(
    fc.property(cases, ({ form, seed, random: values, orders }) => {
      const from = textOf(form);
      const other = rearranged(form, seed);
      const to = textOf(other);
      if (codeOf(() => [formOf(from), formOf(to)]) !== null) return;
      assert.ok(isLossless(from, to));
      const bytes = elements(form, values);
      const there = converted(bytes, [from, orders[0]], [to, orders[1]]);
      const same = converted(there, [to, orders[1]], [to, orders[0]]);
      for (const field of other.kind === 'struct' ? other.fields : []) {
        const source = form.fields.find(({ name }) => name === field.name);
        assert.ok(source !== undefined);
        assert.deepEqual(columnOf(same, other, field), columnOf(bytes, form, source));
      }
    }),
    { numRuns: 500 },
  );
});

test('structs: what no field of the target fills is zero', () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const wide = converted(bytes, ['{a:int8,b:int8}', 'little'], ['{b:int8@2;5}', 'little']);
  assert.deepEqual([...wide], [0, 0, 2, 0, 0, 0, 0, 4, 0, 0]);
});

test('columns: taken out and put back, elements are as they were', () => {
  fc.assert(
    fc.property(anyStruct(anyForm), random, (form, values) => {
      const bytes = elements(form, values);
      const again = new Uint8Array(bytes.length);
      for (const field of form.fields) putColumn(columnOf(bytes, form, field), again, form, field);
      assert.deepEqual(again, bytes);
      // More than one block of them, and the last one not whole.
      const many = elements(form, values, 1_500);
      const columns = columnsOf(many, form, form.fields);
      const alone = form.fields.map((field) => columnOf(many, form, field));
      assert.deepEqual(columns, alone);
    }),
  );
});

test('numbers within structs are converted as numbers are', () => {
  const bytes = new Uint8Array(new Float32Array([1.5, -2]).buffer);
  const from = ['{x:float32}', 'little'] as const;
  const doubles = converted(bytes, from, ['{x:float64}', 'little']);
  assert.deepEqual([...new Float64Array(doubles.buffer)], [1.5, -2]);
  const swapped = converted(bytes, from, ['{x:float64}', 'big']);
  assert.deepEqual(swapped.subarray(0, 8).toReversed(), doubles.subarray(0, 8));
  assert.ok(!isLossless('{x:float64}', '{x:float32}'));
  assert.ok(isConvertible('{x:float64}', '{x:float32}'));
});

test('strings are filled up, or cut', () => {
  const abc = Uint8Array.from([97, 98, 99, 100, 0, 0]);
  const longer = converted(abc, ['string[3]', 'little'], ['string[4]', 'big']);
  assert.deepEqual([...longer], [97, 98, 99, 0, 100, 0, 0, 0]);
  const shorter = converted(abc, ['string[3]', 'little'], ['string[2]', 'little']);
  assert.deepEqual([...shorter], [97, 98, 100, 0]);
  assert.ok(isLossless('string[3]', 'string[4]'));
  assert.ok(!isLossless('string[4]', 'string[3]'));
});

test('what cannot become another is refused, whatever it is asked for', () => {
  for (const [from, to] of [
    ['float32', 'string[4]'],
    ['string[4]', 'float32'],
    ['float32', '{x:float32}'],
    ['{x:float32}', 'float32'],
    ['{x:float32}', '{y:float32}'],
    ['{x:float32}', '{x:float32,y:float32}'],
    ['{x:float32}', '{x:string[4]}'],
    ['{x:{a:int8}}', '{x:{b:int8}}'],
  ] as const) {
    assert.ok(!isConvertible(from, to) && !isLossless(from, to));
    const bytes = new Uint8Array(2 * formOf(from).itemSize);
    refused('bad-space', () => converted(bytes, [from, 'little'], [to, 'little']));
  }
});
