import { AxisSet } from '../../core/regions/axis-set.js';
import type { Region } from '../../core/regions/region.js';
import type { RegionSelection } from '../../core/regions/selection.js';
import type { Space } from '../../core/space.js';
import { compareValues } from '../../core/value-order.js';
import type { TransformSpec } from '../../transforms/spec.js';
import { Crew } from '../crew.js';
import { type Came, DemandBatch } from '../demand-batch.js';
import { unpack } from '../demanding.js';
import { encodingOf } from '../encoding.js';
import { Handle } from '../handle.js';
import type { Attributes } from '../options.js';
import { giveBack } from '../parcels.js';
import type { Delivery } from '../received.js';
import type { Shaping } from '../shaping.js';
import { contradicts, notShared, packsOtherwise, type Saying, sharedBy } from './agreeing.js';
import type { Clock } from './clock.js';
import { ownOf } from './definition.js';
import type { CubeDemandOptions } from './demanding.js';
import type { Ending } from './ending.js';
import { differs, type Member, misfitError, placeText } from './members.js';
import { type CubePlan, nameAt } from './planning.js';
import type { Present } from './presence.js';
import type { CubeState } from './state.js';
import { chainFor } from './unpacking.js';
import { Watch } from './watch.js';

/** Brought into reach at a time: over a socket each takes a round trip. */
const UNPACKED_AT_ONCE = 16;

type Use = (came: Came, place: Present) => Promise<void>;

/** Gets what a demand needs of the objects of a cube. */
export class Fetching {
  readonly #state: CubeState;
  readonly #options: CubeDemandOptions;
  readonly #clock: Clock;
  readonly #ending: Ending;
  /** The first of all, as which the others must be packed. */
  #first: Saying | null = null;
  #shared: Attributes | null = null;

  constructor(state: CubeState, options: CubeDemandOptions, clock: Clock, ending: Ending) {
    this.#state = state;
    this.#options = options;
    this.#clock = clock;
    this.#ending = ending;
  }

  /** What all that has come says alike. */
  get shared(): Attributes {
    return this.#shared ?? {};
  }

  /** Before anything is fetched: objects that are there must be packed alike. `cube-misfit`. */
  compare(places: readonly Present[]): void {
    // What has left since a first attempt says nothing of those that are there.
    this.#first = null;
    this.#shared = null;
    for (const { member } of places) if (member !== null) this.#mustBeAlike(member);
  }

  #mustBeAlike(one: Saying): void {
    this.#first ??= one;
    const other = this.#options.unpack === true ? null : packsOtherwise(one, this.#first);
    if (other === null) return;
    const why = `${other.why}; with "unpack" these become values`;
    const { name } = this.#state.definition;
    throw misfitError(name, { name: one.name, why, other: this.#first.name });
  }

  /** Fetches those that are there at once, and the others as they come. */
  async all(plan: CubePlan, places: readonly Present[], use: Use): Promise<void> {
    const isNamed = ({ member }: Present): boolean =>
      member !== null || this.#state.definition.names !== null;
    const named = places.filter(isNamed);
    const unnamed = places.filter((place) => !isNamed(place));
    const done = await Promise.allSettled([
      this.#fetch(plan, named, use).catch((error: unknown) => this.#ending.fail(error)),
      this.#await(plan, unnamed, use).catch((error: unknown) => this.#ending.fail(error)),
    ]);
    if (this.#ending.failure !== null) throw this.#ending.failure;
    for (const result of done) if (result.status === 'rejected') throw result.reason;
  }

  /** Places whose objects have names that nobody knows: looks for them again and again. */
  async #await(plan: CubePlan, places: readonly Present[], use: Use): Promise<void> {
    let left = [...places];
    let tookMs = 0;
    while (left.length > 0) {
      const [first] = left as [Present];
      const at = placeText(this.#state.definition.axes, first.labels);
      const why = `${left.length} places have no object, the first is ${at}`;
      await this.#clock.pauseFor(why, tookMs);
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

  async #fetch({ sets }: CubePlan, places: readonly Present[], use: Use): Promise<void> {
    if (places.length === 0) return;
    const { seat, definition } = this.#state;
    const isRegion = sets.some((set) => set !== null);
    const handles = places.map(({ member, labels }) => {
      return new Handle(seat, member?.name ?? nameAt(definition, labels) ?? '', {});
    });
    const regions = places.map(({ member, there }): DemandedRegion => {
      if (there !== null) return there;
      // What is not there yet may come in parts.
      return isRegion && member?.isEncoded !== true ? sets : null;
    });
    const { holes = 'wait' } = this.#options;
    const watch = holes === 'wait' ? null : new Watch(this.#state, this.#clock);
    const signal = watch?.signal ?? this.#clock.signal;
    const options = { ...this.#options, ...this.#clock.options, signal };
    const batch = new DemandBatch(seat, handles, options, regions);
    const pending = new Set(places);
    const crew = new Crew(UNPACKED_AT_ONCE);
    try {
      watch?.start(pending);
      await batch.start();
      for (let came = await batch.take(); came !== null; came = await batch.take()) {
        const place = places[came.index] as Present;
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
  async unpack(
    { sets, model }: CubePlan,
    place: Present,
    { handle, parcel }: Came,
    { order, into, dtype }: Shaping,
  ): Promise<Delivery> {
    const { client } = this.#state.seat;
    const { lossy } = this.#options;
    const { name } = handle;
    const whole = encodingOf(name, parcel)?.space ?? parcel.space;
    const attributes = { ...parcel.attributes, ...place.member?.tags };
    let transforms: readonly TransformSpec[];
    try {
      this.#mustBelong({ name, attributes }, whole, model, place);
      transforms = chainFor(this.#options, name, whole, attributes);
    } catch (error) {
      giveBack(client, parcel);
      handle.release();
      throw error;
    }
    this.#share(attributes);
    return await unpack(handle, parcel, 'view', {
      ...{ order, into, dtype, lossy, signal: this.#clock.signal },
      transforms: transforms.length === 0 ? undefined : transforms,
      byteOrder: whole.byteOrder === 'little' ? undefined : 'little',
      region: selectionOf(sets, model, place.there),
    });
  }

  #share(attributes: Attributes): void {
    const all = this.#shared === null ? [attributes] : [this.#shared, attributes];
    this.#shared = sharedBy(all, notShared(this.#state.definition.axes));
  }

  #mustBelong(one: Saying, whole: Space, model: Member, { labels }: Present): void {
    const { definition } = this.#state;
    const { axes, name: cube } = definition;
    const { name, attributes } = one;
    const why = differs(whole, model) ?? contradicts(definition, one, model)?.why ?? null;
    if (why !== null) throw misfitError(cube, { name, why, other: model.name });
    this.#mustBeAlike(one);
    // One that was waited for by its name says where it stands only now.
    for (const [at, axis] of axes.entries()) {
      const label = ownOf(attributes, axis);
      if (label === undefined || compareValues(label, labels[at], false) === 0) continue;
      const other = `its "${axis}" is not what its name says`;
      throw misfitError(cube, { name, why: other, other: null });
    }
  }
}

type DemandedRegion = ConstructorParameters<typeof DemandBatch>[3] extends
  | readonly (infer Each)[]
  | undefined
  ? Each
  : never;

/** What is taken of an object, of which so much is there; undefined: all. */
function selectionOf(
  sets: readonly (AxisSet | null)[],
  { space: { shape } }: Member,
  there: Region | null,
): RegionSelection | undefined {
  if (there !== null) return there.onlyBox ?? { union: there.boxes };
  if (sets.every((set) => set === null)) return undefined;
  return sets.map((set, at) => set ?? AxisSet.range(0, shape[at] as number));
}
