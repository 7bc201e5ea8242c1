import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AxisSet } from '../../src/core/regions/axis-set.js';
import { Region } from '../../src/core/regions/region.js';
import { PartIndex } from '../../src/pool/part-index.js';
import { fc } from '../fast-check.js';

const SHAPE = [40, 30] as const;

const axisSet = (size: number) =>
  fc.oneof(
    fc.tuple(fc.nat(size - 1), fc.integer({ min: 1, max: size })).map(([start, length]) => {
      return AxisSet.range(start, Math.min(size, start + length));
    }),
    fc
      .uniqueArray(fc.nat(size - 1), { minLength: 1, maxLength: 6 })
      .map((all) => AxisSet.indices(all.sort((one, other) => one - other))),
  );

const regions = fc.oneof(
  fc.tuple(axisSet(SHAPE[0]), axisSet(SHAPE[1])).map((box) => Region.box(SHAPE, box)),
  fc
    .uniqueArray(fc.nat(SHAPE[0] * SHAPE[1] - 1), { minLength: 1, maxLength: 4 })
    .map((places) => places.sort((one, other) => one - other))
    .map((places) => Region.points(SHAPE, AxisSet.indices(places))),
);

test('whatever meets a region is near it', () => {
  fc.assert(
    fc.property(fc.array(regions, { minLength: 1, maxLength: 40 }), regions, (parts, asked) => {
      const index = new PartIndex(parts[0] as Region);
      for (const [at, part] of parts.entries()) index.add(at + 1, part);
      const near = new Map<number, number>();
      index.forEachNear(asked, ({ part, order }) => near.set(part, order));
      for (const [at, part] of parts.entries()) {
        if (part.meets(asked)) assert.equal(near.get(at + 1), at);
      }
    }),
  );
});

/** How many of the parts are looked at for the last of them. */
function lookedAt(parts: readonly Region[]): number {
  const index = new PartIndex(parts[0] as Region);
  for (const [at, part] of parts.slice(0, -1).entries()) index.add(at + 1, part);
  let count = 0;
  index.forEachNear(parts.at(-1) as Region, () => count++);
  return count;
}

const block = (shape: readonly number[], from: readonly number[], size: readonly number[]) =>
  Region.box(
    shape,
    from.map((at, axis) => AxisSet.range(at, at + (size[axis] as number))),
  );

test('blocks are compared with those beside them, not with all', () => {
  const many = Array.from({ length: 1_000 }, (_, at) => at);
  const rows = many.map((at) => block([4_000, 10], [4 * at, 0], [4, 10]));
  const columns = many.map((at) => block([10, 4_000], [0, 4 * at], [10, 4]));
  const squares = many.map((at) => {
    return block([400, 400], [10 * Math.floor(at / 40), 10 * (at % 40)], [10, 10]);
  });
  assert.ok(lookedAt(rows) <= 2, `${lookedAt(rows)}`);
  assert.ok(lookedAt(columns) <= 2, `${lookedAt(columns)}`);
  assert.ok(lookedAt(squares) <= 80, `${lookedAt(squares)}`);
});
