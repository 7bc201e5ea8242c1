import { assert } from '../../core/assert.js';
import type { ByteSource } from '../bytes.js';
import type { Attribute, Dimension, ElementType, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';
import { type Extents, extentsOf } from './extents.js';
import { HeaderReader, notNetcdf } from './header.js';
import { blocksOfRows, gatherRows } from './records.js';
import {
  CLASSIC_CODE_MAX,
  MAGIC,
  type Netcdf3Dataset,
  type Netcdf3Version,
  STREAMING,
  TAG,
  TYPE_CODES,
} from './types.js';

/** The least bytes that one of a list takes: a name of one character, and what follows it. */
const DIMENSION_BYTES_MIN = 12;
const ATTRIBUTE_BYTES_MIN = 16;
const VARIABLE_BYTES_MIN = 36;

function readType(header: HeaderReader): ElementType {
  const code = header.u32();
  const type = TYPE_CODES[code];
  if (type === undefined || (!header.wide && code > CLASSIC_CODE_MAX)) {
    return header.bad(`a type has the code ${code}, which this version does not know`);
  }
  return type;
}

/** How many there are in a list that begins here; an absent list has neither tag nor count. */
function beginList(header: HeaderReader, tag: number, what: string, bytesMin: number): number {
  const found = header.u32();
  const count = header.countOf(what, bytesMin);
  if (found !== tag && (found !== 0 || count !== 0)) header.bad(`no list of ${what} is there`);
  return count;
}

function readDimensions(header: HeaderReader, records: number): readonly Dimension[] {
  const count = beginList(header, TAG.dimension, 'dimensions', DIMENSION_BYTES_MIN);
  const dimensions: Dimension[] = [];
  for (let each = 0; each < count; each += 1) {
    const name = header.name();
    const size = header.count();
    const unlimited = size === 0;
    if (unlimited && dimensions.some((one) => one.unlimited)) {
      header.bad('two dimensions are unlimited');
    }
    dimensions.push({ name, size: unlimited ? records : size, unlimited });
  }
  if (new Set(dimensions.map((each) => each.name)).size < count) {
    header.bad('two dimensions have one name');
  }
  return dimensions;
}

function readAttributes(header: HeaderReader): readonly Attribute[] {
  const count = beginList(header, TAG.attribute, 'attributes', ATTRIBUTE_BYTES_MIN);
  const attributes: Attribute[] = [];
  for (let each = 0; each < count; each += 1) {
    const name = header.name();
    const type = readType(header);
    const values = header.countOf('values of an attribute', elementSize(type));
    const bytes = header.bytes(values * elementSize(type));
    attributes.push({ name, type, byteOrder: 'big', bytes });
  }
  return attributes;
}

function readVariable(
  header: HeaderReader,
  version: Netcdf3Version,
  dimensions: readonly Dimension[],
): { variable: Variable; begin: number } {
  const name = header.name();
  const count = header.countOf('dimensions of a variable', header.wide ? 8 : 4);
  const places: number[] = [];
  for (let each = 0; each < count; each += 1) {
    const place = header.count();
    const dimension = dimensions[place];
    if (dimension === undefined) header.bad(`"${name}" has a dimension that is not there`);
    else if (each > 0 && dimension.unlimited) {
      header.bad(`"${name}" has the unlimited dimension at place ${each}`);
    }
    places.push(place);
  }
  const attributes = readAttributes(header);
  const type = readType(header);
  // Its size is not read: it follows from type and dimensions, and large ones are not said.
  header.count();
  const begin = version === 1 ? header.u32() : header.u64();
  return { variable: { name, type, byteOrder: 'big', dimensions: places, attributes }, begin };
}

function readVersion(header: HeaderReader, source: ByteSource): Netcdf3Version {
  const start = new Uint8Array(Math.min(4, source.size));
  source.read(0, start);
  const version = start[3];
  if (!MAGIC.every((byte, at) => start[at] === byte)) {
    throw notNetcdf(source.name, 'it does not begin with "CDF" as a NetCDF-3 file does');
  }
  if (version !== 1 && version !== 2 && version !== 5) {
    throw notNetcdf(source.name, `it has version ${version} of NetCDF-3; known are 1, 2 and 5`);
  }
  header.u32();
  header.wide = version === 5;
  return version;
}

/** The number of records, or null while the file is being written. */
function readRecords(header: HeaderReader): number | null {
  if (!header.wide) {
    const records = header.u32();
    return records === STREAMING ? null : records;
  }
  const high = header.u32();
  const low = header.u32();
  if (high === STREAMING && low === STREAMING) return null;
  if (high > 0x1f_ffff) header.bad('it says more records than 2^53');
  return high * 0x1_0000_0000 + low;
}

/**
 * A NetCDF-3 file that is open for reading: classic, 64-bit offset or 64-bit data. The bytes of a
 * variable are given as they are in the file, big-endian.
 */
export class Netcdf3File {
  readonly dataset: Netcdf3Dataset;
  /** Bytes of the file's header. */
  readonly headerSize: number;
  readonly #source: ByteSource;
  readonly #extents: Extents;

  /** `not-a-netcdf-file` for what is none, and for one whose data are not all there. */
  constructor(source: ByteSource) {
    this.#source = source;
    const header = new HeaderReader(source);
    const version = readVersion(header, source);
    const said = readRecords(header);
    const dimensions = readDimensions(header, said ?? 0);
    const attributes = readAttributes(header);
    const count = beginList(header, TAG.variable, 'variables', VARIABLE_BYTES_MIN);
    const variables: Variable[] = [];
    const begins: number[] = [];
    for (let each = 0; each < count; each += 1) {
      const { variable, begin } = readVariable(header, version, dimensions);
      variables.push(variable);
      begins.push(begin);
    }
    this.headerSize = header.at;
    const bytes = new Uint8Array(header.at);
    source.read(0, bytes);
    if (new Set(variables.map((each) => each.name)).size < count) {
      throw notNetcdf(source.name, 'two of its variables have one name');
    }
    const read = { dimensions, attributes, variables, layout: { version, begins, header: bytes } };
    this.dataset = said === null ? withRecords(read, source.size) : read;
    this.#extents = extentsOf(this.dataset);
    this.#checkEnds();
  }

  #checkEnds(): void {
    const { variables, recordSize, records } = this.#extents;
    for (const [at, { isRecord, size }] of variables.entries()) {
      const { name } = this.dataset.variables[at] as Variable;
      const begin = this.dataset.layout.begins[at] as number;
      if (size === 0 || (isRecord && records === 0)) continue;
      const end = begin + size + (isRecord ? (records - 1) * recordSize : 0);
      if (begin < this.headerSize) {
        throw notNetcdf(this.#source.name, `the data of "${name}" begin within its header`);
      }
      // Not `>`: what the sizes say can be Infinity times 0, which compares with nothing.
      if (!(end <= this.#source.size)) {
        const why = `it has ${this.#source.size} bytes, but "${name}" ends at byte ${end}`;
        throw notNetcdf(this.#source.name, why);
      }
    }
  }

  /** Bytes of one row: of all that has one index of the first dimension; of all in a scalar. */
  rowBytes(place: number): number {
    const { variable, extent } = this.#of(place);
    if (extent.isRecord) return extent.size;
    const first = variable.dimensions[0];
    const rows = first === undefined ? 1 : (this.dataset.dimensions[first] as Dimension).size;
    return rows === 0 ? 0 : extent.size / rows;
  }

  /** Bytes of the file from one row to the next. */
  rowStep(place: number): number {
    return this.#of(place).extent.isRecord ? this.#extents.recordSize : this.rowBytes(place);
  }

  /**
   * Fills `into` with rows of the variable at this place, the first of them `from`: whole rows
   * along the first dimension. So a variable of any size is read in pieces.
   */
  readRows(place: number, from: number, into: Uint8Array): void {
    const { extent, begin } = this.#of(place);
    const row = this.rowBytes(place);
    if (into.length === 0) return;
    assert(row > 0 && into.length % row === 0, 'whole rows are read');
    const rows = into.length / row;
    const all = extent.isRecord ? this.#extents.records : extent.size / row;
    assert(from >= 0 && from + rows <= all, 'rows that are read are there');
    const step = this.rowStep(place);
    for (const { at, count } of blocksOfRows({ row, step, rows })) {
      const target = into.subarray(at * row, (at + count) * row);
      const start = begin + (from + at) * step;
      if (step === row || count === 1) this.#source.read(start, target);
      else {
        const block = new Uint8Array((count - 1) * step + row);
        this.#source.read(start, block);
        gatherRows(block, target, { row, step });
      }
    }
  }

  #of(place: number): { variable: Variable; extent: Extents['variables'][number]; begin: number } {
    const variable = this.dataset.variables[place];
    const extent = this.#extents.variables[place];
    const begin = this.dataset.layout.begins[place];
    assert(variable !== undefined && extent !== undefined, 'the variable is there');
    return { variable, extent, begin: begin as number };
  }
}

/** The same with as many whole records as the file has room for: one that is still written. */
function withRecords(dataset: Netcdf3Dataset, fileSize: number): Netcdf3Dataset {
  const { variables, recordSize } = extentsOf(dataset);
  let first = Number.POSITIVE_INFINITY;
  for (const [at, { isRecord }] of variables.entries()) {
    if (isRecord) first = Math.min(first, dataset.layout.begins[at] as number);
  }
  const room = recordSize === 0 ? 0 : Math.max(0, Math.floor((fileSize - first) / recordSize));
  const dimensions = dataset.dimensions.map((each) =>
    each.unlimited ? { ...each, size: room } : each,
  );
  return { ...dataset, dimensions };
}
