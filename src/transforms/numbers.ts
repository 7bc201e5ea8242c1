import { convertElements } from '../core/regions/cast.js';
import { type Dtype, itemSizeOf, type Space } from '../core/space.js';
import { refuseTransform } from './failure.js';

/** Elements that compute as they stand. */
export type Numbers =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

type Make = new (buffer: ArrayBufferLike, offset: number, length: number) => Numbers;

const PLAIN: { readonly [dtype: string]: Make | undefined } = {
  ...{ int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array },
  ...{ int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array },
};

type Typed = Pick<Space, 'dtype' | 'byteOrder'>;

/** The bytes as numbers where they lie; null: another type, another byte order, or an odd place. */
function numbersOver(bytes: Uint8Array, { dtype, byteOrder }: Typed): Numbers | null {
  const make = PLAIN[dtype];
  const itemSize = itemSizeOf(dtype);
  const isNative = byteOrder === 'little' || itemSize === 1;
  if (make === undefined || !isNative || bytes.byteOffset % itemSize !== 0) return null;
  return new make(bytes.buffer, bytes.byteOffset, bytes.length / itemSize);
}

/** The elements as numbers: where they lie, else as float64, which 64-bit integers may not fit. */
export function numbersOf(bytes: Uint8Array, space: Typed): Numbers {
  const own = numbersOver(bytes, space);
  if (own !== null) return own;
  const numbers = new Float64Array(bytes.length / itemSizeOf(space.dtype));
  const target = { bytes: bytesOf(numbers), dtype: 'float64', byteOrder: 'little' } as const;
  convertElements({ bytes, ...space }, target);
  return numbers;
}

/**
 * Lets `fill` write numbers of a space into bytes: straight where they compute as they stand, else
 * by way of float64.
 */
export function writeNumbers(
  bytes: Uint8Array,
  space: Typed,
  fill: (numbers: Numbers) => void,
): void {
  const own = numbersOver(bytes, space);
  if (own !== null) {
    fill(own);
    return;
  }
  const numbers = new Float64Array(bytes.length / itemSizeOf(space.dtype));
  fill(numbers);
  const source = { bytes: bytesOf(numbers), dtype: 'float64', byteOrder: 'little' } as const;
  convertElements(source, { bytes, dtype: space.dtype, byteOrder: space.byteOrder });
}

export function bytesOf(array: ArrayBufferView): Uint8Array<ArrayBuffer> {
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength);
}

const isFloat = (dtype: Dtype): boolean => dtype.startsWith('float');
export const isInteger = (dtype: Dtype): boolean => INTEGER.test(dtype);
const INTEGER = /^u?int(?:8|16|32|64)$/u;

/** Refuses types with which the transform has nothing to compute. */
export function mustBeReal(kind: string, { dtype }: Typed): void {
  if (isFloat(dtype) || isInteger(dtype)) return;
  refuseTransform(kind, `elements of type ${dtype} are no real numbers`, { dtype });
}

/** The type in which results are told: float32 where it holds all that went in. */
export function resultType(dtype: Dtype): 'float32' | 'float64' {
  const isSmall = ['int8', 'uint8', 'int16', 'uint16', 'float16', 'float32'].includes(dtype);
  return isSmall ? 'float32' : 'float64';
}
