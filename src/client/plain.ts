import type { Value, ValueMap } from '../core/value.js';

function plain(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.getPrototypeOf(value) === null ? plainMap(value as ValueMap) : value;
}

/**
 * A map that came by the wire has no prototype; programs expect the usual one, all the way down.
 */
export function plainMap(map: ValueMap): ValueMap {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, plain(value)]));
}
