import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { Region } from '../../../src/core/regions/region.js';
import {
  dealAxis,
  type RegionSelection,
  selectRegion,
} from '../../../src/core/regions/selection.js';
import { fc } from '../../fast-check.js';
import { placesOf } from '../../regions.js';

const SHAPE = [4, 6] as const;

function places(selection: RegionSelection): number[] {
  return placesOf(selectRegion(SHAPE, selection));
}

test('selections: each way to write one means what it says', () => {
  assert.deepEqual(places([1, null]), [6, 7, 8, 9, 10, 11]);
  assert.deepEqual(places([-1, [-2, 6]]), [22, 23]);
  assert.deepEqual(places([[0, 4, 2], 0]), [0, 12]);
  assert.deepEqual(places([{ start: 1, count: 2 }, { indices: [0, 5] }]), [6, 11, 12, 17]);
  assert.deepEqual(places([0, { start: 0, count: 2, stride: 3, block: 2 }]), [0, 1, 3, 4]);
  assert.deepEqual(places({ offset: [2, 1], count: [1, 3], stride: [1, 2] }), [13, 15, 17]);
  assert.deepEqual(
    places({
      points: [
        [3, 5],
        [0, 0],
        [3, 5],
      ],
    }),
    [0, 23],
  );
  assert.deepEqual(
    places({
      union: [
        [0, 0],
        [[0, 2], 0],
      ],
    }),
    [0, 6],
  );
  assert.deepEqual(places([[2, 2], null]), []);
});

test('selections: what the shape has not, or nobody can mean, is refused by name', () => {
  const wrong: readonly RegionSelection[] = [
    [0],
    [4, null],
    [-5, null],
    [[0, 5], null],
    [0.5, null],
    [[0, 4, 0], null],
    [{ start: 0, count: 2, stride: 1, block: 2 }, null],
    [{ start: 0, count: -1 }, null],
    [{ indices: [2, 1] }, null],
    [{ indices: [1, 1] }, null],
    { offset: [0, 0], count: [1] },
    { points: [[0, 6]] },
    { points: [[1]] },
    { union: [[0]] },
    { union: [{ union: [[0, 0]] }] },
    ['0', null] as never,
    null as never,
  ];
  for (const selection of wrong) {
    assert.throws(
      () => selectRegion(SHAPE, selection),
      (error) => error instanceof AttaccaError && error.code === 'bad-region',
      JSON.stringify(selection),
    );
  }
});

test('selections: an axis that is dealt out is dealt out whole, and nothing twice', () => {
  const dealings = fc.oneof(
    fc.constant({ kind: 'block' } as const),
    fc.constant({ kind: 'cyclic' } as const),
    fc.integer({ min: 1, max: 5 }).map((block) => ({ kind: 'block-cyclic', block }) as const),
  );
  fc.assert(
    fc.property(fc.nat(50), fc.integer({ min: 1, max: 9 }), dealings, (size, parts, dealing) => {
      let all = Region.none([size]);
      for (let part = 0; part < parts; part++) {
        const region = Region.box([size], [dealAxis(size, { part, parts }, dealing)]);
        assert.ok(!all.meets(region));
        all = all.with(region);
        if (dealing.kind === 'cyclic')
          assert.ok(region.boxes.every(([axis]) => axis?.runs.length === 1));
      }
      assert.ok(all.isWhole);
    }),
  );
});
