import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { dealAxis, type Pool, type RegionSelection } from '../../src/client/index.js';
import { type Form, NUMERIC_DTYPES, type NumericDtype } from '../../src/core/dtype.js';
import { formOf } from '../../src/core/dtype-text.js';
import { convertElements, isLossless } from '../../src/core/regions/cast.js';
import { Region } from '../../src/core/regions/region.js';
import { selectRegion } from '../../src/core/regions/selection.js';
import { type ByteOrder, type Dtype, itemSizeOf, type Order } from '../../src/core/space.js';
import { fc } from '../fast-check.js';
import { placesOf } from '../regions.js';
import { codeOf, errorOf, joinApart, servePool, TRANSPORTS } from './support/pools.js';

/** Numbers, texts, and fields side by side: others of the same names, in another place and size. */
const TYPES: readonly Dtype[] = [
  ...NUMERIC_DTYPES,
  ...(['string[3]', 'string[8]', '{a:int16@0,b:string[3]@2;5}'] as const),
  ...(['{b:string[4]@0,a:float64@8;16}', '{a:int32@4;12}'] as const),
  '{in:{x:complex64@0,b:string[2]@8;10}@2,a:float16@12;14}',
];

/**
 * Elements of a region: each tells its place, 0 to 99, as well as an array of `written` can. Made
 * field by field, without anything of what converts structs and texts.
 */
function elementsOf(
  region: Region,
  form: Form,
  { order, byteOrder, written }: { order: Order; byteOrder: ByteOrder; written: Form },
): Uint8Array {
  const places = inOrder(region, order);
  const bytes = new Uint8Array(places.length * form.itemSize);
  fill(bytes, { form, at: 0, step: form.itemSize }, { places, byteOrder, written });
  return bytes;
}

interface Filling {
  readonly places: readonly number[];
  readonly byteOrder: ByteOrder;
  readonly written: Form;
}

function fill(
  bytes: Uint8Array,
  { form, at, step }: { form: Form; at: number; step: number },
  filling: Filling,
): void {
  const { places, written } = filling;
  if (form.kind === 'struct') {
    for (const field of form.fields) {
      const source = written.kind === 'struct' ? written.fields : [];
      const of = source.find(({ name }) => name === field.name)?.form ?? field.form;
      fill(bytes, { form: field.form, at: at + field.offset, step }, { ...filling, written: of });
    }
    return;
  }
  const elements =
    form.kind === 'string'
      ? textsOf(form.itemSize, places)
      : numbersOf(form.dtype, written.kind === 'number' ? written.dtype : form.dtype, filling);
  const { itemSize } = form;
  for (let index = 0; index < places.length; index++) {
    const element = elements.subarray(index * itemSize, (index + 1) * itemSize);
    bytes.set(element, at + index * step);
  }
}

function textsOf(itemSize: number, places: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(places.length * itemSize);
  for (const [at, place] of places.entries()) {
    bytes.set(Buffer.from(`${place % 100}`), at * itemSize);
  }
  return bytes;
}

function numbersOf(
  dtype: NumericDtype,
  written: NumericDtype,
  { places, byteOrder }: Filling,
): Uint8Array {
  const bytes = new Uint8Array(places.length * itemSizeOf(dtype));
  const isComplex = dtype.startsWith('complex');
  const sign = written.startsWith('complex') ? -1 : 0;
  const source = Float64Array.from(
    places.flatMap((place) => {
      const value = valueAt(written, place);
      return isComplex ? [value, value === 0 && sign === 0 ? 0 : sign * value] : [value];
    }),
  );
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

const valueAt = (dtype: NumericDtype, place: number): number =>
  place % (dtype === 'bool' ? 2 : 100);

/** The places of a region's elements as they lie in its bytes. */
function inOrder(region: Region, order: Order): number[] {
  if (order === 'row') return placesOf(region);
  const boxes = region.boxes.flatMap((box) => inColumns(Region.box(region.shape, box)));
  return [...boxes, ...region.points.toIndices()];
}

function inColumns(region: Region): number[] {
  const places = placesOf(region);
  const sizes = region.onlyBox?.map((axis) => axis.count) ?? [];
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
  readonly kind: 'block' | 'cyclic' | 'block-cyclic' | 'list' | 'points' | 'union';
  readonly block: number;
  readonly seed: number;
}

const decompositions = (dimensions: number): fc.Arbitrary<Decomposition> =>
  fc.record({
    axis: fc.nat(dimensions - 1),
    parts: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('block', 'cyclic', 'block-cyclic', 'list', 'points', 'union'),
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
  if (kind === 'points' && !shape.includes(LARGE)) {
    // As of particles: each element by itself.
    const places = Array.from({ length: shape.reduce((all, each) => all * each) }, (_, at) => at);
    return { points: places.filter((at) => owner(at) === part).map((at) => indicesOf(shape, at)) };
  }
  if (kind === 'union') {
    const halves = [0, 1].map((half) =>
      dealAxis(size, { part: 2 * part + half, parts: 2 * parts }, { kind: 'cyclic' }),
    );
    const union = halves.map((half) => shape.map((_, at) => (at === axis ? half : null)));
    return { union };
  }
  const own =
    kind === 'list'
      ? { indices: Array.from({ length: size }, (_, at) => at).filter((at) => owner(at) === part) }
      : dealAxis(
          size,
          { part, parts },
          kind === 'block-cyclic' ? { kind, block } : { kind: kind === 'cyclic' ? kind : 'block' },
        );
  return shape.map((_, at) => (at === axis ? own : null));
}

function indicesOf(shape: readonly number[], place: number): number[] {
  const indices: number[] = [];
  for (const size of [...shape].reverse()) {
    indices.unshift(place % size);
    place = Math.floor(place / size);
  }
  return indices;
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
    dtypes: fc
      .constantFrom(...TYPES)
      .chain((dtype) =>
        fc.tuple(
          fc.constant(dtype),
          fc.constantFrom(dtype, ...TYPES.filter((other) => isLossless(dtype, other))),
        ),
      ),
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
  { shape, writers, readers, dtypes, orders, byteOrders, own }: Case,
): Promise<void> {
  const [dtype, asked] = dtypes;
  const written = formOf(dtype);
  const space = { dtype, shape, order: orders[0], byteOrder: byteOrders[0] };
  const members = Array.from({ length: writers.parts }, () => producer.object(name, { space }));
  const demands = Array.from({ length: readers.parts }, async (_, part) => {
    const selection = selectionOf(shape, readers, part);
    const options = {
      region: selection,
      dtype: asked,
      order: orders[1],
      byteOrder: byteOrders[1],
      timeoutMs: 20_000,
    };
    // Points and unions are meant in a shape that who asks knows.
    const object = consumer.object(name, { space: { shape } });
    const got = own ? await object.demand({ ...options, own: true }) : await object.demand(options);
    const order = orders[1] ?? orders[0];
    const byteOrder = byteOrders[1] ?? byteOrders[0];
    const region = selectRegion(shape, selection);
    const form = formOf(asked);
    const expected = elementsOf(region, form, { order, byteOrder, written });
    assert.ok(Buffer.compare(got.bytes as unknown as Uint8Array, expected) === 0);
    assert.deepEqual(got.whole.shape, shape);
    assert.deepEqual([got.space.order, got.space.byteOrder], [order, byteOrder]);
    await got.dispose();
  });
  // Who writes is heard first when something is wrong.
  for (const each of demands) each.catch(() => {});
  await Promise.all(
    members.map(async (member, part) => {
      const selection = selectionOf(shape, writers, part);
      const made = member.region(selection);
      const region = selectRegion(shape, selection);
      const [order] = orders;
      const [byteOrder] = byteOrders;
      made.bytes.set(elementsOf(region, written, { order, byteOrder, written }));
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
  const others = {
    code: 'size-mismatch',
    message: /a Int8Array\(2\) to .* is a Uint8Array\(2\)$/u,
  };
  const signed = Int8Array.of(1, 2) as unknown as Uint8Array;
  assert.throws(() => two.region([[2, 4]]).write(signed as never), others);
  assert.throws(() => two.region([[2, 5]]), { code: 'bad-region' });
  assert.throws(() => pool.object('y').region([0]), { code: 'bad-space' });
  assert.equal(
    await codeOf(pool.object('x').demand({ region: [[3, 5]], timeoutMs: 5_000 })),
    'bad-region',
  );
  // The shape is known from the first part on: what counts from the end is then known, too.
  const third = await pool.object('x').demand({ region: [[-3, -2]], timeoutMs: 30_000 });
  assert.deepEqual([...(third.array as unknown as Uint8Array)], [2]);
  await third.dispose();
  const lacking = pool.object('x').demand({ region: [-1], timeoutMs: 50 });
  assert.equal(await codeOf(lacking), 'deadline-passed');
  // A require does not wait: it must know.
  assert.equal(await codeOf(pool.object('x').require({ region: [-1] })), 'bad-region');
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

test('parts: a region of fewer axes, up to the end, is told by the shape once it is there', async (t) => {
  const server = await servePool(t);
  const maker = await joinApart(server, 'maker');
  const reader = await joinApart(server, 'reader');
  const all = Uint8Array.from({ length: 24 }, (_, at) => at);
  const regions = [[1], [[1, null]], [-1], ['...', [-1, null]], [0, '...', 3]] as const;
  const shape = [2, 3, 4];
  const asked = regions.map((region) => reader.object('late').demand({ region }));
  await maker.put('late', all, { space: { dtype: 'uint8', shape } });
  const got = await Promise.all(asked);
  for (const [at, region] of regions.entries()) {
    const expected = placesOf(selectRegion(shape, region));
    assert.deepEqual([...(got[at]?.bytes ?? [])], expected);
    const again = await reader.object('late').demand({ region });
    assert.deepEqual([...again.bytes], expected);
  }
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
