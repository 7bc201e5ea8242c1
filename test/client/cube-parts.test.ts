import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cube, Pool, PoolObject } from '../../src/client/index.js';
import { fc } from '../fast-check.js';
import { untilWaiting } from './support/cubes.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const SHAPE = [4, 6] as const;
const HOLE = -1;

/** What stands at an element of the object of a step. */
const valueAt = (step: number, row: number, column: number): number =>
  step * 1_000 + row * 10 + column;

function objectOf(pool: Pool, step: number): PoolObject {
  return pool.object(`f/${step}`, {
    attributes: { param: 't', step },
    space: { dtype: 'float64', shape: SHAPE },
  });
}

type Box = readonly [rows: readonly [number, number], columns: readonly [number, number]];

/** Offers a part of it. */
async function offerPart(
  object: PoolObject,
  step: number,
  [rows, columns]: Box,
  keep = true,
): Promise<void> {
  const part = object.region([rows, columns]);
  const values: number[] = [];
  for (let row = rows[0]; row < rows[1]; row++) {
    for (let column = columns[0]; column < columns[1]; column++) {
      values.push(valueAt(step, row, column));
    }
  }
  (part.array as Float64Array).set(values);
  await part.offer({ keep });
}

async function makeWhole(pool: Pool, step: number): Promise<void> {
  const object = objectOf(pool, step);
  await offerPart(object, step, [
    [0, 4],
    [0, 6],
  ]);
}

function cubeOf(pool: Pool, options = {}): Promise<Cube> {
  return pool.cube('c', 'param = "t"', ['step'], { names: 'f/{step}', ...options });
}

for (const transport of TRANSPORTS) {
  test(`of objects that lack parts, what is there stays, over ${transport}`, async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'p', { transport });
    const cuts = (size: number): fc.Arbitrary<readonly [number, number][]> =>
      fc.subarray(Array.from({ length: size - 1 }, (_, at) => at + 1)).map((inner) => {
        const ends = [0, ...inner, size];
        return ends.slice(1).map((end, at) => [ends[at] as number, end] as const) as [
          number,
          number,
        ][];
      });
    const range = (size: number): fc.Arbitrary<readonly [number, number]> =>
      fc
        .tuple(fc.nat(size - 1), fc.nat(size - 1))
        .map(([a, b]) => [Math.min(a, b), Math.max(a, b)]);
    // So few pieces that the pool tells all that are missing.
    const few = fc.record({ rows: cuts(4), columns: cuts(6) }).filter(({ rows, columns }) => {
      return rows.length * columns.length <= 4;
    });
    let told = 0;
    await fc.assert(
      fc.asyncProperty(
        few,
        fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
        range(4),
        range(6),
        fc.boolean(),
        async ({ rows, columns }, offered, some, others, isAlone) => {
          await pool.deleteSelected('param = "t"', { force: true });
          await makeWhole(pool, 0);
          const object = objectOf(pool, 6);
          const boxes = rows.flatMap((each) => columns.map((other): Box => [each, other]));
          const there = boxes.filter((_, at) => offered[at] === true);
          for (const box of there) await offerPart(object, 6, box);
          const cube = await cubeOf(pool, { labels: { step: [0, 6] } });
          const steps = isAlone ? [6] : [0, 6];
          const pick = { step: { values: steps }, dim_0: some, dim_1: others };
          const how = { holes: 'fill', fill: HOLE } as const;
          await using part = await cube.demand(pick, how);
          const isIn = ([low, high]: readonly [number, number], at: number): boolean =>
            low <= at && at < high;
          const expected: number[] = [];
          for (const step of steps) {
            for (let row = some[0]; row <= some[1]; row++) {
              for (let column = others[0]; column <= others[1]; column++) {
                const has = there.some((box) => isIn(box[0], row) && isIn(box[1], column));
                expected.push(step === 0 || has ? valueAt(step, row, column) : HOLE);
              }
            }
          }
          assert.deepEqual([...part.array], expected);
          const isHole = expected.includes(HOLE);
          assert.equal(part.holes, isHole ? 1 : 0);
          if (isHole) told++;
          const failing = cube.demand(pick, { holes: 'fail' }).then((all) => all.dispose());
          if (isHole) assert.equal(await codeOf(failing), 'cube-hole');
          else await failing;
        },
      ),
      { numRuns: 60 },
    );
    assert.ok(told > 5);
    // Nothing is held, and nobody waits any more.
    assert.equal((await pool.stat('f/0'))['readers'], 0);
    assert.deepEqual((await pool.explain())['waits'], []);
  });
}

test('what is missing is named, of places and of parts', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await offerPart(objectOf(pool, 6), 6, [
    [0, 3],
    [0, 6],
  ]);
  const cube = await cubeOf(pool);
  const lacking = await errorOf(cube.demand({ dim_1: [2, 3] }, { holes: 'fail' }));
  assert.equal(lacking.code, 'cube-hole');
  const why = '1 of 1 places lack parts, the first is step=6: "f/6" lacks 2 of 8 elements (3,2:4)';
  assert.ok(lacking.message.endsWith(why), lacking.message);
  const south = await errorOf(cube.demand({ dim_0: 3 }, { holes: 'fail' }));
  assert.match(south.message, /lacks 6 of 6 elements \(all\)$/u);
  const both = await errorOf(cube.demand({ step: [0, 6, 6] }, { holes: 'fail' }));
  const places = '1 of 2 places have no object, the first is step=0; 1 of 2 places lack parts';
  assert.ok(both.message.includes(places), both.message);
  await using filled = await cube.demand({ dim_0: 3 }, { holes: 'fill', fill: HOLE });
  assert.deepEqual([...filled.array], new Array(6).fill(HOLE));
});

test('what cannot be demanded any more, or not yet, is a hole whatever parts it has', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const object = objectOf(pool, 6);
  for (const rows of [[0, 1] as const, [1, 2] as const]) {
    await offerPart(object, 6, [rows, [0, 6]], false);
  }
  await makeWhole(pool, 0);
  const cube = await cubeOf(pool);
  const how = { holes: 'fill', fill: HOLE, timeoutMs: 20_000 } as const;
  await using before = await cube.demand({ step: 6, dim_1: 0 }, how);
  assert.deepEqual([...before.array], [6_000, 6_010, HOLE, HOLE]);
  // Whoever demands it now has the next version, when that comes.
  await object.withdraw();
  await using after = await cube.demand({ step: [0, 6, 6], dim_1: 0, dim_0: 0 }, how);
  assert.deepEqual([...after.array], [0, HOLE]);
  const attributes = { param: 't', step: 12 };
  await pool.create('f/12', { attributes, space: { dtype: 'float64', shape: SHAPE }, fill: 0 });
  await using none = await cube.demand({ step: 12, dim_1: 0 }, how);
  assert.deepEqual([...none.array], new Array(4).fill(HOLE));
});

test('parts in many pieces are found, and single elements that are far apart', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const sides = [48, 36] as const;
  const object = pool.object('f/6', {
    attributes: { param: 't', step: 6 },
    space: { dtype: 'float64', shape: sides },
  });
  // Blocks of 6 x 4, of which some are there, whichever.
  const isOffered = (row: number, column: number): boolean =>
    (Math.floor(row / 6) * 7 + Math.floor(column / 4) * 5) % 3 === 0;
  const boxes: Box[] = [];
  for (let row = 0; row < sides[0]; row += 6) {
    for (let column = 0; column < sides[1]; column += 4) {
      const box = [[row, row + 6] as const, [column, column + 4] as const] as const;
      if (isOffered(row, column)) boxes.push(box);
    }
  }
  for (const box of boxes) await offerPart(object, 6, box);
  const cube = await cubeOf(pool);
  await using filled = await cube.demand({}, { holes: 'fill', fill: HOLE });
  const expected = Array.from({ length: sides[0] * sides[1] }, (_, at) => {
    const [row, column] = [Math.floor(at / sides[1]), at % sides[1]];
    return isOffered(row, column) ? valueAt(6, row, column) : HOLE;
  });
  assert.deepEqual([...filled.array], expected);
  assert.equal((await pool.stat('f/6'))['readers'], 0);
  // Single elements, far from each other.
  const sparse = pool.object('f/12', {
    attributes: { param: 'u', step: 12 },
    space: { dtype: 'float64', shape: [1_000, 1_000] },
  });
  for (let at = 0; at < 6; at++) {
    await offerPart(sparse, 12, [
      [at * 150 + 1, at * 150 + 2],
      [at * 7 + 1, at * 7 + 2],
    ]);
  }
  const others = await pool.cube('d', 'param = "u"', ['step']);
  await using all = await others.demand({}, { holes: 'fill', fill: HOLE });
  const values = [...all.array].filter((value) => value !== HOLE);
  const known = Array.from({ length: 6 }, (_, at) => valueAt(12, at * 150 + 1, at * 7 + 1));
  assert.deepEqual(values, known);
});

test('of a thousand parts each is found, as long as one waits for that', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  const rows = 1_000;
  const object = pool.object('f/6', {
    attributes: { param: 't', step: 6 },
    space: { dtype: 'float64', shape: [rows, 4] },
  });
  const offered = (row: number): number => (row * 7) % 4;
  const offers: Promise<unknown>[] = [];
  for (let row = 0; row < rows; row++) {
    const part = object.region([row, offered(row)]);
    (part.array as Float64Array)[0] = row;
    offers.push(part.offer({ keep: true }));
  }
  await Promise.all(offers);
  const cube = await cubeOf(pool);
  const late = await errorOf(cube.demand({}, { holes: 'fill', fill: HOLE, timeoutMs: 5 }));
  assert.equal(late.code, 'deadline-passed');
  await using filled = await cube.demand({}, { holes: 'fill', fill: HOLE, timeoutMs: 60_000 });
  assert.equal(filled.holes, 1);
  const expected = Array.from({ length: rows * 4 }, (_, at) => {
    const row = Math.floor(at / 4);
    return offered(row) === at % 4 ? row : HOLE;
  });
  assert.deepEqual([...filled.array], expected);
  assert.equal((await pool.stat('f/6'))['readers'], 0);
});

test('of what is not there yet the parts that are needed are waited for', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  await makeWhole(other, 0);
  const cube = await cubeOf(pool);
  const coming = cube.demand({ step: 6, dim_0: 1, dim_1: [0, 2] }, { timeoutMs: 20_000 });
  await untilWaiting(other, 'f/6');
  await offerPart(objectOf(other, 6), 6, [
    [0, 2],
    [0, 3],
  ]);
  await using part = await coming;
  assert.deepEqual([...part.array], [6_010, 6_011, 6_012]);
  // What is encoded has other regions than its elements: all of it comes.
  const encoded = cube.demand({ step: 12, dim_0: 1, dim_1: [0, 2] }, { timeoutMs: 20_000 });
  await untilWaiting(other, 'f/12');
  const whole = objectOf(other, 12);
  await whole.allocate();
  for (let at = 0; at < 24; at++) {
    (whole.array as Float64Array)[at] = valueAt(12, Math.floor(at / 6), at % 6);
  }
  await whole.offer({ keep: true, encoding: [{ kind: 'shuffle', itemSize: 8 }] });
  await using decoded = await encoded;
  assert.deepEqual([...decoded.array], [12_010, 12_011, 12_012]);
  assert.deepEqual((await pool.explain())['waits'], []);
  const wrong = errorOf(cube.demand({ step: 18, dim_0: 1, dim_1: 2 }, { timeoutMs: 20_000 }));
  await untilWaiting(other, 'f/18');
  await other.put('f/18', new Float64Array(2));
  assert.equal((await wrong).code, 'cube-misfit');
});

test('whoever waits asks once, and does not begin anew as long as nothing comes', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await using other = await joinApart(server, 'q');
  await makeWhole(other, 0);
  const cube = await cubeOf(pool);
  const stop = new AbortController();
  const coming = codeOf(cube.demand({ step: [0, 6, 6] }, { signal: stop.signal }));
  await untilWaiting(other, 'f/6');
  // Longer than it takes to look what has gone, where nobody waits for holes.
  for (;;) {
    const { waits } = await other.explain('f/6');
    const [wait] = waits as readonly { readonly sinceMs: number }[];
    if (wait !== undefined && wait.sinceMs > 400) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop.abort();
  assert.equal(await coming, 'aborted');
});

test('an object that gets its last part is seen to be whole, though its time is what it was', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p');
  await makeWhole(pool, 0);
  const object = objectOf(pool, 6);
  await offerPart(object, 6, [
    [0, 2],
    [0, 6],
  ]);
  const cube = await cubeOf(pool);
  assert.equal(cube.partial, 1);
  await offerPart(object, 6, [
    [2, 4],
    [0, 6],
  ]);
  // Each demand looks what is new.
  await using _ = await cube.demand({ step: 0 });
  assert.equal(cube.partial, 0);
});
