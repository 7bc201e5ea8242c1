import type { Writer } from '../../core/bytes.js';
import type { Label } from '../../core/cubes/axis.js';
import { AttaccaError } from '../../core/errors.js';
import { type Dtype, isNumeric } from '../../core/space.js';
import { writeStat } from '../../protocol/index.js';
import { askValue, asMap } from '../asking.js';
import type { Client } from '../client.js';
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

/** Coordinates that objects have. */
interface CoordsReading {
  read(object: string): Promise<readonly Label[]>;
  /** Null: there is no such object, or it has not so many. */
  find(object: string, size: number): Promise<readonly Label[] | null>;
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
  const told = { ...coordsOf(object, attributes['coords']), ...coords };
  return await Promise.all(
    names.map(async (each, at) => {
      const size = shape[at] as number;
      const known = told[each] ?? null;
      const labels =
        typeof known === 'string'
          ? await reading.read(known)
          : (known ??
            (of === null || said === null ? null : await reading.find(`${of}/${each}`, size)));
      if (labels !== null && labels.length !== size) {
        throw badCube(name, `"${each}" has ${labels.length} coordinates, its size is ${size}`);
      }
      return { name: each, size, coords: labels };
    }),
  );
}

/** Whether an object is there that has so many numbers along its one dimension. */
export async function hasCoords(client: Client, name: string, size: number): Promise<boolean> {
  try {
    const write = (w: Writer): void => writeStat(w, name);
    const known = asMap(await askValue(client, `stat "${name}"`, write));
    const { state, shape, dtype } = known;
    const isThere = state === 'offered' && Array.isArray(shape) && shape.join() === `${size}`;
    return isThere && isPlain(dtype as Dtype);
  } catch (error) {
    if (error instanceof AttaccaError && error.code === 'unknown-object') return false;
    throw error;
  }
}

function isPlain(dtype: Dtype): boolean {
  const others: readonly Dtype[] = ['bool', 'float16', 'complex64', 'complex128'];
  return isNumeric(dtype) && !others.includes(dtype);
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
  if (shape.length === 1 && isPlain(dtype)) return Array.from(values.array);
  const why = `coordinates are one dimension of real numbers, not ${dtype}[${shape.join(', ')}]`;
  throw new AttaccaError('bad-space', `Cannot use "${name}": ${why}`, { name });
}
