import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coerceValue, isSameValue } from '../../../src/core/schema/coerce.js';
import { parseSchema, type Schema } from '../../../src/core/schema/schema.js';
import { Schemas } from '../../../src/core/schema/schemas.js';
import { Float, type Value, type ValueMap } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyTypeText, nearValue } from './arbitraries.js';
import { attribute, documentOf, FIELDS, failureOf, plainOf } from './examples.js';

const schemaOf = (...args: Parameters<typeof documentOf>): Schema =>
  parseSchema(documentOf(...args));

const fields = new Schemas([parseSchema(FIELDS)]);

test('attributes are coerced, defaults filled in, unknown keys kept', () => {
  const attributes = fields.coerce({ class: 'od', scale: '2', levels: ['850', 500], other: 'x' });
  assert.deepEqual(plainOf(attributes), {
    ...{ class: 'od', scale: new Float(2), levels: [850, 500], other: 'x' },
    step: 0,
  });
  assert.equal(fields.coerce({ class: 'od', step: '12' })['step'], 12);
  assert.deepEqual(plainOf(fields.coerce({ other: 1 })), { other: 1 }, 'it is no such object');
});

test('one check tells all that is wrong', () => {
  const wrong: ValueMap = { date: 'soon', step: 1_000, levels: [1, 'x'], flag: 2 };
  const error = failureOf('schema-mismatch', () => fields.coerce(wrong));
  const { problems, count, key, value, expected, schema } = error.fields;
  assert.deepEqual([key, value, expected, schema, count], ['date', 'soon', 'day()', 'fields', 5]);
  assert.match(error.message, /"date" is "soon", and "fields" has it as day\(\) \(and 4 other/);
  assert.ok(Array.isArray(problems));
  const told = problems.map(({ key: at, kind, expected: type }: ValueMap) => [at, kind, type]);
  assert.deepEqual(told, [
    ['date', 'mismatch', 'day()'],
    ['step', 'mismatch', 'int(min=0, max=999)'],
    ['levels[1]', 'mismatch', 'int()'],
    ['flag', 'mismatch', 'bool()'],
    ['class', 'missing', "enum('od', 'rd')"],
  ]);
  assert.deepEqual(Object.keys(fields.check(wrong).attributes), []);
});

test('an error stays small, whatever was given', () => {
  const long = 'x'.repeat(100_000);
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`k${index}`, long]));
  const strict = new Schemas([schemaOf('strict', [], { unknown: 'reject' })]);
  const { fields: told } = failureOf('schema-mismatch', () => strict.coerce(many));
  assert.equal(told['count'], 200);
  assert.ok(Array.isArray(told['problems']) && told['problems'].length === 100);
  assert.ok(JSON.stringify(told).length < 50_000);
  const options = Array.from({ length: 200 }, (_, index) => `'option ${index}'`).join(', ');
  const wide = new Schemas([schemaOf('wide', [attribute('k', `map(enum(${options}))`)])]);
  const deep = failureOf('schema-mismatch', () => wide.coerce({ k: { [long]: long } }));
  assert.ok(JSON.stringify(deep.fields).length < 3_000 && deep.message.length < 1_000);
});

test('null is not given, unless the type says that it is wrong', () => {
  const schemas = new Schemas([
    schemaOf('n', [
      attribute('a', 'int()', { default: 5 }),
      attribute('b', 'int(none=False)', { default: 5 }),
      attribute('c', 'int()', { required: true }),
    ]),
  ]);
  const { attributes, problems } = schemas.check({ a: null, b: null, c: null });
  assert.deepEqual(plainOf(attributes), { a: 5 });
  assert.deepEqual(
    problems.map(({ key, kind }) => [key, kind]),
    [
      ['b', 'mismatch'],
      ['c', 'missing'],
    ],
  );
});

test('a schema asks for its keys when an object has one, or when it is named', () => {
  const schemas = new Schemas([
    schemaOf('a', [attribute('x', 'int()'), attribute('y', 'int()', { required: true })]),
    schemaOf('b', [attribute('z', 'int()', { required: true })]),
  ]);
  assert.deepEqual(schemas.check({ other: 1 }).problems, []);
  assert.deepEqual(
    schemas.check({ x: 1 }).problems.map(({ key }) => key),
    ['y'],
  );
  assert.deepEqual(
    schemas.check({ x: 1 }, ['b']).problems.map(({ key }) => key),
    ['y', 'z'],
  );
  failureOf('bad-argument', () => schemas.check({}, ['c']));
});

test('unknown keys: what their namespace says', () => {
  const schemas = new Schemas([
    schemaOf('plain', [attribute('step', 'int()')], { unknown: 'reject' }),
    schemaOf('kept', [], { 'schema-namespace': '.k.' }),
    schemaOf('dropped', [], { 'schema-namespace': '.k.d.', unknown: 'drop' }),
    schemaOf('kept, too', [], { 'schema-namespace': '.k.d.' }),
  ]);
  const { attributes, problems } = schemas.check({
    ...{ '.k.a': 1, '.k.d.a': 2, '.other.a': 3, stepp: 4 },
  });
  assert.deepEqual(plainOf(attributes), { '.k.a': 1, '.other.a': 3 });
  assert.equal(problems.length, 1);
  assert.equal(
    problems[0]?.text,
    '"stepp" is a key that "plain" does not know. Did you mean "step"?',
  );
});

test('the highest version is in force, unless one is named', () => {
  const version = (number: number, type: string): Schema =>
    schemaOf('s', [attribute('k', type)], { 'schema-version': number });
  const schemas = new Schemas([version(2, 'str()'), version(1, 'int()')]);
  assert.equal(schemas.coerce({ k: 5 })['k'], '5');
  schemas.use('s', 1);
  assert.equal(schemas.coerce({ k: '5' })['k'], 5);
  schemas.add(version(3, 'bool()'));
  assert.equal(schemas.find('s')?.version, 1, 'the one that was named');
  schemas.use('s', null);
  assert.equal(schemas.coerce({ k: 1 })['k'], true);
  assert.equal(schemas.find('s', 2)?.version, 2);
  assert.deepEqual([schemas.find('s', 4), schemas.find('t')], [null, null]);
  failureOf('bad-argument', () => schemas.use('s', 4));
  failureOf('bad-argument', () => schemas.use('t', null));
});

test('schemas that contradict one another are refused, and nothing has changed', () => {
  const one = schemaOf('one', [attribute('k', 'int( min=0 )')]);
  const schemas = new Schemas([one, schemaOf('same', [attribute('k', 'int(min=0)')])]);
  schemas.add(parseSchema(one.document));
  const other = schemaOf('other', [attribute('a', 'int()'), attribute('k', 'int()')]);
  const conflict = failureOf('schema-conflict', () => schemas.add(other));
  assert.deepEqual(conflict.fields, { key: 'k', schemas: ['other 1', 'one 1'] });
  assert.equal(schemas.known('a'), null);
  assert.equal(schemas.find('other'), null);
  failureOf('schema-conflict', () => schemas.add(schemaOf('one', [])));
  schemas.add(schemaOf('one', [attribute('j', 'int()')], { 'schema-version': 2 }));
  failureOf('schema-conflict', () => schemas.add(other));
  assert.equal(schemas.known('k')?.schema.name, 'same');
  const many = new Schemas();
  assert.throws(() => {
    for (let version = 1; ; version++) many.add(schemaOf('s', [], { 'schema-version': version }));
  }, /no more can be/);
});

test('a checked map is what its schema says, and checking it again changes nothing', () => {
  const keys = ['a', 'b', 'c', 'd'];
  const anySchema = fc
    .array(fc.tuple(anyTypeText, fc.boolean()), { minLength: 4, maxLength: 4 })
    .map((types) =>
      schemaOf(
        's',
        types.map(([type, required], index) => attribute(keys[index] ?? '', type, { required })),
      ),
    );
  const anyMap = fc.dictionary(fc.constantFrom(...keys, 'e'), nearValue, { maxKeys: 5 });
  fc.assert(
    fc.property(anySchema, anyMap, (schema, map) => {
      const schemas = new Schemas([schema]);
      const { attributes, problems } = schemas.check(map, ['s']);
      for (const { key, type, required } of schema.attributes) {
        const value: Value | undefined = attributes[key];
        const isMissing = problems.some((each) => each.key.startsWith(key));
        assert.ok(value !== undefined || !required || isMissing);
        if (value === undefined) continue;
        const again = coerceValue(value, type, key);
        assert.ok('value' in again && isSameValue(again.value, value));
      }
      if (problems.length > 0) return;
      assert.ok(isSameValue(schemas.coerce(attributes, ['s']), attributes));
    }),
  );
});
