import type { Dataset } from '../dataset.js';
import type { Stored } from './types.js';

/** How a variable lies in a file, besides what the dataset says of it. */
export interface Hdf5Storage extends Stored {
  /** Elements of a chunk along each dimension; null when the variable lies in one piece. */
  readonly chunks: readonly number[] | null;
  /** The level of its compression, 0 to 9; null without. */
  readonly gzip: number | null;
}

/** How a file says what it holds; kept, it lets a writer say the same in the same way. */
export interface Hdf5Layout {
  /** As the variables of the dataset. */
  readonly variables: readonly Hdf5Storage[];
  /** Places of dimensions that have a name here only: in the file the axes had none. */
  readonly unnamed: readonly number[];
}

export interface Hdf5Dataset extends Dataset {
  readonly layout: Hdf5Layout;
}

/** Something in a file that no object can hold, or that is not read, with why. */
export interface Hdf5Skipped {
  readonly name: string;
  readonly why: string;
}

/** Attributes by which NetCDF-4 and HDF5 tell of dimensions: made anew, and no data of users. */
export const OF_DIMENSIONS: readonly string[] = [
  'CLASS',
  'NAME',
  'REFERENCE_LIST',
  'DIMENSION_LIST',
  '_Netcdf4Dimid',
  '_Netcdf4Coordinates',
];

/** The name of a scale that stands for a dimension without a variable begins so. */
export const NO_VARIABLE = 'This is a netCDF dimension but not a netCDF variable.';

/** Of variables that come from elsewhere. */
const PLAIN: Hdf5Storage = {
  ...{ byteOrder: 'little', charset: 'ascii', padding: 'null-terminated', isText: false },
  ...{ names: null, chunks: null, gzip: null },
};

/** A layout for a dataset that was in no HDF5 file: all its dimensions have names. */
export function plainLayout(dataset: Dataset, gzip: number | null = null): Hdf5Layout {
  return { variables: dataset.variables.map(() => ({ ...PLAIN, gzip })), unnamed: [] };
}
