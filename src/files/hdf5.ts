import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import type { Dataset, Variable } from '../formats/dataset.js';
import { elementSize } from '../formats/element-size.js';
import { type Hdf5Layout, type Hdf5Storage, plainLayout } from '../formats/hdf5/layout.js';
import { Hdf5FileWriter, Hdf5Reader } from '../formats/hdf5/remote.js';
import { PADDINGS } from '../formats/hdf5/types.js';
import { fitted, type Rules } from './fitting.js';
import type { DatasetFormat, Json, SourceFile, TargetFile } from './format.js';
import { isJsonMap } from './json.js';
import { nameWithin } from './names.js';

/** `\x89HDF\r\n\x1a\n`: at the start of the file, or behind a block of a user's. */
const MAGIC = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a] as const;
const USER_BLOCKS = [0, 512, 1_024, 2_048] as const;

/** Of a file that was read all of it; else which of the dimensions have no name of their own. */
function layoutOf(json: Json, dataset: Dataset): Hdf5Layout {
  const plain = plainLayout(dataset);
  if (!isJsonMap(json) || !Array.isArray(json['unnamed'])) return plain;
  const unnamed = (json['unnamed'] as readonly Json[]).filter(
    (each) => dataset.dimensions[Number(each)] !== undefined,
  );
  const { variables } = json;
  const isOfFile = Array.isArray(variables) && variables.length === dataset.variables.length;
  const kept = isOfFile ? storagesOf(variables as readonly Json[], dataset) : plain.variables;
  return { variables: kept, unnamed: unnamed.map(Number) };
}

/** HDF5's own bound of a chunk. */
const CHUNK_BYTES_MAX = 2 ** 32 - 1;
const GZIP_LEVEL_MAX = 9;

/** Anybody may have offered what tells of a file: nothing else goes to the library. */
function storagesOf(json: readonly Json[], { variables }: Dataset): Hdf5Layout['variables'] {
  return json.map((each, place) => {
    const storage = storageOf(each, variables[place] as Variable);
    if (storage !== null) return storage;
    const why = `what it keeps of "${variables[place]?.name}" is no way to lie in HDF5`;
    throw new AttaccaError('bad-file-header', `Cannot export: ${why}`);
  });
}

function storageOf(json: Json, { type, dimensions }: Variable): Hdf5Storage | null {
  if (!isJsonMap(json)) return null;
  const { byteOrder, charset, isText, chunks, gzip, names } = json;
  const padding = PADDINGS.find((each) => each === json['padding']);
  const isOrder = byteOrder === 'little' || byteOrder === 'big';
  const isCharset = charset === 'ascii' || charset === 'utf8';
  if (!isOrder || !isCharset || padding === undefined || typeof isText !== 'boolean') return null;
  if (gzip !== null && !isWithin(gzip, 0, GZIP_LEVEL_MAX)) return null;
  if (chunks !== null) {
    if (!Array.isArray(chunks) || chunks.length !== dimensions.length) return null;
    if (!chunks.every((each) => isWithin(each, 1, CHUNK_BYTES_MAX))) return null;
    const bytes = chunks.reduce<number>((all, each) => all * Number(each), elementSize(type));
    if (bytes > CHUNK_BYTES_MAX) return null;
  }
  if (names !== null && !(isJsonMap(names) && Object.values(names).every(Number.isInteger))) {
    return null;
  }
  return { byteOrder, charset, padding, isText, chunks, gzip, names } as Hdf5Storage;
}

function isWithin(value: Json | undefined, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

async function open(path: string): Promise<SourceFile> {
  const file = await Hdf5Reader.open(path);
  return {
    dataset: file.dataset,
    layout: file.dataset.layout as unknown as Json,
    ...{ order: 'row', skipped: file.skipped },
    readInto: (place, into, done) => file.readInto(place, into, done),
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

/** A dimension is a dataset by its name, as variables are: nothing else can be within it. */
function inTree(dataset: Dataset): Dataset {
  const { dimensions, variables, groups = [] } = dataset;
  const paths = [...dimensions, ...variables].map(({ name }) => name);
  const within = nameWithin(paths, [...paths, ...groups.map(({ name }) => `${name}/`)]);
  if (within === null) return dataset;
  const why = `"${within}" is a dimension, or a variable, and a group`;
  return refuse('bad-space', `Cannot write the file: ${why}`, { name: within });
}

/** NetCDF-4 and HDF5, in the library h5wasm. */
export const HDF5: DatasetFormat = {
  kind: 'dataset',
  name: 'hdf5',
  title: 'NetCDF-4/HDF5',
  extensions: ['.nc4', '.h5', '.hdf5', '.hdf'],
  isFolder: false,
  isMadeAnew: true,
  matches: (start) =>
    USER_BLOCKS.some((at) => MAGIC.every((byte, index) => start[at + index] === byte)),
  open,
  fit: (dataset) => inTree(fitted(dataset, RULES)),
  create,
};
