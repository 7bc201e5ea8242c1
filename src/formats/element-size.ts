import { itemSizeOf } from '../core/space.js';
import type { AttributeType } from './dataset.js';

/** Bytes of one element; of texts of any length one, as only their bytes can be counted. */
export function elementSize(type: AttributeType): number {
  return type === 'char' || type === 'text' ? 1 : itemSizeOf(type);
}
