import { AttaccaError } from '../../core/errors.js';

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export type JsonMap = { readonly [key: string]: Json };

export function badZarr(path: string, why: string): AttaccaError {
  return new AttaccaError('not-a-zarr-store', `Cannot read "${path}": ${why}`, { path });
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

/** Name and configuration of what the store calls an extension point: a codec, a chunk grid. */
export function extension(
  value: unknown,
  path: string,
  what: string,
): { name: string; with: JsonMap } {
  if (typeof value === 'string') return { name: value, with: {} };
  const name = isJsonMap(value) ? value['name'] : undefined;
  const found = isJsonMap(value) ? (value['configuration'] ?? {}) : {};
  if (typeof name !== 'string' || !isJsonMap(found)) throw badZarr(path, `its ${what} has no name`);
  return { name, with: found };
}
