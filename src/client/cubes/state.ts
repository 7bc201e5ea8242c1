import type { Picked } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import { Clock } from './clock.js';
import { badCube, type CubeDefinition } from './definition.js';
import { type Dimension, dimensionsOf } from './dimensions.js';
import { type Found, type Member, Members, misfitError } from './members.js';
import { ObjectCoords } from './object-coords.js';
import { OtherCoords } from './other-coords.js';

/** What this process knows of a cube: as of its last question. */
export class CubeState {
  readonly seat: Seat;
  readonly definition: CubeDefinition;
  readonly #members: Members;
  #dimensions: readonly Dimension[] | null = null;
  /** Of which version the dimensions are. */
  #of = '';
  readonly #coords: ObjectCoords;
  readonly #others: OtherCoords;

  /** Of one that is not defined yet what its objects are is seen, and nobody waited for. */
  constructor(seat: Seat, definition: CubeDefinition, { isDefined = true } = {}) {
    this.seat = seat;
    this.definition = definition;
    this.#members = new Members(seat.client, definition, { isDefined });
    this.#coords = new ObjectCoords(seat, { waits: isDefined });
    this.#others = new OtherCoords(seat, definition);
  }

  get found(): Found {
    const { found } = this.#members;
    if (found !== null) return found;
    throw badCube(this.definition.name, 'it was not looked at yet');
  }

  /** Whether it was looked at. */
  get isKnown(): boolean {
    return this.#members.found !== null;
  }

  /** The dimensions of its objects; null while none has come. */
  get dimensions(): readonly Dimension[] | null {
    return this.#dimensions;
  }

  /** Names of all dimensions that are known, the axes first. */
  get dims(): readonly string[] {
    return [...this.definition.axes, ...(this.#dimensions ?? []).map(({ name }) => name)];
  }

  /** Looks at all that is there. `cube-misfit`, unless misfits are skipped. */
  async refresh(options: WaitOptions): Promise<void> {
    const clock = new Clock(`look at the cube "${this.definition.name}"`, options);
    this.#others.forget();
    await this.#take(await this.#members.findAll(clock.options), clock);
  }

  /** Looks what has come, or gone. */
  async update(options: WaitOptions): Promise<void> {
    const clock = new Clock(`look at the cube "${this.definition.name}"`, options);
    await this.#take(await this.#members.findNew(clock.options), clock);
  }

  async #take(found: Found, clock: Clock): Promise<void> {
    const { definition } = this;
    const told = definition.misfits === 'fail' ? found.misfits : clashesOf(found);
    const [first] = told;
    if (first !== undefined) throw misfitError(definition.name, first, told.length - 1);
    if (found.model === null) return;
    await this.#measure(found.model, clock);
    const others = await this.#others.find(found, this.#dimensions ?? [], clock.options);
    const [other] = others;
    if (other !== undefined && definition.misfits === 'fail') {
      // Told again by whoever looks next.
      this.#others.forget();
      throw misfitError(definition.name, other, others.length - 1);
    }
    this.#members.leaveOut(others);
  }

  /** Coordinates may come, or change, while the object whose dimensions they are does not. */
  async #measure(model: Member, clock: Clock): Promise<void> {
    const { definition } = this;
    const of = `${model.timeNs} ${model.name}`;
    const isSame = of === this.#of;
    if (isSame && !this.#coords.isAsked) return;
    const dimensions = await this.#coords.look(clock, isSame, (reading) =>
      dimensionsOf(definition, model, reading),
    );
    const count = definition.axes.length + dimensions.length;
    if (count > LIMITS.dimensionsMax) {
      const why = `it has ${count} dimensions, more than ${LIMITS.dimensionsMax}`;
      throw new AttaccaError('bad-space', `Cannot use the cube "${definition.name}": ${why}`);
    }
    this.#dimensions = dimensions;
    this.#of = of;
  }

  /** All of a dimension, as it is known: of one without coordinates its places. */
  allOf(dimension: string): Picked[] {
    const axis = this.definition.axes.indexOf(dimension);
    if (axis >= 0) return this.found.grid.all(axis);
    const { size, coords } = this.#dimension(dimension);
    return Array.from({ length: size }, (_, at) => ({ label: coords?.[at] ?? at, at }));
  }

  #dimension(name: string): Dimension {
    const found = this.#dimensions?.find((each) => each.name === name);
    if (found !== undefined) return found;
    const why = `it has no dimension "${name}", but ${this.dims.join(', ')}`;
    throw badCube(this.definition.name, why);
  }
}

/** Whoever skips misfits has still to say which of two is meant. */
function clashesOf({ misfits, grid }: Found): Found['misfits'] {
  const clashing = new Set(grid.clashes.map(({ other }) => other.name));
  return misfits.filter(({ name }) => clashing.has(name));
}
