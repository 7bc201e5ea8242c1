import { assert } from '../../core/assert.js';
import { formOf } from '../../core/dtype-text.js';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { convertNumbers } from '../../core/regions/convert.js';
import { turned } from '../byte-order.js';
import { type Block, chunksFor, piecesOf, product } from '../chunking.js';
import type { Attribute, AttributeType, Dataset, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import { CoordinatePlan } from './coordinates.js';
import { addressOf } from './entries.js';
import { type Hdf5Layout, type Hdf5Storage, NO_VARIABLE, plainLayout } from './layout.js';
import {
  ADDRESS_BYTES,
  type H5wasm,
  Hdf5Fault,
  type Hdf5Library,
  pieceOf,
  type WriteMetadata,
} from './library.js';
import { type Retyping, retype } from './retype.js';
import { isPlain, typeMessage } from './type-message.js';
import { charsetOf, standIn, writeTypeOf } from './write-types.js';

/** A size without a bound. */
const UNLIMITED = 2n ** 64n - 1n;
/** A variable up to this lies in one piece, written with zeros first; larger ones in chunks. */
const CONTIGUOUS_BYTES_MAX = 4 * 1024 * 1024;
/** The chunks of a dimension without a variable, of which none is stored. */
const BARE_CHUNK_MAX = 256 * 1024;
const DEFLATE = 1;
const ANY_VERSION = -1;

/**
 * Writes an HDF5 file as NetCDF-4 has them: dimensions that have names are scales. Elements lie as
 * they come. In attributes numbers are little-endian, and float16 is float32; a bool is a signed
 * byte, of a variable with the attribute `dtype`, unless the layout makes it an enumeration.
 * `disk-full` and `file-error` by the system.
 */
export class Hdf5Writer implements Disposable {
  readonly #library: Hdf5Library;
  readonly #path: string;
  readonly #id: bigint;
  readonly #dataset: Dataset;
  readonly #layout: Hdf5Layout;
  readonly #plan: CoordinatePlan;
  #isOpen = true;

  /** Makes the file, which must not be there, with all but the elements of its variables. */
  constructor(
    library: Hdf5Library,
    path: string,
    dataset: Dataset,
    layout: Hdf5Layout = plainLayout(dataset),
  ) {
    assert(layout.variables.length === dataset.variables.length, 'each variable has its storage');
    this.#library = library;
    this.#path = path;
    this.#dataset = dataset;
    this.#layout = layout;
    this.#plan = new CoordinatePlan(dataset, layout.unnamed);
    library.mayOpen(path);
    this.#id = this.#writing(() =>
      library.call((h5) => h5.open(path, h5.H5F_ACC_EXCL, true, ANY_VERSION, ANY_VERSION)),
    );
    try {
      this.#writing(() => this.#begin());
    } catch (error) {
      this.#isOpen = false;
      this.#closeQuietly();
      throw error;
    }
  }

  /** The chunks in which a variable lies; null where it lies in one piece. */
  chunksOf(place: number): readonly number[] | null {
    const variable = this.#variable(place);
    const shape = this.#shape(variable);
    const { chunks, gzip, isText } = this.#layout.variables[place] as Hdf5Storage;
    if (shape.length === 0) return null;
    const isFixed = (axis: number) =>
      this.#dataset.dimensions[variable.dimensions[axis] as number]?.unlimited !== true;
    // No larger than the dimension, which may have become smaller, if that cannot grow.
    const fits = (chunk: number, axis: number) =>
      isFixed(axis) ? Math.min(chunk, Math.max(1, shape[axis] as number)) : chunk;
    if (chunks !== null) return chunks.map(fits);
    const size = isText ? ADDRESS_BYTES : elementSize(variable.type);
    const grows = shape.some((_, axis) => !isFixed(axis));
    if (!grows && gzip === null && product(shape) * size <= CONTIGUOUS_BYTES_MAX) return null;
    return chunksFor(shape, size);
  }

  /** Puts a block of elements into the variable at this place, which are in row order. */
  writeBlock(place: number, block: Block, bytes: Uint8Array): void {
    const variable = this.#variable(place);
    const shape = this.#shape(variable);
    const size = elementSize(variable.type);
    assert(bytes.length === product(block.count) * size, 'bytes for each element of the block');
    assert(
      shape.every((all, axis) => (block.offset[axis] ?? 0) + (block.count[axis] ?? 0) <= all),
      'there is room for a block that is written',
    );
    if (bytes.length > 0) this.#writing(() => this.#writePieces(place, block, bytes, size));
  }

  /** Ends the file: what fails here was not written. Once, and before it is disposed. */
  close(): void {
    assert(this.#isOpen, 'the file is open');
    this.#isOpen = false;
    this.#writing(() => {
      const retypings = this.#retypings();
      this.#library.call((h5) => h5.close_file(this.#id));
      if (retypings.length > 0) retype(this.#path, retypings);
    });
  }

  /** Those of the variables that stand under another type until the file is closed. */
  #retypings(): readonly Retyping[] {
    return [...this.#dataset.variables.keys()].flatMap((place) => {
      const message = this.#ownType(place);
      if (message === null) return [];
      const path = this.#plan.pathOf(place);
      const address = addressOf({ library: this.#library, id: this.#id }, path);
      return [{ address, message }];
    });
  }

  /** The description of a type that h5wasm does not make; null for others. */
  #ownType(place: number): Uint8Array | null {
    const { type, byteOrder } = this.#variable(place);
    const { names: known, ...rest } = this.#layout.variables[place] as Hdf5Storage;
    // Nothing of h5wasm's reads an enumeration that is big-endian.
    const names = byteOrder === 'little' || elementSize(type) === 1 ? known : null;
    const storage = { ...rest, byteOrder, names };
    if (storage.isText) return null;
    const form = formOf(type === 'char' ? 'string[1]' : type);
    return isPlain(form, storage) ? null : typeMessage(form, storage);
  }

  /** Closes a file that nobody wants any more. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#closeQuietly();
  }

  #closeQuietly(): void {
    try {
      this.#library.call((h5) => h5.close_file(this.#id));
    } catch {
      // The first failure is told already.
    }
  }

  #writing<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const error = fileError('write', this.#path, cause);
      if (!(error instanceof Hdf5Fault)) throw error;
      const message = `Cannot write "${this.#path}": ${error.message}`;
      throw new AttaccaError('file-error', message, { path: this.#path }, { cause });
    }
  }

  #variable(place: number): Variable {
    const variable = this.#dataset.variables[place];
    assert(variable !== undefined, 'the variable is there');
    return variable;
  }

  #shape(variable: Variable): readonly number[] {
    return variable.dimensions.map((at) => this.#dataset.dimensions[at]?.size ?? 0);
  }

  #metadata(place: number): WriteMetadata & { compression?: number; compression_opts?: number[] } {
    const variable = this.#variable(place);
    const { charset, gzip, isText } = this.#layout.variables[place] as Hdf5Storage;
    const own = this.#ownType(place);
    const type =
      own === null
        ? writeTypeOf(isText ? 'text' : variable.type, charset)
        : standIn(elementSize(variable.type), own.length);
    const shape = this.#shape(variable);
    const chunks = this.chunksOf(place);
    const first = chunks === null ? shape : shape.map((size, axis) => (axis === 0 ? 0 : size));
    const maxshape = variable.dimensions.map((at, axis) =>
      this.#dataset.dimensions[at]?.unlimited ? UNLIMITED : BigInt(shape[axis] as number),
    );
    return {
      ...type,
      ...{ shape: first.map(BigInt), maxshape, total_size: product(first), track_order: true },
      ...(chunks === null ? {} : { chunks: chunks.map(BigInt) }),
      ...(chunks === null || gzip === null
        ? {}
        : { compression: DEFLATE, compression_opts: [gzip] }),
    } as WriteMetadata;
  }

  #begin(): void {
    const { dimensions, variables, attributes, groups = [] } = this.#dataset;
    const made = new Set(['']);
    for (const { name } of groups) this.#makeGroup(name, made);
    for (const each of [...dimensions, ...variables]) {
      this.#makeGroup(each.name.split('/').slice(0, -1).join('/'), made);
    }
    for (const [at, { name, size, unlimited }] of dimensions.entries()) {
      const scale = this.#plan.scaleOf(at);
      if (scale === null) continue;
      if (scale.variable === null) this.#makeBare(at, name, size, unlimited);
      else this.#makeVariable(scale.variable);
    }
    for (const place of variables.keys()) {
      if (!this.#plan.isScale(place)) this.#makeVariable(place);
    }
    for (const [place, { dimensions: axes }] of variables.entries()) this.#attach(place, axes);
    this.#putAttributes('/', attributes);
    for (const { name, attributes: own } of groups) this.#putAttributes(`/${name}`, own);
    for (const [place, variable] of variables.entries()) {
      this.#putAttributes(this.#plan.pathOf(place), variable.attributes);
      const isMarked = variable.attributes.some((each) => each.name === 'dtype');
      const { names } = this.#layout.variables[place] as Hdf5Storage;
      if (variable.type === 'bool' && names === null && !isMarked) {
        const bytes = Buffer.from('bool');
        const mark = { name: 'dtype', type: 'char', byteOrder: 'little', bytes } as const;
        this.#putAttributes(this.#plan.pathOf(place), [mark]);
      }
    }
  }

  #makeGroup(name: string, made: Set<string>): void {
    if (made.has(name)) return;
    this.#makeGroup(name.split('/').slice(0, -1).join('/'), made);
    made.add(name);
    this.#library.call((h5) => h5.create_group(this.#id, `/${name}`, true));
  }

  #create(path: string, metadata: WriteMetadata, size: number): void {
    const library = this.#library;
    library.withMemory(size, (address) => {
      library.memory.fill(0, address, address + size);
      library.call((h5) => h5.create_dataset(this.#id, path, BigInt(address), metadata));
    });
  }

  #makeVariable(place: number): void {
    const path = this.#plan.pathOf(place);
    const metadata = this.#metadata(place);
    this.#create(path, metadata, metadata.total_size * metadata.size);
    const shape = this.#shape(this.#variable(place));
    if (this.chunksOf(place) !== null) {
      this.#library.call((h5) => h5.resize_dataset(this.#id, path, shape.map(BigInt)));
    }
    const dimension = this.#plan.dimensionOf(place);
    if (dimension === null) return;
    const { name } = this.#dataset.dimensions[dimension] as { name: string };
    this.#makeScale(path, dimension, name.split('/').at(-1) as string);
    const { dimensions } = this.#variable(place);
    if (dimensions.length > 1) this.#putIntegers(path, '_Netcdf4Coordinates', dimensions);
  }

  /** A dimension without a variable: a scale of its size, of which no element is stored. */
  #makeBare(dimension: number, name: string, size: number, unlimited: boolean): void {
    const path = `/${name}`;
    const metadata = {
      ...writeTypeOf('float32', 'ascii'),
      ...{ shape: [0n], maxshape: [unlimited ? UNLIMITED : BigInt(size)], total_size: 0 },
      ...{ chunks: [BigInt(Math.min(Math.max(size, 1), BARE_CHUNK_MAX))], track_order: true },
    };
    this.#create(path, metadata as unknown as WriteMetadata, 0);
    this.#library.call((h5) => h5.resize_dataset(this.#id, path, [BigInt(size)]));
    this.#makeScale(path, dimension, `${NO_VARIABLE}${String(size).padStart(10)}`);
  }

  #makeScale(path: string, dimension: number, name: string): void {
    this.#library.call((h5) => h5.set_scale(this.#id, path, name));
    this.#putIntegers(path, '_Netcdf4Dimid', [dimension], []);
  }

  #attach(place: number, axes: readonly number[]): void {
    if (this.#plan.isScale(place)) return;
    const path = this.#plan.pathOf(place);
    for (const [axis, dimension] of axes.entries()) {
      const scale = this.#plan.scaleOf(dimension);
      if (scale === null) continue;
      this.#library.call((h5) => h5.attach_scale(this.#id, path, scale.path, axis));
    }
  }

  #putIntegers(path: string, name: string, values: readonly number[], shape = [values.length]) {
    const bytes = new Uint8Array(Int32Array.from(values).buffer);
    this.#putAttributes(path, [{ name, type: 'int32', byteOrder: 'little', bytes, shape }]);
  }

  #putAttributes(path: string, attributes: readonly Attribute[]): void {
    for (const attribute of attributes) this.#putAttribute(path, attribute);
  }

  #putAttribute(path: string, attribute: Attribute): void {
    const { name, byteOrder } = attribute;
    const { type, bytes, shape } = formed(attribute);
    const metadata = {
      ...writeTypeOf(type, type === 'text' ? 'utf8' : charsetOf(bytes)),
      ...{ shape: shape.map(BigInt), maxshape: null, total_size: product(shape) },
    };
    const put = (address: number) => {
      const where = BigInt(address);
      const written = metadata as unknown as WriteMetadata;
      this.#library.call((h5) => h5.create_attribute(this.#id, path, name, where, written));
    };
    if (type === 'text') this.#withTexts(textsIn(bytes), put);
    else this.#withBytes(turned(bytes, type, byteOrder, 'little'), put);
  }

  #withBytes(bytes: Uint8Array, work: (address: number) => void): void {
    this.#library.withMemory(bytes.length, (address) => {
      this.#library.memory.set(bytes, address);
      work(address);
    });
  }

  /** Texts in the library's memory, each with a zero behind it, and behind their addresses. */
  #withTexts(texts: readonly Uint8Array[], work: (address: number) => void): void {
    const head = texts.length * ADDRESS_BYTES;
    const size = texts.reduce((all, { length }) => all + length + 1, head);
    this.#library.withMemory(size, (address) => {
      const { memory } = this.#library;
      const addresses = new DataView(memory.buffer, address, head);
      let at = address + head;
      for (const [each, text] of texts.entries()) {
        addresses.setUint32(each * ADDRESS_BYTES, at, true);
        memory.set(text, at);
        memory[at + text.length] = 0;
        at += text.length + 1;
      }
      work(address);
    });
  }

  #writePieces(place: number, block: Block, bytes: Uint8Array, size: number): void {
    const { isText } = this.#layout.variables[place] as Hdf5Storage;
    const path = this.#plan.pathOf(place);
    const most = pieceOf(this.chunksOf(place), size);
    for (const { from, ...piece } of piecesOf(block, most)) {
      const part = bytes.subarray(from * size, (from + product(piece.count)) * size);
      const put = (address: number) => {
        this.#library.call((h5) => setData(h5, this.#id, path, piece, address));
      };
      if (isText) this.#withTexts(cut(part, size), put);
      else this.#withBytes(part, put);
    }
  }
}

function setData(
  h5: H5wasm,
  id: bigint,
  path: string,
  { offset, count }: Block,
  address: number,
): number {
  const where = BigInt(address);
  if (count.length === 0) return h5.set_dataset_data(id, path, null, null, null, where);
  const strides = count.map(() => 1n);
  return h5.set_dataset_data(id, path, count.map(BigInt), offset.map(BigInt), strides, where);
}

/** Texts of a fixed size, without the zeros that fill them up. */
function cut(bytes: Uint8Array, size: number): readonly Uint8Array[] {
  return Array.from({ length: bytes.length / size }, (_, at) => {
    const text = bytes.subarray(at * size, (at + 1) * size);
    const end = text.indexOf(0);
    return end < 0 ? text : text.subarray(0, end);
  });
}

/** Texts that each end with a zero. */
function textsIn(bytes: Uint8Array): readonly Uint8Array[] {
  const texts: Uint8Array[] = [];
  for (let begin = 0; begin < bytes.length; ) {
    const end = bytes.indexOf(0, begin);
    assert(end >= 0, 'each text of an attribute ends with a zero');
    texts.push(bytes.subarray(begin, end));
    begin = end + 1;
  }
  return texts;
}

interface Formed {
  readonly type: AttributeType;
  readonly bytes: Uint8Array;
  readonly shape: readonly number[];
}

/** The type, values and shape of an attribute as it is written. */
function formed({ type, byteOrder, bytes, shape }: Attribute): Formed {
  if (type === 'float16') {
    const wider = new Uint8Array(bytes.length * 2);
    convertNumbers(
      { bytes, dtype: 'float16', byteOrder },
      { bytes: wider, dtype: 'float32', byteOrder },
    );
    return { type: 'float32', bytes: wider, shape: shape ?? [bytes.length / 2] };
  }
  // Nothing of a type cannot be written: a list of no values is what comes next to it.
  if (shape === null) return { type, bytes, shape: [0] };
  if (shape !== undefined) return { type, bytes, shape };
  if (type === 'text') return { type, bytes, shape: [textsIn(bytes).length] };
  // The characters of NetCDF-3 are one text.
  const { length } = bytes;
  if (type === 'char' && length > 0) return { type: `string[${length}]`, bytes, shape: [] };
  return { type, bytes, shape: [length / elementSize(type)] };
}
