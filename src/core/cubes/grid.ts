import { LIMITS } from '../limits.js';
import { Axis, type Label, type Picked } from './axis.js';

/** An object at its place: a label on each axis. */
interface Placed {
  readonly labels: readonly Label[];
}

/** Where two objects claim one place. */
interface Clash<T> {
  readonly kept: T;
  readonly other: T;
}

/**
 * Objects by their labels: the axes of a cube are all labels that come, and those that were told
 * before. A place that nobody has is a hole. It keeps no array of places: there may be many more
 * of them than objects.
 */
export class Grid<T extends Placed> {
  #axes: readonly Axis[];
  readonly clashes: readonly Clash<T>[];
  readonly #members = new Map<string, T>();

  /** `told`: labels that an axis has in any case. Of two at one place `newer` says which stays. */
  constructor(
    members: readonly T[],
    told: readonly (readonly Label[])[],
    newer: (one: T, other: T) => number,
  ) {
    this.#axes = told.map((labels, at) =>
      Axis.of([...labels, ...members.map((member) => member.labels[at] as Label)]),
    );
    const clashes: Clash<T>[] = [];
    for (const member of members) {
      const key = keyOf(this.#indicesOf(member.labels));
      const known = this.#members.get(key);
      if (known === undefined) {
        this.#members.set(key, member);
        continue;
      }
      const isNewer = newer(member, known) > 0;
      clashes.push(isNewer ? { kept: member, other: known } : { kept: known, other: member });
      if (isNewer) this.#members.set(key, member);
    }
    this.clashes = clashes;
  }

  /**
   * Adds an object that leaves all others where they are, as one does that comes behind them: what
   * grows is not made anew. False: it does not, and nothing has changed.
   */
  add(member: T): boolean {
    const axes: Axis[] = [];
    for (const [at, axis] of this.#axes.entries()) {
      const longer = axis.with(member.labels[at] as Label);
      if (longer === null) return false;
      axes.push(longer);
    }
    const key = keyOf(axes.map((axis, at) => axis.indexOf(member.labels[at] as Label)));
    if (this.#members.has(key)) return false;
    this.#axes = axes;
    this.#members.set(key, member);
    return true;
  }

  get axes(): readonly Axis[] {
    return this.#axes;
  }

  /** Objects that have a place. */
  get count(): number {
    return this.#members.size;
  }

  /** All of them, in the order in which they were added. */
  members(): Iterable<T> {
    return this.#members.values();
  }

  get shape(): readonly number[] {
    return this.axes.map((axis) => axis.size);
  }

  /** All of an axis. */
  all(at: number): Picked[] {
    return (this.axes[at] as Axis).labels.map((label, index) => ({ label, at: index }));
  }

  /** The object at a place; undefined: a hole. */
  at(indices: readonly number[]): T | undefined {
    return this.#members.get(keyOf(indices));
  }

  /** The object at labels, whether the axes have them or not. */
  find(labels: readonly Label[]): T | undefined {
    return this.at(this.#indicesOf(labels));
  }

  #indicesOf(labels: readonly Label[]): number[] {
    return this.axes.map((axis, at) => axis.indexOf(labels[at] as Label));
  }

  /** The labels of places that have no object, in row order. */
  *holes(): Generator<readonly Label[], void, void> {
    const indices = this.axes.map(() => 0);
    if (this.axes.some(({ size }) => size === 0)) return;
    for (let axis = indices.length - 1; axis >= 0; ) {
      if (this.at(indices) === undefined) {
        yield this.axes.map(({ labels }, at) => labels[indices[at] as number] as Label);
      }
      axis = indices.length - 1;
      for (; axis >= 0; axis--) {
        const next = (indices[axis] as number) + 1;
        indices[axis] = next < (this.axes[axis] as Axis).size ? next : 0;
        if (indices[axis] !== 0) break;
      }
    }
  }
}

const keyOf = (indices: readonly number[]): string => indices.join();

/** A place of what is demanded: where it lies in the result, its labels, and who is there. */
export interface Place<T> {
  /** Among the places of the result, the last axis fastest. */
  readonly at: number;
  readonly labels: readonly Label[];
  /** Null: a hole. */
  readonly member: T | null;
}

/** How many places the picked labels have; `null`: too many to be planned at once. */
export function countPlaces(picked: readonly (readonly Picked[])[]): number | null {
  let count = 1;
  for (const { length } of picked) count *= length;
  return count <= LIMITS.cubePlacesMax ? count : null;
}

/** All places of the picked labels, in row order. */
export function placesOf<T extends Placed>(
  grid: Grid<T>,
  picked: readonly (readonly Picked[])[],
): Place<T>[] {
  let places: { readonly labels: readonly Label[]; readonly indices: readonly number[] }[] = [
    { labels: [], indices: [] },
  ];
  for (const axis of picked) {
    places = places.flatMap(({ labels, indices }) =>
      axis.map(({ label, at }) => ({ labels: [...labels, label], indices: [...indices, at] })),
    );
  }
  return places.map(({ labels, indices }, at) => ({
    at,
    labels,
    member: grid.at(indices) ?? null,
  }));
}
