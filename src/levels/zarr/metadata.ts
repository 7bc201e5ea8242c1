import { LIMITS } from '../../core/limits.js';
import { type ByteOrder, itemSizeOf } from '../../core/space.js';
import { codecsJson, parseCodecs, type ZarrCodec } from './codecs.js';
import { parseFill, parseType, typeJson, type ZarrType } from './data-type.js';
import { badZarr, extension, isJsonMap, type Json, type JsonMap, nodeText } from './json.js';

type ZarrSeparator = '/' | '.';

/** An array of a store. Elements lie in row order. */
export interface ZarrArrayInfo {
  readonly dtype: ZarrType;
  readonly shape: readonly number[];
  /** The size of a chunk along each axis, at least 1. */
  readonly chunk: readonly number[];
  /** Between the numbers in the name of a chunk: `.` for files, `/` for folders of them. */
  readonly separator: ZarrSeparator;
  /** Of the elements in their chunks. */
  readonly byteOrder: ByteOrder;
  readonly codecs: readonly ZarrCodec[];
  /**
   * As the store says it: a number, a text such as "NaN" or "0x7fc00001", Base64 of bytes; an
   * integer beyond 2^53 as the text of its digits.
   */
  readonly fillValue: Json;
  readonly dimensionNames: readonly (string | null)[] | null;
  readonly attributes: JsonMap;
}

const DIMENSIONS_MAX = 16;

export function chunkBytes({ dtype, chunk }: Pick<ZarrArrayInfo, 'dtype' | 'chunk'>): number {
  return chunk.reduce((product, size) => product * size, itemSizeOf(dtype));
}

/** The text of an array's zarr.json. */
export function arrayJson(info: ZarrArrayInfo): string {
  const json: JsonMap = {
    zarr_format: 3,
    node_type: 'array',
    shape: info.shape,
    data_type: typeJson(info.dtype),
    chunk_grid: { name: 'regular', configuration: { chunk_shape: info.chunk } },
    chunk_key_encoding: { name: 'default', configuration: { separator: info.separator } },
    fill_value: info.fillValue,
    codecs: codecsJson(info.codecs, info.dtype, info.byteOrder),
    ...(info.dimensionNames === null ? {} : { dimension_names: info.dimensionNames }),
    attributes: info.attributes,
  };
  return nodeText(json);
}

export function groupJson(attributes: JsonMap): string {
  return `${JSON.stringify({ zarr_format: 3, node_type: 'group', attributes }, null, 2)}\n`;
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
  const dtype = parseType(json['data_type'], path);
  const shape = sizesOf(json['shape'], 0, path, 'shape');
  const grid = extension(json['chunk_grid'], path, 'chunk_grid');
  if (grid.name !== 'regular') throw badZarr(path, `its chunk_grid "${grid.name}" is not known`);
  const chunk = sizesOf(grid.with['chunk_shape'], 1, path, 'chunk_shape');
  if (chunk.length !== shape.length) throw badZarr(path, 'its chunks have other dimensions');
  if (chunkBytes({ dtype, chunk }) > LIMITS.zarrChunkBytesMax) {
    throw badZarr(path, `its chunks have more than ${LIMITS.zarrChunkBytesMax} bytes`);
  }
  const keys = extension(json['chunk_key_encoding'], path, 'chunk_key_encoding');
  const separator = keys.with['separator'] ?? '/';
  if (keys.name !== 'default' || (separator !== '/' && separator !== '.')) {
    throw badZarr(path, 'its chunk_key_encoding is not known; known is default with "/" or "."');
  }
  const transformers = json['storage_transformers'];
  if (Array.isArray(transformers) && transformers.length > 0) {
    throw badZarr(path, 'its storage_transformers are not known');
  }
  const attributes = json['attributes'] ?? {};
  if (!isJsonMap(attributes)) throw badZarr(path, 'its attributes are no object');
  return {
    ...{ dtype, shape, chunk, separator, attributes },
    ...parseCodecs(json['codecs'], { dtype, shape }, path),
    fillValue: parseFill(json['fill_value'] ?? null, dtype),
    dimensionNames: parseNames(json['dimension_names'], shape.length, path),
  };
}
