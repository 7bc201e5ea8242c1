import type { Arena } from '../catalog/arena.js';
import { Reader } from '../core/bytes.js';
import type { Region } from '../core/regions/region.js';
import { readRegion } from '../core/regions/region-codec.js';

/** So many are kept as they were read. */
const KEPT_MAX = 16_384;

/**
 * Regions that the arena has as they were encoded, read when they are asked for. Working memory: a
 * region that is kept is what its record says, and goes with it.
 */
export class Regions {
  readonly #arena: Arena;
  readonly #kept = new Map<number, Region>();
  readonly #reader = new Reader();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** The region of a record, which was read before, of a shape. */
  get(record: number, shape: readonly (number | null)[]): Region {
    const kept = this.#kept.get(record);
    if (kept !== undefined) return kept;
    const region = this.read(record, shape);
    if (this.#kept.size === KEPT_MAX) this.#kept.clear();
    this.#kept.set(record, region);
    return region;
  }

  /** Reads a record; `bad-region` where it does not fit the shape. */
  read(record: number, shape: readonly (number | null)[]): Region {
    this.#arena.read(this.#reader, record, 0);
    return readRegion(this.#reader, shape);
  }

  /** The shape that a record is of has changed: it is read anew. */
  forget(record: number): void {
    this.#kept.delete(record);
  }

  /** Frees a record. */
  free(record: number): void {
    this.#kept.delete(record);
    this.#arena.free(record);
  }

  clear(): void {
    this.#kept.clear();
  }
}
