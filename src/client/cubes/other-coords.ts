import type { Label } from '../../core/cubes/axis.js';
import { isMap, type Value } from '../../core/value.js';
import { isEqualValue } from '../../core/value-order.js';
import { Crew } from '../crew.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import { coordsText } from './agreeing.js';
import { type CubeDefinition, ownOf } from './definition.js';
import type { Dimension } from './dimensions.js';
import type { Found, Member, Misfit } from './members.js';
import { coordsAt } from './object-coords.js';

/** Objects with coordinates that are read at a time. */
const READ_AT_ONCE = 64;

/**
 * Looks for objects that lie elsewhere than the others: other files, or other objects that they
 * name, have other coordinates along the same dimension. Each is read once, until it is to be
 * forgotten; what is not there says nothing.
 */
export class OtherCoords {
  readonly #seat: Seat;
  readonly #definition: CubeDefinition;
  #seen = new WeakSet<Member>();
  /** What the coordinates of an object are, by the dimension and its name; null: none. */
  #known = new Map<string, readonly Label[] | null>();
  #along: readonly Dimension[] = [];
  /** What was looked at last: a grid grows, or is made anew. */
  #last: { readonly grid: Found['grid'] | null; readonly count: number } = { grid: null, count: 0 };

  constructor(seat: Seat, definition: CubeDefinition) {
    this.#seat = seat;
    this.#definition = definition;
  }

  /** All is looked at anew. */
  forget(): void {
    this.#seen = new WeakSet();
    this.#known = new Map();
    this.#last = { grid: null, count: 0 };
  }

  /** Those of the objects that were not looked at before that lie elsewhere. */
  async find(
    { grid, model }: Found,
    dimensions: readonly Dimension[],
    options: WaitOptions,
  ): Promise<Misfit[]> {
    if (!isAlong(this.#along, dimensions)) this.forget();
    this.#along = dimensions;
    const told = dimensions.filter(({ name, coords }) => {
      return coords !== null && !Object.hasOwn(this.#definition.coords, name);
    });
    // Before anything is read: what comes meanwhile is looked at the next time.
    const { count } = grid;
    const isSeen = grid === this.#last.grid && count === this.#last.count;
    if (model === null || told.length === 0 || isSeen) return [];
    const fresh = [...grid.members()].filter((member) => !this.#seen.has(member));
    await this.#read(fresh, model, told, options);
    const found: Misfit[] = [];
    for (const member of fresh) {
      this.#seen.add(member);
      const why = this.#whyNot(member, model, told);
      const { name, timeNs } = member;
      if (why !== null) found.push({ name, why, other: model.name, timeNs });
    }
    this.#last = { grid, count };
    return found;
  }

  async #read(
    members: readonly Member[],
    model: Member,
    told: readonly Dimension[],
    options: WaitOptions,
  ): Promise<void> {
    const crew = new Crew(READ_AT_ONCE);
    for (const member of members) {
      for (const { name, size } of told) {
        const source = sourceOf(member, name);
        if (typeof source !== 'string' || source === sourceOf(model, name)) continue;
        const key = keyOf(name, source);
        if (this.#known.has(key)) continue;
        this.#known.set(key, null);
        const reading = coordsAt(this.#seat, source, size, options);
        await crew.add(reading.then((labels) => void this.#known.set(key, labels)));
      }
    }
    await crew.done();
  }

  #whyNot(member: Member, model: Member, told: readonly Dimension[]): string | null {
    for (const { name, coords } of told) {
      const source = sourceOf(member, name);
      if (source === sourceOf(model, name)) continue;
      const labels = typeof source === 'string' ? this.#known.get(keyOf(name, source)) : source;
      if (labels === null || labels === undefined || coords === null) continue;
      const own = [...labels] as Value;
      const others = [...coords] as Value;
      if (!isEqualValue(own, others)) return coordsText(name, own, model.name, others);
    }
    return null;
  }
}

const keyOf = (dimension: string, source: string): string => `${dimension}\n${source}`;

/** Where an object has its coordinates: itself, in an object of that name, or nowhere (null). */
function sourceOf({ attributes }: Member, dimension: string): readonly Label[] | string | null {
  const own = attributes['coords'];
  const told = isMap(own) ? ownOf(own, dimension) : undefined;
  if (typeof told === 'string' || Array.isArray(told)) return told as readonly Label[] | string;
  const of = attributes['.part-of'];
  return typeof of === 'string' && attributes['dims'] !== undefined ? `${of}/${dimension}` : null;
}

function isAlong(one: readonly Dimension[], other: readonly Dimension[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, coords }, at) => other[at]?.name === name && other[at].coords === coords)
  );
}
