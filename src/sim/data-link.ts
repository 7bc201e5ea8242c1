import { mayRead, mayWrite } from '../pool/memory.js';
import type { PoolState } from '../pool/state.js';
import type { Dice } from './dice.js';
import type { Following } from './following.js';
import type { ClientProcess } from './member.js';
import type { Range } from './oracle-state.js';
import type { Scheduler } from './scheduler.js';
import { CELL_BYTES, type Slabs } from './slabs.js';
import { must } from './violation.js';

/** How an agent may be wrong about what it moves for members without shared memory. */
export interface DataSlips {
  /** What was granted once is written, whoever has it by then. */
  readonly isKept?: boolean;
  /** Only what is leased is read, and not what others have offered. */
  readonly onlyLeases?: boolean;
}

/** What all data connections have. */
export interface LinkParts {
  readonly scheduler: Scheduler;
  readonly dice: Dice;
  readonly slabs: Slabs;
  readonly following: Following;
  readonly slips: DataSlips;
  /** Of the manager that serves, if there is one. */
  readonly pool: () => PoolState | null;
  readonly delayMsMax: () => number;
  /** Connections do not break any more. */
  readonly isCalm: () => boolean;
  readonly count: (what: string) => void;
}

type Then = (marks: Uint32Array | null) => void;

/** A range on its way, some cells after others. */
interface Moved {
  readonly range: Range;
  readonly cells: number;
  /** What is written; null: it is read. */
  readonly mark: number | null;
  marks: number[];
  /** Cells that are over. */
  at: number;
  isGranted: boolean;
  /** Told when it is there; null: it failed. */
  readonly waiting: Then[];
}

const CELLS_MAX = 4;
/** Of so many pieces one breaks the connection. */
const BREAK_ODDS = 24;
const BACK_MS_MAX = 100;
/** Of so many pieces one is held up, and all behind it. */
const STALL_ODDS = 12;
const STALL_MS_MAX = 600;

/**
 * The data connection of a process that has no shared memory: bytes move in pieces, at their own
 * pace beside its requests, and the agent asks the pool at each whether they may. When it is lost,
 * what is not done begins again on the next one; pieces that were under way may come before that.
 */
export class DataLink {
  readonly #parts: LinkParts & { readonly process: ClientProcess };
  readonly #moving = new Map<string, Moved>();
  /** Which connection it is. */
  #life = 1;
  #backAt = 0;
  #busyUntil = 0;
  #reads = 0;

  constructor(process: ClientProcess, parts: LinkParts) {
    this.#parts = { ...parts, process };
  }

  /** Fills a range that is leased; what needs it waits by {@link whenWritten}. */
  write(range: Range, mark: number): void {
    this.#begin(keyOf(range), range, mark);
  }

  /** Calls back when the range is filled; at once when nothing is on its way there. */
  whenWritten(range: Range, then: () => void): void {
    const moved = this.#moving.get(keyOf(range));
    if (moved === undefined) then();
    else moved.waiting.push((marks) => marks !== null && then());
  }

  /** The marks of a range that is leased or read; null: the memory is gone, or it may not. */
  read(range: Range, then: Then): void {
    this.#begin(`read ${++this.#reads}`, range, null).waiting.push(then);
  }

  get isOver(): boolean {
    return !this.#parts.process.isAlive;
  }

  /** The manager has ended, or the connection. */
  lose(): void {
    const { scheduler, dice, process, count } = this.#parts;
    this.#life++;
    this.#backAt = scheduler.now + 1 + dice(BACK_MS_MAX);
    this.#busyUntil = this.#backAt;
    if (this.#moving.size > 0) count('data cut');
    const life = this.#life;
    scheduler.after(this.#backAt - scheduler.now, () => {
      if (life !== this.#life || !process.isAlive) return;
      for (const [key, moved] of this.#moving) {
        moved.at = 0;
        moved.marks = [];
        moved.isGranted = false;
        this.#send(key, moved);
      }
    });
  }

  #begin(key: string, range: Range, mark: number | null): Moved {
    const cells = Math.ceil(range.size / CELL_BYTES);
    const moved: Moved = { range, cells, mark, marks: [], at: 0, isGranted: false, waiting: [] };
    this.#moving.set(key, moved);
    // What has no connection right now goes with all else on the next one.
    if (this.#parts.scheduler.now >= this.#backAt) this.#send(key, moved);
    return moved;
  }

  /** The next piece is under way. */
  #send(key: string, moved: Moved): void {
    const { scheduler, dice, delayMsMax, isCalm } = this.#parts;
    const life = this.#life;
    const stallMs = !isCalm() && dice(STALL_ODDS) === 0 ? dice(STALL_MS_MAX) : 0;
    const at = Math.max(this.#busyUntil, scheduler.now + stallMs + dice(1 + delayMsMax()));
    this.#busyUntil = at;
    scheduler.after(at - scheduler.now, () => this.#arrive(key, moved, life));
  }

  #arrive(key: string, moved: Moved, life: number): void {
    const { scheduler, dice, pool, process, isCalm } = this.#parts;
    const isCurrent = life === this.#life && process.isAlive;
    // What a process sent before it died still comes.
    if (!isCurrent && process.isAlive && scheduler.now >= this.#backAt) return;
    const state = pool();
    if (state === null || (isCurrent && !isCalm() && dice(BREAK_ODDS) === 0)) {
      if (isCurrent) this.lose();
      return;
    }
    const isDone = this.#move(state, moved);
    if (!isCurrent && process.isAlive) return;
    if (isDone && moved.at < moved.cells) this.#send(key, moved);
    else this.#answer(key, moved, isDone);
  }

  /** What the agent does with a piece; false: it may not, or the memory is gone. */
  #move(pool: PoolState, moved: Moved): boolean {
    const { slabs, dice, process, slips, following } = this.#parts;
    const { range, mark, cells } = moved;
    const { slab, offset, size } = range;
    if (!(slips.isKept === true && moved.isGranted)) {
      const may = mark === null && slips.onlyLeases !== true ? mayRead : mayWrite;
      if (!may(pool, process.session, slab, offset, size)) return false;
    }
    moved.isGranted = true;
    const memory = slabs.cellsOf(range);
    if (memory === null) return false;
    const end = Math.min(cells, moved.at + 1 + dice(CELLS_MAX));
    if (mark === null) moved.marks.push(...memory.subarray(moved.at, end));
    else {
      const words = (): string => `${process.session} writes to what it does not lease`;
      must(following.isLeased(process.session, range), 'data moves', words);
      memory.fill(mark, moved.at, end);
    }
    moved.at = end;
    return true;
  }

  /** DONE or FAILED is under way. */
  #answer(key: string, moved: Moved, isDone: boolean): void {
    const { scheduler, dice, delayMsMax, process, count } = this.#parts;
    const life = this.#life;
    scheduler.after(dice(1 + delayMsMax()), () => {
      process.whenRunning(() => {
        if (life !== this.#life || this.#moving.get(key) !== moved) return;
        this.#moving.delete(key);
        if (isDone) count(moved.mark === null ? 'data read' : 'data written');
        else if (moved.mark !== null) this.mustBeGone(moved.range);
        for (const then of moved.waiting) then(isDone ? Uint32Array.from(moved.marks) : null);
      });
    });
  }

  /** What its process leases, or reads, moves; unless its memory is gone. */
  mustBeGone({ slab, offset, size }: Range): void {
    const { slabs, process } = this.#parts;
    const isOver = process.isEnding || !process.isAlive;
    const words = (): string => `${slab}+${offset} of ${size} is held by ${process.session}`;
    must(isOver || !slabs.has(slab), 'data moves', words);
  }
}

function keyOf({ slab, offset }: Range): string {
  return `${slab}+${offset}`;
}
