import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../src/core/bytes.js';
import { type Dtype, textOf } from '../../src/core/dtype.js';
import {
  codeOfForm,
  descriptionSize,
  readDescription,
  writeDescription,
} from '../../src/core/dtype-codec.js';
import { canonicalDtype, formOf, itemSizeOf } from '../../src/core/dtype-text.js';
import { LIMITS } from '../../src/core/limits.js';
import { readSpace, writeSpace } from '../../src/core/space.js';
import { fc } from '../fast-check.js';
import { anyForm, anyStruct } from './arbitraries.js';
import { codeOf, refused } from './refusal.js';

function encoded(dtype: string): Uint8Array {
  const w = new Writer();
  writeDescription(w, formOf(dtype as Dtype));
  return w.written().slice();
}

/** A struct within structs, as many deep. */
const nested = (depth: number): string => `${'{a:'.repeat(depth)}int8${'}'.repeat(depth)}`;
const manyFields = (count: number, name = 'f'): string =>
  `{${Array.from({ length: count }, (_, at) => `${name}${at}:int8`).join(',')}}`;

test('the text of a dtype is read back, and is the only one', () => {
  fc.assert(
    fc.property(anyForm, (form) => {
      const text = textOf(form);
      assert.deepEqual(formOf(text), form);
      assert.equal(canonicalDtype(text), text);
      assert.equal(itemSizeOf(text), form.itemSize);
    }),
    { numRuns: 1_000 },
  );
});

test('offsets, the size and spaces may be left out or put in', () => {
  const text = (dtype: string): string => canonicalDtype(dtype);
  assert.equal(text('{x:float32,y:int16}'), '{x:float32@0,y:int16@4;6}');
  assert.equal(text('{ x : float32 , y : int16 @ 8 ; 16 }'), '{x:float32@0,y:int16@8;16}');
  assert.equal(text('{"x":int8,"a b":string[ 3 ]}'), '{x:int8@0,"a b":string[3]@1;4}');
  assert.equal(text('{p:{x:int8,y:int64},q:bool}'), '{p:{x:int8@0,y:int64@1;9}@0,q:bool@9;10}');
  assert.equal(text('string[007]'), 'string[7]');
  assert.equal(text('float64'), 'float64');
});

test('texts that are no dtypes are refused', () => {
  for (const text of [
    ...['', 'float31', 'toString', 'string', 'string[', 'string[]', 'string[0]', 'string[-1]'],
    ...['string[1.5]', 'string[1]x', 'string[99999999999]', 'float32[3]', '"float32"'],
    ...['{}', '{x}', '{x:}', '{:int8}', '{x:int8', '{x:int8,}', '{x:int8;}', '{x:int8@}'],
    ...['{x:int8}}', '{x:int8;0}', '{x:int8,x:int8}', '{x:int8@1,y:int8@1}', '{x:int32;3}'],
    ...['{x:int32@4,y:int8@0}', '{x:int8@-1}', '{x:int8 y:int8}', '{"":int8}', '{"a:int8}'],
    ...['{"\\n":int8}', '{"\n":int8}', '{"\u0085":int8}', '{"\ud800":int8}', '{x:int8;1;1}'],
  ]) {
    refused('bad-space', () => formOf(text as Dtype));
  }
  for (const value of [null, 3, {}, ['float32']]) {
    refused('bad-space', () => formOf(value as unknown as Dtype));
  }
});

test('limits of dtypes are the last that is taken', () => {
  const size = LIMITS.itemBytesMax;
  for (const [last, beyond] of [
    [`string[${size}]`, `string[${size + 1}]`],
    [`{x:int8;${size}}`, `{x:int8;${size + 1}}`],
    [nested(LIMITS.dtypeDepthMax), nested(LIMITS.dtypeDepthMax + 1)],
    [manyFields(LIMITS.fieldsMax), manyFields(LIMITS.fieldsMax + 1)],
    [`{${'a'.repeat(255)}:int8}`, `{${'a'.repeat(256)}:int8}`],
    // 30 fields of a name of 254 or 255 bytes: 260 or 261 each.
    [manyFields(30, 'a'.repeat(253)), manyFields(32, 'a'.repeat(253))],
  ] as const) {
    const bytes = encoded(last);
    const code = codeOfForm(formOf(last as Dtype));
    assert.deepEqual(readDescription(new Reader(bytes), code), formOf(last as Dtype));
    refused('bad-space', () => formOf(beyond as Dtype));
  }
  refused('bad-space', () => formOf(`{x:int8${' '.repeat(LIMITS.dtypeTextMax)}}`));
});

test('a description comes back, and says how long it is', () => {
  fc.assert(
    fc.property(anyForm, (form) => {
      if (form.kind === 'number') return;
      const bytes = encoded(textOf(form));
      const r = new Reader(bytes);
      assert.deepEqual(readDescription(r, codeOfForm(form)), form);
      assert.equal(r.remaining, 0);
      assert.equal(descriptionSize(bytes, 0), bytes.length);
    }),
    { numRuns: 500 },
  );
});

test('a description that is cut or flipped is refused, or is another dtype in its one encoding', () => {
  const damage = fc.record({
    form: anyStruct(anyForm),
    at: fc.nat(),
    bit: fc.nat(7),
    isCut: fc.boolean(),
  });
  fc.assert(
    fc.property(damage, ({ form, at, bit, isCut }) => {
      const space = { dtype: textOf(form), shape: [3] };
      if (codeOf(() => formOf(space.dtype)) !== null) return;
      const w = new Writer();
      writeSpace(w, space);
      const bytes = w.written().slice();
      const place = at % bytes.length;
      if (isCut) {
        refused('bad-message', () => readSpace(new Reader(bytes.subarray(0, place))));
        return;
      }
      bytes[place] = (bytes[place] as number) ^ (1 << bit);
      const r = new Reader(bytes);
      let found: ReturnType<typeof readSpace>;
      try {
        found = readSpace(r);
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad-message');
        return;
      }
      const again = new Writer();
      writeSpace(again, found);
      assert.deepEqual(again.written(), bytes.subarray(0, r.at));
    }),
    { numRuns: 2_000 },
  );
});
