import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Cube, CubePick, Pool } from '../../src/client/index.js';
import type { ByteOrder, Order } from '../../src/core/space.js';
import type { Value } from '../../src/core/value.js';
import { fc } from '../fast-check.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const DIMS = ['lat', 'lon'];
const LAT = [60, 50, 40];
const LON = [0, 90];

/** What stands at an element: a number that tells where it is from. */
const valueAt = (step: number, level: number, lat: number, lon: number): number =>
  step * 1_000_000 + level * 1_000 + lat + lon / 1_000;

interface Made {
  readonly order?: Order;
  readonly byteOrder?: ByteOrder;
  readonly encoded?: boolean;
  readonly parts?: boolean;
  readonly attributes?: { readonly [key: string]: Value };
}

/** Offers the field of a step and a level. */
async function make(pool: Pool, step: number, level: number, how: Made = {}): Promise<void> {
  const { order = 'row', byteOrder = 'little', encoded, parts, attributes } = how;
  const values = new Float64Array(LAT.length * LON.length);
  for (const [row, lat] of LAT.entries()) {
    for (const [column, lon] of LON.entries()) {
      const at = order === 'row' ? row * LON.length + column : column * LAT.length + row;
      values[at] = valueAt(step, level, lat, lon);
    }
  }
  if (byteOrder === 'big') {
    const view = new DataView(values.buffer);
    for (const [at, value] of values.slice().entries()) view.setFloat64(at * 8, value, false);
  }
  const shape = [LAT.length, LON.length];
  const object = pool.object(`f/${step}/${level}`, {
    attributes: { param: 't', step, level, ...attributes },
    space: { dtype: 'float64', shape, order, byteOrder },
  });
  if (parts === true) {
    for (const half of [[0, 1] as const, [1, 3] as const]) {
      const part = object.region([half, null]);
      part.bytes.set(new Uint8Array(values.buffer, half[0] * 16, (half[1] - half[0]) * 16));
      await part.offer({ keep: true });
    }
    return;
  }
  object.bytes.set(new Uint8Array(values.buffer));
  const encoding = encoded === true ? ([{ kind: 'shuffle', itemSize: 8 }] as const) : undefined;
  await object.offer({ keep: true, encoding });
}

const OPTIONS = { names: 'f/{step}/{level}', dims: DIMS, coords: { lat: LAT, lon: LON } };

function cubeOf(pool: Pool, options = {}): Promise<Cube> {
  return pool.cube('fields', 'param = "t"', ['step', 'level'], { ...OPTIONS, ...options });
}

/** What a part of the cube must be, by its coordinates. */
function expectedOf(
  coords: { readonly [dimension: string]: readonly Value[] },
  order: Order,
): number[] {
  const [steps = [], levels = [], lats = [], lons = []] = ['step', 'level', ...DIMS].map(
    (dimension) => coords[dimension] as number[],
  );
  const axes = [steps, levels, lats, lons];
  const count = axes.reduce((product, { length }) => product * length, 1);
  return Array.from({ length: count }, (_, place) => {
    let rest = place;
    const element = new Array<number>(4).fill(0);
    const fastest = order === 'row' ? [3, 2, 1, 0] : [0, 1, 2, 3];
    for (const axis of fastest) {
      const labels = axes[axis] as number[];
      element[axis] = labels[rest % labels.length] as number;
      rest = Math.floor(rest / labels.length);
    }
    return valueAt(...(element as [number, number, number, number]));
  });
}

for (const transport of TRANSPORTS) {
  describe(`cubes over ${transport}`, () => {
    test('any part, in any order, of objects however they are kept', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      const made: fc.Arbitrary<Made> = fc.oneof(
        fc.record({
          order: fc.constantFrom<Order>('row', 'column'),
          byteOrder: fc.constantFrom<ByteOrder>('little', 'big'),
        }),
        fc.record({ parts: fc.boolean() }),
        fc.record({ encoded: fc.constant(true) }),
      );
      const range = (labels: readonly number[]): fc.Arbitrary<readonly [number, number]> =>
        fc.tuple(fc.constantFrom(...labels), fc.constantFrom(...labels));
      const some = (labels: readonly number[]): fc.Arbitrary<CubePick[string]> =>
        fc.oneof(
          range(labels),
          fc.constantFrom(...labels),
          fc.record({ values: fc.uniqueArray(fc.constantFrom(...labels), { minLength: 1 }) }),
        );
      const places = [0, 6, 12].flatMap((step) =>
        [500, 850].map((level) => [step, level] as const),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(made, { minLength: places.length, maxLength: places.length }),
          fc.record(
            { step: some([0, 6, 12]), level: some([500, 850]), lat: some(LAT), lon: some(LON) },
            { requiredKeys: [] },
          ),
          fc.constantFrom<Order | undefined>('row', 'column', undefined),
          fc.boolean(),
          async (how, pick, order, isInto) => {
            await pool.deleteSelected('param = "t"', { force: true });
            for (const [at, [step, level]] of places.entries()) {
              await make(pool, step, level, how[at]);
            }
            const cube = await cubeOf(pool);
            assert.deepEqual(cube.sizes, { step: 3, level: 2, lat: 3, lon: 2 });
            const size = cube.sel(pick).shape.reduce((product, each) => product * each, 1);
            const into = isInto ? new Float64Array(size) : undefined;
            await using part = await cube.demand(pick, { order, into, dtype: 'float64' });
            assert.deepEqual(part.dims, ['step', 'level', 'lat', 'lon']);
            assert.deepEqual(part.coords, cube.sel(pick).coords);
            assert.deepEqual(part.shape, cube.sel(pick).shape);
            const expected = expectedOf(part.coords, part.space.order);
            assert.deepEqual([...part.array], expected);
            if (into !== undefined) assert.deepEqual([...into], expected);
          },
        ),
        { numRuns: 60 },
      );
    });

    test('a demand waits for a hole by its name, and explain says so', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q');
      await make(other, 0, 850);
      const cube = await cubeOf(pool);
      const promised = await other.promise('f/*');
      const coming = cube.demand({ step: [0, 12, 6] }, { timeoutMs: 20_000 });
      await untilWaiting(other, 'f/6/850');
      await make(other, 6, 850);
      await make(other, 12, 850);
      await using part = await coming;
      assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
      assert.deepEqual(part.coords['step'], [0, 6, 12]);
      await promised.close();
    });

    test('a demand waits for all of a cube of which nothing is there', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await using other = await joinApart(server, 'q');
      const cube = await cubeOf(pool, { labels: { step: [0, 6], level: [850] } });
      assert.deepEqual(cube.shape, [2, 1]);
      const coming = cube.demand({ lat: [40, 50] }, { timeoutMs: 20_000, whenNobody: 'wait' });
      await untilWaiting(other, 'f/6/850');
      await make(other, 6, 850);
      await make(other, 0, 850);
      await using part = await coming;
      assert.deepEqual(part.shape, [2, 1, 2, 2]);
      assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
    });

    test('a demand of holes without names looks until they come', async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'p', { transport });
      await make(pool, 0, 850);
      const cube = await cubeOf(pool, { names: undefined });
      const coming = cube.demand({ step: { values: [0, 6] } }, { timeoutMs: 20_000 });
      await make(pool, 6, 850);
      await using part = await coming;
      assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
    });
  });
}

async function untilWaiting(pool: Pool, name: string): Promise<void> {
  for (;;) {
    const { waits } = await pool.explain();
    const names = (waits as readonly { readonly object: string }[]).map(({ object }) => object);
    if (names.includes(name)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('what comes, goes and is offered anew is seen by the next demand', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  const cube = await cubeOf(pool);
  const steps = async (): Promise<readonly Value[] | undefined> => {
    await using part = await cube.demand({}, { holes: 'fail' });
    assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
    return part.coords['step'];
  };
  assert.equal(await codeOf(steps()), 'cube-hole');
  for (const step of [6, 0]) await make(other, step, 850);
  assert.deepEqual(await steps(), [0, 6]);
  await make(other, 12, 850);
  assert.deepEqual(await steps(), [0, 6, 12]);
  await other.delete('f/6/850');
  assert.deepEqual(await steps(), [0, 12]);
  // As many as before, but others.
  await other.delete('f/0/850');
  await make(other, 18, 850);
  assert.deepEqual(await steps(), [12, 18]);
  await other.delete('f/18/850');
  await make(other, 18, 850, { order: 'column', parts: false });
  assert.deepEqual(await steps(), [12, 18]);
  // A tag that changes is seen by refresh.
  await other.tag('f/18/850', { step: 24 });
  await cube.refresh();
  assert.deepEqual(cube.coords['step'], [12, 24]);
  await other.deleteSelected('param = "t"');
  assert.equal(await codeOf(steps()), 'cube-hole');
  // What all are is known no more: whoever waits does until there is something.
  const coming = cube.demand({ step: 30, level: 850 }, { whenNobody: 'wait', timeoutMs: 20_000 });
  await untilWaiting(other, 'f/30/850');
  await make(other, 30, 850);
  await using part = await coming;
  assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
});

test('of an object in parts the region that is needed is waited for, and no more', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  await make(pool, 0, 850);
  const object = other.object('f/6/850', {
    attributes: { param: 't', step: 6, level: 850 },
    space: { dtype: 'float64', shape: [3, 2] },
  });
  const north = object.region([[0, 1], null]);
  (north.array as Float64Array).set(LON.map((lon) => valueAt(6, 850, 60, lon)));
  await north.offer({ keep: true });
  const cube = await cubeOf(pool);
  await using part = await cube.demand({ lat: 60 });
  assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
  // All of it is not there: a hole, as far as filling goes.
  assert.equal(await codeOf(cube.demand({}, { holes: 'fail' })), 'cube-hole');
  assert.equal(await codeOf(cube.demand({}, { timeoutMs: 30 })), 'deadline-passed');
  await using filled = await cube.demand({}, { holes: 'fill' });
  assert.equal(filled.holes, 1);
  const south = object.region([[1, 3], null]);
  (south.array as Float64Array).set(
    [50, 40].flatMap((lat) => LON.map((lon) => valueAt(6, 850, lat, lon))),
  );
  const coming = cube.demand({}, { timeoutMs: 20_000 });
  await south.offer({ keep: true });
  await using all = await coming;
  assert.deepEqual([...all.array], expectedOf(all.coords, 'row'));
});

for (const transport of TRANSPORTS) {
  test(`many at once, and nothing is held behind a failure, over ${transport}`, async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p', { transport });
    const warnings: Error[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warned);
    t.after(() => process.off('warning', warned));
    const steps = Array.from({ length: 120 }, (_, at) => at);
    const shape = [64, 40];
    for (const step of steps) {
      const data = new Float64Array(64 * 40).map((_, at) => at + step / 1_024);
      const how = { attributes: { param: 't', step }, space: { dtype: 'float64', shape } } as const;
      await pool.put(`f/${step}`, data, how);
    }
    const cube = await pool.cube('many', 'param = "t"', ['step'], { names: 'f/{step}' });
    const { signal } = new AbortController();
    for (let round = 0; round < 3; round++) {
      await using part = await cube.demand({ dim_1: [3, 5] }, { signal });
      assert.deepEqual(part.shape, [120, 64, 3]);
      const wrong = part.array.findIndex((value, at) => {
        const [step, row, column] = [Math.floor(at / 192), Math.floor(at / 3) % 64, 3 + (at % 3)];
        return value !== row * 40 + column + step / 1_024;
      });
      assert.equal(wrong, -1);
    }
    const failing = errorOf(cube.demand({ step: [0, 120, 1] }, { timeoutMs: 20_000, signal }));
    await untilWaiting(pool, 'f/120');
    await pool.put('f/120', new Float32Array(1));
    assert.equal((await failing).code, 'cube-misfit');
    const late = { step: [0, 121, 121], dim_0: 0 } as const;
    assert.equal(
      await codeOf(cube.demand(late, { timeoutMs: 20, whenNobody: 'wait' })),
      'deadline-passed',
    );
    for (const name of ['f/0', 'f/60', 'f/120']) {
      // Leases are given back by messages that went out before this question.
      assert.equal((await pool.stat(name))['readers'], 0, name);
    }
    assert.deepEqual((await pool.explain())['waits'], []);
    assert.deepEqual(warnings, []);
  });
}

test('one object whole is a view of the pool, and no copy', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const side = 256;
  for (const step of [0, 6]) {
    const object = pool.object(`f/${step}/1`, {
      attributes: { param: 't', step, level: 1 },
      space: { dtype: 'float64', shape: [side, side] },
    });
    await object.allocate();
    (object.array as Float64Array).fill(step);
    await object.offer({ keep: true });
  }
  const cube = await pool.cube('big', 'param = "t"', ['step', 'level']);
  assert.deepEqual(cube.dims, ['step', 'level', 'dim_0', 'dim_1']);
  await using one = await cube.demand({ step: 6 });
  assert.deepEqual(one.shape, [1, 1, side, side]);
  assert.equal(one.array[0], 6);
  // The pool holds it for this reader; of both together it holds nothing.
  assert.equal((await pool.stat('f/6/1'))['readers'], 1);
  await using rows = await cube.demand({ step: 0, dim_0: [0, 9] });
  assert.deepEqual(rows.shape, [1, 1, 10, side]);
  assert.equal((await pool.stat('f/0/1'))['readers'], 1);
  await rows.dispose();
  await one.dispose();
  await using both = await cube.demand();
  assert.equal(both.array.length, 2 * side * side);
  for (const step of [0, 6]) assert.equal((await pool.stat(`f/${step}/1`))['readers'], 0);
});

test('holes are filled, or fail, as told', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 0, 850);
  await make(pool, 6, 500);
  const cube = await cubeOf(pool);
  assert.deepEqual([cube.objects, cube.holes], [2, 2]);
  assert.deepEqual(cube.firstHoles(9), [
    [0, 500],
    [6, 850],
  ]);
  const error = await errorOf(cube.demand({}, { holes: 'fail' }));
  assert.equal(error.code, 'cube-hole');
  assert.match(error.message, /2 of 4 places have no object, the first is step=0 level=500/u);
  await using filled = await cube.demand({ lat: 60, lon: 0 }, { holes: 'fill' });
  assert.equal(filled.holes, 2);
  const [first, second, third, last] = filled.array;
  assert.deepEqual([first, last], [Number.NaN, Number.NaN]);
  assert.deepEqual([second, third], [valueAt(0, 850, 60, 0), valueAt(6, 500, 60, 0)]);
  const how = { holes: 'fill', dtype: 'int32', lossy: true } as const;
  assert.equal(await codeOf(cube.demand({}, how)), 'bad-argument');
  assert.equal(await codeOf(cube.demand({}, { ...how, fill: 0.5 })), 'bad-argument');
  await using counted = await cube.demand({ step: 0, lat: 60, lon: 0 }, { ...how, fill: -9 });
  assert.deepEqual([...counted.array], [-9, 850_060]);
  await using one = await cube.demand({ step: 6, level: 850 }, { holes: 'fill', fill: 1 });
  assert.deepEqual([...one.array], new Array(6).fill(1));
});

test('a demand that waits ends at its deadline, and by its signal', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 0, 850);
  for (const names of [undefined, OPTIONS.names]) {
    const cube = await cubeOf(pool, { names });
    const late = await errorOf(
      cube.demand({ step: [0, 6, 6] }, { timeoutMs: 30, whenNobody: 'wait' }),
    );
    assert.equal(late.code, 'deadline-passed');
    const stop = new AbortController();
    const wait = { signal: stop.signal, whenNobody: 'wait' } as const;
    const coming = errorOf(cube.demand({ step: [0, 6, 6] }, wait));
    stop.abort();
    assert.equal((await coming).code, 'aborted');
  }
  assert.deepEqual((await pool.explain())['waits'], []);
});

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

test('picks on picks, by places, and those that are wrong', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6, 12]) await make(pool, step, 850);
  const cube = await cubeOf(pool);
  const some = cube.sel({ step: [6, 24, 6] });
  assert.deepEqual([some.objects, some.holes], [2, 2]);
  assert.deepEqual(some.firstHoles(1), [[18, 850]]);
  const late = cube.isel({ step: [1, null] }).sel({ lat: [45, null] });
  assert.deepEqual(late.sizes, { step: 2, level: 1, lat: 2, lon: 2 });
  await using last = await late.isel({ step: -1 }).demand({ lon: 90 });
  assert.deepEqual([...last.array], expectedOf(last.coords, 'row'));
  assert.deepEqual(last.coords['step'], [12]);
  await using none = await cube.demand({ lat: [61, 70] });
  assert.deepEqual([none.shape, none.array.length], [[3, 1, 0, 2], 0]);
  assert.equal(await codeOf(cube.demand({ latitude: 40 })), 'bad-argument');
  assert.equal(await codeOf(cube.demand({ lat: 47.3 })), 'bad-region');
  assert.equal(await codeOf(cube.demand({}, { into: new Float64Array(3) })), 'size-mismatch');
  assert.equal(await codeOf(cube.demand({}, { dtype: 'int16' })), 'lossy-conversion');
  await using converted = await cube.demand({ step: 0 }, { dtype: 'float32', lossy: true });
  assert.equal(converted.array.constructor, Float32Array);
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

test('a cube grows: each label once, those of a list to the end', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await make(pool, 0, 850);
  const cube = await cubeOf(pool);
  const seen: Value[] = [];
  const stop = new AbortController();
  await assert.rejects(
    async () => {
      for await (const step of cube.grow('step', { signal: stop.signal, lossy: true })) {
        assert.deepEqual([...step.array], expectedOf(step.coords, 'row'));
        seen.push(...(step.coords['step'] ?? []));
        await step.dispose();
        if (seen.length < 3) await make(pool, 6 * seen.length, 850);
        else stop.abort();
      }
    },
    { code: 'aborted' },
  );
  assert.deepEqual(seen, [0, 6, 12]);
  const listed: Value[] = [];
  for await (const step of cube.sel({ step: [6, 12, 6] }).grow('step')) {
    listed.push(...(step.coords['step'] ?? []));
    await step.dispose();
  }
  assert.deepEqual(listed, [6, 12]);
  const late = cube.sel({ step: [13, null] }).grow('step', { timeoutMs: 20 });
  await assert.rejects(late.next(), { code: 'deadline-passed' });
  await assert.rejects(cube.grow('lat').next(), { code: 'bad-argument' });
});
