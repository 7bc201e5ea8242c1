import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distanceOf, Ring } from '../../src/catalog/ring.js';
import { AttaccaError } from '../../src/core/errors.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';

const WIDTH = 3;
const SEGMENT = 16_384;

/** What rows say, by their numbers. */
class Model {
  readonly rows = new Map<number, number>();
  end = 1;

  push(value: number): void {
    this.rows.set(this.end++, value);
  }
}

function compare(ring: Ring, model: Model): void {
  assert.equal(ring.end, model.end);
  assert.equal(ring.used, model.rows.size);
  for (const [number, value] of model.rows) {
    assert.ok(ring.has(number));
    assert.equal(ring.get(number, 0), value);
    assert.equal(ring.getWide(number, 1), value * 0x1_0000_0001);
    const reference = ring.reference(number);
    assert.ok(reference >= 1 && reference <= ring.rowsMax);
    assert.equal(ring.numberOf(reference), number);
  }
  assert.ok(!ring.has(ring.begin - 1) && !ring.has(ring.end) && !ring.has(0));
}

const steps = fc.array(
  fc.tuple(fc.constantFrom('push', 'shift', 'leave', 'save'), fc.nat(200), fc.nat(1_000)),
  { maxLength: 60 },
);

test('a ring has the rows that a list would have, whatever comes and goes', () => {
  fc.assert(
    fc.property(steps, (all) => {
      let ring = new Ring(WIDTH, 256);
      const model = new Model();
      for (const [what, count, value] of all) {
        if (what === 'push') {
          for (let times = 0; times < count && !ring.isFull; times++) {
            const number = ring.push();
            assert.equal(ring.get(number, 0), 0);
            ring.set(number, 0, value);
            ring.setWide(number, 1, value * 0x1_0000_0001);
            model.push(value);
          }
        } else if (what === 'shift') {
          for (let times = 0; times < count && ring.used > 0; times++) {
            model.rows.delete(ring.begin);
            ring.shift();
          }
        } else if (what === 'leave') {
          ring.leaveLast(count);
          for (const number of [...model.rows.keys()]) {
            if (number < model.end - count) model.rows.delete(number);
          }
        } else {
          const bytes = saved((w) => ring.save(w));
          const other = new Ring(WIDTH, 256);
          restored(bytes, (r) => other.restore(r));
          assert.deepEqual(
            saved((w) => other.save(w)),
            bytes,
          );
          ring = other;
        }
        compare(ring, model);
      }
    }),
  );
});

test('segments are used again, rows of them are zero, and what is left gives back the others', () => {
  const ring = new Ring(1, 4 * SEGMENT);
  for (let row = 0; row < 10 * SEGMENT; row++) {
    if (ring.isFull) ring.shift();
    const number = ring.push();
    assert.equal(ring.get(number, 0), 0);
    ring.set(number, 0, number);
  }
  assert.ok(ring.bytesUsed <= 6 * SEGMENT * 4, `${ring.bytesUsed}`);
  for (let number = ring.begin; number < ring.end; number++) {
    assert.equal(ring.get(number, 0), number);
    assert.equal(ring.numberOf(ring.reference(number)), number);
  }
  ring.leaveLast(10);
  assert.equal(ring.bytesUsed, SEGMENT * 4);
  assert.deepEqual([ring.used, ring.get(ring.begin, 0)], [10, ring.end - 10]);
});

test('a distance is a field: none, a number, or too far', () => {
  assert.equal(distanceOf(7, 0), 0);
  assert.equal(distanceOf(7, 4), 3);
  assert.equal(distanceOf(2 ** 40, 1), 0xffff_ffff);
});

test('a ring that no ring has saved is damage', () => {
  const ring = new Ring(WIDTH, 256);
  for (let row = 0; row < 9; row++) ring.push();
  const bytes = saved((w) => ring.save(w));
  const damages = (broken: Uint8Array): void => {
    assert.throws(
      () => restored(broken, (r) => new Ring(WIDTH, 256).restore(r)),
      (error) => error instanceof AttaccaError && error.code === 'journal-damaged',
    );
  };
  for (let size = 0; size < bytes.length; size += 7) damages(bytes.slice(0, size));
  const turned = bytes.slice();
  turned[9] = 255;
  damages(turned);
});
