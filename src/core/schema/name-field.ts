import { Timestamp, type Value } from '../value.js';
import { coerceValue, isSameValue } from './coerce.js';
import type { NotationRefusal } from './notation.js';
import { asInteger, asMoment, asText } from './scalars.js';
import type { AttributeType } from './types.js';

/** How a value stands in a name. A moment's parts are directives (`%Y`) and what is in between. */
type Format =
  | { readonly kind: 'plain' }
  | { readonly kind: 'padded'; readonly width: number }
  | { readonly kind: 'moment'; readonly parts: readonly string[] };

/** A place in a name where the value of a key stands. */
export interface NameField {
  /** As objects have it. */
  readonly key: string;
  /** Null when no schema says it. */
  readonly type: AttributeType | null;
  readonly format: Format;
  /** How many characters it always takes; null when that differs. */
  readonly width: number | null;
}

const WIDTHS: { readonly [directive: string]: number } = {
  '%Y': 4,
  '%m': 2,
  '%d': 2,
  '%H': 2,
  '%M': 2,
  '%S': 2,
};

/** Of these a name says nothing. */
const NAMELESS = ['bytes', 'list', 'map'];

/** Whether a name can tell values of the type. */
export function isNameable(type: AttributeType): boolean {
  return !NAMELESS.includes(type.kind) && type.text !== 'any()';
}

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400n;
/** A day as MARS writes it. */
export const DAY_FORMAT = '%Y%m%d';

/** Reads what stands behind the colon of `{key:format}`. */
export function formatOf(text: string, at: number, refused: NotationRefusal): Format {
  if (text === '') return { kind: 'plain' };
  const [, digits] = /^0(\d{1,2})$/u.exec(text) ?? [];
  if (digits !== undefined && Number(digits) > 0) return { kind: 'padded', width: Number(digits) };
  if (!text.includes('%')) {
    return refused('a format is a width as 03, or of a moment as %Y%m%d', at);
  }
  const parts: readonly string[] = text.match(/%[\s\S]?|[^%]+/gu) ?? [];
  for (const part of parts) {
    const isKnown = !part.startsWith('%') || part === '%%' || part in WIDTHS;
    if (!isKnown) refused(`of a moment %Y %m %d %H %M %S are known, not "${part}"`, at);
  }
  if (!['%Y', '%m', '%d'].every((part) => parts.includes(part))) {
    refused('a moment needs %Y, %m and %d to be known again', at);
  }
  const twice = parts.find((part, index) => part in WIDTHS && parts.indexOf(part) !== index);
  if (twice !== undefined) refused(`"${twice}" stands there twice`, at);
  return { kind: 'moment', parts: parts.map((part) => (part === '%%' ? '%' : part)) };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

const countOf = (text: string): number => Array.from(text).length;

function widthOf(format: Format, type: AttributeType | null): number | null {
  if (format.kind === 'moment') {
    return sum(format.parts.map((part) => WIDTHS[part] ?? countOf(part)));
  }
  if (type === null) return null;
  if (format.kind === 'padded') {
    const isCounted = type.kind === 'int' || type.kind === 'uint';
    if (!isCounted || type.max === null) return null;
    const isNatural = type.kind === 'uint' || (type.min !== null && type.min >= 0);
    return isNatural && String(type.max).length <= format.width ? format.width : null;
  }
  if (type.kind === 'day') return '2026-01-31'.length;
  if (type.kind === 'str') return type.min !== null && type.min === type.max ? type.min : null;
  if (type.kind !== 'enum') return null;
  const [first = 0, ...others] = type.options.map((option) => countOf(asText(option) ?? ''));
  return others.every((width) => width === first) ? first : null;
}

/** Makes a field; one that could not be read back is refused. */
export function makeField(
  key: string,
  type: AttributeType | null,
  format: Format,
  refused: (why: string) => never,
): NameField {
  if (type !== null && !isNameable(type)) {
    refused(`"${key}" is ${type.text}, of which a name cannot be made`);
  }
  const suits = {
    plain: null,
    padded: ['int', 'uint', 'num'],
    moment: ['timestamp', 'day'],
  }[format.kind];
  if (type !== null && suits !== null && !suits.includes(type.kind)) {
    refused(`"${key}" is ${type.text}, and the format is for ${suits.join(', ')}`);
  }
  return { key, type, format, width: widthOf(format, type) };
}

const padded = (value: number | bigint, width: number): string => {
  const sign = value < 0 ? '-' : '';
  return `${sign}${String(value)
    .slice(sign.length)
    .padStart(width - sign.length, '0')}`;
};

function momentText({ nanoseconds }: Timestamp, parts: readonly string[]): string {
  const midnight = ((nanoseconds / NS_PER_SECOND) % SECONDS_PER_DAY) + SECONDS_PER_DAY;
  const seconds = Number(midnight % SECONDS_PER_DAY);
  const [date = ''] = (asText(new Timestamp(nanoseconds)) ?? '').split('T');
  const [year = '', month = '', day = ''] = date.split('-');
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const texts: { readonly [directive: string]: string } = {
    ...{ '%Y': year, '%m': month, '%d': day },
    ...{ '%H': two(seconds / 3_600), '%M': two((seconds / 60) % 60), '%S': two(seconds % 60) },
  };
  return parts.map((part) => texts[part] ?? part).join('');
}

function momentOf(text: string, parts: readonly string[]): Timestamp | null {
  const found = new Map<string, string>();
  let at = 0;
  for (const part of parts) {
    const end = at + (WIDTHS[part] ?? part.length);
    found.set(part, text.slice(at, end));
    at = end;
  }
  const digits = (directive: string): string => found.get(directive) ?? '00';
  const date = `${digits('%Y')}-${digits('%m')}-${digits('%d')}`;
  return asMoment(`${date}T${digits('%H')}:${digits('%M')}:${digits('%S')}Z`);
}

/** What the format takes: a moment, an integer, or what has a text. */
function formatted(value: Value, format: Format): { text: string; value: Value } | null {
  if (format.kind === 'moment') {
    const moment = asMoment(value);
    return moment === null ? null : { text: momentText(moment, format.parts), value: moment };
  }
  if (format.kind === 'padded') {
    const integer = asInteger(value, true) ?? asInteger(value, false);
    return integer === null ? null : { text: padded(integer, format.width), value: integer };
  }
  const text = asText(value);
  return text === null ? null : { text, value: text };
}

/** The value that stands in a name as `text`; null when none stands so. */
export function valueIn(field: NameField, text: string): Value {
  const { format, type } = field;
  const read =
    format.kind === 'moment'
      ? momentOf(text, format.parts)
      : format.kind === 'padded'
        ? (asInteger(text, true) ?? asInteger(text, false))
        : text;
  const coerced = read === null || type === null ? null : coerceValue(read, type, field.key);
  const value = coerced === null ? read : 'value' in coerced ? coerced.value : null;
  return value !== null && formatted(value, format)?.text === text ? value : null;
}

/** How a value stands in a name; null when it cannot, or when it could not be read back from it. */
export function textOf(field: NameField, value: Value): string | null {
  const coerced = field.type === null ? null : coerceValue(value, field.type, field.key);
  if (coerced !== null && 'misfit' in coerced) return null;
  const given = coerced === null ? value : coerced.value;
  const made = formatted(given, field.format);
  if (made === null) return null;
  const again = valueIn(field, made.text);
  const expected = field.type === null ? made.value : given;
  return again !== null && isSameValue(again, expected) ? made.text : null;
}
