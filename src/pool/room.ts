import { Writer } from '../core/bytes.js';
import type { Value } from '../core/value.js';
import { writeValue } from '../core/value-codec.js';
import { ANSWER_DEPTH_MAX } from '../protocol/index.js';

/** Rows of one answer together: half of what a frame carries, the rest is for what frames them. */
const ROWS_BYTES_MAX = 2 << 20;
/** Names in one row or error; more would say nothing that these do not. */
const NAMES_MAX = 100;

/** Takes rows for one answer for as long as it can hold them. */
export class Room {
  readonly #writer = new Writer(1_024);
  #left: number;
  #isFull = false;

  constructor(bytesMax: number = ROWS_BYTES_MAX) {
    this.#left = bytesMax;
  }

  /** Whether a row was left out. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Adds a row, unless this one or one before it did not fit. */
  add(rows: Value[], row: Value): boolean {
    if (this.#isFull) return false;
    this.#writer.reset();
    writeValue(this.#writer, row, ANSWER_DEPTH_MAX);
    this.#left -= this.#writer.at;
    this.#isFull = this.#left < 0;
    if (!this.#isFull) rows.push(row);
    return !this.#isFull;
  }

  /** Whether that many bytes still fit, and if so takes them. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    this.#isFull ||= this.#left < 0;
    return !this.#isFull;
  }
}

/** Each name once, the first so many. */
export function someOf(names: Iterable<string>, max: number = NAMES_MAX): string[] {
  const some = new Set<string>();
  for (const name of names) {
    if (some.size >= max) break;
    some.add(name);
  }
  return [...some];
}

/** The first names in words, and how many more there are. */
export function inWords(names: readonly string[]): string {
  const more = names.length - 5;
  return more > 0 ? `${names.slice(0, 5).join(', ')} and ${more} more` : names.join(', ');
}
