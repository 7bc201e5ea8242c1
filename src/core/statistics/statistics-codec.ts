import type { Reader, Writer } from '../bytes.js';
import { AttaccaError } from '../errors.js';
import { type ExactSum, exactSum, meanOf, SUM_ZERO } from './exact-sum.js';
import { BINS_MAX, HISTOGRAM_NONE, type Histogram } from './histogram.js';
import type { Statistics } from './statistics.js';

/**
 * ```
 * statistics  u8 flags, u64 count, nan, fill, infinite, ends: min, max, f64 mean, sum, bins
 * ends        f64 each; or u8 sign and u64, where a float64 would round
 * sum         i64 exponent, u8 sign, u16 size, bytes of the mantissa, the least first
 * bins        i64 exponent, f64 first, u8 how many, each in groups of seven bits
 * ```
 *
 * The mean stands for itself, so that who asks for it alone need not divide. Counts are bytes in
 * groups of seven bits.
 */
const FLAG = { isWhole: 1, isWide: 2 } as const;
const SUM_BYTES_MAX = 512;
const SIGN_NEGATIVE = 1;

/** What is told of elements in single numbers. */
export type Summary = Pick<Statistics, 'count' | 'nan' | 'fill' | 'infinite' | 'min' | 'max'> & {
  readonly mean: number;
};

export function summaryOf({ sum, ...numbers }: Statistics): Summary {
  const { count, nan, fill, infinite, min, max } = numbers;
  const mean = count === 0 ? 0 : meanOf(sum, count);
  return { count, nan, fill, infinite, min, max, mean };
}

export function writeStatistics(w: Writer, statistics: Statistics): void {
  const { isWhole, count, nan, fill, infinite, min, max, sum, histogram } = statistics;
  const isWide = typeof min === 'bigint' || typeof max === 'bigint';
  w.u8((isWhole ? FLAG.isWhole : 0) | (isWide ? FLAG.isWide : 0));
  for (const each of [count, nan, fill, infinite]) w.u64(each);
  for (const end of [min, max]) writeEnd(w, end, isWide);
  w.f64(count === 0 ? 0 : meanOf(sum, count));
  writeSum(w, sum);
  w.i64(BigInt(histogram.exponent));
  w.f64(histogram.first);
  w.u8(histogram.counts.length);
  for (const each of histogram.counts) writeCount(w, each);
}

/** The single numbers, which stand first. */
export function readSummary(r: Reader): Summary {
  const isWide = (r.u8() & FLAG.isWide) !== 0;
  const counts = { count: r.u64(), nan: r.u64(), fill: r.u64(), infinite: r.u64() };
  return { ...counts, min: readEnd(r, isWide), max: readEnd(r, isWide), mean: r.f64() };
}

/** Refuses with `bad-message` what no statistics look like. */
export function readStatistics(r: Reader): Statistics {
  const isWhole = ((r.bytes[r.at] ?? 0) & FLAG.isWhole) !== 0;
  const { mean: _mean, ...summary } = readSummary(r);
  const sum = readSum(r);
  const histogram = readHistogram(r);
  let counted = 0;
  for (const each of histogram.counts) counted += each;
  if (counted !== summary.count) throw bad('its bins do not have what is counted');
  return { isWhole, ...summary, sum, histogram };
}

/** Of 64 bits signed and unsigned numbers may be: both fit 16 bytes, and one of them is rare. */
function writeEnd(w: Writer, end: number | bigint, isWide: boolean): void {
  if (!isWide) {
    w.f64(Number(end));
    return;
  }
  const wide = BigInt(end);
  w.u8(wide < 0n ? SIGN_NEGATIVE : 0);
  w.big64(wide < 0n ? -wide : wide);
}

function readEnd(r: Reader, isWide: boolean): number | bigint {
  if (!isWide) return r.f64();
  const isNegative = r.u8() === SIGN_NEGATIVE;
  const size = r.big64();
  const wide = isNegative ? -size : size;
  const number = Number(wide);
  return Number.isSafeInteger(number) ? number : wide;
}

function writeSum(w: Writer, { mantissa, exponent }: ExactSum): void {
  w.i64(BigInt(exponent));
  w.u8(mantissa < 0n ? SIGN_NEGATIVE : 0);
  const at = w.at;
  w.u16(0);
  let size = 0;
  for (let left = mantissa < 0n ? -mantissa : mantissa; left > 0n; left >>= 8n, size++) {
    w.u8(Number(left & 0xffn));
  }
  w.bytes[at] = size & 0xff;
  w.bytes[at + 1] = size >>> 8;
}

function readSum(r: Reader): ExactSum {
  const exponent = Number(r.i64());
  const isNegative = r.u8() === SIGN_NEGATIVE;
  const size = r.u16();
  if (size > SUM_BYTES_MAX) throw bad('its sum is too long');
  let mantissa = 0n;
  const bytes = r.view(size);
  for (let index = size - 1; index >= 0; index--) {
    mantissa = (mantissa << 8n) | BigInt(bytes[index] as number);
  }
  return size === 0 ? SUM_ZERO : exactSum(isNegative ? -mantissa : mantissa, exponent);
}

function readHistogram(r: Reader): Histogram {
  const exponent = Number(r.i64());
  const first = r.f64();
  const length = r.u8();
  if (length > BINS_MAX) throw bad('it has too many bins');
  if (length === 0) return HISTOGRAM_NONE;
  return { exponent, first, counts: Array.from({ length }, () => readCount(r)) };
}

function writeCount(w: Writer, count: number): void {
  let left = count;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) w.u8((left % 0x80) | 0x80);
  w.u8(left);
}

function readCount(r: Reader): number {
  let count = 0;
  for (let factor = 1; factor <= 0x2_0000_0000_0000; factor *= 0x80) {
    const byte = r.u8();
    count += (byte & 0x7f) * factor;
    if (byte < 0x80) return count;
  }
  throw bad('a bin counts too many');
}

function bad(why: string): AttaccaError {
  return new AttaccaError('bad-message', `Cannot read statistics: ${why}`);
}
