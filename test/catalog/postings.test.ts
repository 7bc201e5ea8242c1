import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postings } from '../../src/catalog/postings.js';
import { RowSet, WINDOW_ROWS } from '../../src/catalog/row-set.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';

const ROWS_END = 2 ** 31;
const SLOTS = 6;

/** All rows of a set, by its windows, as a query sees them. */
function rowsOf(postings: Postings, set: number): number[] {
  const rows: number[] = [];
  const bits = new RowSet();
  let window = postings.windowFrom(set, 0);
  while (window >= 0) {
    postings.copy(set, window, bits.words);
    assert.equal(bits.count(), postings.countIn(set, window));
    assert.ok(bits.count() > 0, 'a window that is named has rows');
    for (let low = bits.next(0); low >= 0; low = bits.next(low + 1)) {
      rows.push(window * WINDOW_ROWS + low);
    }
    window = postings.windowFrom(set, window + 1);
  }
  assert.equal(rows.length, postings.count(set));
  return rows;
}

function sorted(rows: Iterable<number>): number[] {
  return [...rows].sort((a, b) => a - b);
}

/** Restores what was saved, which also checks each block of it. */
function copyOf(postings: Postings, sets: readonly number[]): Postings {
  const copy = new Postings();
  restored(
    saved((w) => postings.save(w)),
    (r) => copy.restore(r, sets),
  );
  return copy;
}

function addAll(postings: Postings, set: number, rows: Iterable<number>): number {
  let last = set;
  for (const row of rows) last = postings.add(last, row);
  return last;
}

/** `count` rows from `first` on, each `step` beyond the one before it. */
function run(first: number, step: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index * step);
}

/** Few and many, close and thin, at both ends of all rows. */
const runs = fc
  .tuple(
    fc.constantFrom(1, 65_530, 400_000, ROWS_END - 30_000_000),
    fc.nat(5_000),
    fc.constantFrom(1, 1, 2, 13, 700, 40_000),
    fc.constantFrom(1, 1, 1, 2, 60, 130, 700),
  )
  .map(([base, offset, step, count]) => run(base + offset, step, count));
const large = fc
  .tuple(fc.nat(3_000), fc.constantFrom(1, 2, 7), fc.constantFrom(3_070, 4_095, 4_098, 9_000))
  .map(([first, step, count]) => run(1 + first, step, count));
const actions = fc.array(
  fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'remove', 'remove', 'drop', 'free'),
    together: fc.boolean(),
    slot: fc.nat(SLOTS - 1),
    rows: fc.oneof({ arbitrary: runs, weight: 4 }, { arbitrary: large, weight: 1 }),
    backwards: fc.boolean(),
  }),
  { maxLength: 40 },
);
type Actions = typeof actions extends fc.Arbitrary<infer T> ? T : never;

/** Sets, and what they should have. */
class Pair {
  readonly handles = new Array<number>(SLOTS).fill(0);
  readonly models = Array.from({ length: SLOTS }, () => new Set<number>());
  postings = new Postings();

  act({ kind, slot, rows, backwards, together }: Actions[number]): void {
    const model = this.models[slot] as Set<number>;
    let set = this.handles[slot] as number;
    if (together && kind !== 'free') {
      const present = kind === 'drop' ? sorted(model).slice(0, rows.length) : rows;
      const changed = present.filter((row) => model.has(row) !== (kind === 'add'));
      const change = kind === 'add' ? 'addMany' : 'removeMany';
      set = this.postings[change](set, changed);
      for (const row of changed) {
        if (kind === 'add') model.add(row);
        else model.delete(row);
      }
    } else if (kind === 'free') {
      this.postings.free(set);
      set = 0;
      model.clear();
    } else if (kind === 'add') {
      for (const row of backwards ? rows.toReversed() : rows) {
        assert.equal(this.postings.has(set, row), model.has(row));
        if (!model.has(row)) set = this.postings.add(set, row);
        model.add(row);
      }
    } else {
      // Rows that were drawn, or as many of those that are there.
      const present = kind === 'drop' ? sorted(model).slice(0, rows.length) : rows;
      for (const row of backwards ? present.toReversed() : present) {
        if (model.delete(row)) set = this.postings.remove(set, row);
        assert.ok(!this.postings.has(set, row));
      }
    }
    this.handles[slot] = set;
    assert.equal(this.postings.count(set), model.size);
  }

  check(): void {
    this.models.forEach((model, slot) => {
      assert.deepEqual(rowsOf(this.postings, this.handles[slot] as number), sorted(model));
    });
  }
}

test('postings: sets have what was added and not removed; restored they go on alike', () => {
  fc.assert(
    fc.property(actions, actions, (before, after) => {
      const pair = new Pair();
      for (const action of before) pair.act(action);
      pair.check();
      const first = pair.postings;
      const handles = [...pair.handles];
      pair.postings = copyOf(first, handles);
      assert.equal(pair.postings.bytesUsed, first.bytesUsed);
      for (const action of after) pair.act(action);
      pair.check();
      const second = copyOf(pair.postings, pair.handles);
      for (const set of pair.handles) second.free(set);
      assert.equal(second.bytesUsed, 0);
      // The one that was saved goes on to the same bytes.
      const other = new Pair();
      for (const action of [...before, ...after]) other.act(action);
      assert.deepEqual(other.handles, pair.handles);
      assert.deepEqual(
        saved((w) => other.postings.save(w)),
        saved((w) => pair.postings.save(w)),
      );
    }),
    { numRuns: 60 },
  );
});

test('postings: what is asked of a window is what brute force gives', () => {
  const windows = [0, 1, 2, 6, 7, 32_766, 32_767];
  fc.assert(
    fc.property(fc.array(runs, { maxLength: 5 }), large, fc.boolean(), (parts, many, isLarge) => {
      const model = new Set([...parts.flat(), ...(isLarge ? many : [])]);
      const postings = new Postings();
      const set = addAll(postings, 0, model);
      const bits = new RowSet();
      for (const window of windows) {
        const inside = sorted(model).filter((row) => Math.floor(row / WINDOW_ROWS) === window);
        const lows = new Set(inside.map((row) => row % WINDOW_ROWS));
        assert.equal(postings.countIn(set, window), lows.size);
        const next = sorted(model).find((row) => row >= window * WINDOW_ROWS);
        const named = next === undefined ? -1 : Math.floor(next / WINDOW_ROWS);
        assert.equal(postings.windowFrom(set, window), named);
        const expect = (wanted: (low: number) => boolean): void => {
          for (let low = 0; low < WINDOW_ROWS; low++) {
            if (bits.has(low) !== wanted(low)) assert.fail(`row ${low} of window ${window}`);
          }
        };
        const reset = (): void => {
          for (let word = 0; word < bits.words.length; word++) bits.words[word] = word * 0x9e3779b1;
        };
        reset();
        const base = new Uint8Array(WINDOW_ROWS).map((_, low) => (bits.has(low) ? 1 : 0));
        postings.fill(set, window, bits.words);
        expect((low) => base[low] === 1 || lows.has(low));
        reset();
        postings.and(set, window, bits.words);
        expect((low) => base[low] === 1 && lows.has(low));
        reset();
        postings.andNot(set, window, bits.words);
        expect((low) => base[low] === 1 && !lows.has(low));
        postings.copy(set, window, bits.words);
        expect((low) => lows.has(low));
      }
    }),
    { numRuns: 40 },
  );
});

test('postings: a set of one row is that row, and takes nothing', () => {
  const postings = new Postings();
  for (const row of [1, 65_535, 65_536, ROWS_END - 1]) {
    const set = postings.add(0, row);
    assert.equal(set, 2 ** 31 + row);
    assert.deepEqual(rowsOf(postings, set), [row]);
    assert.ok(postings.has(set, row) && !postings.has(set, row - 1) && !postings.has(set, 0));
    assert.equal(postings.remove(set, row), 0);
  }
  assert.ok(!postings.has(0, 0) && !postings.has(0, 1));
  assert.deepEqual(rowsOf(postings, 0), []);
  assert.deepEqual([postings.bytesUsed, postings.bytesAllocated], [0, 0]);
  const pair = addAll(postings, 0, [9, 5]);
  assert.deepEqual(rowsOf(postings, pair), [5, 9]);
  assert.equal(postings.remove(pair, 9), 2 ** 31 + 5);
  assert.equal(postings.bytesUsed, 0);
});

/** Adds and removes one row again and again: nothing may move but at the first turn. */
function settles(postings: Postings, set: number, row: number): number {
  let last = postings.remove(postings.add(set, row), row);
  const bytes = postings.bytesUsed;
  for (let turn = 0; turn < 5; turn++) {
    const more = postings.add(last, row);
    assert.equal(postings.bytesUsed, bytes);
    last = postings.remove(more, row);
    assert.equal(postings.bytesUsed, bytes);
    assert.equal(last, more);
  }
  return last;
}

test('postings: at the borders of its forms a set does not change to and fro', () => {
  const bitmapBytes = 8_208;
  for (const first of [1, 100_000]) {
    const postings = new Postings();
    let set = addAll(postings, 0, run(first, 2, 4_096));
    const arrayBytes = postings.bytesUsed;
    set = settles(postings, set, first + 1);
    assert.ok(postings.bytesUsed <= arrayBytes + 16, 'a bitmap is not larger than the array');
    for (const row of run(first, 2, 1_023)) set = postings.remove(set, row);
    assert.ok(postings.bytesUsed >= bitmapBytes, 'still a bitmap');
    set = postings.remove(set, first + 2_046);
    assert.ok(postings.bytesUsed < bitmapBytes, 'an array again');
    set = settles(postings, set, first + 1);
    assert.deepEqual(rowsOf(postings, set), run(first + 2_048, 2, 3_072));
  }
});

test('postings: rows that lie thin stay a list for longer than those that lie close', () => {
  const postings = new Postings();
  const close = addAll(postings, 0, run(1, 3, 1_000));
  assert.ok(postings.bytesUsed < 2_700, `${postings.bytesUsed}`);
  postings.free(close);
  let thin = addAll(postings, 0, run(1, 65_537, 1_000));
  assert.ok(postings.bytesUsed < 5_000, `${postings.bytesUsed}`);
  thin = addAll(postings, thin, run(1_000 * 65_537 + 1, 65_537, 24));
  const listBytes = postings.bytesUsed;
  thin = settles(postings, thin, 70_000);
  assert.ok(postings.bytesUsed > 4 * listBytes, 'a directory, though it is the larger one');
  for (const row of run(1, 65_537, 959)) thin = postings.remove(thin, row);
  assert.equal(postings.count(thin), 65);
  const beside = 1_000 * 65_537 + 2;
  thin = settles(postings, thin, beside);
  thin = postings.remove(thin, 959 * 65_537 + 1);
  assert.ok(postings.bytesUsed < 400, 'a list again');
  thin = settles(postings, thin, beside);
  assert.deepEqual(rowsOf(postings, thin), run(960 * 65_537 + 1, 65_537, 64));
});

test('postings: a set with rows in every window that there is', () => {
  const postings = new Postings();
  const rows = run(65_535, 65_536, 32_768);
  assert.equal(rows.at(-1), ROWS_END - 1);
  let set = addAll(postings, 0, rows);
  assert.equal(postings.count(set), rows.length);
  assert.equal(postings.windowFrom(set, 32_767), 32_767);
  assert.equal(postings.windowFrom(set, 32_768), -1);
  assert.ok(rows.every((row) => postings.has(set, row) && !postings.has(set, row - 1)));
  copyOf(postings, [set]);
  for (const row of rows) if (row % 3 === 0) set = postings.remove(set, row);
  const left = rows.filter((row) => row % 3 !== 0);
  assert.deepEqual(rowsOf(postings, set), left);
  for (const row of left) set = postings.remove(set, row);
  assert.deepEqual([set, postings.bytesUsed], [0, 0]);
});

test('postings: what no owner may ask stops it, and changes nothing', () => {
  const shapes = [[7], [7, 9], run(7, 3, 600), run(7, 2, 5_000), run(7, 65_536, 1_500)];
  for (const rows of shapes) {
    const postings = new Postings();
    const set = addAll(postings, 0, rows);
    const before = saved((w) => postings.save(w));
    const last = rows.at(-1) as number;
    for (const row of [7, last]) assert.throws(() => postings.add(set, row), /is added once/);
    for (const row of [0, 6, 8, last + 1, ROWS_END - 1]) {
      assert.throws(() => postings.remove(set, row), /removed row/);
    }
    for (const row of [0, -1, ROWS_END]) assert.throws(() => postings.add(set, row), /a row is 1/);
    assert.deepEqual(
      saved((w) => postings.save(w)),
      before,
    );
  }
  for (const window of [-1, 32_769]) {
    assert.throws(() => new Postings().windowFrom(2 ** 31 + 1, window), /windows are/);
    assert.throws(() => new Postings().countIn(2 ** 31 + 1, window), /windows are/);
  }
  assert.throws(() => new Postings().remove(0, 1), /removed row/);
  assert.throws(() => new Postings().remove(0, 0), /removed row/);
});

test('postings: sets that grow side by side leave little behind, and a churn nothing', () => {
  const postings = new Postings();
  const sets = new Array<number>(1_200).fill(0);
  const grow = (from: number, to: number): void => {
    for (let turn = from; turn < to; turn++) {
      for (let index = 0; index < sets.length; index++) {
        const row = 1 + turn * sets.length + index;
        sets[index] = postings.add(sets[index] as number, row);
      }
    }
  };
  grow(0, 200);
  const rows = 200 * sets.length;
  assert.ok(postings.bytesUsed < rows * 5, `${postings.bytesUsed / rows} bytes a row`);
  assert.ok(postings.bytesAllocated < postings.bytesUsed * 1.2 + 2 ** 20);
  const allocated = postings.bytesAllocated;
  // A window of time that moves on: the oldest row goes, a new one comes; at times all of a set.
  for (let turn = 200; turn < 450; turn++) {
    for (let index = 0; index < sets.length; index++) {
      const oldest = 1 + (turn - 200) * sets.length + index;
      const set = postings.remove(sets[index] as number, oldest);
      sets[index] = postings.add(set, 1 + turn * sets.length + index);
    }
    for (let index = turn % 7; index < sets.length; index += 97) {
      const kept = rowsOf(postings, sets[index] as number);
      postings.free(sets[index] as number);
      sets[index] = addAll(postings, 0, kept);
    }
  }
  assert.ok(postings.bytesAllocated <= allocated + 2 ** 20, `${postings.bytesAllocated}`);
  copyOf(postings, sets);
  for (const set of sets) postings.free(set);
  assert.equal(postings.bytesUsed, 0);
  // All that was freed is one again: there is room for what is quite another shape.
  const all = postings.bytesAllocated;
  addAll(postings, 0, run(1, 1, 1_000_000));
  assert.equal(postings.bytesAllocated, all);
});

test('postings: what some rows have in common with a set is what it has of them', () => {
  fc.assert(
    fc.property(runs, runs, runs, (one, other, asked) => {
      const postings = new Postings();
      const set = addAll(postings, 0, new Set([...one, ...other]));
      const rows = sorted(new Set([...asked, ...one.slice(0, 9)]));
      assert.deepEqual(
        postings.common(set, rows),
        rows.filter((row) => postings.has(set, row)),
      );
    }),
  );
});
