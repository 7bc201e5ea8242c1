import type { Dimension } from '../dataset.js';
import type { OpenFile } from './entries.js';
import { NO_VARIABLE } from './layout.js';
import type { Metadata } from './library.js';

/** A dataset of a file, as it is seen when dimensions are looked for. */
export interface Found {
  readonly name: string;
  readonly metadata: Metadata;
}

interface Axes {
  readonly dimensions: readonly Dimension[];
  /** Places of those that the file gives no name. */
  readonly unnamed: readonly number[];
  /** For each dataset the places of its dimensions; null for one that is a dimension alone. */
  readonly axes: ReadonlyMap<string, readonly number[] | null>;
}

/** 2^64 - 1, as a double: HDF5's word for a size without a bound. */
const UNLIMITED = 2 ** 64;

interface Scale {
  readonly name: string;
  readonly id: number;
  /** Whether it is a dimension without a variable. */
  readonly isBare: boolean;
}

/** The dimension scales among the datasets, in the order of their numbers as NetCDF gives them. */
function scalesOf(file: OpenFile, found: readonly Found[]): readonly Scale[] {
  const scales: Scale[] = [];
  for (const { name, metadata } of found) {
    const path = `/${name}`;
    const scaleName = file.library.call((h5) => h5.get_scale_name(file.id, path));
    if (scaleName === null || metadata.shape === null || metadata.shape.length === 0) continue;
    const id = integersOf(file, path, '_Netcdf4Dimid')?.[0] ?? Number.POSITIVE_INFINITY;
    scales.push({ name, id, isBare: scaleName.startsWith(NO_VARIABLE) });
  }
  // Infinity less Infinity is no number: those without one stay as they stand.
  return scales.toSorted((one, other) => (one.id === other.id ? 0 : one.id - other.id));
}

/** The values of an attribute of 32-bit integers; null without it. */
function integersOf({ library, id }: OpenFile, path: string, name: string): number[] | null {
  const names = library.call((h5) => h5.get_attribute_names(id, path));
  if (!names.includes(name)) return null;
  const { size, total_size: count } = library.call((h5) =>
    h5.get_attribute_metadata(id, path, name),
  );
  if (size !== 4) return null;
  return library.withMemory(4 * count, (address) => {
    library.call((h5) => h5.get_attribute_data(id, path, name, BigInt(address)));
    const { memory } = library;
    return [...new Int32Array(memory.slice(address, address + 4 * count).buffer)];
  });
}

/** Names axes that have no scale as NetCDF does: by their size, shared among variables. */
class Unnamed {
  readonly #dimensions: Dimension[];
  readonly #places = new Map<string, number>();

  constructor(dimensions: Dimension[]) {
    this.#dimensions = dimensions;
  }

  get places(): readonly number[] {
    return [...this.#places.values()];
  }

  placeOf(size: number, unlimited: boolean): number {
    const key = `${size} ${unlimited}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const taken = new Set(this.#dimensions.map((each) => each.name));
    let number = this.#places.size;
    while (taken.has(`phony_dim_${number}`)) number += 1;
    const place = this.#dimensions.push({ name: `phony_dim_${number}`, size, unlimited }) - 1;
    this.#places.set(key, place);
    return place;
  }
}

/** Which dimension each axis of each dataset has. */
export function axesOf(file: OpenFile, found: readonly Found[]): Axes {
  const scales = scalesOf(file, found);
  const byName = new Map(found.map((each) => [each.name, each]));
  const dimensions: Dimension[] = scales.map(({ name }) => {
    const { shape, maxshape } = (byName.get(name) as Found).metadata;
    return { name, size: shape?.[0] ?? 0, unlimited: maxshape?.[0] === UNLIMITED };
  });
  const places = new Map(scales.map(({ name }, place) => [name, place]));
  const unnamed = new Unnamed(dimensions);
  const axes = new Map<string, readonly number[] | null>();
  for (const { name, metadata } of found) {
    const own = places.get(name);
    if (own !== undefined && scales[own]?.isBare === true) {
      axes.set(name, null);
      continue;
    }
    const shape = metadata.shape ?? [];
    const said = own === undefined ? null : coordinatesOf(file, name, scales);
    axes.set(
      name,
      shape.map((size, axis) => {
        const place = said?.[axis] ?? (axis === 0 ? own : undefined) ?? scaleAt(axis, name);
        const dimension = place === undefined ? undefined : dimensions[place];
        if (place === undefined || dimension === undefined || !suits(dimension, size)) {
          return unnamed.placeOf(size, metadata.maxshape?.[axis] === UNLIMITED);
        }
        // A variable may be longer than the scale of its dimension: so long is the dimension.
        if (size > dimension.size) dimensions[place] = { ...dimension, size };
        return place;
      }),
    );
  }
  return { dimensions, unnamed: unnamed.places, axes };

  function scaleAt(axis: number, name: string): number | undefined {
    const [path] = file.library.call((h5) => h5.get_attached_scales(file.id, `/${name}`, axis));
    return path === undefined ? undefined : places.get(path.replace(/^\/+/u, ''));
  }
}

/** An axis may be shorter than its dimension, or longer, only where the file lets it grow. */
function suits({ size, unlimited }: Dimension, found: number): boolean {
  return unlimited || found === size;
}

/** Of a variable that is itself a scale: its dimensions by their numbers, as NetCDF keeps them. */
function coordinatesOf(
  file: OpenFile,
  name: string,
  scales: readonly Scale[],
): readonly number[] | null {
  const ids = integersOf(file, `/${name}`, '_Netcdf4Coordinates');
  const places = ids?.map((id) => scales.findIndex((each) => each.id === id));
  return places === undefined || places.includes(-1) ? null : places;
}
