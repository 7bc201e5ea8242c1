import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Arena } from '../../src/catalog/arena.js';
import { Directory } from '../../src/catalog/directory.js';
import { BLOCK_LEASE, BLOCK_SLICE, Extents } from '../../src/catalog/extents.js';
import { Table } from '../../src/catalog/table.js';
import type { StateReader, StateWriter } from '../../src/core/state-codec.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';

/** What the tests here need of a structure; `live` are the things in it that may be taken out. */
interface Saves {
  save(w: StateWriter): void;
  restore(r: StateReader): void;
}

type Action = readonly [kind: number, a: number, b: number];
type Act<T> = (it: T, live: number[], action: Action) => unknown;

const actions = fc.array(fc.tuple(fc.nat(9), fc.nat(2 ** 20), fc.nat(2 ** 20)), { maxLength: 80 });

/** Restored in the middle of its life, it is the same, and goes on as the one that was saved. */
function goesOnAlike<T extends Saves>(make: () => T, act: Act<T>, runs = 150): void {
  fc.assert(
    fc.property(actions, actions, (before, after) => {
      const one = make();
      const live: number[] = [];
      for (const action of before) act(one, live, action);
      const bytes = saved((w) => one.save(w));
      const two = make();
      restored(bytes, (r) => two.restore(r));
      assert.deepEqual(
        saved((w) => two.save(w)),
        bytes,
      );
      const alive = [...live];
      for (const action of after) assert.equal(act(two, alive, action), act(one, live, action));
      assert.deepEqual(
        saved((w) => two.save(w)),
        saved((w) => one.save(w)),
      );
    }),
    { numRuns: runs },
  );
}

/** Takes one out. */
function taken(live: number[], pick: number): number {
  const [gone = 0] = live.splice(pick % Math.max(live.length, 1), 1);
  return gone;
}

test('table: goes on alike, the order of its free rows kept', () => {
  goesOnAlike(
    () => new Table(3),
    (table, live, [kind, a, b]) => {
      if (kind < 5 || live.length === 0) {
        let row = 0;
        // Enough of them for several segments.
        for (let count = kind === 0 ? 9_000 : 1; count > 0; count--) {
          row = table.allocate();
          live.push(row);
        }
        table.set(row, 1, a);
        return row;
      }
      if (kind < 9) {
        const row = taken(live, a);
        table.release(row);
        if (b % 4 === 0) for (const each of live.splice(0)) table.release(each);
        if (table.used === 0) table.beginAnew();
        return row;
      }
      return table.add(live[a % live.length] as number, 2, b);
    },
    60,
  );
});

test('arena: goes on alike, each class with its free records', () => {
  goesOnAlike(
    () => new Arena(),
    (arena, live, [kind, a, b]) => {
      if (kind < 6 || live.length === 0) {
        const bytes = new Uint8Array(kind === 0 ? a % 300_000 : a % 700).fill(b);
        const record = arena.store(bytes, 0, bytes.length);
        live.push(record);
        return record;
      }
      const record = taken(live, a);
      const first = arena.view(record)[0];
      arena.free(record);
      return `${first} ${arena.bytesUsed} ${arena.bytesAllocated}`;
    },
    60,
  );
});

/** A hash that fills few buckets much. */
const hashOf = (row: number): number => Math.imul(row % 10 === 0 ? row - 1 : row, 0x9e3779b1) >>> 0;

test('directory: goes on alike, through enlarging and splitting', () => {
  const act: Act<Directory> = (directory, live, [kind, a]) => {
    if (kind < 6 || live.length === 0) {
      const next = (live.at(-1) ?? 0) + 1;
      for (let row = next; row < next + (kind === 0 ? 9_000 : 7); row++) {
        directory.insert(hashOf(row), row);
        live.push(row);
      }
    } else if (kind < 9) {
      // Not the last one: it numbers the next.
      const index = a % live.length;
      const [row = 0] = index === live.length - 1 ? [] : live.splice(index, 1);
      if (row !== 0) directory.remove(hashOf(row), row);
    }
    const found = directory.find(hashOf(a % 20_000), (row) => row % 2 === 1);
    return `${found} ${directory.used} ${directory.bytesUsed}`;
  };
  goesOnAlike(() => new Directory(), act, 40);
});

const ADOPTED = 9;

test('extents: go on alike: which block is granted, who leases what, what is freed', () => {
  const act: Act<Extents> = (extents, slabs, [kind, a, b]) => {
    const owner = 1 + (b % 3);
    const blocks = [...extents.blocks()];
    const inState = (state: number): number[] =>
      blocks.filter((block) => extents.stateOf(block) === state);
    if (slabs.length < 2) {
      const slab = slabs.length * ADOPTED;
      slabs.push(slab);
      if (slab === ADOPTED) return extents.addAdopted(slab, 1 << 19, owner);
      return extents.addSlab(slab, 4 << 20);
    }
    const leases = inState(BLOCK_LEASE);
    const lease = leases[a % Math.max(1, leases.length)];
    const slices = inState(BLOCK_SLICE);
    const slice = slices[a % Math.max(1, slices.length)];
    if (kind < 4) return extents.lease(1 + a, 1 + (a >> 1), owner);
    if (kind < 7 && lease !== undefined) {
      const slab = extents.slabOf(lease);
      const offset = extents.offsetOf(lease);
      const block = extents.carve(
        slab,
        offset + 64 * (b % 9),
        1 + (b % 9_000),
        extents.ownerOf(lease),
      );
      if (block !== 0) extents.give(block, BLOCK_SLICE, 99);
      return block;
    }
    if (kind < 9 && slice !== undefined) extents.free(slice);
    else
      for (let at = extents.firstLease(owner); at !== 0; at = extents.firstLease(owner))
        extents.free(at);
    return `${extents.bytesFree} ${extents.bytesLeased} ${extents.bytesDead} ${extents.leasedBy(2)}`;
  };
  goesOnAlike(() => new Extents(), act);
});

/** Every way to cut what was saved short, and a bit of each byte turned. */
function breaks(bytes: Uint8Array, restore: (r: StateReader) => void): void {
  const attempt = (broken: Uint8Array): void => {
    try {
      restored(broken, restore);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'journal-damaged', String(error));
    }
  };
  const step = Math.max(1, Math.floor(bytes.length / 200));
  for (let at = 0; at < bytes.length; at += at < 400 ? 1 : step) {
    assert.throws(() => restored(bytes.slice(0, at), restore), { code: 'journal-damaged' });
    const other = bytes.slice();
    other[at] = (other[at] as number) ^ (1 << (at & 7));
    attempt(other);
    other[at] = 255;
    attempt(other);
  }
}

test('catalog: what is cut or turned is damage, or a state, at once', () => {
  const table = new Table(3);
  const arena = new Arena();
  const directory = new Directory();
  const extents = new Extents();
  extents.addSlab(0, 1 << 20);
  for (let row = 1; row < 200; row++) {
    table.allocate();
    arena.store(new Uint8Array(row), 0, row);
    directory.insert(hashOf(row), row);
    extents.lease(64, 64, row % 5);
  }
  const all: [Saves, () => Saves][] = [
    [table, () => new Table(3)],
    [arena, () => new Arena()],
    [directory, () => new Directory()],
    [extents, () => new Extents()],
  ];
  for (const [structure, make] of all) {
    const bytes = saved((w) => structure.save(w));
    breaks(bytes, (r) => make().restore(r));
  }
});
