import type { RegionSelection } from '../core/regions/selection.js';
import { checkSpace, type Dtype, type SpaceExpectation } from '../core/space.js';
import {
  writeDispose,
  writeFinish,
  writeRegionFields,
  writeRequire,
  writeRetract,
  writeSeal,
  writeWithdraw,
} from '../protocol/index.js';
import type { TransformSpec } from '../transforms/spec.js';
import { appendRows, type FollowOptions, followRows } from './appending.js';
import type { ArrayOf, Bytes } from './arrays.js';
import { sizeIfKnown } from './backing.js';
import { type Acknowledged, Call } from './call.js';
import { OBJECT_CALLS, traceCalls } from './call-trace.js';
import { demandObject, peekVersion, policyOf } from './demanding.js';
import { offerEncoded } from './encoded-offer.js';
import { wrongState } from './errors.js';
import { Handle, type HandleState } from './handle.js';
import { checkOptions } from './known-options.js';
import { Making } from './making.js';
import { encodeOffer, offerPayload } from './offering.js';
import {
  deadlineOf,
  type ObjectOptions,
  type OfferOptions,
  type RequireOptions,
  type WaitOptions,
  type WholeOfferOptions,
} from './options.js';
import { Part } from './part.js';
import { UNHEEDED } from './pending.js';
import { Delivered, type ObjectVersion, Owned } from './received.js';
import type { Seat } from './seat.js';
import { type DemandOptions, isSameRegion, type Shaping, wantedRegion } from './shaping.js';
import { mergeSpaces } from './spaces.js';
import { throwIfAborted, waiting } from './waiting.js';

/** A demand with transforms: the type of what comes out is not known to the compiler. */
type Transforming = DemandOptions &
  ({ readonly transforms: readonly TransformSpec[] } | { readonly unpack: true });

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
  /** Regions that are being made here, or whose memory is compared at the end. */
  readonly #parts = new Set<Part<D>>();
  #isInParts = false;
  static {
    const told = (one: PoolObject) => ({ member: one.#handle.seat.name, object: one.name });
    traceCalls(PoolObject, OBJECT_CALLS, told);
  }

  /** What an open require is for. */
  #wanted: RegionSelection | undefined;
  #ready: boolean | undefined;

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
    this.#mustMakeAll('write to');
    return this.#making.array as ArrayOf<D>;
  }

  /** The same memory as bytes, whatever the byte order. Throws as {@link array}. */
  get bytes(): Bytes {
    this.#mustMakeAll('write to');
    return this.#making.bytes;
  }

  /**
   * Puts arrays, one a field, into the structs that the object is made of; fields that are not
   * given stay as they are: `particles.setFields({ x: Float32Array.of(1, 2), id })`. Throws as
   * {@link array}; `bad-space` or `size-mismatch` when an array is not one of the field.
   */
  setFields(arrays: { readonly [name: string]: ArrayBufferView }): this {
    this.#mustMakeAll('write to');
    this.#making.setFields(arrays);
    return this;
  }

  /**
   * Makes sure that `array` is shared memory: leases some, and waits while the pool's is full
   * (`memory-full` at the deadline, naming the largest holders). For large objects. What was
   * written to `array` before is kept. Over a socket, and for small payloads, it is this process's
   * memory.
   */
  async allocate(options: WaitOptions = {}): Promise<this> {
    checkOptions('wait', `allocate "${this.name}"`, options);
    this.#mustMakeAll('allocate');
    await this.#during('allocate', () => this.#making.allocate(options));
    return this;
  }

  /**
   * Takes a file as the payload without copying it: `file` is its plain name in the pool's slab
   * directory (`pool.slabsDirectory`), beginning with `adopt-`; the pool takes it over. Nobody may
   * have it open for writing. Offer then publishes it.
   */
  async adopt(file: string, size: number, options: WaitOptions = {}): Promise<this> {
    checkOptions('wait', `adopt a file for "${this.name}"`, options);
    const action = 'adopt a file for';
    this.#mustMakeAll(action);
    if (this.#making.isBegun) throw wrongState(`${action} "${this.name}"`, 'it has memory');
    await this.#during(action, () => this.#making.adopt(file, size, options));
    return this;
  }

  /**
   * A region of the object, to be made and offered by this member while others make the rest. The
   * space must say dtype and shape, the same in all members. Regions of one version must not
   * overlap: `part-overlap`.
   *
   * ```ts
   * const part = field.region([[0, 256], null]);
   * part.array.set(rows);
   * await part.offer();
   * ```
   */
  region(selection: RegionSelection): Part<D> {
    const handle = this.#handle;
    const action = 'make a part of';
    handle.mustBe(action, 'open', 'sealed', 'offered');
    if (this.#making.isBegun) throw wrongState(`${action} "${this.name}"`, 'all is being made');
    const offered = (isKept: boolean): void => {
      handle.state = 'offered';
      this.#isKept = isKept;
      if (!part.isChecked) this.#parts.delete(part);
    };
    const part: Part<D> = new Part<D>({ handle, offered }, selection);
    this.#parts.add(part);
    this.#isInParts = true;
    return part;
  }

  /**
   * Appends rows to an object whose first dimension is open (`shape: [null, 64]`), behind those of
   * anybody; returns the first of them. They are copied. `wrong-state` once it is finished.
   */
  async append(elements: ArrayOf<D>, options: OfferOptions & WaitOptions = {}): Promise<number> {
    checkOptions('append', `append to "${this.name}"`, options);
    this.#handle.mustBe('append to', 'open', 'sealed', 'offered');
    const first = await appendRows(this.#handle, elements, options);
    this.#handle.state = 'offered';
    this.#isKept = options.keep === true;
    return first;
  }

  /** No more rows come, of anybody: who demands all of it has them. */
  async finish(): Promise<void> {
    this.#handle.mustBe('finish', 'offered');
    await this.#during('finish', () => this.#ask((w, number) => writeFinish(w, number)));
  }

  /**
   * The rows of an object that is appended to, so many at a time as they come; at its end the rest.
   * Each is to be disposed. What is withdrawn before it was asked for is not seen: let its writers
   * keep it until then.
   */
  follow(options: FollowOptions): AsyncGenerator<Delivered<D>, void, void> {
    checkOptions('follow', `follow "${this.name}"`, options);
    return followRows<D>(this.#handle.seat, this.#handle, options);
  }

  /** Adds to what this handle says, before seal. It goes out with the next request on it. */
  set(options: ObjectOptions): void {
    checkOptions('object', `set "${this.name}"`, options);
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
   * Publishes the object: from here on its bytes do not change. Where parts of it were made, those
   * that were written and not offered yet. Without `keep` the offer ends when the member leaves. A
   * space without a shape, and no array taken, offers a payload of length 0.
   *
   * With an `encoding` the pool keeps what that chain makes of the elements, and who demands it has
   * the elements: `bad-transform` when nothing undoes one of the chain.
   *
   * Errors: `already-offered`, `size-mismatch`, `memory-full` (at the deadline),
   * `no-durable-level`. After an error the memory is as it was; offer may be called again.
   *
   * ```ts
   * await t.offer({ keep: true, lifetimeMs: 3_600_000 });
   * ```
   */
  async offer(options: WholeOfferOptions = {}): Promise<Acknowledged> {
    checkOptions('offer', `offer "${this.name}"`, options);
    const handle = this.#handle;
    if (this.#isInParts) {
      const { encoding, replace = false } = options;
      if (encoding === undefined && replace === false) return await this.#offerParts(options);
      throw wrongState(`offer "${this.name}" so`, 'it is made in parts');
    }
    handle.mustBe('offer', 'open', 'sealed');
    if (options.encoding !== undefined) return await this.#offerEncoded(options.encoding, options);
    const payload = this.#making.payload();
    const acknowledged = await this.#during('offer', () =>
      offerPayload(handle, payload, encodeOffer(options), options),
    );
    handle.state = 'offered';
    this.#isKept = options.keep === true;
    this.#making.offered();
    return acknowledged;
  }

  async #offerEncoded(
    chain: readonly TransformSpec[],
    options: WholeOfferOptions,
  ): Promise<Acknowledged> {
    const handle = this.#handle;
    handle.mustBe('offer encoded', 'open');
    const offer = () => offerEncoded(handle, this.#making.bytes, chain, options);
    const acknowledged = await this.#during('offer', offer);
    handle.state = 'offered';
    this.#isKept = options.keep === true;
    // The elements as they were written are nobody's any more.
    this.#making.end();
    return acknowledged;
  }

  async #offerParts(options: OfferOptions & WaitOptions): Promise<Acknowledged> {
    const parts = [...this.#parts].filter((part) => part.isBegun && !part.isOffered);
    if (parts.length === 0) throw wrongState(`offer "${this.name}"`, 'no part of it was written');
    const [first] = await Promise.all(parts.map((part) => part.offer(options)));
    return first as Acknowledged;
  }

  /**
   * Offers, and withdraws in the same breath: who has required the object by now is served, nobody
   * else, and its memory is free when all of them have read it. One write, and no answer between.
   * Returns as {@link withdraw} does. Ends the handle. `durability`: until they have read it.
   * Errors as of offer; the memory is then as it was. Of a withdraw that is refused: it is offered.
   *
   * ```ts
   * field.array.set(values);
   * await field.handOver();
   * ```
   */
  async handOver(options: WaitOptions & Pick<OfferOptions, 'durability'> = {}): Promise<void> {
    checkOptions('handOver', `hand over "${this.name}"`, options);
    const handle = this.#handle;
    handle.mustBe('hand over', 'open', 'sealed');
    const payload = this.#making.payload();
    this.#making.verify('hand over');
    const stays = (): void => this.#making.stays();
    const { durability, timeoutMs } = options;
    const how = { ...encodeOffer({ durability }), withdraw: deadlineOf(timeoutMs), stays };
    await this.#during('hand over', () => offerPayload(handle, payload, how, options));
    this.#making.offered();
    this.#end();
  }

  /**
   * Ends the offer: later requires bind to the next version; those who required this one are still
   * served. Returns when the pool owes its bytes to nobody but itself. Ends the handle.
   */
  async withdraw(options: WaitOptions = {}): Promise<void> {
    checkOptions('wait', `withdraw "${this.name}"`, options);
    const handle = this.#handle;
    handle.mustBe('withdraw', 'offered');
    const what = `withdraw "${this.name}"`;
    throwIfAborted(what, options.signal);
    this.#verify('withdraw');
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
   * that leaves keeps what is required. `region`: what of it; all, without. Errors:
   * `object-mismatch`, `nobody-will-offer`, `bad-region`.
   */
  async require(options: RequireOptions & Pick<Shaping, 'region'> = {}): Promise<void> {
    checkOptions('require', `require "${this.name}"`, options);
    const handle = this.#handle;
    handle.mustBe('require', 'open', 'sealed');
    const region = wantedRegion(handle.space, options);
    try {
      await this.#during('require', () =>
        this.#ask(
          (w, number) => {
            if (region !== null) writeRegionFields(w, number, region);
            writeRequire(w, number, policyOf(options));
          },
          region === null ? 1 : 2,
        ),
      );
      this.#wanted = options.region;
      this.#ready = options.ready;
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
   * `region`: what of it, `order`, `byteOrder`, `dtype`: how it should lie, `into`: where. A demand
   * of a region waits for the parts that have some of it, and no others. What lies in one piece in
   * the pool as it is wanted is still a view; else it is put together in memory of this process.
   * `transforms`: what is done with it on the way. Much of it is done in threads. What was offered
   * with an `encoding` comes decoded.
   *
   * Errors: `deadline-passed` (says who had promised it), `object-mismatch` (this handle expects
   * something else), `nobody-will-offer`, `object-lost`, `object-deleted`, `aborted`; of a region
   * `bad-region`, `parts-missing`; of a dtype that loses values `lossy-conversion`; of transforms
   * `bad-transform`, `bad-expression`, `transform-failed`, `transform-timeout`. A require that was
   * announced before stays open when the deadline passes or the signal fires.
   *
   * ```ts
   * await using u = await pool.object('u/850').demand({ timeoutMs: 30_000 });
   * ```
   */
  demand(options: Transforming & { own: true; dtype?: undefined }): Promise<Owned>;
  demand(options: Transforming & { own?: false; dtype?: undefined }): Promise<Delivered>;
  demand(options: DemandOptions & { own: true; dtype?: undefined }): Promise<Owned<D>>;
  demand(options?: DemandOptions & { own?: false; dtype?: undefined }): Promise<Delivered<D>>;
  demand<T extends Dtype>(options: DemandOptions & { own: true; dtype: T }): Promise<Owned<T>>;
  demand<T extends Dtype>(
    options: DemandOptions & { own?: false; dtype: T },
  ): Promise<Delivered<T>>;
  async demand(options: DemandOptions & { own?: boolean } = {}): Promise<Delivered | Owned> {
    checkOptions('demand', `demand "${this.name}"`, options);
    const handle = this.#handle;
    handle.mustBe('demand', 'open', 'sealed', 'required');
    const own = options.own === true;
    const wasRequired = handle.state === 'required';
    if (wasRequired && !isSameRegion(handle.space, options.region, this.#wanted)) {
      throw wrongState(`demand a region of "${this.name}"`, 'another one, or all, is required');
    }
    const ready = options.ready ?? this.#ready;
    const shaping = wasRequired ? { ...options, ready, region: this.#wanted } : options;
    handle.state = 'busy';
    try {
      const delivery = await demandObject(handle, own ? 'own' : 'view', wasRequired, shaping);
      handle.state = 'delivered';
      const { leaks } = handle.seat.client;
      return own ? new Owned(delivery, leaks) : new Delivered(delivery, leaks);
    } catch (error) {
      handle.state = wasRequired && handle.number !== null ? 'required' : 'open';
      throw error;
    }
  }

  /** Waits until the object is offered, without its bytes. Does not change this handle. */
  async peek(options: WaitOptions & RequireOptions = {}): Promise<ObjectVersion> {
    checkOptions('peek', `wait for "${this.name}"`, options);
    const { seat, name, space } = this.#handle;
    return await peekVersion(new Handle(seat, name, { space }), options);
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
    this.#verify('dispose');
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

  /** Runs a call that changes the state; when it fails the state is as before, or as it says. */
  async #during<T>(what: string, run: () => Promise<T>): Promise<T> {
    const handle = this.#handle;
    const before = handle.state;
    handle.mustBe(what, 'open', 'sealed', 'offered', 'required');
    handle.state = 'busy';
    try {
      return await run();
    } finally {
      if (handle.state === 'busy') handle.state = before;
    }
  }

  async #ask(write: Parameters<Handle['post']>[2], requests = 1): Promise<void> {
    const handle = this.#handle;
    const room = handle.seat.enter(`use "${this.name}"`);
    if (room !== null) await room;
    const call = new Call<never>(requests + handle.declares);
    handle.post(call, requests, write);
    await call.promise;
  }

  #mustMakeAll(action: string): void {
    this.#handle.mustBe(action, 'open', 'sealed');
    if (this.#isInParts) throw wrongState(`${action} "${this.name}"`, 'it is made in parts');
  }

  #verify(what: string): void {
    this.#making.verify(what);
    for (const part of this.#parts) part.verify(what);
  }

  #end(): void {
    this.#making.end();
    for (const part of this.#parts) part.end();
    this.#handle.release();
    this.#handle.state = 'ended';
  }
}
