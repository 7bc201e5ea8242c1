import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.js';
import { parseSchema } from '../../../src/core/schema/schema.js';
import type { Value, ValueMap } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyValue } from '../arbitraries.js';
import { attribute, documentOf, FIELDS, failureOf } from './examples.js';

test("a document of Maestro's becomes a schema", () => {
  const document = documentOf(
    'my schema',
    [
      attribute('step', 'int(min=0)', { required: true, documentation: 'hours', units: 'h' }),
      attribute('kind', "enum('a', 'b')", { default: 'a' }),
      attribute('note', 'str(required=True, none=False)'),
    ],
    { 'schema-namespace': '.maestro.my-namespace.', 'schema-version': 3 },
  );
  const schema = parseSchema(document);
  assert.deepEqual(
    [schema.name, schema.version, schema.namespace, schema.unknown, schema.naming],
    ['my schema', 3, '.maestro.my-namespace.', 'keep', null],
  );
  const [step, kind, note] = schema.attributes;
  assert.equal(step?.key, '.maestro.my-namespace.step');
  assert.deepEqual(
    [step?.shortKey, step?.type.text, step?.required, step?.documentation, step?.units],
    ['step', 'int(min=0)', true, 'hours', 'h'],
  );
  assert.deepEqual([kind?.required, kind?.default, kind?.none], [false, 'a', true]);
  assert.deepEqual([note?.required, note?.default, note?.none], [true, null, false]);
});

test('a schema is made anew of its document', () => {
  const schema = parseSchema({ ...FIELDS, naming: '{class}/{step:03}', unknown: 'reject' });
  const again = parseSchema(schema.document);
  assert.deepEqual(again.attributes, schema.attributes);
  assert.equal(again.naming?.text, '{class}/{step:03}');
  assert.equal(again.unknown, 'reject');
});

test('attributes may stand under their plain name, and defaults are coerced', () => {
  const { 'maestro-attributes': list = null, ...others } = documentOf('x', [
    attribute('day', 'day()', { default: 20_260_131 }),
  ]);
  const schema = parseSchema({ ...others, attributes: list });
  const standard = schema.attributes[0]?.default;
  assert.ok(standard !== null && typeof standard === 'object' && 'nanoseconds' in standard);
});

test('what is malformed is refused, at its place', () => {
  const wrong: readonly (readonly [path: string, document: Value, position?: number])[] = [
    ['', []],
    ['', 'text'],
    ['', null],
    ['schema-name', {}],
    ['schema-name', { 'schema-name': 5 }],
    ['schema-name', { 'schema-name': 'x'.repeat(256) }],
    ['schema-version', { 'schema-name': 'x' }],
    ['schema-version', documentOf('x', [], { 'schema-version': 0 })],
    ['schema-version', documentOf('x', [], { 'schema-version': '1' })],
    ['schema-version', documentOf('x', [], { 'schema-version': 1.5 })],
    ['schema-namespace', documentOf('x', [], { 'schema-namespace': 'abc' })],
    ['schema-namespace', documentOf('x', [], { 'schema-namespace': '.' })],
    ['schema-nmae', documentOf('x', [], { 'schema-nmae': 'y' })],
    ['unknown', documentOf('x', [], { unknown: 'refuse' })],
    ['attributes', documentOf('x', [], { attributes: [] })],
    ['attributes', { 'schema-name': 'x', 'schema-version': 1 }],
    ['maestro-attributes', documentOf('x', [], { 'maestro-attributes': {} })],
    ['maestro-attributes[0]', documentOf('x', ['step' as never])],
    ['maestro-attributes[0].key', documentOf('x', [{ type: 'int()' }])],
    ['maestro-attributes[0].key', documentOf('x', [attribute('k'.repeat(256), 'int()')])],
    ['maestro-attributes[0].type', documentOf('x', [{ key: 'step' }])],
    ['maestro-attributes[0].type', documentOf('x', [{ key: 'step', type: 5 }])],
    ['maestro-attributes[0].type', documentOf('x', [attribute('a', 'int(')]), 4],
    ['maestro-attributes[0].typ', documentOf('x', [attribute('a', 'int()', { typ: '' })])],
    ['maestro-attributes[0].default', documentOf('x', [attribute('a', 'int()', { default: 'b' })])],
    ['maestro-attributes[0].required', documentOf('x', [attribute('a', 'int()', { required: 1 })])],
    [
      'maestro-attributes[0].required',
      documentOf('x', [attribute('a', 'int(required=True)', { required: false })]),
    ],
    [
      'maestro-attributes[1].key',
      documentOf('x', [attribute('a', 'int()'), attribute('a', 'int()')]),
    ],
    ['naming', documentOf('x', [attribute('a', 'int()')], { naming: 'x/{b}' }), 2],
    [
      'maestro-attributes[0].type',
      documentOf('x', [attribute('a', `enum('${'x'.repeat(LIMITS.typeBytesMax)}')`)]),
      0,
    ],
    [
      'maestro-attributes',
      documentOf('x', new Array<ValueMap>(LIMITS.schemaKeysMax + 1).fill(attribute('a', 'int()'))),
    ],
  ];
  for (const [path, document, position] of wrong) {
    const { fields, message } = failureOf('bad-schema', () => parseSchema(document));
    assert.equal(fields['path'], path, message);
    assert.equal(fields['position'], position, message);
    assert.equal(typeof fields['schema'], 'string');
    assert.match(message, /^Cannot read the schema( "x": |: )/);
  }
});

test('patterns of a schema are bounded together', () => {
  const heavy = "regex('(a{100}){20}')";
  const attributes = Array.from({ length: 20 }, (_, index) => attribute(`k${index}`, heavy));
  assert.ok(parseSchema(documentOf('x', attributes.slice(0, 2))).attributes.length === 2);
  const { message } = failureOf('bad-schema', () => parseSchema(documentOf('x', attributes)));
  assert.match(message, /together/);
});

test('any value is a schema, or refused as one', () => {
  const part = fc.oneof(anyValue, fc.constantFrom<Value>('x', 1, 'int()', true, [], {}));
  const anyAttribute = fc.dictionary(
    fc.constantFrom('key', 'type', 'required', 'default', 'units', 'x'),
    part,
  );
  const anyDocument = fc.dictionary(
    fc.constantFrom('schema-name', 'schema-version', 'attributes', 'unknown', 'naming'),
    fc.oneof(part, fc.array(anyAttribute, { maxLength: 2 })),
  );
  fc.assert(
    fc.property(fc.oneof(anyValue, anyDocument), (document) => {
      try {
        parseSchema(document);
      } catch (error) {
        failureOf('bad-schema', () => {
          throw error;
        });
      }
    }),
  );
});
