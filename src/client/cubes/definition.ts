import { isLabel, type Label } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { parseTemplate, type Template } from '../../core/schema/template.js';
import { quoted } from '../../core/selector/printer.js';
import { isMap, type Value, type ValueMap } from '../../core/value.js';
import { isEqualValue } from '../../core/value-order.js';
import type { Client } from '../client.js';
import { type Definition, definitionsOf, withoutUndefined } from '../defining.js';

/** The tag of a collection that says how its objects make a cube. */
const CUBE_TAG = 'cube';

/** Labels that are told, not found: of a dimension, or the name of an object that has them. */
export type ToldCoords = { readonly [dimension: string]: readonly Label[] | string };

/** What a cube is told beside its selector and its axes. */
export interface CubeOptions {
  /**
   * How the objects are named by their labels: `t850/{number}/{step:03}`. With it one can wait in
   * the pool for an object that is not there, and `explain` tells so; without it a process asks
   * again and again whether it has come.
   */
  readonly names?: string | undefined;
  /** Labels that axes have in any case: who demands all of the cube waits for these, too. */
  readonly labels?: { readonly [axis: string]: readonly Label[] } | undefined;
  /** Names of the objects' own dimensions; else objects say so by their attribute `dims`. */
  readonly dims?: readonly string[] | undefined;
  /**
   * Coordinates along them: a list, or the name of an object of one dimension that has them; else
   * objects say so by their attribute `coords`, a map alike.
   */
  readonly coords?: ToldCoords | undefined;
  /** Objects without a key of each axis, of another shape or dtype than most. Else `fail`. */
  readonly misfits?: 'fail' | 'skip' | undefined;
  /** Two objects at one place. Else `fail`. */
  readonly duplicates?: 'fail' | 'newest' | undefined;
  /** For people. */
  readonly documentation?: string | undefined;
}

/** A cube as a pool has it: a collection with a selector, whose tag `cube` says the rest. */
export interface CubeDefinition {
  readonly name: string;
  readonly selector: string;
  readonly axes: readonly string[];
  readonly names: Template | null;
  /** Of each axis. */
  readonly labels: readonly (readonly Label[])[];
  readonly dims: readonly string[] | null;
  readonly coords: ToldCoords;
  readonly misfits: 'fail' | 'skip';
  readonly duplicates: 'fail' | 'newest';
}

/** A cube as it is to be defined, checked. `bad-argument`. */
export function toldCube(
  name: string,
  selector: string,
  axes: readonly string[],
  { documentation, ...told }: CubeOptions,
): { readonly definition: ValueMap; readonly parsed: CubeDefinition } {
  if (typeof selector !== 'string' || selector.trim() === '') {
    throw badCube(name, 'its selector is empty; say "true" for all objects');
  }
  const cube = withoutUndefined({ axes, ...told });
  const definition = withoutUndefined({ selector, tags: { [CUBE_TAG]: cube }, documentation });
  return { definition, parsed: parseCube(name, definition) };
}

/** Whoever has a cube of that name open would have other objects. */
export function mustBeOf(
  name: string,
  { selector, tags = {} }: ValueMap,
  wanted: string,
  axes: readonly string[],
): void {
  const cube = isMap(tags) ? tags[CUBE_TAG] : undefined;
  const cannot = (why: string): AttaccaError => {
    const text = `Cannot define the cube "${name}": ${why}; say "replace" if that is meant`;
    return new AttaccaError('bad-argument', text, { name });
  };
  if (!isMap(cube)) throw cannot('a collection of that name is there, which is no cube');
  if (selector !== wanted) {
    throw cannot(
      `it is there with the selector ${quoted(String(selector))}, not ${quoted(wanted)}`,
    );
  }
  if (isEqualValue(cube['axes'], [...axes])) return;
  const others = Array.isArray(cube['axes']) ? cube['axes'].join(', ') : 'none';
  throw cannot(`it is there with the axes ${others}, not ${axes.join(', ')}`);
}

/** A cube that somebody has defined. `unknown-definition`; `bad-argument`: it is no cube. */
export async function openCube(client: Client, name: string): Promise<CubeDefinition> {
  const known = await lookFor(client, name);
  if (known !== null) return parseCube(name, known.definition);
  const why = `Cannot use the cube "${name}": nobody has defined it`;
  throw new AttaccaError('unknown-definition', why, { name });
}

/** What is defined by a name; null: nothing. */
export async function lookFor(client: Client, name: string): Promise<Definition | null> {
  try {
    const [known] = await definitionsOf(client, 'collection', name);
    return known ?? null;
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-definition') return null;
    throw error;
  }
}

/** Whether there is a cube of that name. */
export async function isCube(client: Client, name: string): Promise<boolean> {
  const { tags = {} } = (await lookFor(client, name))?.definition ?? {};
  return isMap(tags) && isMap(tags[CUBE_TAG]);
}

function parseCube(name: string, { selector, tags = {} }: ValueMap): CubeDefinition {
  const cube = isMap(tags) ? tags[CUBE_TAG] : undefined;
  if (!isMap(cube) || typeof selector !== 'string') {
    throw badCube(name, 'the collection of that name is no cube');
  }
  const axes = textsOf(name, 'axes', cube['axes']);
  if (axes.length === 0 || axes.length > LIMITS.cubeAxesMax) {
    throw badCube(name, `it has 1 to ${LIMITS.cubeAxesMax} axes, not ${axes.length}`);
  }
  const dims = cube['dims'] === undefined ? null : textsOf(name, 'dims', cube['dims']);
  const all = [...axes, ...(dims ?? [])];
  const twice = all.find((each, at) => all.indexOf(each) !== at);
  if (twice !== undefined) throw badCube(name, `the dimension "${twice}" comes twice`);
  return {
    ...{ name, selector, axes, dims },
    names: templateOf(name, axes, cube['names']),
    labels: labelsOf(name, axes, cube['labels']),
    coords: coordsOf(name, cube['coords']),
    misfits: choice(name, 'misfits', cube['misfits'], ['fail', 'skip']),
    duplicates: choice(name, 'duplicates', cube['duplicates'], ['fail', 'newest']),
  };
}

function templateOf(name: string, axes: readonly string[], text: unknown): Template | null {
  if (text === undefined) return null;
  if (typeof text !== 'string') throw badCube(name, 'its names are no template');
  const template = parseTemplate(text, null, (why, position): never => {
    throw badCube(name, `of the template of its names ${why} (at ${position})`);
  });
  const lacking = axes.find((axis) => !template.keys.includes(axis));
  if (lacking !== undefined) throw badCube(name, `its names do not say "${lacking}"`);
  const more = template.keys.find((key) => !axes.includes(key));
  if (more !== undefined) throw badCube(name, `its names say "${more}", which is no axis`);
  return template;
}

function labelsOf(name: string, axes: readonly string[], map: unknown): Label[][] {
  const told = mapOf(name, 'labels', map);
  for (const key of Object.keys(told)) {
    if (!axes.includes(key)) throw badCube(name, `it has labels of "${key}", which is no axis`);
  }
  return axes.map((axis) => listOf(name, axis, ownOf(told, axis) ?? []));
}

/** Checks what is told of dimensions, by a cube or by an object. */
export function coordsOf(name: string, map: unknown): ToldCoords {
  const told = Object.entries(mapOf(name, 'coords', map));
  return Object.fromEntries(
    told.map(([dim, each]) => [dim, typeof each === 'string' ? each : listOf(name, dim, each)]),
  );
}

/** Checks the names of dimensions, that a cube or an object tells. */
export function textsOf(name: string, what: string, list: unknown): string[] {
  const isTexts = Array.isArray(list) && list.every((each) => typeof each === 'string' && each);
  if (!isTexts) throw badCube(name, `its ${what} are no list of names`);
  return list as string[];
}

function listOf(name: string, dimension: string, list: unknown): Label[] {
  if (!Array.isArray(list) || !list.every((each) => isLabel(each as Value))) {
    throw badCube(name, `along "${dimension}" there is no list of labels`);
  }
  if (list.length > LIMITS.cubePlacesMax) {
    const why = `Cannot use the cube "${name}": along "${dimension}" there are too many labels`;
    throw new AttaccaError('too-large', why, { size: list.length, limit: LIMITS.cubePlacesMax });
  }
  return list as Label[];
}

function mapOf(name: string, what: string, map: unknown): ValueMap {
  if (map === undefined) return {};
  if (!isMap(map as Value)) throw badCube(name, `its ${what} are no map`);
  return map as ValueMap;
}

/** What a map has by a key, that anybody may have chosen; undefined: it has none. */
export function ownOf<T>(map: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** One of some words; the first where none is said. `bad-argument` for another. */
export function choice<T extends string>(
  name: string,
  what: string,
  value: unknown,
  choices: readonly [T, ...T[]],
): T {
  if (value === undefined) return choices[0];
  const chosen = choices.find((each) => each === value);
  if (chosen === undefined) throw badCube(name, `${what} are "${choices.join('" or "')}"`);
  return chosen;
}

export function badCube(name: string, why: string): AttaccaError {
  return new AttaccaError('bad-argument', `Cannot use the cube "${name}": ${why}`, { name });
}
