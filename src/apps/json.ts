import type { PoolEvent } from '../client/index.js';
import { replaceUnseen, unitsEscaped } from '../core/unseen.js';
import { Float, Timestamp, type Value } from '../core/value.js';

const NS_PER_SECOND = 1_000_000_000n;

/** ISO 8601 in UTC, with as many digits of a second as it has (0, 3, 6 or 9). */
export function formatTimestamp(moment: Timestamp): string {
  const { nanoseconds } = moment;
  const rest = ((nanoseconds % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = (nanoseconds - rest) / NS_PER_SECOND;
  const iso = new Date(Number(seconds) * 1_000).toISOString().replace(/\.\d+Z$/u, '');
  const digits = String(rest)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/u, '');
  return digits === '' ? `${iso}Z` : `${iso}.${digits}Z`;
}

/** As JSON wants it, and as a terminal can bear it: what is not seen as itself is escaped, too. */
function textJson(text: string): string {
  return replaceUnseen(JSON.stringify(text), unitsEscaped);
}

/**
 * A value as JSON on one line. Integers beyond 2^53 are written with all their digits, timestamps
 * as ISO 8601, bytes as `{"bytes":"hex"}`, numbers that JSON lacks as "NaN", "Infinity",
 * "-Infinity".
 */
export function toJson(value: Value | undefined): string {
  if (value === undefined || value === null) return 'null';
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case 'bigint':
      return String(value);
    case 'boolean':
      return String(value);
    case 'string':
      return textJson(value);
    default:
      return compound(value);
  }
}

function compound(value: Exclude<Value, null | boolean | number | bigint | string>): string {
  if (value instanceof Float) {
    const text = toJson(value.value);
    return Number.isInteger(value.value) && !text.includes('e') ? `${text}.0` : text;
  }
  if (value instanceof Timestamp) return JSON.stringify(formatTimestamp(value));
  if (value instanceof Uint8Array) return `{"bytes":"${Buffer.from(value).toString('hex')}"}`;
  if (Array.isArray(value)) return `[${value.map((item: Value) => toJson(item)).join(',')}]`;
  const entries = Object.entries(value as { readonly [key: string]: Value | undefined })
    .filter(([, item]) => item !== undefined)
    .map(([key, item]) => `${textJson(key)}:${toJson(item)}`);
  return `{${entries.join(',')}}`;
}

/** An event as one line of JSON: what `attacca events --json` prints, and triggers are given. */
export function eventJson(event: PoolEvent): string {
  const { seq, n, kind, when, member, name, version, time, attributes, dtype, shape } = event;
  return toJson({
    ...{ seq, n, kind, when, member, name, version, time, attributes },
    ...(dtype === undefined ? {} : { dtype }),
    ...(shape === undefined ? {} : { shape }),
    ...(event.to === '' ? {} : { to: event.to }),
    ...(event.queue === '' ? {} : { queue: event.queue }),
    ...(event.isAgain ? { again: true } : {}),
    ...(event.isSnapshot ? { snapshot: true } : {}),
    ...(event.missed === null ? {} : { missed: event.missed }),
  });
}
