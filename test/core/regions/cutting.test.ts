import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundingBox, chunksOf, splitRegion } from '../../../src/core/regions/cutting.js';
import { Region } from '../../../src/core/regions/region.js';
import { selectRegion } from '../../../src/core/regions/selection.js';
import { fc } from '../../fast-check.js';
import { elementAt, placesOf, regionsOf, shapes } from '../../regions.js';

const regions = shapes.chain(regionsOf);

test('a bounding box has all elements, and none that is smaller does', () => {
  fc.assert(
    fc.property(regions, (region) => {
      const bounds = boundingBox(region);
      assert.ok(bounds.covers(region));
      if (region.isEmpty) {
        assert.ok(bounds.isEmpty);
        return;
      }
      const elements = placesOf(region).map((place) => elementAt(region.shape, place));
      for (const [at, axis] of (bounds.onlyBox ?? []).entries()) {
        const indices = elements.map((element) => element[at] as number);
        assert.deepEqual([axis.first, axis.last], [Math.min(...indices), Math.max(...indices)]);
        assert.equal(axis.count, axis.last - axis.first + 1);
      }
    }),
  );
});

test('pieces put one behind another are the region, and none is larger than told', () => {
  fc.assert(
    fc.property(regions, fc.integer({ min: 1, max: 40 }), (region, most) => {
      const pieces = [...splitRegion(region, most)];
      assert.ok(pieces.every(({ count }) => count >= 1 && count <= most));
      assert.deepEqual(pieces.flatMap(placesOf), placesOf(region));
    }),
  );
});

test('rows are cut where rows end', () => {
  const region = selectRegion([100, 10], [null, [0, 10]]);
  const pieces = [...splitRegion(region, 35)];
  assert.deepEqual(new Set(pieces.map(({ count }) => count)), new Set([30, 10]));
  assert.equal(pieces.length, 34);
});

test('chunks share out a region: each element is in that of its place', () => {
  const cases = regions.chain((region) =>
    fc.tuple(
      fc.constant(region),
      fc.tuple(...region.shape.map(() => fc.integer({ min: 1, max: 5 }))),
    ),
  );
  fc.assert(
    fc.property(cases, ([region, chunk]) => {
      const found = [...chunksOf(region, chunk)];
      assert.deepEqual(
        found.flatMap(({ common }) => placesOf(common)).sort(),
        placesOf(region).sort(),
      );
      for (const { chunk: place, whole, common } of found) {
        assert.ok(!common.isEmpty && whole.covers(common));
        for (const element of placesOf(whole).map((each) => elementAt(region.shape, each))) {
          const there = element.map((index, at) => Math.floor(index / (chunk[at] as number)));
          assert.deepEqual(there, place);
        }
      }
      const places = found.map(({ chunk: place }) => place.map((index) => index + 1000).join());
      assert.deepEqual(places, [...places].sort(), 'in row-major order');
      assert.equal(new Set(places).size, places.length, 'each once');
    }),
  );
});

test('few elements of a large space cost what they are, not what the space is', () => {
  const shape = [1_000_000, 1_000_000];
  const chunk = [10, 10];
  const corners = selectRegion(shape, [{ indices: [0, 999_999] }, { indices: [5, 999_995] }]);
  assert.deepEqual(
    [...chunksOf(corners, chunk)].map(({ chunk: place }) => place),
    [
      [0, 0],
      [0, 99_999],
      [99_999, 0],
      [99_999, 99_999],
    ],
  );
  assert.equal(boundingBox(corners).count, 1_000_000 * 999_991);
  assert.equal([...chunksOf(Region.none(shape), chunk)].length, 0);
});
