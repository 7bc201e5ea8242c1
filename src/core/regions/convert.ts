import { type ByteOrder, itemSizeOf, type NumericDtype } from '../space.js';
import { fromFloat16, toFloat16 } from './float16.js';

/** Numbers as they lie: how many is for the bytes to say. */
interface Elements {
  readonly bytes: Uint8Array;
  readonly dtype: NumericDtype;
  readonly byteOrder: ByteOrder;
}

/** Bits of the integers that a type has exactly: without, and with the sign. */
const INTEGER_BITS: { readonly [K in NumericDtype]: number } = {
  bool: 1,
  ...{ int8: 7, uint8: 8, int16: 15, uint16: 16, int32: 31, uint32: 32, int64: 63, uint64: 64 },
  ...{ float16: 11, float32: 24, float64: 53, complex64: 24, complex128: 53 },
};
const FLOATS: readonly NumericDtype[] = ['float16', 'float32', 'float64'];
const COMPLEX: readonly NumericDtype[] = ['complex64', 'complex128'];
const SIGNED: readonly NumericDtype[] = ['int8', 'int16', 'int32', 'int64', ...FLOATS, ...COMPLEX];

function isReal(dtype: NumericDtype): boolean {
  return FLOATS.includes(dtype) || COMPLEX.includes(dtype);
}

/** Whether a type has all numbers of another: as numpy's `can_cast(..., 'safe')`, exactly. */
export function isLosslessNumber(from: NumericDtype, to: NumericDtype): boolean {
  if (from === to) return true;
  if (to === 'bool') return false;
  if (COMPLEX.includes(from)) return COMPLEX.includes(to) && INTEGER_BITS[from] < INTEGER_BITS[to];
  if (FLOATS.includes(from)) return isReal(to) && INTEGER_BITS[from] <= INTEGER_BITS[to];
  if (SIGNED.includes(from) && !SIGNED.includes(to)) return false;
  return INTEGER_BITS[from] <= INTEGER_BITS[to];
}

type Read = (at: number) => number | bigint;
type Write = (at: number, value: number | bigint) => void;

/**
 * Converts numbers to another type and byte order: all of the source, which the target has room
 * for. To an integer values are truncated and wrap around, as numpy's `astype` of integers does;
 * of complex numbers the imaginary part is dropped. As a bool all but zero is true: NaN is, and a
 * complex number of which either part is not zero.
 */
export function convertNumbers(source: Elements, target: Elements): void {
  const count = source.bytes.length / itemSizeOf(source.dtype);
  if (source.dtype === target.dtype) {
    target.bytes.set(source.bytes);
    if (source.byteOrder !== target.byteOrder) swapBytes(target.bytes, wordOf(target.dtype));
    return;
  }
  const from = plainArray(source);
  const to = plainArray(target);
  if (from !== null && to !== null) {
    to.set(from);
    return;
  }
  const isComplex = COMPLEX.includes(target.dtype);
  const read = readerOf(source);
  const write = writerOf(target);
  const imaginary = COMPLEX.includes(source.dtype);
  const step = imaginary ? 2 : 1;
  const isEither = imaginary && target.dtype === 'bool';
  for (let at = 0; at < count; at++) {
    const value = read(at * step);
    if (isEither) write(at, Number(isTrue(value) || isTrue(read(2 * at + 1))));
    else if (!isComplex) write(at, value);
    else {
      write(2 * at, value);
      write(2 * at + 1, imaginary ? read(2 * at + 1) : 0);
    }
  }
}

/** Bytes of the number that an element is made of: half of a complex one. */
function wordOf(dtype: NumericDtype): number {
  return COMPLEX.includes(dtype) ? itemSizeOf(dtype) / 2 : itemSizeOf(dtype);
}

type PlainArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

const PLAIN: {
  readonly [dtype: string]:
    | (new (
        buffer: ArrayBufferLike,
        offset: number,
        length: number,
      ) => PlainArray)
    | undefined;
} = {
  ...{ int8: Int8Array, uint8: Uint8Array, int16: Int16Array, uint16: Uint16Array },
  ...{ int32: Int32Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array },
};

/**
 * Elements as an array that converts as we do when it is set to another one, ten times as fast as
 * one by one; null where there is none: other types, another byte order, or an odd place.
 */
function plainArray({ bytes, dtype, byteOrder }: Elements): PlainArray | null {
  const itemSize = itemSizeOf(dtype);
  const make = PLAIN[dtype];
  const isNative = byteOrder === 'little' || itemSize === 1;
  if (make === undefined || !isNative || bytes.byteOffset % itemSize !== 0) return null;
  return new make(bytes.buffer, bytes.byteOffset, bytes.length / itemSize);
}

/** Turns the bytes of each word around, in place. */
function swapBytes(bytes: Uint8Array, word: number): void {
  if (word === 1) return;
  if (word >= 4 && bytes.byteOffset % 4 === 0) {
    swapWords(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4), word / 4);
    return;
  }
  for (let start = 0; start < bytes.length; start += word) {
    for (let low = start, high = start + word - 1; low < high; low++, high--) {
      const byte = bytes[low] as number;
      bytes[low] = bytes[high] as number;
      bytes[high] = byte;
    }
  }
}

/** As {@link swapBytes}, of words of one or two times 32 bits. */
function swapWords(words: Uint32Array, size: number): void {
  const swapped = (word: number): number =>
    (word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24);
  for (let at = 0; at < words.length; at += size) {
    const first = words[at] as number;
    if (size === 1) words[at] = swapped(first);
    else {
      words[at] = swapped(words[at + 1] as number);
      words[at + 1] = swapped(first);
    }
  }
}

function viewOf({ bytes }: Elements): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function readerOf(source: Elements): Read {
  const view = viewOf(source);
  const little = source.byteOrder === 'little';
  switch (source.dtype) {
    case 'bool':
      return (at) => Number(view.getUint8(at) !== 0);
    case 'uint8':
      return (at) => view.getUint8(at);
    case 'int8':
      return (at) => view.getInt8(at);
    case 'int16':
      return (at) => view.getInt16(at * 2, little);
    case 'uint16':
      return (at) => view.getUint16(at * 2, little);
    case 'int32':
      return (at) => view.getInt32(at * 4, little);
    case 'uint32':
      return (at) => view.getUint32(at * 4, little);
    case 'int64':
      return (at) => view.getBigInt64(at * 8, little);
    case 'uint64':
      return (at) => view.getBigUint64(at * 8, little);
    case 'float16':
      return (at) => fromFloat16(view.getUint16(at * 2, little));
    case 'float32':
    case 'complex64':
      return (at) => view.getFloat32(at * 4, little);
    default:
      return (at) => view.getFloat64(at * 8, little);
  }
}

function writerOf(target: Elements): Write {
  const view = viewOf(target);
  const little = target.byteOrder === 'little';
  switch (target.dtype) {
    case 'bool':
      return (at, value) => view.setUint8(at, Number(isTrue(value)));
    case 'uint8':
      return (at, value) => view.setUint8(at, low32(value));
    case 'int8':
      return (at, value) => view.setInt8(at, low32(value));
    case 'int16':
      return (at, value) => view.setInt16(at * 2, low32(value), little);
    case 'uint16':
      return (at, value) => view.setUint16(at * 2, low32(value), little);
    case 'int32':
      return (at, value) => view.setInt32(at * 4, low32(value), little);
    case 'uint32':
      return (at, value) => view.setUint32(at * 4, low32(value), little);
    case 'int64':
      return (at, value) => view.setBigInt64(at * 8, integer(value), little);
    case 'uint64':
      return (at, value) => view.setBigUint64(at * 8, BigInt.asUintN(64, integer(value)), little);
    case 'float16':
      return (at, value) => view.setUint16(at * 2, toFloat16(Number(value)), little);
    case 'float32':
    case 'complex64':
      return (at, value) => view.setFloat32(at * 4, Number(value), little);
    default:
      return (at, value) => view.setFloat64(at * 8, Number(value), little);
  }
}

/** Of NaN, too, as numpy has it. */
function isTrue(value: number | bigint): boolean {
  return Number(value) !== 0;
}

/** The low 32 bits of the integer that a number is cut to. */
function low32(value: number | bigint): number {
  return typeof value === 'bigint' ? Number(BigInt.asIntN(32, value)) : value | 0;
}

/** What is no integer is cut; what is no number, or has no end, is 0. */
function integer(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value;
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}
