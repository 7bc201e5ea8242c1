/**
 * Sums without rounding: whole multiples of a power of two. Whatever is added, in whatever order
 * and however it was cut into parts, the sum is the same, bit for bit.
 */
export interface ExactSum {
  /** Odd, or 0: so that equal sums look alike. */
  readonly mantissa: bigint;
  readonly exponent: number;
}

export const SUM_ZERO: ExactSum = { mantissa: 0n, exponent: 0 };

const FRACTION_BITS = 52;
/** Of the least number above 0. */
const EXPONENT_LEAST = -1_074;
const BIAS = 1_023;
const WORD = 0xffff_ffffn;
const HIGH = 0x1_0000_0000;
const DOUBLE = new DataView(new ArrayBuffer(8));

/** A whole number times a power of two, as equal sums look alike. */
export function exactSum(mantissa: bigint, exponent: number): ExactSum {
  if (mantissa === 0n) return SUM_ZERO;
  let [odd, at] = [mantissa, exponent];
  for (; (odd & WORD) === 0n; at += 32) odd >>= 32n;
  const low = Number(odd & WORD);
  const zeros = 31 - Math.clz32(low & -low);
  return { mantissa: odd >> BigInt(zeros), exponent: at + zeros };
}

/** A finite number as a sum. */
export function sumOf(value: number): ExactSum {
  if (value === 0) return SUM_ZERO;
  DOUBLE.setFloat64(0, value);
  const high = DOUBLE.getUint32(0);
  const biased = (high >>> 20) & 0x7ff;
  const fraction = (high & 0xf_ffff) * HIGH + DOUBLE.getUint32(4);
  const whole = biased === 0 ? fraction : fraction + HIGH * 0x10_0000;
  const exponent = Math.max(biased, 1) - BIAS - FRACTION_BITS;
  return exactSum(BigInt(value < 0 ? -whole : whole), exponent);
}

export function addSums(one: ExactSum, other: ExactSum): ExactSum {
  const exponent = Math.min(one.exponent, other.exponent);
  return exactSum(scaled(one, exponent) + scaled(other, exponent), exponent);
}

function scaled({ mantissa, exponent }: ExactSum, to: number): bigint {
  return mantissa === 0n ? 0n : mantissa << BigInt(exponent - to);
}

/** The float64 nearest to a sum divided by a count: of two that are as near, the even one. */
export function meanOf({ mantissa, exponent }: ExactSum, count: number): number {
  if (mantissa === 0n) return 0;
  const divisor = BigInt(count);
  const size = mantissa < 0n ? -mantissa : mantissa;
  // The quotient gets 55 bits or more: 53, one to round by, and the rest told by its remainder.
  const bits = bitsOf(size) - bitsOf(divisor);
  const least = EXPONENT_LEAST - 2 - exponent;
  const shift = Math.max(bits - 60, least);
  const numerator = shift < 0 ? size << BigInt(-shift) : size;
  const denominator = shift > 0 ? divisor << BigInt(shift) : divisor;
  const quotient = numerator / denominator;
  const isInexact = quotient * denominator !== numerator;
  const rounded = roundedOf(quotient, exponent + shift, isInexact);
  return mantissa < 0n ? -rounded : rounded;
}

/** At most three too many. */
function bitsOf(value: bigint): number {
  return value.toString(16).length * 4;
}

/** `quotient` times a power of two, and a little more if it is inexact, as a float64. */
function roundedOf(quotient: bigint, exponent: number, isInexact: boolean): number {
  let dropped = Math.max(quotient.toString(2).length - 53, 0);
  dropped = Math.max(dropped, EXPONENT_LEAST - exponent);
  const kept = quotient >> BigInt(dropped);
  const rest = quotient - (kept << BigInt(dropped));
  const half = dropped === 0 ? 0n : 1n << BigInt(dropped - 1);
  const isMore = rest > half || (rest === half && (isInexact || (kept & 1n) === 1n));
  const whole = Number(dropped > 0 && isMore ? kept + 1n : kept);
  return timesPower(whole, exponent + dropped);
}

/** By a power of two that may be beyond what a float64 is: in two steps that are exact. */
function timesPower(whole: number, exponent: number): number {
  if (exponent >= -BIAS + 1) return whole * powerOfTwo(exponent);
  return whole * powerOfTwo(exponent + FRACTION_BITS) * powerOfTwo(-FRACTION_BITS);
}

/** 2 to a whole power from -1022 to 1023. */
export function powerOfTwo(exponent: number): number {
  DOUBLE.setUint32(0, (exponent + BIAS) << 20);
  DOUBLE.setUint32(4, 0);
  return DOUBLE.getFloat64(0);
}

/** The largest power of two that is not above a finite number that is not 0. */
export function exponentOf(value: number): number {
  DOUBLE.setFloat64(0, value);
  const biased = (DOUBLE.getUint32(0) >>> 20) & 0x7ff;
  // What is below the normal numbers counts as the least of them: nobody looks closer.
  return Math.max(biased, 1) - BIAS;
}
