import { Float, Timestamp, type Value } from '../../src/core/value.js';

export type Json = null | boolean | number | string | readonly Json[] | { [key: string]: Json };

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function floatOf(value: number): Json {
  if (Object.is(value, -0)) return { float: '-0' };
  return { float: Number.isFinite(value) ? value : String(value) };
}

/** A value as spec/protocol.md, section 10, writes it. */
export function jsonOf(value: Value): Json {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'bigint') return { integer: String(value) };
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : floatOf(value);
  }
  if (value instanceof Uint8Array) return { bytes: hexOf(value) };
  if (value instanceof Float) return floatOf(value.value);
  if (value instanceof Timestamp) return { timestamp: String(value.nanoseconds) };
  if (Array.isArray(value)) return value.map((item: Value) => jsonOf(item));
  return { map: Object.entries(value).map(([key, item]): Json => [key, jsonOf(item)]) };
}

/** Fields of a message or frame that hold values; all others are names, numbers and texts. */
const MAP_FIELDS = new Set(['info', 'fields', 'granted', 'process', 'pool', 'definition']);

/** Messages of the pool, whose attributes are a map. */
const ANSWERED = new Set(['deliver', 'opened', 'event']);

function fieldOf(kind: string, name: string, field: unknown): Json {
  if (name === 'messages') return (field as object[]).map((message) => fieldsOf(message));
  const isList = Array.isArray(field);
  if (name === 'regions' || ((name === 'parts' || name === 'members') && isList)) {
    return (field as object[]).map((part) => allOf('part', part));
  }
  if (name === 'value') return jsonOf(field as Value);
  if (name === 'attributes' && !ANSWERED.has(kind)) {
    return (field as [number, Value][]).map(([key, value]): Json => [key, jsonOf(value)]);
  }
  if (name === 'attributes' || (MAP_FIELDS.has(name) && typeof field === 'object')) {
    return jsonOf(field as Value);
  }
  if (field instanceof Uint8Array) return { bytes: hexOf(field) };
  return field as Json;
}

/** The fields of a message or frame as JSON. */
export function fieldsOf(message: object): Json {
  return allOf((message as { kind: string }).kind, message);
}

function allOf(kind: string, message: object): Json {
  const fields: { [name: string]: Json } = {};
  for (const [name, field] of Object.entries(message)) fields[name] = fieldOf(kind, name, field);
  return fields;
}
