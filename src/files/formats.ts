import { existsSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import { fileError } from '../core/file-error.js';
import { FileSource } from '../formats/bytes.js';
import type { Format, MessageFormat } from './format.js';
import { HDF5 } from './hdf5.js';
import { NETCDF3 } from './netcdf3.js';
import { NPY } from './npy.js';
import { ZARR } from './zarr.js';

const START_BYTES = 4_096;
/** What is in the folder of a store, or an array, of Zarr 2. */
const ZARR_2 = ['.zgroup', '.zarray', '.zmetadata'];

/** Messages of the World Meteorological Organization. They may stand anywhere in a file. */
const GRIB: MessageFormat = {
  kind: 'messages',
  name: 'grib',
  title: 'GRIB',
  extensions: ['.grib', '.grb', '.grib1', '.grib2', '.grb2'],
  isFolder: false,
  matches: (start) => Buffer.from(start).includes('GRIB'),
};

/** In the order in which files are held against them. */
export const FORMATS: readonly Format[] = [NETCDF3, HDF5, NPY, ZARR, GRIB];

/** The format of that name. `unknown-format`. */
export function formatNamed(name: string): Format {
  const format = FORMATS.find((each) => each.name === name);
  if (format !== undefined) return format;
  const known = FORMATS.map((each) => each.name);
  throw unknownFormat(`there is no format "${name}"; known are ${known.join(', ')}`, { known });
}

/**
 * What a file is: by how it begins, whatever its name says; one that begins as none by its name.
 * `unknown-format`, `file-error`.
 */
export function formatOf(path: string): Format {
  const { start, isFolder } = look(path);
  const found = FORMATS.find((each) => each.isFolder === isFolder && each.matches(start, path));
  const format = found ?? (isFolder ? undefined : byExtension(path));
  if (format !== undefined) return format;
  if (isFolder && ZARR_2.some((each) => existsSync(join(path, each)))) {
    throw unknownFormat(`"${path}" is Zarr 2, and Zarr 3 alone is read`, { path });
  }
  const titles = FORMATS.filter((each) => each.isFolder === isFolder).map(({ title }) => title);
  const why = `"${path}" begins as none of ${titles.join(', ')}`;
  throw unknownFormat(why, { path });
}

/** The format of a file that is to be made. `unknown-format` when its name does not tell. */
export function formatByName(path: string): Format {
  const format = byExtension(path);
  if (format !== undefined) return format;
  const known = FORMATS.flatMap(({ extensions }) => extensions);
  const why = `the name "${path}" does not tell; it may end in ${known.join(', ')}`;
  throw unknownFormat(why, { path });
}

function byExtension(path: string): Format | undefined {
  const extension = extname(path).toLowerCase();
  return FORMATS.find(({ extensions }) => extensions.includes(extension));
}

function unknownFormat(why: string, fields: ConstructorParameters<typeof AttaccaError>[2]) {
  return new AttaccaError('unknown-format', `Cannot tell the format: ${why}`, fields);
}

function look(path: string): { start: Uint8Array; isFolder: boolean } {
  let isFolder: boolean;
  try {
    isFolder = statSync(path).isDirectory();
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  if (isFolder) return { start: new Uint8Array(0), isFolder };
  using source = new FileSource(path);
  const start = new Uint8Array(Math.min(START_BYTES, source.size));
  source.read(0, start);
  return { start, isFolder };
}
