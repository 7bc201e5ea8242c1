import { assert, refuse } from '../../core/assert.js';
import { encodeUtf8 } from '../../core/utf8.js';
import type { ByteSink } from '../bytes.js';
import type { Attribute, AttributeType, Dataset, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import { type Extents, extentsOf } from './extents.js';
import { blocksOfRows, scatterRows } from './records.js';
import {
  attributeOf,
  CLASSIC_CODE_MAX,
  MAGIC,
  type Netcdf3Layout,
  type Netcdf3Version,
  padded,
  SIZE_UNSAID,
  TAG,
  TYPE_CODES,
} from './types.js';

const U32_MAX = 0xffff_ffff;
/** Offsets of the first version are signed. */
const CLASSIC_OFFSET_MAX = 0x7fff_ffff;

/** Of bytes that pad the data of a variable: what its own fill value is, else this. */
const FILL_DEFAULTS: { readonly [type: string]: readonly number[] } = {
  int8: [0x81],
  char: [0],
  uint8: [0xff],
  int16: [0x80, 0x01],
  uint16: [0xff, 0xff],
};

function codeOf(type: AttributeType): number {
  const found = Object.keys(TYPE_CODES).find((code) => TYPE_CODES[Number(code)] === type);
  if (found === undefined) {
    refuse('bad-space', `Cannot write the type "${type}": NetCDF-3 has no such type`);
  }
  return Number(found);
}

class HeaderWriter {
  readonly #pieces: Uint8Array[] = [];
  readonly #version: Netcdf3Version;

  constructor(version: Netcdf3Version) {
    this.#version = version;
    this.#pieces.push(Uint8Array.from([...MAGIC, version]));
  }

  u32(value: number): void {
    assert(Number.isInteger(value) && value >= 0 && value <= U32_MAX, 'a number of 32 bits');
    const piece = new Uint8Array(4);
    new DataView(piece.buffer).setUint32(0, value);
    this.#pieces.push(piece);
  }

  u64(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value % 0x1_0000_0000);
  }

  count(value: number): void {
    if (this.#version === 5) this.u64(value);
    else this.u32(value);
  }

  bytes(bytes: Uint8Array): void {
    const piece = new Uint8Array(padded(bytes.length));
    piece.set(bytes);
    this.#pieces.push(piece);
  }

  name(name: string): void {
    const bytes = encodeUtf8(name);
    this.count(bytes.length);
    this.bytes(bytes);
  }

  list<T>(tag: number, items: readonly T[], write: (item: T, at: number) => void): void {
    this.u32(items.length === 0 ? 0 : tag);
    this.count(items.length);
    for (const [at, item] of items.entries()) write(item, at);
  }

  attributes(attributes: readonly Attribute[]): void {
    this.list(TAG.attribute, attributes, ({ name, type, byteOrder, bytes }) => {
      const size = elementSize(type);
      assert(byteOrder === 'big' || size === 1, 'attributes of NetCDF-3 are big-endian');
      assert(bytes.length % size === 0, 'an attribute has whole values');
      this.name(name);
      this.u32(codeOf(type));
      this.count(bytes.length / size);
      this.bytes(bytes);
    });
  }

  done(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#pieces));
  }
}

function encodeHeader(dataset: Dataset, layout: Netcdf3Layout, extents: Extents): Uint8Array {
  const { version, begins } = layout;
  const header = new HeaderWriter(version);
  header.count(extents.records);
  header.list(TAG.dimension, dataset.dimensions, ({ name, size, unlimited }) => {
    header.name(name);
    header.count(unlimited ? 0 : size);
  });
  header.attributes(dataset.attributes);
  header.list(TAG.variable, dataset.variables, (variable, at) => {
    header.name(variable.name);
    header.count(variable.dimensions.length);
    for (const each of variable.dimensions) header.count(each);
    header.attributes(variable.attributes);
    header.u32(codeOf(variable.type));
    const size = padded((extents.variables[at] as Extents['variables'][number]).size);
    header.count(version === 5 || size < SIZE_UNSAID - 3 ? size : SIZE_UNSAID);
    const begin = begins[at] as number;
    if (version === 1) header.u32(begin);
    else header.u64(begin);
  });
  return header.done();
}

/** One after the other without gaps, those of records last. */
function compact(extents: Extents, headerSize: number): readonly number[] {
  const begins = extents.variables.map(() => 0);
  let at = headerSize;
  for (const isRecord of [false, true]) {
    for (const [place, extent] of extents.variables.entries()) {
      if (extent.isRecord !== isRecord) continue;
      begins[place] = at;
      at += extent.paddedSize;
    }
  }
  return begins;
}

/** The least version that can say it all. */
function leastVersion(dataset: Dataset, end: number): Netcdf3Version {
  const types = [dataset, ...dataset.variables].flatMap((each) =>
    each.attributes.map(({ type }) => type),
  );
  for (const { type } of dataset.variables) types.push(type);
  const wide = types.some((type) => codeOf(type) > CLASSIC_CODE_MAX);
  if (wide || dataset.dimensions.some(({ size }) => size > CLASSIC_OFFSET_MAX)) return 5;
  return end > CLASSIC_OFFSET_MAX ? 2 : 1;
}

/** Where a file of this dataset has its data: compact, in the least version that can say it. */
export function layOut(dataset: Dataset): Netcdf3Layout {
  const extents = extentsOf(dataset);
  mustBeSizes(extents);
  const none = dataset.variables.map(() => 0);
  let version = leastVersion(dataset, 0);
  for (;;) {
    const { length } = encodeHeader(dataset, { version, begins: none }, extents);
    const begins = compact(extents, length);
    const end = Math.max(length, ...begins);
    const least = leastVersion(dataset, end);
    if (least <= version) return { version, begins };
    version = least;
  }
}

/** Of a whole file: no place in it is more than a number can say exactly. */
function mustBeSizes({ variables, recordSize, records }: Extents): void {
  const size = variables.reduce((sum, each) => sum + each.paddedSize, records * recordSize);
  if (Number.isSafeInteger(size)) return;
  refuse('bad-space', `Cannot write a file of ${size} bytes: no NetCDF-3 is so large`, { size });
}

function fillOf(variable: Variable): Uint8Array {
  const own = attributeOf(variable, '_FillValue');
  if (own?.type === variable.type && own.bytes.length === elementSize(own.type)) return own.bytes;
  return Uint8Array.from(FILL_DEFAULTS[variable.type] ?? [0]);
}

/**
 * Writes a NetCDF-3 file. With dataset and layout of a file that was read, the file comes out as
 * it was; else {@link layOut} says one. A layout with a header is for its own dataset alone. Data
 * are given as they go into the file, big-endian.
 */
export class Netcdf3Writer {
  readonly #sink: ByteSink;
  readonly #dataset: Dataset;
  readonly #layout: Netcdf3Layout;
  readonly #extents: Extents;

  /** Writes the header. `bad-space` for a type that NetCDF-3 does not have. */
  constructor(sink: ByteSink, dataset: Dataset, layout: Netcdf3Layout = layOut(dataset)) {
    assert(layout.begins.length === dataset.variables.length, 'each variable has its place');
    this.#sink = sink;
    this.#dataset = dataset;
    this.#layout = layout;
    this.#extents = extentsOf(dataset);
    sink.write(0, layout.header ?? encodeHeader(dataset, layout, this.#extents));
  }

  /** Puts whole rows along the first dimension into the variable at this place. */
  writeRows(place: number, from: number, rows: Uint8Array): void {
    const variable = this.#dataset.variables[place];
    const extent = this.#extents.variables[place];
    assert(variable !== undefined && extent !== undefined, 'the variable is there');
    if (rows.length === 0) return;
    const begin = this.#layout.begins[place] as number;
    const padding = this.#padding(variable, extent.paddedSize - extent.size);
    if (!extent.isRecord) {
      const first = variable.dimensions[0];
      const count = first === undefined ? 1 : (this.#dataset.dimensions[first]?.size ?? 0);
      const at = (from * extent.size) / count;
      assert(at + rows.length <= extent.size, 'rows that are written are within the variable');
      this.#sink.write(begin + at, rows);
      if (at + rows.length === extent.size) this.#sink.write(begin + extent.size, padding);
      return;
    }
    const { recordSize, records } = this.#extents;
    const count = rows.length / extent.size;
    assert(Number.isInteger(count) && from + count <= records, 'whole records are written');
    const { size } = extent;
    const layout = { row: size, step: recordSize };
    for (const { at, count: some } of blocksOfRows({ ...layout, rows: count })) {
      const piece = rows.subarray(at * size, (at + some) * size);
      const start = begin + (from + at) * recordSize;
      if (some === 1 || recordSize === size) {
        this.#sink.write(start, piece);
        this.#sink.write(start + piece.length, padding);
      } else {
        // Between them lie the rows of other variables.
        const block = new Uint8Array((some - 1) * recordSize + size + padding.length);
        this.#sink.read(start, block);
        scatterRows(piece, block, padding, layout);
        this.#sink.write(start, block);
      }
    }
  }

  /** Bytes of a row: of all that has one index of the first dimension; of all in a scalar. */
  rowBytes(place: number): number {
    const { size = 0, isRecord = false } = this.#extents.variables[place] ?? {};
    const first = this.#dataset.variables[place]?.dimensions[0];
    if (isRecord || first === undefined) return size;
    return size / Math.max(1, this.#dataset.dimensions[first]?.size ?? 1);
  }

  /** Bytes of the file from one row to the next. */
  rowStep(place: number): number {
    const isRecord = this.#extents.variables[place]?.isRecord === true;
    return isRecord ? this.#extents.recordSize : this.rowBytes(place);
  }

  /** What fills a variable up to a multiple of 4: its fill value, as the format says. */
  #padding(variable: Variable, size: number): Uint8Array {
    const fill = fillOf(variable);
    return Uint8Array.from({ length: size }, (_, at) => fill[at % fill.length] as number);
  }
}
