import { MESSAGE_OVERHEAD_BYTES } from '../plan.js';

/** The values in a message; after them stands what GRIB has in its sections. */
export function messageValues(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset, length } = bytes;
  const count = (length - MESSAGE_OVERHEAD_BYTES) / Float32Array.BYTES_PER_ELEMENT;
  return new Float32Array(buffer, byteOffset, count);
}
