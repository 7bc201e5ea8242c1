import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { Region } from '../../../src/core/regions/region.js';
import {
  dealAxis,
  needsShape,
  type RegionSelection,
  selectOpen,
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
  // Up to the end, and without those that are taken whole.
  assert.deepEqual(places([3]), [18, 19, 20, 21, 22, 23]);
  assert.deepEqual(places(['...', [null, null, 5]]), [0, 5, 6, 11, 12, 17, 18, 23]);
  assert.deepEqual(places([[-1, null], '...', [4, null]]), [22, 23]);
  assert.deepEqual(places([0, [null, -4], '...']), [0, 1]);
});

test('selections: a key that nobody knows is refused, with the one that was meant', () => {
  const refused = (selection: unknown, message: RegExp): void => {
    const error = { name: 'TypeError', message };
    assert.throws(() => selectRegion(SHAPE, selection as RegionSelection), error);
    assert.throws(() => selectRegion(SHAPE, { union: [selection as never] }), error);
  };
  refused([{ start: 0, count: 2, strde: 3 }, null], /"strde" is none .* mean "stride"\?$/u);
  refused([{ indices: [0], indexes: [1] }], /"indexes" is none of the keys of a list/u);
  refused({ offset: [0, 0], count: [1, 1], blok: [1, 1] }, /"blok" .* mean "block"\?$/u);
  refused({ points: [[0, 0]], count: 1 }, /"count" is none of the keys of a region, points$/u);
});

test('selections: which of them need the shape to tell what is meant', () => {
  const open: readonly RegionSelection[] = [[0], [null, [1, 2]], [[null, null], '...']];
  const needing: readonly RegionSelection[] = [
    [-1],
    [[1, null]],
    ['...', 0],
    [[-2, -1]],
    [{ indices: [-2, -1] }],
    { points: [[0]] },
  ];
  for (const selection of open) {
    assert.ok(!needsShape(selection));
    assert.ok(selectOpen(selection).every((axis) => axis === null || axis.count === 1));
  }
  for (const selection of needing) {
    assert.ok(needsShape(selection));
    assert.throws(() => selectOpen(selection), { code: 'bad-region', message: /say the shape/u });
  }
});

test('selections: what the shape has not, or nobody can mean, is refused by name', () => {
  const wrong: readonly RegionSelection[] = [
    [0, 0, 0],
    ['...', 0, '...'],
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
    { union: [[0, 0, 0]] },
    { union: ['0:2'] } as never,
    '0:2,:' as never,
    {} as never,
    { offset: 0, count: 1 } as never,
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
