import { setMaxListeners } from 'node:events';
import type { Label } from '../../core/cubes/axis.js';
import type { Place } from '../../core/cubes/grid.js';
import { AttaccaError } from '../../core/errors.js';
import { formatBytes } from '../../core/format-bytes.js';
import { formatSeconds } from '../../core/format-seconds.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import { type Dtype, itemSizeOf, type Order, type Space, spaceBytes } from '../../core/space.js';
import type { ValueMap } from '../../core/value.js';
import { compareValues } from '../../core/value-order.js';
import { planChain } from '../../transforms/chain.js';
import type { Step } from '../../transforms/steps.js';
import { type Bytes, bytesOfView } from '../arrays.js';
import { type Came, DemandBatch } from '../demand-batch.js';
import { peekVersion, unpack } from '../demanding.js';
import { encodingOf } from '../encoding.js';
import { Handle } from '../handle.js';
import type { RequireOptions, WaitOptions } from '../options.js';
import { giveBack } from '../parcels.js';
import type { Delivery } from '../received.js';
import { RequiredMany, requireMany } from '../required-many.js';
import type { Shaping } from '../shaping.js';
import { stepped } from '../stepping.js';
import { CubeArray } from './array.js';
import { Clock } from './clock.js';
import { Crew } from './crew.js';
import { ownOf } from './definition.js';
import { fillBytes, fillWith } from './filling.js';
import { differs, type Member, misfitError, placeText } from './members.js';
import type { Pick } from './picks.js';
import { type CubePlan, pickedAxes, placesAt, planCube } from './planning.js';
import type { CubeState } from './state.js';
import { Gone, Watch } from './watch.js';

/** How a part of a cube is demanded. */
export interface CubeDemandOptions extends WaitOptions, RequireOptions {
  /**
   * Places without an object, or whose object lacks parts: `wait` for them (the default), `fill`
   * them, or `fail` with `cube-hole`.
   */
  readonly holes?: 'wait' | 'fill' | 'fail' | undefined;
  /** With what: NaN where the elements have it, else it must be said. */
  readonly fill?: number | bigint | undefined;
  /** Of the result. Left out: `row`; of one object alone that of the object. */
  readonly order?: Order | undefined;
  readonly dtype?: Dtype | undefined;
  readonly lossy?: boolean | undefined;
  readonly into?: ArrayBufferView | undefined;
}

/** Brought into reach at a time: over a socket each takes a round trip. */
const UNPACKED_AT_ONCE = 16;

/** One demand of a part of a cube: all objects that it needs at once. */
export class CubeDemand {
  readonly #state: CubeState;
  readonly #picks: readonly Pick[];
  readonly #options: CubeDemandOptions;
  readonly #clock: Clock;
  readonly #what: string;
  /** Ends everything else when a part of it has failed. */
  readonly #stop = new AbortController();
  /** The first failure: others may only follow from it. */
  #failure: unknown = null;
  #announced: RequiredMany | null = null;

  constructor(state: CubeState, picks: readonly Pick[], options: CubeDemandOptions) {
    this.#state = state;
    this.#picks = picks;
    this.#options = options;
    const { signal } = options;
    const all =
      signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    // All that is brought into reach at once listens to it.
    setMaxListeners(0, all);
    this.#clock = new Clock({ timeoutMs: options.timeoutMs, signal: all });
    this.#what = `demand of the cube "${state.definition.name}"`;
  }

  async run(): Promise<CubeArray> {
    try {
      await this.#state.update(this.#clock.options);
      const { holes = 'wait' } = this.#options;
      if (holes === 'wait') await this.#untilKnown();
      else if (this.#state.found.model === null) {
        throw this.#holeError('no object of it is there', { holes: null, labels: null });
      }
      return await this.#demandWhole();
    } catch (error) {
      // What goes on beside it ends for this reason, not for its own.
      throw this.#options.signal?.aborted === true ? error : (this.#failure ?? error);
    } finally {
      this.#stop.abort();
      await this.#announced?.retract();
    }
  }

  /** Anew when an object that was there has gone before it came: it is a hole by now. */
  async #demandWhole(): Promise<CubeArray> {
    for (;;) {
      try {
        return await this.#demand(planCube(this.#state, this.#picks));
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
      }
    }
  }

  #fail(error: unknown): never {
    if (error instanceof Gone) throw error;
    this.#failure ??= error;
    this.#stop.abort();
    throw error;
  }

  #holeError(why: string, fields: ValueMap): AttaccaError {
    const { name } = this.#state.definition;
    return new AttaccaError('cube-hole', `Cannot ${this.#what}: ${why}`, { name, ...fields });
  }

  /** Until there is an object to tell what all are, and something is picked of each axis. */
  async #untilKnown(): Promise<void> {
    for (;;) {
      const picked = pickedAxes(this.#state, this.#picks);
      const nothing = picked.findIndex(({ length }) => length === 0);
      if (nothing < 0 && this.#state.found.model !== null) return;
      const sinceMs = performance.now();
      const name = nothing < 0 ? await this.#announce() : null;
      if (name !== null) {
        const handle = new Handle(this.#state.seat, name, {});
        await peekVersion(handle, { ...this.#options, ...this.#clock.options });
      }
      await this.#state.update(this.#clock.options);
      if (name !== null && this.#state.found.model !== null) continue;
      const axis = this.#state.definition.axes[nothing];
      const why =
        axis === undefined ? 'no object of it has come' : `nothing is picked of "${axis}"`;
      await this.#pause(why, performance.now() - sinceMs);
    }
  }

  /** Requires all that is picked, where names are known; the first of them. */
  async #announce(): Promise<string | null> {
    const { seat, definition } = this.#state;
    if (definition.names === null) return null;
    const places = placesAt(this.#state, pickedAxes(this.#state, this.#picks));
    const names = places.map(({ labels }) => this.#nameAt(labels) ?? '');
    if (this.#announced === null) {
      const handles = names.map((name) => new Handle(seat, name, {}));
      await requireMany(seat, handles, this.#options);
      this.#announced = new RequiredMany(seat, handles);
    }
    return names[0] ?? null;
  }

  #nameAt(labels: readonly Label[]): string | null {
    const { names, axes } = this.#state.definition;
    return (
      names?.nameOf(Object.fromEntries(axes.map((axis, at) => [axis, labels[at] as Label]))) ?? null
    );
  }

  async #pause(why: string, tookMs: number): Promise<void> {
    const { timeoutMs } = this.#options;
    if (this.#clock.leftMs > 0) return await this.#clock.pause(this.#what, tookMs);
    const late = timeoutMs === undefined ? '' : ` within ${formatSeconds(timeoutMs)}`;
    throw new AttaccaError('deadline-passed', `Cannot ${this.#what}${late}: ${why}`, {
      name: this.#state.definition.name,
    });
  }

  async #demand(plan: CubePlan): Promise<CubeArray> {
    const { holes = 'wait', dtype, into } = this.#options;
    const { places, outer, inner } = plan;
    const isThere = ({ member }: Place<Member>): boolean =>
      member !== null && (holes === 'wait' || member.isComplete);
    const missing = places.filter((place) => !isThere(place));
    if (holes === 'fail') this.#mustHaveAll(missing, places.length);
    const space: Space = {
      dtype: dtype ?? this.#model.space.dtype,
      shape: [...outer, ...inner],
      order: 'row',
      byteOrder: 'little',
    };
    const [only] = places;
    const isOne = places.length === 1 && only !== undefined && into === undefined;
    const isFilled = holes === 'fill' && missing.length > 0;
    if (isOne && !isFilled && !inner.includes(0)) return await this.#demandOne(plan, only, space);
    const isTurned = this.#options.order === 'column';
    const target = isTurned || into === undefined ? null : (bytesOfView(into) as Bytes);
    this.#mustFit(space);
    const bytes = target ?? (await this.#newBytes(spaceBytes(space)));
    if (isFilled) {
      const element = fillBytes(this.#state.definition.name, space.dtype, this.#options.fill);
      for (const { at } of missing) fillWith(this.#part(plan, space, bytes, at), element);
    }
    const wanted = holes === 'wait' ? places : places.filter(isThere);
    if (bytes.length > 0) await this.#gather(plan, space, bytes, wanted);
    const block = isTurned ? await this.#turned(space, bytes) : { space, bytes };
    return this.#told(plan, isFilled ? missing.length : 0, {
      ...{ space: block.space, bytes: block.bytes },
      ...{ release: () => {}, holder: null, seal: null },
    });
  }

  get #model(): Member {
    const { model } = this.#state.found;
    if (model !== null) return model;
    throw this.#holeError('no object of it is there any more', { holes: null, labels: null });
  }

  #mustHaveAll(missing: readonly Place<Member>[], count: number): void {
    const [first] = missing;
    if (first === undefined) return;
    const at = placeText(this.#state.definition.axes, first.labels);
    const why = `${missing.length} of ${count} places have no object, the first is ${at}`;
    throw this.#holeError(why, { holes: missing.length, labels: first.labels });
  }

  #mustFit(space: Space): void {
    const { into } = this.#options;
    const size = spaceBytes(space);
    if (into === undefined || into.byteLength === size) return;
    throw new AttaccaError(
      'size-mismatch',
      `Cannot ${this.#what} into ${into.byteLength} bytes: what is wanted has ${size}`,
      { name: this.#state.definition.name, spaceBytes: size, payloadBytes: into.byteLength },
    );
  }

  async #newBytes(size: number): Promise<Bytes> {
    try {
      return await this.#state.seat.client.threads.newBytes(size);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const why = `this process has no ${formatBytes(size)} for it; pick less`;
      throw new AttaccaError('too-large', `Cannot ${this.#what}: ${why}`, { size }, { cause });
    }
  }

  /** The bytes of a place in the result. */
  #part({ inner }: CubePlan, { dtype }: Space, bytes: Bytes, at: number): Bytes {
    const size = inner.reduce((product, each) => product * each, itemSizeOf(dtype));
    return bytes.subarray(at * size, (at + 1) * size);
  }

  #told(
    { dims, coords }: CubePlan,
    holes: number,
    delivery: Omit<Delivery, 'name' | 'version' | 'attributes' | 'whole'>,
  ): CubeArray {
    const { seat, definition } = this.#state;
    const { name } = definition;
    const whole = delivery.space;
    const all = { name, version: 0, attributes: {}, whole, ...delivery };
    return new CubeArray(all, seat.client.leaks, { dims, coords, holes });
  }

  async #turned(space: Space, bytes: Bytes): Promise<{ space: Space; bytes: Bytes }> {
    const { threads } = this.#state.seat.client;
    const [step] = planChain([{ kind: 'order', order: 'column' }], space).steps;
    const turned = await stepped(threads, step as Step, { space, bytes });
    const { into } = this.#options;
    if (into === undefined) return { space: turned.space, bytes: turned.bytes as Bytes };
    const target = bytesOfView(into) as Bytes;
    target.set(turned.bytes);
    return { space: turned.space, bytes: target };
  }

  /** Of one object: the pool's own memory, where it lies there as it is wanted. */
  async #demandOne(plan: CubePlan, place: Place<Member>, space: Space): Promise<CubeArray> {
    const deliveries: Delivery[] = [];
    const { order } = this.#options;
    await this.#fetchAll(plan, [place], async (came) => {
      deliveries.push(await this.#unpack(plan, place, came, { order }));
    });
    const [delivery] = deliveries as [Delivery];
    const { bytes, release, seal, holder } = delivery;
    const delivered = { ...space, order: delivery.space.order };
    return this.#told(plan, 0, { space: delivered, bytes, release, seal, holder });
  }

  /** All places into their parts of the result. */
  async #gather(
    plan: CubePlan,
    space: Space,
    bytes: Bytes,
    places: readonly Place<Member>[],
  ): Promise<void> {
    await this.#fetchAll(plan, places, async (came, place) => {
      const into = this.#part(plan, space, bytes, place.at);
      const delivery = await this.#unpack(plan, place, came, { order: 'row', into });
      delivery.release();
    });
  }

  /** Fetches those that are there at once, and the others as they come. */
  async #fetchAll(
    plan: CubePlan,
    places: readonly Place<Member>[],
    use: (came: Came, place: Place<Member>) => Promise<void>,
  ): Promise<void> {
    const isNamed = ({ member }: Place<Member>): boolean =>
      member !== null || this.#state.definition.names !== null;
    const named = places.filter(isNamed);
    const unnamed = places.filter((place) => !isNamed(place));
    const done = await Promise.allSettled([
      this.#fetch(plan, named, use).catch((error: unknown) => this.#fail(error)),
      this.#await(plan, unnamed, use).catch((error: unknown) => this.#fail(error)),
    ]);
    if (this.#failure !== null) throw this.#failure;
    for (const result of done) if (result.status === 'rejected') throw result.reason;
  }

  /** Places whose objects have names that nobody knows: looks for them again and again. */
  async #await(
    plan: CubePlan,
    places: readonly Place<Member>[],
    use: (came: Came, place: Place<Member>) => Promise<void>,
  ): Promise<void> {
    let left = [...places];
    let tookMs = 0;
    while (left.length > 0) {
      const [first] = left as [Place<Member>];
      const at = placeText(this.#state.definition.axes, first.labels);
      await this.#pause(`${left.length} places have no object, the first is ${at}`, tookMs);
      const sinceMs = performance.now();
      await this.#state.update(this.#clock.options);
      tookMs = performance.now() - sinceMs;
      const { grid } = this.#state.found;
      const found = left.map((place) => ({ ...place, member: grid.find(place.labels) ?? null }));
      const come = found.filter(({ member }) => member !== null);
      left = found.filter(({ member }) => member === null);
      await this.#fetch(plan, come, use);
    }
  }

  async #fetch(
    { sets }: CubePlan,
    places: readonly Place<Member>[],
    use: (came: Came, place: Place<Member>) => Promise<void>,
  ): Promise<void> {
    if (places.length === 0) return;
    const { seat } = this.#state;
    const isRegion = sets.some((set) => set !== null);
    const handles = places.map(({ member, labels }) => {
      return new Handle(seat, member?.name ?? this.#nameAt(labels) ?? '', {});
    });
    // What an object that is not there is kept as, only its bytes will tell.
    const regions = places.map(({ member }) =>
      isRegion && member !== null && !member.isEncoded ? openSets(sets, member) : null,
    );
    const watch = this.#options.holes === 'wait' ? null : new Watch(this.#state, this.#clock);
    const signal = watch?.signal ?? this.#clock.signal;
    const options = { ...this.#options, ...this.#clock.options, signal };
    const batch = new DemandBatch(seat, handles, options, regions);
    const pending = new Set(places);
    const crew = new Crew(UNPACKED_AT_ONCE);
    try {
      watch?.start(this.#what, pending);
      await batch.start();
      for (let came = await batch.take(); came !== null; came = await batch.take()) {
        const place = places[came.index] as Place<Member>;
        pending.delete(place);
        await crew.add(use(came, place));
      }
    } catch (error) {
      batch.cancel();
      throw watch?.reason ?? error;
    } finally {
      watch?.end();
      await crew.ended();
    }
    await crew.done();
  }

  /** Brings what came into reach, as it is wanted; it must be what all are. */
  async #unpack(
    { sets }: CubePlan,
    place: Place<Member>,
    { handle, parcel }: Came,
    { order, into }: Shaping,
  ): Promise<Delivery> {
    const { client } = this.#state.seat;
    const { dtype, lossy } = this.#options;
    try {
      this.#mustBelong(handle.name, place, parcel);
    } catch (error) {
      giveBack(client, parcel);
      handle.release();
      throw error;
    }
    const whole = encodingOf(handle.name, parcel)?.space ?? parcel.space;
    return await unpack(handle, parcel, 'view', {
      ...{ order, into, dtype, lossy, signal: this.#clock.signal },
      byteOrder: whole.byteOrder === 'little' ? undefined : 'little',
      region: sets.every((set) => set === null) ? undefined : openSets(sets, this.#model),
    });
  }

  #mustBelong(name: string, { labels }: Place<Member>, parcel: Came['parcel']): void {
    const { axes, name: cube } = this.#state.definition;
    const whole = encodingOf(name, parcel)?.space ?? parcel.space;
    const why = differs(whole, this.#model);
    if (why !== null) throw misfitError(cube, { name, why, other: this.#model.name });
    // One that was waited for by its name says where it stands only now.
    for (const [at, axis] of axes.entries()) {
      const label = ownOf(parcel.attributes, axis);
      if (label === undefined || compareValues(label, labels[at], false) === 0) continue;
      const other = `its "${axis}" is not what its name says`;
      throw misfitError(cube, { name, why: other, other: null });
    }
  }
}

/** The sets of a region, of an object whose shape is known. */
function openSets(sets: readonly (AxisSet | null)[], { space }: Member): readonly AxisSet[] {
  return sets.map((set, at) => set ?? AxisSet.range(0, space.shape[at] as number));
}
