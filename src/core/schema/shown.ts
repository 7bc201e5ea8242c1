import { numberText } from '../selector/numbers.js';
import { timestampText } from '../selector/timestamps.js';
import { Float, Timestamp, type Value } from '../value.js';

const CHARACTERS_MAX = 60;

function cut(text: string): string {
  const characters = Array.from(text.slice(0, 2 * CHARACTERS_MAX + 2));
  const isLong = characters.length > CHARACTERS_MAX;
  return isLong ? `${characters.slice(0, CHARACTERS_MAX).join('')}...` : text;
}

/** A value at a length for people. */
export function shown(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `"${cut(value)}"`;
  if (typeof value === 'number' || typeof value === 'bigint' || value instanceof Float) {
    return numberText(value);
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return `a map of ${Object.keys(value).length}`;
}

/** A value as a field of an error can carry it: of large ones what {@link shown} says. */
export function told(value: Value): Value {
  if (typeof value === 'string') return cut(value);
  const isCompound =
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Float) &&
    !(value instanceof Timestamp);
  return isCompound ? shown(value) : value;
}
