import { assert } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { LIMITS } from '../../core/limits.js';
import { turned } from '../byte-order.js';
import { FileSource } from '../bytes.js';
import { type Block, blocksOf, piecesOf, product } from '../chunking.js';
import type { Attribute, ElementType, Group, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import { NOT_COORDINATE } from './coordinates.js';
import { axesOf, type Found } from './dimensions.js';
import { addressOf, attributesOf, entriesOf, type OpenFile, textsAt } from './entries.js';
import { fillOf } from './fill.js';
import type { Hdf5Dataset, Hdf5Skipped, Hdf5Storage } from './layout.js';
import {
  ADDRESS_BYTES,
  type H5wasm,
  Hdf5Fault,
  type Hdf5Library,
  type Metadata,
  pieceOf,
} from './library.js';
import { isElsewhere, storedFill } from './stored-header.js';
import { type Hdf5Type, typeOf, unknownFilter } from './types.js';

const DEFLATE = 1;

/** How the elements of a variable are read. */
interface Stored {
  readonly path: string;
  /** As it is in the file: it may be shorter than the dimension. */
  readonly shape: readonly number[];
  readonly isText: boolean;
  readonly chunks: readonly number[] | null;
}

interface Source extends Stored {
  /** The element that stands in rows of the dimension that the file does not have. */
  readonly fill: Uint8Array;
}

/** Runs work on a file, and says of which file, or of which variable in it, what goes wrong. */
function reading<T>(path: string, work: () => T, variable?: string): T {
  try {
    return work();
  } catch (cause) {
    const error = fileError('read', path, cause);
    if (!(error instanceof Hdf5Fault)) throw error;
    const what = variable === undefined ? `"${path}"` : `"${variable}" of "${path}"`;
    const fields = { file: path, ...(variable === undefined ? {} : { variable }) };
    const message = `Cannot read ${what}: ${error.message}`;
    throw new AttaccaError('not-a-netcdf-file', message, fields, { cause });
  }
}

/** The attribute by which xarray tells that bytes are truth values. */
function saysBool({ name, bytes }: Attribute): boolean {
  return name === 'dtype' && /^bool\0?$/u.test(Buffer.from(bytes).toString('latin1'));
}

/** The library's own choice of versions. */
const ANY_VERSION = -1;

function openFile(h5: H5wasm, path: string): bigint {
  return h5.open(path, h5.H5F_ACC_RDONLY, false, ANY_VERSION, ANY_VERSION);
}

/**
 * An HDF5 file that is open for reading, seen as NetCDF-4 sees it. Elements are given in the byte
 * order of the file; texts of any length in the size of the longest, filled up with zeros. What no
 * object can have is told in `skipped`.
 */
export class Hdf5File implements Disposable {
  readonly dataset: Hdf5Dataset;
  readonly skipped: readonly Hdf5Skipped[];
  readonly #path: string;
  readonly #file: OpenFile;
  readonly #sources: readonly Source[];
  #isOpen = true;

  /** `not-a-netcdf-file` for what is no HDF5 file, or is damaged. */
  constructor(library: Hdf5Library, path: string) {
    this.#path = path;
    // Says of a file that is not there, or may not be read, what the system says.
    new FileSource(path)[Symbol.dispose]();
    library.mayOpen(path);
    this.#file = reading(path, () => ({ library, id: library.call((h5) => openFile(h5, path)) }));
    try {
      const read = reading(path, () => new Inventory(path, this.#file).take());
      this.dataset = read.dataset;
      this.skipped = read.skipped;
      this.#sources = read.sources;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The elements of a block of a variable, in row order and the byte order of the file. */
  readBlock(place: number, { offset, count }: Block): Uint8Array<ArrayBuffer> {
    const { variable, source, dimensions } = this.#of(place);
    const { type, byteOrder, name } = variable;
    const size = elementSize(type);
    const isThere = dimensions.every(
      (all, axis) => (offset[axis] ?? 0) + (count[axis] ?? 0) <= all,
    );
    assert(isThere, 'a block that is read is there');
    const into = new Uint8Array(product(count) * size);
    if (into.length === 0) return into;
    // A variable may have fewer rows than its dimension.
    const [first = 0] = offset;
    const rows = Math.max(0, Math.min(count[0] ?? 1, (source.shape[0] ?? 1) - first));
    const present = (into.length / (count[0] ?? 1)) * rows;
    const filled = into.subarray(0, present);
    const block = { offset, count: count.map((each, axis) => (axis === 0 ? rows : each)) };
    if (rows > 0) reading(this.#path, () => readIn(this.#file, source, block, size, filled), name);
    if (!source.isText) filled.set(turned(filled, type, 'little', byteOrder));
    for (let at = present; at < into.length; at += size) into.set(source.fill, at);
    return into;
  }

  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { library, id } = this.#file;
    library.call((h5) => h5.close_file(id));
  }

  #of(place: number): { variable: Variable; source: Source; dimensions: readonly number[] } {
    const variable = this.dataset.variables[place];
    const source = this.#sources[place];
    assert(variable !== undefined && source !== undefined, 'the variable is there');
    const dimensions = variable.dimensions.map((at) => this.dataset.dimensions[at]?.size ?? 0);
    return { variable, source, dimensions };
  }
}

/** Reads a block of elements, in pieces that the library has memory for. */
function readIn(
  file: OpenFile,
  source: Stored,
  block: Block,
  size: number,
  into: Uint8Array,
): void {
  const most = pieceOf(source.chunks, source.isText ? ADDRESS_BYTES : size);
  for (const { from, ...piece } of piecesOf(block, most)) {
    const elements = product(piece.count);
    const target = into.subarray(from * size, (from + elements) * size);
    readPiece(file, source, piece, (address) => {
      const { library } = file;
      if (!source.isText) {
        target.set(library.memory.subarray(address, address + target.length));
        return;
      }
      target.fill(0);
      for (const [at, text] of textsAt(library, address, elements).entries()) {
        if (text.length > size) throw new Hdf5Fault('a text became longer while it was read');
        target.set(text, at * size);
      }
    });
  }
}

function readPiece(
  { library, id }: OpenFile,
  { path, shape, isText }: Stored,
  { offset, count }: Block,
  take: (address: number) => void,
): void {
  const { size } = library.call((h5) => h5.get_dataset_metadata(id, path));
  library.withMemory(size * product(count), (address) => {
    const counts = count.map(BigInt);
    const offsets = offset.map(BigInt);
    const strides = count.map(() => 1n);
    library.call((h5) =>
      shape.length === 0
        ? h5.get_dataset_data(id, path, null, null, null, BigInt(address))
        : h5.get_dataset_data(id, path, counts, offsets, strides, BigInt(address)),
    );
    try {
      take(address);
    } finally {
      if (isText && shape.length === 0) {
        library.call((h5) => h5.reclaim_vlen_memory(id, path, '', BigInt(address)));
      } else if (isText) {
        const where = BigInt(address);
        library.call((h5) => h5.reclaim_vlen_memory_count(id, path, '', where, counts));
      }
    }
  });
}

/** Looks through a file once, and says what is in it. */
class Inventory {
  readonly #path: string;
  readonly #file: OpenFile;
  readonly #skipped: Hdf5Skipped[] = [];

  constructor(path: string, file: OpenFile) {
    this.#path = path;
    this.#file = file;
  }

  take(): { dataset: Hdf5Dataset; skipped: readonly Hdf5Skipped[]; sources: readonly Source[] } {
    const { library, id } = this.#file;
    const entries = entriesOf(this.#file);
    this.#skipped.push(...entries.skipped);
    const found = entries.datasets.map((name) => {
      const metadata = library.call((h5) => h5.get_dataset_metadata(id, `/${name}`));
      return { name, metadata };
    });
    const axes = axesOf(this.#file, found);
    const variables: Variable[] = [];
    const storages: Hdf5Storage[] = [];
    const sources: Source[] = [];
    for (const each of found) {
      const dimensions = axes.axes.get(each.name);
      if (dimensions === null || dimensions === undefined) continue;
      const sizes = dimensions.map((place) => axes.dimensions[place]?.size);
      if (each.metadata.shape?.some((size, axis) => axis > 0 && size !== sizes[axis]) === true) {
        this.#skipped.push({ name: each.name, why: 'its rows are shorter than its dimensions' });
        continue;
      }
      const read = this.#variable(each, dimensions, sizes);
      if (read === null) continue;
      variables.push(read.variable);
      storages.push(read.storage);
      sources.push(read.source);
    }
    const groups: readonly Group[] = entries.groups.map((name) => ({
      name,
      attributes: this.#attributes(name),
    }));
    const layout = { variables: storages, unnamed: axes.unnamed };
    const { dimensions } = axes;
    const attributes = this.#attributes('');
    const dataset = { dimensions, attributes, variables, groups, layout };
    return { dataset, skipped: this.#skipped, sources };
  }

  #attributes(name: string): readonly Attribute[] {
    const { attributes, skipped } = attributesOf(this.#file, `/${name}`);
    for (const each of skipped) {
      this.#skipped.push({ name: `${name}@${each.name}`, why: each.why });
    }
    return attributes;
  }

  #variable(
    { name, metadata }: Found,
    dimensions: readonly number[],
    sizes: readonly (number | undefined)[],
  ): { variable: Variable; storage: Hdf5Storage; source: Source } | null {
    const { library, id } = this.#file;
    const path = `/${name}`;
    const { shape, chunks } = metadata;
    const filters = library.call((h5) => h5.get_dataset_filters(id, path));
    const filter = unknownFilter(filters);
    const found = typeOf(metadata);
    let why: string | null = null;
    if (shape === null) why = 'it has a type and no elements';
    else if (shape.length > LIMITS.dimensionsMax) why = `it has ${shape.length} dimensions`;
    else if (!Number.isSafeInteger(product(shape) * metadata.size)) why = 'it is too large';
    else if (metadata.virtual_sources !== undefined || this.#isElsewhere(name, metadata)) {
      why = 'its elements lie in other files';
    } else if (typeof found === 'string') why = `its elements are ${found}`;
    else if (filter !== null) why = `the filter "${filter}" cannot be undone here`;
    if (shape === null || typeof found === 'string' || why !== null) {
      this.#skipped.push({ name, why: why ?? '' });
      return null;
    }
    const { isText, byteOrder } = found.stored;
    const source = { path, shape, isText, chunks };
    const all = this.#attributes(name);
    const isBool = found.type === 'int8' && all.some(saysBool);
    const attributes = isBool ? all.filter((each) => !saysBool(each)) : all;
    const type = isBool ? 'bool' : this.#elementType(found, source);
    if (type === null) {
      this.#skipped.push({ name, why: `it has texts of more than ${LIMITS.itemBytesMax} bytes` });
      return null;
    }
    const gzip = filters.find((each) => each.id === DEFLATE)?.cd_values[0] ?? null;
    const storage = { ...found.stored, chunks, gzip };
    const plain = name.replace(new RegExp(`(^|/)${NOT_COORDINATE}([^/]*)$`, 'u'), '$1$2');
    const variable = { name: plain, type, byteOrder, dimensions, attributes };
    const isShort = shape.some((size, axis) => size < (sizes[axis] ?? 0));
    const stored = isShort && !found.stored.isText ? this.#storedFill(path) : null;
    return { variable, storage, source: { ...source, fill: fillOf(variable, stored) } };
  }

  /** Only elements that lie in one piece can lie in other files. */
  #isElsewhere(name: string, { chunks }: Metadata): boolean {
    if (chunks !== null) return false;
    using bytes = new FileSource(this.#path);
    return isElsewhere(bytes, addressOf(this.#file, `/${name}`));
  }

  #storedFill(path: string): Uint8Array | null {
    using bytes = new FileSource(this.#path);
    return storedFill(bytes, addressOf(this.#file, path));
  }

  /** Of texts of any length the size of the longest, for which all are read. */
  #elementType({ type }: Hdf5Type, source: Stored): ElementType | null {
    if (type !== 'text') return type;
    let longest = 1;
    const { library } = this.#file;
    const { shape, chunks } = source;
    const most = pieceOf(chunks, ADDRESS_BYTES);
    for (const block of blocksOf(shape, chunks, most)) {
      for (const piece of piecesOf(block, most)) {
        readPiece(this.#file, source, piece, (address) => {
          for (const { length } of textsAt(library, address, product(piece.count))) {
            longest = Math.max(longest, length);
          }
        });
      }
    }
    return longest > LIMITS.itemBytesMax ? null : `string[${longest}]`;
  }
}
