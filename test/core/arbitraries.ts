import { type FieldForm, type Form, textOf } from '../../src/core/dtype.js';
import {
  DTYPES,
  type Dtype,
  itemSizeOf,
  type NumericDtype,
  type SpaceExpectation,
} from '../../src/core/space.js';
import { Float, Timestamp, type Value, type ValueMap } from '../../src/core/value.js';
import { fc } from '../fast-check.js';

/** Any text that UTF-8 can say: every code point but halves of surrogate pairs. */
export const anyText = (maxLength = 12): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', maxLength });

const INT64_END = 2n ** 63n;

/** Numbers as the exact reading gives them back: a whole float64 is a Float. */
const exactDouble = fc
  .double()
  .map((x): Value => (Number.isSafeInteger(x) && !Object.is(x, -0) ? new Float(x) : x));

const bigInteger = fc
  .bigInt({ min: -INT64_END, max: 2n * INT64_END - 1n })
  .map((x): Value => (Number.isSafeInteger(Number(x)) ? Number(x) : x));

const scalar: fc.Arbitrary<Value> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
  bigInteger,
  exactDouble,
  anyText(),
  fc.uint8Array({ maxLength: 20 }),
  fc.bigInt({ min: -INT64_END, max: INT64_END - 1n }).map((x) => new Timestamp(x)),
);

/** A map as readers give it: without a prototype. Keys that look like indices would move. */
export const mapOf = (value: fc.Arbitrary<Value>): fc.Arbitrary<ValueMap> =>
  fc
    .uniqueArray(
      fc.tuple(fc.oneof(anyText(6), fc.constantFrom('__proto__', 'constructor')), value),
      {
        selector: ([key]) => key,
        maxLength: 5,
      },
    )
    .map((entries) => {
      const map: { [key: string]: Value } = Object.create(null);
      for (const [key, item] of entries) map[key] = item;
      return map;
    });

function valueTo(depth: number): fc.Arbitrary<Value> {
  if (depth === 0) return scalar;
  const inner = valueTo(depth - 1);
  return fc.oneof(
    { weight: 6, arbitrary: scalar },
    { weight: 1, arbitrary: fc.array(inner, { maxLength: 4 }) },
    { weight: 1, arbitrary: mapOf(inner) },
  );
}

export const anyValue: fc.Arbitrary<Value> = valueTo(3);
export const anyMap: fc.Arbitrary<ValueMap> = mapOf(valueTo(2));

export const anyNumericDtype = fc.constantFrom(...(Object.keys(DTYPES) as NumericDtype[]));

const numberForm = anyNumericDtype.map(
  (dtype): Form => ({ kind: 'number', itemSize: itemSizeOf(dtype), dtype }),
);
const stringForm = fc
  .integer({ min: 1, max: 40 })
  .map((itemSize): Form => ({ kind: 'string', itemSize }));
const fieldName = fc.oneof(
  fc.stringMatching(/^[a-z_]{1,6}$/),
  fc.constantFrom('float32', 'string', '"', '\\', 'a b', '{', ';@', '__proto__', '\u00e9'),
  anyText(6).filter((text) => text !== '' && !/\p{Cc}/u.test(text)),
);

/** A struct with gaps between its fields and behind them. */
export function anyStruct(inner: fc.Arbitrary<Form>): fc.Arbitrary<Form & { kind: 'struct' }> {
  const field = fc.record({ name: fieldName, gap: fc.nat(3), form: inner });
  const fields = fc.uniqueArray(field, {
    selector: ({ name }) => name,
    minLength: 1,
    maxLength: 6,
  });
  return fc.tuple(fields, fc.nat(3)).map(([list, gap]) => {
    let end = 0;
    const placed = list.map(({ name, gap: before, form }): FieldForm => {
      const offset = end + before;
      end = offset + form.itemSize;
      return { name, offset, form };
    });
    return { kind: 'struct', itemSize: end + gap, fields: placed };
  });
}

const plainForm = fc.oneof({ weight: 3, arbitrary: numberForm }, stringForm);
export const anyForm: fc.Arbitrary<Form> = fc.oneof(
  { weight: 2, arbitrary: numberForm },
  stringForm,
  anyStruct(plainForm),
  anyStruct(fc.oneof({ weight: 3, arbitrary: plainForm }, anyStruct(plainForm))),
);

export const anyDtype: fc.Arbitrary<Dtype> = anyForm.map(textOf);

const dimension = fc.oneof(fc.nat(20), fc.maxSafeNat(), fc.constant(null));

/** A space of which any field may be unset. */
export const anySpace: fc.Arbitrary<SpaceExpectation> = fc.record(
  {
    dtype: anyDtype,
    order: fc.constantFrom('row' as const, 'column' as const),
    byteOrder: fc.constantFrom('little' as const, 'big' as const),
    shape: fc.array(dimension, { maxLength: 16 }),
  },
  { requiredKeys: [], noNullPrototype: true },
);
