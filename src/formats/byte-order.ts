import { turned as elementsTurned } from '../core/regions/cast.js';
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
  if (type === 'char' || type === 'text' || elementSize(type) === 1) return bytes;
  return elementsTurned(bytes, type, from, to);
}
