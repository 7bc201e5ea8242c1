import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import {
  BLOCK_DEAD,
  BLOCK_FREE,
  BLOCK_LEASE,
  BLOCK_SLICE,
  Extents,
} from '../../src/catalog/extents.js';
import { fc } from '../fast-check.js';

/** The slab that is an adopted file, where there is one. */
const ADOPTED = 9;

/** Blocks of every slab tile it, no two free ones touch, and the sums agree. */
function check(extents: Extents): void {
  const ends = new Map<number, number>();
  let free = 0;
  let leased = 0;
  let dead = 0;
  let total = 0;
  let previousFree = -1;
  for (const block of extents.blocks()) {
    const slab = extents.slabOf(block);
    const offset = extents.offsetOf(block);
    if (!ends.has(slab)) previousFree = -1;
    assert.equal(offset, ends.get(slab) ?? 0, 'blocks tile the slab');
    const end = offset + extents.sizeOf(block);
    ends.set(slab, end);
    assert.equal(extents.blockAt(slab, offset), block);
    assert.equal(extents.blockAt(slab, end - 1), block);
    total += extents.sizeOf(block);
    const state = extents.stateOf(block);
    const isAdopted = extents.slabOf(block) === ADOPTED;
    assert.equal(state === BLOCK_DEAD, isAdopted && (state === BLOCK_FREE || state === BLOCK_DEAD));
    if (state === BLOCK_FREE || state === BLOCK_DEAD) {
      if (state === BLOCK_FREE) free += extents.sizeOf(block);
      else dead += extents.sizeOf(block);
      assert.notEqual(previousFree, offset, 'free neighbours are joined');
      previousFree = end;
    }
    if (extents.stateOf(block) === BLOCK_LEASE) leased += extents.sizeOf(block);
  }
  assert.equal(extents.bytesFree, free);
  assert.equal(extents.bytesLeased, leased);
  assert.equal(extents.bytesDead, dead);
  assert.equal(extents.bytesTotal, total);
}

function freeLeasesOf(extents: Extents, owner: number): void {
  for (let block = extents.firstLease(owner); block !== 0; block = extents.firstLease(owner)) {
    extents.free(block);
  }
}

const action = fc.oneof(
  fc.record({
    kind: fc.constant('lease' as const),
    size: fc.integer({ min: 1, max: 1 << 20 }),
    owner: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    kind: fc.constant('offer' as const),
    pick: fc.nat(),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    size: fc.integer({ min: 1, max: 1 << 17 }),
  }),
  fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }),
  fc.record({ kind: fc.constant('crash' as const), owner: fc.integer({ min: 1, max: 3 }) }),
);

test('extents: bytes are owned once, whatever is leased, offered, freed', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
      const extents = new Extents();
      extents.addSlab(0, 4 << 20);
      extents.addSlab(7, 1 << 20);
      extents.addAdopted(ADOPTED, 1 << 19, 2);
      for (const each of actions) {
        const leases = [...extents.blocks()].filter((b) => extents.stateOf(b) === BLOCK_LEASE);
        const slices = [...extents.blocks()].filter((b) => extents.stateOf(b) === BLOCK_SLICE);
        if (each.kind === 'lease') {
          const block = extents.lease(each.size, each.size, each.owner);
          if (block !== 0) {
            assert.ok(extents.sizeOf(block) >= each.size);
            assert.equal(extents.ownerOf(block), each.owner);
            assert.notEqual(extents.slabOf(block), ADOPTED);
          } else assert.ok([...extents.blocks()].length > 0);
        } else if (each.kind === 'offer' && leases.length > 0) {
          const lease = leases[each.pick % leases.length] as number;
          const room = extents.sizeOf(lease);
          const offset = extents.offsetOf(lease) + Math.floor((each.at * room) / 64) * 64;
          const owner = extents.ownerOf(lease);
          const block = extents.carve(extents.slabOf(lease), offset, each.size, owner);
          const fits = offset + Math.ceil(each.size / 64) * 64 <= extents.offsetOf(lease) + room;
          if (block !== 0) {
            assert.equal(extents.offsetOf(block), offset);
            assert.equal(extents.sizeOf(block), Math.ceil(each.size / 64) * 64);
            extents.give(block, BLOCK_SLICE, 99);
          } else if (each.at === 0) assert.ok(!fits);
        } else if (each.kind === 'free' && slices.length > 0) {
          extents.free(slices[each.pick % slices.length] as number);
        } else if (each.kind === 'crash') {
          freeLeasesOf(extents, each.owner);
          assert.equal(extents.leasedBy(each.owner), 0);
        }
        check(extents);
      }
      for (const owner of [1, 2, 3]) freeLeasesOf(extents, owner);
      for (const block of [...extents.blocks()]) {
        if (extents.stateOf(block) === BLOCK_SLICE) extents.free(block);
      }
      check(extents);
      assert.equal(extents.bytesFree, extents.bytesLeasable);
      assert.ok(extents.removeSlab(7) && extents.removeSlab(ADOPTED));
      assert.deepEqual([extents.bytesAdopted, extents.bytesDead], [0, 0]);
    }),
    { numRuns: 300 },
  );
});

test('extents: asking for more than any slab has gives what the largest block has', () => {
  const extents = new Extents();
  for (let slab = 0; slab < 12; slab++) extents.addSlab(slab, 2 ** 31);
  for (const size of [2 ** 33, 2 ** 38, 2 ** 53 - 1]) {
    const block = extents.lease(size, 64, 1);
    assert.equal(extents.sizeOf(block), 2 ** 31);
    assert.equal(extents.lease(size, size, 1), 0, 'no block can be as large');
  }
});

test('extents: a slab is free when nothing of it is in use, and can then be removed', () => {
  const extents = new Extents();
  extents.addSlab(0, 1 << 20);
  extents.addSlab(1, 1 << 20);
  const block = extents.lease(64, 64, 1);
  const slab = extents.slabOf(block);
  assert.ok(!extents.isFree(slab) && extents.isFree(1 - slab) && !extents.isFree(2));
  assert.ok(!extents.removeSlab(slab));
  extents.free(block);
  assert.ok(extents.isFree(slab));
  assert.ok(extents.removeSlab(slab) && extents.removeSlab(1 - slab));
  assert.equal(extents.bytesTotal, 0);
  assert.equal(extents.lease(64, 1, 1), 0);
});

test('extents: bytes that are not leased to the asker cannot be carved', () => {
  const extents = new Extents();
  extents.addSlab(0, 1 << 20);
  const block = extents.lease(65_536, 65_536, 1);
  const offset = extents.offsetOf(block);
  assert.equal(extents.carve(0, offset, 100, 2), 0, 'another owner');
  assert.equal(extents.carve(0, offset + 1, 100, 1), 0, 'off the alignment');
  assert.equal(extents.carve(0, offset, 65_537, 1), 0, 'longer than the lease');
  assert.equal(extents.carve(3, offset, 100, 1), 0, 'a slab that is not there');
  assert.equal(extents.carve(0, 1 << 30, 100, 1), 0, 'beyond the slab');
  assert.notEqual(extents.carve(0, offset, 100, 1), 0);
});
