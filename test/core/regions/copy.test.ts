import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyCommon, type Laid } from '../../../src/core/regions/copy.js';
import type { Region } from '../../../src/core/regions/region.js';
import type { Order } from '../../../src/core/space.js';
import { fc } from '../../fast-check.js';
import { placesOf, regionsOf, shapes } from '../../regions.js';

const orders: fc.Arbitrary<Order> = fc.constantFrom('row', 'column');

/** Where each element of a region lies, by its place in the whole. */
function offsets(region: Region, order: Order): Map<number, number> {
  const found = new Map<number, number>();
  const places = placesOf(region);
  let before = 0;
  for (const box of region.boxes) {
    const sizes = box.map((axis) => axis.count);
    const count = sizes.reduce((product, size) => product * size, 1);
    for (let at = 0; at < count; at++) {
      // The indices within the box, of which the last goes fastest in `places`.
      const indices: number[] = [];
      for (let axis = sizes.length - 1, rest = at; axis >= 0; axis--) {
        const size = sizes[axis] as number;
        indices.unshift(rest % size);
        rest = Math.floor(rest / size);
      }
      const turned = indices.reduceRight(
        (sum, index, axis) => sum * (sizes[axis] as number) + index,
        0,
      );
      found.set(places[before + at] as number, before + (order === 'row' ? at : turned));
    }
    before += count;
  }
  for (; before < places.length; before++) found.set(places[before] as number, before);
  return found;
}

/** Bytes that tell the place of each element. */
function filled(region: Region, order: Order, itemSize: number): Laid {
  const bytes = new Uint8Array(region.count * itemSize);
  for (const [place, offset] of offsets(region, order)) {
    bytes.fill(1 + (place % 251), offset * itemSize, (offset + 1) * itemSize);
  }
  return { region, bytes, order };
}

test('copies: what two regions have in common arrives, and nothing else changes', () => {
  const cases = shapes.chain((shape) =>
    fc.record({
      source: regionsOf(shape),
      target: regionsOf(shape),
      sourceOrder: orders,
      targetOrder: orders,
      itemSize: fc.constantFrom(1, 2, 3, 4, 8, 16),
      offset: fc.nat(3),
    }),
  );
  fc.assert(
    fc.property(cases, ({ source, target, sourceOrder, targetOrder, itemSize, offset }) => {
      const from = filled(source, sourceOrder, itemSize);
      // Memory that begins anywhere.
      const memory = new Uint8Array(target.count * itemSize + offset);
      const to: Laid = { region: target, bytes: memory.subarray(offset), order: targetOrder };
      const copied = copyCommon(from, to, itemSize);
      const expected = filled(target, targetOrder, itemSize).bytes;
      const has = new Set(placesOf(source));
      let common = 0;
      for (const [place, at] of offsets(target, targetOrder)) {
        if (has.has(place)) common++;
        else expected.fill(0, at * itemSize, (at + 1) * itemSize);
      }
      assert.equal(copied, common);
      assert.deepEqual(to.bytes, expected);
    }),
  );
});
