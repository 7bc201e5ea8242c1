import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { coerceValue, isSameValue } from '../../../src/core/schema/coerce.js';
import { parseSchema } from '../../../src/core/schema/schema.js';
import { parseTemplate } from '../../../src/core/schema/template.js';
import { readTimestamp } from '../../../src/core/selector/timestamps.js';
import { Float, Timestamp, type Value, type ValueMap } from '../../../src/core/value.js';
import { fc } from '../../fast-check.js';
import { anyText } from '../arbitraries.js';
import { anyTypeText, nearValue } from './arbitraries.js';
import { attribute, documentOf, FIELDS, failureOf, plainOf } from './examples.js';

const schema = parseSchema(FIELDS);

function moment(text: string): Timestamp {
  const read = readTimestamp(text);
  assert.ok(read instanceof Timestamp);
  return read;
}

test('a name is made of attributes, and gives them back', () => {
  const template = parseTemplate('{class}/{date:%Y%m%d}/{step:03}/{param}', schema);
  const attributes = { class: 'od', date: '2026-01-31', step: '6', param: 't', more: 1 };
  assert.equal(template.nameOf(attributes), 'od/20260131/006/t');
  assert.deepEqual(plainOf(template.attributesOf('od/20260131/006/t')), {
    ...{ class: 'od', date: moment('2026-01-31'), step: 6, param: 't' },
  });
  assert.deepEqual(template.keys, ['class', 'date', 'step', 'param']);
});

test('a name that the template does not make says nothing', () => {
  const template = parseTemplate('{class}/{date:%Y%m%d}/{step:03}/{param}!', schema);
  for (const name of [
    ...['', 'od', 'xx/20260131/006/t!', 'od/20260230/006/t!', 'od/2026013/006/t!'],
    ...['od/20260131/6/t!', 'od/20260131/0006/t!', 'od/20260131/1000/t!', 'od/20260131/006/t'],
    ...['od/20260131/006/t!!', 'od/20260131/+06/t!', ' od/20260131/006/t!'],
  ]) {
    assert.equal(template.attributesOf(name), null, name);
  }
});

test('without a schema a format says what a value is; what has none is a text', () => {
  const template = parseTemplate('{{{a}}}-{n:02}-{when:%H.%M.%S %d.%m.%Y 100%%}');
  const when = moment('2026-01-31T06:05:04Z');
  const name = template.nameOf({ a: 12, n: 3, when });
  assert.equal(name, '{12}-03-06.05.04 31.01.2026 100%');
  assert.deepEqual(plainOf(template.attributesOf(name)), { a: '12', n: 3, when });
});

test('what would be read as something else is refused', () => {
  const refusal = (text: string, attributes: ValueMap): Value | undefined =>
    failureOf('schema-mismatch', () => parseTemplate(text, schema).nameOf(attributes)).fields[
      'key'
    ];
  assert.equal(refusal('{class}/{param}', { class: 'od' }), 'param');
  assert.equal(refusal('{class}/{param}', { class: 'xx', param: 't' }), 'class');
  assert.equal(refusal('{param}/{class}', { class: 'od', param: 'a/b' }), 'param');
  assert.equal(refusal('{param}--{class}', { class: 'od', param: 'a-' }), 'param');
  assert.equal(refusal('{time:%Y%m%d}', { time: '2026-01-31T06:00Z' }), 'time');
  assert.equal(refusal('{time:%Y%m%d}', { time: moment('2026-01-31T00:00:00.5Z') }), 'time');
  assert.equal(refusal('{*}', { param: 'a,b' }), 'param');
  assert.equal(refusal('{*}', {}), 'class');
  assert.equal(parseTemplate('{param}/{class}').nameOf({ class: 'a/b', param: 'a' }), 'a/a/b');
});

test('fields may touch where the first has a fixed width', () => {
  const template = parseTemplate('{date:%Y%m%d}{class}{step:03}{param}', schema);
  const name = template.nameOf({ date: 20_260_131, class: 'rd', step: 12, param: 't' });
  assert.equal(name, '20260131rd012t');
  assert.equal(template.attributesOf(name)?.['step'], 12);
  assert.equal(template.attributesOf('20260131rd01'), null);
});

test("Maestro's names: all keys, sorted, with commas between", () => {
  const typed = parseTemplate('{*}', schema);
  const attributes = { step: 6, class: 'od', date: 20_260_131, scale: 2, levels: [1], other: 'x' };
  const name = 'class:od,date:20260131,scale:2.0,step:6';
  assert.equal(typed.nameOf(attributes), name);
  assert.deepEqual(plainOf(typed.attributesOf(name)), {
    ...{ class: 'od', date: moment('2026-01-31'), scale: new Float(2), step: 6 },
  });
  for (const wrong of [
    '',
    'step:6,class:od',
    'class:od,class:od',
    'other:x',
    'class',
    'class:xx',
  ]) {
    assert.equal(typed.attributesOf(wrong), null, wrong);
  }
  const free = parseTemplate('{*}');
  assert.equal(free.nameOf({ b: 'x:y', a: 1 }), 'a:1,b:x:y');
  assert.deepEqual(plainOf(free.attributesOf('a:1,b:x:y')), { a: '1', b: 'x:y' });
  failureOf('schema-mismatch', () => free.nameOf({ 'a:b': 1 }));
  const inNamespace = parseSchema({ ...FIELDS, 'schema-namespace': '.x.', naming: '{*}' });
  assert.equal(inNamespace.naming?.nameOf({ '.x.step': 6, step: 7 }), 'step:6');
});

test('a template that is malformed, or has two readings, is refused', () => {
  const wrong: readonly (readonly [text: string, position: number])[] = [
    ['', 0],
    ['x', 0],
    ['a{', 1],
    ['a{b', 1],
    ['a}', 1],
    ['{}', 0],
    ['{:03}', 0],
    ['{class}{param}{step}', 14],
    ['{param}{class}', 7],
    ['{time}{class}', 6],
    ['{nothing}', 0],
    ['{class}/{class}', 8],
    ['{class}/{*}', 8],
    ['{class:03}', 0],
    ['{step:%Y%m%d}', 0],
    ['{step:}', 0],
    ['{step:00}', 6],
    ['{step:x}', 6],
    ['{date:%Y%m}', 6],
    ['{date:%Y%m%d%q}', 6],
    ['{date:%Y%m%d%}', 6],
    ['{date:%Y%m%d%Y}', 6],
    ['{levels}', 0],
  ];
  for (const [text, position] of wrong) {
    const { fields } = failureOf('bad-schema', () => parseTemplate(text, schema));
    assert.deepEqual([fields['path'], fields['position']], ['naming', position], text);
  }
  failureOf('bad-schema', () => parseTemplate('{step:03}{param}'));
});

const anyLiteral = fc.constantFrom('', '/', '--', 'x', '{{', 'ab', '.');
const keys = ['a', 'b', 'c'];

test('attributesOf gives back what nameOf was given', () => {
  const anyField = fc.tuple(
    fc.oneof(anyTypeText, fc.constantFrom('day()', 'timestamp()', 'uint(max=99)', 'str()')),
    fc.constantFrom('', '', ':02', ':%Y%m%d', ':%Y-%m-%dT%H:%M'),
    anyLiteral,
  );
  let named = 0;
  fc.assert(
    fc.property(
      fc.array(anyField, { minLength: 1, maxLength: 3 }),
      anyLiteral,
      fc.tuple(nearValue, nearValue, nearValue),
      fc.boolean(),
      (parts, last, values, isTyped) => {
        const types = parts.map(([type], index) => attribute(keys[index] ?? '', type));
        const text = parts
          .map(([, format, literal], index) => `${literal}{${keys[index]}${format}}`)
          .join('');
        const known = parseSchema(documentOf('s', types));
        const given = Object.fromEntries(parts.map((_, index) => [keys[index], values[index]]));
        let name: string;
        let template: ReturnType<typeof parseTemplate>;
        try {
          template = parseTemplate(`${text}${last}`, isTyped ? known : null);
          name = template.nameOf(given as ValueMap);
        } catch (error) {
          assert.ok(error instanceof AttaccaError, String(error));
          return;
        }
        named++;
        const back = template.attributesOf(name);
        assert.ok(back !== null, name);
        assert.equal(template.nameOf(back), name);
        if (!isTyped) return;
        for (const { key, type } of known.attributes) {
          const coerced = coerceValue((given as ValueMap)[key] ?? null, type, key);
          assert.ok('value' in coerced && isSameValue(back[key] ?? null, coerced.value), name);
        }
      },
    ),
    { numRuns: 3_000 },
  );
  assert.ok(named > 300, `${named} were named`);
});

test('any name is of the template, or of no attributes', () => {
  const template = parseTemplate('{class}{date:%Y%m%d}/{step:03}-{param}', schema);
  const nearName = fc
    .array(fc.constantFrom('od', '20260131', '/', '006', '-', 't', '0', ''), { maxLength: 8 })
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.oneof(nearName, anyText(20)), (name) => {
      const attributes = template.attributesOf(name);
      if (attributes !== null) assert.equal(template.nameOf(attributes), name);
    }),
  );
});
