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
  if (!isRounded(json['fill_value'])) return json;
  const exact = JSON.parse(text.replace(FILL, '$1"$2"')) as { readonly fill_value: Json };
  return { ...json, fill_value: exact.fill_value };
}

/** Within a text of JSON quotes are escaped: this is a key, if not always that of the node. */
const FILL = /("fill_value"\s*:\s*)(-?\d+)(?=\s*[,}])/gu;

function isRounded(value: Json | undefined): boolean {
  return typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** An integer beyond 2^53, which {@link parseNode} keeps as the text that it is; else null. */
export function wideInteger(value: Json): bigint | null {
  if (typeof value !== 'string' || !/^-?\d+$/u.test(value)) return null;
  return Number.isSafeInteger(Number(value)) ? null : BigInt(value);
}

/** The text of a node, with its fill value as it was read. */
export function nodeText(json: JsonMap): string {
  const text = `${JSON.stringify(json, null, 2)}\n`;
  const wide = wideInteger(json['fill_value'] ?? null);
  if (wide === null || typeof json['data_type'] !== 'string') return text;
  // No text goes over two lines: what begins one so is the node's own.
  return text.replace(/^ {2}"fill_value": "(-?\d+)"/mu, '  "fill_value": $1');
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
