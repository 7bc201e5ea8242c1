import { isLabel, type Label, labelText } from '../../core/cubes/axis.js';
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
import { queryPages } from '../selecting.js';
import type { CubeDefinition } from './definition.js';

/** An object of a cube, as a query has found it. */
export interface Member {
  readonly name: string;
  readonly labels: readonly Label[];
  readonly attributes: Attributes;
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
}

/** The objects of a cube at a moment. */
export interface Found {
  readonly grid: Grid<Member>;
  /** What most of them are: shape and dtype of all that have a place. */
  readonly model: Member | null;
  readonly misfits: readonly Misfit[];
}

/** Asks the pool for all objects of a cube, and puts them in their places. */
export async function findMembers(
  client: Client,
  definition: CubeDefinition,
  options: WaitOptions,
): Promise<Found> {
  const members: Member[] = [];
  const misfits: Misfit[] = [];
  const selector = `.collection = ${quoted(definition.name)}`;
  for await (const page of queryPages(client, selector, { ...options, detail: 'all' })) {
    for (const row of page) {
      const found = memberOf(definition, asMap(row));
      if (found === null) continue;
      if ('why' in found) misfits.push(found);
      else members.push(found);
    }
    if (members.length <= LIMITS.cubeObjectsMax) continue;
    const why = `Cannot use the cube "${definition.name}": it has too many objects`;
    throw new AttaccaError('too-large', why, { limit: LIMITS.cubeObjectsMax });
  }
  return placed(definition, members, misfits);
}

function placed(
  { labels, duplicates }: CubeDefinition,
  members: readonly Member[],
  misfits: Misfit[],
): Found {
  const model = modelOf(members, labels);
  const fitting = members.filter((member) => {
    const why = model === null ? null : differs(member.space, model);
    if (why !== null) misfits.push({ name: member.name, why, other: model?.name ?? null });
    return why === null;
  });
  const grid = new Grid(fitting, labels, isNewer);
  if (duplicates === 'fail') {
    for (const { kept, other } of grid.clashes) {
      const why = `"${kept.name}" stands at its place`;
      misfits.push({ name: other.name, why, other: kept.name });
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
function modelOf(members: readonly Member[], labels: CubeDefinition['labels']): Member | null {
  const kinds = new Map<string, Member[]>();
  for (const member of members) {
    const key = `${member.space.dtype} ${member.space.shape.join()}`;
    const alike = kinds.get(key);
    if (alike === undefined) kinds.set(key, [member]);
    else alike.push(member);
  }
  const [first, ...others] = [...kinds.values()];
  if (first === undefined) return null;
  if (others.length === 0) return new Grid(first, labels, isNewer).inOrder()[0] ?? null;
  const most = Math.max(...[first, ...others].map(({ length }) => length));
  const candidates = [first, ...others].filter(({ length }) => length === most).flat();
  return new Grid(candidates, labels, isNewer).inOrder()[0] ?? null;
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
  const attributes = { ...mapOf(row['attributes']), ...mapOf(row['tags']) };
  const labels: Label[] = [];
  for (const axis of definition.axes) {
    const label = attributes[axis];
    if (!isLabel(label)) {
      const why = label === undefined ? `it has no "${axis}"` : `its "${axis}" is no label`;
      return { name: told, why, other: null };
    }
    labels.push(label);
  }
  const space = spaceOf(told, attributes, row);
  // Its first dimension has no end yet.
  if (space === null) return { name: told, why: 'its shape is not known yet', other: null };
  const { time } = row;
  return {
    ...{ name: told, labels, attributes, space },
    isEncoded: attributes[ENCODING_KEY] !== undefined,
    isComplete: state === 'offered',
    timeNs: time instanceof Timestamp ? time.nanoseconds : 0n,
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
export function misfitError(cube: string, { name, why, other }: Misfit, more = 0): AttaccaError {
  const rest = more > 0 ? `; there are ${more} more like it` : '';
  const message = `Cannot use the cube "${cube}": "${name}" has no place in it: ${why}${rest}`;
  return new AttaccaError('cube-misfit', message, { name, other });
}
