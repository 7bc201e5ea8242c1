import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AttaccaError, Timestamp, type Value } from '../../src/client/index.js';
import { codeOf, errorOf, joinApart, servePool } from './support/pools.js';

/** Enough for several pages of everything, and for more than one part of a sort. */
const OBJECTS = 48_000;

async function gathered<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

test('what is selected comes whole, in pages and parts: found, counted, sorted, changed', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const fields = Array.from({ length: OBJECTS }, (_, index) => ({
    name: `f/${String(index).padStart(6, '0')}`,
    attributes: { step: index % 240, value: Math.sin(index), kind: index % 2 ? 'odd' : 'even' },
  }));
  await pool.offerMany(fields, { keep: true });
  const even = await gathered(pool.query('kind = "even"', { detail: 'name' }));
  assert.equal(even.length, OBJECTS / 2);
  assert.equal(new Set(even).size, OBJECTS / 2);
  assert.equal(await pool.count('kind = "even" and step < 24'), OBJECTS / 20);
  assert.equal(await pool.count('name suffix "7"'), OBJECTS / 10);

  const highest = await gathered(pool.query('step in 0..3', { sort: '-value', limit: 700 }));
  const expected = fields
    .filter(({ attributes }) => attributes.step <= 3)
    .sort((one, other) => other.attributes.value - one.attributes.value);
  const names = expected.slice(0, 700).map(({ name }) => name);
  assert.deepEqual(
    highest.map(({ name }) => name),
    names,
  );
  const byStep = await gathered(pool.query('', { sort: 'step', detail: 'name', limit: 5_000 }));
  const steps = byStep.map((name) => Number(name.slice(2)) % 240);
  assert.deepEqual(
    steps,
    [...steps].sort((one, other) => one - other),
  );
  assert.equal(new Set(byStep).size, 5_000);

  const facets = await pool.facets('step', { selector: 'kind = "odd"', limit: 3 });
  assert.equal(facets.objects, OBJECTS / 2);
  assert.deepEqual([facets.values.length, facets.otherValues, facets.isExact], [3, 117, true]);
  const [histogram] = await pool.histograms('step');
  assert.equal(
    histogram?.bins.reduce((sum, count) => sum + count, 0),
    OBJECTS,
  );

  const progress: number[] = [];
  const changed = await pool.tagSelected(
    'kind = "odd"',
    { seen: true },
    {
      progress: (selected) => progress.push(selected),
    },
  );
  assert.deepEqual(changed, { selected: OBJECTS / 2, changed: OBJECTS / 2, refused: [] });
  assert.ok(progress.length > 1 && progress.at(-1) === OBJECTS / 2);
  assert.equal(await pool.count('seen = true'), OBJECTS / 2);
  const seen = await pool.deleteSelected('seen = true', { dryRun: true });
  assert.equal(seen.changed, OBJECTS / 2);
  await pool.untagSelected('seen = true and step < 120', ['seen']);
  assert.equal(await pool.count('has seen'), OBJECTS / 4);
  const gone = await pool.unkeepSelected('has seen');
  assert.equal(gone.changed, OBJECTS / 4);
  assert.equal(await pool.count('.state = "offered"'), (OBJECTS / 4) * 3);
});

test('facets and histograms of very many values are put together of parts', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const fields = Array.from({ length: 20_000 }, (_, index) => ({
    name: `f/${index}`,
    attributes: { value: Math.sin(index) },
  }));
  await pool.offerMany(fields, { keep: true });
  // Of so many distinct values counts come in several parts.
  const all = await pool.facets('value', { limit: 10 });
  assert.equal(all.objects, fields.length);
  const [values] = await pool.histograms('value');
  const { bins = [], exponent = 0, first = 0 } = values ?? {};
  const expectedBins = new Array<number>(bins.length).fill(0);
  for (const { attributes } of fields) {
    const bin = Math.floor(attributes.value / 2 ** exponent) - first;
    expectedBins[bin] = (expectedBins[bin] ?? 0) + 1;
  }
  assert.ok(bins.length > 16);
  assert.deepEqual(bins, expectedBins);
});

test('sorted pages that an answer has no room for go on behind its last row', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const large = 'v'.repeat(60_000);
  const fields = Array.from({ length: 60 }, (_, index) => ({
    name: `o/${index}`,
    attributes: { large, place: (index * 37) % 60 },
  }));
  await pool.offerMany(fields, { keep: true });
  const found = await gathered(pool.query('', { sort: '-place' }));
  const places = found.map(({ attributes }) => attributes['place']);
  assert.deepEqual(
    places,
    Array.from({ length: 60 }, (_, index) => 59 - index),
  );
});

test('a selector that is none points at the character', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const error = (await errorOf(gathered(pool.query('step >')))) as AttaccaError;
  assert.equal(error.code, 'bad-selector');
  assert.equal(error.fields['position'], 6);
});

test('schemas, containers, collections and relations, by the library', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const schema = {
    ...{ 'schema-name': 'fields', 'schema-version': 1, 'schema-namespace': '' },
    attributes: [{ key: 'date', type: 'day()', required: true }],
  };
  const { catalog } = pool;
  await catalog.defineSchema(schema);
  await catalog.defineContainer('run', { attributes: { user: 'me' }, schemas: ['fields'] });
  const offer = (name: string, attributes: { [key: string]: Value }): Promise<unknown> =>
    pool.object(name, { attributes: { '.container': 'run', ...attributes } }).offer({ keep: true });
  assert.equal(await codeOf(offer('x', {})), 'schema-mismatch');
  await offer('x', { date: '2026-01-31' });
  await offer('y', { date: '2026-02-01' });
  const [found] = await gathered(pool.query('date < "2026-02-01"'));
  const date = new Timestamp(BigInt(Date.UTC(2026, 0, 31)) * 1_000_000n);
  assert.deepEqual(found, { name: 'x', attributes: { '.container': 'run', date, user: 'me' } });

  await catalog.defineCollection('january', { selector: 'date < "2026-02-01"' });
  await catalog.defineCollection('train');
  await catalog.collect('train', 'name = "y"');
  assert.deepEqual(
    await gathered(pool.query('.collection in ["january", "train"]', { detail: 'name' })),
    ['x', 'y'],
  );
  const sizes = (await catalog.collections()).map(({ name, objects }) => [name, objects]);
  assert.deepEqual(sizes, [
    ['january', null],
    ['train', 1],
  ]);
  await catalog.relate('y', 'depends-on', 'x');
  assert.equal(await codeOf(pool.delete('x')), 'object-depended-on');
  assert.equal(await codeOf(catalog.relate('none', 'part-of', 'x')), 'unknown-object');
  await assert.rejects(
    gathered(pool.query('true', { limit: -1 })),
    /^RangeError: Cannot query for -1 objects: a limit is 0 or more$/u,
  );
  await assert.rejects(
    pool.tagSelected(' ', { a: 1 }),
    /^AttaccaError: Cannot tag anything: the /u,
  );
  for (const other of ['', 'a\0', '\ud800']) {
    assert.equal(await codeOf(catalog.relate('y', 'part-of', other)), 'bad-name');
  }
  await catalog.unrelate('y', 'depends-on', 'x');
  await catalog.deleteCollection('train');
  assert.deepEqual(
    (await catalog.collections()).map(({ name }) => name),
    ['january'],
  );

  const seen = await catalog.deleteContainer('run', { dryRun: true });
  assert.deepEqual(seen, { selected: 2, changed: 2, refused: [] });
  assert.equal((await catalog.containers('run'))[0]?.objects, 2);
  await catalog.deleteContainer('run');
  assert.deepEqual(await catalog.containers(), []);
  assert.equal(await pool.count('.state = "offered"'), 0);
  assert.equal(await codeOf(catalog.containers('run')), 'unknown-definition');
});

test('a container goes with objects that depend on each other, and stays with what others need', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'model[0]');
  const { catalog } = pool;
  await catalog.defineContainer('run');
  const attributes = { '.container': 'run' };
  await pool.offerMany(
    ['a', 'b', 'c', 'd'].map((name) => ({ name, attributes })),
    { keep: true },
  );
  await pool.offerMany([{ name: 'outside' }], { keep: true });
  // Each is looked at before the one that depends on it.
  await catalog.relate('b', 'depends-on', 'a');
  await catalog.relate('c', 'depends-on', 'b');
  await catalog.relate('outside', 'depends-on', 'd');
  const some = await catalog.deleteContainer('run');
  assert.deepEqual([some.selected, some.changed], [4, 3]);
  assert.deepEqual(
    some.refused.map(({ name, code }) => [name, code]),
    [['d', 'object-depended-on']],
  );
  assert.equal((await catalog.containers('run'))[0]?.objects, 1);
  await catalog.unrelate('outside', 'depends-on', 'd');
  assert.deepEqual(await catalog.deleteContainer('run'), { selected: 1, changed: 1, refused: [] });
  assert.deepEqual(await catalog.containers(), []);
});
