import { type ByteOrder, type Dtype, isNumeric, itemSizeOf, type NumericDtype } from '../space.js';
import { convertNumbers } from './convert.js';

/**
 * The bytes of one element that has a value, or null: the type has none such. Whole types and bool
 * have it exactly; floats, and the real part of complex numbers, the nearest that they have, but
 * not infinity for what is finite. Texts and structs have no numbers.
 */
export function elementOf(
  dtype: Dtype,
  value: number | bigint,
  byteOrder: ByteOrder = 'little',
): Uint8Array<ArrayBuffer> | null {
  if (!isNumeric(dtype) || (typeof value !== 'number' && typeof value !== 'bigint')) return null;
  const isWhole = dtype === 'bool' || dtype.includes('int');
  const bytes = isWhole ? wholeBytes(dtype, value) : floatBytes(dtype, value);
  if (bytes === null || byteOrder === 'little') return bytes;
  const turned = new Uint8Array(bytes.length);
  convertNumbers({ bytes, dtype, byteOrder: 'little' }, { bytes: turned, dtype, byteOrder });
  return turned;
}

function wholeBytes(dtype: NumericDtype, value: number | bigint): Uint8Array<ArrayBuffer> | null {
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

function floatBytes(dtype: NumericDtype, value: number | bigint): Uint8Array<ArrayBuffer> | null {
  const number = Number(value);
  const source = new Uint8Array(Float64Array.of(number).buffer);
  const bytes = new Uint8Array(itemSizeOf(dtype));
  const from = { bytes: source, dtype: 'float64', byteOrder: 'little' } as const;
  convertNumbers(from, { bytes, dtype, byteOrder: 'little' });
  const isEndless = typeof value === 'number' && !Number.isFinite(value);
  return isEndless || isFiniteAt(bytes, dtype) ? bytes : null;
}

function isFiniteAt(bytes: Uint8Array, dtype: NumericDtype): boolean {
  const real = dtype === 'complex64' ? 'float32' : dtype === 'complex128' ? 'float64' : dtype;
  const back = new Float64Array(1);
  const from = { bytes: bytes.subarray(0, itemSizeOf(real)), dtype: real } as const;
  const to = { bytes: new Uint8Array(back.buffer), dtype: 'float64' } as const;
  convertNumbers({ ...from, byteOrder: 'little' }, { ...to, byteOrder: 'little' });
  return Number.isFinite(back[0]);
}
