import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blocksOf, chunksFor, piecesOf, product } from '../../src/formats/chunking.js';
import { fc } from '../fast-check.js';

const anyShape = fc.array(fc.nat(9), { maxLength: 4 });
const anyChunks = fc.option(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 4 }));

test('blocks have each element once, each chunk in one of them, and are bounded', () => {
  fc.assert(
    fc.property(anyShape, anyChunks, fc.integer({ min: 1, max: 500 }), (shape, found, most) => {
      const chunks = found === null ? null : shape.map((_, axis) => found[axis] as number);
      const inChunk = chunks === null ? 1 : product(chunks);
      const seen = new Set<string>();
      const blockOf = new Map<string, number>();
      let blocks = 0;
      for (const { offset, count } of blocksOf(shape, chunks, most)) {
        blocks += 1;
        assert.ok(product(count) <= Math.max(most, inChunk), `${count} of ${most}`);
        for (let each = 0; each < product(count); each++) {
          let rest = each;
          const place = count.toReversed().map((along, at) => {
            const index = rest % along;
            rest = Math.floor(rest / along);
            return index + (offset.toReversed()[at] as number);
          });
          const element = place.toReversed();
          assert.ok(!seen.has(element.join()), 'no element is in two');
          seen.add(element.join());
          if (chunks === null) continue;
          const chunk = element.map((at, axis) => Math.floor(at / (chunks[axis] as number)));
          assert.equal(blockOf.get(chunk.join()) ?? blocks, blocks, 'no chunk is in two');
          blockOf.set(chunk.join(), blocks);
        }
      }
      assert.equal(seen.size, product(shape));
    }),
  );
});

test('blocks are as large as they may be: rows where those are whole', () => {
  const told = (...args: Parameters<typeof blocksOf>) => [...blocksOf(...args)];
  assert.deepEqual(told([], null, 10), [{ offset: [], count: [] }]);
  assert.deepEqual(told([4, 5], null, 100), [{ offset: [0, 0], count: [4, 5] }]);
  assert.deepEqual(told([4, 5], null, 14), [
    { offset: [0, 0], count: [2, 5] },
    { offset: [2, 0], count: [2, 5] },
  ]);
  assert.deepEqual(
    told([40, 6], [40, 1], 100).map(({ count }) => count),
    [
      [40, 2],
      [40, 2],
      [40, 2],
    ],
  );
  // Chunks of nothing, which a damaged file may say, are none.
  assert.deepEqual(told([3], [0], 10), [{ offset: [0], count: [3] }]);
  // Never less than a chunk.
  assert.deepEqual(told([40, 2], [50, 1], 10), [
    { offset: [0, 0], count: [40, 1] },
    { offset: [0, 1], count: [40, 1] },
  ]);
});

test('chunks have about a MiB: whole rows of the last dimensions', () => {
  assert.deepEqual(chunksFor([10, 20], 4), [10, 20]);
  assert.deepEqual(chunksFor([10_000, 1_000], 8), [131, 1_000]);
  assert.deepEqual(chunksFor([10, 1_000_000], 4), [1, 262_144]);
  assert.deepEqual(chunksFor([0, 3], 4), [1, 3]);
  assert.deepEqual(chunksFor([], 8), []);
  assert.deepEqual(chunksFor([3], 2 ** 24), [1]);
});

test('the pieces of a block are the block, in row order', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 4 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 200 }), (count, most) => {
      const strides = count.map((_, axis) => product(count.slice(axis + 1)));
      let next = 0;
      const block = { offset: count.map((_, axis) => axis), count };
      for (const piece of piecesOf(block, most)) {
        assert.equal(piece.from, next);
        assert.ok(product(piece.count) <= most);
        const begin = piece.offset.map((at, axis) => (at - axis) * (strides[axis] as number));
        assert.equal(
          begin.reduce((all, each) => all + each, 0),
          next,
        );
        next += product(piece.count);
      }
      assert.equal(next, product(count));
    }),
  );
});
