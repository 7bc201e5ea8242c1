import { Float, Timestamp, type Value, type ValueMap } from '../../core/value.js';
import type { Json, JsonMap } from '../zarr/json.js';

const NS_PER_MS = 1_000_000n;

/** A value for readers of JSON: what JSON lacks becomes a text. Exact ones stand beside it. */
function plainJson(value: Value): Json {
  if (value instanceof Float) return plainJson(value.value);
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (Array.isArray(value)) return (value as readonly Value[]).map(plainJson);
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : plainAttributes(value as ValueMap);
    default:
      return value;
  }
}

/** ISO 8601; a number of nanoseconds beyond the years that this has. */
function timestampText({ nanoseconds }: Timestamp): string {
  const date = new Date(Number(nanoseconds / NS_PER_MS));
  return Number.isNaN(date.getTime()) ? String(nanoseconds) : date.toISOString();
}

export function plainAttributes(attributes: ValueMap): JsonMap {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [key, plainJson(value)]),
  );
}
