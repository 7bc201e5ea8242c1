import { ENCODING_KEY } from '../client/encoding.js';
import { refuse } from '../core/assert.js';
import type { Order } from '../core/space.js';
import { isMap, type Value } from '../core/value.js';
import type { Attribute, Dataset, Dimension, Variable } from '../formats/dataset.js';
import { attributeOf } from './attributes.js';
import { CoordsAlong } from './coords-along.js';
import { Dimensions } from './dimensions.js';
import type { Json } from './format.js';
import { type Found, isHeader, type Objects } from './objects.js';
import { withoutFile } from './own-keys.js';

/** A dataset, and the object of each of its variables. */
export interface Plan {
  readonly dataset: Dataset;
  readonly objects: readonly string[];
  readonly layout: Json;
  /** Of a file that was read: what the objects must still be. */
  readonly isOfFile: boolean;
}

/** A dataset of objects that were in no file: each a variable, called as the end of its name. */
export async function planned(
  objects: Objects,
  names: readonly string[],
  hasCoords: boolean,
): Promise<Plan> {
  const dimensions = new Dimensions();
  const variables: Variable[] = [];
  const along = new CoordsAlong(objects);
  const called = variableNames(names);
  let order: Order = 'row';
  for (const [at, name] of names.entries()) {
    const found = await objects.look(name);
    if (isHeader(found)) refuseWithOthers(name);
    const own = dimensionsOf(found, dimensions);
    variables.push(variableOf(called[at] as string, found, own));
    order = found.space.order;
    if (hasCoords) await along.add(name, found, own);
  }
  const coords = along.found.filter(({ dimension }) => {
    return !called.includes(dimensions.all[dimension]?.name ?? '');
  });
  for (const { found, dimension } of coords) {
    const { name } = dimensions.all[dimension] as Dimension;
    variables.push(variableOf(name, found, [dimension]));
  }
  const dataset: Dataset = { dimensions: dimensions.all, attributes: [], variables };
  const layout = { unnamed: dimensions.unnamed, order };
  const all = [...names, ...coords.map(({ name }) => name)];
  return { dataset, objects: all, layout, isOfFile: false };
}

/** Places of the dimensions of an object, as its attribute `dims` calls them. */
function dimensionsOf({ space, attributes }: Found, all: Dimensions): readonly number[] {
  const dims = attributes['dims'];
  const own = Array.isArray(dims) && dims.length === space.shape.length ? dims : [];
  return space.shape.map((size, axis) => {
    const dim: unknown = own[axis];
    return all.place(typeof dim === 'string' && dim !== '' ? dim : null, size);
  });
}

function variableOf(name: string, { space, attributes }: Found, dimensions: readonly number[]) {
  return {
    ...{ name, type: space.dtype, byteOrder: space.byteOrder, dimensions },
    attributes: attributesFrom(attributes),
  };
}

/** The last part of each name; of two that are called alike the whole, with _ for /. */
function variableNames(names: readonly string[]): readonly string[] {
  const last = names.map((name) => name.slice(name.lastIndexOf('/') + 1) || name);
  const counts = new Map<string, number>();
  for (const short of last) counts.set(short, (counts.get(short) ?? 0) + 1);
  return names.map((name, at) => {
    const short = last[at] as string;
    return counts.get(short) === 1 ? short : name.replaceAll('/', '_');
  });
}

/** What the pool itself says of an object, and what it says of its dimensions, is none of them. */
export function attributesFrom(attributes: Readonly<Record<string, Value>>): readonly Attribute[] {
  const isOfFile = typeof attributes['.part-of'] === 'string';
  return Object.entries(isOfFile ? withoutFile(attributes) : attributes).flatMap(([key, value]) => {
    const isOfDimensions = key === 'dims' || (key === 'coords' && isMap(value));
    if (key.startsWith('.') || isOfDimensions || key === ENCODING_KEY) return [];
    return attributeOf(key, value) ?? [];
  });
}

export function refuseWithOthers(name: string): never {
  const why = `"${name}" tells of a whole file, which is exported by itself`;
  return refuse('bad-argument', `Cannot export: ${why}`, { name });
}
