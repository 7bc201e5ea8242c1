import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CubeDemandOptions, CubePick } from '../../src/client/index.js';
import type { ByteOrder, Order } from '../../src/core/space.js';
import type { Value } from '../../src/core/value.js';
import { fc } from '../fast-check.js';
import {
  cubeOf,
  expectedOf,
  LAT,
  LON,
  type Made,
  make,
  OPTIONS,
  untilWaiting,
  valueAt,
} from './support/cubes.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

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
            assert.equal(part.space.order, order ?? 'row');
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

test('a part in one object is in row order, however that lies', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6]) await make(pool, step, 850, { order: 'column', byteOrder: 'big' });
  const cube = await cubeOf(pool);
  for (const pick of [{ step: 0 }, { step: 6, lat: [40, 50] }] satisfies CubePick[]) {
    await using part = await cube.demand(pick);
    const { order, byteOrder } = part.space;
    assert.deepEqual({ order, byteOrder }, { order: 'row', byteOrder: 'little' });
    assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
    await using turned = await cube.demand(pick, { order: 'column' });
    assert.deepEqual([...turned.array], expectedOf(part.coords, 'column'));
  }
});

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

test('what no process has memory for is refused by name', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await pool.put('x', new Uint8Array(1_048_576), { attributes: { of: 'x', row: 0, column: 0 } });
  const labels = Array.from({ length: 1_024 }, (_, at) => at);
  const cube = await pool.cube('large', 'of = "x"', ['row', 'column'], {
    labels: { row: labels, column: labels },
  });
  assert.equal(cube.holes, 1_048_575);
  assert.equal(await codeOf(cube.demand({}, { holes: 'fill', fill: 0 })), 'too-large');
  const more = { row: { values: [...labels, -1] } };
  assert.equal(await codeOf(cube.demand(more, { holes: 'fill', fill: 0 })), 'too-large');
  await using part = await cube.demand({ dim_0: 7 }, { holes: 'fill', fill: 1 });
  assert.equal(part.holes, 1_048_575);
  assert.deepEqual([part.array[0], part.array[1_048_575]], [0, 1]);
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
  for (const word of [{ holes: 'filll' }, { order: 'C' }] as object[]) {
    const wrong = await codeOf(cube.demand({}, { ...how, ...word }));
    assert.equal(wrong, 'bad-argument', JSON.stringify(word));
    await assert.rejects(cube.grow('step', { ...how, ...word }).next(), {
      code: 'bad-argument',
    });
  }
  await using counted = await cube.demand({ step: 0, lat: 60, lon: 0 }, { ...how, fill: -9 });
  assert.deepEqual([...counted.array], [-9, 850_060]);
  await using one = await cube.demand({ step: 6, level: 850 }, { holes: 'fill', fill: 1 });
  assert.deepEqual([...one.array], new Array(6).fill(1));
});

test('what goes after a demand has planned is a hole, as any is', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6]) await make(pool, step, 850);
  const cube = await cubeOf(pool, { labels: { step: [0, 6], level: [850] } });
  /** Deletes it when all is planned: the demand goes out behind it. */
  const losing = (steps: readonly number[], how: CubeDemandOptions): CubeDemandOptions => {
    const deleting: Promise<void>[] = [];
    return {
      ...how,
      timeoutMs: 20_000,
      get into() {
        if (deleting.length === 0) {
          deleting.push(...steps.map((step) => pool.delete(`f/${step}/850`, { force: true })));
        }
        return undefined;
      },
    };
  };
  await using filled = await cube.demand({ lat: 60, lon: 0 }, losing([6], { holes: 'fill' }));
  assert.deepEqual([...filled.array], [valueAt(0, 850, 60, 0), Number.NaN]);
  assert.equal(filled.holes, 1);
  await make(pool, 6, 850);
  const failing = await errorOf(cube.demand({}, losing([6], { holes: 'fail' })));
  assert.equal(failing.code, 'cube-hole');
  assert.match(failing.message, /1 of 2 places have no object, the first is step=6/u);
  await make(pool, 6, 850);
  const last = await errorOf(cube.demand({}, losing([0, 6], { holes: 'fill' })));
  assert.equal(last.code, 'cube-hole');
  assert.deepEqual((await pool.explain())['waits'], []);
});

test('what goes, and comes again under another name, is demanded by that', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6]) await make(pool, step, 850);
  const cube = await cubeOf(pool, { names: undefined });
  const other = pool.object('other', {
    attributes: { param: 't', step: 0, level: 850 },
    space: { dtype: 'float64', shape: [3, 2] },
  });
  await other.allocate();
  (other.array as Float64Array).fill(7);
  const moving: Promise<unknown>[] = [];
  const how: CubeDemandOptions = {
    ...{ holes: 'fail', timeoutMs: 20_000 },
    get into() {
      if (moving.length > 0) return undefined;
      moving.push(pool.delete('f/0/850', { force: true }), other.offer({ keep: true }));
      return undefined;
    },
  };
  await using moved = await cube.demand({ lat: 60, lon: 0 }, how);
  await Promise.all(moving);
  assert.deepEqual([...moved.array], [7, valueAt(6, 850, 60, 0)]);
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

test('what is announced before anything is there is taken back at the end', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  const cube = await cubeOf(pool, { labels: { step: [0, 6], level: [850] } });
  const late = errorOf(cube.demand({}, { timeoutMs: 300, whenNobody: 'wait' }));
  await untilWaiting(other, 'f/0/850');
  // Providers see all of them from the first on.
  assert.equal((await other.stat('f/6/850'))['requires'], 1);
  assert.equal((await late).code, 'deadline-passed');
  // Asked behind what takes them back.
  for (const step of [0, 6])
    assert.equal(await codeOf(pool.stat(`f/${step}/850`)), 'unknown-object');
  const coming = cube.demand({}, { timeoutMs: 20_000, whenNobody: 'wait' });
  await untilWaiting(other, 'f/0/850');
  for (const step of [0, 6]) await make(other, step, 850);
  await using part = await coming;
  assert.deepEqual([...part.array], expectedOf(part.coords, 'row'));
  for (const step of [0, 6]) {
    assert.equal((await pool.stat(`f/${step}/850`))['requires'], 0);
  }
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
  // What is picked by place is picked when it is seen: what has come since moves nothing.
  const placed: Value[] = [];
  const lasting = cube.isel({ step: [-2, null] }).grow('step', { holes: 'fail', timeoutMs: 200 });
  await assert.rejects(
    async () => {
      for await (const step of lasting) {
        placed.push(...(step.coords['step'] ?? []));
        await step.dispose();
        if (placed.length === 1) for (const more of [18, 24]) await make(pool, more, 850);
      }
    },
    { code: 'deadline-passed' },
  );
  assert.deepEqual(placed, [6, 12, 18, 24]);
  const late = cube.sel({ step: [25, null] }).grow('step', { timeoutMs: 20 });
  await assert.rejects(late.next(), { code: 'deadline-passed' });
  await assert.rejects(cube.grow('lat').next(), { code: 'bad-argument' });
});
