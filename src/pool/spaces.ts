import type { Arena } from '../catalog/arena.js';
import { Directory } from '../catalog/directory.js';
import { hashBytes } from '../catalog/hash.js';
import { Table } from '../catalog/table.js';
import type { StateReader, StateWriter } from '../core/state-codec.js';

const RECORD = 0;
const HASH = 1;
const USES = 2;
const WIDTH = 3;
/** An encoded space that leaves everything unset: no row is kept for it. */
const ALL_UNSET = Uint8Array.from([0, 0, 0, 255]);

/**
 * Encoded spaces, each kept once: millions of fields of a model share a handful. A space is named
 * by its row; 0 is the space with everything unset.
 */
export class Spaces {
  readonly #rows = new Table(WIDTH);
  readonly #arena: Arena;
  readonly #directory = new Directory();
  readonly #seed: number;
  /** What is looked for; kept here so that no search makes a closure. */
  #wanted: Uint8Array = ALL_UNSET;
  #wantedStart = 0;
  #wantedEnd = 0;
  /** What was completed last; most offers of a model are alike. */
  #lastSaid = 0;
  #lastSize = 0;
  #lastWhole = 0;
  readonly #same = (row: number): boolean =>
    this.#arena.equals(
      this.#rows.get(row, RECORD),
      this.#wanted,
      this.#wantedStart,
      this.#wantedEnd,
    );

  constructor(arena: Arena, seed: number) {
    this.#arena = arena;
    this.#seed = seed;
  }

  get used(): number {
    return this.#rows.used;
  }

  /**
   * What the space of row `said` was last completed to, for a payload of `size` bytes, with one
   * more use; 0: it is to be found.
   */
  completed(said: number, size: number): number {
    if (said !== this.#lastSaid || size !== this.#lastSize) return 0;
    if (this.#lastWhole !== 0) this.#rows.add(this.#lastWhole, USES, 1);
    return this.#lastWhole;
  }

  /** Notes what {@link completed} is for. */
  noteCompleted(said: number, size: number, whole: number): void {
    this.#lastSaid = said;
    this.#lastSize = size;
    this.#lastWhole = whole;
  }

  /** The row of `bytes[start, end)`, with one more use. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    if (end - start === 4 && bytes[start] === 0 && bytes[start + 3] === 255) {
      if (bytes[start + 1] === 0 && bytes[start + 2] === 0) return 0;
    }
    const hash = hashBytes(bytes, start, end, this.#seed);
    this.#wanted = bytes;
    this.#wantedStart = start;
    this.#wantedEnd = end;
    let row = this.#directory.first(hash);
    if (row !== 0 && !this.#same(row)) row = this.#directory.find(hash, this.#same);
    if (row === 0) {
      row = this.#rows.allocate();
      this.#rows.set(row, RECORD, this.#arena.store(bytes, start, end));
      this.#rows.set(row, HASH, hash);
      this.#directory.insert(hash, row);
    }
    this.#rows.add(row, USES, 1);
    return row;
  }

  /** One more use. */
  use(row: number): number {
    if (row !== 0) this.#rows.add(row, USES, 1);
    return row;
  }

  release(row: number): void {
    if (row === 0 || this.#rows.add(row, USES, -1) > 0) return;
    if (row === this.#lastSaid || row === this.#lastWhole) this.#lastWhole = 0;
    this.#directory.remove(this.#rows.get(row, HASH), row);
    this.#arena.free(this.#rows.get(row, RECORD));
    this.#rows.release(row);
  }

  /** The bytes that hold the encoded space of a row, from {@link start} to {@link end}. */
  bytes(row: number): Uint8Array {
    return row === 0 ? ALL_UNSET : this.#arena.chunk(this.#rows.get(row, RECORD));
  }

  start(row: number): number {
    return row === 0 ? 0 : this.#arena.start(this.#rows.get(row, RECORD));
  }

  end(row: number): number {
    if (row === 0) return ALL_UNSET.length;
    const record = this.#rows.get(row, RECORD);
    return this.#arena.start(record) + this.#arena.size(record);
  }

  /** Gives back what it has grown to, when no space is in use. */
  beginAnew(): void {
    this.#rows.beginAnew();
    this.#directory.beginAnew();
  }

  /** The arena saves the bytes. */
  save(w: StateWriter): void {
    this.#rows.save(w);
    this.#directory.save(w);
  }

  restore(r: StateReader): void {
    this.#rows.restore(r);
    this.#directory.restore(r);
  }

  /** The arena record of a row that is not 0: for checks. */
  recordOf(row: number): number {
    return this.#rows.get(row, RECORD);
  }

  uses(row: number): number {
    return row === 0 ? 0 : this.#rows.get(row, USES);
  }
}
