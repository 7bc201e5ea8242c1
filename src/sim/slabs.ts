import type { Range } from './oracle-state.js';
import { must } from './violation.js';

/** Bytes are not simulated one by one: each 64 of them hold one mark. */
export const CELL_BYTES = 64;
/** What freed bytes become: whoever reads them sees it. */
const POISON = 0xdbdb_dbdb;

const cellsOf = (size: number): number => Math.ceil(size / CELL_BYTES);

/** The shared memory of a host: what lies where, as marks. */
export class Slabs {
  /** Those that the world has taken away. */
  readonly lost = new Set<number>();
  readonly #slabs = new Map<number, Uint32Array>();

  add(slab: number, size: number, mark: number): void {
    must(!this.#slabs.has(slab), 'slabs are made once', () => `slab ${slab} is made twice`);
    this.lost.delete(slab);
    this.#slabs.set(slab, new Uint32Array(cellsOf(size)).fill(mark));
  }

  has(slab: number): boolean {
    return this.#slabs.has(slab);
  }

  numbers(): number[] {
    return [...this.#slabs.keys()];
  }

  /** Its file is gone: who has it mapped goes on with what nobody else sees. */
  lose(slab: number): void {
    this.#slabs.delete(slab);
    this.lost.add(slab);
  }

  remove(slab: number): void {
    this.#slabs.delete(slab);
  }

  /** A member writes to what it leases. */
  write({ slab, offset, size }: Range, mark: number): void {
    if (this.lost.has(slab)) return;
    const cells = this.#slabs.get(slab);
    must(cells !== undefined, 'I4 use', () => `slab ${slab} is leased and is not there`);
    cells.fill(mark, offset / CELL_BYTES, offset / CELL_BYTES + cellsOf(size));
  }

  /** Whether a range holds a mark, and nothing else; or these marks, one a cell. */
  holds({ slab, offset, size }: Range, marks: readonly number[]): boolean {
    if (this.lost.has(slab)) return true;
    const cells = this.#slabs.get(slab);
    if (cells === undefined) return false;
    const first = offset / CELL_BYTES;
    for (let at = 0; at < cellsOf(size); at++) {
      if (cells[first + at] !== marks[marks.length === 1 ? 0 : at]) return false;
    }
    return true;
  }

  /** The marks of a range, to be read and written to; null: it is gone. */
  cellsOf({ slab, offset, size }: Range): Uint32Array | null {
    const first = offset / CELL_BYTES;
    return this.#slabs.get(slab)?.subarray(first, first + cellsOf(size)) ?? null;
  }

  /** What a range holds, cell by cell its mark over and over; null when it is not there. */
  bytes({ slab, offset, size }: Range): Uint8Array | null {
    const cells = this.#slabs.get(slab);
    if (cells === undefined) return null;
    const first = offset / CELL_BYTES;
    const words = new Uint32Array(cellsOf(size) * (CELL_BYTES / 4));
    for (let at = 0; at < words.length; at++) {
      words[at] = cells[first + Math.floor((at * 4) / CELL_BYTES)] ?? 0;
    }
    return new Uint8Array(words.buffer, 0, size);
  }

  poison(range: Range): void {
    if (this.#slabs.has(range.slab)) this.write(range, POISON);
  }
}
