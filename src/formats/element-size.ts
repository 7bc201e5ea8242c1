import { itemSizeOf } from '../core/space.js';
import type { ElementType } from './dataset.js';

/** Bytes of one element. */
export function elementSize(type: ElementType): number {
  return type === 'char' ? 1 : itemSizeOf(type);
}
