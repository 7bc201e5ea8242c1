import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timestamp, type Value } from '../../src/core/value.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { DETAIL } from '../../src/protocol/index.js';
import { restored, saved } from '../core/states.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import type { Member } from './member.js';

const FIELDS = {
  'schema-name': 'fields',
  'schema-version': 1,
  'schema-namespace': '',
  unknown: 'keep',
  attributes: [
    { key: 'param', type: 'str()', required: true },
    { key: 'step', type: 'int(min=0)', default: 0 },
    { key: 'date', type: 'day()' },
  ],
};

function attributesOf(member: Member, name: string): Value {
  return member.stat(name).value()['attributes'] as Value;
}

function names(member: Member, selector: string): Value {
  return member.query(selector).value()['objects'] as Value;
}

test('schema: attributes of an offer are coerced, with defaults; what does not fit is refused', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.offer('before', 'x', { attributes: { step: 'six' } });
  member.define('schema', 'fields', FIELDS).ok();
  member.offer('x', 'x', { attributes: { param: 't', date: 20260131, other: true } });
  const date = new Timestamp(BigInt(Date.UTC(2026, 0, 31)) * 1_000_000n);
  assert.deepEqual(attributesOf(member, 'x'), { param: 't', date, other: true, step: 0 });
  const bad = member.declare('y', { attributes: { param: 't', step: -1 } });
  const { fields } = bad.offer('x').fails('schema-mismatch');
  assert.deepEqual(
    [fields['key'], fields['expected'], fields['schema']],
    ['step', 'int(min=0)', 'fields'],
  );
  bad.set({ attributes: { step: '6' } }).ok();
  bad.offer('x').ok();
  assert.deepEqual(attributesOf(member, 'y'), { param: 't', step: 6 });
  const missing = member.declare('z', { attributes: { step: 1 } });
  assert.equal(missing.offer('x').fails('schema-mismatch').fields['key'], 'param');
  assert.deepEqual(attributesOf(member, 'before'), { step: 'six' }, 'what is offered stays');
});

test('schema: an older version takes no newer one away, unless that was removed', () => {
  const member = new Harness().member('a');
  const version = (number: number): Value => ({ ...FIELDS, 'schema-version': number });
  member.define('schema', 'fields', version(2)).ok();
  const { message } = member.define('schema', 'fields', version(1)).fails('schema-conflict');
  assert.match(message, /version 2 is defined, and 1 is older; remove that first$/u);
  const [known] = member.definitions('schema', 'fields').value() as unknown as Value[];
  assert.deepEqual((known as { definition: Value }).definition, version(2));
  member.define('schema', 'fields', version(2)).ok();
  member.define('schema', 'fields', version(3)).ok();
  member.define('schema', 'fields', null).ok();
  member.define('schema', 'fields', version(1)).ok();
});

test('schema: an expectation and a tag are coerced by what they say, and need no more', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('schema', 'fields', FIELDS).ok();
  const reader = pool.member('b');
  const waiting = reader.demand('x', { attributes: { step: '6' } });
  member.offer('x', 'bytes', { attributes: { param: 't', step: 6 } });
  waiting.delivered();
  reader
    .declare('x', { attributes: { step: 'six' } })
    .require()
    .fails('schema-mismatch');
  member.tag('x', { step: '7' }).ok();
  assert.deepEqual(names(member, 'step = 7'), ['x']);
  member.tag('x', { step: 'seven' }).fails('schema-mismatch');
  member.tagSelected('param = "t"', { step: 'seven' }).fails('schema-mismatch');
});

test('schema: selectors are typed by it', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.offer('x', 'x', { attributes: { param: 't', step: 6 } });
  assert.deepEqual(names(member, 'step = "6"'), []);
  member.define('schema', 'fields', FIELDS).ok();
  assert.deepEqual(names(member, 'step = "6"'), ['x'], 'also what was asked before');
  assert.equal(member.query('step = "six"').fails('bad-selector').fields['position'], 5);
});

test('schema: malformed, contradictory, of another name, or in use', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const { fields } = member
    .define('schema', 'bad', { ...FIELDS, attributes: [{ key: 'a', type: 'integer()' }] })
    .fails('bad-schema');
  assert.equal(fields['path'], 'attributes[0].type');
  member.define('schema', 'other', FIELDS).fails('bad-argument');
  member.define('schema', 'fields', FIELDS).ok();
  const other = { ...FIELDS, 'schema-name': 'other', attributes: [{ key: 'step', type: 'str()' }] };
  member.define('schema', 'other', other).fails('schema-conflict');
  member.define('container', 'run', { schemas: ['fields'] }).ok();
  member.define('schema', 'fields', null).fails('definition-in-use');
  member.define('container', 'run', null).ok();
  member.define('schema', 'fields', null).ok();
  member.define('schema', 'fields', null).fails('unknown-definition');
  member.define('schema', 'other', other).ok();
});

test('container: gives its objects attributes, schemas and a lifetime; goes when it is empty', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const object = member.declare('x', { attributes: { '.container': 'run', step: 3 } });
  object.offer('x').fails('unknown-definition');
  member.define('schema', 'fields', FIELDS).ok();
  const run = { attributes: { user: 'me', step: 9 }, schemas: ['fields'], lifetimeMs: 500 };
  member.define('container', 'run', { ...run, tags: { project: 'eu' } }).ok();
  assert.equal(object.offer('x').fails('schema-mismatch').fields['key'], 'param');
  object.set({ attributes: { param: 't' } }).ok();
  object.offer('x', { keep: true }).ok();
  assert.deepEqual(attributesOf(member, 'x'), {
    '.container': 'run',
    param: 't',
    step: 3,
    user: 'me',
  });
  assert.deepEqual(names(member, '.container = "run"'), ['x']);
  member.tag('x', { '.container': 'run' }).fails('bad-attribute');
  const [listed] = member.definitions('container').values() as { [key: string]: Value }[];
  assert.deepEqual(listed, {
    name: 'run',
    definition: { ...run, tags: { project: 'eu' } },
    objects: 1,
  });
  assert.equal(
    member.define('container', 'run', null).fails('definition-in-use').fields['objects'],
    1,
  );
  pool.pass(501);
  assert.equal(member.stat('x').value()['state'], 'declared');
  member.define('container', 'run', null).ok();
  assert.deepEqual(member.definitions('container').values(), []);
  member.define('container', 'run', { owner: 1 }).fails('bad-argument');
  member.define('container', 'run', { schemas: ['none'] }).fails('unknown-definition');
  member.define('container', 'run', { lifetimeMs: -1 }).fails('bad-argument');
  member.define('container', 'run', 5).fails('bad-argument');
  const long = 'k'.repeat(256);
  const wrong = [{ a: null }, { '': 1 }, { [long]: 1 }, { '.bytes': 1 }, { '.container': 'x' }];
  const large = { a: 'v'.repeat(65_536) };
  for (const attributes of [...wrong, { '.collections': ['x'] }, large]) {
    member.define('container', 'run', { attributes }).fails('bad-attribute');
  }
});

test('collection: lists, and selectors with a name; an object may be in many', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const step of [0, 6, 12]) member.offer(`t/${step}`, 'x', { attributes: { step } });
  member.define('collection', 'late', { selector: 'step > 3' }).ok();
  member.define('collection', 'train', {}).ok();
  member.define('collection', 'test', { documentation: 'held back' }).ok();
  member.gather('step < 12', '.collections', 'train').value();
  assert.deepEqual(names(member, '.collection = "train"'), ['t/0', 't/6']);
  const first = member.gather('true', '.collections', 'test').value();
  assert.deepEqual(first, { selected: 3, changed: 3, refused: [], next: null });
  const again = member.gather('true', '.collections', 'test').value();
  assert.deepEqual(again, { selected: 3, changed: 0, refused: [], next: null });
  const none = member.tagSelected('true', {}, { removed: ['nowhere'] }).value();
  assert.deepEqual([none['selected'], none['changed']], [3, 0]);
  assert.deepEqual(names(member, '.collection = "late" and .collection = "train"'), ['t/6']);
  assert.deepEqual(names(member, '.collection in ["late", "train"]'), ['t/0', 't/6', 't/12']);
  assert.deepEqual(names(member, '.collection != "late"'), ['t/0']);
  const [found] = member.query('name = "t/0"', '', 0, DETAIL.found).value()['objects'] as Value[];
  assert.deepEqual((found as { attributes: Value }).attributes, {
    step: 0,
    '.collections': ['train', 'test'],
  });
  member.gather('step = 0', '.collections', 'train', { removes: true }).value();
  member.gather('step = 0', '.collections', 'test', { removes: true }).value();
  assert.deepEqual(member.stat('t/0').value()['tags'], {});
  assert.equal(
    member.define('collection', 'train', null).fails('definition-in-use').fields['objects'],
    1,
  );
  member.gather('true', '.collections', 'late').fails('bad-argument');
  member.gather('true', '.collections', 'none').fails('unknown-definition');
  member.query('.collection ~ "t*"').fails('bad-selector');
  member.define('collection', 'late', { selector: 'step >' }).fails('bad-selector');
  member.define('collection', 'train', { selector: 'step = 1' }).fails('definition-in-use');
  member.define('collection', 'late', null).ok();
  assert.equal(member.query('.collection = "late"').fails('bad-selector').fields['position'], 0);
});

test('collections are not defined by themselves, nor by one another', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('collection', 'self', { selector: '.collection = "self"' }).fails('bad-selector');
  member.define('collection', 'b', {}).ok();
  member.define('collection', 'a', { selector: '.collection = "b"' }).ok();
  const { message } = member
    .define('collection', 'b', { selector: 'x = 1 or .collection = "a"' })
    .fails('bad-selector');
  assert.match(message, /in the selector of the collection "a": "b" would be defined by itself/);
  member.define('collection', 'b', { selector: 'x = 1' }).ok();
  assert.deepEqual(names(member, '.collection = "a"'), []);
});

test('gather: values come into lists once, and a tag that is no list stays as it is', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const name of ['x', 'y']) member.offer(name, name);
  member.tag('y', { '.part-of': 'text' }).ok();
  member.tag('y', { list: 'text' }).ok();
  const done = member.gather('true', 'list', 'x').value();
  assert.deepEqual([done['changed'], (done['refused'] as Value[]).length], [1, 1]);
  member.gather('true', 'list', 'x').value();
  member.gather('name = "x"', 'list', 5).value();
  assert.deepEqual(member.stat('x').value()['tags'], { list: ['x', 5] });
  const seen = member.gather('true', 'list', 5, { removes: true, dry: true }).value();
  assert.deepEqual([seen['selected'], seen['changed']], [2, 1]);
  assert.deepEqual(member.stat('x').value()['tags'], { list: ['x', 5] });
  // A relation to one other may be said by its name alone.
  member.gather('name = "y"', '.part-of', 'z').value();
  assert.deepEqual(member.stat('y').value()['tags'], { '.part-of': ['text', 'z'], list: 'text' });
  for (const key of ['.collection', '.container', '.bytes']) {
    member.gather('true', key, 'x').fails('bad-attribute');
  }
  member.gather('true', '.bytes', 5).fails('bad-attribute');
});

const NO_NAMES: readonly Value[] = ['', 'a\0', 'n'.repeat(1_001), 5, ['a']];

test('relations are said by what can be a name, and by nothing else', () => {
  const member = new Harness().member('a');
  member.offer('x', 'x', { keep: true });
  const said = member.declare('said', { attributes: { '.derived-from': [5] } });
  assert.match(
    said.offer('x').fails('bad-attribute').message,
    /^Cannot offer with ".derived-from"/,
  );
  said.set({ attributes: { '.derived-from': ['x'] } }).ok();
  said.offer('x').ok();
  for (const key of ['.derived-from', '.part-of', '.supersedes', '.depends-on']) {
    for (const value of NO_NAMES) {
      member.gather('true', key, value).fails('bad-name');
      member.tag('x', { [key]: [value] }).fails('bad-attribute');
      member.tagSelected('true', { [key]: ['a', value] }).fails('bad-attribute');
    }
    member.tag('x', { [key]: 5 }).fails('bad-attribute');
    member.tag('x', { [key]: { a: 1 } }).fails('bad-attribute');
  }
  assert.deepEqual(member.stat('x').value()['tags'], {});
  member.tag('x', { '.derived-from': 'a', '.part-of': ['b', '海'], '.supersedes': [] }).ok();
});

test('what others depend on is not deleted, unless it is forced', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const name of ['mask', 'x', 'y']) member.offer(name, name, { keep: true });
  member.gather('name = "x"', '.depends-on', 'mask').value();
  const { fields } = member.delete('mask').fails('object-depended-on');
  assert.deepEqual(fields['objects'], ['x']);
  member.delete('y').ok();
  member.delete('x').ok();
  member.delete('mask').ok();
  member.offer('again', '', { keep: true, attributes: { '.depends-on': ['other'] } });
  member.offer('other', '', { keep: true });
  member.delete('other').fails('object-depended-on');
  member.delete('other', true).ok();
});

test('what a container gives its objects is as the schemas have it', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('schema', 'fields', FIELDS).ok();
  const attributes = { param: 't', step: -1 };
  const { fields } = member.define('container', 'run', { attributes }).fails('schema-mismatch');
  assert.equal(fields['key'], 'step');
  assert.deepEqual(member.definitions('container').value(), []);
  member.define('container', 'run', { attributes: { step: '6' } }).ok();
  member.offer('x', '', { attributes: { '.container': 'run', param: 't' } });
  assert.equal((attributesOf(member, 'x') as { step: Value }).step, 6);
  member.define('container', 'links', { attributes: { '.part-of': [5] } }).ok();
  const linked = member.declare('y', { attributes: { '.container': 'links', param: 't' } });
  linked.offer('').fails('bad-attribute');
});

test('definitions are part of the state', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('schema', 'fields', FIELDS).ok();
  member.define('container', 'run', { attributes: { user: 'me' }, schemas: ['fields'] }).ok();
  member.define('collection', 'late', { selector: 'step > "3"' }).ok();
  const bytes = saved((w) => savePool(pool.pool, w));
  const again = restored(bytes, restorePool);
  assert.deepEqual(again.definitions.container('run'), pool.pool.definitions.container('run'));
  assert.equal(again.definitions.selectorOf('late'), 'step > "3"');
  assert.equal(again.definitions.schemas.find('fields')?.version, 1);
  assert.deepEqual(
    saved((w) => savePool(again, w)),
    bytes,
  );
});

test('a collection whose selector has become none says so, at the place where it is named', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('collection', 'late', { selector: 'step > "soon"' }).ok();
  member.define('schema', 'fields', FIELDS).ok();
  const { fields, message } = member.query('x = 1 or .collection = "late"').fails('bad-selector');
  assert.equal(fields['position'], 9);
  assert.match(message, /in the selector of the collection "late": /);
  member.define('collection', 'soon', { selector: 'step > "soon"' }).fails('bad-selector');
});

test('collections that name others many times over are no larger than a selector', () => {
  const pool = new Harness();
  const member = pool.member('a');
  member.define('collection', 'c0', { selector: 'x = 1' }).ok();
  for (let index = 1; index < 4; index++) {
    const parts = new Array(40).fill(`.collection = "c${index - 1}"`);
    const selector = parts.join(' or ');
    const defined = member.define('collection', `c${index}`, { selector });
    if (index < 3) defined.ok();
    else defined.fails('bad-selector');
  }
});

test('definitions that are too large for one answer are named, and told one by one', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  for (let index = 0; index < 60; index++) {
    member.define('collection', `c${index}`, { documentation: 'd'.repeat(60_000) }).ok();
  }
  const rows = member.definitions('collection').values() as { [key: string]: Value }[];
  assert.equal(rows.length, 60);
  const missing = rows.filter(({ definition }) => definition === null);
  assert.ok(missing.length > 10 && missing.length < 40, `${missing.length} are missing`);
  const [one] = member.definitions('collection', 'c59').values() as { [key: string]: Value }[];
  assert.notEqual(one?.['definition'], null);
});

test('what one request changes is bounded by what it costs, too', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const list = Array.from({ length: 5_000 }, (_, index) => index);
  for (let index = 0; index < 120; index++) {
    member.offer(`o/${index}`, '', { keep: true });
    member.tag(`o/${index}`, { list: [...list, -index - 1] }).ok();
  }
  let changed = 0;
  let parts = 0;
  for (let after: Value = ''; typeof after === 'string'; parts++) {
    const answer = member.gather('', 'list', 'x', { after }).value();
    changed += answer['changed'] as number;
    after = answer['next'] as Value;
  }
  assert.equal(changed, 120);
  assert.ok(parts > 1, `${parts} parts`);
  let counted = 0;
  for (let after: Value = ''; typeof after === 'string'; ) {
    const answer = member.count('any list = "x"', after).value();
    counted += answer['count'] as number;
    after = answer['next'] as Value;
  }
  assert.equal(counted, 120);
});

test('a definition has a size, and all of them together', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const define = (name: string, size: number): Call =>
    member.define('collection', name, { documentation: 'd'.repeat(size) });
  define('large', 300_000).fails('too-large');
  for (let index = 0; index < 64; index++) define(`c${index}`, 255_000).ok();
  for (let index = 64; index < 66; index++) define(`c${index}`, 255_000);
  define('more', 255_000).fails('too-large');
  define('c0', 1).ok();
  define('c1', 1).ok();
  define('more', 255_000).ok();
});

test('gather goes on from the attribute of the key, which the tag hides', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const name of ['base', 'other']) member.offer(name, '', { keep: true });
  member.offer('user', '', { keep: true, attributes: { '.depends-on': ['base'] } });
  member.offer('one', '', { keep: true, attributes: { '.depends-on': 'other' } });
  member.gather('name = "user"', '.depends-on', 'other').value();
  assert.deepEqual(member.stat('user').value()['tags'], { '.depends-on': ['base', 'other'] });
  member.delete('base').fails('object-depended-on');
  assert.deepEqual(member.delete('other').fails('object-depended-on').fields['objects'], [
    'one',
    'user',
  ]);
  member.gather('name = "user"', '.depends-on', 'base', { removes: true }).value();
  member.delete('base').ok();
  member.gather('name = "user"', '.depends-on', 'other', { removes: true }).value();
  assert.deepEqual(member.stat('user').value()['tags'], { '.depends-on': [] });
  assert.deepEqual(member.delete('other').fails('object-depended-on').fields['objects'], ['one']);
});

test('gather holds to schemas, and what they define is no key of the pool', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const attributes = [{ key: 'labels', type: 'list(int(), max=2)' }];
  const schema = { ...FIELDS, 'schema-name': 'labels', attributes };
  member.define('schema', 'labels', schema).ok();
  member.offer('x', '', { keep: true });
  member.gather('true', 'labels', 'x').value();
  assert.deepEqual(member.stat('x').value()['tags'], {});
  for (const value of ['1', 2, 3]) member.gather('true', 'labels', value).value();
  assert.deepEqual(member.stat('x').value()['tags'], { labels: [1, 2] });
  const own = { ...schema, 'schema-name': 'own', attributes: [{ key: '.bytes', type: 'int()' }] };
  member.define('schema', 'own', own).fails('bad-schema');
});

test('objects that depend on one another are deleted together', () => {
  const pool = new Harness();
  const member = pool.member('a');
  for (const name of ['g1', 'g2', 'g3']) member.offer(name, '', { keep: true });
  member.gather('name = "g1"', '.depends-on', 'g2').value();
  member.gather('name = "g2"', '.depends-on', 'g1').value();
  member.gather('name = "g3"', '.depends-on', 'g1').value();
  const two = member.endSelected('name in ["g1", "g2"]', 'delete', true).value();
  assert.deepEqual([two['changed'], (two['refused'] as Value[]).length], [1, 1]);
  assert.equal(member.endSelected('true', 'delete', true).value()['changed'], 3);
  assert.equal(member.endSelected('true', 'delete').value()['changed'], 3);
});

test('a schema that makes a small value take long is told so, at the offer', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const option = 'any(list(int()), list(str()))';
  const type = `any(${new Array(60).fill(`list(${option})`).join(', ')})`;
  const schema = { ...FIELDS, 'schema-name': 'slow', attributes: [{ key: 'v', type }] };
  member.define('schema', 'slow', schema).ok();
  const value = Array.from({ length: 1_000 }, (_, index) => [index % 2 === 0 ? 'a' : 1]);
  member
    .declare('x', { attributes: { v: value } })
    .offer('')
    .fails('too-large');
  member
    .declare('y', { attributes: { v: value.slice(0, 20) } })
    .offer('')
    .ok();
});
