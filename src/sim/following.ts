import { assert } from '../core/assert.js';
import type { ErrorCode } from '../core/errors.js';
import type { ShellInput } from '../loop/entries.js';
import type { Book, MLease, MSession, Range } from './oracle-state.js';
import { CELL_BYTES } from './slabs.js';
import type { MInSlab } from './store-oracle.js';
import { must } from './violation.js';

/** Who has a piece of memory: a session that leases it, a range that was offered, or nobody. */
type Owner = MSession | Range | null;

interface Slab {
  readonly cells: Owner[];
  readonly adopted: boolean;
}

/**
 * The book of memory of a model that follows the pool: which range a lease gets is the pool's to
 * choose, and is taken from its answers. What must hold is checked: nobody is granted what another
 * has, as much as was asked for, and not before those who came first.
 */
export class Following implements Book {
  readonly #slabs = new Map<number, Slab>();
  /** Grants that the pool has said in the batch at hand, by `session/request`. */
  readonly #grants = new Map<string, Range>();
  /** Failures of ADOPT that the pool has said in the batch at hand. */
  readonly failures = new Map<string, ErrorCode>();
  /** What lay in the slabs that were gone when a manager began, by its input. */
  readonly inSlabs = new WeakMap<ShellInput, readonly MInSlab[]>();
  /** Sizes that were asked for. */
  readonly #asked = new Map<string, { readonly size: number; readonly least: number }>();

  /** What the pool has answered in the batch that is about to be applied. */
  observe(key: string, range: Range): void {
    this.#grants.set(key, range);
  }

  asks(key: string, size: number, least: number): void {
    this.#asked.set(key, { size, least });
  }

  /** All that was observed must have become possible. */
  endBatch(): void {
    for (const [key, range] of this.#grants) {
      const { slab, offset, size } = range;
      const words = (): string => `${key} is granted ${slab}+${offset} of ${size}: it is not free`;
      must(false, 'I4 grants', words);
    }
    this.failures.clear();
  }

  addSlab(slab: number, size: number): void {
    const cells = Array.from({ length: size / CELL_BYTES }, () => null);
    this.#slabs.set(slab, { cells, adopted: false });
  }

  /** A file has become a slab, which its session leases: what ADOPT is answered with. */
  adopted(session: MSession, request: number, slab: number): Range {
    const key = `${session.id}/${request}`;
    const range = this.#grants.get(key);
    must(range?.slab === slab, 'I4 adopted', () => `${key}: what is adopted is granted`);
    this.#grants.delete(key);
    const cells = Array.from({ length: range.size / CELL_BYTES }, () => session);
    this.#slabs.set(slab, { cells, adopted: true });
    return range;
  }

  /** The pool lets go of a slab. */
  removeSlab(slab: number): void {
    const known = this.#slabs.get(slab);
    if (known === undefined || known.adopted) return;
    const isFree = known.cells.every((owner) => owner === null);
    must(isFree, 'I4 slabs', () => `slab ${slab} goes while it is in use`);
    this.#slabs.delete(slab);
  }

  /** A slab is gone with all that was in it. */
  loseSlab(slab: number): void {
    this.#slabs.delete(slab);
  }

  /** Bytes that nobody has, and all. */
  get bytes(): { free: number; total: number } {
    let free = 0;
    let total = 0;
    for (const { cells } of this.#slabs.values()) {
      total += cells.length;
      for (const owner of cells) if (owner === null) free++;
    }
    return { free: free * CELL_BYTES, total: total * CELL_BYTES };
  }

  offered(session: MSession, range: Range): boolean {
    if (!this.#isOf(range, session)) return false;
    this.#set(range, range);
    return true;
  }

  /** Whether all of a range is leased to a session. */
  isLeased(session: number, { slab, offset, size }: Range): boolean {
    const cells = this.#slabs.get(slab)?.cells ?? [];
    const first = offset / CELL_BYTES;
    const range = cells.slice(first, first + Math.ceil(size / CELL_BYTES));
    return range.every((owner) => owner !== null && 'members' in owner && owner.id === session);
  }

  has(session: MSession, range: Range): boolean {
    return this.#isOf(range, session);
  }

  /** A slab was made anew: nobody leases any of it. */
  freeLeases(slab: number): void {
    const cells = this.#slabs.get(slab)?.cells ?? [];
    for (const [at, owner] of cells.entries()) {
      if (owner !== null && 'members' in owner) cells[at] = null;
    }
  }

  isAdopted({ slab }: Range): boolean {
    return this.#slabs.get(slab)?.adopted === true;
  }

  mayGive({ slab }: Range): boolean {
    return this.#slabs.get(slab)?.adopted === false;
  }

  given(session: MSession, range: Range): void {
    this.#set(range, session);
  }

  freed(range: Range): void {
    assert(this.#isOf(range, range), 'what is freed is what was offered');
    this.#free(range);
  }

  returned(session: MSession, range: Range): boolean {
    if (!this.#isOf(range, session)) return false;
    this.#free(range);
    return true;
  }

  ended(session: MSession): void {
    for (const [slab, { cells, adopted }] of this.#slabs) {
      let owns = false;
      for (let at = 0; at < cells.length; at++) {
        if (cells[at] !== session) continue;
        cells[at] = null;
        owns = true;
      }
      if (owns && adopted && cells.every((owner) => owner === null)) this.#slabs.delete(slab);
    }
    const prefix = `${session.id}/`;
    for (const key of this.#grants.keys()) if (key.startsWith(prefix)) this.#grants.delete(key);
  }

  next(queue: readonly MLease[]): { lease: MLease; range: Range } | null {
    if (this.#grants.size === 0) return null;
    for (const lease of queue) {
      const key = `${lease.session.id}/${lease.request}`;
      const range = this.#grants.get(key);
      if (range === undefined || !this.#isOf(range, null)) continue;
      this.#grants.delete(key);
      const asked = this.#asked.get(key);
      this.#asked.delete(key);
      const most = Math.max(asked?.size ?? 0, CELL_BYTES);
      const isSize = range.size >= (asked?.least ?? 0) && range.size < most + CELL_BYTES;
      must(isSize, 'I4 sizes', () => `${key} is granted ${range.size} bytes`);
      this.#set(range, lease.session);
      return { lease, range };
    }
    return null;
  }

  /** Whether a range lies within a slab and is somebody's, whole. */
  #isOf({ slab, offset, size }: Range, owner: Owner): boolean {
    const cells = this.#slabs.get(slab)?.cells;
    if (cells === undefined || offset % CELL_BYTES !== 0 || size <= 0) return false;
    const end = Math.ceil((offset + size) / CELL_BYTES);
    if (end > cells.length) return false;
    for (let at = offset / CELL_BYTES; at < end; at++) if (cells[at] !== owner) return false;
    return true;
  }

  #set({ slab, offset, size }: Range, owner: Owner): void {
    const end = Math.ceil((offset + size) / CELL_BYTES);
    this.#slabs.get(slab)?.cells.fill(owner, offset / CELL_BYTES, end);
  }

  #free(range: Range): void {
    this.#set(range, null);
    const slab = this.#slabs.get(range.slab);
    if (slab?.adopted !== true) return;
    if (slab.cells.every((owner) => owner === null)) this.#slabs.delete(range.slab);
  }
}
