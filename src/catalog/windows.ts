import { assert } from '../core/assert.js';
import { addLow, addLows, newContainer, removeLow, removeLows } from './containers.js';
import { WINDOW_BITS, WINDOW_ROWS } from './row-set.js';
import { capacityOf, changeCount, countOf, type WordArena, wordAt } from './word-arena.js';

/** The kind of a block that has containers by window, beside those of containers. */
export const DIRECTORY = 4;

/** Behind its head a directory has the count of all rows, then a window and its container each. */
export const ENTRIES = 2;
export const ENTRY = 2;

/**
 * The rows of a large set by windows: a block that names a container for each window that has some.
 * What adds or removes returns the block that is there then; it may have no row left.
 */
export function newDirectory(arena: WordArena): number {
  const directory = arena.allocate(1 + ENTRY, DIRECTORY);
  arena.words(directory)[wordAt(directory) + 1] = 0;
  return directory;
}

export function addToDirectory(arena: WordArena, directory: number, row: number): number {
  const words = arena.words(directory);
  const at = wordAt(directory);
  const window = row >>> WINDOW_BITS;
  const low = row & (WINDOW_ROWS - 1);
  const count = countOf(words[at] as number);
  const entry = entryFrom(words, at + ENTRIES, count, window);
  if (entry === at + ENTRIES + count * ENTRY || words[entry] !== window) {
    return addEntry(arena, directory, { entry, window, container: newContainer(arena, low) }, 1);
  }
  words[entry + 1] = addLow(arena, words[entry + 1] as number, low);
  words[at + 1] = (words[at + 1] as number) + 1;
  return directory;
}

/** Adds rows in ascending order, of which none is there, from the one at `from` on. */
export function addManyToDirectory(
  arena: WordArena,
  directory: number,
  rows: readonly number[],
  from: number,
): number {
  let then = directory;
  for (let start = from; start < rows.length; ) {
    const window = (rows[start] as number) >>> WINDOW_BITS;
    const end = endOfWindow(rows, start, window);
    // The first one makes the container, if there is none.
    then = addToDirectory(arena, then, rows[start] as number);
    const words = arena.words(then);
    const at = wordAt(then);
    const entry = entryFrom(words, at + ENTRIES, countOf(words[at] as number), window);
    words[entry + 1] = addLows(arena, words[entry + 1] as number, rows, start + 1, end);
    words[at + 1] = (words[at + 1] as number) + end - start - 1;
    start = end;
  }
  return then;
}

export function removeFromDirectory(arena: WordArena, directory: number, row: number): number {
  const words = arena.words(directory);
  const at = wordAt(directory);
  const window = row >>> WINDOW_BITS;
  const entry = entryFrom(words, at + ENTRIES, countOf(words[at] as number), window);
  assert(isOf(words, entry, at, window), 'a removed row is in the set');
  const left = removeLow(arena, words[entry + 1] as number, row & (WINDOW_ROWS - 1));
  words[entry + 1] = left;
  words[at + 1] = (words[at + 1] as number) - 1;
  return left === 0 ? removeEntry(arena, directory, entry) : directory;
}

/** Removes rows in ascending order, all of which are there. */
export function removeManyFromDirectory(
  arena: WordArena,
  directory: number,
  rows: readonly number[],
): number {
  let then = directory;
  for (let start = 0; start < rows.length; ) {
    const words = arena.words(then);
    const at = wordAt(then);
    const window = (rows[start] as number) >>> WINDOW_BITS;
    const end = endOfWindow(rows, start, window);
    const entry = entryFrom(words, at + ENTRIES, countOf(words[at] as number), window);
    assert(isOf(words, entry, at, window), 'a removed row is in the set');
    const left = removeLows(arena, words[entry + 1] as number, rows, start, end);
    words[entry + 1] = left;
    words[at + 1] = (words[at + 1] as number) - (end - start);
    if (left === 0) then = removeEntry(arena, then, entry);
    start = end;
  }
  return then;
}

/** With all containers. */
export function freeDirectory(arena: WordArena, directory: number): void {
  const words = arena.words(directory);
  const at = wordAt(directory);
  const end = at + ENTRIES + countOf(words[at] as number) * ENTRY;
  for (let entry = at + ENTRIES; entry < end; entry += ENTRY) {
    arena.free(words[entry + 1] as number);
  }
  arena.free(directory);
}

/** How many rows a directory has. */
export function rowsInDirectory(arena: WordArena, directory: number): number {
  return arena.words(directory)[wordAt(directory) + 1] as number;
}

/** The first of `count` entries from `start` on whose window is not below `window`, or the end. */
export function entryFrom(
  words: Uint32Array,
  start: number,
  count: number,
  window: number,
): number {
  if (count === 0) return start;
  // A large set has rows in every window, and most are added at its end.
  const last = start + (count - 1) * ENTRY;
  if ((words[last] as number) <= window) return words[last] === window ? last : last + ENTRY;
  const even = window - (words[start] as number);
  if (even >= 0 && even < count && words[start + even * ENTRY] === window) {
    return start + even * ENTRY;
  }
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[start + middle * ENTRY] as number) < window) low = middle + 1;
    else high = middle;
  }
  return start + low * ENTRY;
}

/** Whether the entry is one of the directory whose head is at `at`, and of a window. */
function isOf(words: Uint32Array, entry: number, at: number, window: number): boolean {
  const end = at + ENTRIES + countOf(words[at] as number) * ENTRY;
  return entry < end && words[entry] === window;
}

/** Adds a container of so many rows, before an entry. */
function addEntry(
  arena: WordArena,
  directory: number,
  added: { readonly entry: number; readonly window: number; readonly container: number },
  rows: number,
): number {
  const head = arena.words(directory)[wordAt(directory)] as number;
  const used = 1 + countOf(head) * ENTRY;
  const isFull = used + ENTRY > capacityOf(head);
  const grown = isFull ? arena.resize(directory, used, used + ENTRY) : directory;
  const words = arena.words(grown);
  const at = wordAt(grown);
  const entry = added.entry - wordAt(directory) + at;
  words.copyWithin(entry + ENTRY, entry, at + 1 + used);
  words[entry] = added.window;
  words[entry + 1] = added.container;
  words[at + 1] = (words[at + 1] as number) + rows;
  changeCount(words, at, 1);
  return grown;
}

function removeEntry(arena: WordArena, directory: number, entry: number): number {
  const words = arena.words(directory);
  const at = wordAt(directory);
  const left = countOf(words[at] as number) - 1;
  words.copyWithin(entry, entry + ENTRY, at + ENTRIES + (left + 1) * ENTRY);
  changeCount(words, at, -1);
  return arena.fit(directory, 1 + left * ENTRY);
}

/** The place behind the last row of a window, of which there is one at `start`. */
function endOfWindow(rows: readonly number[], start: number, window: number): number {
  let end = start + 1;
  while (end < rows.length && (rows[end] as number) >>> WINDOW_BITS === window) end++;
  return end;
}
