import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../../src/core/limits.js';
import { AxisSet } from '../../../src/core/regions/axis-set.js';
import { Region } from '../../../src/core/regions/region.js';
import { regionText } from '../../../src/core/regions/region-text.js';
import { type RegionSelection, selectRegion } from '../../../src/core/regions/selection.js';

const text = (selection: RegionSelection): string => regionText(selectRegion([8, 6], selection));

test('a region is told as numpy writes it', () => {
  const told: readonly (readonly [RegionSelection, string])[] = [
    [[null, null], 'all'],
    [[[3, 3], null], 'nothing'],
    [[2, null], '2,:'],
    [
      [
        [1, 4],
        [0, 6, 2],
      ],
      '1:4,0:5:2',
    ],
    [[{ indices: [0, 1, 5] }, -1], '[0:2,5],5'],
    [
      {
        points: [
          [0, 1],
          [2, 2],
        ],
      },
      '2 points',
    ],
    [
      {
        union: [
          [0, null],
          [[4, 6], 1],
        ],
      },
      '0,: and 4:6,1',
    ],
  ];
  for (const [selection, expected] of told) assert.equal(text(selection), expected);
  assert.equal(regionText(Region.whole([])), 'all');
});

test('of what has very many pieces some are told', () => {
  const indices = Array.from({ length: 50_000 }, (_, at) => 2 * at + (at % 3 === 0 ? 1 : 0));
  const many = Region.box([200_000], [AxisSet.indices(indices)]);
  assert.match(regionText(many), /^\[.*,\.\.\.\]$/u);
  assert.ok(regionText(many).length < 100);
});

test('points are looked at one by one: a region has so many at most', () => {
  const shape = [2 ** 40];
  const most = LIMITS.regionPointsMax;
  assert.equal(Region.points(shape, AxisSet.range(0, most)).runs, most);
  const more = AxisSet.range(0, 2 ** 33);
  assert.throws(() => Region.points(shape, more), { code: 'bad-region', message: /points$/u });
});
