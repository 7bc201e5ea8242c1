import { LIMITS } from '../../core/limits.js';
import { isNumeric, itemSizeOf, type NumericDtype, type StringDtype } from '../../core/space.js';
import { badZarr, extension, type Json } from './json.js';

/** What an element of an array can be. */
export type ZarrType = NumericDtype | StringDtype;

/** Names for bytes of a fixed number, which all become texts. */
const BYTES_TYPES = ['null_terminated_bytes', 'fixed_length_bytes', 'raw_bytes'];

export const isText = (dtype: ZarrType): dtype is StringDtype => dtype.startsWith('string[');

/** The type of an array's elements. `not-a-zarr-store`, by its name, for one that is not known. */
export function parseType(value: unknown, path: string): ZarrType {
  const { name, with: configuration } = extension(value, path, 'data_type');
  if (isNumeric(name)) return name;
  // As the specification has it: r16 has 16 bits.
  const bits = /^r([1-9]\d{0,8})$/u.exec(name);
  if (bits === null && !BYTES_TYPES.includes(name)) {
    throw badZarr(path, `its data_type "${name}" is not known`);
  }
  const size = bits === null ? configuration['length_bytes'] : Number(bits[1]) / 8;
  if (!(Number.isInteger(size) && Number(size) >= 1 && Number(size) <= LIMITS.itemBytesMax)) {
    throw badZarr(path, `its elements have 1 to ${LIMITS.itemBytesMax} bytes, not ${String(size)}`);
  }
  return `string[${Number(size)}]`;
}

export function typeJson(dtype: ZarrType): Json {
  if (!isText(dtype)) return dtype;
  return { name: 'null_terminated_bytes', configuration: { length_bytes: itemSizeOf(dtype) } };
}

/** Of bytes: as it is written, in Base64. Raw ones of the specification have a list of numbers. */
export function parseFill(value: Json, dtype: ZarrType): Json {
  if (!isText(dtype) || !Array.isArray(value)) return value;
  const isByte = (each: Json): boolean =>
    Number.isInteger(each) && Number(each) >= 0 && Number(each) <= 255;
  if (value.length !== itemSizeOf(dtype) || !value.every(isByte)) return value;
  return Buffer.from(value as readonly number[]).toString('base64');
}
