import { AssertionFailed, refuse } from './assert.js';
import { Reader, type Writer } from './bytes.js';
import {
  badSpace,
  DTYPE_CODES,
  DTYPES,
  type Dtype,
  isNumeric,
  NUMERIC_DTYPES,
  textOf,
} from './dtype.js';
import {
  codeOfForm,
  descriptionSize,
  itemSizeAt,
  readDescription,
  writeDescription,
} from './dtype-codec.js';
import { formOf, itemSizeOf } from './dtype-text.js';
import { LIMITS } from './limits.js';

export {
  DTYPES,
  type Dtype,
  isNumeric,
  type NumericDtype,
  type StringDtype,
  type StructDtype,
} from './dtype.js';
export { itemSizeOf } from './dtype-text.js';

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

/** By code; 0, unset, has none. */
const ITEM_SIZES: readonly number[] = [0, ...NUMERIC_DTYPES.map(itemSizeOf)];
const ORDERS: readonly Order[] = ['row', 'column'];
const BYTE_ORDERS: readonly ByteOrder[] = ['little', 'big'];

/** Before the dimensions: dtype, order, byte order, ndim. */
const HEADER_SIZE = 4;
const SHAPE_UNSET = 255;
const UNSET = 0;
const HIGH = 0x1_0000_0000;

const byteAt = (bytes: Uint8Array, at: number): number => bytes[at] as number;

/** 1 + the place of `name` in `names`: its code. */
function codeOf<T>(names: readonly T[], name: T | undefined, field: string): number {
  if (name === undefined) return UNSET;
  const index = names.indexOf(name);
  if (index < 0) badSpace(`${field} "${String(name)}" is not known`);
  return index + 1;
}

function codeOfDtype(dtype: Dtype | undefined): number {
  if (dtype === undefined) return UNSET;
  return isNumeric(dtype) ? DTYPES[dtype].code : codeOfForm(formOf(dtype));
}

/** Writes a space; what is left out is unset. `bad-space` when a field is none that exists. */
export function writeSpace(w: Writer, space: SpaceExpectation | null): void {
  const code = codeOfDtype(space?.dtype);
  w.u8(code);
  w.u8(codeOf(ORDERS, space?.order, 'the order'));
  w.u8(codeOf(BYTE_ORDERS, space?.byteOrder, 'the byte order'));
  writeShape(w, space?.shape);
  if (code >= DTYPE_CODES.string) writeDescription(w, formOf(space?.dtype as Dtype));
}

function writeShape(w: Writer, shape: SpaceExpectation['shape']): void {
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
  codeOfDtype(dtype);
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
    byteAt(bytes, start) > DTYPE_CODES.struct ||
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
  const code = byteAt(bytes, start);
  if (code >= DTYPE_CODES.string) readDescription(r, code);
  return start;
}

/** Sets the first dimension of an encoded space that was written at `start`. */
export function patchRows(w: Writer, start: number, rows: number): void {
  w.patchU32(start + HEADER_SIZE, rows % HIGH);
  w.patchU32(start + HEADER_SIZE + 4, Math.floor(rows / HIGH));
}

/** The space that stands, checked before, at `start`. */
export function spaceAt(bytes: Uint8Array, start: number): SpaceExpectation {
  const space: {
    dtype?: Dtype;
    order?: Order;
    byteOrder?: ByteOrder;
    shape?: (number | null)[];
  } = {};
  const dtype = dtypeAt(bytes, start);
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
  const code = byteAt(bytes, start);
  if (code < DTYPE_CODES.string) return NUMERIC_DTYPES[code - 1];
  const r = new Reader();
  const at = descriptionAt(bytes, start);
  r.reset(bytes, at, at + descriptionSize(bytes, at));
  return textOf(readDescription(r, code));
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

/** Refuses with `bad-space` what is no space, and one that leaves something open. */
export function checkWholeSpace(space: SpaceExpectation): void {
  checkSpace(space);
  if (completeSpaceOf(space) !== null) return;
  badSpace('it needs a dtype, a shape, an order and a byte order, and no dimension may be open');
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

/** Where the dimensions end: there a string or a struct says what it is. */
function descriptionAt(bytes: Uint8Array, start: number): number {
  const ndim = byteAt(bytes, start + 3);
  return start + (ndim === SHAPE_UNSET ? HEADER_SIZE : HEADER_SIZE + ndim * 8);
}

/** Where the space at `start` ends. */
function endOf(bytes: Uint8Array, start: number): number {
  const at = descriptionAt(bytes, start);
  return byteAt(bytes, start) < DTYPE_CODES.string ? at : at + descriptionSize(bytes, at);
}

/** How many bytes the encoded space at `start` takes, which was checked before. */
export function encodedSpaceSize(bytes: Uint8Array, start: number): number {
  return endOf(bytes, start) - start;
}

/** Bytes of an element of the space at `start`, whose dtype is set. */
function encodedItemSize(bytes: Uint8Array, start: number): number {
  const code = byteAt(bytes, start);
  if (code < DTYPE_CODES.string) return ITEM_SIZES[code] as number;
  return u32At(bytes, itemSizeAt(descriptionAt(bytes, start)));
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
  return productOf(bytes, start, ndim, encodedItemSize(bytes, start));
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
    const isDescribed = field === 0 && wanted === given && wanted >= DTYPE_CODES.string;
    if (isDescribed && !isSameDescription(expected, expectedStart, offered, offeredStart)) {
      return SPACE_FIELD.dtype;
    }
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

/** Whether two strings, or two structs, are the same: a dtype is encoded in one way only. */
function isSameDescription(
  one: Uint8Array,
  oneStart: number,
  other: Uint8Array,
  otherStart: number,
): boolean {
  const at = descriptionAt(one, oneStart);
  const then = descriptionAt(other, otherStart);
  const size = endOf(one, oneStart) - at;
  if (endOf(other, otherStart) - then !== size) return false;
  for (let each = 0; each < size; each++) {
    if (byteAt(one, at + each) !== byteAt(other, then + each)) return false;
  }
  return true;
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
  mergeShape(w, base, baseStart, over, overStart);
  const isOver = byteAt(over, overStart) !== UNSET;
  if (isOver) w.rawRange(over, descriptionAt(over, overStart), endOf(over, overStart));
  else w.rawRange(base, descriptionAt(base, baseStart), endOf(base, baseStart));
}

function mergeShape(
  w: Writer,
  base: Uint8Array,
  baseStart: number,
  over: Uint8Array,
  overStart: number,
): void {
  const baseNdim = byteAt(base, baseStart + 3);
  const overNdim = byteAt(over, overStart + 3);
  if (overNdim === SHAPE_UNSET || overNdim !== baseNdim) {
    const from = overNdim === SHAPE_UNSET ? base : over;
    const start = overNdim === SHAPE_UNSET ? baseStart : overStart;
    w.rawRange(from, start + 3, descriptionAt(from, start));
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
  const code = byteAt(bytes, start);
  const itemSize = code === UNSET ? DTYPES.uint8.itemSize : encodedItemSize(bytes, start);
  w.u8(code || DTYPES.uint8.code);
  w.u8(byteAt(bytes, start + 1) || 1);
  w.u8(byteAt(bytes, start + 2) || 1);
  completeShape(w, bytes, start, { payloadSize, itemSize });
  w.rawRange(bytes, descriptionAt(bytes, start), endOf(bytes, start));
}

function completeShape(
  w: Writer,
  bytes: Uint8Array,
  start: number,
  { payloadSize, itemSize }: { readonly payloadSize: number; readonly itemSize: number },
): void {
  const ndim = byteAt(bytes, start + 3);
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
