import { assert } from '../core/assert.js';
import { checkSaved } from '../core/state-codec.js';
import { countBits, WINDOW_ROWS, WINDOW_WORDS } from './row-set.js';
import { insertAt, isAscending, lowerBound, removeAt } from './sorted.js';
import { capacityOf, changeCount, countOf, kindOf, type WordArena, wordAt } from './word-arena.js';

/** Kinds of blocks: the low halves of a window's rows, sorted, or the window as a bitmap. */
const ARRAY = 1;
export const BITMAP = 2;

/** As large as a bitmap. */
const ARRAY_MAX = 4_096;
/** A bitmap with so few rows becomes an array; that is one again when a third more have come. */
const BITMAP_MIN = 3_072;
/** Of a row, its place in its window. */
const LOW_MASK = WINDOW_ROWS - 1;

/**
 * The rows of a set in one window, of which there is one at least: a block whose head counts them.
 * `low` is a row within its window. What adds or removes returns the block that is there then.
 */
export function newContainer(arena: WordArena, low: number): number {
  const reference = arena.allocate(1, ARRAY);
  const at = wordAt(reference);
  const words = arena.words(reference);
  changeCount(words, at, 1);
  words[at + 1] = low;
  return reference;
}

export function addLow(arena: WordArena, reference: number, low: number): number {
  const words = arena.words(reference);
  const at = wordAt(reference);
  const head = words[at] as number;
  if (kindOf(head) === BITMAP) {
    const word = at + 1 + (low >>> 5);
    const bits = words[word] as number;
    assert(((bits >>> low) & 1) === 0, 'a row is added once');
    words[word] = bits | (1 << low);
    changeCount(words, at, 1);
    return reference;
  }
  const halves = arena.halves(reference);
  const start = 2 * (at + 1);
  const count = countOf(head);
  const end = start + count;
  const place = lowerBound(halves, start, end, low);
  assert(place === end || halves[place] !== low, 'a row is added once');
  if (count === ARRAY_MAX) return addLow(arena, toBitmap(arena, reference), low);
  const capacity = capacityOf(head);
  if (count === 2 * capacity) {
    return addLow(arena, arena.resize(reference, capacity, capacity + 1), low);
  }
  insertAt(halves, place, end, low);
  changeCount(words, at, 1);
  return reference;
}

/** Adds rows `[start, end)`, in ascending order, each by what it is within its window. */
export function addLows(
  arena: WordArena,
  reference: number,
  rows: readonly number[],
  start: number,
  end: number,
): number {
  const head = arena.words(reference)[wordAt(reference)] as number;
  const count = countOf(head) + end - start;
  if (kindOf(head) === BITMAP || count > ARRAY_MAX) {
    const bitmap = kindOf(head) === BITMAP ? reference : toBitmap(arena, reference);
    setLows(arena.words(bitmap), wordAt(bitmap) + 1, rows, start, end);
    changeCount(arena.words(bitmap), wordAt(bitmap), end - start);
    return bitmap;
  }
  const used = (countOf(head) + 1) >>> 1;
  const needed = (count + 1) >>> 1;
  const array = needed > capacityOf(head) ? arena.resize(reference, used, needed) : reference;
  mergeLows(arena.halves(array), 2 * (wordAt(array) + 1), countOf(head), rows, start, end);
  changeCount(arena.words(array), wordAt(array), end - start);
  return array;
}

/** Merges rows into an array of `count`, from behind, so that none is moved twice. */
function mergeLows(
  halves: Uint16Array,
  first: number,
  count: number,
  rows: readonly number[],
  start: number,
  end: number,
): void {
  let from = first + count - 1;
  let target = from + end - start;
  for (let place = end - 1; place >= start; place--) {
    const low = (rows[place] as number) & LOW_MASK;
    while (from >= first && (halves[from] as number) > low) {
      halves[target--] = halves[from--] as number;
    }
    assert(from < first || halves[from] !== low, 'a row is added once');
    halves[target--] = low;
  }
}

function setLows(
  words: Uint32Array,
  first: number,
  rows: readonly number[],
  start: number,
  end: number,
): void {
  for (let place = start; place < end; place++) {
    const low = (rows[place] as number) & LOW_MASK;
    const word = first + (low >>> 5);
    const bits = words[word] as number;
    assert(((bits >>> low) & 1) === 0, 'a row is added once');
    words[word] = bits | (1 << low);
  }
}

/** As {@link addLows}, and 0 when none is left. */
export function removeLows(
  arena: WordArena,
  reference: number,
  rows: readonly number[],
  start: number,
  end: number,
): number {
  const words = arena.words(reference);
  const at = wordAt(reference);
  const head = words[at] as number;
  const left = countOf(head) - (end - start);
  if (kindOf(head) === BITMAP) clearLows(words, at + 1, rows, start, end);
  else takeLows(arena.halves(reference), 2 * (at + 1), countOf(head), rows, start, end);
  if (left === 0) {
    arena.free(reference);
    return 0;
  }
  changeCount(words, at, start - end);
  if (kindOf(head) !== BITMAP) return arena.fit(reference, (left + 1) >>> 1);
  return left <= BITMAP_MIN ? toArray(arena, reference) : reference;
}

/** Takes rows out of an array of `count`, and closes it up. */
function takeLows(
  halves: Uint16Array,
  first: number,
  count: number,
  rows: readonly number[],
  start: number,
  end: number,
): void {
  let place = start;
  let target = first;
  for (let from = first; from < first + count; from++) {
    const low = halves[from] as number;
    if (place < end && low === ((rows[place] as number) & LOW_MASK)) place++;
    else halves[target++] = low;
  }
  assert(place === end, 'a removed row is in the set');
}

function clearLows(
  words: Uint32Array,
  first: number,
  rows: readonly number[],
  start: number,
  end: number,
): void {
  for (let place = start; place < end; place++) {
    const low = (rows[place] as number) & LOW_MASK;
    const word = first + (low >>> 5);
    const bits = words[word] as number;
    assert(((bits >>> low) & 1) === 1, 'a removed row is in the set');
    words[word] = bits & ~(1 << low);
  }
}

/** Returns 0 when the row was the last one. */
export function removeLow(arena: WordArena, reference: number, low: number): number {
  const words = arena.words(reference);
  const at = wordAt(reference);
  const head = words[at] as number;
  const left = countOf(head) - 1;
  if (kindOf(head) === BITMAP) {
    const word = at + 1 + (low >>> 5);
    const bits = words[word] as number;
    assert(((bits >>> low) & 1) === 1, 'a removed row is in the set');
    words[word] = bits & ~(1 << low);
    changeCount(words, at, -1);
    return left <= BITMAP_MIN ? toArray(arena, reference) : reference;
  }
  const halves = arena.halves(reference);
  const start = 2 * (at + 1);
  const end = start + left + 1;
  const place = lowerBound(halves, start, end, low);
  assert(place < end && halves[place] === low, 'a removed row is in the set');
  if (left === 0) {
    arena.free(reference);
    return 0;
  }
  removeAt(halves, place, end);
  changeCount(words, at, -1);
  return arena.fit(reference, (left + 1) >>> 1);
}

export function hasLow(arena: WordArena, reference: number, low: number): boolean {
  const words = arena.words(reference);
  const at = wordAt(reference);
  const head = words[at] as number;
  if (kindOf(head) === BITMAP) {
    return (((words[at + 1 + (low >>> 5)] as number) >>> low) & 1) === 1;
  }
  const halves = arena.halves(reference);
  const start = 2 * (at + 1);
  const end = start + countOf(head);
  const place = lowerBound(halves, start, end, low);
  return place < end && halves[place] === low;
}

/** Checks a block that was saved, whose head is given. */
export function checkContainer(arena: WordArena, reference: number, head: number): void {
  const at = wordAt(reference) + 1;
  const count = countOf(head);
  const capacity = capacityOf(head);
  if (kindOf(head) === BITMAP) {
    checkSaved(count > BITMAP_MIN && capacity >= WINDOW_WORDS, 'a bitmap has many rows');
    checkSaved(countBits(arena.words(reference), at) === count, 'a bitmap counts its rows');
    return;
  }
  checkSaved(kindOf(head) === ARRAY, 'rows of a window are an array or a bitmap');
  checkSaved(count >= 1 && count <= Math.min(ARRAY_MAX, 2 * capacity), 'an array has its rows');
  const isSorted = isAscending(arena.halves(reference), 2 * at, 2 * at + count);
  checkSaved(isSorted, 'an array is sorted');
}

function toBitmap(arena: WordArena, reference: number): number {
  const bitmap = arena.allocate(WINDOW_WORDS, BITMAP);
  const words = arena.words(bitmap);
  const at = wordAt(bitmap);
  words.fill(0, at + 1, at + 1 + WINDOW_WORDS);
  const count = countOf(arena.words(reference)[wordAt(reference)] as number);
  changeCount(words, at, count);
  const halves = arena.halves(reference);
  const start = 2 * (wordAt(reference) + 1);
  for (let place = start; place < start + count; place++) {
    const low = halves[place] as number;
    const word = at + 1 + (low >>> 5);
    words[word] = (words[word] as number) | (1 << low);
  }
  arena.free(reference);
  return bitmap;
}

function toArray(arena: WordArena, reference: number): number {
  const words = arena.words(reference);
  const count = countOf(words[wordAt(reference)] as number);
  const array = arena.allocate((count + 1) >>> 1, ARRAY);
  const head = wordAt(array);
  changeCount(arena.words(array), head, count);
  const halves = arena.halves(array);
  const at = wordAt(reference) + 1;
  let place = 2 * (head + 1);
  for (let word = 0; word < WINDOW_WORDS; word++) {
    for (let bits = words[at + word] as number; bits !== 0; bits &= bits - 1) {
      halves[place++] = word * 32 + 31 - Math.clz32(bits & -bits);
    }
  }
  arena.free(reference);
  return array;
}
