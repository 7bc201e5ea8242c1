import { Axis, type Label, type LabelPick, type Picked } from '../../core/cubes/axis.js';
import type { Place } from '../../core/cubes/grid.js';
import { AttaccaError } from '../../core/errors.js';
import type { Dtype } from '../../core/space.js';
import { checkOptions } from '../known-options.js';
import type { Attributes, WaitOptions } from '../options.js';
import { notShared, sharedBy } from './agreeing.js';
import type { Coords, CubeArray } from './array.js';
import { Clock } from './clock.js';
import { CubeDemand, type CubeDemandOptions, checkDemand } from './demanding.js';
import { lackingText } from './lacking.js';
import type { Member, Misfit } from './members.js';
import {
  type CubeIndexPick,
  type CubePick,
  checkPicks,
  type Pick,
  picksOf,
  resolve,
} from './picks.js';
import { pickedAxes, placesAt } from './planning.js';
import type { CubeState } from './state.js';

/**
 * Many objects as one labelled array, none of which is copied before it is demanded. Its first
 * dimensions are the axes: attributes of the objects, whose values are the labels, in ascending
 * order; then those of the objects themselves. Made by `pool.cube(name, selector, axes)`.
 *
 * What it says of itself (`coords`, `sizes`, ...) is as of the last `refresh` or demand.
 *
 * ```ts
 * const cube = await pool.cube('t850', 'param = "t"', ['number', 'step', 'level']);
 * await using part = await cube.demand({ step: [0, 24], lat: [40, 60] });
 * ```
 */
export class Cube {
  readonly #state: CubeState;
  readonly #picks: readonly Pick[];

  constructor(state: CubeState, picks: readonly Pick[] = []) {
    this.#state = state;
    this.#picks = picks;
  }

  get name(): string {
    return this.#state.definition.name;
  }

  get selector(): string {
    return this.#state.definition.selector;
  }

  /** The keys of attributes whose values are its labels. */
  get axes(): readonly string[] {
    return this.#state.definition.axes;
  }

  /** Names of its dimensions: the axes, then those of its objects, once one of them has come. */
  get dims(): readonly string[] {
    return this.#state.dims;
  }

  get shape(): readonly number[] {
    return this.dims.map((dimension) => this.#sizeOf(dimension));
  }

  /** By dimension. */
  get sizes(): { readonly [dimension: string]: number } {
    return Object.fromEntries(this.dims.map((each) => [each, this.#sizeOf(each)]));
  }

  /** Labels and coordinates by dimension; a dimension for which none are told is not in it. */
  get coords(): Coords {
    const { definition, dimensions } = this.#state;
    const told = (dimensions ?? []).filter(({ coords }) => coords !== null);
    const names = [...definition.axes, ...told.map(({ name }) => name)];
    return Object.fromEntries(
      names.map((each) => [each, this.#labelsOf(each).map(({ label }) => label)]),
    );
  }

  /** Of its elements; null while no object has come. */
  get dtype(): Dtype | null {
    return this.#state.found.model?.space.dtype ?? null;
  }

  /** Whether its objects are variables, or fields, of files that were imported. */
  get isOfFiles(): boolean {
    return typeof this.#state.found.model?.attributes['.part-of'] === 'string';
  }

  /** How many objects have a place in it. */
  get objects(): number {
    const places = this.#places();
    if (places === null) return this.#state.found.grid.count;
    return places.filter(({ member }) => member !== null).length;
  }

  /** How many of them have not all of their parts (yet). */
  get partial(): number {
    return this.#members().filter(({ isComplete }) => !isComplete).length;
  }

  /** How many places have no object. */
  get holes(): number {
    const shape = this.axes.map((axis) => this.#sizeOf(axis));
    return shape.reduce((product, size) => product * size, 1) - this.objects;
  }

  /** Where the first of them are: labels, one of each axis. */
  firstHoles(most: number): readonly (readonly Label[])[] {
    const places = this.#places();
    if (places !== null) {
      const holes = places.filter(({ member }) => member === null);
      return holes.slice(0, most).map(({ labels }) => labels);
    }
    const first: (readonly Label[])[] = [];
    for (const labels of this.#state.found.grid.holes()) {
      if (first.length === most) break;
      first.push(labels);
    }
    return first;
  }

  /** Labels that are picked of axes which have them not, for people; null: there are none. */
  get lacking(): string | null {
    return lackingText(this.#state, this.#picks);
  }

  /** Those that are picked; null: all of it. */
  #places(): readonly Place<Member>[] | null {
    if (this.#picks.length === 0) return null;
    return placesAt(this.#state, pickedAxes(this.#state, this.#picks));
  }

  /** Objects that were left out, as the cube was told to skip them. */
  get misfits(): readonly Misfit[] {
    return this.#state.found.misfits;
  }

  /** What all objects say alike, but for labels and dimensions: `units`, say. Tags among it. */
  get attributes(): Attributes {
    const said = this.#members().map(({ attributes }) => attributes);
    return sharedBy(said, notShared(this.axes));
  }

  #members(): readonly Member[] {
    const places = this.#places();
    if (places === null) return [...this.#state.found.grid.members()];
    return places.map(({ member }) => member).filter((member) => member !== null);
  }

  #sizeOf(dimension: string): number {
    return this.#labelsOf(dimension).length;
  }

  #labelsOf(dimension: string): Picked[] {
    return resolve(this.#state, dimension, this.#picks) ?? this.#state.allOf(dimension);
  }

  /**
   * Looks at all that is there now. `cube-misfit`. A demand looks by itself what has come or gone;
   * that a tag has changed by which an object has its place is seen by this alone.
   */
  async refresh(options: WaitOptions = {}): Promise<this> {
    checkOptions('wait', `refresh the cube "${this.name}"`, options);
    await this.#state.refresh(options);
    return this;
  }

  /**
   * A part of it, by labels and coordinates: `6` (one), `[0, 24]` (from 0 to 24, both among it;
   * null: no end), `[0, 24, 6]` (0, 6, 12, 18, 24: whether they are there or not), `{ values: [0,
   * 12] }`. No dimension goes away. Costs nothing; picks on picks have what is in both. What can
   * never be picked is refused: `bad-argument` of a dimension that it has not, `bad-region` of text
   * where the labels are numbers.
   */
  sel(pick: CubePick): Cube {
    return this.#with(picksOf('label', pick));
  }

  /** As {@link sel} by places from 0, as they are when it is demanded: `-1` is the last. */
  isel(pick: CubeIndexPick): Cube {
    return this.#with(picksOf('index', pick));
  }

  #with(more: readonly Pick[]): Cube {
    const picks = [...this.#picks, ...more];
    checkPicks(this.#state, picks);
    return new Cube(this.#state, picks);
  }

  /**
   * All of it, or of what is picked, as one array in memory of this process; of one object, in one
   * piece, a view of the pool's memory and no copy. All objects are demanded at once, and of each
   * what is needed. `holes` says what becomes of places without an object; by `wait` it waits for
   * all of them together: with `names` in the pool, which tells so (`explain`).
   *
   * Errors: `cube-hole`, `cube-misfit`, `bad-argument` of a dimension that it has not,
   * `bad-region` of coordinates that objects have not, `too-large`, those of
   * {@link PoolObject.demand}.
   */
  async demand<D extends Dtype = Dtype>(
    pick: CubePick = {},
    options: CubeDemandOptions & { readonly dtype?: D | undefined } = {},
  ): Promise<CubeArray<D>> {
    checkOptions('cubeDemand', `demand the cube "${this.name}"`, options);
    const picks = [...this.#picks, ...picksOf('label', pick)];
    return (await new CubeDemand(this.#state, picks, options).run()) as unknown as CubeArray<D>;
  }

  /**
   * One array for each label of an axis, those that are there and then each as it comes; among new
   * ones in ascending order. Ends when the axis can have no more, as its labels were listed (`sel({
   * step: [0, 240, 6] })`); else never. `timeoutMs` is that of each. Each is to be disposed.
   *
   * ```ts
   * for await (const step of cube.grow('step', { timeoutMs: 60_000 })) {
   *   draw(step.coords['step'], step.array);
   *   await step.dispose();
   * }
   * ```
   */
  async *grow<D extends Dtype = Dtype>(
    axis: string,
    options: CubeDemandOptions & { readonly dtype?: D | undefined } = {},
  ): AsyncGenerator<CubeArray<D>, void, void> {
    checkOptions('cubeDemand', `follow the cube "${this.name}"`, options);
    if (!this.axes.includes(axis)) {
      const why = `"${axis}" is none of its axes, ${this.axes.join(', ')}`;
      throw new AttaccaError('bad-argument', `Cannot follow the cube "${this.name}": ${why}`);
    }
    checkDemand(this.name, options);
    const isListed = this.#picks.some((each) => each.dimension === axis && lists(each));
    // Which labels are picked is as of when they were seen, also of picks by place.
    const others = this.#picks.filter(({ dimension }) => dimension !== axis);
    const all = new Cube(this.#state, others);
    let seen = Axis.of([]);
    const what = `follow the cube "${this.name}"`;
    for (let clock = new Clock(what, options); ; ) {
      const sinceMs = performance.now();
      await this.#state.update(clock.options);
      const tookMs = performance.now() - sinceMs;
      const known = seen;
      const fresh = this.#labelsOf(axis).filter(({ label }) => known.indexOf(label) < 0);
      for (const { label } of fresh) {
        const pick: { [dimension: string]: LabelPick } = { [axis]: { values: [label] } };
        yield await all.demand<D>(pick, options);
      }
      if (isListed) return;
      seen = withLabels(
        seen,
        fresh.map(({ label }) => label),
      );
      if (fresh.length > 0) clock = new Clock(what, options);
      else if (clock.leftMs === 0) {
        const why = `nothing new has come along "${axis}"`;
        throw new AttaccaError('deadline-passed', `Cannot ${what}: ${why}`);
      } else await clock.pause(tookMs);
    }
  }
}

/** An axis with more labels, wherever their places are. */
function withLabels(axis: Axis, labels: readonly Label[]): Axis {
  let longer = axis;
  const others: Label[] = [];
  for (const label of labels) {
    const next = longer.with(label);
    if (next === null) others.push(label);
    else longer = next;
  }
  return others.length === 0 ? longer : Axis.of([...longer.labels, ...others]);
}

/** Whether a pick says all labels that there can be. */
function lists(each: Pick): boolean {
  return each.by === 'label' && !(Array.isArray(each.pick) && each.pick.length === 2);
}
