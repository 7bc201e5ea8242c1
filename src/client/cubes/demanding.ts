import { setMaxListeners } from 'node:events';
import { counted } from '../../core/counted.js';
import { AttaccaError } from '../../core/errors.js';
import { formatBytes } from '../../core/format-bytes.js';
import { copyCommon } from '../../core/regions/copy.js';
import { regionText } from '../../core/regions/region-text.js';
import { type Dtype, itemSizeOf, type Order, type Space, spaceBytes } from '../../core/space.js';
import type { ValueMap } from '../../core/value.js';
import { planChain } from '../../transforms/chain.js';
import { fillWith } from '../../transforms/kernels/fill.js';
import type { Step } from '../../transforms/steps.js';
import { type Bytes, bytesOfView, likelyDtype } from '../arrays.js';
import { peekVersion } from '../demanding.js';
import { Handle } from '../handle.js';
import type { RequireOptions, WaitOptions } from '../options.js';
import type { Delivery } from '../received.js';
import { RequiredMany, requireMany } from '../required-many.js';
import { stepped } from '../stepping.js';
import { CubeArray } from './array.js';
import { Clock } from './clock.js';
import { choice } from './definition.js';
import { Ending } from './ending.js';
import { Fetching } from './fetching.js';
import { fillBytes } from './filling.js';
import { withLacking } from './lacking.js';
import { type Member, placeText } from './members.js';
import { checkPicks, type Pick } from './picks.js';
import { type CubePlan, nameAt, pickedAxes, placesAt, planCube } from './planning.js';
import { inRequests, neededOf, type Present, presenceOf } from './presence.js';
import type { CubeState } from './state.js';
import { chainFor, keptOf, type Transforming, transformedSpace } from './unpacking.js';
import { Gone } from './watch.js';

/** How a part of a cube is demanded. */
export interface CubeDemandOptions extends WaitOptions, RequireOptions, Transforming {
  /**
   * Places without an object, and what objects lack that have not all parts: `wait` for them (the
   * default), `fill` them and nothing else, or `fail` with `cube-hole`.
   */
  readonly holes?: 'wait' | 'fill' | 'fail' | undefined;
  /** With what: NaN where the elements have it, else it must be said. */
  readonly fill?: number | bigint | undefined;
  /** Of the result. Left out: `row`. */
  readonly order?: Order | undefined;
  readonly dtype?: Dtype | undefined;
  readonly lossy?: boolean | undefined;
  readonly into?: ArrayBufferView | undefined;
}

/** Refuses words that it has not with `bad-argument`. */
export function checkDemand(cube: string, { holes, order }: CubeDemandOptions): void {
  choice(cube, 'holes', holes, ['wait', 'fill', 'fail']);
  choice(cube, 'orders', order, ['row', 'column']);
}

/** One demand of a part of a cube: all objects that it needs at once. */
export class CubeDemand {
  readonly #state: CubeState;
  readonly #picks: readonly Pick[];
  readonly #options: CubeDemandOptions;
  /** What elements become, where they are not what they are. */
  #dtype: Dtype | undefined;
  readonly #clock: Clock;
  readonly #ending = new Ending();
  readonly #fetching: Fetching;
  #announced: RequiredMany | null = null;

  constructor(state: CubeState, picks: readonly Pick[], options: CubeDemandOptions) {
    checkDemand(state.definition.name, options);
    this.#state = state;
    this.#picks = picks;
    this.#options = options;
    const { timeoutMs, signal: given } = options;
    const own = this.#ending.signal;
    const signal = given === undefined ? own : AbortSignal.any([given, own]);
    // All that is brought into reach at once listens to it.
    setMaxListeners(0, signal);
    const what = `demand of the cube "${state.definition.name}"`;
    this.#clock = new Clock(what, { timeoutMs, signal });
    this.#fetching = new Fetching(state, options, this.#clock, this.#ending);
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
      if (this.#options.signal?.aborted === true) throw error;
      throw withLacking(this.#ending.failure ?? error, this.#state, this.#picks);
    } finally {
      this.#ending.end();
      await this.#announced?.retract();
    }
  }

  /** Anew when an object that was there has gone before it came: it is a hole by now. */
  async #demandWhole(): Promise<CubeArray> {
    for (;;) {
      try {
        return await this.#demand(planCube(this.#state, this.#model, this.#picks));
      } catch (error) {
        if (!(error instanceof Gone)) throw error;
      }
    }
  }

  #holeError(why: string, fields: ValueMap): AttaccaError {
    const { name } = this.#state.definition;
    return new AttaccaError('cube-hole', `Cannot ${this.#clock.what}: ${why}`, { name, ...fields });
  }

  /** Until there is an object to tell what all are, and something is picked of each axis. */
  async #untilKnown(): Promise<void> {
    for (;;) {
      checkPicks(this.#state, this.#picks);
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
      await this.#clock.pauseFor(why, performance.now() - sinceMs);
    }
  }

  /** Requires all that is picked, where names are known; the first of them. */
  async #announce(): Promise<string | null> {
    const { seat, definition } = this.#state;
    if (definition.names === null) return null;
    const places = placesAt(this.#state, pickedAxes(this.#state, this.#picks));
    const names = places.map(({ labels }) => nameAt(definition, labels) ?? '');
    if (this.#announced === null) {
      const handles = names.map((name) => new Handle(seat, name, {}));
      await requireMany(seat, handles, this.#options);
      this.#announced = new RequiredMany(seat, handles);
    }
    return names[0] ?? null;
  }

  async #demand(plan: CubePlan): Promise<CubeArray> {
    const { holes = 'wait', into } = this.#options;
    const { outer, inner } = plan;
    const places = await this.#presence(plan);
    const lacking = places.filter(({ isWhole }) => !isWhole);
    if (holes === 'fail') this.#mustHaveAll(plan, lacking);
    this.#fetching.compare(places);
    const model: Space = { ...plan.model.space, shape: inner, order: 'row' };
    const chain = chainFor(this.#options, plan.model.name, model, plan.model.attributes);
    const transformed = transformedSpace(chain, model);
    const likely = into === undefined ? transformed.dtype : likelyDtype(into, transformed.dtype);
    this.#dtype = this.#options.dtype ?? (likely === transformed.dtype ? undefined : likely);
    const space: Space = {
      dtype: this.#dtype ?? transformed.dtype,
      shape: [...outer, ...inner],
      order: 'row',
      byteOrder: 'little',
    };
    const [only] = places;
    const isOne = places.length === 1 && only !== undefined && into === undefined;
    const isFilled = lacking.length > 0;
    if (isOne && !isFilled && !inner.includes(0)) return await this.#demandOne(plan, only, space);
    const isTurned = this.#options.order === 'column';
    const target = isTurned || into === undefined ? null : (bytesOfView(into) as Bytes);
    this.#mustFit(space);
    const bytes = target ?? (await this.#newBytes(spaceBytes(space)));
    if (isFilled) {
      const element = fillBytes(this.#state.definition.name, space.dtype, this.#options.fill);
      for (const { at } of lacking) fillWith(this.#part(plan, space, bytes, at), element);
    }
    const wanted = places.filter(({ there }) => there?.isEmpty !== true).flatMap(inRequests);
    if (bytes.length > 0) await this.#gather(plan, space, bytes, wanted);
    const block = isTurned ? await this.#turned(space, bytes) : { space, bytes };
    return this.#told(plan, lacking.length, {
      ...{ space: block.space, bytes: block.bytes },
      ...{ release: () => {}, holder: null, seal: null },
    });
  }

  get #model(): Member {
    const { model } = this.#state.found;
    if (model !== null) return model;
    throw this.#holeError('no object of it is there any more', { holes: null, labels: null });
  }

  /** Whoever waits does so for all, and need not know. */
  async #presence({ places, sets }: CubePlan): Promise<readonly Present[]> {
    const { holes = 'wait' } = this.#options;
    if (holes !== 'wait') {
      return await presenceOf(this.#state.seat, places, sets, this.#clock);
    }
    return places.map(({ at, labels, member }) => {
      return { at, labels, member, there: null, lacking: null, isWhole: true };
    });
  }

  #mustHaveAll(plan: CubePlan, lacking: readonly Present[]): void {
    const [first] = lacking;
    if (first === undefined) return;
    const whys = [
      this.#lackText(plan, lacking, ({ member }) => member === null),
      this.#lackText(plan, lacking, ({ member }) => member !== null),
    ];
    const why = whys.filter((each) => each !== null).join('; ');
    throw this.#holeError(why, { holes: lacking.length, labels: first.labels });
  }

  #lackText(
    { places, sets }: CubePlan,
    all: readonly Present[],
    isOf: (place: Present) => boolean,
  ): string | null {
    const lacking = all.filter(isOf);
    const [first] = lacking;
    if (first === undefined) return null;
    const { member, lacking: left } = first;
    const at = placeText(this.#state.definition.axes, first.labels);
    const of = `${lacking.length} of ${places.length} places`;
    if (member === null || left === null) return `${of} have no object, the first is ${at}`;
    const needed = neededOf(member.space.shape, sets);
    const what = left.count === needed.count ? 'all' : regionText(left);
    const counts = `${left.count} of ${counted(needed.count, 'element')}`;
    return `${of} lack parts, the first is ${at}: "${member.name}" lacks ${counts} (${what})`;
  }

  #mustFit(space: Space): void {
    const { into } = this.#options;
    const size = spaceBytes(space);
    if (into === undefined || into.byteLength === size) return;
    throw new AttaccaError(
      'size-mismatch',
      `Cannot ${this.#clock.what} into ${into.byteLength} bytes: what is wanted has ${size}`,
      { name: this.#state.definition.name, spaceBytes: size, payloadBytes: into.byteLength },
    );
  }

  async #newBytes(size: number): Promise<Bytes> {
    try {
      return await this.#state.seat.client.threads.newBytes(size);
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      const why = `this process has no ${formatBytes(size)} for it; pick less`;
      throw new AttaccaError(
        'too-large',
        `Cannot ${this.#clock.what}: ${why}`,
        { size },
        { cause },
      );
    }
  }

  /** The bytes of a place in the result. */
  #part({ inner }: CubePlan, { dtype }: Space, bytes: Bytes, at: number): Bytes {
    const size = inner.reduce((product, each) => product * each, itemSizeOf(dtype));
    return bytes.subarray(at * size, (at + 1) * size);
  }

  #told(
    { dims, coords, coordsOf }: CubePlan,
    holes: number,
    delivery: Omit<Delivery, 'name' | 'version' | 'attributes' | 'whole'>,
  ): CubeArray {
    const { seat, definition } = this.#state;
    const { name } = definition;
    const whole = delivery.space;
    const attributes = keptOf(this.#options, this.#fetching.shared);
    const all = { name, version: 0, attributes, whole, ...delivery };
    return new CubeArray(all, seat.client.leaks, { dims, coords, coordsOf, holes });
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
  async #demandOne(plan: CubePlan, place: Present, space: Space): Promise<CubeArray> {
    const deliveries: Delivery[] = [];
    const { order = 'row' } = this.#options;
    await this.#fetching.all(plan, [place], async (came, it) => {
      deliveries.push(await this.#fetching.unpack(plan, it, came, { order, dtype: this.#dtype }));
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
    places: readonly Present[],
  ): Promise<void> {
    await this.#fetching.all(plan, places, async (came, place) => {
      const target = this.#part(plan, space, bytes, place.at);
      const { there, isWhole } = place;
      const into = isWhole ? target : undefined;
      const how = { order: 'row', into, dtype: this.#dtype } as const;
      const delivery = await this.#fetching.unpack(plan, place, came, how);
      if (!isWhole && there !== null) {
        const needed = { region: neededOf(plan.model.space.shape, plan.sets), bytes: target };
        const given = { region: there, bytes: delivery.bytes, order: 'row' } as const;
        copyCommon(given, { ...needed, order: 'row' }, itemSizeOf(space.dtype));
      }
      delivery.release();
    });
  }
}
