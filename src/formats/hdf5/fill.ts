import { turned } from '../byte-order.js';
import type { ElementType, Variable } from '../dataset.js';
import { elementSize } from '../element-size.js';

/** What the NetCDF library reads where nobody wrote, big-endian (netcdf.h, NC_FILL_BYTE, ...). */
const DEFAULTS: Partial<Record<ElementType, string>> = {
  int8: '81',
  uint8: 'ff',
  int16: '8001',
  uint16: 'ffff',
  int32: '80000001',
  uint32: 'ffffffff',
  int64: '8000000000000002',
  uint64: 'fffffffffffffffe',
  float32: '7cf00000',
  float64: '479e000000000000',
};

/**
 * The element that stands where the variable is shorter than its dimension, in its byte order: what
 * the dataset was made with, as NetCDF's library and h5py have it; what its attribute says; else
 * what NetCDF has for the type, and zeros for those that it does not know.
 */
export function fillOf(
  { type, byteOrder, attributes }: Variable,
  stored: Uint8Array | null,
): Uint8Array {
  const size = elementSize(type);
  if (stored?.length === size) return stored;
  const said = attributes.find(({ name }) => name === '_FillValue');
  if (said?.type === type && said.bytes.length === size) {
    return turned(said.bytes, type, said.byteOrder, byteOrder);
  }
  const bytes = new Uint8Array(Buffer.from(DEFAULTS[type] ?? '', 'hex'));
  return bytes.length === 0 ? new Uint8Array(size) : turned(bytes, type, 'big', byteOrder);
}
