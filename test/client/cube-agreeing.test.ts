import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Clock } from '../../src/client/cubes/clock.js';
import { Ending } from '../../src/client/cubes/ending.js';
import { Fetching } from '../../src/client/cubes/fetching.js';
import type { Member } from '../../src/client/cubes/members.js';
import type { Present } from '../../src/client/cubes/presence.js';
import type { CubeState } from '../../src/client/cubes/state.js';
import type { CubeOptions, Pool } from '../../src/client/index.js';
import { Float, type Value } from '../../src/core/value.js';
import { untilWaiting } from './support/cubes.js';
import { codeOf, errorOf, joinApart, servePool } from './support/pools.js';

type Said = { readonly [key: string]: Value };

/** An object of two packed numbers. */
async function put(pool: Pool, step: number, said: Said, values = [100, 200]): Promise<void> {
  const attributes = { param: 't', step, ...said };
  await pool.put(`f/${step}`, Int16Array.from(values), { attributes });
}

const cubeOf = (pool: Pool, options: CubeOptions = {}): ReturnType<Pool['cube']> =>
  pool.cube('c', 'param = "t"', ['step'], { names: 'f/{step}', ...options });

test('numbers that are packed otherwise stand side by side only as values', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await put(pool, 0, { scale_factor: 0.01, add_offset: 273.15, units: 'K', _FillValue: -1 });
  await put(pool, 6, { scale_factor: 0.02, units: 'K', missing_value: [7, -1] }, [100, -1]);
  const cube = await cubeOf(pool);
  assert.deepEqual(cube.attributes, { param: 't', units: 'K' });
  const packed = await errorOf(cube.demand());
  assert.equal(packed.code, 'cube-misfit');
  assert.match(
    packed.message,
    /"f\/6" has no place in it: it has "scale_factor" 0\.02, "f\/0" has/u,
  );
  assert.match(packed.message, /"f\/0" has 0\.01; with "unpack" these become values/u);
  await using values = await cube.demand({}, { unpack: true });
  assert.equal(values.space.dtype, 'float32');
  const expected = [100 * 0.01 + 273.15, 200 * 0.01 + 273.15, 100 * 0.02, Number.NaN];
  assert.deepEqual([...values.array], expected.map(Math.fround));
  assert.deepEqual(values.attributes, { param: 't', units: 'K' });
  // Of those that are alike nothing is lost.
  await using alone = await cube.demand({ step: 6 });
  assert.deepEqual([...alone.array], [100, -1]);
  assert.deepEqual(alone.attributes, {
    ...{ param: 't', scale_factor: 0.02, units: 'K', missing_value: [7, -1] },
  });
  // What comes is compared, too.
  const coming = errorOf(cube.demand({ step: [6, 12, 6] }, { timeoutMs: 20_000 }));
  await untilWaiting(pool, 'f/12');
  await put(pool, 12, { scale_factor: 0.03, units: 'K' });
  assert.equal((await coming).code, 'cube-misfit');
  const skipping = await cubeOf(pool, { misfits: 'skip' });
  assert.deepEqual(skipping.misfits.map(({ name }) => name).sort(), ['f/12', 'f/6']);
  const steps: Value[] = [];
  const listed = cube.sel({ step: { values: [0, 12] } });
  for await (const each of listed.grow('step', { unpack: true })) {
    steps.push(...each.array);
    await each.dispose();
  }
  assert.deepEqual(steps, [274.15, 275.15, 3, 6].map(Math.fround));
});

test('values are transformed by elements, and what is said of them then still holds', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  for (const step of [0, 6]) await put(pool, step, { scale_factor: new Float(0.5), units: 'K' });
  const cube = await cubeOf(pool);
  const transforms = [{ kind: 'units', from: 'K', to: 'degC' }] as const;
  await using cold = await cube.demand({}, { unpack: true, transforms });
  assert.deepEqual([...cold.array], [-223.15, -173.15, -223.15, -173.15].map(Math.fround));
  assert.deepEqual(cold.attributes, { param: 't', units: 'degC' });
  const half = [{ kind: 'expression', text: 'x / 2', dtype: 'float64' }] as const;
  await using halves = await cube.demand(
    { step: 0 },
    { transforms: half, dtype: 'int32', lossy: true },
  );
  assert.deepEqual([...halves.array], [50, 100]);
  assert.deepEqual(halves.attributes, { param: 't', scale_factor: 0.5 });
  await using holes = await cube.demand(
    { step: [0, 12, 12] },
    { unpack: true, holes: 'fill', into: new Float32Array(4) },
  );
  assert.deepEqual([...holes.array], [50, 100, Number.NaN, Number.NaN]);
  const turned = cube.demand({}, { transforms: [{ kind: 'decimate', every: [2] }] });
  assert.equal(await codeOf(turned), 'bad-transform');
  await put(pool, 12, { scale_factor: 'half', units: 'K' });
  assert.equal(await codeOf(cube.demand({}, { unpack: true })), 'bad-attribute');
});

test('what an object says otherwise of its numbers or dimensions is named', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const model = { units: 'K', dims: ['x'], coords: { x: [0, 1] } };
  const others: readonly (readonly [Said, RegExp, CubeOptions])[] = [
    [{ ...model, units: 'm' }, /it has "units" "m", "f\/0" has "K"/u, {}],
    [{ ...model, calendar: 'noleap' }, /it has "calendar" "noleap", "f\/0" has none/u, {}],
    [{ ...model, dims: ['y'] }, /it has "dims" \["y"\], "f\/0" has \["x"\]/u, { dims: ['x'] }],
    [
      { ...model, coords: { x: [0, 2] } },
      /along "x" it has \[0, 2\], "f\/0" has \[0, 1\]/u,
      { coords: { x: [5, 6] } },
    ],
  ];
  for (const [said, why, telling] of others) {
    await put(pool, 0, model);
    await put(pool, 6, said);
    const error = await errorOf(cubeOf(pool));
    assert.equal(error.code, 'cube-misfit');
    assert.match(error.message, why);
    const skipping = await cubeOf(pool, { misfits: 'skip' });
    assert.deepEqual(
      skipping.misfits.map(({ name }) => name),
      ['f/6'],
    );
    // What the cube tells itself objects need not say alike.
    const isTold = Object.keys(telling).length > 0;
    if (isTold) assert.equal((await cubeOf(pool, telling)).objects, 2);
    await pool.deleteSelected('param = "t"', { force: true });
    await pool.catalog.deleteCollection('c');
  }
});

test('objects of files with other coordinates lie elsewhere', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const north = Float64Array.of(60, 50);
  for (const [file, x] of Object.entries({ a: north, b: north, c: Float64Array.of(-60, -50) })) {
    await pool.put(`${file}/x`, x);
  }
  const of = (file: string): Said => ({ dims: ['x'], '.part-of': file });
  await put(pool, 0, of('a'));
  await put(pool, 6, of('b'));
  const cube = await cubeOf(pool);
  await put(pool, 12, of('c'));
  const error = await errorOf(cube.demand());
  assert.equal(error.code, 'cube-misfit');
  assert.match(error.message, /"f\/12".*: along "x" it has \[-60, -50\], "f\/0" has \[60, 50\]/u);
  // Whoever looks again is told again.
  assert.equal(await codeOf(cube.refresh()), 'cube-misfit');
  const skipping = await cubeOf(pool, { misfits: 'skip' });
  for (let round = 0; round < 2; round++) {
    await using some = await skipping.demand();
    assert.deepEqual(some.coords, { step: [0, 6], x: [60, 50] });
    assert.deepEqual(
      skipping.misfits.map(({ name }) => name),
      ['f/12'],
    );
  }
  // By another name, or by themselves.
  await put(pool, 18, { dims: ['x'], coords: { x: 'b/x' } });
  await put(pool, 24, { dims: ['x'], coords: { x: [60, 51] } });
  // What is not there says nothing; the cube itself says what counts.
  await put(pool, 30, { dims: ['x'], coords: { x: 'none/x' } });
  await skipping.refresh();
  assert.deepEqual(skipping.coords['step'], [0, 6, 18, 30]);
  const told = await cubeOf(pool, { coords: { x: [1, 2] } });
  assert.equal(told.objects, 6);
  await pool.put('none/x', Float64Array.of(60, 40));
  await cubeOf(pool, { misfits: 'skip' });
  await skipping.refresh();
  assert.deepEqual(skipping.coords['step'], [0, 6, 18]);
});

test('an object that has left does not say how the others are packed', () => {
  const definition = { name: 'c', axes: ['step'] };
  const state = { definition } as unknown as CubeState;
  const fetching = new Fetching(state, {}, new Clock('demand', {}), new Ending());
  const place = (name: string, scale: number): Present => {
    const member = { name, attributes: { scale_factor: scale } } as unknown as Member;
    return { at: 0, labels: [0], member, there: null, lacking: null, isWhole: true };
  };
  fetching.compare([place('a', 1)]);
  // Anew, without it.
  fetching.compare([place('b', 2), place('c', 2)]);
  assert.throws(() => fetching.compare([place('a', 1), place('b', 2)]), { code: 'cube-misfit' });
});
