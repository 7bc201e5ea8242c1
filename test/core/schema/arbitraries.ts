import { Float, type Value } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyText, anyValue } from '../arbitraries.js';

/** A number or bound in the notation. */
const bounds = (low: number, high: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.option(fc.integer({ min: low, max: 0 })),
      fc.option(fc.integer({ min: 1, max: high })),
    )
    .map(([min, max]) =>
      [...(min === null ? [] : [`min=${min}`]), ...(max === null ? [] : [`max=${max}`])].join(', '),
    );

const scalarTypes = fc.oneof(
  bounds(-9, 99).map((each) => `int(${each})`),
  bounds(0, 99).map((each) => `uint(${each})`),
  bounds(-9, 99).map((each) => `float(${each})`),
  bounds(-9, 99).map((each) => `num(${each})`),
  bounds(0, 5).map((each) => `str(${each})`),
  fc.constantFrom(
    ...['bool()', 'timestamp()', 'day()', 'bytes()', 'bytes(max=3)', "regex('^[a-z0-9]+$')"],
    ...["enum('a', 'b', 3)", "enum('12', 12)", 'enum(True, 0.5)', "enum('od', 'rd')"],
    ...["timestamp(min='2000-01-01')", "str(matches='[0-9]')", "str(exclude='/')"],
  ),
);

/** Types in Maestro's notation. */
export const { type: anyTypeText } = fc.letrec<{ type: string }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 2, depthSize: 'small' },
    { weight: 6, arbitrary: scalarTypes },
    fc.tuple(tie('type'), bounds(0, 3)).map(([inner, each]) => `list(${inner}, ${each})`),
    tie('type').map((inner) => `map(${inner})`),
    fc.array(tie('type'), { maxLength: 3 }).map((inner) => `any(${inner.join(', ')})`),
  ),
}));

/** Values that types have something to say of: near to what fits, and any other. */
export const nearValue: fc.Arbitrary<Value> = fc.oneof(
  anyValue,
  fc.integer({ min: -20, max: 120 }),
  fc.integer({ min: -20, max: 120 }).map((each) => new Float(each)),
  fc.constantFrom<Value>(
    ...['a', 'b', '3', 3, '12', 12, 12.5, '12.5', 0.5, '0.5', true, 'true', 'False', 1, 0, '0'],
    ...['2026-01-31', 20_260_131, '20260131', '2026-01-31T06:00', '20260131T0600Z', 'od', '007'],
    ...[2n ** 63n, 2n ** 64n, -(2n ** 63n), 2 ** 53, 1e20, -0, Number.NaN, 'inf', '1e999'],
    ...[[1, '2'], ['a'], [], { a: 1 }, { a: '1', b: 2 }, {}, new Uint8Array(2)],
  ),
  anyText(4),
);
