import type { Writer } from '../core/bytes.js';
import type { AttaccaError } from '../core/errors.js';
import type { SpaceExpectation } from '../core/space.js';
import {
  writeDispose,
  writeOfferInline,
  writeOfferNothing,
  writeOfferSlice,
} from '../protocol/index.js';
import { bytesOfView, dtypeOfArray } from './arrays.js';
import { BatchDeadline } from './batch-deadline.js';
import { type BatchFailure, batchError } from './batch-failures.js';
import type { Client } from './client.js';
import { Declarer } from './declarer.js';
import { asAttaccaError } from './errors.js';
import { Handle } from './handle.js';
import { isMemoryLost } from './lost-memory.js';
import { OfferAnswers } from './offer-answers.js';
import { OfferedMany } from './offered-many.js';
import { type EncodedOffer, encodeOffer, fill, leaseFor, offerStored } from './offering.js';
import type { Attributes, OfferOptions, WaitOptions } from './options.js';
import { UNHEEDED } from './pending.js';
import type { Seat } from './seat.js';
import type { Slice } from './slice.js';
import { throwIfAborted } from './waiting.js';

/** One object of a batch. */
export interface OfferItem {
  readonly name: string;
  /** The payload; none is one of length 0. It must not change until `offerMany` returns. */
  readonly data?: ArrayBufferView | undefined;
  readonly attributes?: Attributes | undefined;
  /** Left out: that of the batch; else the dtype and length of `data`. */
  readonly space?: SpaceExpectation | undefined;
}

export interface OfferManyOptions extends OfferOptions, WaitOptions {
  /** What the pool keeps of these names ends with each, as of `offer`. */
  readonly replace?: boolean | undefined;
  /** The space of items that say none. */
  readonly space?: SpaceExpectation | undefined;
  /** Takes the failures of single items; without it the batch rejects with the first. */
  readonly onFailure?: ((failure: BatchFailure) => void) | undefined;
}

/** An item that can be offered: its payload goes along, or lies in leased memory. */
interface Ready {
  readonly index: number;
  readonly item: OfferItem;
  readonly slice: Slice | null;
}

const NO_ATTRIBUTES: Attributes = {};
const WHAT = 'offer a batch';
/** Requests of so many bytes are handed on as one run: a frame of its own. */
const RUN_BYTES = 64 * 1024;
/** Stored payloads of so many bytes are offered, though more of the batch is to come. */
const STORED_BYTES = 64 * 1024 * 1024;
/** So many items are encoded in one go, before the event loop has its turn again. */
const CHUNK_ITEMS = 4_096;

/**
 * Offers many objects. Each is declared and offered by itself, in the order given; they are encoded
 * into as few frames as they fill, and the answers to a run of them are one message.
 */
export class BatchOffer {
  readonly #seat: Seat;
  readonly #client: Client;
  readonly #options: OfferManyOptions;
  readonly #how: EncodedOffer;
  readonly #declarer: Declarer;
  readonly #failures: BatchFailure[] = [];
  readonly #again: { readonly index: number; readonly item: OfferItem }[] = [];
  readonly #handles: number[] = [];
  /** Kept offers need no handle once they are made: one number serves all, one after the other. */
  readonly #keptHandle: number | null;
  readonly #answers: Promise<void>[] = [];
  readonly #sinceMs = performance.now();
  readonly #deadline: BatchDeadline;
  #count = 0;

  constructor(seat: Seat, options: OfferManyOptions) {
    this.#seat = seat;
    this.#client = seat.client;
    this.#options = options;
    this.#how = encodeOffer(options);
    this.#deadline = new BatchDeadline(seat.client.connection, WHAT, options);
    this.#declarer = new Declarer(seat.client.connection.keys, options.space ?? null);
    this.#keptHandle = options.keep === true ? seat.client.connection.handles.take() : null;
  }

  async run(items: Iterable<OfferItem>): Promise<OfferedMany> {
    const chunk: OfferItem[] = [];
    try {
      for (const item of items) {
        chunk.push(item);
        if (chunk.length < CHUNK_ITEMS) continue;
        await this.#offer(chunk.splice(0));
        // So that answers are read, and others have their turn, while a large batch is encoded.
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (chunk.length > 0) await this.#offer(chunk);
    } finally {
      await Promise.all(this.#answers);
      this.#deadline.end();
      await this.#offerAgain();
      if (this.#keptHandle !== null) {
        this.#client.connection.handles.release(this.#keptHandle);
      }
    }
    this.#report();
    return new OfferedMany(this.#seat, this.#count - this.#failures.length, this.#handles);
  }

  #report(): void {
    const { onFailure } = this.#options;
    if (this.#failures.length === 0) return;
    if (onFailure === undefined) throw batchError('offer', this.#count, this.#failures);
    for (const failure of this.#failures) onFailure(failure);
  }

  async #offer(chunk: readonly OfferItem[]): Promise<void> {
    throwIfAborted(WHAT, this.#options.signal);
    const room = this.#seat.enter(WHAT);
    if (room !== null) await room;
    const ready: Ready[] = [];
    let stored = 0;
    for (const item of chunk) {
      const index = this.#count++;
      try {
        this.#declarer.announce(item.attributes ?? NO_ATTRIBUTES);
        const size = item.data?.byteLength ?? 0;
        if (size <= this.#client.inlineBytesMax) ready.push({ index, item, slice: null });
        else {
          const taken = this.#client.leases.take(size);
          // What is ready must not wait with this one for memory that it would itself make free.
          if (taken === null) this.#send(ready.splice(0));
          const slice = taken ?? (await this.#lease(item, size));
          await fill(this.#client, slice, bytesOfView(item.data as ArrayBufferView));
          ready.push({ index, item, slice });
          stored += size;
        }
        if (stored >= STORED_BYTES) {
          this.#send(ready.splice(0));
          stored = 0;
        }
      } catch (error) {
        this.#fail(index, item, asAttaccaError(error));
        if (this.#client.connection.over !== null) throw error;
      }
    }
    this.#send(ready);
  }

  /** One deadline for all: what is left of it. */
  get #waits(): WaitOptions {
    const { timeoutMs, signal } = this.#options;
    if (timeoutMs === undefined) return { signal };
    const leftMs = timeoutMs - (performance.now() - this.#sinceMs);
    return { signal, timeoutMs: Math.max(leftMs, 0) };
  }

  async #lease(item: OfferItem, size: number): Promise<Slice> {
    // With a handle the pool knows whether the object is waited for, and opens its reserve.
    const handle = new Handle(this.#seat, item.name, {});
    try {
      return await leaseFor(handle, size, this.#waits);
    } finally {
      handle.release();
    }
  }

  #send(ready: readonly Ready[]): void {
    const { connection } = this.#client;
    let w = connection.begin();
    let run = this.#beginRun(ready);
    // Given back after the last run: nothing may be posted while one is written.
    const unused: Slice[] = [];
    for (const [place, { index, item, slice }] of ready.entries()) {
      const start = w.at;
      const handle = this.#keptHandle ?? connection.handles.take();
      try {
        this.#write(w, handle, item, slice);
        run.sent(place, handle);
      } catch (error) {
        w.at = start;
        if (this.#keptHandle === null) connection.handles.release(handle);
        if (slice !== null) unused.push(slice);
        this.#fail(index, item, asAttaccaError(error));
      }
      if (w.at < RUN_BYTES) continue;
      this.#endRun(run);
      w = connection.begin();
      run = this.#beginRun(ready);
    }
    this.#endRun(run);
    for (const slice of unused) this.#client.leases.giveBack(slice);
  }

  #beginRun(ready: readonly Ready[]): OfferAnswers {
    return new OfferAnswers(this.#keptHandle === null ? 2 : 3, (place, error) => {
      const { index, item, slice } = ready[place] as Ready;
      if (slice !== null) this.#client.leases.giveBack(slice);
      // The pool's room for payloads in messages is used up: slabs have more.
      if (error.code === 'memory-full' && slice === null) this.#again.push({ index, item });
      else this.#fail(index, item, error);
    });
  }

  #endRun(run: OfferAnswers): void {
    if (run.requests === 0) return;
    this.#deadline.add(run, this.#client.connection.posted(run, run.requests));
    this.#answers.push(
      run.done.then(({ offered, failed }) => {
        if (this.#keptHandle !== null) return;
        for (const handle of offered) this.#handles.push(handle);
        this.#dispose(failed);
      }),
    );
  }

  #dispose(handles: readonly number[]): void {
    const { connection } = this.#client;
    if (handles.length === 0 || connection.over !== null) return;
    connection.post(UNHEEDED, handles.length, (w) => {
      for (const handle of handles) writeDispose(w, handle);
    });
    for (const handle of handles) connection.handles.release(handle);
  }

  /** Offers by way of slabs what found no room in messages, or was lost with those of before. */
  async #offerAgain(): Promise<void> {
    for (const { index, item } of this.#again.splice(0)) {
      const { name, attributes } = item;
      const handle = new Handle(this.#seat, name, { attributes, space: this.#spaceOf(item) ?? {} });
      try {
        const bytes = bytesOfView(item.data as ArrayBufferView);
        await offerStored(handle, bytes, this.#how, this.#waits);
        if (this.#keptHandle !== null) handle.release();
        else if (handle.number !== null) this.#handles.push(handle.number);
      } catch (error) {
        handle.release();
        this.#fail(index, item, asAttaccaError(error));
      }
    }
  }

  #fail(index: number, item: OfferItem, error: AttaccaError): void {
    // Its bytes are here: they are stored anew.
    if (isMemoryLost(this.#client, error)) this.#again.push({ index, item });
    else this.#failures.push({ index, name: item.name, error: this.#deadline.reasonOf(error) });
  }

  #write(w: Writer, handle: number, item: OfferItem, slice: Slice | null): void {
    const numbers = { handle, member: this.#seat.number };
    const attributes = item.attributes ?? NO_ATTRIBUTES;
    this.#declarer.declare(w, numbers, item.name, this.#spaceOf(item), attributes);
    const { scope, durability, lifetime } = this.#how;
    const { data } = item;
    if (slice !== null) {
      const { slab, offset, size } = slice;
      writeOfferSlice(w, handle, scope, durability, lifetime, slab, offset, size);
    } else if (data === undefined || data.byteLength === 0) {
      writeOfferNothing(w, handle, scope, durability, lifetime);
    } else {
      writeOfferInline(w, handle, scope, durability, lifetime, bytesOfView(data));
    }
    if (this.#keptHandle !== null) writeDispose(w, handle);
  }

  #spaceOf(item: OfferItem): SpaceExpectation | null {
    if (item.space !== undefined) return item.space;
    const shared = this.#options.space;
    if (shared !== undefined || item.data === undefined) return shared ?? null;
    return { dtype: dtypeOfArray(item.data) };
  }
}
