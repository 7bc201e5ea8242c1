import type { Label, Picked } from '../../core/cubes/axis.js';
import { countPlaces, type Place, placesOf } from '../../core/cubes/grid.js';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { AxisSet } from '../../core/regions/axis-set.js';
import type { Dtype } from '../../core/space.js';
import { Float } from '../../core/value.js';
import type { Coords, CoordsOf, CubeArray } from './array.js';
import type { CubeDefinition } from './definition.js';
import type { Member } from './members.js';
import { checkPicks, type Pick, resolve } from './picks.js';
import type { CubeState } from './state.js';

/** Which objects are needed, what of each, and where it goes. */
export interface CubePlan {
  /** What all objects are. */
  readonly model: Member;
  readonly places: readonly Place<Member>[];
  /** Of each dimension of an object; null: all of it. */
  readonly sets: readonly (AxisSet | null)[];
  readonly dims: readonly string[];
  readonly coords: Coords;
  readonly coordsOf: CubeArray['coordsOf'];
  /** Along the axes, and of what is taken of each object. */
  readonly outer: readonly number[];
  readonly inner: readonly number[];
}

/** The labels that are picked along the axes now. */
export function pickedAxes(state: CubeState, picks: readonly Pick[]): Picked[][] {
  return state.definition.axes.map((axis) => resolve(state, axis, picks) ?? state.allOf(axis));
}

/** `too-large`: of more places than a demand plans over. */
export function placesAt(state: CubeState, axes: readonly Picked[][]): Place<Member>[] {
  const count = countPlaces(axes);
  if (count !== null) return placesOf(state.found.grid, axes);
  const limit = LIMITS.cubePlacesMax;
  const why = `more than ${limit} places are picked`;
  const { name } = state.definition;
  throw new AttaccaError('too-large', `Cannot demand of the cube "${name}": ${why}`, { limit });
}

/** How an object is named that stands at labels; null: nobody knows. */
export function nameAt({ names, axes }: CubeDefinition, labels: readonly Label[]): string | null {
  if (names === null) return null;
  return names.nameOf(Object.fromEntries(axes.map((axis, at) => [axis, labels[at] as Label])));
}

/** Plans a demand, once objects are known. */
export function planCube(state: CubeState, model: Member, picks: readonly Pick[]): CubePlan {
  checkPicks(state, picks);
  const axes = pickedAxes(state, picks);
  const coords = state.definition.axes.map((axis, at): [string, readonly Label[]] => [
    axis,
    (axes[at] as Picked[]).map(({ label }) => label),
  ]);
  const coordsOf = state.definition.axes.map((axis): [string, CoordsOf] => {
    const labels = state.allOf(axis).map(({ label }) => label);
    return [axis, { dtype: dtypeOf(labels), attributes: {} }];
  });
  const inner: number[] = [];
  const sets: (AxisSet | null)[] = [];
  for (const { name, size, coords: told, of } of state.dimensions ?? []) {
    const picked = resolve(state, name, picks);
    inner.push(picked?.length ?? size);
    sets.push(picked === null ? null : setOf(name, picked));
    if (told === null) continue;
    coords.push([name, picked?.map(({ label }) => label) ?? told]);
    const { dtype = dtypeOf(told), attributes = {} } = of ?? {};
    coordsOf.push([name, { dtype, attributes }]);
  }
  const outer = axes.map(({ length }) => length);
  return {
    ...{ model, places: placesAt(state, axes), sets, dims: state.dims, outer, inner },
    coords: Object.fromEntries(coords),
    coordsOf: Object.fromEntries(coordsOf),
  };
}

/** What all of them are, of which some may look like another one: 60 beside 59.5 is no integer. */
function dtypeOf(labels: readonly Label[]): Dtype | null {
  const isFloat = (label: Label): boolean =>
    label instanceof Float || (typeof label === 'number' && !Number.isSafeInteger(label));
  const isNumber = (label: Label): boolean => label instanceof Float || typeof label === 'number';
  return labels.some(isFloat) && labels.every(isNumber) ? 'float64' : null;
}

/** What of a dimension of the objects is picked. `bad-region`: it has not all of that. */
function setOf(dimension: string, picked: readonly Picked[]): AxisSet {
  const cannot = (why: string): AttaccaError =>
    new AttaccaError('bad-region', `Cannot pick from dimension "${dimension}": ${why}`, {
      dimension,
    });
  const places = Float64Array.from(picked, ({ at }) => at);
  if (places.some((place, at) => at > 0 && place <= (places[at - 1] as number))) {
    throw cannot('of the dimensions of objects indices ascend, and none comes twice');
  }
  return AxisSet.indices(places);
}
