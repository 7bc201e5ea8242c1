import { DTYPES, isNumeric } from '../core/dtype.js';
import { convertElements } from '../core/regions/cast.js';
import { elementOf } from '../core/regions/element.js';
import type { Attribute, ElementType } from '../formats/dataset.js';
import type { Json } from './format.js';

/** The attribute by which the CF conventions tell what stands for no value. */
export const FILL_VALUE = '_FillValue';

const isFloat = (type: ElementType): boolean => type.startsWith('float');
const isInteger = (type: ElementType): boolean => /^u?int\d+$/u.test(type);

/**
 * The attribute as xarray has it in Zarr 3: of floats the float64 in Base64, little-endian, of
 * integers a number. Undefined for one that no element could have: xarray would not open the array.
 */
export function fillJson(attribute: Attribute, type: ElementType): Json | undefined {
  const value = numberOf(attribute);
  if (value === null) return undefined;
  if (isInteger(type)) return Number.isSafeInteger(value) ? value : undefined;
  if (!isFloat(type)) return undefined;
  return Buffer.from(new Uint8Array(Float64Array.of(value).buffer)).toString('base64');
}

/** What {@link fillJson} tells, as an attribute of the type of the elements; else null. */
export function fillFrom(json: Json, type: ElementType): Attribute | null {
  const value = isFloat(type) ? floatOf(json) : isInteger(type) ? json : null;
  if (typeof value !== 'number' || type === 'char' || !isNumeric(type)) return null;
  const bytes = elementOf(type, value);
  return bytes && { name: FILL_VALUE, type, byteOrder: 'little', bytes, shape: [] };
}

function floatOf(json: Json): number | null {
  if (typeof json !== 'string') return typeof json === 'number' ? json : null;
  const bytes = Buffer.from(json, 'base64');
  return bytes.length === 8 ? bytes.readDoubleLE(0) : null;
}

/** Of an attribute with one number. */
function numberOf({ type, byteOrder, bytes }: Attribute): number | null {
  if (type === 'text' || type === 'char' || !isNumeric(type) || type.startsWith('complex')) {
    return null;
  }
  if (bytes.length !== DTYPES[type].itemSize) return null;
  const number = new Float64Array(1);
  const target = new Uint8Array(number.buffer);
  convertElements(
    { bytes, dtype: type, byteOrder },
    { bytes: target, dtype: 'float64', byteOrder: 'little' },
  );
  return number[0] ?? null;
}
