/** IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction. Node 20 has no Float16Array. */

const SIGN = 0x8000;
const INFINITE = 0x7c00;
const NOT_A_NUMBER = 0x7e00;
const BIAS = 15;
/** Of a float64. */
const BIAS_DOUBLE = 1_023;
/** What the least number above zero is multiplied by to be 1. */
const SUBNORMAL_SCALE = 16_777_216;

/** Powers of two for exponents 1 to 30. */
const POWERS = Float64Array.from({ length: 31 }, (_, exponent) => {
  let power = 1;
  for (let each = BIAS; each < exponent; each++) power *= 2;
  for (let each = exponent; each < BIAS; each++) power /= 2;
  return power;
});

/** The number that 16 bits are. */
export function fromFloat16(bits: number): number {
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 0x3ff;
  const sign = (bits & SIGN) === 0 ? 1 : -1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return (sign * fraction) / SUBNORMAL_SCALE;
  return sign * (1 + fraction / 1_024) * (POWERS[exponent] as number);
}

const DOUBLE = new DataView(new ArrayBuffer(8));

/** The nearest 16 bits, of two the even ones. */
export function toFloat16(value: number): number {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  DOUBLE.setFloat64(0, value);
  const high = DOUBLE.getUint32(0);
  const sign = (high >>> 16) & SIGN;
  const exponent = ((high >>> 20) & 0x7ff) - BIAS_DOUBLE;
  if (exponent > BIAS) return sign | INFINITE;
  // Multiplying by a power of two is exact.
  if (exponent < 1 - BIAS) return sign | roundEven(Math.abs(value) * SUBNORMAL_SCALE);
  const kept = ((exponent + BIAS) << 10) | ((high >>> 10) & 0x3ff);
  const rest = high & 0x3ff;
  const isMore = rest > 0x200 || (rest === 0x200 && DOUBLE.getUint32(4) !== 0);
  const isEven = (kept & 1) === 0;
  // A fraction that rounds up to one carries into the exponent, and at its end into infinity.
  const rounded = isMore || (rest === 0x200 && !isEven) ? kept + 1 : kept;
  return sign | rounded;
}

function roundEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
