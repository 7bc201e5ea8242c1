import { AttaccaError } from '../core/errors.js';
import { type Dtype, isNumeric, itemSizeOf, type NumericDtype, type Space } from '../core/space.js';

/**
 * The typed array of each dtype. bool is a byte of 0 or 1; float16 is its raw bits, the same on
 * every Node; complex numbers are pairs (real, imaginary).
 */
export interface ArrayTypes {
  bool: Uint8Array<ArrayBuffer>;
  int8: Int8Array<ArrayBuffer>;
  uint8: Uint8Array<ArrayBuffer>;
  int16: Int16Array<ArrayBuffer>;
  uint16: Uint16Array<ArrayBuffer>;
  int32: Int32Array<ArrayBuffer>;
  uint32: Uint32Array<ArrayBuffer>;
  int64: BigInt64Array<ArrayBuffer>;
  uint64: BigUint64Array<ArrayBuffer>;
  float16: Uint16Array<ArrayBuffer>;
  float32: Float32Array<ArrayBuffer>;
  float64: Float64Array<ArrayBuffer>;
  complex64: Float32Array<ArrayBuffer>;
  complex128: Float64Array<ArrayBuffer>;
  /** The bytes of texts of a fixed size. */
  [text: `string[${number}]`]: Uint8Array<ArrayBuffer>;
  /** The bytes of structs. */
  [struct: `{${string}}`]: Uint8Array<ArrayBuffer>;
}

export type ArrayOf<D extends Dtype> = ArrayTypes[D];
export type AnyArray = ArrayTypes[Dtype];

/** The elements of an array: numbers, or bigints for 64-bit integers. */
export type ElementOf<A> = A extends BigInt64Array | BigUint64Array ? bigint : number;

/**
 * A typed array without what changes it. Indexing, iterating and computing go straight to the
 * memory of the pool; `slice`, `map`, `filter` make arrays of one's own. It is an `ArrayLike`, so
 * `target.set(view)` and functions that only read take it.
 */
export interface ReadonlyArrayView<A extends AnyArray> {
  readonly [index: number]: ElementOf<A>;
  readonly length: number;
  readonly byteLength: number;
  readonly BYTES_PER_ELEMENT: number;
  at(index: number): ElementOf<A> | undefined;
  entries(): IterableIterator<[number, ElementOf<A>]>;
  every(predicate: (value: ElementOf<A>, index: number) => unknown): boolean;
  filter(predicate: (value: ElementOf<A>, index: number) => unknown): A;
  find(predicate: (value: ElementOf<A>, index: number) => unknown): ElementOf<A> | undefined;
  findIndex(predicate: (value: ElementOf<A>, index: number) => unknown): number;
  findLast(predicate: (value: ElementOf<A>, index: number) => unknown): ElementOf<A> | undefined;
  findLastIndex(predicate: (value: ElementOf<A>, index: number) => unknown): number;
  forEach(visit: (value: ElementOf<A>, index: number) => void): void;
  includes(value: ElementOf<A>, from?: number): boolean;
  indexOf(value: ElementOf<A>, from?: number): number;
  join(separator?: string): string;
  keys(): IterableIterator<number>;
  lastIndexOf(value: ElementOf<A>, from?: number): number;
  map(transform: (value: ElementOf<A>, index: number) => ElementOf<A>): A;
  reduce<T>(combine: (sum: T, value: ElementOf<A>, index: number) => T, initial: T): T;
  reduceRight<T>(combine: (sum: T, value: ElementOf<A>, index: number) => T, initial: T): T;
  slice(start?: number, end?: number): A;
  some(predicate: (value: ElementOf<A>, index: number) => unknown): boolean;
  subarray(begin?: number, end?: number): ReadonlyArrayView<A>;
  toReversed(): A;
  toSorted(compare?: (left: ElementOf<A>, right: ElementOf<A>) => number): A;
  values(): IterableIterator<ElementOf<A>>;
  with(index: number, value: ElementOf<A>): A;
  [Symbol.iterator](): IterableIterator<ElementOf<A>>;
}

type Constructor = new (buffer: ArrayBuffer, byteOffset: number, length: number) => AnyArray;

const CONSTRUCTORS: Readonly<Record<NumericDtype, Constructor>> = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  complex64: Float32Array,
  complex128: Float64Array,
};

/** Strings and structs are handed over as bytes. */
function constructorOf(dtype: Dtype): Constructor {
  return isNumeric(dtype) ? CONSTRUCTORS[dtype] : Uint8Array;
}

/** Whether a typed array is one over elements of a dtype. */
export function isArrayOf(dtype: Dtype, data: ArrayBufferView): boolean {
  return data.constructor === constructorOf(dtype);
}

/** Bytes whose memory is no SharedArrayBuffer. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes of one element of the typed array: half of the item for complex numbers. */
function elementSize(dtype: Dtype): number {
  if (!isNumeric(dtype)) return 1;
  const itemSize = itemSizeOf(dtype);
  return dtype === 'complex64' || dtype === 'complex128' ? itemSize / 2 : itemSize;
}

/** Whether this machine reads elements of the space as they stand. */
function isNative(space: Pick<Space, 'dtype' | 'byteOrder'>): boolean {
  return space.byteOrder === 'little' || elementSize(space.dtype) === 1;
}

/**
 * A typed array over the bytes of a space, which are not converted. `bad-space` when the elements
 * are big-endian: a typed array would read other numbers than were written.
 */
export function arrayOver(name: string, space: Space, bytes: Bytes): AnyArray {
  if (!isNative(space)) {
    throw new AttaccaError(
      'bad-space',
      `Cannot make an array of "${name}": its bytes are big-endian; read them with a DataView`,
      { name, byteOrder: space.byteOrder },
    );
  }
  const length = bytes.length / elementSize(space.dtype);
  return new (constructorOf(space.dtype))(bytes.buffer, bytes.byteOffset, length);
}

const DTYPE_OF_ARRAY: ReadonlyMap<unknown, Dtype> = new Map<unknown, Dtype>([
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
  [Uint8ClampedArray, 'uint8'],
  [Int16Array, 'int16'],
  [Uint16Array, 'uint16'],
  [Int32Array, 'int32'],
  [Uint32Array, 'uint32'],
  [BigInt64Array, 'int64'],
  [BigUint64Array, 'uint64'],
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
]);

/** The dtype that a typed array speaks for itself; a Buffer or DataView is bytes. */
export function dtypeOfArray(data: ArrayBufferView): Dtype {
  return DTYPE_OF_ARRAY.get(data.constructor) ?? 'uint8';
}

/**
 * What an array is elements of, where elements of `dtype` are moved: what says nothing of itself
 * (bytes), and what can stand for several dtypes, is of that.
 */
export function likelyDtype(data: ArrayBufferView, dtype: Dtype): Dtype {
  if (data instanceof Uint8Array || isArrayOf(dtype, data)) return dtype;
  return DTYPE_OF_ARRAY.get(data.constructor) ?? dtype;
}

/** The bytes of any view, not copied. */
export function bytesOfView(data: ArrayBufferView): Uint8Array {
  return data.constructor === Uint8Array
    ? data
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
