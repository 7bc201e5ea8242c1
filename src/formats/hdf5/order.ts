import { convertElements } from '../../core/regions/cast.js';
import type { ByteOrder } from '../../core/space.js';
import type { AttributeType } from '../dataset.js';

/**
 * Turns bytes from little-endian, in which HDF5 gives and takes them, to the order of the file, or
 * back: it is the same.
 */
export function turned(bytes: Uint8Array, type: AttributeType, byteOrder: ByteOrder): Uint8Array {
  if (byteOrder === 'little' || type === 'char' || type === 'text') return bytes;
  const result = new Uint8Array(bytes.length);
  convertElements(
    { bytes, dtype: type, byteOrder: 'little' },
    { bytes: result, dtype: type, byteOrder: 'big' },
  );
  return result;
}
