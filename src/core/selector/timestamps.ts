import { Timestamp } from '../value.js';

const NS_PER_SECOND = 1_000_000_000n;
const SECONDS_PER_DAY = 86_400;
const DAYS_PER_ERA = 146_097;

/** Days from 1970-01-01 to a day of the Gregorian calendar; years are counted from March. */
function daysTo(year: number, month: number, day: number): number {
  const fromMarch = month <= 2 ? year - 1 : year;
  const era = Math.floor(fromMarch / 400);
  const yearOfEra = fromMarch - era * 400;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  return era * DAYS_PER_ERA + yearOfEra * 365 + leapDays + dayOfYear - 719_468;
}

/** The day of the Gregorian calendar that is so many days after 1970-01-01. */
function dayAfter(days: number): readonly [year: number, month: number, day: number] {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524);
  const yearOfEra = Math.floor((dayOfEra - leaps - Math.floor(dayOfEra / 146_096)) / 365);
  const before = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100);
  const dayOfYear = dayOfEra - before;
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return [yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day];
}

const DATE = '(\\d{4})-(\\d{2})-(\\d{2})';
const TIME = '(\\d{2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{1,9}))?)?';
const ZONE = '(Z|[+-]\\d{2}:\\d{2})';
const MOMENT = new RegExp(`^${DATE}(?:T${TIME}${ZONE}?)?$`, 'u');

/** Whether a word was meant as a timestamp: it begins as a date does. */
export function looksLikeDate(word: string): boolean {
  return /^\d{4}-\d/u.test(word);
}

/** Seconds by which a zone is ahead of UTC; null for one that is none. */
function zoneSeconds(zone: string): number | null {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -60 : 60) * (hours * 60 + minutes);
}

/**
 * Reads a date, or a date and time with its zone, of ISO 8601: 2026-01-01 (its first moment in
 * UTC), 2026-01-01T06:00Z, 2026-01-01T06:00:00.000000001+02:00. Returns why it cannot, else.
 */
export function readTimestamp(word: string): Timestamp | string {
  const found = MOMENT.exec(word);
  if (found === null) return 'write a moment as 2026-01-31 or 2026-01-31T06:00:00Z';
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map((part) => Number(part ?? 0));
  const days = daysTo(year, month, day);
  const [sameYear, sameMonth, sameDay] = dayAfter(days);
  const isDay = sameYear === year && sameMonth === month && sameDay === day;
  if (month === 0 || month > 12 || !isDay) return 'there is no such day';
  if (hour > 23 || minute > 59 || second > 59) return 'there is no such time';
  const zone = found[8] ?? (found[4] === undefined ? 'Z' : '');
  if (zone === '') return `a time needs its zone: did you mean ${word}Z?`;
  const ahead = zoneSeconds(zone);
  if (ahead === null) return 'there is no such zone';
  const seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second - ahead;
  const fraction = BigInt((found[7] ?? '').padEnd(9, '0'));
  const nanoseconds = BigInt(seconds) * NS_PER_SECOND + fraction;
  if (BigInt.asIntN(64, nanoseconds) !== nanoseconds) {
    return 'moments lie between 1677-09-22 and 2262-04-11';
  }
  return new Timestamp(nanoseconds);
}

const digits = (value: number, count: number): string => String(value).padStart(count, '0');

/** The shortest text that {@link readTimestamp} reads as this moment, in UTC. */
export function timestampText({ nanoseconds }: Timestamp): string {
  const rest = ((nanoseconds % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  const seconds = Number((nanoseconds - rest) / NS_PER_SECOND);
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const time = seconds - days * SECONDS_PER_DAY;
  const [year, month, day] = dayAfter(days);
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
  if (time === 0 && rest === 0n) return date;
  const clock = [Math.floor(time / 3_600), Math.floor(time / 60) % 60, time % 60];
  const fraction = rest === 0n ? '' : `.${String(rest).padStart(9, '0').replace(/0+$/u, '')}`;
  return `${date}T${clock.map((part) => digits(part, 2)).join(':')}${fraction}Z`;
}
