import { Playing } from './event-handles.js';
import type { Sorting } from './finding.js';
import type { Range } from './oracle-state.js';
import type { Slabs } from './slabs.js';
import { CELL_BYTES } from './slabs.js';
import { must } from './violation.js';
import type { Walk } from './walk.js';

/** A range with what was written to it; null: nothing yet. */
interface Marked {
  readonly range: Range;
  /** One for all of it, or one a cell. */
  readonly marks: readonly number[];
}

/** A piece of leased memory; one that was adopted is full already. */
interface Extent {
  readonly range: Range;
  readonly adopted: number | null;
}

/** A handle as its client believes it to be: answers under way may say otherwise. */
export interface Handle {
  readonly number: number;
  readonly member: number;
  readonly name: string;
  state:
    | 'declared'
    | 'sealed'
    | 'offered'
    | 'withdrawn'
    | 'required'
    | 'demanded'
    | 'retracted'
    | 'failed'
    | 'opening'
    | 'opened';
  explicit: boolean;
  /** Created, and not sealed, as far as its client knows. */
  isOpen?: boolean;
  /** The demand that waits on it, or 0. */
  demand: number;
  /** What it reads in place. */
  reads: readonly Marked[];
}

/** What came over a data connection is what should lie there. */
export function mustHold(
  name: string,
  { slab, offset }: Range,
  marks: readonly number[],
  found: Uint32Array,
): void {
  const isSame = found.every((mark, at) => mark === marks[marks.length === 1 ? 0 : at]);
  must(isSame, 'I2 slices', () => `"${name}" at ${slab}+${offset} is read as something else`);
}

/** What a client has, by its own book. */
export class Holdings {
  readonly members = new Set<number>();
  readonly handles = new Map<number, Handle>();
  readonly promises = new Map<number, number>();
  extents: Extent[] = [];
  /** Pages that may be gone on with. */
  readonly walks = new Set<Walk>();
  sorting: Sorting | null = null;
  /** What it plays of events. */
  readonly playing = new Playing();
  /** Names whose versions are in the way of open ones. */
  readonly stuck = new Set<string>();
  /** A handle of what another has created. */
  met: Handle | null = null;
  membersMade = 0;
  handlesMade = 0;
  promisesMade = 0;
  readonly #slabs: Slabs;
  readonly #isRemote: boolean;

  constructor(slabs: Slabs, isRemote: boolean) {
    this.#slabs = slabs;
    this.#isRemote = isRemote;
  }

  /** Takes `size` bytes of what is leased; null: nothing has as many. */
  take(size: number): Extent | null {
    const rounded = Math.ceil(size / CELL_BYTES) * CELL_BYTES;
    const index = this.extents.findIndex(({ range }) => range.size >= rounded);
    const [extent] = index < 0 ? [] : this.extents.splice(index, 1);
    if (extent === undefined) return null;
    const { range, adopted } = extent;
    const { slab, offset } = range;
    const rest = range.size - rounded;
    if (rest > 0) {
      this.extents.push({ range: { slab, offset: offset + rounded, size: rest }, adopted });
    }
    return { range: { slab, offset, size }, adopted };
  }

  /** A slice is leased again: its offer was refused. */
  putBack({ range, adopted }: Extent): void {
    const size = Math.ceil(range.size / CELL_BYTES) * CELL_BYTES;
    this.extents.push({ range: { ...range, size }, adopted });
  }

  /** What a handle reads is as it was delivered: I2. Who has no shared memory asks for it. */
  verify({ name, reads }: Handle): void {
    if (!this.#isRemote) this.look(name, reads);
  }

  /** What lies there is what it should be. */
  look(name: string, reads: Handle['reads']): void {
    for (const { range, marks } of reads) {
      const { slab, offset } = range;
      const words = (): string => `"${name}" at ${slab}+${offset} changed while it is read`;
      must(this.#slabs.holds(range, marks), 'I2 slices', words);
    }
  }

  drop(handle: Handle): void {
    this.verify(handle);
    this.handles.delete(handle.number);
  }

  /** Lets go of all that a member has. */
  dropMember(member: number): void {
    this.members.delete(member);
    this.playing.drop(member);
    for (const handle of this.handles.values()) if (handle.member === member) this.drop(handle);
    for (const [promise, by] of this.promises) if (by === member) this.promises.delete(promise);
  }

  /** The leases of memory end with the session. */
  dropAll(): void {
    for (const member of this.members) this.dropMember(member);
    this.extents = [];
  }
}
