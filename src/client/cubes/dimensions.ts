import type { Label } from '../../core/cubes/axis.js';
import { isMap } from '../../core/value.js';
import { badCube, type CubeDefinition, coordsOf, textsOf } from './definition.js';
import type { Member } from './members.js';
import type { CoordsReading, ObjectLabels } from './object-coords.js';

/** A dimension that the objects of a cube have themselves. */
export interface Dimension {
  readonly name: string;
  readonly size: number;
  /** Null: none are told, and places are counted from 0. */
  readonly coords: readonly Label[] | null;
  /** The object that has them; null: they were told. */
  readonly of: Pick<ObjectLabels, 'dtype' | 'attributes'> | null;
}

/**
 * The dimensions of an object: as the cube tells them, else as the object does by its attributes
 * `dims` and `coords`, else `dim_0`, `dim_1`, ... Of a variable that was imported from a file the
 * coordinates are those that the file has: the object of a variable with the dimension's name.
 */
export async function dimensionsOf(
  { name, axes, dims, coords }: CubeDefinition,
  { attributes, space: { shape }, name: object }: Member,
  reading: CoordsReading,
): Promise<Dimension[]> {
  const said =
    attributes['dims'] === undefined ? null : textsOf(object, 'dims', attributes['dims']);
  const names = dims ?? said ?? shape.map((_, at) => `dim_${at}`);
  if (names.length !== shape.length) {
    throw badCube(name, `${names.length} dimensions are named, "${object}" has ${shape.length}`);
  }
  const both = names.find((each, at) => axes.includes(each) || names.indexOf(each) !== at);
  if (both !== undefined) throw badCube(name, `the dimension "${both}" of "${object}" comes twice`);
  const of = typeof attributes['.part-of'] === 'string' ? attributes['.part-of'] : null;
  const own = attributes['coords'];
  // A file has no maps: one of its attributes that has that name says something else.
  const told = new Map(Object.entries(of === null || isMap(own) ? coordsOf(object, own) : {}));
  for (const [each, labels] of Object.entries(coords)) told.set(each, labels);
  return await Promise.all(
    names.map(async (each, at) => {
      const size = shape[at] as number;
      const known = told.get(each) ?? null;
      const isOfFile = known === null && of !== null && said !== null;
      const file = isOfFile ? await reading.find(`${of}/${each}`, size) : null;
      const object = typeof known === 'string' ? await reading.read(known) : file;
      const labels =
        typeof known === 'string' ? (object?.labels ?? null) : (known ?? object?.labels ?? null);
      if (labels !== null && labels.length !== size) {
        throw badCube(name, `"${each}" has ${labels.length} coordinates, its size is ${size}`);
      }
      return { name: each, size, coords: labels, of: object };
    }),
  );
}
