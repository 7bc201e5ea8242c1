import { AttaccaError } from '../../core/errors.js';
import { convertElements } from '../../core/regions/cast.js';
import { type Dtype, isNumeric, itemSizeOf } from '../../core/space.js';

/**
 * The bytes of an element that stands for none. `bad-argument`: of what is no number, there is
 * none; and of a value that the type has not.
 */
export function fillBytes(
  cube: string,
  dtype: Dtype,
  fill: number | bigint | undefined,
): Uint8Array {
  const cannot = (why: string): AttaccaError =>
    new AttaccaError('bad-argument', `Cannot fill holes of the cube "${cube}": ${why}`);
  if (!isNumeric(dtype)) throw cannot(`${dtype} is no number; wait for them, or pick others`);
  const isWhole = dtype === 'bool' || dtype.includes('int');
  const value = fill ?? (isWhole ? null : Number.NaN);
  if (value === null) throw cannot(`say with what ("fill"), as ${dtype} has no NaN`);
  const isNumber = typeof value === 'number' || typeof value === 'bigint';
  const bytes = isNumber ? (isWhole ? wholeBytes : floatBytes)(dtype, value) : null;
  if (bytes === null) throw cannot(`${dtype} has no ${value}`);
  return bytes;
}

/** Null: the type has not this value. */
function wholeBytes(dtype: Dtype, value: number | bigint): Uint8Array | null {
  if (typeof value === 'number' && !Number.isInteger(value)) return null;
  const whole = BigInt(value);
  const size = itemSizeOf(dtype);
  const bits = dtype === 'bool' ? 1 : size * 8;
  const known = dtype.startsWith('int') ? BigInt.asIntN(bits, whole) : BigInt.asUintN(bits, whole);
  if (known !== whole) return null;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, whole), true);
  return bytes.slice(0, size);
}

/** Rounded, as any number is; null: it is beyond the type's ends. */
function floatBytes(dtype: Dtype, value: number | bigint): Uint8Array | null {
  const number = Number(value);
  const source = new Uint8Array(Float64Array.of(number).buffer);
  const bytes = new Uint8Array(itemSizeOf(dtype));
  const from = { bytes: source, dtype: 'float64', byteOrder: 'little' } as const;
  convertElements(from, { bytes, dtype, byteOrder: 'little' });
  const isEndless = typeof value === 'number' && !Number.isFinite(value);
  return isEndless || isFiniteAt(bytes, dtype) ? bytes : null;
}

function isFiniteAt(bytes: Uint8Array, dtype: Dtype): boolean {
  const real = dtype === 'complex64' ? 'float32' : dtype === 'complex128' ? 'float64' : dtype;
  const back = new Float64Array(1);
  const from = { bytes: bytes.subarray(0, itemSizeOf(real)), dtype: real } as const;
  const to = { bytes: new Uint8Array(back.buffer), dtype: 'float64' } as const;
  convertElements({ ...from, byteOrder: 'little' }, { ...to, byteOrder: 'little' });
  return Number.isFinite(back[0]);
}
