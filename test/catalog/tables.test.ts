import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { Arena } from '../../src/catalog/arena.js';
import { Directory } from '../../src/catalog/directory.js';
import { hashBytes } from '../../src/catalog/hash.js';
import { Table } from '../../src/catalog/table.js';
import { fc } from '../fast-check.js';

test('table: rows are zero when allocated, used again when released, wide fields are exact', () => {
  const table = new Table(4);
  const rows = Array.from({ length: 40_000 }, () => table.allocate());
  assert.equal(new Set(rows).size, rows.length);
  for (const row of rows) table.setWide(row, 1, row * 2 ** 20);
  for (const row of rows) assert.equal(table.getWide(row, 1), row * 2 ** 20);
  table.release(rows[7] as number);
  const again = table.allocate();
  assert.equal(again, rows[7]);
  for (let field = 0; field < 4; field++) assert.equal(table.get(again, field), 0);
  assert.equal(table.used, rows.length);
  assert.throws(() => table.add(again, 0, -1), /count/);
});

test('table, arena, directory: empty again they begin anew, as new ones', () => {
  const table = new Table(3);
  const arena = new Arena();
  const directory = new Directory();
  const used = (): number[] => [table.bytesUsed, arena.bytesAllocated, directory.bytesUsed];
  const born = used();
  for (const count of [100_000, 50_000]) {
    const bytes = new Uint8Array(100).fill(7);
    const rows = Array.from({ length: count }, (_, index) => {
      directory.insert(hashBytes(bytes, 0, index % 97, index), index + 1);
      return { row: table.allocate(), record: arena.store(bytes, 0, 100) };
    });
    table.set(rows[count - 1]?.row ?? 0, 2, 9);
    for (const each of [table, arena, directory]) assert.throws(() => each.beginAnew(), /empty/u);
    for (const [index, { row, record }] of rows.entries()) {
      table.release(row);
      arena.free(record);
      directory.remove(hashBytes(bytes, 0, index % 97, index), index + 1);
    }
    for (const each of [table, arena, directory]) each.beginAnew();
    assert.deepEqual(used(), born);
    assert.equal(table.end, 1);
  }
  const row = table.allocate();
  assert.deepEqual([row, table.get(row, 0), table.get(row, 2)], [1, 0, 0]);
  assert.notEqual(arena.store(Uint8Array.of(1), 0, 1), 0);
});

test('a table of one segment keeps it, and its free rows', () => {
  const table = new Table(3);
  const rows = [table.allocate(), table.allocate()];
  for (const row of rows) table.release(row);
  table.beginAnew();
  assert.deepEqual([table.end, table.allocate()], [3, 2]);
});

test('arena: records keep their bytes beside others that come and go', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 140_000 }), fc.nat()), {
        maxLength: 200,
      }),
      (actions) => {
        const arena = new Arena();
        const live: { reference: number; size: number; fill: number }[] = [];
        let fill = 0;
        for (const [add, size, pick] of actions) {
          if (add || live.length === 0) {
            fill = (fill + 1) % 251;
            const bytes = new Uint8Array(size).fill(fill);
            live.push({ reference: arena.store(bytes, 0, size), size, fill });
          } else {
            const [gone] = live.splice(pick % live.length, 1);
            if (gone !== undefined) arena.free(gone.reference);
          }
        }
        for (const record of live) {
          const view = arena.view(record.reference);
          assert.equal(view.length, record.size);
          assert.ok(view.every((byte) => byte === record.fill));
        }
        for (const record of live) arena.free(record.reference);
        assert.equal(arena.bytesUsed, 0);
      },
    ),
    { numRuns: 100 },
  );
});

test('arena: the largest record fits, at the border of every class; one more byte is a bug', () => {
  const arena = new Arena();
  const bytes = new Uint8Array(1 << 20).fill(7);
  for (let round = 0; round < 2; round++) {
    const records = new Map<number, number>();
    for (let power = 9; power < 20; power++) {
      for (let eighth = 0; eighth < 8; eighth++) {
        const border = (1 << power) + (eighth << (power - 3)) - 4;
        for (const size of [border, border + 1]) {
          if (size <= 983_036) records.set(arena.store(bytes, 0, size), size);
        }
      }
    }
    for (const [record, size] of records) {
      assert.equal(arena.size(record), size);
      assert.ok(arena.bytesOf(record) >= size + 4 && arena.bytesOf(record) <= (size + 4) * 1.125);
      assert.ok(arena.start(record) + size <= 1 << 20, 'within its chunk');
      arena.free(record);
    }
    assert.equal(arena.bytesUsed, 0);
  }
  assert.throws(() => arena.store(bytes, 0, 983_037), /fits a chunk/);
});

test('directory: keys whose whole hash is equal, more of them than a bucket holds', () => {
  const directory = new Directory();
  for (let row = 1; row <= 20_000; row++) directory.insert(0xdead_beef, row);
  for (const row of [1, 9_999, 20_000]) {
    assert.equal(
      directory.find(0xdead_beef, (candidate) => candidate === row),
      row,
    );
  }
  for (let row = 20_000; row >= 1; row--) directory.remove(0xdead_beef, row);
  assert.equal(directory.used, 0);
  assert.equal(
    directory.find(0xdead_beef, () => true),
    0,
  );
});

test('directory: equals a Map through inserts, finds, removals and splits', () => {
  const directory = new Directory();
  const model = new Map<number, number>();
  const hashes = new Uint32Array(200_001);
  for (let row = 1; row <= 200_000; row++) {
    // Every tenth hash is equal to its neighbour's: full collisions must be told apart by key.
    const key = row % 10 === 0 ? row - 1 : row;
    const bytes = new Uint8Array(new Uint32Array([key, 7]).buffer);
    hashes[row] = hashBytes(bytes, 0, bytes.length, 42);
    directory.insert(hashes[row] as number, row);
    model.set(row, hashes[row] as number);
    if (row % 3 === 0) {
      const gone = Math.floor(row / 3);
      if (model.delete(gone)) directory.remove(hashes[gone] as number, gone);
    }
  }
  assert.equal(directory.used, model.size);
  for (let row = 1; row <= 200_000; row++) {
    const found = directory.find(hashes[row] as number, (candidate) => candidate === row);
    assert.equal(found, model.has(row) ? row : 0);
  }
});

test('hash: different seeds give different orders', () => {
  const bytes = Uint8Array.from([1, 2, 3, 4, 5]);
  const values = new Set(Array.from({ length: 100 }, (_, seed) => hashBytes(bytes, 0, 5, seed)));
  assert.ok(values.size > 98);
});
