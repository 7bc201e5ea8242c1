import type { Dataset } from '../formats/dataset.js';
import { type Hdf5Layout, plainLayout } from '../formats/hdf5/layout.js';
import { Hdf5FileWriter, Hdf5Reader } from '../formats/hdf5/remote.js';
import { fitted, type Rules } from './fitting.js';
import type { DatasetFormat, Json, SourceFile, TargetFile } from './format.js';
import { isJsonMap } from './json.js';

/** `\x89HDF\r\n\x1a\n`: at the start of the file, or behind a block of a user's. */
const MAGIC = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;
const USER_BLOCKS = [0, 512, 1_024, 2_048] as const;

/** Of a file that was read all of it; else which of the dimensions have no name of their own. */
function layoutOf(json: Json, dataset: Dataset): Hdf5Layout {
  const plain = plainLayout(dataset);
  if (!isJsonMap(json) || !Array.isArray(json['unnamed'])) return plain;
  const unnamed = (json['unnamed'] as readonly Json[]).filter((each) => Number.isInteger(each));
  const { variables } = json;
  const isOfFile = Array.isArray(variables) && variables.length === dataset.variables.length;
  const kept = isOfFile ? (variables as unknown as Hdf5Layout['variables']) : plain.variables;
  return { variables: kept, unnamed: unnamed as readonly number[] };
}

async function open(path: string): Promise<SourceFile> {
  const file = await Hdf5Reader.open(path);
  return {
    dataset: file.dataset,
    layout: file.dataset.layout as unknown as Json,
    ...{ order: 'row', skipped: file.skipped },
    rowBytes: (place) => file.rowBytes(place),
    rowsTogether: (place) => file.rowsTogether(place),
    readRows: (place, from, rows) => file.readRows(place, from, rows),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

async function create(path: string, dataset: Dataset, layout: Json): Promise<TargetFile> {
  const file = await Hdf5FileWriter.create(path, dataset, layoutOf(layout, dataset));
  return {
    rowsTogether: (place) => file.rowsTogether(place),
    writeRows: (place, from, rows) => file.writeRows(place, from, rows),
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}

const RULES: Rules = {
  title: 'HDF5',
  byteOrder: null,
  hasGroups: true,
  isUnlimited: () => true,
  attributeOf: (attribute) => attribute,
  typeOf: (type) => type,
};

/** NetCDF-4 and HDF5, in the library h5wasm. */
export const HDF5: DatasetFormat = {
  kind: 'dataset',
  name: 'hdf5',
  title: 'NetCDF-4/HDF5',
  extensions: ['.nc4', '.h5', '.hdf5', '.hdf'],
  isFolder: false,
  matches: (start) =>
    USER_BLOCKS.some((at) => MAGIC.every((byte, index) => start[at + index] === byte)),
  open,
  fit: (dataset) => fitted(dataset, RULES),
  create,
};
