import { LIMITS } from '../core/limits.js';
import type { Dtype, SpaceExpectation } from '../core/space.js';
import type { ValueMap } from '../core/value.js';
import { bytesOfView, dtypeOfArray } from './arrays.js';
import { BatchOffer, type OfferItem, type OfferManyOptions } from './batch-offer.js';
import type { Acknowledged } from './call.js';
import { traceCalls } from './call-trace.js';
import { Cube } from './cubes/cube.js';
import { defineCube } from './cubes/defining.js';
import { type CubeOptions, openCube } from './cubes/definition.js';
import { CubeState } from './cubes/state.js';
import { peekVersion } from './demanding.js';
import { type DeriveOptions, derive } from './deriving.js';
import { putEncoded } from './encoded-offer.js';
import { emitEvent } from './events/emitting.js';
import type { SubscribeOptions } from './events/options.js';
import {
  demandAll,
  type RequireAllOptions,
  type RequiredAll,
  requireAll,
} from './events/required-all.js';
import { forgetSubscription, type Subscription, subscribe } from './events/subscription.js';
import { PoolGroup } from './group.js';
import { Handle } from './handle.js';
import { checkOptions } from './known-options.js';
import { PoolObject } from './object.js';
import type { OfferedMany } from './offered-many.js';
import { encodeOffer, offerPayload, type Payload } from './offering.js';
import type { OpenObject } from './open/open-object.js';
import { type CreateOptions, createOpen, type GatheringOptions, openOpen } from './open/opening.js';
import type { ObjectOptions, RequireOptions, WaitOptions, WholeOfferOptions } from './options.js';
import { makePromise, type PoolPromise, type Promised } from './pool-promise.js';
import { PoolView } from './pool-view.js';
import type { Delivered, ObjectVersion, Owned } from './received.js';
import { type BarrierOptions, meet, raiseSignal } from './rendezvous.js';
import { handlesFor, RequiredMany, requireMany } from './required-many.js';
import type { Seat } from './seat.js';
import type { Tenancy } from './tenancy.js';

/** What is told to who looks at the calls of a program. */
const TRACED = [
  ...(['create', 'open', 'put', 'offerMany', 'requireMany', 'demandMany', 'derive'] as const),
  ...(['cube', 'wait', 'promise', 'emit', 'subscribe', 'barrier', 'leave'] as const),
];

/** What is said of an object whose dtype the compiler knows. */
export interface TypedObjectOptions<D extends Dtype> extends ObjectOptions {
  readonly space?: (SpaceExpectation & { readonly dtype?: D }) | undefined;
}

/**
 * A member of a pool: made by `join()`.
 *
 * ```ts
 * await using pool = await join({ member: 'model[0]' });
 * await pool.put('t/850', new Float32Array(181 * 360), { attributes: { level: 850 } });
 * ```
 */
export class Pool extends PoolView {
  readonly #seat: Seat;

  static {
    traceCalls(Pool, TRACED, (pool, first) => ({
      member: pool.memberName,
      object: typeof first === 'string' ? first : '',
    }));
  }
  #leaving: Promise<readonly string[]> | null = null;

  constructor(tenancy: Tenancy, seat: Seat) {
    super(tenancy, seat.number);
    this.#seat = seat;
  }

  /** The name that was granted: `model[3]` when `model[*]` was asked for. */
  get memberName(): string {
    return this.#seat.name;
  }

  /**
   * A handle on a named object. Costs no message; the pool hears of it with the first call that
   * needs it. A producer says what the object is, a consumer what it expects.
   * `bad-name` when the name is none.
   */
  object<D extends Dtype = Dtype>(
    name: string,
    options: TypedObjectOptions<D> = {},
  ): PoolObject<D> {
    checkOptions('object', `make "${name}"`, options);
    return new PoolObject<D>(this.#seat, name, options);
  }

  /**
   * Creates an object that members write to by regions, until it is sealed. Its space must be
   * known; its memory is leased and filled, and waits while the pool's is full.
   *
   * Errors: `already-offered`, `bad-space`, `too-large`, `memory-full` at the deadline.
   *
   * ```ts
   * const space = { dtype: 'float64', shape: [1024, 1024] } as const;
   * const field = await pool.create('field', { space, consistency: 'commit' });
   * ```
   */
  async create<D extends Dtype = Dtype>(
    name: string,
    options: TypedObjectOptions<D> & CreateOptions & WaitOptions,
  ): Promise<OpenObject<D>> {
    checkOptions('create', `create "${name}"`, options);
    return await createOpen<D>(this.#seat, name, options);
  }

  /**
   * Takes part in an object that somebody has created, or waits until that. `wrong-state` when it
   * is sealed, or was offered otherwise: it can be demanded then.
   */
  async open<D extends Dtype = Dtype>(
    name: string,
    options: TypedObjectOptions<D> & GatheringOptions & WaitOptions = {},
  ): Promise<OpenObject<D>> {
    checkOptions('open', `open "${name}"`, options);
    return await openOpen<D>(this.#seat, name, options);
  }

  /**
   * Offers data under a name; it stays when this member leaves, unless `keep` is false. Space and
   * dtype are those of the array, one dimension, unless given. The data are copied once, and are
   * the caller's again when this returns. With an `encoding` as of {@link PoolObject.offer}.
   *
   * Errors: `already-offered`, `size-mismatch`, `memory-full` at the deadline.
   */
  async put(
    name: string,
    data: ArrayBufferView,
    options: ObjectOptions & WholeOfferOptions = {},
  ): Promise<Acknowledged> {
    checkOptions('put', `put "${name}"`, options);
    if (options.encoding !== undefined) {
      return await putEncoded(this.#seat, name, data, options.encoding, options);
    }
    const space = options.space ?? { dtype: dtypeOfArray(data) };
    const handle = new Handle(this.#seat, name, { attributes: options.attributes, space });
    const keep = options.keep ?? true;
    const payload: Payload = { kind: 'bytes', bytes: bytesOfView(data) };
    try {
      const acknowledged = await offerPayload(handle, payload, encodeOffer(options, keep), options);
      // Offered with the member's scope it lives as long as its handle.
      if (keep) handle.release();
      return acknowledged;
    } catch (error) {
      handle.release();
      throw error;
    }
  }

  /**
   * Offers many objects in as few frames as they fill. Each is an offer by itself, in the order
   * given but for those that wait for memory. Rejects with the first failure when some fail, unless
   * `onFailure` takes them; the others are offered either way.
   *
   * ```ts
   * const items = points.map((at, index) => ({ name: `p/${index}`, attributes: at }));
   * await pool.offerMany(items, { keep: true });
   * ```
   */
  async offerMany(
    items: Iterable<OfferItem>,
    options: OfferManyOptions = {},
  ): Promise<OfferedMany> {
    checkOptions('offerMany', 'offer many objects', options);
    return await new BatchOffer(this.#seat, options).run(items);
  }

  /**
   * Many objects as one, by a name of its own: a time step, say. A producer puts objects into it
   * and offers all at once; a consumer requires or demands it, also before it is there.
   *
   * ```ts
   * const step = pool.group('step/24').add('t/24', t).add('u/24', u);
   * await step.offer();
   * ```
   */
  group(name: string, options: Pick<ObjectOptions, 'attributes'> = {}): PoolGroup {
    checkOptions('group', `make the group "${name}"`, options);
    return new PoolGroup(this.#seat, name, options);
  }

  /** Announces need of many objects at once; demand them together or one by one as they come. */
  async requireMany<D extends Dtype = Dtype>(
    names: Iterable<string>,
    options: TypedObjectOptions<D> & RequireOptions = {},
  ): Promise<RequiredMany<D>> {
    checkOptions('requireMany', 'require many objects', options);
    const handles = handlesFor(this.#seat, names, options);
    await requireMany(this.#seat, handles, options);
    return new RequiredMany<D>(this.#seat, handles, options.ready);
  }

  /** Waits for many objects, and hands them over in the order of their names: all or none. */
  async demandMany<D extends Dtype = Dtype>(
    names: Iterable<string>,
    options: TypedObjectOptions<D> & RequireOptions & WaitOptions = {},
  ): Promise<Delivered<D>[]> {
    checkOptions('demandMany', 'demand many objects', options);
    const handles = handlesFor(this.#seat, names, options);
    return await new RequiredMany<D>(this.#seat, handles).demand(options);
  }

  /** Hands over many objects as they come. Leaving the loop early takes back the rest. */
  demandEach<D extends Dtype = Dtype>(
    names: Iterable<string>,
    options: TypedObjectOptions<D> & RequireOptions & WaitOptions = {},
  ): AsyncGenerator<Delivered<D>, void, undefined> {
    checkOptions('demandMany', 'demand many objects', options);
    const handles = handlesFor(this.#seat, names, options);
    return new RequiredMany<D>(this.#seat, handles).demandEach(options);
  }

  /**
   * Requires all that a selector selects (docs/selectors.md), what is offered and what will be, so
   * that nobody withdraws it before it was handed over; demands some ahead. Resolves when that
   * stands. Members that name the same `group` share the work. See {@link RequiredAll}.
   *
   * Errors: `bad-selector`, `subscription-limit`.
   */
  requireAll<D extends Dtype = Dtype>(
    selector: string,
    options: RequireAllOptions & { readonly own: true },
  ): Promise<RequiredAll<Owned<D>>>;
  requireAll<D extends Dtype = Dtype>(
    selector: string,
    options?: RequireAllOptions & { readonly own?: false | undefined },
  ): Promise<RequiredAll<Delivered<D>>>;
  async requireAll(
    selector: string,
    options: RequireAllOptions = {},
  ): Promise<RequiredAll<Delivered | Owned>> {
    checkOptions('requireAll', `require all of ${selector}`, options);
    return await requireAll(this.#seat, selector, options);
  }

  /**
   * As {@link requireAll}, from when the loop begins, and hands over each as it comes. A view is
   * disposed when the next one is taken; leaving the loop takes back the rest.
   *
   * ```ts
   * for await (const field of pool.demandAll('param = "t"', { ahead: 4, until: 'complete' })) {
   *   console.log(field.name, field.array[0]);
   * }
   * ```
   */
  demandAll<D extends Dtype = Dtype>(
    selector: string,
    options: RequireAllOptions & { readonly own: true },
  ): AsyncGenerator<Owned<D>, void, undefined>;
  demandAll<D extends Dtype = Dtype>(
    selector: string,
    options?: RequireAllOptions & { readonly own?: false | undefined },
  ): AsyncGenerator<Delivered<D>, void, undefined>;
  demandAll(
    selector: string,
    options: RequireAllOptions = {},
  ): AsyncGenerator<Delivered | Owned, void, undefined> {
    checkOptions('requireAll', `demand all of ${selector}`, options);
    return demandAll(this.#seat, selector, options);
  }

  /**
   * Demands several objects and computes an expression of them, element by element, in threads:
   * `names` says which object each name in the text is. All have, after `region`, the same shape.
   * The result is this process's memory: float32 where all inputs fit it, bool of a condition, else
   * float64; or `dtype`. Division by zero and the like are as IEEE 754 has them.
   *
   * Errors: `bad-expression` with the place `at`, `bad-space` of shapes that differ,
   * `lossy-conversion` of inputs that float64 does not hold (unless `lossy`), those of demands.
   *
   * ```ts
   * const speed = await pool.derive({ u: 'u/850', v: 'v/850' }, 'sqrt(u*u + v*v)');
   * ```
   */
  async derive(
    names: { readonly [name: string]: string },
    text: string,
    options: DeriveOptions = {},
  ): Promise<Owned> {
    checkOptions('derive', `derive "${text}"`, options);
    return await derive(this.#seat, names, text, options);
  }

  /**
   * Many objects as one labelled array: those that a selector selects, along axes that are keys of
   * their attributes. Keeps it in the pool as a collection of that name, so that others open it by
   * `pool.cube(name)`. See {@link Cube}. Waits until coordinates are there that it is told to have
   * of an object: `timeoutMs` and `signal` are for all of it. One that is there with another
   * selector, or other axes, is changed with `replace` alone.
   *
   * Errors: `bad-argument`, `bad-selector`, `cube-misfit`; by a name alone `unknown-definition`.
   *
   * ```ts
   * const cube = await pool.cube('t850', 'param = "t"', ['number', 'step', 'level']);
   * const { shape, coords } = cube;
   * ```
   */
  cube(name: string): Promise<Cube>;
  cube(
    name: string,
    selector: string,
    axes: readonly string[],
    options?: CubeOptions & WaitOptions & { readonly replace?: boolean | undefined },
  ): Promise<Cube>;
  async cube(
    name: string,
    selector?: string,
    axes: readonly string[] = [],
    given: CubeOptions & WaitOptions & { replace?: boolean } = {},
  ): Promise<Cube> {
    checkOptions('cube', `make the cube "${name}"`, given);
    const { timeoutMs, signal, ...options } = given;
    const { client } = this;
    const definition =
      selector === undefined
        ? await openCube(client, name)
        : await defineCube(this.#seat, name, selector, axes, { ...options, timeoutMs, signal });
    const cube = new Cube(new CubeState(this.#seat, definition));
    return await cube.refresh({ timeoutMs, signal });
  }

  /** Waits until an object is offered, without its bytes. */
  async wait(
    name: string,
    options: ObjectOptions & WaitOptions & RequireOptions = {},
  ): Promise<ObjectVersion> {
    checkOptions('demandMany', `wait for "${name}"`, options);
    return await peekVersion(new Handle(this.#seat, name, options), options);
  }

  /**
   * Says what this member will offer: globs, or `{ name }` for one name as it stands. Close it when
   * all is offered; leaving closes it.
   */
  async promise(...patterns: readonly Promised[]): Promise<PoolPromise> {
    if (patterns.length === 0) throw new TypeError('Cannot promise nothing: name a glob');
    return await makePromise(this.#seat, patterns);
  }

  /**
   * Tells what happens in the pool, by kind and selector: see {@link SubscribeOptions}. Close it
   * when it is not needed any more; leaving closes it.
   */
  async subscribe(options: SubscribeOptions = {}): Promise<Subscription> {
    checkOptions('subscribe', 'subscribe', options);
    return await subscribe(this.#seat, options);
  }

  /**
   * Ends a durable subscription for good, whatever it asks for, and for all who have it: also one
   * whose program nobody knows any more. `unknown-subscription` when there is none.
   */
  async forgetSubscription(name: string): Promise<void> {
    await forgetSubscription(this.#seat, name);
  }

  /**
   * Tells others something: an event of a kind that the program names (1 to 255 bytes, none of the
   * pool's own), with attributes. It is kept and selected as all events are. A subscriber may hold
   * it: then it waits for as long as the options say.
   *
   * ```ts
   * await pool.emit('steer', { dt: 30 });
   * ```
   */
  async emit(
    kind: string,
    attributes: ValueMap = {},
    options: WaitOptions = {},
  ): Promise<Acknowledged> {
    checkOptions('wait', `emit "${kind}"`, options);
    return await emitEvent(this.#seat, kind, attributes, options);
  }

  /** Raises a signal: an object of length 0 that stays. Raising it again changes nothing. */
  async signal(name: string): Promise<void> {
    await raiseSignal(new Handle(this.#seat, name, {}));
  }

  /** Waits until a signal is raised, or any object of that name is offered. */
  waitFor(name: string, options: WaitOptions & RequireOptions = {}): Promise<ObjectVersion> {
    return this.wait(name, options);
  }

  /**
   * Returns when so many members have called it by this name. Then the name serves again: who calls
   * it next is the first of the next round. A member that dies or leaves, or whose wait ends
   * otherwise, has not come. The error of a deadline names who has come, and tells how many are
   * missing; `bad-argument` when others meet there with another number.
   *
   * ```ts
   * await pool.barrier('start', { members: 4 });
   * ```
   */
  async barrier(name: string, options: BarrierOptions): Promise<void> {
    checkOptions('barrier', `meet at "${name}"`, options);
    const { members } = options ?? {};
    if (members === undefined) {
      throw new TypeError(`Cannot meet at "${name}": say how many meet, { members: 4 }`);
    }
    if (!(Number.isInteger(members) && members >= 1 && members <= LIMITS.membersMax)) {
      throw new RangeError(`Cannot meet at "${name}": ${members} members`);
    }
    await meet(this.#seat, name, options);
  }

  /** One more member of this process, over the same connection. */
  async member(
    name: string,
    options: WaitOptions & { readonly info?: ValueMap } = {},
  ): Promise<Pool> {
    checkOptions('member', `join as "${name}"`, options);
    const tenancy = this.tenancy.share();
    try {
      return new Pool(tenancy, await this.client.join(name, options.info ?? {}, options));
    } catch (error) {
      await tenancy.release();
      throw error;
    }
  }

  /**
   * Leaves: returns when nothing this member provides is needed any more, or the pool holds it. Its
   * offers of member scope are withdrawn; their names are the result. Idempotent; after a failure
   * (`deadline-passed`) the member is still in the pool and may leave again. From a pool that was
   * stopped everybody has left: nothing is needed any more.
   */
  async leave(options: WaitOptions = {}): Promise<readonly string[]> {
    checkOptions('wait', 'leave the pool', options);
    this.#leaving ??= this.#leave(options).catch((error: unknown) => {
      if (this.client.connection.over === null) this.#leaving = null;
      throw error;
    });
    return await this.#leaving;
  }

  /** As {@link leave}, and quiet when the connection is gone already. */
  override async close(): Promise<void> {
    if (this.client.connection.over === null) await this.leave();
    else await this.tenancy.release();
  }

  async #leave(options: WaitOptions): Promise<readonly string[]> {
    const names = await this.#seat.leave(options).catch((error: unknown) => {
      if (this.client.connection.over?.code === 'pool-stopping') return [];
      throw error;
    });
    await this.tenancy.release();
    return names;
  }
}
