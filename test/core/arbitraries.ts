import { DTYPES, type Dtype, type SpaceExpectation } from '../../src/core/space.js';
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

export const anyDtype: fc.Arbitrary<Dtype> = fc.constantFrom(...(Object.keys(DTYPES) as Dtype[]));

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
