import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offeredSince } from '../../src/client/cubes/members.js';
import type { CubePick } from '../../src/client/index.js';
import { Timestamp, type Value } from '../../src/core/value.js';
import {
  cubeOf,
  DIMS,
  expectedOf,
  LAT,
  LON,
  make,
  untilWaiting,
  valueAt,
} from './support/cubes.js';
import { codeOf, errorOf, joinApart, servePool } from './support/pools.js';

test('objects without a place are named, or skipped as told', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6]) await make(pool, step, 850);
  await pool.put('odd/key', new Float64Array(6), { attributes: { param: 't', step: 6 } });
  const noKey = await errorOf(cubeOf(pool));
  assert.equal(noKey.code, 'cube-misfit');
  assert.match(noKey.message, /"odd\/key" has no place in it: it has no "level"/u);
  await pool.put('odd/list', new Float64Array(6), {
    attributes: { param: 't', step: [6], level: 1 },
  });
  await pool.put('odd/type', new Float32Array(6), {
    attributes: { param: 't', step: 6, level: 1 },
  });
  const skipping = await cubeOf(pool, { misfits: 'skip' });
  assert.deepEqual(skipping.misfits.map(({ name }) => name).sort(), [
    'odd/key',
    'odd/list',
    'odd/type',
  ]);
  assert.deepEqual(skipping.shape, [2, 1, 3, 2]);
  const attributes = { param: 't', step: 0, level: 850 };
  const space = { dtype: 'float64', shape: [3, 2] } as const;
  await pool.put('twin', new Float64Array(6).fill(7), { attributes, space });
  const twin = await errorOf(cubeOf(pool, { misfits: 'skip' }));
  assert.equal(twin.code, 'cube-misfit');
  assert.match(twin.message, /stands at its place/u);
  const newest = await cubeOf(pool, { misfits: 'skip', duplicates: 'newest' });
  await using part = await newest.demand({ step: 0 });
  assert.deepEqual([...part.array], new Array(6).fill(7));
  // What comes for a hole must be as the others are.
  const coming = errorOf(newest.demand({ step: 12 }, { timeoutMs: 20_000, whenNobody: 'wait' }));
  await untilWaiting(pool, 'f/12/850');
  await pool.put('f/12/850', new Float32Array(6));
  assert.equal((await coming).code, 'cube-misfit');
});

test('others open a cube by its name; coordinates come from objects', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  await pool.put('grid/lat', Float64Array.from(LAT));
  const attributes = { dims: DIMS, coords: { lat: 'grid/lat', lon: LON } };
  for (const step of [0, 6]) await make(pool, step, 850, { attributes });
  await pool.cube('fields', 'param = "t"', ['step', 'level']);
  const cube = await other.cube('fields');
  assert.equal(cube.selector, 'param = "t"');
  assert.deepEqual(cube.coords, { step: [0, 6], level: [850], lat: LAT, lon: LON });
  await using part = await cube.demand({ step: [1, 24], lat: [41, 55] });
  assert.deepEqual(part.coords, { step: [6], level: [850], lat: [50], lon: LON });
  assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
  assert.equal(await codeOf(other.cube('nothing')), 'unknown-definition');
  await pool.catalog.defineCollection('late', { selector: 'step > 1' });
  assert.equal(await codeOf(other.cube('late')), 'bad-argument');
});

test('coordinates of what was imported are those of its file, if it has them', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const attributes = { dims: DIMS, '.part-of': 'grid' };
  await make(pool, 0, 850, { attributes });
  await pool.put('grid/lat', Float64Array.from(LAT));
  // One value too many: of something else.
  await pool.put('grid/lon', new Float64Array(3));
  const cube = await pool.cube('c', 'param = "t"', ['step', 'level']);
  assert.deepEqual(cube.coords, { step: [0], level: [850], lat: LAT });
  await using part = await cube.demand({ lat: [45, 55], lon: 1 });
  assert.deepEqual([...part.array], [valueAt(0, 850, 50, 90)]);
});

test('what a file calls coords is its own, and any name is a dimension', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const names = ['constructor', '__proto__'];
  await make(pool, 0, 850, { attributes: { dims: names, '.part-of': 'grid', coords: 'lat lon' } });
  await pool.put('grid/__proto__', Float64Array.from(LON));
  const cube = await pool.cube('c', 'param = "t"', ['step', 'level']);
  assert.deepEqual(cube.dims, ['step', 'level', ...names]);
  const known = { step: [0], level: [850], ['__proto__']: LON };
  assert.deepEqual(Object.entries(cube.coords), Object.entries(known));
  const pick: CubePick = Object.fromEntries([
    ['constructor', [1, 2]],
    ['__proto__', 90],
  ] as const);
  await using part = await cube.demand(pick);
  assert.deepEqual([...part.array], [valueAt(0, 850, 50, 90), valueAt(0, 850, 40, 90)]);
  assert.deepEqual(Object.entries(part.coords).at(-1), ['__proto__', [90]]);
  // Of a dimension that is told, too; and no object has what all things have.
  const axes = ['step', 'toString'];
  const lacking = await pool.cube('d', 'param = "t"', axes, { misfits: 'skip' });
  assert.deepEqual(
    lacking.misfits.map(({ why }) => why),
    ['it has no "toString"'],
  );
  await using other = await joinApart(server, 'q');
  const byLabels = 'g/{step}/{toString}';
  const waiting = await pool.cube('e', 'of = "e"', axes, {
    names: byLabels,
    labels: { step: [0] },
  });
  const coming = waiting.demand({ toString: 'a' } as never, { timeoutMs: 20_000 });
  await untilWaiting(other, 'g/0/a');
  // By its name alone, which says where it stands.
  await other.put('g/0/a', Float64Array.of(7));
  await other.put('g/0/b', Float64Array.of(8), {
    attributes: { of: 'e', step: 0, toString: 'b' } as never,
  });
  await using came = await coming;
  assert.deepEqual([...came.array], [7]);
});

test('coordinates of a file that come, change or go later are seen by whatever looks', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  const attributes = { dims: DIMS, '.part-of': 'grid' };
  for (const step of [0, 6]) await make(pool, step, 850, { attributes });
  // Of the right size, and still no coordinates.
  await pool.put('grid/lon', new Float64Array(4), { space: { dtype: 'complex128' } });
  const cube = await pool.cube('c', 'param = "t"', ['step', 'level']);
  assert.deepEqual(cube.coords, { step: [0, 6], level: [850] });
  await other.put('grid/lat', Float64Array.of(0, 1, 1000));
  await using late = await cube.demand({ step: 0, lat: [1, 1000], lon: 0 });
  assert.deepEqual(late.coords, { step: [0], level: [850], lat: [1, 1000] });
  await cube.refresh();
  assert.deepEqual(cube.coords, { step: [0, 6], level: [850], lat: [0, 1, 1000] });
  // While there is none, the objects' own are what they were.
  await other.delete('grid/lat', { force: true });
  await cube.refresh();
  assert.deepEqual(cube.coords, { step: [0, 6], level: [850], lat: [0, 1, 1000] });
  await other.put('grid/lat', Float64Array.from(LAT));
  await using changed = await cube.demand({ step: 0, lat: [60, 50], lon: 0 });
  assert.deepEqual([...changed.array], [valueAt(0, 850, 60, 0), valueAt(0, 850, 50, 0)]);
  assert.deepEqual(changed.coords['lat'], [60, 50]);
  // Other objects have what is there.
  await other.delete('grid/lat', { force: true });
  await other.delete('f/0/850', { force: true });
  await cube.refresh();
  assert.deepEqual(cube.coords, { step: [6], level: [850] });
});

test('coordinates of an object by its name stay known, until there are others', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 6, 850);
  await pool.put('grid/lat', Float64Array.from(LAT));
  const coords = { lat: 'grid/lat', lon: LON };
  const cube = await cubeOf(pool, { coords });
  await using first = await cube.demand();
  await cube.refresh();
  await using second = await cube.demand();
  // The very list: what has not changed is not fetched again.
  assert.equal(first.coords['lat'], second.coords['lat']);
  await pool.delete('grid/lat', { force: true });
  // Not waited for again, of whatever objects.
  await make(pool, 0, 850);
  await cube.refresh({ timeoutMs: 5_000 });
  assert.deepEqual(cube.coords, { step: [0, 6], level: [850], lat: LAT, lon: LON });
  await pool.put('grid/lat', Float64Array.of(1, 2, 3));
  await using part = await cube.demand({ step: 0, lat: 2, lon: 90 });
  assert.deepEqual([...part.array], [valueAt(0, 850, 50, 90)]);
});

test('what is asked for begins before the last that was seen: a clock may be set back', () => {
  const last = Timestamp.parse('2026-03-01T00:00:00.005Z').nanoseconds;
  assert.equal(offeredSince(last), ' and .time >= 2026-02-28T23:59:59.995Z');
});

test('dimensions that are told wrongly are refused', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await pool.put('grid/three', Float64Array.from(LAT));
  await pool.put('grid/flat', new Float64Array(6), { space: { dtype: 'float64', shape: [3, 2] } });
  await pool.put('grid/complex', new Float64Array(6), { space: { dtype: 'complex128' } });
  const wrong: readonly [{ readonly [key: string]: Value }, string][] = [
    [{ dims: 7 }, 'bad-argument'],
    [{ dims: ['lat'] }, 'bad-argument'],
    [{ dims: ['lat', 'lat'] }, 'bad-argument'],
    [{ dims: ['lat', 'step'] }, 'bad-argument'],
    [{ dims: DIMS, coords: [1] }, 'bad-argument'],
    [{ dims: DIMS, coords: { lat: 7 } }, 'bad-argument'],
    [{ dims: DIMS, coords: { lat: [1, 2] } }, 'bad-argument'],
    [{ dims: DIMS, coords: { lat: [1, 2, [3]] } }, 'bad-argument'],
    [{ dims: DIMS, coords: { lon: 'grid/three' } }, 'bad-argument'],
    [{ dims: DIMS, coords: { lon: 'grid/flat' } }, 'bad-space'],
    [{ dims: DIMS, coords: { lat: 'grid/complex' } }, 'bad-space'],
    [{ dims: DIMS, coords: { lon: 'grid/none' } }, 'deadline-passed'],
  ];
  for (const [attributes, code] of wrong) {
    await make(pool, 0, 850, { attributes });
    const opening = pool.cube('c', 'param = "t"', ['step', 'level'], { timeoutMs: 100 });
    assert.equal(await codeOf(opening), code, JSON.stringify(attributes));
    await pool.delete('f/0/850', { force: true });
  }
  for (const cube of [7, {}, { axes: 'step' }, { axes: ['step'], names: 7 }]) {
    await pool.catalog.defineCollection('d', { selector: 'param = "t"', tags: { cube } });
    assert.equal(await codeOf(pool.cube('d')), 'bad-argument', JSON.stringify(cube));
  }
});

test('definitions that mean nothing are refused', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const anything = (value: unknown): never => value as never;
  const wrong: readonly [string, readonly string[], object][] = [
    ['', ['a'], {}],
    ['true', [], {}],
    ['true', ['a', 'a'], {}],
    ['true', Array.from({ length: 13 }, (_, at) => `a${at}`), {}],
    ['true', ['a'], { dims: ['a'] }],
    ['true', ['a'], { names: 'x' }],
    ['true', ['a'], { names: 'x{b}' }],
    ['true', ['a'], { names: 'x{a}{b' }],
    ['true', ['a'], { names: '{a}/{b}' }],
    ['true', ['a'], { labels: { b: [1] } }],
    ['true', ['a'], { labels: { a: [[1]] } }],
    ['true', ['a'], { coords: { x: 7 } }],
    ['true', ['a'], { misfits: 'ignore' }],
    ['true', ['a'], { duplicates: 'oldest' }],
  ];
  for (const [selector, axes, options] of wrong) {
    const code = await codeOf(pool.cube('c', selector, axes, anything(options)));
    assert.equal(code, 'bad-argument', JSON.stringify([selector, axes, options]));
  }
  assert.equal(await codeOf(pool.cube('c', 'a ==', ['a'])), 'bad-selector');
  assert.deepEqual(await pool.catalog.collections(), []);
});

test('a cube of other objects is defined in its place only if that is said', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 0, 850);
  await pool.cube('c', 'param = "t"', ['step', 'level']);
  // How it is told beside that may change.
  await pool.cube('c', 'param = "t"', ['step', 'level'], { misfits: 'skip' });
  for (const [selector, axes] of [
    ['param = "u"', ['step', 'level']],
    ['param = "t"', ['level', 'step']],
  ] as const) {
    const error = await errorOf(pool.cube('c', selector, axes));
    assert.equal(error.code, 'bad-argument');
    assert.match(error.message, /is there with the (selector|axes)/u);
    assert.equal((await pool.cube('c')).selector, 'param = "t"');
  }
  const turned = await pool.cube('c', 'param = "t"', ['level', 'step'], { replace: true });
  assert.deepEqual(turned.axes, ['level', 'step']);
  await pool.catalog.defineCollection('list', {});
  assert.equal(await codeOf(pool.cube('list', 'true', ['step'])), 'bad-argument');
  assert.equal(await codeOf(pool.cube('nobody')), 'unknown-definition');
});

test('coordinates that do not come are waited for as long as the caller says', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 0, 850);
  const coords = { lat: 'grid/lat', lon: LON };
  const opening = { ...{ names: undefined, dims: DIMS, coords }, timeoutMs: 50 };
  assert.equal(await codeOf(cubeOf(pool, opening)), 'deadline-passed');
  const stop = new AbortController();
  const signal = stop.signal;
  const coming = codeOf(cubeOf(pool, { ...opening, timeoutMs: undefined, signal }));
  await untilWaiting(pool, 'grid/lat');
  stop.abort();
  assert.equal(await coming, 'aborted');
});

test('what was picked wrongly is refused at once, as far as it is known', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const cube = await cubeOf(pool, { dims: ['lat', 'lon'], labels: { step: [0] } });
  assert.throws(() => cube.sel({ latitude: 1 }), { code: 'bad-argument' });
  assert.throws(() => cube.sel({ step: 'six' }), { code: 'bad-region' });
  // No object of it is there yet: of its own dimensions only the names are known.
  assert.equal(cube.sel({ lat: 'north', level: 'high' }).axes.length, 2);
  const waiting = codeOf(cube.demand({ level: 'high' }, { timeoutMs: 20_000, whenNobody: 'wait' }));
  await untilWaiting(pool, 'f/0/high');
  await make(pool, 0, 850);
  await pool.put('f/0/high', new Float64Array(6), { attributes: { param: 'u' } });
  assert.equal(await waiting, 'bad-region');
  assert.throws(() => cube.isel({ lat: 3 }), { code: 'bad-region' });
  assert.throws(() => cube.sel({ lat: 'north' }), { code: 'bad-region' });
});
