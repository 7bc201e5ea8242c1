import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Reader, Writer } from '../../../src/core/bytes.js';
import { AttaccaError } from '../../../src/core/errors.js';
import { AxisSet } from '../../../src/core/regions/axis-set.js';
import { Region } from '../../../src/core/regions/region.js';
import { readRegion, writeOpenBox, writeRegion } from '../../../src/core/regions/region-codec.js';
import { fc } from '../../fast-check.js';
import { elementAt, placesOf, regionsOf, shapes } from '../../regions.js';

const two = shapes.chain((shape) => fc.tuple(regionsOf(shape), regionsOf(shape)));

test('regions: in common, together and apart are as sets of their elements', () => {
  fc.assert(
    fc.property(two, ([one, other]) => {
      const [a, b] = [new Set(placesOf(one)), new Set(placesOf(other))];
      const common = [...a].filter((place) => b.has(place));
      const check = (region: Region, places: Iterable<number>): void => {
        const found = placesOf(region);
        assert.equal(found.length, region.count);
        assert.deepEqual(found.sort(), [...places].sort());
      };
      check(one, a);
      check(one.intersect(other), common);
      check(
        one.difference(other),
        [...a].filter((place) => !b.has(place)),
      );
      check(one.union(other), new Set([...a, ...b]));
      assert.equal(one.countCommon(other), common.length);
      assert.equal(one.meets(other), common.length > 0);
      assert.equal(one.covers(other), common.length === b.size);
      assert.equal(one.equals(other), common.length === a.size && a.size === b.size);
    }),
  );
});

test('regions: an element is in one or not', () => {
  fc.assert(
    fc.property(shapes.chain(regionsOf), (region) => {
      const places = new Set(placesOf(region));
      const size = region.shape.reduce<number>((product, each) => product * (each ?? 0), 1);
      for (let place = 0; place < size; place++) {
        assert.equal(region.has(elementAt(region.shape, place)), places.has(place));
      }
      assert.equal(region.isWhole, places.size === size);
    }),
  );
});

test('regions: of 16 dimensions, and of none', () => {
  const shape = new Array<number>(16).fill(2);
  const half = Region.box(
    shape,
    shape.map((_, at) => AxisSet.range(0, at === 15 ? 1 : 2)),
  );
  assert.equal(half.count, 2 ** 15);
  assert.equal(Region.whole(shape).difference(half).count, 2 ** 15);
  const scalar = Region.whole([]);
  assert.ok(scalar.isWhole);
  assert.equal(scalar.count, 1);
  assert.ok(scalar.difference(scalar).isEmpty);
});

test('regions: parts of all that programs deal out cover it, and do not meet', () => {
  const shape = [1_000_000, 300];
  const parts = Array.from({ length: 8 }, (_, part) =>
    Region.box(shape, [
      AxisSet.blocks({ start: part * 64, stride: 512, count: 1953, block: 64 }).union(
        AxisSet.range(999_936, part === 0 ? 1_000_000 : 999_936),
      ),
      AxisSet.range(0, 300),
    ]),
  );
  const whole = Region.whole(shape);
  assert.equal(
    parts.reduce((sum, part) => sum + whole.countCommon(part), 0),
    whole.count,
  );
  assert.ok(!(parts[0] as Region).meets(parts[7] as Region));
});

test('regions: a region goes over the wire and back', () => {
  fc.assert(
    fc.property(shapes.chain(regionsOf), (region) => {
      const w = new Writer();
      writeRegion(w, region);
      const r = new Reader(w.written().slice());
      const back = readRegion(r, region.shape);
      assert.equal(r.remaining, 0);
      assert.deepEqual(placesOf(back), placesOf(region));
    }),
  );
});

test('regions: whatever bytes come, a region is read or refused, in bounded time', () => {
  const isRefusal = (error: unknown): boolean =>
    error instanceof AttaccaError && ['bad-message', 'bad-region'].includes(error.code);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    // What was written, with a byte changed, or cut.
    fc
      .tuple(shapes.chain(regionsOf), fc.nat(200), fc.nat(255), fc.boolean())
      .map(([region, at, byte, cuts]) => {
        const w = new Writer();
        writeRegion(w, region);
        const written = w.written().slice();
        if (cuts) return written.slice(0, at % written.length);
        written[at % written.length] = byte;
        return written;
      }),
  );
  fc.assert(
    fc.property(
      bytes,
      fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 4 }),
      (given, shape) => {
        try {
          const region = readRegion(new Reader(given), shape);
          // What is read is sound: no element twice, all of them in the shape.
          assert.ok(Region.whole(shape).covers(region));
        } catch (error) {
          if (!isRefusal(error)) throw error;
        }
      },
    ),
  );
});

test('what no reader would take is not written', () => {
  const squares = Array.from({ length: 70_000 }, (_, at) => at * at);
  const region = Region.box([5e9], [AxisSet.indices(squares)]);
  const w = new Writer(64);
  assert.throws(() => writeRegion(w, region), { code: 'bad-region', message: /runs/u });
  assert.throws(() => writeOpenBox(w, [AxisSet.indices(squares), null]), { code: 'bad-region' });
});
