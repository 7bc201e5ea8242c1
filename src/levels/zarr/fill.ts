import { elementOf } from '../../core/regions/element.js';
import { type ByteOrder, itemSizeOf, type NumericDtype } from '../../core/space.js';
import { isText, type ZarrType } from './data-type.js';
import { badZarr, type Json, wideInteger } from './json.js';

const NAMED: { readonly [name: string]: number } = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
};

/** Writes one number big-endian: into all bytes that it is given. */
function put(dtype: NumericDtype, view: DataView, at: number, value: Json): boolean {
  const size = itemSizeOf(dtype);
  if (dtype === 'bool') {
    if (typeof value === 'boolean') view.setUint8(at, value ? 1 : 0);
    return typeof value === 'boolean';
  }
  if (dtype.startsWith('float') && typeof value === 'string' && /^0x[0-9a-f]+$/iu.test(value)) {
    if (value.length !== 2 + 2 * size) return false;
    for (let byte = 0; byte < size; byte += 1) {
      view.setUint8(at + byte, Number.parseInt(value.slice(2 + byte * 2, 4 + byte * 2), 16));
    }
    return true;
  }
  const wide = wideInteger(value);
  const isNamed = typeof value === 'string' && Object.hasOwn(NAMED, value);
  const number = isNamed ? NAMED[value] : wide === null ? value : Number(wide);
  if (typeof number !== 'number') return false;
  const isFloat = dtype.startsWith('float');
  const bytes = elementOf(dtype, isFloat || wide === null ? number : wide, 'big');
  if (bytes !== null) new Uint8Array(view.buffer).set(bytes, at);
  return bytes !== null && (isFloat || wide !== null || Number.isSafeInteger(number));
}

/** One element that is the fill value of an array: what chunks have that were never written. */
export function fillElement(
  { dtype, byteOrder, fillValue }: { dtype: ZarrType; byteOrder: ByteOrder; fillValue: Json },
  path: string,
): Uint8Array {
  const size = itemSizeOf(dtype);
  if (isText(dtype)) {
    const bytes = new Uint8Array(size);
    const text = typeof fillValue === 'string' ? Buffer.from(fillValue, 'base64') : null;
    // What is no Base64 is passed over by the decoder, and so does not come back.
    if (text === null || text.length > size || text.toString('base64') !== fillValue) {
      throw badZarr(path, `its fill_value ${JSON.stringify(fillValue)} is no ${dtype}`);
    }
    bytes.set(text);
    return bytes;
  }
  const view = new DataView(new ArrayBuffer(size));
  const isComplex = dtype === 'complex64' || dtype === 'complex128';
  const parts = isComplex && Array.isArray(fillValue) ? fillValue : [fillValue];
  const part: NumericDtype = dtype === 'complex64' ? 'float32' : isComplex ? 'float64' : dtype;
  const partSize = itemSizeOf(part);
  const isGood =
    parts.length * partSize === size &&
    parts.every((each: Json, at: number) => put(part, view, at * partSize, each));
  if (!isGood) throw badZarr(path, `its fill_value ${JSON.stringify(fillValue)} is no ${dtype}`);
  const bytes = new Uint8Array(view.buffer);
  if (byteOrder === 'little') {
    for (let at = 0; at < size; at += partSize) bytes.subarray(at, at + partSize).reverse();
  }
  return bytes;
}
