import { floatOf, integerOf, numberText } from '../selector/numbers.js';
import { readTimestamp, timestampText } from '../selector/timestamps.js';
import { Float, Timestamp, type Value } from '../value.js';

/** What a value says as another type; null when it does not, or would lose what it says. */

const INT64_MIN = -(2n ** 63n);
const INT64_END = 2n ** 63n;
const NS_PER_DAY = 86_400_000_000_000n;

/** As many digits as 64 bits can have, and zeros in front. */
const INTEGER = /^[+-]?\d{1,40}$/u;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/iu;
const SPECIAL = /^([+-]?)(nan|inf|infinity)$/iu;

const bigOf = (text: string): bigint => BigInt(text.replace('+', ''));

/** The whole number that a value is, of any size; half a number and a flag are none. */
function wholeOf(value: Value): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'string') return INTEGER.test(value) ? bigOf(value) : null;
  const number = value instanceof Float ? value.value : value;
  return typeof number === 'number' && Number.isInteger(number) ? BigInt(number) : null;
}

export function asInteger(value: Value, isSigned: boolean): number | bigint | null {
  const whole = wholeOf(value);
  if (whole === null) return null;
  const fits = isSigned ? whole >= INT64_MIN && whole < INT64_END : whole >= 0n;
  return fits ? integerOf(whole) : null;
}

/** A whole number as a float64, when that is the very same number. */
function exactFloat(whole: bigint): number | Float | null {
  const number = Number(whole);
  return Number.isFinite(number) && BigInt(number) === whole ? floatOf(number) : null;
}

/** The nearest float64; nothing becomes infinite, or zero, on the way. */
function floatOfText(text: string): number | Float | null {
  const special = SPECIAL.exec(text);
  if (special !== null) {
    if (special[2]?.toLowerCase() === 'nan') return Number.NaN;
    return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (INTEGER.test(text)) return exactFloat(bigOf(text));
  if (!DECIMAL.test(text)) return null;
  const number = Number(text);
  const vanished = number === 0 && /[1-9]/u.test(text.replace(/e.*$/iu, ''));
  return Number.isFinite(number) && !vanished ? floatOf(number) : null;
}

export function asFloat(value: Value): number | Float | null {
  if (typeof value === 'string') return floatOfText(value);
  if (typeof value === 'bigint') return exactFloat(value);
  const number = value instanceof Float ? value.value : value;
  return typeof number === 'number' ? floatOf(number) : null;
}

/** An integer stays one, all else is a float64. */
export function asNumber(value: Value): number | bigint | Float | null {
  const isInteger =
    typeof value === 'bigint' ||
    (typeof value === 'string' && INTEGER.test(value)) ||
    (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0));
  const whole = isInteger ? wholeOf(value) : null;
  return whole === null ? asFloat(value) : integerOf(whole);
}

export function asFlag(value: Value): boolean | null {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    const lower = value.toLowerCase();
    if (lower === 'true' || lower === '1') return true;
    return lower === 'false' || lower === '0' ? false : null;
  }
  const whole = wholeOf(value);
  return whole === 1n ? true : whole === 0n ? false : null;
}

export function asText(value: Value): string | null {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Timestamp) return timestampText(value);
  const isNumber = typeof value === 'number' || typeof value === 'bigint' || value instanceof Float;
  return isNumber ? numberText(value) : null;
}

const DATE = '(\\d{4})-?(\\d{2})-?(\\d{2})';
const CLOCK = '(\\d{2})(?::?(\\d{2})(?::?(\\d{2}(?:\\.\\d{1,9})?))?)?';
const ZONE = '(Z|[+-]\\d{2}:?\\d{2})';
const MOMENT = new RegExp(`^${DATE}(?:[T ]${CLOCK}${ZONE}?)?$`, 'u');

/** Dates and times as programs write them: with and without signs between, without a zone UTC. */
export function asMoment(value: Value): Timestamp | null {
  if (value instanceof Timestamp) return value;
  const digits = typeof value === 'string' ? null : wholeOf(value);
  const text = typeof value === 'string' ? value : digits === null ? '' : String(digits);
  const found = MOMENT.exec(text);
  if (found === null) return null;
  const [, year, month, day, hour, minute = '00', second = '00', zone = 'Z'] = found;
  const signedZone = zone.replace(/^([+-]\d\d)(\d\d)$/u, '$1:$2');
  const clock = hour === undefined ? '' : `T${hour}:${minute}:${second}${signedZone}`;
  const moment = readTimestamp(`${year}-${month}-${day}${clock}`);
  return typeof moment === 'string' ? null : moment;
}

export function asDay(value: Value): Timestamp | null {
  const moment = asMoment(value);
  return moment !== null && moment.nanoseconds % NS_PER_DAY === 0n ? moment : null;
}
