import type { Reader } from '../core/bytes.js';
import { AttaccaError } from '../core/errors.js';
import { LIMITS } from '../core/limits.js';
import {
  Grant,
  HANDLE_NONE,
  MESSAGE,
  readGrant,
  writeAdopt,
  writeLease,
  writeReturn,
} from '../protocol/index.js';
import { Call } from './call.js';
import type { Connection } from './connection.js';
import type { DataPlane } from './data-plane.js';
import { Extent } from './extent.js';
import { deadlineOf, type WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import { alignmentOf, roundUp, type Slice } from './slice.js';
import { throwIfAborted, waiting } from './waiting.js';

const MiB = 1024 * 1024;
/** The first lease, and the most that is leased beyond what is needed at once. */
const GROWTH_FIRST_BYTES = 4 * MiB;
const GROWTH_BYTES_MAX = 64 * MiB;
/** More open extents than this are not searched: the emptiest is given back. */
const EXTENTS_MAX = 4;
/** Leasing ahead is a wish: it must not wait in front of those in need for long. */
const AHEAD_WAIT_MS = 1_000;
/** How long after a sign of scarcity nothing is leased beyond need. */
const SCARCE_MS = 5_000;
/** Objects above this lease their own memory: holding twice as much ahead would starve others. */
const AHEAD_OBJECT_BYTES_MAX = GROWTH_BYTES_MAX / 2;

/** Whom a lease is for: the pool opens its reserve for an object that somebody requires. */
interface LeasePurpose {
  /** The handle of its object, declared before; null: none. */
  readonly handle: number | null;
  /** For errors: `allocate "t/850"`. */
  readonly what: string;
}

/**
 * The memory that this process leases from the pool, and divides by itself: most slices cost no
 * message. Leases grow with use (4 to 64 MiB), and while objects are made memory is leased and
 * faulted in ahead of them.
 */
export class Leases {
  readonly #connection: Connection;
  readonly #plane: DataPlane;
  #extents: Extent[] = [];
  #growthBytes = GROWTH_FIRST_BYTES;
  #growing = false;
  /** The largest object of late: it fades, so that one giant does not hold memory for ever. */
  #objectBytes = 0;
  #aheadUnderway = false;
  /** Leasing ahead has failed for a reason that time does not mend. */
  #aheadFailed = false;
  /** Calls that wait for memory. */
  #asking = 0;
  /** The pool asked for memory back, or had none: until then nothing is leased beyond need. */
  #scarceUntilMs = 0;

  constructor(connection: Connection, plane: DataPlane) {
    this.#connection = connection;
    this.#plane = plane;
  }

  get bytesFree(): number {
    return this.#extents.reduce((sum, extent) => sum + extent.bytesFree, 0);
  }

  /** An object of this size may soon want memory. */
  expect(size: number): void {
    this.#objectBytes = Math.max(size, this.#objectBytes * 0.9);
    this.#leaseAhead();
  }

  /** A slice of what is leased already, or null. */
  take(size: number): Slice | null {
    for (const extent of this.#extents) {
      const slice = extent.take(size);
      if (slice === null) continue;
      this.expect(size);
      return slice;
    }
    return null;
  }

  /** A slice, leasing more if needed: waits while the pool's memory is full. */
  async lease(size: number, purpose: LeasePurpose, options: WaitOptions): Promise<Slice> {
    throwIfAborted(purpose.what, options.signal);
    const slice = this.take(size);
    if (slice !== null) return slice;
    let least = roundUp(size, alignmentOf(size));
    for (;;) {
      this.#asking++;
      const granted = await this.#ask(least, purpose, options).finally(() => {
        this.#asking--;
      });
      const extent = new Extent(granted);
      const taken = extent.take(size);
      this.#keep(extent);
      if (taken !== null) return taken;
      // The pool had room on no page: with one more there is one within.
      least += LIMITS.pageBytes;
    }
  }

  /** Gives back a slice that was not offered, or one that was given to this session. */
  giveBack(slice: Slice): void {
    if (this.#connection.over !== null || slice.size === 0) return;
    const { slab, offset, size } = slice;
    this.#connection.post(UNHEEDED, 1, (w) => writeReturn(w, slab, offset, size));
  }

  /** Makes a file of the slabs' directory a slice of its own. */
  async adopt(file: string, size: number, what: string, options: WaitOptions): Promise<Slice> {
    throwIfAborted(what, options.signal);
    const call = new Call<Slice>(1, readSlice, (slice) => this.giveBack(slice));
    const number = this.#connection.post(call, 1, (w) => writeAdopt(w, file, size));
    const granted = await waiting(this.#connection, call, { number, what }, options);
    if (granted === undefined) throw new AttaccaError('internal', `Cannot ${what}: no grant`);
    return { ...granted, size };
  }

  /** The pool would like to have memory back: all that is not in use. */
  reclaim(): void {
    this.#becomeScarce();
    this.#growthBytes = GROWTH_FIRST_BYTES;
    for (const extent of this.#extents.splice(0)) this.#giveRestBack(extent);
  }

  /** A slab is gone, and with it what was leased of it. */
  forget(slab: number): void {
    this.#extents = this.#extents.filter((extent) => extent.slab !== slab);
  }

  #giveRestBack(extent: Extent): void {
    for (const slice of extent.rest()) this.giveBack(slice);
  }

  /** Keeps the rest of what was granted, unless somebody here waits for what it may complete. */
  #keep(extent: Extent): void {
    if (this.#asking > 0) {
      this.#giveRestBack(extent);
      return;
    }
    this.#extents.unshift(extent);
    if (this.#extents.length <= EXTENTS_MAX) return;
    this.#extents.sort((left, right) => right.bytesFree - left.bytesFree);
    const emptiest = this.#extents.pop();
    if (emptiest !== undefined) this.#giveRestBack(emptiest);
  }

  async #ask(least: number, purpose: LeasePurpose, options: WaitOptions): Promise<Slice> {
    const room = this.#connection.room();
    if (room !== null) await room;
    // One of many that ask together leases for more than itself.
    const grows = !this.#growing && !this.#isScarce;
    const size = grows ? Math.max(least, this.#growthBytes) : least;
    if (grows) this.#growthBytes = Math.min(this.#growthBytes * 2, GROWTH_BYTES_MAX);
    this.#growing ||= grows;
    const deadline = deadlineOf(options.timeoutMs);
    const handle = purpose.handle ?? HANDLE_NONE;
    const call = new Call<Slice>(1, readSlice, (slice) => this.#keep(new Extent(slice)));
    try {
      const number = this.#connection.post(call, 1, (w) =>
        writeLease(w, size, least, handle, deadline),
      );
      const { what } = purpose;
      const granted = await waiting(this.#connection, call, { number, what }, options);
      if (granted === undefined) throw new AttaccaError('internal', `Cannot ${what}: no grant`);
      await this.#ready(granted);
      return granted;
    } finally {
      if (grows) this.#growing = false;
    }
  }

  get #isScarce(): boolean {
    return performance.now() < this.#scarceUntilMs;
  }

  #becomeScarce(): void {
    this.#scarceUntilMs = performance.now() + SCARCE_MS;
  }

  /** Maps what was granted, and has it faulted in ahead of use. */
  async #ready(granted: Slice): Promise<void> {
    try {
      if (await this.#plane.openForWriting(granted.slab)) {
        this.#plane.populate(granted.slab, granted.offset, granted.size);
      }
    } catch (error) {
      this.giveBack(granted);
      throw error;
    }
  }

  /** Keeps room for two objects as large as those of late. */
  #leaseAhead(): void {
    const wanted = this.#objectBytes * 2;
    if (
      this.#aheadUnderway ||
      this.#aheadFailed ||
      this.#isScarce ||
      this.#plane.transport === 'socket'
    )
      return;
    if (this.#objectBytes > AHEAD_OBJECT_BYTES_MAX || this.bytesFree >= wanted) return;
    if (this.#connection.over !== null) return;
    this.#aheadUnderway = true;
    const least = roundUp(Math.ceil(this.#objectBytes), LIMITS.pageBytes);
    this.#ask(least, { handle: null, what: 'lease memory ahead' }, { timeoutMs: AHEAD_WAIT_MS })
      .then((granted) => this.#keep(new Extent(granted)))
      .catch((error: unknown) => {
        if (error instanceof AttaccaError && error.retryable) this.#becomeScarce();
        // Whoever needs memory next hears of it: the mapping, or the pool's answer, is broken.
        else this.#aheadFailed = true;
      })
      .finally(() => {
        this.#aheadUnderway = false;
      });
  }
}

function readSlice(code: number, reader: Reader): Slice {
  if (code !== MESSAGE.grant) {
    throw new AttaccaError('bad-message', `Cannot take answer ${code}: GRANT was expected`);
  }
  const grant = new Grant();
  readGrant(reader, grant);
  return { slab: grant.slab, offset: grant.offset, size: grant.size };
}
