import { convertElements } from '../core/regions/cast.js';
import type { ByteOrder } from '../core/space.js';
import type { AttributeType } from './dataset.js';
import { elementSize } from './element-size.js';

/** Elements in another byte order; text has none. */
export function turned(
  bytes: Uint8Array,
  type: AttributeType,
  from: ByteOrder,
  to: ByteOrder,
): Uint8Array {
  if (from === to || type === 'char' || type === 'text' || elementSize(type) === 1) return bytes;
  const result = new Uint8Array(bytes.length);
  convertElements(
    { bytes, dtype: type, byteOrder: from },
    { bytes: result, dtype: type, byteOrder: to },
  );
  return result;
}
