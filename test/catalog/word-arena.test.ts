import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  capacityOf,
  changeCount,
  countOf,
  kindOf,
  WordArena,
  wordAt,
} from '../../src/catalog/word-arena.js';
import { restored, saved } from '../core/states.js';
import { fc } from '../fast-check.js';
import { CHUNK, wholeChunk } from './whole-chunk.js';

const LARGEST = 65_539;

interface Block {
  reference: number;
  size: number;
  readonly mark: number;
}

function write(arena: WordArena, { reference, size, mark }: Block): void {
  const at = wordAt(reference);
  arena.words(reference).fill(mark, at + 1, at + 1 + size);
}

/** Whether a block has its kind, its count and the words that were written. */
function check(arena: WordArena, { reference, size, mark }: Block): void {
  const words = arena.words(reference);
  const at = wordAt(reference);
  const head = words[at] as number;
  assert.deepEqual([kindOf(head), countOf(head)], [1 + (mark % 7), mark]);
  assert.ok(capacityOf(head) >= size && at + 1 + capacityOf(head) <= words.length);
  assert.ok(words.subarray(at + 1, at + 1 + size).every((word) => word === mark));
  assert.equal(arena.halves(reference)[2 * (at + 1)], mark & 0xffff);
}

function restore(arena: WordArena, named: readonly number[]): WordArena {
  const copy = new WordArena();
  restored(
    saved((w) => arena.save(w)),
    (r) => {
      const claims = copy.restore(r);
      for (const reference of named) claims.claim(reference);
      claims.end();
    },
  );
  return copy;
}

const sizes = fc.oneof(
  { arbitrary: fc.integer({ min: 1, max: 70 }), weight: 6 },
  { arbitrary: fc.integer({ min: 1, max: 5_000 }), weight: 2 },
  { arbitrary: fc.integer({ min: 60_000, max: LARGEST }), weight: 1 },
);
const actions = fc.array(fc.tuple(fc.nat(9), fc.nat(), sizes), { maxLength: 150 });

test('word arena: blocks keep what is theirs beside others that come, move and go', () => {
  fc.assert(
    fc.property(actions, (taken) => {
      const arena = new WordArena();
      const live: Block[] = [];
      let mark = 0;
      for (const [kind, pick, size] of taken) {
        const [block] = kind < 5 ? [] : live.splice(pick % Math.max(1, live.length), 1);
        if (block === undefined) {
          mark++;
          const reference = arena.allocate(size, 1 + (mark % 7));
          changeCount(arena.words(reference), wordAt(reference), mark);
          live.push({ reference, size, mark });
          write(arena, { reference, size, mark });
        } else if (kind < 7) {
          const used = Math.min(size, block.size);
          block.reference = arena.resize(block.reference, used, size);
          block.size = used;
          live.push(block);
        } else arena.free(block.reference);
      }
      for (const block of live) check(arena, block);
      const references = live.map(({ reference }) => reference);
      const copy = restore(arena, references);
      assert.deepEqual(
        [copy.bytesUsed, copy.bytesAllocated],
        [arena.bytesUsed, arena.bytesAllocated],
      );
      for (const block of live) {
        check(copy, block);
        copy.free(block.reference);
      }
      assert.equal(copy.bytesUsed, 0);
      // Free neighbours are one: a chunk has room for three of the largest again.
      const rooms = (copy.bytesAllocated >> 20) * 3;
      for (let count = 0; count < rooms; count++) copy.allocate(LARGEST, 1);
      assert.equal(copy.bytesAllocated, arena.bytesAllocated);
    }),
    { numRuns: 100 },
  );
});

test('word arena: every size fits its class; beyond the largest is a bug', () => {
  const arena = new WordArena();
  for (let size = 1; size <= LARGEST; size += size < 3_000 ? 1 : 61) {
    const reference = arena.allocate(size, 1);
    const capacity = capacityOf(arena.words(reference)[wordAt(reference)] as number);
    assert.ok(capacity >= size && capacity <= Math.max(size * 1.25 + 1, size + 3), `${size}`);
    assert.equal(arena.bytesUsed, (capacity + 1) * 4);
    arena.free(reference);
    assert.throws(() => arena.free(reference), /in use/);
  }
  for (const size of [3, 7, 35, 2_051, LARGEST]) {
    const reference = arena.allocate(size, 1);
    assert.equal(capacityOf(arena.words(reference)[wordAt(reference)] as number), size);
  }
  assert.throws(() => arena.allocate(LARGEST + 1, 1), /of a class/);
});

test('word arena: a block moves to one that fits when half of it is used, and not before', () => {
  const arena = new WordArena();
  const reference = arena.allocate(35, 2);
  changeCount(arena.words(reference), wordAt(reference), 9);
  assert.equal(arena.fit(reference, 18), reference);
  const moved = arena.fit(reference, 17);
  const head = arena.words(moved)[wordAt(moved)] as number;
  assert.deepEqual([kindOf(head), countOf(head), capacityOf(head)], [2, 9, 19]);
  const least = arena.fit(moved, 1);
  assert.equal(arena.fit(least, 1), least);
});

test('word arena: a restored block is named by one owner, each of them by some', () => {
  const arena = new WordArena();
  const [one, two, three] = [3, 40, 7].map((size) => arena.allocate(size, 1)) as [
    number,
    number,
    number,
  ];
  arena.free(two);
  restore(arena, [one, three]);
  const damaged = { code: 'journal-damaged' };
  const outside = [0, 1, 2 ** 31 - 1, 2 ** 31 + one, 2 ** 32 - 1, one + (1 << 16), -1, 0.5];
  for (const other of [one, two, three + 1, ...outside]) {
    assert.throws(() => restore(arena, [one, three, other]), damaged, `${other}`);
  }
  for (const wrong of [[one], [one, one], []]) {
    assert.throws(() => restore(arena, wrong), damaged);
  }
  assert.throws(() => restore(new WordArena(), [one]), damaged);
});

/** The bits of a head that are its owner's, when it is in use: its kind and its count. */
const OWNED = 0xffff_fdc0;

/** Blocks of 4, 8, 4, 8, 4 words, of which the larger ones are free, and what is left. */
function example(): { state: Uint32Array; named: number[] } {
  const arena = new WordArena();
  const blocks = [3, 7, 3, 7, 3].map((size, index) => {
    const block = { reference: arena.allocate(size, 1), size, mark: index };
    write(arena, block);
    return block.reference;
  });
  for (const index of [1, 3]) arena.free(blocks[index] as number);
  const bytes = wholeChunk(saved((w) => arena.save(w)));
  const state = new Uint32Array(bytes.buffer);
  return { state, named: [0, 2, 4].map((index) => blocks[index] as number) };
}

function restoreState(state: Uint32Array, named: readonly number[]): void {
  restored(new Uint8Array(state.buffer), (r) => {
    const claims = new WordArena().restore(r);
    for (const reference of named) claims.claim(reference);
    claims.end();
  });
}

test('word arena: no bit of a head, a link or a size can be turned', () => {
  const { state, named } = example();
  restoreState(state, named);
  const heads = [0, 4, 12, 16, 24, 28];
  const links = [5, 6, 11, 17, 18, 23, 29, 30, (1 << 18) - 1];
  for (const at of [...heads, ...links]) {
    for (let bit = 0; bit < 32; bit++) {
      const isOwned = [0, 12, 24].includes(at) && ((OWNED >>> bit) & 1) === 1;
      // A kind of 0 is no owner's: bit 6 is the only one that is set.
      if (isOwned && bit !== 6) continue;
      const broken = state.slice();
      broken[CHUNK + at] = (state[CHUNK + at] as number) ^ (1 << bit);
      const where = `bit ${bit} of word ${at}`;
      assert.throws(() => restoreState(broken, named), { code: 'journal-damaged' }, where);
    }
  }
});

test('word arena: blocks that are wrong though each word is in itself right', () => {
  const { state, named } = example();
  const first = 1 << 16;
  const end = CHUNK + (1 << 18);
  const refuses = (words: readonly (readonly [at: number, word: number])[], more = 0): void => {
    const broken = state.slice();
    for (const [at, word] of words) broken[at] = word;
    const all = more === 0 ? named : [...named, more];
    assert.throws(() => restoreState(broken, all), { code: 'journal-damaged' });
  };
  // Two free neighbours, in their list, that know of each other.
  refuses([
    [1 + 1, first + 1],
    [1 + 2, first + 4],
    ...[1 << 10, first + 2, 0, 1, (1 << 10) | 512, 0, first + 1, 1].map(
      (word, index) => [CHUNK + 4 + index, word] as const,
    ),
    [CHUNK + 17, 0],
    [CHUNK + 18, 0],
  ]);
  // The list of another size.
  refuses([
    [1 + 2, 0],
    [1 + 3, state[1 + 2] as number],
  ]);
  // A ring.
  refuses([[CHUNK + 5, first + 4]]);
  // A block that is in use and ends beyond its chunk.
  const units = (1 << 16) - 8;
  refuses(
    [
      [CHUNK + 28, units << 10],
      [end - 5, units],
      [end - 4, 2 | (1 << 6) | 512],
    ],
    first + (1 << 16) - 1,
  );
  // A block of a class that is none, and in its place.
  const size = 81_924;
  const rest = (1 << 18) - 24 - size;
  refuses([
    [CHUNK + 24, 54 | (1 << 6) | 512],
    [CHUNK + 24 + size, (rest / 4) << 10],
    [CHUNK + 24 + size + 1, 0],
    [CHUNK + 24 + size + 2, 0],
    [end - 1, rest / 4],
    [1 + 60, 0],
    [1 + 58, first + (24 + size) / 4],
  ]);
  // A size of nothing.
  refuses([
    [CHUNK + 27, 0],
    [CHUNK + 28, 0],
  ]);
});
