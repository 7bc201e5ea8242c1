import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AxisSet } from '../../../src/core/regions/axis-set.js';
import { fc } from '../../fast-check.js';
import { axisSets, SIZE } from '../../regions.js';

const modelOf = (set: AxisSet): number[] => [...set.toIndices()];
const without = (one: number[], other: number[]): number[] =>
  one.filter((index) => !other.includes(index));

test('sets of an axis: what two have in common, together and apart is as counted', () => {
  fc.assert(
    fc.property(axisSets, axisSets, (one, other) => {
      const [a, b] = [modelOf(one), modelOf(other)];
      assert.deepEqual(
        modelOf(one.intersect(other)),
        a.filter((index) => b.includes(index)),
      );
      assert.deepEqual(modelOf(one.difference(other)), without(a, b));
      const both = [...a, ...without(b, a)].sort((x, y) => x - y);
      assert.deepEqual(modelOf(one.union(other)), both);
      assert.equal(one.meets(other), both.length < a.length + b.length);
      assert.equal(one.equals(other), a.join() === b.join());
    }),
  );
});

test('sets of an axis: members, ranks, ends, and what lies within two ends', () => {
  fc.assert(
    fc.property(axisSets, fc.nat(SIZE), fc.nat(SIZE), (set, low, high) => {
      const model = modelOf(set);
      assert.equal(model.length, set.count);
      assert.deepEqual(
        model,
        [...new Set(model)].sort((x, y) => x - y),
      );
      for (let index = 0; index <= SIZE; index++) {
        assert.equal(set.has(index), model.includes(index));
        assert.equal(set.rank(index), model.filter((each) => each < index).length);
      }
      assert.deepEqual(
        modelOf(set.within(low, high)),
        model.filter((index) => index >= low && index < high),
      );
      assert.deepEqual(modelOf(set.flat()), model);
      assert.ok(set.flat().isFlat);
      if (set.isEmpty) return;
      assert.equal(set.first, model[0]);
      assert.equal(set.last, model.at(-1));
      const isContiguous = (model.at(-1) as number) - (model[0] as number) === model.length - 1;
      assert.equal(set.isContiguous, isContiguous);
    }),
  );
});

test('sets of an axis: strides stay one run, however long', () => {
  const one = AxisSet.blocks({ start: 3, stride: 7, count: 1e9, block: 1 });
  const other = AxisSet.blocks({ start: 1, stride: 5, count: 1e9, block: 1 });
  const common = one.intersect(other);
  assert.deepEqual(common.runs, [{ start: 31, step: 35, count: 142_857_142 }]);
  assert.equal(one.difference(other).count, 1e9 - common.count);
  assert.equal(one.difference(other).runs.length < 10, true);
});

test('sets of an axis: steps whose product is beyond 2^53 have one index in common, or none', () => {
  const stride = 2 ** 27 + 1;
  const one = AxisSet.blocks({ start: 0, stride: 2 ** 27, count: 2 ** 25, block: 1 });
  const other = AxisSet.blocks({ start: 5 * 2 ** 27 - 4 * stride, stride, count: 9, block: 1 });
  assert.deepEqual(one.intersect(other).runs, [{ start: 5 * 2 ** 27, step: 1, count: 1 }]);
  assert.ok(one.intersect(other.moved(5)).isEmpty);
});

test('sets of an axis: two long lists are compared in one pass', () => {
  const list = (seed: number): AxisSet => {
    const indices: number[] = [];
    for (let at = 0, index = 0; at < 200_000; at++) {
      index += 1 + ((Math.imul(at + seed, 0x9e3779b1) >>> 28) & 7);
      indices.push(index);
    }
    return AxisSet.indices(indices);
  };
  const [one, other] = [list(1), list(2)];
  const common = one.intersect(other);
  const members = new Set(modelOf(other));
  assert.equal(common.count, modelOf(one).filter((index) => members.has(index)).length);
  assert.equal(one.difference(other).count, one.count - common.count);
});
