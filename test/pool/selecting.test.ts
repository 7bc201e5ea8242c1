import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Selector } from '../../src/core/selector/ast.js';
import { parseSelector } from '../../src/core/selector/parser.js';
import { printSelector } from '../../src/core/selector/printer.js';
import { Float, Timestamp, type Value } from '../../src/core/value.js';
import { restorePool, savePool } from '../../src/pool/save.js';
import { DETAIL, FACETS } from '../../src/protocol/index.js';
import { anyAttributes, anySelector } from '../core/selector/arbitraries.js';
import { isSelected } from '../core/selector/reference.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import type { Call } from './call.js';
import { Harness } from './harness.js';
import type { Handle, Member } from './member.js';

type Said = ReadonlyMap<string, Value>;

interface ModelObject {
  handle: Handle | null;
  attributes: Said;
  tags: Map<string, Value>;
}

/** A pool, and what it should find, by name. */
class Model {
  readonly pool = new Harness();
  readonly member: Member = this.pool.member('model[3]');
  readonly objects = new Map<string, ModelObject>();

  offer(name: string, said: Said): void {
    const known = this.objects.get(name);
    if (known?.handle) return;
    const attributes = withoutNull(said);
    const handle = this.member.declare(name, { attributes: Object.fromEntries(attributes) });
    handle.offer('xyz', { keep: true }).ok();
    this.objects.set(name, { handle, attributes, tags: known?.tags ?? new Map() });
  }

  withdraw(name: string): void {
    const known = this.objects.get(name);
    if (!known?.handle) return;
    known.handle.withdraw().ok();
    known.handle.dispose().ok();
    this.objects.delete(name);
  }

  tag(name: string, said: Said, removed: readonly string[]): void {
    const known = this.objects.get(name);
    if (known === undefined) return;
    const set = withoutNull(said);
    this.member.tag(name, Object.fromEntries(set), removed).ok();
    retag(known, set, removed);
  }

  tagSelected(selector: Selector, said: Said, removed: readonly string[]): void {
    const set = withoutNull(said);
    const names = this.selected(selector);
    const text = printSelector(selector);
    const changes = Object.fromEntries(set);
    const seen = this.member.tagSelected(text, changes, { removed, dry: true }).value();
    assert.equal(seen['selected'], names.length);
    const done = this.member.tagSelected(text, changes, { removed }).value();
    let changed = 0;
    for (const name of names) {
      const object = this.objects.get(name) as ModelObject;
      const before = new Map(object.tags);
      retag(object, set, removed);
      if (!isDeepStrictEqual(before, object.tags)) changed++;
    }
    assert.deepEqual(done, { selected: names.length, changed, refused: [], next: null });
    assert.equal(seen['changed'], changed);
  }

  found(selector: Selector, limit: number): string[] {
    const names: string[] = [];
    for (let after: Value = ''; typeof after === 'string'; ) {
      const page = this.member.query(printSelector(selector), after, limit).value();
      const objects = page['objects'] as string[];
      assert.ok(objects.length <= limit);
      names.push(...objects);
      after = page['next'] as Value;
    }
    return names.sort();
  }

  /** By brute force. */
  selected(selector: Selector): string[] {
    const names: string[] = [];
    for (const [name, { attributes, tags }] of this.objects) {
      if (isSelected(selector, new Map([...attributes, ...tags]), ownOf(name))) names.push(name);
    }
    return names.sort();
  }
}

function withoutNull(said: Said): Said {
  return new Map([...said].filter(([, value]) => value !== null));
}

function ownOf(name: string): Said {
  return new Map<string, Value>([
    ['name', name],
    ['.state', 'offered'],
    ['.bytes', 3],
    ['.dtype', 'uint8'],
    ['.shape', [3]],
    ['.component', 'model'],
    ['.time', new Timestamp(1_000_000_000n)],
  ]);
}

function retag(object: ModelObject, set: Said, removed: readonly string[]): void {
  for (const key of removed) object.tags.delete(key);
  for (const [key, value] of set) object.tags.set(key, value);
}

const anyName = fc.constantFrom('a', 'b', 'ab', 'x/1', 'x/2', '海');
const anyRemoved = fc.uniqueArray(fc.constantFrom('a', 'b', 'ab', 'x'), { maxLength: 2 });

const anyOwn = fc
  .constantFrom(
    'name = "a"',
    'name in ["x/1", "b", "none", 5]',
    'name ~ "x*"',
    'name =~ "[ab]$" and not name suffix "ab"',
    'name infix "/" or a = 1',
    'name >= "b"',
    'name != "a" and has name',
    '.state = "offered" and .bytes in 1..5',
    '.bytes > 3 or .dtype != "uint8"',
    'any .shape = 3 and all .shape < 4',
    '.time <= 1970-01-01T00:00:01Z and .component prefix "mod"',
    'has .none or not has .time',
  )
  .map(parseSelector);

const anyStep = fc.oneof(
  fc.tuple(fc.constant('offer' as const), anyName, anyAttributes),
  fc.tuple(fc.constant('withdraw' as const), anyName),
  fc.tuple(fc.constant('tag' as const), anyName, anyAttributes, anyRemoved),
  fc.tuple(
    fc.constant('tag selected' as const),
    fc.oneof(anySelector, anyOwn),
    anyAttributes,
    anyRemoved,
  ),
  fc.tuple(
    fc.constant('ask' as const),
    fc.oneof(anySelector, anyOwn),
    fc.integer({ min: 1, max: 4 }),
  ),
);

const anySteps = fc.array(anyStep, { minLength: 1, maxLength: 30 });
const anyAsked = fc.array(anySelector, { minLength: 1, maxLength: 12 });

test('what a pool finds is what brute force finds, whatever is done to it (I9)', () => {
  fc.assert(
    fc.property(anySteps, anyAsked, (steps, asked) => {
      const model = new Model();
      for (const step of steps) {
        if (step[0] === 'offer') model.offer(step[1], step[2]);
        else if (step[0] === 'withdraw') model.withdraw(step[1]);
        else if (step[0] === 'tag') model.tag(step[1], step[2], step[3]);
        else if (step[0] === 'tag selected') model.tagSelected(step[1], step[2], step[3]);
        else ask(model, step[1], step[2]);
      }
      for (const selector of asked) ask(model, selector, 2);
      // And so it is when it was restored.
      const bytes = saved((w) => savePool(model.pool.pool, w));
      const { searching } = restored(bytes, restorePool);
      for (const selector of asked) {
        let rows = 0;
        searching.search(searching.compiled(selector)).rows(0, () => ++rows > 0);
        assert.equal(rows, model.selected(selector).length);
      }
    }),
    { numRuns: 150 },
  );
});

function ask(model: Model, selector: Selector, limit: number): void {
  const expected = model.selected(selector);
  const text = printSelector(selector);
  assert.deepEqual(model.found(selector, limit), expected, text);
  assert.deepEqual(model.member.count(text).value(), { count: expected.length, next: null });
}

/** Steps and levels of two parameters. */
function fields(): { pool: Harness; member: Member } {
  const pool = new Harness();
  const member = pool.member('model[0]');
  for (let step = 0; step < 24; step += 6) {
    for (const param of ['t', 'u']) {
      const attributes = { param, step, level: new Float(850), when: new Timestamp(BigInt(step)) };
      member.offer(`${param}/${step}`, 'bytes', { attributes, keep: true });
    }
  }
  member.tag('t/6', { quality: 'good', step: 7 }).ok();
  return { pool, member };
}

test('a query gives names, or attributes with tags over them, or all that is known', () => {
  const { member } = fields();
  const selector = 'param = "t" and step in 6..12';
  const names = member.query(selector).value();
  assert.deepEqual(names, { objects: ['t/6', 't/12'], next: null });
  const found = member.query(selector, '', 1, DETAIL.found).value()['objects'];
  const attributes = { param: 't', step: 7, level: 850, when: new Timestamp(6n), quality: 'good' };
  assert.deepEqual(found, [{ name: 't/6', attributes }]);
  const [known] = member.query(selector, '', 1, DETAIL.stat).value()['objects'] as Value[];
  assert.deepEqual(known, member.stat('t/6').value());
  assert.deepEqual(member.query('step = 6').value()['objects'], ['u/6'], 'a tag hides');
});

test('what is no selector is refused, and points at the character', () => {
  const { member } = fields();
  const error = member.query('param = "t" and step >').fails('bad-selector');
  assert.equal(error.fields['position'], 22);
  member.query('true', 'x').fails('bad-argument');
  member.query('true', '01').fails('bad-argument');
  member.facets('param', '(').fails('bad-selector');
});

test('facets: the values of a key, the most frequent first, of what is selected', () => {
  const { member } = fields();
  assert.deepEqual(member.facets('param').value(), {
    ...{ key: 'param', objects: 8, distinct: 2, next: null },
    ...{
      values: [
        { value: 't', count: 4 },
        { value: 'u', count: 4 },
      ],
    },
    ...{ otherValues: 0, otherObjects: 0 },
  });
  const steps = member.facets('step', 'param = "t"', { limit: 1 }).value();
  assert.deepEqual(steps['values'], [{ value: 0, count: 1 }]);
  assert.deepEqual([steps['otherValues'], steps['otherObjects']], [3, 3]);
  const own = member.facets('.provider', 'step > 0').value();
  assert.deepEqual(own['values'], [{ value: 'model[0]', count: 6 }]);
  assert.deepEqual(member.facets('nowhere').value()['values'], []);
});

test('histograms: ranges whose width is a power of two', () => {
  const { member } = fields();
  const histogram = (key: string, selector = ''): Value =>
    member.facets(key, selector, { what: FACETS.histogram }).value()['histograms'] as Value;
  const [steps] = histogram('step') as { [key: string]: Value }[];
  const { bins, exponent, first, ...ends } = steps as { [key: string]: Value };
  assert.deepEqual(ends, { of: 'numbers', objects: 8, least: 0, most: 18 });
  const width = 2 ** (exponent as number);
  const counted = new Map((bins as number[]).map((count, bin) => [bin * width, count]));
  assert.deepEqual(
    [...counted].filter(([, count]) => count > 0),
    [
      [0, 2],
      [6, 1],
      [7, 1],
      [12, 2],
      [18, 2],
    ],
  );
  assert.equal(first, 0);
  const [times] = histogram('when', 'param = "u"') as { [key: string]: Value }[];
  assert.deepEqual([times?.['of'], times?.['most']], ['timestamps', new Timestamp(18n)]);
  assert.deepEqual(histogram('param'), []);
});

test('the ends of a histogram are exact, though as float64 they are one', () => {
  const { member } = fields();
  const numbers = [2n ** 53n + 1n, new Float(2 ** 53), 2n ** 53n + 1n];
  const times = [new Timestamp(2n ** 60n + 1n), new Timestamp(2n ** 60n)];
  for (const [at, far] of [...numbers, ...times].entries()) {
    member.offer(`far/${at}`, 'bytes', { attributes: { far }, keep: true });
  }
  const answer = member.facets('far', '', { what: FACETS.histogram }).value();
  const found = answer['histograms'] as { [key: string]: Value }[];
  assert.deepEqual(
    found.map(({ objects, least, most }) => [objects, least, most]),
    [
      [3, 2 ** 53, 2n ** 53n + 1n],
      [2, new Timestamp(2n ** 60n), new Timestamp(2n ** 60n + 1n)],
    ],
  );
});

test('sorted: by a key, then by name; what has it not comes last; pages go on behind a place', () => {
  const { member } = fields();
  member.offer('z', 'bytes', { keep: true });
  const sorted = (...args: Parameters<Member['sort']>): [Value, Value][] =>
    (member.sort(...args).value()['objects'] as { [key: string]: Value }[]).map((row) => [
      row['object'] as Value,
      row['key'] as Value,
    ]);
  const up = sorted('', 'step');
  assert.deepEqual(
    up.map(([name]) => name),
    ['t/0', 'u/0', 'u/6', 't/6', 't/12', 'u/12', 't/18', 'u/18', 'z'],
  );
  assert.deepEqual(
    up.map(([, key]) => key),
    [0, 0, 6, 7, 12, 12, 18, 18, null],
  );
  const down = sorted('', 'step', { descending: true, limit: 3 });
  assert.deepEqual(down, [
    ['t/18', 18],
    ['u/18', 18],
    ['t/12', 12],
  ]);
  const place = { value: 12, name: 't/12' };
  const rest = sorted('', 'step', { descending: true, place });
  assert.deepEqual(
    rest.map(([name]) => name),
    ['u/12', 't/6', 'u/6', 't/0', 'u/0', 'z'],
  );
  assert.deepEqual(
    sorted('', 'name', { limit: 2 }).map(([name]) => name),
    ['t/0', 't/12'],
  );
  assert.deepEqual(sorted('', '.bytes', { place: { value: null, name: 'y' } }), []);
});

test('sorted by name, either way: the name is the value, and the place', () => {
  const { member } = fields();
  const sorted = (key: string, descending: boolean, place: string | null = null): Value => {
    const behind = place === null ? null : { value: place, name: place };
    const options = { descending, limit: 3, place: behind };
    return member.sort('param = "t"', key, options).value()['objects'] as Value;
  };
  const rows = (...names: string[]): Value => names.map((name) => ({ key: name, object: name }));
  for (const key of ['name', '.maestro.core.cdo.name']) {
    assert.deepEqual(sorted(key, false), rows('t/0', 't/12', 't/18'));
    assert.deepEqual(sorted(key, true), rows('t/6', 't/18', 't/12'));
    assert.deepEqual(sorted(key, true, 't/12'), rows('t/0'));
    assert.deepEqual(sorted(key, false, 't/18'), rows('t/6'));
  }
});

test('a float64 that is whole is told as a float64, wherever it is told', () => {
  const { member } = fields();
  const told = (call: Call): Value => {
    const { answer } = call;
    assert.ok(answer?.kind === 'value');
    return answer.value;
  };
  const float = new Float(850);
  member.tag('t/0', { tagged: new Float(2) }).ok();
  const stat = told(member.stat('t/0')) as { [key: string]: { [key: string]: Value } };
  assert.deepEqual(
    [stat['attributes']?.['level'], stat['tags']?.['tagged']],
    [float, new Float(2)],
  );
  const { values } = told(member.facets('level')) as { [key: string]: Value };
  assert.deepEqual({ ...(values as { [key: string]: Value }[])[0] }, { value: float, count: 8 });
  const { objects } = told(member.sort('', 'level', { limit: 1 })) as { [key: string]: Value };
  assert.deepEqual(
    { ...(objects as { [key: string]: Value }[])[0] },
    { key: float, object: 't/0' },
  );
});

test('end what is selected: what may not end is told, and dry it only says', () => {
  const { member, pool } = fields();
  const reader = pool.member('reader');
  const waits = reader.demand('late');
  const own = member.offer('mine', 'bytes');
  const seen = member.endSelected('', 'unkeep', true).value();
  assert.equal(seen['selected'], 10);
  assert.equal(seen['changed'], 8);
  assert.deepEqual(
    (seen['refused'] as { [key: string]: Value }[]).map(({ name, code }) => [name, code]),
    [
      ['late', 'wrong-state'],
      ['mine', 'wrong-state'],
    ],
  );
  assert.equal(member.count('.state = "offered"').value()['count'], 9, 'nothing was done');
  const done = member.endSelected('param = "u"', 'unkeep').value();
  assert.deepEqual(done, { selected: 4, changed: 4, refused: [], next: null });
  const gone = member.endSelected('', 'delete').value();
  assert.equal(gone['changed'], 9);
  const [refused] = gone['refused'] as { [key: string]: Value }[];
  assert.deepEqual([refused?.['name'], refused?.['code']], ['late', 'object-required']);
  waits.waits();
  member.endSelected('name = "late"', 'deleteForced').value();
  waits.fails('object-deleted');
  own.offer('bytes').fails('wrong-state');
});

test('keys by which the pool tells what it knows are no attributes', () => {
  const pool = new Harness();
  const member = pool.member('a');
  assert.throws(() => member.offer('x', 'bytes', { attributes: { '.bytes': 5 } }));
});

test('a plan can be shown: which part is asked first, how, and what it leaves at most', () => {
  const { member } = fields();
  const plan = member.explainSelector('param = "t" and step in 6..12 and step < 12').value();
  assert.deepEqual(plan, {
    ...{ selector: null, how: 'what all of these leave, the rarest first', candidates: 2 },
    parts: [
      {
        ...{ selector: 'step in 6..12 and step < 12', candidates: 2 },
        how: 'by a scan over numbers of 5 distinct values',
      },
      { selector: 'param = "t"', how: 'by value', candidates: 4 },
    ],
    unknownKeys: [],
  });
  const one = member.explainSelector('name = "t/6"').value();
  assert.deepEqual([one['how'], one['candidates']], ['by name', 1]);
  const deep = `${'not (a = 1 or '.repeat(30)}b = 1${')'.repeat(30)}`;
  assert.equal(member.explainSelector(deep).value()['selector'], null);
  member.explainSelector('a =').fails('bad-selector');
});

test('sorted: what an answer has no room for is told, and comes behind the last row', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  const large = Object.fromEntries(
    Array.from({ length: 15 }, (_, index) => [`k${index}`, 'v'.repeat(4_000)]),
  );
  for (let index = 0; index < 120; index++) {
    member.offer(`o/${index}`, null, { attributes: { ...large, index }, keep: true });
  }
  const page = (place: { value: Value; name: string } | null): { [key: string]: Value } =>
    member.sort('', 'index', { place, detail: DETAIL.found }).value();
  const first = page(null);
  const rows = first['objects'] as { key: number; object: { name: string } }[];
  assert.equal(first['cut'], true);
  assert.ok(rows.length > 10 && rows.length < 120, `${rows.length} rows`);
  const last = rows.at(-1);
  assert.equal(last?.key, rows.length - 1);
  const then = page({ value: last?.key ?? 0, name: last?.object.name ?? '' })['objects'];
  assert.equal((then as { key: number }[])[0]?.key, rows.length);
  assert.equal(member.sort('index < 9', 'index').value()['cut'], false);
});

test('histograms: of numbers at the ends of what a float64 can say', () => {
  const pool = new Harness();
  const member = pool.member('a');
  const histogram = (): { [key: string]: Value } => {
    const answer = member.facets('v', '', { what: FACETS.histogram }).value();
    const [first] = answer['histograms'] as { [key: string]: Value }[];
    const { bins, objects } = first as { bins: number[]; objects: number };
    assert.ok(bins.length <= 64);
    assert.equal(
      bins.reduce((sum, count) => sum + count, 0),
      objects,
    );
    return first as { [key: string]: Value };
  };
  member.offer('a', 'x', { attributes: { v: 1e308 }, keep: true });
  assert.equal(histogram()['objects'], 1);
  member.offer('b', 'x', { attributes: { v: -1e308 }, keep: true });
  member.offer('c', 'x', { attributes: { v: Number.POSITIVE_INFINITY }, keep: true });
  member.offer('d', 'x', { attributes: { v: Number.NaN }, keep: true });
  assert.deepEqual([histogram()['objects'], histogram()['least']], [2, -1e308]);
  member.delete('a').ok();
  member.delete('b').ok();
  member.offer('e', 'x', { attributes: { v: 5e-324 }, keep: true });
  member.offer('f', 'x', { attributes: { v: 0 }, keep: true });
  assert.equal(histogram()['objects'], 2);
});

test('whole floats stay floats in what is told of them', () => {
  const { member } = fields();
  const raw = member.query('name = "t/0"', '', 0, DETAIL.stat).raw() as { objects: Value[] };
  const [row] = raw.objects as { attributes: { level: Value } }[];
  assert.ok(row?.attributes.level instanceof Float);
});

test('sorted by large values: a part ends when it has read enough of them', () => {
  const pool = new Harness({ checked: false });
  const member = pool.member('a');
  for (let index = 0; index < 200; index++) {
    const value = `${String(index).padStart(4, '0')}${'v'.repeat(60_000)}`;
    member.offer(`o/${index}`, null, { attributes: { value }, keep: true });
  }
  const seen: string[] = [];
  let parts = 0;
  for (let after: Value = ''; typeof after === 'string'; parts++) {
    const answer = member.sort('', 'value', { limit: 5, after }).value();
    const rows = answer['objects'] as { object: string }[];
    seen.push(...rows.map(({ object }) => object));
    after = answer['next'] as Value;
  }
  assert.ok(parts > 2, `${parts} parts`);
  for (let index = 0; index < 5; index++) assert.ok(seen.includes(`o/${index}`));
  const facets = member.facets('value').value();
  assert.equal(facets['distinct'], 200);
  assert.ok((facets['values'] as Value[]).length < 40);
});
