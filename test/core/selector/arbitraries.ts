import type {
  Condition,
  Quantifier,
  Selector,
  SelectorItem,
  SelectorKey,
  SelectorValue,
} from '../../../src/core/selector/ast.js';
import { integerOf } from '../../../src/core/selector/numbers.js';
import { Float, Timestamp } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyText } from '../arbitraries.js';

const AT = 0;

/** Every value that has a text; numbers as the parser gives them. */
const integer = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).map((x) => integerOf(x) ?? 0),
);
const float = fc
  .double()
  .map((x) => (Number.isSafeInteger(x) && !Object.is(x, -0) ? new Float(x) : x));
const moment = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((x) => new Timestamp(x));
const bytes = fc.uint8Array({ maxLength: 6 });

/** Few, so that a bound is often a value of some object: what is wrong at it is found. */
export const FEW_NUMBERS = [0, 1, new Float(1), 1.5, 2n ** 53n + 1n] as const;
export const FEW_MOMENTS = [0n, 1n, 2n ** 60n, 2n ** 60n + 1n].map((x) => new Timestamp(x));

function often<T>(few: fc.Arbitrary<T>, ...others: readonly fc.Arbitrary<T>[]): fc.Arbitrary<T> {
  return fc.oneof({ weight: 3, arbitrary: few }, fc.oneof(...others));
}

const ordered: readonly fc.Arbitrary<SelectorValue>[] = [
  often(fc.constantFrom<SelectorValue>(...FEW_NUMBERS), integer, float),
  often<SelectorValue>(fc.constantFrom('a', 'b', 'ab'), anyText(8)),
  often(fc.constantFrom(...FEW_MOMENTS), moment),
  bytes,
];

const scalar: fc.Arbitrary<SelectorValue> = often<SelectorValue>(
  fc.constantFrom(...FEW_NUMBERS, ...FEW_MOMENTS, 'a', 'b', 'ab'),
  ...ordered,
  fc.boolean(),
  fc.constant(null),
);

const value: fc.Arbitrary<SelectorValue> = fc.oneof(
  { weight: 5, arbitrary: scalar },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 3 }) },
  { weight: 1, arbitrary: fc.array(fc.array(scalar, { maxLength: 2 }), { maxLength: 2 }) },
);

const range: fc.Arbitrary<SelectorItem> = fc.oneof(
  ...ordered.flatMap((end) => [
    fc.tuple(end, end).map(([low, high]): SelectorItem => ({ kind: 'range', low, high })),
    end.map((low): SelectorItem => ({ kind: 'range', low, high: null })),
    end.map((high): SelectorItem => ({ kind: 'range', low: null, high })),
  ]),
);

const item = fc.oneof(
  value.map((each): SelectorItem => ({ kind: 'value', value: each })),
  range,
);

const pattern = {
  glob: fc.constantFrom('a*', '*', 'b?', '[!a]', 'a"\\*\n', '温*', ''),
  regex: fc.constantFrom('^a', 'b|c', '[ab]{2}$', '\\d+\t"\'', '海', ''),
};

/** Keys that meet those of {@link anyAttributes}, and every other. */
const plainName = often(
  fc.constantFrom('a', 'b'),
  fc.constantFrom('a.b', 'ab', '.maestro.x', 'key', 'and', 'in', 'x', 'a..b'),
);
const keyName = fc.oneof(
  { weight: 4, arbitrary: plainName },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }) },
  { weight: 1, arbitrary: fc.constantFrom('`', '``', ' ', '0', 'a b', '-a', 'true', 'a:', '.') },
);

const key: fc.Arbitrary<SelectorKey> = fc.oneof(
  { weight: 6, arbitrary: keyName.map((name) => ({ kind: 'name' as const, name, at: AT })) },
  {
    weight: 1,
    arbitrary: pattern.glob.map((each) => ({ kind: 'glob' as const, pattern: each, at: AT })),
  },
  {
    weight: 1,
    arbitrary: pattern.regex.map((each) => ({ kind: 'regex' as const, pattern: each, at: AT })),
  },
);

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.record(
    {
      kind: fc.constant('compare' as const),
      operator: fc.constantFrom('=' as const, '!=' as const),
      value,
      at: fc.constant(AT),
    },
    { noNullPrototype: true },
  ),
  {
    weight: 2,
    arbitrary: fc.record(
      {
        kind: fc.constant('compare' as const),
        operator: fc.constantFrom('<' as const, '<=' as const, '>' as const, '>=' as const),
        value: fc.oneof(...ordered),
        at: fc.constant(AT),
      },
      { noNullPrototype: true },
    ),
  },
  fc.array(item, { maxLength: 4 }).map((items) => ({ kind: 'in' as const, items, at: AT })),
  fc.oneof(
    pattern.glob.map((text) => ({ kind: 'glob' as const, text, at: AT })),
    pattern.regex.map((text) => ({ kind: 'regex' as const, text, at: AT })),
    fc
      .tuple(fc.constantFrom('prefix' as const, 'suffix' as const, 'infix' as const), anyText(4))
      .map(([kind, text]) => ({ kind, text, at: AT })),
  ),
);

const leaf: fc.Arbitrary<Selector> = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.boolean().map((each) => ({ kind: 'constant' as const, value: each, at: AT })),
  },
  { weight: 2, arbitrary: key.map((each) => ({ kind: 'has' as const, key: each, at: AT })) },
  {
    weight: 8,
    arbitrary: fc.record(
      {
        kind: fc.constant('test' as const),
        quantifier: often<Quantifier | null>(
          fc.constant(null),
          fc.constantFrom('any' as const, 'all' as const),
        ),
        key,
        condition,
        at: fc.constant(AT),
      },
      { noNullPrototype: true },
    ),
  },
);

/** Any selector that a text can say; each node stands at 0. */
export const { selector: anySelector } = fc.letrec<{ selector: Selector }>((tie) => ({
  selector: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    leaf,
    fc.record(
      {
        kind: fc.constantFrom('and' as const, 'or' as const),
        parts: fc.array(tie('selector'), { minLength: 2, maxLength: 4 }),
        at: fc.constant(AT),
      },
      { noNullPrototype: true },
    ),
    tie('selector').map((part) => ({ kind: 'not' as const, part, at: AT })),
  ),
}));

/** What an object may say of itself: few keys, so that selectors meet them. */
export const anyAttributes: fc.Arbitrary<ReadonlyMap<string, SelectorValue>> = fc
  .array(fc.tuple(plainName, value), { maxLength: 5 })
  .map((entries) => new Map(entries));
