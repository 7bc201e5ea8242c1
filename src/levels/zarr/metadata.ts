import { AttaccaError } from '../../core/errors.js';
import { type ByteOrder, isNumeric, itemSizeOf, type NumericDtype } from '../../core/space.js';

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export type JsonMap = { readonly [key: string]: Json };

/** Beyond the elements' bytes: what is applied to a chunk, in this order, when it is written. */
export type ZarrCodec = { readonly name: 'gzip'; readonly level: number } | { name: 'crc32c' };

/** An array of a store. Elements lie in row order. */
export interface ZarrArrayInfo {
  readonly dtype: NumericDtype;
  readonly shape: readonly number[];
  /** The size of a chunk along each axis, at least 1. */
  readonly chunk: readonly number[];
  /** Of the elements in their chunks. */
  readonly byteOrder: ByteOrder;
  readonly codecs: readonly ZarrCodec[];
  /** As the store says it: a number, or a text such as "NaN" or "0x7fc00001". */
  readonly fillValue: Json;
  readonly dimensionNames: readonly (string | null)[] | null;
  readonly attributes: JsonMap;
}

/** A chunk is held in memory as a whole: what says more than this is damage, or not for us. */
const CHUNK_BYTES_MAX = 2 ** 31;
const DIMENSIONS_MAX = 16;

export function badZarr(path: string, why: string): AttaccaError {
  return new AttaccaError('not-a-zarr-store', `Cannot read "${path}": ${why}`, { path });
}

export function chunkBytes({ dtype, chunk }: Pick<ZarrArrayInfo, 'dtype' | 'chunk'>): number {
  return chunk.reduce((product, size) => product * size, itemSizeOf(dtype));
}

/** The text of an array's zarr.json. */
export function arrayJson(info: ZarrArrayInfo): string {
  const codecs: Json[] = [
    itemSizeOf(info.dtype) === 1
      ? { name: 'bytes' }
      : { name: 'bytes', configuration: { endian: info.byteOrder } },
  ];
  for (const codec of info.codecs) {
    if (codec.name === 'crc32c') codecs.push({ name: 'crc32c' });
    else codecs.push({ name: 'gzip', configuration: { level: codec.level } });
  }
  const json: JsonMap = {
    zarr_format: 3,
    node_type: 'array',
    shape: info.shape,
    data_type: info.dtype,
    chunk_grid: { name: 'regular', configuration: { chunk_shape: info.chunk } },
    chunk_key_encoding: { name: 'default', configuration: { separator: '/' } },
    fill_value: info.fillValue,
    codecs,
    ...(info.dimensionNames === null ? {} : { dimension_names: info.dimensionNames }),
    attributes: info.attributes,
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

export function groupJson(attributes: JsonMap): string {
  return `${JSON.stringify({ zarr_format: 3, node_type: 'group', attributes }, null, 2)}\n`;
}

export function isJsonMap(value: unknown): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The object that a zarr.json is; `not-a-zarr-store` for another. */
export function parseNode(text: string, path: string): JsonMap {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badZarr(path, `it is no JSON: ${(cause as Error).message}`);
  }
  if (!isJsonMap(json) || json['zarr_format'] !== 3) throw badZarr(path, 'it is not of Zarr 3');
  return json;
}

function sizesOf(value: unknown, least: number, path: string, what: string): readonly number[] {
  const isSize = (each: unknown): each is number =>
    Number.isSafeInteger(each) && Number(each) >= least;
  if (!Array.isArray(value) || !value.every(isSize)) {
    throw badZarr(path, `its ${what} is no list of whole numbers from ${least}`);
  }
  if (value.length > DIMENSIONS_MAX) throw badZarr(path, `it has ${value.length} dimensions`);
  return value;
}

/** Name and configuration of what the store calls an extension point: a codec, a chunk grid. */
function extension(value: unknown, path: string, what: string): { name: string; with: JsonMap } {
  if (typeof value === 'string') return { name: value, with: {} };
  const name = isJsonMap(value) ? value['name'] : undefined;
  const found = isJsonMap(value) ? (value['configuration'] ?? {}) : {};
  if (typeof name !== 'string' || !isJsonMap(found)) throw badZarr(path, `its ${what} has no name`);
  return { name, with: found };
}

function parseCodecs(
  value: unknown,
  itemSize: number,
  path: string,
): { byteOrder: ByteOrder; codecs: readonly ZarrCodec[] } {
  const all = Array.isArray(value) ? value.map((each) => extension(each, path, 'codec')) : [];
  const [first, ...rest] = all;
  if (first?.name !== 'bytes') {
    throw badZarr(path, `its first codec is "${first?.name ?? ''}"; known is bytes`);
  }
  const endian = first.with['endian'];
  if (endian !== 'little' && endian !== 'big' && (itemSize > 1 || endian !== undefined)) {
    throw badZarr(path, 'its codec bytes says no byte order');
  }
  const codecs = rest.map((codec): ZarrCodec => {
    if (codec.name === 'crc32c') return { name: 'crc32c' };
    const level = codec.with['level'];
    if (
      codec.name === 'gzip' &&
      Number.isInteger(level) &&
      Number(level) >= 0 &&
      Number(level) < 10
    ) {
      return { name: 'gzip', level: Number(level) };
    }
    throw badZarr(path, `its codec "${codec.name}" is not known; known are gzip and crc32c`);
  });
  return { byteOrder: endian === 'big' ? 'big' : 'little', codecs };
}

function parseNames(value: unknown, dimensions: number, path: string): (string | null)[] | null {
  if (value === undefined || value === null) return null;
  const isName = (each: unknown): each is string | null =>
    each === null || typeof each === 'string';
  if (!Array.isArray(value) || value.length !== dimensions || !value.every(isName)) {
    throw badZarr(path, 'its dimension_names are not one for each dimension');
  }
  return value;
}

/** What the zarr.json of an array says. `not-a-zarr-store` for what is wrong or not known. */
export function parseArray(json: JsonMap, path: string): ZarrArrayInfo {
  const dtype = json['data_type'];
  if (typeof dtype !== 'string' || !isNumeric(dtype)) {
    throw badZarr(path, `its data_type ${JSON.stringify(dtype)} is not known`);
  }
  const shape = sizesOf(json['shape'], 0, path, 'shape');
  const grid = extension(json['chunk_grid'], path, 'chunk_grid');
  if (grid.name !== 'regular') throw badZarr(path, `its chunk_grid "${grid.name}" is not known`);
  const chunk = sizesOf(grid.with['chunk_shape'], 1, path, 'chunk_shape');
  if (chunk.length !== shape.length) throw badZarr(path, 'its chunks have other dimensions');
  if (chunkBytes({ dtype, chunk }) > CHUNK_BYTES_MAX) {
    throw badZarr(path, `its chunks have more than ${CHUNK_BYTES_MAX} bytes`);
  }
  const keys = extension(json['chunk_key_encoding'], path, 'chunk_key_encoding');
  if (keys.name !== 'default' || (keys.with['separator'] ?? '/') !== '/') {
    throw badZarr(path, 'its chunk_key_encoding is not known; known is default with "/"');
  }
  const transformers = json['storage_transformers'];
  if (Array.isArray(transformers) && transformers.length > 0) {
    throw badZarr(path, 'its storage_transformers are not known');
  }
  const attributes = json['attributes'] ?? {};
  if (!isJsonMap(attributes)) throw badZarr(path, 'its attributes are no object');
  return {
    ...{ dtype, shape, chunk, attributes },
    ...parseCodecs(json['codecs'], itemSizeOf(dtype), path),
    fillValue: json['fill_value'] ?? null,
    dimensionNames: parseNames(json['dimension_names'], shape.length, path),
  };
}
