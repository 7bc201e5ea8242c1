import type { FieldForm, Form } from '../../core/dtype.js';
import { DTYPES, faultOf, isNumeric, textOf } from '../../core/dtype.js';
import type { ByteOrder, NumericDtype } from '../../core/space.js';
import type { AttributeType } from '../dataset.js';
import type { Metadata } from './library.js';

/** Classes of types, as HDF5 numbers them. */
export const CLASS = {
  integer: 0,
  float: 1,
  string: 3,
  compound: 6,
  enum: 8,
} as const;

/** Those that no object can have, by their numbers. */
const OTHERS: { readonly [number: number]: string } = {
  2: 'times',
  4: 'bit fields',
  5: 'opaque bytes',
  7: 'references to other objects',
  9: 'lists of different lengths',
  10: 'arrays in each element',
};

/** How a text of fixed size that is shorter ends. */
type Padding = 'null-terminated' | 'null-padded' | 'space-padded';
export const PADDINGS: readonly Padding[] = ['null-terminated', 'null-padded', 'space-padded'];

/** What a type in HDF5 is made of, besides the dtype: enough to make the same type again. */
export interface Stored {
  readonly byteOrder: ByteOrder;
  readonly charset: 'ascii' | 'utf8';
  readonly padding: Padding;
  /** Texts of any length, even where an object has them in a fixed size. */
  readonly isText: boolean;
  /**
   * The names of an enumeration, by what they stand for. A bool without is a byte, as xarray has
   * it, and with an enumeration, as h5py does.
   */
  readonly names: { readonly [name: string]: number } | null;
}

export interface Hdf5Type {
  readonly type: AttributeType;
  readonly stored: Stored;
}

type TypeMetadata = Pick<
  Metadata,
  'type' | 'size' | 'signed' | 'littleEndian' | 'vlen' | 'cset' | 'strpad'
> &
  Partial<Metadata>;

const FLOATS: { readonly [size: number]: NumericDtype } = {
  2: 'float16',
  4: 'float32',
  8: 'float64',
};

/** A form and its byte order, null when a single byte has none; or why there is none. */
type Found = { readonly form: Form; readonly byteOrder: ByteOrder | null };

function numberOf(dtype: string | undefined, metadata: TypeMetadata): Found | string {
  if (dtype === undefined || !isNumeric(dtype)) {
    return `numbers of ${metadata.size} bytes`;
  }
  const { itemSize } = DTYPES[dtype];
  const byteOrder = itemSize === 1 ? null : metadata.littleEndian ? 'little' : 'big';
  return { form: { kind: 'number', itemSize, dtype }, byteOrder };
}

function integerOf(metadata: TypeMetadata): Found | string {
  return numberOf(`${metadata.signed ? '' : 'u'}int${metadata.size * 8}`, metadata);
}

/** Of h5py: an enumeration of bytes with these two names. */
function isBool({
  size,
  enum_type: { members = {} } = { members: {}, nmembers: 0, type: 0 },
}: TypeMetadata): boolean {
  const names = Object.keys(members);
  return size === 1 && names.length === 2 && members['FALSE'] === 0 && members['TRUE'] === 1;
}

/** Of h5py and others: two equal floats named r and i. */
function complexOf(fields: readonly FieldForm[], itemSize: number): NumericDtype | null {
  const [real, imaginary] = fields;
  if (fields.length !== 2 || real?.name !== 'r' || imaginary?.name !== 'i') return null;
  const { form } = real;
  if (form.kind !== 'number' || textOf(form) !== textOf(imaginary.form)) return null;
  const isTight = imaginary.offset === form.itemSize && itemSize === 2 * form.itemSize;
  if (!isTight) return null;
  if (form.dtype === 'float32') return 'complex64';
  return form.dtype === 'float64' ? 'complex128' : null;
}

function compoundOf({ size, compound_type: compound }: TypeMetadata): Found | string {
  const fields: FieldForm[] = [];
  const orders = new Set<ByteOrder>();
  for (const member of compound?.members ?? []) {
    const found = formOf(member);
    if (typeof found === 'string') return `structs with ${found}`;
    if (found.byteOrder !== null) orders.add(found.byteOrder);
    fields.push({ name: member.name, offset: member.offset, form: found.form });
  }
  if (orders.size > 1) return 'structs with fields of both byte orders';
  const [byteOrder = null] = orders;
  const complex = complexOf(fields, size);
  if (complex !== null) {
    return { form: { kind: 'number', itemSize: size, dtype: complex }, byteOrder };
  }
  const sorted = fields.toSorted((one, other) => one.offset - other.offset);
  const form: Form = { kind: 'struct', itemSize: size, fields: sorted };
  const fault = faultOf(form);
  return fault === null ? { form, byteOrder } : `structs of which ${fault}`;
}

function formOf(metadata: TypeMetadata): Found | string {
  const { type, size, vlen } = metadata;
  switch (type) {
    case CLASS.integer:
      return integerOf(metadata);
    case CLASS.float:
      return numberOf(FLOATS[size], metadata);
    case CLASS.enum:
      if (isBool(metadata)) return numberOf('bool', metadata);
      // h5wasm cannot turn them around.
      if (size > 1 && !metadata.littleEndian) return 'enumerations of big-endian numbers';
      // No dtype has the names: the numbers remain, and the layout keeps what they mean.
      return metadata.enum_type?.type === CLASS.integer
        ? integerOf(metadata)
        : 'enumerations of something else than integers';
    case CLASS.string: {
      if (vlen) return 'texts of any length';
      const form: Form = { kind: 'string', itemSize: size };
      const fault = faultOf(form);
      return fault === null ? { form, byteOrder: null } : `texts of which ${fault}`;
    }
    case CLASS.compound:
      return compoundOf(metadata);
    default:
      return OTHERS[type] ?? `a class of types with the number ${type}`;
  }
}

/** What a type of HDF5 is here, or why it is nothing: words that follow "its elements are". */
export function typeOf(metadata: TypeMetadata): Hdf5Type | string {
  const isText = metadata.type === CLASS.string && metadata.vlen;
  const charset = metadata.cset === 1 ? 'utf8' : 'ascii';
  const padding = PADDINGS[metadata.strpad ?? 0] ?? 'null-terminated';
  const names = metadata.type === CLASS.enum ? (metadata.enum_type?.members ?? null) : null;
  const stored: Stored = { byteOrder: 'little', charset, padding, isText, names };
  // Texts of any length have no room that could be filled up.
  if (isText) return { type: 'text', stored: { ...stored, padding: 'null-terminated' } };
  const found = formOf(metadata);
  if (typeof found === 'string') return found;
  const { form, byteOrder } = found;
  // NetCDF's characters are texts of one byte.
  const type = form.kind === 'string' && form.itemSize === 1 ? 'char' : textOf(form);
  return { type, stored: { ...stored, byteOrder: byteOrder ?? 'little' } };
}

/** Filters of this build of HDF5: deflate, shuffle, Fletcher's sum, szip, nbit, scaling. */
const FILTERS_KNOWN: readonly number[] = [1, 2, 3, 4, 5, 6];

/** Others by their registered numbers: files mostly name them, but need not. */
const FILTER_NAMES: { readonly [number: number]: string } = {
  307: 'bzip2',
  32000: 'lzf',
  32001: 'blosc',
  32004: 'lz4',
  32008: 'bitshuffle',
  32013: 'zfp',
  32015: 'zstd',
  32017: 'sz',
  32022: 'bitgroom',
  32023: 'bitround',
  32026: 'blosc2',
};

/** The filter that cannot be undone here, or null. */
export function unknownFilter(
  filters: readonly { readonly id: number; readonly name: string }[],
): string | null {
  const found = filters.find(({ id }) => !FILTERS_KNOWN.includes(id));
  if (found === undefined) return null;
  return FILTER_NAMES[found.id] ?? (found.name === '' ? `number ${found.id}` : found.name);
}
