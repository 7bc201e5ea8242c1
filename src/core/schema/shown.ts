import { numberText } from '../selector/numbers.js';
import { timestampText } from '../selector/timestamps.js';
import { Float, Timestamp, type Value } from '../value.js';

const VALUE_CHARACTERS_MAX = 60;

/** A text at a length for people, and for a field of an error. */
export function cut(text: string, charactersMax: number): string {
  // A character takes two units at most.
  const characters = Array.from(text.slice(0, 2 * charactersMax + 2));
  const isLong = characters.length > charactersMax;
  return isLong ? `${characters.slice(0, charactersMax).join('')}...` : text;
}

/** A value at a length for people. */
export function shown(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return `"${cut(value, VALUE_CHARACTERS_MAX)}"`;
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
  if (typeof value === 'string') return cut(value, VALUE_CHARACTERS_MAX);
  const isCompound =
    typeof value === 'object' &&
    value !== null &&
    !(value instanceof Float) &&
    !(value instanceof Timestamp);
  return isCompound ? shown(value) : value;
}
