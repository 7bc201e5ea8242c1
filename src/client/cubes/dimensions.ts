import type { Label } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { isNumeric } from '../../core/space.js';
import { PoolObject } from '../object.js';
import type { WaitOptions } from '../options.js';
import type { Seat } from '../seat.js';
import { badCube, type CubeDefinition, coordsOf, textsOf } from './definition.js';
import type { Member } from './members.js';

/** A dimension that the objects of a cube have themselves. */
export interface Dimension {
  readonly name: string;
  readonly size: number;
  /** Null: none are told, and places are counted from 0. */
  readonly coords: readonly Label[] | null;
}

/**
 * The dimensions of an object: as the cube tells them, else as the object does by its attributes
 * `dims` and `coords`, else `dim_0`, `dim_1`, ... `read`: the coordinates that an object has.
 */
export async function dimensionsOf(
  { name, axes, dims, coords }: CubeDefinition,
  { attributes, space: { shape }, name: object }: Member,
  read: (object: string) => Promise<readonly Label[]>,
): Promise<Dimension[]> {
  const said =
    attributes['dims'] === undefined ? null : textsOf(object, 'dims', attributes['dims']);
  const names = dims ?? said ?? shape.map((_, at) => `dim_${at}`);
  if (names.length !== shape.length) {
    throw badCube(name, `${names.length} dimensions are named, "${object}" has ${shape.length}`);
  }
  const both = names.find((each, at) => axes.includes(each) || names.indexOf(each) !== at);
  if (both !== undefined) throw badCube(name, `the dimension "${both}" of "${object}" comes twice`);
  const told = { ...coordsOf(object, attributes['coords']), ...coords };
  return await Promise.all(
    names.map(async (each, at) => {
      const size = shape[at] as number;
      const known = told[each] ?? null;
      const labels = typeof known === 'string' ? await read(known) : known;
      if (labels !== null && labels.length !== size) {
        throw badCube(name, `"${each}" has ${labels.length} coordinates, its size is ${size}`);
      }
      return { name: each, size, coords: labels };
    }),
  );
}

/** The coordinates that an object of one dimension has. */
export async function readCoords(
  seat: Seat,
  name: string,
  options: WaitOptions,
): Promise<readonly Label[]> {
  await using values = await new PoolObject(seat, name, {}).demand({
    ...options,
    byteOrder: 'little',
  });
  const { dtype, shape } = values.space;
  const isPlain = isNumeric(dtype) && !dtype.startsWith('complex') && dtype !== 'bool';
  if (shape.length === 1 && isPlain && dtype !== 'float16') return Array.from(values.array);
  const why = `coordinates are one dimension of real numbers, not ${dtype}[${shape.join(', ')}]`;
  throw new AttaccaError('bad-space', `Cannot use "${name}": ${why}`, { name });
}
