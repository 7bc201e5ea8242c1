import { compareLabels, isLabel, type Label, labelText } from '../../core/cubes/axis.js';
import { Grid } from '../../core/cubes/grid.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { quoted } from '../../core/selector/printer.js';
import { completeSpaceOf, type Space, type SpaceExpectation } from '../../core/space.js';
import { isMap, Timestamp, type Value, type ValueMap } from '../../core/value.js';
import { asMap } from '../asking.js';
import type { Client } from '../client.js';
import { ENCODING_KEY, encodingOf } from '../encoding.js';
import type { Attributes, WaitOptions } from '../options.js';
import { countObjects, queryPages } from '../selecting.js';
import { contradicts } from './agreeing.js';
import { type CubeDefinition, ownOf } from './definition.js';

/** An object of a cube, as a query has found it. */
export interface Member {
  readonly name: string;
  readonly labels: readonly Label[];
  /** With its tags put over them. */
  readonly attributes: Attributes;
  readonly tags: Attributes;
  /** Of its elements, whatever they are kept as. */
  readonly space: Space;
  readonly isEncoded: boolean;
  /** Whether all of it is there. */
  readonly isComplete: boolean;
  readonly timeNs: bigint;
}

/** An object that has no place. */
export interface Misfit {
  readonly name: string;
  readonly why: string;
  /** Who stands there. */
  readonly other: string | null;
  readonly timeNs: bigint;
}

/** The objects of a cube at a moment. */
export interface Found {
  readonly grid: Grid<Member>;
  /** What most of them are: shape and dtype of all that have a place. */
  readonly model: Member | null;
  readonly misfits: readonly Misfit[];
}

/** How far the pool's clock may have been set back since what was seen last was offered. */
const OVERLAP_NS = 10_000_000n;

/** All objects that a cube selects, by name; null: it is not offered. */
type Rows = Map<string, Member | Misfit | null>;

/** The objects of a cube, as they were seen last. */
export class Members {
  readonly #client: Client;
  readonly #definition: CubeDefinition;
  readonly #selector: string;
  #rows: Rows = new Map();
  /** When the last of them was offered. */
  #lastNs = 0n;
  /** Whether none lacks parts: it does not show by its time when it has them. */
  #areWhole = false;
  #found: Found | null = null;

  constructor(client: Client, definition: CubeDefinition, { isDefined = true } = {}) {
    const { name, selector } = definition;
    this.#client = client;
    this.#definition = definition;
    this.#selector = isDefined ? `.collection = ${quoted(name)}` : `(${selector})`;
  }

  get found(): Found | null {
    return this.#found;
  }

  /** Asks for all of them. */
  async findAll(options: WaitOptions): Promise<Found> {
    const rows: Rows = new Map();
    await this.#query('', rows, options);
    return this.#take(rows);
  }

  /**
   * Asks for those that were offered since, and how many there are: when that is not what they come
   * to, for all. What does not show by that are tags that have changed.
   */
  async findNew(options: WaitOptions): Promise<Found> {
    if (this.#found === null || !this.#areWhole || this.#lastNs <= OVERLAP_NS) {
      return await this.findAll(options);
    }
    const fresh = new Map<string, Member | Misfit | null>();
    // Counted behind: what comes between the two is seen as too many.
    await this.#query(offeredSince(this.#lastNs), fresh, options);
    const count = await countObjects(this.#client, this.#selector, options);
    const changed = [...fresh].filter(([name, row]) => !isSame(this.#rows.get(name), row));
    const names = changed.filter(([name]) => !this.#rows.has(name));
    if (this.#rows.size + names.length !== count) return await this.findAll(options);
    if (changed.length === 0) return this.#found;
    const isAdded = this.#add(changed);
    for (const [name, row] of changed) this.#rows.set(name, row);
    return isAdded ? this.#found : this.#take(this.#rows);
  }

  /** Takes objects out that have no place after all, until they are offered anew. */
  leaveOut(misfits: readonly Misfit[]): void {
    if (misfits.length === 0) return;
    for (const misfit of misfits) this.#rows.set(misfit.name, misfit);
    this.#take(this.#rows);
  }

  /** Adds objects that leave all as it is: what grows is not made anew with each. */
  #add(changed: readonly (readonly [string, Member | Misfit | null])[]): boolean {
    const { grid, model } = this.#found ?? { grid: null, model: null };
    if (grid === null || model === null) return false;
    const members: Member[] = [];
    for (const [name, row] of changed) {
      if (row === null || 'why' in row || !row.isComplete || this.#rows.has(name)) return false;
      if (misfitOf(this.#definition, row, model) !== null || isBefore(row, model)) return false;
      members.push(row);
    }
    members.sort((one, other) => (isBefore(one, other) ? -1 : 1));
    for (const member of members) {
      if (!grid.add(member)) return false;
      if (member.timeNs > this.#lastNs) this.#lastNs = member.timeNs;
    }
    return true;
  }

  async #query(
    also: string,
    rows: Map<string, Member | Misfit | null>,
    options: WaitOptions,
  ): Promise<void> {
    const { name } = this.#definition;
    const how = { ...options, detail: 'all' } as const;
    for await (const page of queryPages(this.#client, this.#selector + also, how)) {
      for (const row of page) {
        const told = asMap(row);
        rows.set(String(told['name']), memberOf(this.#definition, told));
      }
      if (rows.size <= LIMITS.cubeObjectsMax) continue;
      const why = `Cannot use the cube "${name}": it has too many objects`;
      throw new AttaccaError('too-large', why, { limit: LIMITS.cubeObjectsMax });
    }
  }

  #take(rows: Rows): Found {
    const members: Member[] = [];
    const misfits: Misfit[] = [];
    for (const row of rows.values()) {
      if (row === null) continue;
      if ('why' in row) misfits.push(row);
      else members.push(row);
      if (row.timeNs > this.#lastNs) this.#lastNs = row.timeNs;
    }
    this.#rows = rows;
    this.#areWhole = members.every(({ isComplete }) => isComplete);
    this.#found = placed(this.#definition, members, misfits);
    return this.#found;
  }
}

/** What selects all that may have been offered since the last that was seen. */
export function offeredSince(lastNs: bigint): string {
  return ` and .time >= ${new Timestamp(lastNs - OVERLAP_NS)}`;
}

/** Whether it is the version that was seen before. */
function isSame(one: Member | Misfit | null | undefined, other: Member | Misfit | null): boolean {
  if (one === null || one === undefined || other === null) return one === other;
  return one.timeNs === other.timeNs && 'why' in one === 'why' in other;
}

/** Why an object has no place beside those that are like another one; null: it has one. */
function misfitOf(definition: CubeDefinition, member: Member, model: Member): string | null {
  return differs(member.space, model) ?? contradicts(definition, member, model)?.why ?? null;
}

function placed(definition: CubeDefinition, members: readonly Member[], misfits: Misfit[]): Found {
  const { labels, duplicates } = definition;
  const model = modelOf(members);
  const fitting = members.filter((member) => {
    const { name, timeNs } = member;
    const why = model === null ? null : misfitOf(definition, member, model);
    if (why !== null) misfits.push({ name, why, other: model?.name ?? null, timeNs });
    return why === null;
  });
  const grid = new Grid(fitting, labels, isNewer);
  if (duplicates === 'fail') {
    for (const { kept, other } of grid.clashes) {
      const why = `"${kept.name}" stands at its place`;
      misfits.push({ name: other.name, why, other: kept.name, timeNs: other.timeNs });
    }
  }
  return { grid, model, misfits };
}

/** By the time of their offers; of the same moment, by their names. */
function isNewer(one: Member, other: Member): number {
  if (one.timeNs !== other.timeNs) return one.timeNs > other.timeNs ? 1 : -1;
  return one.name > other.name ? 1 : -1;
}

/** Of the shape and dtype that most have, the first by its place. */
function modelOf(members: readonly Member[]): Member | null {
  const counts = new Map<string, number>();
  const kindOf = ({ space: { dtype, shape } }: Member): string => `${dtype} ${shape.join()}`;
  for (const member of members) {
    const kind = kindOf(member);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const most = [...counts.values()].reduce((max, count) => Math.max(max, count), 0);
  let first: Member | null = null;
  for (const member of members) {
    if (counts.size > 1 && counts.get(kindOf(member)) !== most) continue;
    if (first === null || isBefore(member, first)) first = member;
  }
  return first;
}

/** By its labels, those of one place by their age. */
function isBefore(one: Member, other: Member): boolean {
  for (const [at, label] of one.labels.entries()) {
    const order = compareLabels(label, other.labels[at] as Label);
    if (order !== 0) return order < 0;
  }
  return isNewer(one, other) > 0;
}

/** How what is offered is not what the others are; null: it is. */
export function differs({ dtype, shape }: Space, model: Member): string | null {
  const { space, name } = model;
  if (dtype !== space.dtype) return `it is ${dtype}, "${name}" is ${space.dtype}`;
  if (shape.join() === space.shape.join()) return null;
  return `its shape is [${shape.join(', ')}], that of "${name}" is [${space.shape.join(', ')}]`;
}

/** Null: it is not offered, and has nothing to show yet. */
function memberOf(definition: CubeDefinition, row: ValueMap): Member | Misfit | null {
  const { state, name } = row;
  if (state !== 'offered' && state !== 'partial' && state !== 'open') return null;
  const told = String(name);
  const timeNs = row['time'] instanceof Timestamp ? row['time'].nanoseconds : 0n;
  const tags = mapOf(row['tags']);
  const attributes = { ...mapOf(row['attributes']), ...tags };
  const labels: Label[] = [];
  for (const axis of definition.axes) {
    const label = ownOf(attributes, axis);
    if (!isLabel(label)) {
      const why = label === undefined ? `it has no "${axis}"` : `its "${axis}" is no label`;
      return { name: told, why, other: null, timeNs };
    }
    labels.push(label);
  }
  const space = spaceOf(told, attributes, row);
  // Its first dimension has no end yet.
  if (space === null) {
    return { name: told, why: 'its shape is not known yet', other: null, timeNs };
  }
  return {
    ...{ name: told, labels, attributes, tags, space },
    isEncoded: attributes[ENCODING_KEY] !== undefined,
    isComplete: state === 'offered',
    timeNs,
  };
}

function spaceOf(name: string, attributes: Attributes, row: ValueMap): Space | null {
  const encoding = encodingOf(name, { attributes, source: 'message' });
  if (encoding !== null) return encoding.space;
  const { dtype, shape, order, byteOrder } = row;
  return completeSpaceOf({ dtype, shape, order, byteOrder } as SpaceExpectation);
}

function mapOf(value: Value | undefined): ValueMap {
  return isMap(value) ? value : {};
}

/** Labels for people: `number=0 step=6`. */
export function placeText(axes: readonly string[], labels: readonly Label[]): string {
  return axes.map((axis, at) => `${axis}=${labelText(labels[at] as Label)}`).join(' ');
}

/** What a misfit is told as. */
export function misfitError(
  cube: string,
  { name, why, other }: Omit<Misfit, 'timeNs'>,
  more = 0,
): AttaccaError {
  const rest = more > 0 ? `; there are ${more} more like it` : '';
  const message = `Cannot use the cube "${cube}": "${name}" has no place in it: ${why}${rest}`;
  return new AttaccaError('cube-misfit', message, { name, other });
}
