import { checkSpace, type Dtype, type SpaceExpectation } from '../core/space.js';
import {
  writeDispose,
  writeRequire,
  writeRetract,
  writeSeal,
  writeWithdraw,
} from '../protocol/index.js';
import type { ArrayOf, Bytes } from './arrays.js';
import { sizeIfKnown } from './backing.js';
import { type Acknowledged, Call } from './call.js';
import { demandParcel, peekVersion, policyOf } from './demanding.js';
import { wrongState } from './errors.js';
import { Handle, type HandleState } from './handle.js';
import { Making } from './making.js';
import { encodeOffer, offerPayload } from './offering.js';
import {
  deadlineOf,
  type ObjectOptions,
  type OfferOptions,
  type RequireOptions,
  type WaitOptions,
} from './options.js';
import { UNHEEDED } from './pending.js';
import { Delivered, type ObjectVersion, Owned } from './received.js';
import type { Seat } from './seat.js';
import { mergeSpaces } from './spaces.js';
import { throwIfAborted, waiting } from './waiting.js';

/**
 * A member's handle on a named object. A producer fills `array` and offers; a consumer demands.
 * Made by `pool.object(name, options)`; the pool hears of it with the first call that needs it.
 *
 * ```ts
 * const space = { dtype: 'float32', shape: [181, 360] } as const;
 * const t = pool.object('t/850', { attributes: { level: 850 }, space });
 * t.array.set(values);
 * await t.offer();
 * await t.withdraw();
 * ```
 */
export class PoolObject<D extends Dtype = Dtype> {
  readonly #handle: Handle;
  readonly #making: Making;
  #isKept = false;

  constructor(seat: Seat, name: string, options: ObjectOptions) {
    this.#handle = new Handle(seat, name, options);
    this.#making = new Making(this.#handle);
  }

  get name(): string {
    return this.#handle.name;
  }

  /** `busy` while a call that changes it is under way; `ended` after withdraw, retract, dispose. */
  get state(): HandleState {
    return this.#handle.state;
  }

  /** What this handle says of the space. */
  get space(): SpaceExpectation {
    return this.#handle.space;
  }

  /**
   * The elements, to be written before offer, in the order of memory (`space.order`). Zero or what
   * was there before: write all of it. Where leased memory is at hand (nearly always after the
   * first objects) this is the pool's own memory and offer copies nothing; else it is memory of
   * this process, which offer moves. `await allocate()` makes sure of the first.
   *
   * Throws `wrong-state` after offer, `bad-space` when the shape is not known or big-endian. Do not
   * keep the array beyond offer: from then on its bytes are what others read.
   */
  get array(): ArrayOf<D> {
    this.#handle.mustBe('write to', 'open', 'sealed');
    return this.#making.array as ArrayOf<D>;
  }

  /** The same memory as bytes, whatever the byte order. Throws as {@link array}. */
  get bytes(): Bytes {
    this.#handle.mustBe('write to', 'open', 'sealed');
    return this.#making.bytes;
  }

  /**
   * Makes sure that `array` is shared memory: leases some, and waits while the pool's is full
   * (`memory-full` at the deadline, naming the largest holders). For large objects. What was
   * written to `array` before is kept. Over a socket, and for small payloads, it is this process's
   * memory.
   */
  async allocate(options: WaitOptions = {}): Promise<this> {
    this.#handle.mustBe('allocate', 'open', 'sealed');
    await this.#during('allocate', () => this.#making.allocate(options));
    return this;
  }

  /**
   * Takes a file as the payload without copying it: `file` is its plain name in the pool's slab
   * directory (`pool.slabsDirectory`), beginning with `adopt-`; the pool takes it over. Nobody may
   * have it open for writing. Offer then publishes it.
   */
  async adopt(file: string, size: number, options: WaitOptions = {}): Promise<this> {
    const action = 'adopt a file for';
    this.#handle.mustBe(action, 'open', 'sealed');
    if (this.#making.isBegun) throw wrongState(`${action} "${this.name}"`, 'it has memory');
    await this.#during(action, () => this.#making.adopt(file, size, options));
    return this;
  }

  /** Adds to what this handle says, before seal. It goes out with the next request on it. */
  set(options: ObjectOptions): void {
    const handle = this.#handle;
    handle.mustBe('set', 'open');
    const space = mergeSpaces(handle.space, options.space ?? {});
    if (this.#making.isBegun && sizeIfKnown(space) !== sizeIfKnown(handle.space)) {
      throw wrongState(`set "${this.name}"`, 'its memory has the size of the former space');
    }
    checkSpace(space);
    handle.change(space, { ...handle.attributes, ...options.attributes });
    this.#making.spaceChanged();
  }

  /** Fixes what this handle says. Offer, require and demand imply it. */
  async seal(): Promise<void> {
    this.#handle.mustBe('seal', 'open', 'sealed');
    await this.#during('seal', () => this.#ask((w, number) => writeSeal(w, number)));
    this.#handle.state = 'sealed';
  }

  /**
   * Publishes the object: from here on its bytes do not change. Without `keep` the offer ends when
   * the member leaves. A space without a shape, and no array taken, offers a payload of length 0.
   *
   * Errors: `already-offered`, `size-mismatch`, `memory-full` (at the deadline),
   * `no-durable-level`. After an error the memory is as it was and offer may be called again.
   *
   * ```ts
   * await t.offer({ keep: true, lifetimeMs: 3_600_000 });
   * ```
   */
  async offer(options: OfferOptions & WaitOptions = {}): Promise<Acknowledged> {
    const handle = this.#handle;
    handle.mustBe('offer', 'open', 'sealed');
    const payload = this.#making.payload();
    const acknowledged = await this.#during('offer', () =>
      offerPayload(handle, payload, encodeOffer(options), options),
    );
    handle.state = 'offered';
    this.#isKept = options.keep === true;
    this.#making.offered();
    return acknowledged;
  }

  /**
   * Offers, and withdraws in the same breath: who has required the object by now is served, nobody
   * else, and its memory is free when all of them have read it. One write, and no answer between.
   * Returns as {@link withdraw} does. Ends the handle.
   *
   * Errors as of offer; the memory is then as it was.
   *
   * ```ts
   * field.array.set(values);
   * await field.handOver();
   * ```
   */
  async handOver(options: WaitOptions = {}): Promise<void> {
    const handle = this.#handle;
    handle.mustBe('hand over', 'open', 'sealed');
    const payload = this.#making.payload();
    this.#making.verify('hand over');
    const how = { ...encodeOffer({}), withdraw: deadlineOf(options.timeoutMs) };
    await this.#during('hand over', () => offerPayload(handle, payload, how, options));
    this.#making.offered();
    this.#end();
  }

  /**
   * Ends the offer: later requires bind to the next version; those who required this one are still
   * served. Returns when the pool owes its bytes to nobody but itself. Ends the handle.
   */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    const handle = this.#handle;
    handle.mustBe('withdraw', 'offered');
    const what = `withdraw "${this.name}"`;
    throwIfAborted(what, options.signal);
    this.#making.verify('withdraw');
    await this.#during('withdraw', async () => {
      const room = handle.seat.enter(what);
      if (room !== null) await room;
      const call = new Call<never>(1);
      const number = handle.post(call, 1, (w, number) =>
        writeWithdraw(w, number, deadlineOf(options.timeoutMs)),
      );
      await waiting(handle.seat.client.connection, call, { number, what }, options);
    });
    this.#end();
  }

  /**
   * Announces need: binds to the offered version, else to the next, and returns at once. A provider
   * that leaves keeps what is required. Errors: `object-mismatch`, `nobody-will-offer`.
   */
  async require(options: RequireOptions = {}): Promise<void> {
    const handle = this.#handle;
    handle.mustBe('require', 'open', 'sealed');
    try {
      await this.#during('require', () =>
        this.#ask((w, number) => writeRequire(w, number, policyOf(options))),
      );
    } catch (error) {
      handle.release();
      throw error;
    }
    handle.state = 'required';
  }

  /**
   * Waits until the object is offered and hands it over: a read-only view of the pool's memory, no
   * copy; with `own: true` memory that may be written, the slice itself when nobody else needs it.
   * Requires first if that was not done.
   *
   * Errors: `deadline-passed` (says who had promised it), `object-mismatch` (this handle expects
   * something else), `nobody-will-offer`, `object-lost`, `object-deleted`, `aborted`. A require
   * that was announced before stays open when the deadline passes or the signal fires.
   *
   * ```ts
   * await using u = await pool.object('u/850').demand({ timeoutMs: 30_000 });
   * ```
   */
  demand(options: WaitOptions & RequireOptions & { own: true }): Promise<Owned<D>>;
  demand(options?: WaitOptions & RequireOptions & { own?: false }): Promise<Delivered<D>>;
  async demand(
    options: WaitOptions & RequireOptions & { own?: boolean } = {},
  ): Promise<Delivered<D> | Owned<D>> {
    const handle = this.#handle;
    handle.mustBe('demand', 'open', 'sealed', 'required');
    const own = options.own === true;
    const wasRequired = handle.state === 'required';
    handle.state = 'busy';
    try {
      const delivery = await demandParcel(handle, own ? 'own' : 'view', wasRequired, options);
      handle.state = 'delivered';
      const { leaks } = handle.seat.client;
      return own ? new Owned<D>(delivery, leaks) : new Delivered<D>(delivery, leaks);
    } catch (error) {
      handle.state = wasRequired && handle.number !== null ? 'required' : 'open';
      throw error;
    }
  }

  /** Waits until the object is offered, without its bytes. Does not change this handle. */
  peek(options: WaitOptions & RequireOptions = {}): Promise<ObjectVersion> {
    const { seat, name, space } = this.#handle;
    return peekVersion(new Handle(seat, name, { space }), options);
  }

  /**
   * Takes a require back, and ends the handle. `wrong-state` while a demand on it waits: end that
   * with its signal first.
   */
  async retract(): Promise<void> {
    this.#handle.mustBe('retract', 'required');
    await this.#during('retract', () => this.#ask((w, number) => writeRetract(w, number)));
    this.#end();
  }

  /**
   * Frees the handle, and memory that was not offered. Idempotent. `wrong-state` while the object
   * is offered with the member's scope: withdraw it. What was delivered has a dispose of its own.
   */
  async dispose(): Promise<void> {
    const handle = this.#handle;
    if (handle.state === 'ended' || handle.state === 'delivered') return;
    handle.mustBe('dispose', 'open', 'sealed', 'offered', 'required');
    this.#making.verify('dispose');
    const { state, number, seat } = handle;
    if (seat.isGone) {
      this.#end();
      return;
    }
    if (state === 'required' && number !== null) {
      handle.post(UNHEEDED, 1, (w) => writeRetract(w, number));
    }
    if (state === 'offered' && number !== null) {
      await this.#during('dispose', () => this.#ask((w) => writeDispose(w, number)));
      handle.forget();
    }
    this.#end();
  }

  /** Withdraws what is offered with the member's scope, then disposes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { state, seat } = this.#handle;
    if (seat.isGone) return;
    if (state === 'offered' && !this.#isKept) await this.withdraw();
    else await this.dispose();
  }

  /** Runs a call that changes the state; when it fails the state is as before. */
  async #during<T>(what: string, run: () => Promise<T>): Promise<T> {
    const handle = this.#handle;
    const before = handle.state;
    handle.mustBe(what, 'open', 'sealed', 'offered', 'required');
    handle.state = 'busy';
    try {
      return await run();
    } finally {
      handle.state = before;
    }
  }

  async #ask(write: Parameters<Handle['post']>[2]): Promise<void> {
    const handle = this.#handle;
    const room = handle.seat.enter(`use "${this.name}"`);
    if (room !== null) await room;
    const call = new Call<never>(1 + handle.declares);
    handle.post(call, 1, write);
    await call.promise;
  }

  #end(): void {
    this.#making.end();
    this.#handle.release();
    this.#handle.state = 'ended';
  }
}
