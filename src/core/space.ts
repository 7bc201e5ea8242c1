import { AssertionFailed, refuse } from './assert.js';
import type { Reader, Writer } from './bytes.js';
import { LIMITS } from './limits.js';

/** Types of elements: code on the wire and size of one element in bytes. */
export const DTYPES = {
  bool: { code: 1, itemSize: 1 },
  int8: { code: 2, itemSize: 1 },
  uint8: { code: 3, itemSize: 1 },
  int16: { code: 4, itemSize: 2 },
  uint16: { code: 5, itemSize: 2 },
  int32: { code: 6, itemSize: 4 },
  uint32: { code: 7, itemSize: 4 },
  int64: { code: 8, itemSize: 8 },
  uint64: { code: 9, itemSize: 8 },
  float16: { code: 10, itemSize: 2 },
  float32: { code: 11, itemSize: 4 },
  float64: { code: 12, itemSize: 8 },
  complex64: { code: 13, itemSize: 8 },
  complex128: { code: 14, itemSize: 16 },
} as const;

export type Dtype = keyof typeof DTYPES;
export type Order = 'row' | 'column';
export type ByteOrder = 'little' | 'big';

/** What the bytes of an object are. A shape of no dimensions is a scalar: one element. */
export interface Space {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly order: Order;
  readonly byteOrder: ByteOrder;
}

/** What is known or expected of a space: what is left out, or null in the shape, is unset. */
export interface SpaceExpectation {
  readonly dtype?: Dtype;
  readonly shape?: readonly (number | null)[];
  readonly order?: Order;
  readonly byteOrder?: ByteOrder;
}

const DTYPE_NAMES = Object.keys(DTYPES) as readonly Dtype[];
/** By code; 0, unset, has none. */
const ITEM_SIZES: readonly number[] = [0, ...DTYPE_NAMES.map(itemSizeOf)];
const ORDERS: readonly Order[] = ['row', 'column'];
const BYTE_ORDERS: readonly ByteOrder[] = ['little', 'big'];

/** Before the dimensions: dtype, order, byte order, ndim. */
const HEADER_SIZE = 4;
const SHAPE_UNSET = 255;
const UNSET = 0;
const HIGH = 0x1_0000_0000;

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number;

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(DTYPES, name);
}

/** Bytes of one element of `dtype`: the one place that knows, whatever a dtype is made of. */
export function itemSizeOf(dtype: Dtype): number {
  return DTYPES[dtype].itemSize;
}

function badSpace(why: string): never {
  return refuse('bad-space', `Cannot use the space: ${why}`);
}

/** 1 + the place of `name` in `names`: its code. */
function codeOf<T>(names: readonly T[], name: T | undefined, field: string): number {
  if (name === undefined) return UNSET;
  const index = names.indexOf(name);
  if (index < 0) badSpace(`${field} "${String(name)}" is not known`);
  return index + 1;
}

/** Writes a space; what is left out is unset. `bad-space` when a field is none that exists. */
export function writeSpace(w: Writer, space: SpaceExpectation | null): void {
  w.u8(codeOf(DTYPE_NAMES, space?.dtype, 'the dtype'));
  w.u8(codeOf(ORDERS, space?.order, 'the order'));
  w.u8(codeOf(BYTE_ORDERS, space?.byteOrder, 'the byte order'));
  const shape = space?.shape;
  if (shape === undefined) {
    w.u8(SHAPE_UNSET);
    return;
  }
  checkShape(shape);
  w.u8(shape.length);
  for (const dimension of shape) {
    if (dimension === null) {
      w.u32(0xffff_ffff);
      w.u32(0xffff_ffff);
    } else w.u64(dimension);
  }
}

/** Refuses with `bad-space` what {@link writeSpace} would refuse. */
export function checkSpace({ dtype, order, byteOrder, shape }: SpaceExpectation): void {
  codeOf(DTYPE_NAMES, dtype, 'the dtype');
  codeOf(ORDERS, order, 'the order');
  codeOf(BYTE_ORDERS, byteOrder, 'the byte order');
  if (shape !== undefined) checkShape(shape);
}

function checkShape(shape: readonly (number | null)[]): void {
  if (!Array.isArray(shape)) badSpace('its shape is no list of dimensions');
  if (shape.length > LIMITS.dimensionsMax) {
    badSpace(`it has ${shape.length} dimensions, more than ${LIMITS.dimensionsMax}`);
  }
  for (const dimension of shape) {
    if (dimension !== null && (!Number.isSafeInteger(dimension) || dimension < 0)) {
      badSpace(`a dimension of ${dimension} is not a whole number from 0 to 2^53 - 1`);
    }
  }
}

/** The little-endian u32 at `at`, without a DataView. */
function u32At(bytes: Uint8Array, at: number): number {
  return (
    byteAt(bytes, at) +
    byteAt(bytes, at + 1) * 0x100 +
    byteAt(bytes, at + 2) * 0x1_0000 +
    byteAt(bytes, at + 3) * 0x100_0000
  );
}

/** The dimension at `at`; -1 for unset, -2 for one that no space can have. */
function dimensionAt(bytes: Uint8Array, at: number): number {
  const high = u32At(bytes, at + 4);
  const low = u32At(bytes, at);
  if (high <= 0x1f_ffff) return high * HIGH + low;
  return high === 0xffff_ffff && low === 0xffff_ffff ? -1 : -2;
}

/** Moves past a space and checks it; returns where it starts. */
export function skipSpace(r: Reader): number {
  const start = r.skip(HEADER_SIZE);
  const bytes = r.bytes;
  const ndim = byteAt(bytes, start + 3);
  if (
    byteAt(bytes, start) > DTYPE_NAMES.length ||
    byteAt(bytes, start + 1) > ORDERS.length ||
    byteAt(bytes, start + 2) > BYTE_ORDERS.length ||
    (ndim > LIMITS.dimensionsMax && ndim !== SHAPE_UNSET)
  ) {
    refuse('bad-message', 'Cannot read a space: a field is out of range');
  }
  if (ndim !== SHAPE_UNSET) {
    let at = r.skip(ndim * 8);
    for (; at < r.at; at += 8) {
      if (dimensionAt(bytes, at) === -2) {
        refuse('bad-message', 'Cannot read a space: a dimension is 2^53 or more');
      }
    }
  }
  return start;
}

/** The space that stands, checked before, at `start`. */
export function spaceAt(bytes: Uint8Array, start: number): SpaceExpectation {
  const space: {
    dtype?: Dtype;
    order?: Order;
    byteOrder?: ByteOrder;
    shape?: (number | null)[];
  } = {};
  const dtype = DTYPE_NAMES[byteAt(bytes, start) - 1];
  const order = ORDERS[byteAt(bytes, start + 1) - 1];
  const byteOrder = BYTE_ORDERS[byteAt(bytes, start + 2) - 1];
  const ndim = byteAt(bytes, start + 3);
  if (dtype !== undefined) space.dtype = dtype;
  if (ndim !== SHAPE_UNSET) {
    space.shape = [];
    for (let index = 0; index < ndim; index++) {
      const dimension = dimensionAt(bytes, start + HEADER_SIZE + index * 8);
      space.shape.push(dimension < 0 ? null : dimension);
    }
  }
  if (order !== undefined) space.order = order;
  if (byteOrder !== undefined) space.byteOrder = byteOrder;
  return space;
}

/** Only the dtype of it. */
export function dtypeAt(bytes: Uint8Array, start: number): Dtype | undefined {
  return DTYPE_NAMES[byteAt(bytes, start) - 1];
}

export function readSpace(r: Reader): SpaceExpectation {
  return spaceAt(r.bytes, skipSpace(r));
}

/** A space of which every field is set, or null. */
export function completeSpaceOf(space: SpaceExpectation): Space | null {
  const { dtype, shape, order, byteOrder } = space;
  if (!dtype || !shape || !order || !byteOrder) return null;
  const dimensions: number[] = [];
  for (const dimension of shape) {
    if (dimension === null) return null;
    dimensions.push(dimension);
  }
  return { dtype, shape: dimensions, order, byteOrder };
}

/** How many bytes a payload of this space has. `bad-space` at 2^53 and beyond. */
export function spaceBytes(space: Pick<Space, 'dtype' | 'shape'>): number {
  if (space.shape.includes(0)) return 0;
  let size = itemSizeOf(space.dtype);
  for (const dimension of space.shape) {
    size *= dimension;
    if (size > Number.MAX_SAFE_INTEGER) badSpace('its size is 2^53 bytes or more');
  }
  return size;
}

/** How many bytes the encoded space at `start` takes, which was checked before. */
export function encodedSpaceSize(bytes: Uint8Array, start: number): number {
  const ndim = byteAt(bytes, start + 3);
  return ndim === SHAPE_UNSET ? HEADER_SIZE : HEADER_SIZE + ndim * 8;
}

/** The bytes of `ndim` dimensions of items of `itemSize`; leaves out those that are unset. */
function productOf(bytes: Uint8Array, start: number, ndim: number, itemSize: number): number {
  const end = start + HEADER_SIZE + ndim * 8;
  for (let at = start + HEADER_SIZE; at < end; at += 8) {
    if (dimensionAt(bytes, at) === 0) return 0;
  }
  let size = itemSize;
  for (let at = start + HEADER_SIZE; at < end; at += 8) {
    const dimension = dimensionAt(bytes, at);
    if (dimension < 0) continue;
    size *= dimension;
    if (size > Number.MAX_SAFE_INTEGER) badSpace('its size is 2^53 bytes or more');
  }
  return size;
}

function unsetDimensions(bytes: Uint8Array, start: number, ndim: number): number {
  let count = 0;
  for (let index = 0; index < ndim; index++) {
    if (dimensionAt(bytes, start + HEADER_SIZE + index * 8) < 0) count++;
  }
  return count;
}

/**
 * The size in bytes of a payload of the encoded space at `start`; -1 when its dtype, its shape or
 * a dimension is unset. `bad-space` at 2^53 and beyond.
 */
export function spaceByteSize(bytes: Uint8Array, start: number): number {
  const ndim = byteAt(bytes, start + 3);
  const dtype = byteAt(bytes, start);
  if (dtype === UNSET || ndim === SHAPE_UNSET || unsetDimensions(bytes, start, ndim) > 0) return -1;
  return productOf(bytes, start, ndim, ITEM_SIZES[dtype] as number);
}

/** What {@link spaceMismatch} returns: a field, or `shapeFirst + index` for a dimension. */
const SPACE_FIELD = {
  none: 0,
  dtype: 1,
  order: 2,
  byteOrder: 3,
  ndim: 4,
  shapeFirst: 5,
} as const;

/**
 * The first field in which an offered space differs from an expectation, both encoded: a code of
 * {@link SPACE_FIELD}, 0 for none. What is unset on either side matches.
 */
export function spaceMismatch(
  expected: Uint8Array,
  expectedStart: number,
  offered: Uint8Array,
  offeredStart: number,
): number {
  for (let field = 0; field < 3; field++) {
    const wanted = byteAt(expected, expectedStart + field);
    const given = byteAt(offered, offeredStart + field);
    if (wanted !== given && wanted !== UNSET && given !== UNSET) return field + 1;
  }
  const ndim = byteAt(expected, expectedStart + 3);
  const given = byteAt(offered, offeredStart + 3);
  if (ndim === SHAPE_UNSET || given === SHAPE_UNSET) return SPACE_FIELD.none;
  if (ndim !== given) return SPACE_FIELD.ndim;
  for (let index = 0; index < ndim; index++) {
    const at = HEADER_SIZE + index * 8;
    const wanted = dimensionAt(expected, expectedStart + at);
    const actual = dimensionAt(offered, offeredStart + at);
    if (wanted !== actual && wanted >= 0 && actual >= 0) return SPACE_FIELD.shapeFirst + index;
  }
  return SPACE_FIELD.none;
}

/** The name of a code of {@link spaceMismatch}: `dtype`, `order`, ..., `shape[2]`. */
export function spaceFieldName(field: number): string {
  if (field >= SPACE_FIELD.shapeFirst) return `shape[${field - SPACE_FIELD.shapeFirst}]`;
  const name = ['none', 'dtype', 'order', 'byteOrder', 'ndim'][field];
  if (name === undefined) throw new AssertionFailed(`a field of a space, not ${field}`);
  return name;
}

/** The field as a reader of an error wants it: `float32`, `[3, 4]`, `row`. */
export function spaceFieldText(bytes: Uint8Array, start: number, field: number): string {
  const space = spaceAt(bytes, start);
  if (field === SPACE_FIELD.dtype) return space.dtype ?? 'unset';
  if (field === SPACE_FIELD.order) return space.order ?? 'unset';
  if (field === SPACE_FIELD.byteOrder) return space.byteOrder ?? 'unset';
  if (space.shape === undefined) return 'unset';
  return `[${space.shape.map((dimension) => dimension ?? '?').join(', ')}]`;
}

/**
 * Writes `base` with what of `over` is not unset put in its place: the meaning of SET. A shape with
 * as many dimensions as the base's replaces dimension by dimension, another one as a whole.
 */
export function mergeSpace(
  w: Writer,
  base: Uint8Array,
  baseStart: number,
  over: Uint8Array,
  overStart: number,
): void {
  for (let field = 0; field < 3; field++) {
    const replacement = byteAt(over, overStart + field);
    w.u8(replacement === UNSET ? byteAt(base, baseStart + field) : replacement);
  }
  const baseNdim = byteAt(base, baseStart + 3);
  const overNdim = byteAt(over, overStart + 3);
  if (overNdim === SHAPE_UNSET || overNdim !== baseNdim) {
    const from = overNdim === SHAPE_UNSET ? base : over;
    const start = overNdim === SHAPE_UNSET ? baseStart : overStart;
    w.rawRange(from, start + 3, start + encodedSpaceSize(from, start));
    return;
  }
  w.u8(baseNdim);
  for (let index = 0; index < baseNdim; index++) {
    const at = HEADER_SIZE + index * 8;
    if (dimensionAt(over, overStart + at) >= 0) {
      w.rawRange(over, overStart + at, overStart + at + 8);
    } else w.rawRange(base, baseStart + at, baseStart + at + 8);
  }
}

/** The length of the one dimension that is open, from the size of the payload. */
function openDimension(payloadSize: number, rest: number): number {
  if (rest === 0) {
    if (payloadSize === 0) return 0;
  } else if (payloadSize % rest === 0) return payloadSize / rest;
  return refuse(
    'size-mismatch',
    `Cannot offer a payload of ${payloadSize} bytes: it is no multiple of ${rest} bytes`,
    { payloadSize },
  );
}

/**
 * Writes the space of an offer: fields that are unset get their defaults, an unset shape becomes
 * one dimension, an unset dimension (one at most, else `bad-space`) what the payload gives. A
 * payload that does not divide is `size-mismatch`. Whether a shape that was set already fits the
 * payload is for the caller to compare, by {@link spaceByteSize}.
 */
export function completeSpace(
  w: Writer,
  bytes: Uint8Array,
  start: number,
  payloadSize: number,
): void {
  const dtype = byteAt(bytes, start) || DTYPES.uint8.code;
  const ndim = byteAt(bytes, start + 3);
  const itemSize = ITEM_SIZES[dtype] as number;
  w.u8(dtype);
  w.u8(byteAt(bytes, start + 1) || 1);
  w.u8(byteAt(bytes, start + 2) || 1);
  if (ndim === SHAPE_UNSET) {
    w.u8(1);
    w.u64(openDimension(payloadSize, itemSize));
    return;
  }
  const unset = unsetDimensions(bytes, start, ndim);
  if (unset > 1) badSpace(`${unset} of its dimensions are unset; at offer one may be`);
  w.u8(ndim);
  for (let index = 0; index < ndim; index++) {
    const at = start + HEADER_SIZE + index * 8;
    if (dimensionAt(bytes, at) >= 0) w.rawRange(bytes, at, at + 8);
    else w.u64(openDimension(payloadSize, productOf(bytes, start, ndim, itemSize)));
  }
}
