import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowSet, WINDOW_ROWS } from '../../src/catalog/row-set.js';
import { fc } from '../fast-check.js';

function rowSet(rows: Iterable<number>): RowSet {
  const set = new RowSet();
  for (const row of rows) {
    set.words[row >>> 5] = (set.words[row >>> 5] as number) | (1 << row);
  }
  return set;
}

function rowsOf(set: RowSet): number[] {
  const rows: number[] = [];
  for (let row = set.next(0); row >= 0; row = set.next(row + 1)) rows.push(row);
  return rows;
}

const rows = fc.uniqueArray(
  fc.oneof(fc.nat(WINDOW_ROWS - 1), fc.nat(70), fc.constantFrom(65_503, 65_504, 65_535)),
  { maxLength: 200 },
);

test('row set: has, counts and lists in order what is in it', () => {
  fc.assert(
    fc.property(rows, fc.nat(WINDOW_ROWS), (inside, from) => {
      const set = rowSet(inside);
      const ordered = inside.toSorted((a, b) => a - b);
      assert.deepEqual(rowsOf(set), ordered);
      assert.equal(set.count(), inside.length);
      assert.equal(set.next(from), ordered.find((row) => row >= from) ?? -1);
      for (const row of [...inside, from % WINDOW_ROWS]) {
        assert.equal(set.has(row), inside.includes(row));
      }
      set.clear();
      assert.deepEqual([set.count(), set.next(0)], [0, -1]);
    }),
  );
});

test('row set: or, and, and-not are those of sets', () => {
  fc.assert(
    fc.property(rows, rows, (one, other) => {
      const check = (change: (set: RowSet) => void, wanted: (row: number) => boolean): void => {
        const set = rowSet(one);
        change(set);
        const all = [...new Set([...one, ...other])].sort((a, b) => a - b);
        assert.deepEqual(rowsOf(set), all.filter(wanted));
      };
      const by = rowSet(other);
      check(
        (set) => set.or(by),
        () => true,
      );
      check(
        (set) => set.and(by),
        (row) => one.includes(row) && other.includes(row),
      );
      check(
        (set) => set.andNot(by),
        (row) => one.includes(row) && !other.includes(row),
      );
    }),
  );
});

test('row set: all rows up to a bound', () => {
  const set = new RowSet();
  for (const end of [WINDOW_ROWS, 0, 1, 31, 32, 33, 4_097, 65_504, 65_535]) {
    set.fillTo(end);
    assert.equal(set.count(), end);
    assert.equal(set.next(0), end === 0 ? -1 : 0);
    assert.ok(end === 0 || (set.has(end - 1) && set.next(end) === -1));
  }
  assert.throws(() => set.fillTo(WINDOW_ROWS + 1), /65,536 rows/);
});
