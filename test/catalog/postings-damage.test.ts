import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postings } from '../../src/catalog/postings.js';
import { RowSet } from '../../src/catalog/row-set.js';
import { capacityOf, countOf, wordAt } from '../../src/catalog/word-arena.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { CHUNK, wholeChunk } from './whole-chunk.js';

const DAMAGED = { code: 'journal-damaged' };

function restore(bytes: Uint8Array, sets: readonly number[]): Postings {
  const postings = new Postings();
  restored(bytes, (r) => postings.restore(r, sets));
  return postings;
}

/** Sets of every form, with free blocks between them; in one chunk, whose end was never used. */
function example(): { sets: number[]; bytes: Uint8Array; end: number } {
  const postings = new Postings();
  const sets = [1, 2, 9, 40, 200, 700, 900, 5_000].map((count, index) => {
    let set = 0;
    for (let at = 0; at < count; at++) {
      set = postings.add(set, 1 + at * (index % 2 === 0 ? 7 : 1_900));
    }
    return set;
  });
  for (const gone of [1, 4]) postings.free(sets.splice(gone, 1)[0] as number);
  sets.push(postings.add(postings.add(0, 3), 70_000), 0, 2 ** 31 + 12);
  const bytes = wholeChunk(saved((w) => postings.save(w)));
  let end = bytes.length - 4;
  while (bytes[end - 1] === 0) end--;
  return { sets, bytes, end };
}

/** Whatever was restored can be read, changed, saved and freed. */
function works(postings: Postings, sets: readonly number[], row: number): void {
  const bits = new RowSet();
  const changed = sets.map((set) => {
    let rows = 0;
    for (let at = postings.windowFrom(set, 0); at >= 0; at = postings.windowFrom(set, at + 1)) {
      postings.copy(set, at, bits.words);
      assert.equal(bits.count(), postings.countIn(set, at));
      rows += bits.count();
    }
    assert.equal(rows, postings.count(set));
    let now = postings.has(set, row) ? postings.remove(set, row) : postings.add(set, row);
    for (let more = 0; more < 90; more++) {
      const next = 1 + ((row - 1 + more * 33_331) % (2 ** 31 - 1));
      now = postings.has(now, next) ? postings.remove(now, next) : postings.add(now, next);
    }
    return now;
  });
  restore(
    saved((w) => postings.save(w)),
    changed,
  );
  for (const set of changed) postings.free(set);
  assert.equal(postings.bytesUsed, 0);
}

test('postings: what is turned in a saved state is damage, or sets that work', () => {
  const { sets, bytes, end } = example();
  works(restore(bytes, sets), sets, 5);
  let refused = 0;
  const values = fc.oneof(
    fc.nat(31).map((bit) => (word: number) => word ^ (1 << bit)),
    fc.constantFrom(0, 1, 0xffff_ffff, 0x8000_0000, 0x1_0001).map((value) => () => value),
    fc.constantFrom(1, -1, 4, 1_024, -1_024).map((step) => (word: number) => word + step),
  );
  fc.assert(
    fc.property(
      fc.nat(end / 4 - 1),
      values,
      fc.integer({ min: 1, max: 900_000 }),
      (at, turn, row) => {
        const broken = bytes.slice();
        const view = new DataView(broken.buffer);
        view.setUint32(at * 4, turn(view.getUint32(at * 4, true)), true);
        let postings: Postings;
        try {
          postings = restore(broken, sets);
        } catch (error) {
          assert.equal((error as { code?: string }).code, DAMAGED.code, String(error));
          refused++;
          return;
        }
        works(postings, sets, row);
      },
    ),
    { numRuns: 600 },
  );
  assert.ok(refused > 100, `${refused} were refused`);
});

/** One set, what was saved of it, and where in that its block begins, by words. */
class Saved {
  readonly words: Uint32Array;
  readonly set: number;

  constructor(rows: Iterable<number>) {
    const postings = new Postings();
    let set = 0;
    for (const row of rows) set = postings.add(set, row);
    this.set = set;
    this.words = new Uint32Array(wholeChunk(saved((w) => postings.save(w))).buffer);
  }

  /** The place of a block's head. */
  at(reference: number): number {
    return this.words.length - (1 << 18) + wordAt(reference);
  }

  /** Of the container of the `index`th window. */
  container(index: number): number {
    return this.at(this.words[this.at(this.set) + 3 + 2 * index] as number);
  }

  /** Refused with these words in the place of those that are there. */
  refuses(what: string, changes: readonly (readonly [at: number, word: number])[]): void {
    const broken = this.words.slice();
    for (const [at, word] of changes) broken[at] = word;
    const bytes = new Uint8Array(broken.buffer);
    assert.throws(() => restore(bytes, [this.set]), DAMAGED, what);
  }

  /** The head of a block with another count. */
  recount(at: number, count: number): [number, number] {
    return [at, ((this.words[at] as number) & 1_023) + count * 1_024];
  }

  /** The head of a block with another kind. */
  rekind(at: number, kind: number): [number, number] {
    return [at, ((this.words[at] as number) & ~(7 << 6)) | (kind << 6)];
  }
}

function every(step: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => 1 + index * step);
}

test('postings: a list that is none', () => {
  const list = new Saved(every(7, 40));
  const at = list.at(list.set);
  const head = list.words[at] as number;
  assert.equal(countOf(head), 40);
  for (const count of [0, 1, capacityOf(head) + 1])
    list.refuses('count', [list.recount(at, count)]);
  for (const kind of [1, 2, 5, 7]) list.refuses('kind', [list.rekind(at, kind)]);
  list.refuses('a row is 0', [[at + 1, 0]]);
  list.refuses('a row is too large', [[at + 40, 2 ** 31]]);
  list.refuses('two rows are the same', [[at + 9, list.words[at + 8] as number]]);
});

test('postings: a directory that is none', () => {
  const directory = new Saved(every(700, 2_000));
  const at = directory.at(directory.set);
  const head = directory.words[at] as number;
  const count = countOf(head);
  assert.equal(directory.words[at + 1], 2_000);
  for (const other of [0, count - 1, count + 1, (capacityOf(head) + 1) / 2]) {
    directory.refuses('count', [directory.recount(at, other)]);
  }
  for (const kind of [1, 2, 5]) directory.refuses('kind', [directory.rekind(at, kind)]);
  for (const rows of [0, 1_999, 2_001]) directory.refuses('rows', [[at + 1, rows]]);
  directory.refuses('a window twice', [[at + 4, 0]]);
  directory.refuses('a window that is none', [[at + count * 2, 32_768]]);
  const container = directory.words[at + 3] as number;
  for (const other of [0, 1, container + 1, directory.set, 2 ** 32 - 1]) {
    directory.refuses('a container elsewhere', [[at + 3, other]]);
  }
  directory.refuses('a container twice', [[at + 5, container]]);
  // All rows but those that fit a list go: what is left is counted rightly.
  const few = new Saved(every(7, 700));
  const one = few.at(few.set);
  few.refuses('few rows', [[one + 1, 64], few.recount(few.container(0), 64)]);
});

test('postings: a directory with an entry in the block behind it, which names another one', () => {
  const words = new Uint32Array(CHUNK + (1 << 18));
  const first = 1 << 16;
  const lows = every(1, 66);
  words.set([1], 0);
  words.set([first + 11, (1 << 18) - 1], 1 + 60);
  const head = (sizeClass: number, kind: number, count: number): number =>
    sizeClass | (kind << 6) | (count << 10);
  const chunk = words.subarray(CHUNK);
  // A directory with room for one entry. The head of what follows would be the second's window.
  chunk.set([head(1, 4, 2), 67, 0, first + 1], 0);
  chunk.set([head(1, 1, 1), first + 2, 0, 0], 4);
  chunk.set([head(9, 1, lows.length)], 8);
  new Uint16Array(words.buffer).set(lows, 2 * (CHUNK + 9));
  const units = (1 << 16) - 11;
  chunk.set([units << 10, 0, 0], 44);
  chunk.set([units], chunk.length - 1);
  assert.throws(() => restore(new Uint8Array(words.buffer), [first]), {
    message: /has its entries/,
  });
});

test('postings: rows of a window that are none', () => {
  const arrays = new Saved(every(30, 3_000));
  const total = arrays.at(arrays.set) + 1;
  const array = arrays.container(0);
  const head = arrays.words[array] as number;
  const recounted = (count: number): [number, number][] => [
    arrays.recount(array, count),
    [total, 3_000 + count - countOf(head)],
  ];
  for (const count of [0, 2 * capacityOf(head) + 1]) arrays.refuses('count', recounted(count));
  arrays.refuses('count of this one', [arrays.recount(array, countOf(head) - 1)]);
  for (const kind of [2, 3, 4, 6]) arrays.refuses('kind', [arrays.rekind(array, kind)]);
  arrays.refuses('a row is 0', [[array + 1, 8 << 16]]);
  arrays.refuses('two rows are the same', [[array + 9, 0x0070_0070]]);

  const bitmaps = new Saved(every(7, 5_000));
  const all = bitmaps.at(bitmaps.set) + 1;
  const bitmap = bitmaps.container(0);
  assert.equal(countOf(bitmaps.words[bitmap] as number), 5_000);
  bitmaps.refuses('a bit more', [[bitmap + 9, 0xffff_ffff]]);
  bitmaps.refuses('a row is 0', [[bitmap + 1, (bitmaps.words[bitmap + 1] as number) ^ 3]]);
  bitmaps.refuses('kind', [bitmaps.rekind(bitmap, 1)]);
  const cleared = every(1, 2_048).map(
    (word) => [bitmap + word, word <= 90 ? 2 ** 32 - 2 : 0] as const,
  );
  bitmaps.refuses('few rows', [[all, 2_790], bitmaps.recount(bitmap, 2_790), ...cleared]);
});

test('postings: another word anywhere before the blocks is damage', () => {
  const { sets, bytes } = example();
  const words = new Uint32Array(bytes.slice().buffer);
  const listsEnd = words.length - (1 << 18);
  // The number of chunks, and the first block of each list of free ones.
  for (let at = 0; at < listsEnd; at++) {
    for (const value of [1, 0x1_0000, 0x1_0001, 0xffff_ffff, (words[at] as number) + 1]) {
      if (words[at] === value) continue;
      const broken = words.slice();
      broken[at] = value;
      assert.throws(() => restore(new Uint8Array(broken.buffer), sets), DAMAGED, `${at} ${value}`);
    }
  }
});

test('postings: a state that is cut is damage', () => {
  const { sets, bytes } = example();
  for (const size of [0, 1, 4, 7, 248, 1_000, bytes.length >> 1, bytes.length - 1]) {
    assert.throws(() => restore(bytes.slice(0, size), sets), DAMAGED);
  }
  assert.throws(() => restore(Buffer.concat([bytes, Buffer.of(0)]), sets), DAMAGED);
  const empty = saved((w) => new Postings().save(w));
  restore(empty, [0, 2 ** 31 + 1, 2 ** 32 - 1]);
  assert.throws(() => restore(empty, [2 ** 31]), DAMAGED, 'the set of row 0');
  assert.throws(() => restore(empty, [sets[1] as number]), DAMAGED);
});

test('postings: sets that their owner does not have, has twice, or has never had', () => {
  const { sets, bytes } = example();
  const blocks = sets.filter((set) => set !== 0 && set < 2 ** 31);
  for (const set of blocks) {
    const others = sets.filter((other) => other !== set);
    assert.throws(() => restore(bytes, others), DAMAGED, 'a set is forgotten');
    assert.throws(() => restore(bytes, [...sets, set]), DAMAGED, 'a set is named twice');
    for (const wrong of [set + 1, set - 1, set + 65_536, 1, 2 ** 31, 2 ** 31 - 1]) {
      assert.throws(() => restore(bytes, [...others, wrong]), DAMAGED, 'another place');
    }
  }
  // No block of a directory is a set, none that is free, and nothing within one.
  for (let unit = 0; unit < 300; unit++) {
    assert.throws(() => restore(bytes, [...sets, 65_536 + unit]), DAMAGED);
  }
});
