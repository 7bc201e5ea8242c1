import { AttaccaError } from '../../core/errors.js';
import { type RegionSelection, selectRegion } from '../../core/regions/selection.js';
import {
  type ByteOrder,
  type Dtype,
  itemSizeOf,
  type Order,
  type Space,
  spaceBytes,
} from '../../core/space.js';
import { type CONSISTENCY, writeCommit, writeSeal, writeWithdraw } from '../../protocol/index.js';
import type { Block } from '../../transforms/chain.js';
import type { TransformSpec } from '../../transforms/spec.js';
import {
  type ArrayOf,
  arrayOver,
  type Bytes,
  bytesOfView,
  dtypeOfArray,
  likelyDtype,
} from '../arrays.js';
import { wrongState } from '../errors.js';
import type { Handle } from '../handle.js';
import type { Attributes, WaitOptions } from '../options.js';
import { type Patience, patienceOf, restOf, unlessLate } from '../waiting.js';
import { type Mapped, MappedBuffers } from './mapped.js';
import { type LockOptions, RegionLock } from './region-lock.js';
import { type Layout, type QueueSizes, RegionQueue } from './region-queue.js';
import { RegionTransfer } from './region-transfer.js';
import { mustConvert, mustHold, planRead, planWrite } from './transforming.js';

/** When what is written is visible to other members. */
export type Consistency = keyof typeof CONSISTENCY;

/** How the caller's array lies, where it is not as the object does. */
export interface RegionOptions {
  /** Left out: that of the array, of a read that of the object. */
  readonly dtype?: Dtype | undefined;
  readonly order?: Order | undefined;
  readonly byteOrder?: ByteOrder | undefined;
  /** Whether values may be lost by a conversion: else `lossy-conversion`. */
  readonly lossy?: boolean | undefined;
  /**
   * A chain: of the array it makes what is written, of what is read what is handed out (then come
   * `order`, `dtype` and `byteOrder`). It runs in this process, in threads where that is much,
   * before a write is asked for and after a read is answered: no lock of others waits for it.
   */
  readonly transforms?: readonly TransformSpec[] | undefined;
}

/** What was opened. */
export interface Opening {
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  readonly consistency: Consistency;
  /** It was created here: the handle is its offer. */
  readonly isOwn: boolean;
}

/**
 * An object that members write to and read by regions, until it is sealed: made by `pool.create`
 * and `pool.open`. What is asked for in one turn of the event loop goes out together, so many small
 * writes and reads are begun first and then awaited:
 *
 * ```ts
 * const field = await pool.open('field');
 * await Promise.all(rows.map((row, at) => field.write([at, null], row)));
 * const column = await field.read([null, 5]);
 * ```
 */
export class OpenObject<D extends Dtype = Dtype> {
  readonly name: string;
  readonly version: number;
  readonly space: Space;
  readonly attributes: Attributes;
  readonly consistency: Consistency;
  readonly #handle: Handle;
  readonly #queue: RegionQueue;
  readonly #isOwn: boolean;
  readonly #mapped: MappedBuffers;
  /** Locks for writing that are held: what is mapped of them is not published yet. */
  readonly #writing = new Set<RegionLock>();
  /** Writes whose transforms run. */
  readonly #underway = new Set<Promise<unknown>>();
  #state: 'open' | 'sealed' | 'closed' = 'open';
  #locks = 0;
  #closing: Promise<void> | null = null;
  #isWithdrawn = false;

  constructor(handle: Handle, opening: Opening, sizes: QueueSizes) {
    this.name = handle.name;
    this.version = opening.version;
    this.space = opening.space;
    this.attributes = opening.attributes;
    this.consistency = opening.consistency;
    this.#isOwn = opening.isOwn;
    this.#handle = handle;
    this.#queue = new RegionQueue(handle, opening.space, sizes);
    this.#mapped = new MappedBuffers(this.#queue);
  }

  /**
   * `open`, `sealed` by this handle, or `closed`: no call but `close` is legal then, and `withdraw`
   * of what was created here.
   */
  get state(): 'open' | 'sealed' | 'closed' {
    return this.#state;
  }

  /**
   * Writes the elements of a region, in its order. The array is the pool's until this resolves:
   * with POSIX when all members see it; else when the pool has it, so that it outlives this
   * process, and others see it as the consistency says.
   *
   * Errors: `bad-region`, `size-mismatch`, `lossy-conversion`, `wrong-state` (sealed, ended),
   * `deadline-passed` and `aborted`: then what had been sent by then is written all the same.
   */
  // Not async: of many small writes each promise counts.
  write(
    selection: RegionSelection,
    data: ArrayBufferView,
    options: RegionOptions & WaitOptions = {},
  ): Promise<void> {
    let writing: Promise<void>;
    try {
      if (options.transforms === undefined) {
        const { home, as, lossy } = this.#moved('write to', selection, data, options);
        writing = this.#queue.write(home.region, home, as, lossy, patienceOf(options));
      } else writing = this.#plannedWrite('write to', selection, data, options)();
    } catch (error) {
      return Promise.reject(error);
    }
    if (options.signal === undefined && options.timeoutMs === undefined) return writing;
    return unlessLate(writing, this.#what('write to'), options);
  }

  /**
   * Reads the elements of a region to an array of one's own, or `into`: what is visible to this
   * member, its own uncommitted writes with it. No write is seen in part. What `into` is of says
   * the dtype, unless it is bytes. After an error, or when it is given up, what is in it is not
   * told; it may be written to for some moments more.
   */
  async read<E extends Dtype = D>(
    selection: RegionSelection,
    options: RegionOptions & {
      readonly dtype?: E | undefined;
      readonly into?: ArrayBufferView;
    } & WaitOptions = {},
  ): Promise<ArrayOf<E>> {
    if (options.transforms !== undefined) {
      const { name } = this;
      const reading = this.#plannedRead(selection, options.into ?? null, options)();
      const { space, bytes } = await unlessLate(reading, this.#what('read'), options);
      if (options.into !== undefined) return options.into as ArrayOf<E>;
      return arrayOver(name, space, bytes as Bytes) as ArrayOf<E>;
    }
    const region = selectRegion(this.space.shape, selection);
    const { dtype } = this.space;
    const wanted = options.into === undefined ? dtype : likelyDtype(options.into, dtype);
    const as = this.#layout(options.dtype ?? wanted, options);
    const size = region.count * itemSizeOf(as.dtype);
    const into = options.into ?? new Uint8Array(size);
    const moved = this.#moved('read', selection, into, { ...options, ...as });
    const { home, lossy } = moved;
    const reading = this.#queue.read(home.region, home, moved.as, lossy, patienceOf(options));
    await unlessLate(reading, this.#what('read'), options);
    if (options.into !== undefined) return options.into as ArrayOf<E>;
    return arrayOver(this.name, { ...as, shape: [region.count] }, into as Bytes) as ArrayOf<E>;
  }

  /** A transfer that is begun, looked at and waited for by itself (PDC). Nothing moves yet. */
  transfer(
    kind: 'write' | 'read',
    selection: RegionSelection,
    buffer: ArrayBufferView,
    options: RegionOptions = {},
  ): RegionTransfer {
    const what = this.#what(mustBeOneOf(kind, TRANSFERS, 'transfer'));
    if (options.transforms !== undefined) {
      const begin =
        kind === 'write'
          ? this.#plannedWrite(kind, selection, buffer, options)
          : this.#plannedRead(selection, buffer, options);
      return new RegionTransfer(what, async () => {
        await begin();
      });
    }
    const { home, as, lossy } = this.#moved(kind, selection, buffer, options);
    return new RegionTransfer(what, () => {
      this.#mustBeOpen(kind);
      return this.#queue[kind](home.region, home, as, lossy, null);
    });
  }

  /**
   * Lets a buffer stand for a region: a read lock refreshes what it locks of it, the release of a
   * write lock publishes that. Until `lock` and `release` resolve it is the pool's. Returns what
   * ends it. `bad-transform`: both happen while the lock is held, so that no chain is run for it.
   */
  map(
    buffer: ArrayBufferView,
    selection: RegionSelection,
    options: Omit<RegionOptions, 'transforms'> = {},
  ): { unmap(): void } {
    if ('transforms' in options && options.transforms !== undefined) {
      const why = 'its transforms would run while others wait for a lock: read and write with them';
      throw new AttaccaError('bad-transform', `Cannot ${this.#what('map')}: ${why}`);
    }
    return { unmap: this.#mapped.add(this.#moved('map', selection, buffer, options)) };
  }

  /**
   * Locks a region against other members: a write lock against all of theirs, a read lock against
   * write locks. Waits in its turn; with `block: false` it fails at once with `lock-conflict`. A
   * lock keeps nobody from writing who does not ask for one.
   *
   * Errors: `deadline-passed` and `lock-conflict` say who holds the region, and since when. When a
   * mapped buffer cannot be refreshed, in time, the lock is given back.
   */
  async lock(
    mode: 'read' | 'write',
    selection: RegionSelection,
    options: LockOptions = {},
  ): Promise<RegionLock> {
    mustBeOneOf(mode, TRANSFERS, 'lock for');
    this.#mustBeOpen('lock');
    const patience = patienceOf(options);
    const region = selectRegion(this.space.shape, selection);
    const number = this.#locks++;
    const release = (): Promise<void> => this.#release(lock);
    const lock = new RegionLock(this.#handle, { mode, region, number }, this.#queue, release);
    await lock.acquire(options);
    if (mode === 'write') this.#writing.add(lock);
    else await this.#refresh(lock, patience);
    return lock;
  }

  /** Has all that this member has written visible to others when it resolves. */
  async commit(options: WaitOptions = {}): Promise<void> {
    this.#mustBeOpen('commit');
    const patience = patienceOf(options);
    const done = this.#committed(false, patience);
    await unlessLate(done, this.#what('commit'), options);
  }

  /**
   * Offers the object as it is: it does not change any more, and who has required it is served.
   * Waits for all writes, and publishes first what is mapped of locks for writing that are held.
   * Refused while other members hold locks (`lock-conflict`) or have not committed (`wrong-state`).
   * When it is given up after it was sent, the object may be sealed all the same.
   */
  async seal(options: WaitOptions = {}): Promise<void> {
    this.#mustBeOpen('seal');
    await unlessLate(this.#seal(patienceOf(options)), this.#what('seal'), options);
  }

  async #seal(patience: Patience | null): Promise<void> {
    await this.#published();
    await this.#queue.post((w, handle) => writeSeal(w, handle), patience);
    this.#writing.clear();
    this.#state = 'sealed';
    if (this.#isOwn) return;
    this.#state = 'closed';
    this.#handle.release();
  }

  /** Ends what was created here: unsealed it is over; of what is sealed, who required it has it. */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    if (this.#isWithdrawn || (this.#state === 'closed' && !this.#isOwn)) return;
    if (!this.#isOwn) throw wrongState(this.#what('withdraw'), 'another member has created it');
    const patience = patienceOf(options);
    const done = this.#queue
      .post((w, handle) => writeWithdraw(w, handle, 0), patience)
      .then(() => {
        this.#state = 'closed';
        if (!this.#isWithdrawn) this.#handle.release();
        this.#isWithdrawn = true;
      });
    await unlessLate(done, this.#what('withdraw'), options);
  }

  /**
   * Publishes what is mapped of locks for writing that are held, commits, and takes part no longer;
   * locks end. What was created here stays open for others until it is withdrawn, or its member
   * leaves; what is kept, beyond that. Idempotent.
   */
  async close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close().catch((error: unknown) => {
      this.#closing = null;
      throw error;
    });
    await unlessLate(this.#closing, this.#what('close'), options);
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    if (this.#state === 'open' && !this.#handle.seat.isGone) {
      await this.#published();
      await this.#committed(true, null);
      this.#writing.clear();
    }
    await this.#queue.idle();
    this.#state = 'closed';
    // The pool has freed it with the commit; that of who has created it is the offer, and stays.
    if (!this.#isOwn) this.#handle.forget();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #committed(closes: boolean, patience: Patience | null): Promise<void> {
    if (this.#underway.size > 0) await this.#asked();
    await this.#queue.post((w, handle) => writeCommit(w, handle, closes), patience);
  }

  /** All is written that buffers have of what is locked for writing. */
  async #published(): Promise<void> {
    if (this.#underway.size > 0) await this.#asked();
    await Promise.all([...this.#writing].flatMap(({ region }) => this.#mapped.publish(region)));
  }

  /** Publishes what is mapped of a region, then gives the lock back: the agent does the rest. */
  async #release(lock: RegionLock): Promise<void> {
    const isWriting = this.#writing.delete(lock);
    const { region } = lock;
    if (this.#state !== 'open') {
      // What was sealed or closed here had published it.
      const lost = isWriting ? this.#mapped.countIn(region) : 0;
      if (lost === 0) return;
      const why = `it is ${this.#state}: ${lost} elements of mapped buffers were not written`;
      throw wrongState(this.#what('publish'), why, { elements: lost });
    }
    if (this.#underway.size > 0) await this.#asked();
    const done = isWriting ? this.#mapped.publish(region) : [];
    if (done.length > 0 && this.consistency === 'commit') {
      done.push(this.#queue.post((w, handle) => writeCommit(w, handle, false)));
    }
    done.push(lock.giveBack());
    await Promise.all(done);
  }

  /** Fills what is mapped of a lock for reading; one that nobody gets is given back. */
  async #refresh(lock: RegionLock, patience: Patience | null): Promise<void> {
    const what = this.#what('lock');
    try {
      const options = restOf(what, patience);
      await unlessLate(this.#mapped.refresh(lock.region, patience), what, options);
    } catch (error) {
      lock.release().catch(() => {});
      throw error;
    }
  }

  /** A write of what a chain makes of an array: checked now, begun by what is returned. */
  #plannedWrite(
    action: string,
    selection: RegionSelection,
    data: ArrayBufferView,
    options: RegionOptions & WaitOptions,
  ): () => Promise<void> {
    this.#mustBeOpen(action);
    const region = selectRegion(this.space.shape, selection);
    const { lossy = false } = options;
    const as = this.#layout(options.dtype ?? dtypeOfArray(data), options);
    const moving = { what: this.#what(action), name: this.name };
    const given = { region, bytes: bytesOfView(data), as, to: this.space.dtype, lossy };
    const run = planWrite(moving, options.transforms ?? [], given);
    return () => {
      this.#mustBeOpen(action);
      return this.#transforming(async () => {
        const { space, bytes } = await run(this.#handle.seat.client.threads, options);
        const patience = patienceOf(options);
        return { written: this.#queue.write(region, { region, bytes }, space, lossy, patience) };
      });
    };
  }

  /** A read over which a chain is run: checked now, begun by what is returned. */
  #plannedRead(
    selection: RegionSelection,
    into: ArrayBufferView | null,
    options: RegionOptions & WaitOptions,
  ): () => Promise<Block> {
    this.#mustBeOpen('read');
    const region = selectRegion(this.space.shape, selection);
    const moving = { what: this.#what('read'), name: this.name };
    const { given, run } = planRead(moving, options, into, region, this.space);
    return async () => {
      const patience = patienceOf(options);
      this.#mustBeOpen('read');
      const { threads } = this.#handle.seat.client;
      const raw = await threads.newBytes(spaceBytes(given));
      await this.#queue.read(region, { region, bytes: raw }, this.space, false, patience);
      const block = await run(threads, raw, options);
      if (into === null) return block;
      bytesOfView(into).set(block.bytes);
      return block;
    };
  }

  /** A write whose transforms run: commit, seal, close and release go behind it. */
  async #transforming(begin: () => Promise<{ written: Promise<void> }>): Promise<void> {
    const begun = begin();
    this.#underway.add(begun);
    try {
      const { written } = await begun;
      await written;
    } finally {
      this.#underway.delete(begun);
    }
  }

  /** Resolves when all writes that were begun before have been asked for. */
  async #asked(): Promise<void> {
    await Promise.allSettled([...this.#underway]);
  }

  /** What is moved: the array has exactly the elements of the region. */
  #moved(
    action: string,
    selection: RegionSelection,
    data: ArrayBufferView,
    options: RegionOptions,
  ): Mapped {
    this.#mustBeOpen(action);
    const region = selectRegion(this.space.shape, selection);
    const bytes = bytesOfView(data);
    const as = this.#layout(options.dtype ?? likelyDtype(data, this.space.dtype), options);
    const moving = { what: this.#what(action), name: this.name };
    mustHold(moving, region.count * itemSizeOf(as.dtype), bytes.length);
    const lossy = options.lossy === true;
    const isRead = action === 'read';
    const { dtype } = this.space;
    mustConvert(moving, as.dtype, isRead ? [dtype, as.dtype] : [as.dtype, dtype], lossy);
    return { home: { region, bytes }, as, lossy };
  }

  #layout(dtype: Dtype, { order, byteOrder }: RegionOptions): Layout {
    const { space } = this;
    if (order !== undefined) mustBeOneOf(order, ORDERS, 'move elements in the order');
    if (byteOrder !== undefined) mustBeOneOf(byteOrder, BYTE_ORDERS, 'use the byte order');
    const isAsIs = dtype === space.dtype && order === undefined && byteOrder === undefined;
    if (isAsIs) return space;
    return {
      dtype,
      order: order ?? space.order,
      byteOrder: byteOrder ?? (dtype === space.dtype ? space.byteOrder : 'little'),
    };
  }

  #what(action: string): string {
    return `${action} "${this.name}"`;
  }

  #mustBeOpen(action: string): void {
    if (this.#state !== 'open') throw wrongState(this.#what(action), `it is ${this.#state}`);
  }
}

const TRANSFERS = ['read', 'write'] as const;
const ORDERS = ['row', 'column'] as const;
const BYTE_ORDERS = ['little', 'big'] as const;

/** Words come from programs that no compiler has checked. */
function mustBeOneOf<T extends string>(word: T, words: readonly T[], action: string): T {
  if (words.includes(word)) return word;
  throw new RangeError(`Cannot ${action} "${word}": ${words.join(' or ')}`);
}
