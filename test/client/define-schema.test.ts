import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AttributesOf,
  coerceAttributes,
  defineSchema,
  type Float,
  parseSchema,
  type Schema,
  type Timestamp,
  type Value,
  type ValueMap,
} from '../../src/client/index.js';
import type { TypeOfText } from '../../src/client/type-of-text.js';

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** That it compiles is the test. */
const holds = <T extends true>(): T | null => null;

const fields = defineSchema({
  'schema-name': 'fields',
  'schema-version': 1,
  'schema-namespace': '.f.',
  'maestro-attributes': [
    { key: 'class', type: "enum('od', 'rd', 3)", required: true },
    { key: 'step', type: 'int(min=0)', default: 0 },
    { key: 'date', type: 'day()' },
    { key: 'levels', type: 'list(int(), max=5)' },
  ],
});

test('the types of a notation', () => {
  holds<Same<TypeOfText<'int()'>, number | bigint>>();
  holds<Same<TypeOfText<' uint ( min=0 ) '>, number | bigint>>();
  holds<Same<TypeOfText<'float()'>, number | Float>>();
  holds<Same<TypeOfText<'num()'>, number | bigint | Float>>();
  holds<Same<TypeOfText<"regex('^(a|b),c$')">, string>>();
  holds<Same<TypeOfText<'bool()'>, boolean>>();
  holds<Same<TypeOfText<'timestamp()'>, Timestamp>>();
  holds<Same<TypeOfText<'bytes(max=4)'>, Uint8Array>>();
  holds<Same<TypeOfText<'enum(\'a\', "b,c", 3, 0.5, True)'>, 'a' | 'b,c' | 3 | 0.5 | true>>();
  holds<Same<TypeOfText<'list()'>, readonly Value[]>>();
  holds<Same<TypeOfText<"list(str(matches='[)]'), max=5)">, readonly string[]>>();
  holds<Same<TypeOfText<'list(int(), str())'>, readonly (number | bigint | string)[]>>();
  holds<Same<TypeOfText<'list(list(bool()))'>, readonly (readonly boolean[])[]>>();
  holds<Same<TypeOfText<"map(bool(), key=regex('k'))">, { readonly [key: string]: boolean }>>();
  holds<Same<TypeOfText<"any(bool(), enum('a'))">, boolean | 'a'>>();
  holds<Same<TypeOfText<string>, Value>>();
  // @ts-expect-error: it is a text.
  holds<Same<TypeOfText<'str()'>, number>>();
});

test('attributes have the types of their schema', () => {
  type Attributes = AttributesOf<typeof fields>;
  holds<Same<Attributes['.f.class'], 'od' | 'rd' | 3>>();
  holds<Same<Attributes['.f.step'], number | bigint>>();
  holds<Same<Attributes['.f.date'], Timestamp | undefined>>();
  holds<Same<AttributesOf<Schema>, ValueMap>>();
  const good: Attributes = { '.f.class': 'od', '.f.step': 6 };
  // @ts-expect-error: class is required.
  const lacking: Attributes = { '.f.step': 6 };
  // @ts-expect-error: there is no such class.
  const unknown: Attributes = { '.f.class': 'xx', '.f.step': 6 };
  // @ts-expect-error: a list is needed.
  const scalar: Attributes = { '.f.class': 'od', '.f.step': 6, '.f.levels': 5 };
  // @ts-expect-error: keys have their namespace.
  const short: Attributes = { class: 'od', step: 6 };
  assert.equal([good, lacking, unknown, scalar, short].length, 5);
  // @ts-expect-error: a document has a name.
  assert.throws(() => defineSchema({ 'schema-version': 1 }), { code: 'bad-schema' });
});

test('what is coerced is what its type says', () => {
  const attributes = coerceAttributes(fields, { '.f.class': '3', '.f.levels': ['850'] });
  const step: number | bigint = attributes['.f.step'];
  const levels: readonly (number | bigint)[] | undefined = attributes['.f.levels'];
  assert.deepEqual([attributes['.f.class'], step, levels], [3, 0, [850]]);
  assert.throws(() => coerceAttributes(fields, {}), { code: 'schema-mismatch' });
  const loose = coerceAttributes(parseSchema(fields.document), { '.f.class': 'od' });
  const value: Value | undefined = loose['.f.class'];
  assert.equal(value, 'od');
});
