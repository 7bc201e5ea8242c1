import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dealAxis, type Pool, type RegionSelection } from '../../src/client/index.js';
import { convertElements } from '../../src/core/regions/cast.js';
import type { Region } from '../../src/core/regions/region.js';
import { selectRegion } from '../../src/core/regions/selection.js';
import {
  type ByteOrder,
  DTYPES,
  type Dtype,
  itemSizeOf,
  type Order,
} from '../../src/core/space.js';
import { fc } from '../fast-check.js';
import { placesOf } from '../regions.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

const TYPES = Object.keys(DTYPES) as Dtype[];

/** Elements of a region, as float64: each tells its place, 0 to 99. */
function elementsOf(region: Region, dtype: Dtype, order: Order, byteOrder: ByteOrder): Uint8Array {
  const places = inOrder(region, order);
  const isComplex = dtype.startsWith('complex');
  const values = Float64Array.from(places, (place) => valueAt(dtype, place));
  const bytes = new Uint8Array(places.length * itemSizeOf(dtype));
  const source = isComplex
    ? Float64Array.from({ length: 2 * places.length }, (_, at) =>
        at % 2 === 0 ? (values[at / 2] as number) : -(values[(at - 1) / 2] as number),
      )
    : values;
  convertElements(
    {
      bytes: new Uint8Array(source.buffer),
      dtype: isComplex ? 'complex128' : 'float64',
      byteOrder: 'little',
    },
    { bytes, dtype, byteOrder },
  );
  return bytes;
}

const valueAt = (dtype: Dtype, place: number): number => place % (dtype === 'bool' ? 2 : 100);

/** The places of a region's elements as they lie in its bytes. */
function inOrder(region: Region, order: Order): number[] {
  const box = region.onlyBox;
  const places = placesOf(region);
  if (order === 'row' || box === null) return places;
  const sizes = box.map((axis) => axis.count);
  return Array.from(places, (_, at) => {
    // The indices of the at-th element when the first axis goes fastest.
    let rest = at;
    const indices = sizes.map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    });
    const place = indices.reduce((sum, index, axis) => sum * (sizes[axis] as number) + index, 0);
    return places[place] as number;
  });
}

/** How a program deals an array out, and what one of its members has. */
interface Decomposition {
  readonly axis: number;
  readonly parts: number;
  readonly kind: 'block' | 'cyclic' | 'block-cyclic' | 'list';
  readonly block: number;
  readonly seed: number;
}

const decompositions = (dimensions: number): fc.Arbitrary<Decomposition> =>
  fc.record({
    axis: fc.nat(dimensions - 1),
    parts: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('block', 'cyclic', 'block-cyclic', 'list'),
    block: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(1_000),
  });

function selectionOf(
  shape: readonly number[],
  { axis, parts, kind, block, seed }: Decomposition,
  part: number,
): RegionSelection {
  const size = shape[axis] as number;
  // As of unstructured grids: who has an index follows no rule.
  const owner = (index: number): number => (Math.imul(index + seed, 0x9e3779b1) >>> 8) % parts;
  const own =
    kind === 'list'
      ? { indices: Array.from({ length: size }, (_, at) => at).filter((at) => owner(at) === part) }
      : dealAxis(size, { part, parts }, kind === 'block-cyclic' ? { kind, block } : { kind });
  return shape.map((_, at) => (at === axis ? own : null));
}

/** Payloads above what travels in a message lie in slabs: with an axis of so many elements. */
const LARGE = 70_000;

const shapes = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
  },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 2 })
      .chain((shape) => fc.shuffledSubarray([...shape, LARGE], { minLength: shape.length + 1 })),
  },
);

const cases = shapes.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    writers: decompositions(shape.length),
    readers: decompositions(shape.length),
    dtype: fc.constantFrom(...TYPES),
    orders: fc.tuple(
      fc.constantFrom<Order>('row', 'column'),
      fc.constantFrom<Order | undefined>('row', 'column', undefined),
    ),
    byteOrders: fc.tuple(
      fc.constantFrom<ByteOrder>('little', 'big'),
      fc.constantFrom<ByteOrder | undefined>('little', 'big', undefined),
    ),
    own: fc.boolean(),
  }),
);
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

async function redistribute(
  { producer, consumer }: { producer: Pool; consumer: Pool },
  name: string,
  { shape, writers, readers, dtype, orders, byteOrders, own }: Case,
): Promise<void> {
  const space = { dtype, shape, order: orders[0], byteOrder: byteOrders[0] };
  const members = Array.from({ length: writers.parts }, () => producer.object(name, { space }));
  const demands = Array.from({ length: readers.parts }, async (_, part) => {
    const selection = selectionOf(shape, readers, part);
    const options = {
      region: selection,
      order: orders[1],
      byteOrder: byteOrders[1],
      timeoutMs: 20_000,
    };
    const object = consumer.object(name);
    const got = own ? await object.demand({ ...options, own: true }) : await object.demand(options);
    const order = orders[1] ?? orders[0];
    const byteOrder = byteOrders[1] ?? byteOrders[0];
    const region = selectRegion(shape, selection);
    const expected = elementsOf(region, dtype, order, byteOrder);
    assert.ok(Buffer.compare(got.bytes as unknown as Uint8Array, expected) === 0);
    assert.deepEqual(got.whole.shape, shape);
    assert.deepEqual([got.space.order, got.space.byteOrder], [order, byteOrder]);
    await got.dispose();
  });
  await Promise.all(
    members.map(async (member, part) => {
      const selection = selectionOf(shape, writers, part);
      const made = member.region(selection);
      const region = selectRegion(shape, selection);
      made.bytes.set(elementsOf(region, dtype, orders[0], byteOrders[0]));
      await made.offer();
    }),
  );
  await Promise.all(demands);
  await Promise.all(members.map((member) => member.withdraw()));
}

for (const transport of TRANSPORTS) {
  describe(`parts over ${transport}`, () => {
    test('N writers and M readers with whatever decompositions have the same array', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'writer', { transport });
      await using consumer = await joinApart(server, 'reader', { transport });
      let count = 0;
      await fc.assert(
        fc.asyncProperty(cases, async (each) => {
          await redistribute({ producer, consumer }, `array/${count++}`, each);
        }),
        { numRuns: 60 },
      );
    });

    test('parts in slabs: exactly one part is a view, several are put together', async (t) => {
      const server = await servePool(t);
      await using producer = await joinApart(server, 'writer', { transport });
      await using consumer = await joinApart(server, 'reader', { transport });
      const shape = [512, 1024];
      const space = { dtype: 'float32', shape } as const;
      const field = producer.object('field', { space });
      const upper = field.region([[0, 256], null]);
      const lower = field.region([[256, 512], null]);
      upper.array.forEach((_, at, array) => {
        array[at] = at;
      });
      lower.array.fill(-1);
      await field.offer();
      const region = [[0, 256], null] as const;
      await using exact = await consumer.object('field', { space }).demand({ region });
      assert.deepEqual(exact.space.shape, [256, 1024]);
      assert.equal(exact.array[262_143], 262_143);
      await using rows = await consumer
        .object('field', { space })
        .demand({ region: [[10, 20], null] });
      assert.equal(rows.array[0], 10_240);
      // What is mapped is the pool's memory: nothing was copied.
      const isView = (bytes: unknown): boolean => (bytes as Uint8Array).buffer.byteLength > 4 << 20;
      assert.equal(isView(exact.bytes), transport === 'shared-memory');
      assert.equal(isView(rows.bytes), transport === 'shared-memory');
      await using across = await consumer.object('field', { space }).demand({
        region: [
          [255, 257],
          [0, 2],
        ],
      });
      assert.deepEqual([...across.array], [261_120, 261_121, -1, -1]);
      const into = new Float32Array(4);
      await using mine = await consumer.object('field', { space }).demand({
        region: [
          [255, 257],
          [0, 2],
        ],
        into,
      });
      assert.deepEqual([...into], [261_120, 261_121, -1, -1]);
      assert.equal((mine.bytes as unknown as Uint8Array).buffer, into.buffer);
      await field.withdraw();
    });
  });
}

test('parts: a demand converts types, and refuses what would lose values', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p', {});
  await pool.put('field', Float64Array.of(1.5, -2, 70_000, 4), {
    space: { dtype: 'float64', shape: [2, 2] },
  });
  const field = (): ReturnType<typeof pool.object> => pool.object('field');
  assert.equal(await codeOf(field().demand({ dtype: 'float32' })), 'lossy-conversion');
  const narrow = await field().demand({ dtype: 'float32', lossy: true });
  assert.deepEqual([...narrow.array], [1.5, -2, 70_000, 4]);
  const turned = await field().demand({ order: 'column' });
  assert.deepEqual([...(turned.array as unknown as Float64Array)], [1.5, 70_000, -2, 4]);
  const cut = await field().demand({ dtype: 'int16', lossy: true, region: [1, null] });
  assert.deepEqual([...cut.array], [4_464, 4]);
  assert.deepEqual(cut.space.shape, [1, 2]);
  const half = await field().demand({ dtype: 'float16', lossy: true });
  assert.deepEqual([...half.array], [0x3e00, 0xc000, 0x7c00, 0x4400]);
});

test('parts: what is wrong is refused, and can be put right', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p', {});
  const space = { dtype: 'uint8', shape: [4] } as const;
  const one = pool.object('x', { space });
  const two = pool.object('x', { space });
  await one
    .region([[0, 2]])
    .write(Uint8Array.of(1, 2))
    .offer();
  const over = two.region([[1, 3]]).write(Uint8Array.of(3, 4));
  const overlap = await errorOf(over.offer());
  assert.equal(overlap.code, 'part-overlap');
  assert.throws(() => two.region([[2, 4]]).write(Uint8Array.of(1)), { code: 'size-mismatch' });
  assert.throws(() => two.region([[2, 5]]), { code: 'bad-region' });
  assert.throws(() => pool.object('y').region([0]), { code: 'bad-space' });
  assert.equal(
    await codeOf(pool.object('x').demand({ region: [[3, 5]], timeoutMs: 5_000 })),
    'bad-region',
  );
  // Who does not know the shape cannot count from its end.
  assert.equal(await codeOf(pool.object('x').demand({ region: [-1] })), 'bad-region');
  const waiting = await errorOf(pool.object('x').demand({ timeoutMs: 50 }));
  assert.equal(waiting.code, 'deadline-passed');
  assert.match(waiting.message, /2 of its elements were not offered/u);
  await two
    .region([[2, 4]])
    .write(Uint8Array.of(3, 4))
    .offer();
  const all = await pool.object('x').demand();
  assert.deepEqual([...(all.array as unknown as Uint8Array)], [1, 2, 3, 4]);
  const last = await pool.object('x', { space: { shape: [4] } }).demand({ region: [-1] });
  assert.deepEqual([...(last.array as unknown as Uint8Array)], [4]);
  await all.dispose();
});

test('parts: a require of a region is demanded as it was announced', async (t) => {
  const server = await servePool(t);
  await using producer = await joinApart(server, 'writer', {});
  await using consumer = await joinApart(server, 'reader', {});
  const space = { dtype: 'uint8', shape: [4, 2] } as const;
  const wanted = consumer.object('x');
  await wanted.require({ region: [[2, 4], null] });
  const field = producer.object('x', { space });
  await field
    .region([[2, 4], null])
    .write(Uint8Array.of(5, 6, 7, 8))
    .offer();
  await field.withdraw();
  assert.equal(await codeOf(wanted.demand({ region: [[0, 1], null] })), 'wrong-state');
  const got = await wanted.demand({ order: 'column' });
  assert.deepEqual([...(got.array as unknown as Uint8Array)], [5, 7, 6, 8]);
});

test('parts: many objects at once, and by the batch, are put together as well', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'p', {});
  const space = { dtype: 'uint8', shape: [2, 2] } as const;
  const names = ['a', 'b', 'c'];
  for (const [at, name] of names.entries()) {
    const object = pool.object(name, { space });
    object.region([null, 0]).write(Uint8Array.of(at, 10 + at));
    object.region([null, 1]).write(Uint8Array.of(20 + at, 30 + at));
    await object.offer({ keep: true });
  }
  const all = await pool.demandMany(names);
  assert.deepEqual(
    all.map(({ bytes }) => [...(bytes as unknown as Uint8Array)]),
    names.map((_, at) => [at, 20 + at, 10 + at, 30 + at]),
  );
});
