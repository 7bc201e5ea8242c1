/**
 * Real fields in place of the model's: from a NetCDF file of the classic formats (NetCDF-3).
 *
 * The library netcdfjs reads the header; values are read here, one horizontal field at a time,
 * straight from the file's bytes, since the library returns a whole variable as an array of
 * JavaScript numbers. Packing: CF conventions 1.11, section 8.1 (scale_factor, add_offset) and
 * 2.5.1 (_FillValue and missing_value, compared with the packed value); what is missing becomes
 * NaN.
 */
import { readFileSync } from 'node:fs';
import { NetCDFReader, type Variable } from 'netcdfjs';
import { WeatherError } from './errors.js';
import { checkFieldSize, type LatLonGrid } from './grid.js';

/** One horizontal field of a file. */
export interface InputField extends LatLonGrid {
  readonly variable: string;
  readonly longName: string;
  readonly units: string;
  /** Value of the level coordinate; undefined for a variable without levels. */
  readonly level: number | undefined;
  /** Names and values of all other coordinates, for example [['month', 7]]. */
  readonly others: readonly (readonly [name: string, value: number])[];
  readonly nlat: number;
  readonly nlon: number;
  /** A new array of nlat x nlon values, rows in the order of `latitudes`; NaN is missing. */
  read(): Float32Array;
  /** The same into memory of the caller's. */
  writeInto(target: Float32Array): void;
}

export interface Input {
  readonly path: string;
  readonly fields: readonly InputField[];
}

type NumberType = 'byte' | 'short' | 'int' | 'float' | 'double';

/** Bytes and reader of each external type; NetCDF-3 is big-endian throughout. */
const READERS: Readonly<
  Record<
    NumberType,
    { readonly byteCount: number; readonly read: (view: DataView, at: number) => number }
  >
> = {
  byte: { byteCount: 1, read: (view, at) => view.getInt8(at) },
  short: { byteCount: 2, read: (view, at) => view.getInt16(at) },
  int: { byteCount: 4, read: (view, at) => view.getInt32(at) },
  float: { byteCount: 4, read: (view, at) => view.getFloat32(at) },
  double: { byteCount: 8, read: (view, at) => view.getFloat64(at) },
};

/** More than the largest single variable of a classic file makes sense in here. */
const DIMENSION_PRODUCT_MAX = 2 ** 31;

function isNumberType(type: string): type is NumberType {
  return Object.hasOwn(READERS, type);
}

/** What the first bytes say the file is. */
function identify(bytes: Uint8Array): string {
  const text = String.fromCharCode(...bytes.subarray(0, 8));
  if (bytes.length === 0) return 'an empty file';
  if (text.startsWith('\x89HDF')) return 'a NetCDF-4 or HDF5 file';
  if (text.startsWith('CDF\x05')) return 'a NetCDF file with 64-bit data (CDF-5)';
  if (text.startsWith('CDF\x01') || text.startsWith('CDF\x02')) return 'a NetCDF-3 file';
  if (text.startsWith('GRIB')) return 'a GRIB file';
  if (text.startsWith('\x89PNG')) return 'a PNG image';
  if (text.startsWith('\x1f\x8b')) return 'a gzip file';
  return 'no file of a known kind';
}

const WHY_NOT: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
};

const ACCEPTED = 'accepted are NetCDF-3 files (classic or 64-bit offset)';

function readFile(path: string): Uint8Array<ArrayBuffer> {
  try {
    return readFileSync(path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const why = WHY_NOT[code] ?? (code || String(cause));
    throw new WeatherError('cannot-read-file', `Cannot read "${path}": ${why}`, { cause });
  }
}

function readBytes(path: string): Uint8Array<ArrayBuffer> {
  const bytes = readFile(path);
  const kind = identify(bytes);
  if (kind === 'a NetCDF-3 file') return bytes;
  if (kind.startsWith('a NetCDF')) {
    throw new WeatherError(
      'netcdf-variant-not-read',
      `Cannot read "${path}": it is ${kind}, ${ACCEPTED}; convert it with: nccopy -k classic`,
    );
  }
  throw new WeatherError('not-a-netcdf-file', `Cannot read "${path}": it is ${kind}, ${ACCEPTED}`);
}

function damaged(path: string, why: string, cause?: unknown): WeatherError {
  return new WeatherError(
    'not-a-netcdf-file',
    `Cannot read "${path}": it starts like a NetCDF-3 file but is truncated or damaged: ${why}`,
    { cause },
  );
}

/** An opened file: its header as netcdfjs gives it, its bytes, and a path for messages. */
interface OpenFile {
  readonly path: string;
  readonly reader: NetCDFReader;
  readonly view: DataView;
}

function openFile(path: string): OpenFile {
  const bytes = readBytes(path);
  try {
    const reader = new NetCDFReader(bytes);
    return { path, reader, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw damaged(path, `the header does not parse (${why})`, cause);
  }
}

interface VariableAttribute {
  readonly name: string;
  readonly value: number | string | readonly number[];
}

/** The library's type of a variable's attributes is an empty tuple; these are what it holds. */
function attributesOf(variable: Variable): readonly VariableAttribute[] {
  return variable.attributes;
}

function attribute(variable: Variable, name: string): VariableAttribute['value'] | undefined {
  return attributesOf(variable).find((one) => one.name === name)?.value;
}

function text(variable: Variable, name: string): string {
  return String(attribute(variable, name) ?? '');
}

/** A variable's sizes, its place in the file and how to read a value. */
interface Layout {
  readonly variable: Variable;
  readonly names: readonly string[];
  readonly sizes: readonly number[];
  readonly type: NumberType;
  /** Byte offset of the horizontal field, or value, at a position in the leading dimensions. */
  offsetOf(position: readonly number[]): number;
}

function layOut({ path, reader, view }: OpenFile, variable: Variable): Layout | undefined {
  const { type } = variable;
  if (!isNumberType(type)) return undefined;
  const { byteCount } = READERS[type];
  const { recordDimension } = reader;
  const dimensions = variable.dimensions.map((id) => {
    const dimension = reader.dimensions[id];
    if (dimension === undefined)
      throw damaged(path, `variable "${variable.name}" has no dimension ${id}`);
    return dimension;
  });
  const names = dimensions.map(({ name }) => name);
  const sizes = dimensions.map(({ size }, index) =>
    variable.record && index === 0 ? recordDimension.length : size,
  );
  const product = sizes.reduce((all, size) => all * size, 1);
  if (product > DIMENSION_PRODUCT_MAX) {
    throw damaged(path, `variable "${variable.name}" claims ${product} values`);
  }
  const strides = sizes.map((_, index) =>
    variable.record && index === 0
      ? (recordDimension.recordStep ?? 0)
      : sizes.slice(index + 1).reduce((all, size) => all * size, byteCount),
  );
  const offsetOf = (position: readonly number[]): number =>
    position.reduce((sum, index, axis) => sum + index * (strides[axis] ?? 0), variable.offset);
  if (product > 0) {
    const end = offsetOf(sizes.map((size) => size - 1)) + byteCount;
    if (end > view.byteLength) {
      throw damaged(
        path,
        `variable "${variable.name}" ends at byte ${end}, the file at byte ${view.byteLength}`,
      );
    }
  }
  return { variable, names, sizes, type, offsetOf };
}

/** Values of a coordinate variable (a variable of one dimension with the dimension's name). */
function coordinate(file: OpenFile, name: string, size: number): Float64Array {
  const variable = file.reader.variables.find((one) => one.name === name);
  const layout = variable === undefined ? undefined : layOut(file, variable);
  if (layout === undefined || layout.names.length !== 1 || layout.names[0] !== name) {
    return Float64Array.from({ length: size }, (_, index) => index);
  }
  const { read } = READERS[layout.type];
  return Float64Array.from({ length: size }, (_, index) =>
    read(file.view, layout.offsetOf([index])),
  );
}

/** CF conventions 4.1 and 4.2: by units, else by the usual names. */
function axisOf(file: OpenFile, name: string): 'latitude' | 'longitude' | 'level' | 'other' {
  const variable = file.reader.variables.find((one) => one.name === name);
  const units = variable === undefined ? '' : text(variable, 'units').toLowerCase();
  if (/^degrees?_?n(orth)?$/.test(units) || /^lat(itude)?$/i.test(name)) return 'latitude';
  if (/^degrees?_?e(ast)?$/.test(units) || /^lon(gitude)?$/i.test(name)) return 'longitude';
  const isPressure = /^(millibars?|mbar|mb|hpa|hectopascals?|pa|pascals?)$/.test(units);
  if (isPressure || /^(level|lev|plev|pressure|isobaric\w*)$/i.test(name)) return 'level';
  return 'other';
}

function numberAttribute(variable: Variable, name: string, otherwise: number): number {
  const value = attribute(variable, name);
  if (typeof value === 'number') return value;
  // The library gives a byte as an array of one number without a sign.
  const byte = Array.isArray(value) && value.length === 1 ? value[0] : undefined;
  return typeof byte === 'number' ? (byte << 24) >> 24 : otherwise;
}

/** Every position in the leading dimensions, last varying fastest. */
function positions(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (before, size) =>
      before.flatMap((head) => Array.from({ length: size }, (_, index) => [...head, index])),
    [[]],
  );
}

function fieldsOf(file: OpenFile, layout: Layout): InputField[] {
  const { variable, names, sizes } = layout;
  const rank = names.length;
  const [latitudeName = '', longitudeName = ''] = names.slice(-2);
  const [nlat = 0, nlon = 0] = sizes.slice(-2);
  const isHorizontal =
    rank >= 2 &&
    axisOf(file, latitudeName) === 'latitude' &&
    axisOf(file, longitudeName) === 'longitude';
  if (!isHorizontal || sizes.includes(0)) return [];
  const latitudes = coordinate(file, latitudeName, nlat);
  const longitudes = coordinate(file, longitudeName, nlon);
  const leading = names.slice(0, -2).map((name, axis) => ({
    name,
    kind: axisOf(file, name),
    values: coordinate(file, name, sizes[axis] ?? 0),
  }));
  return positions(sizes.slice(0, -2)).map((position) => {
    const coordinates = leading.map(({ name, kind, values }, axis) => ({
      name,
      kind,
      value: values[position[axis] ?? 0] ?? 0,
    }));
    const writeInto = (target: Float32Array): void => unpack(file, layout, position, target);
    return {
      variable: variable.name,
      longName: text(variable, 'long_name') || variable.name,
      units: text(variable, 'units'),
      level: coordinates.find(({ kind }) => kind === 'level')?.value,
      others: coordinates
        .filter(({ kind }) => kind !== 'level')
        .map(({ name, value }) => [name, value] as const),
      latitudes,
      longitudes,
      nlat,
      nlon,
      writeInto,
      read: () => {
        const target = new Float32Array(nlat * nlon);
        writeInto(target);
        return target;
      },
    };
  });
}

function unpack(
  file: OpenFile,
  { variable, sizes, type, offsetOf }: Layout,
  position: readonly number[],
  target: Float32Array,
): void {
  const [nlat = 0, nlon = 0] = sizes.slice(-2);
  checkFieldSize(variable.name, target, nlat * nlon);
  const { byteCount, read } = READERS[type];
  const scale = numberAttribute(variable, 'scale_factor', 1);
  const offset = numberAttribute(variable, 'add_offset', 0);
  // A _FillValue of NaN equals nothing: then nothing is missing but NaN itself.
  const fill = numberAttribute(variable, '_FillValue', Number.NaN);
  const missing = numberAttribute(variable, 'missing_value', Number.NaN);
  const start = offsetOf([...position, 0, 0]);
  for (let at = 0; at < target.length; at++) {
    const packed = read(file.view, start + at * byteCount);
    target[at] = packed === fill || packed === missing ? Number.NaN : packed * scale + offset;
  }
}

/**
 * Opens a NetCDF-3 file and lists its horizontal fields: variables whose last two dimensions are
 * latitude and longitude, one entry for each position in the other dimensions.
 *
 * @throws WeatherError `not-a-netcdf-file` for anything else and for a truncated or damaged file,
 * `netcdf-variant-not-read` for NetCDF-4 and CDF-5, `no-field-in-file`, `cannot-read-file`.
 */
export function openInput(path: string): Input {
  const file = openFile(path);
  const layouts = (file.reader.variables ?? []).flatMap((variable) => layOut(file, variable) ?? []);
  const fields = layouts.flatMap((layout) => fieldsOf(file, layout));
  if (fields.length === 0) {
    throw new WeatherError(
      'no-field-in-file',
      `Cannot use "${path}": no variable has latitude and longitude as its last two dimensions`,
    );
  }
  return { path, fields };
}
