import { LIMITS } from '../core/limits.js';

/** A run of bytes in a slab. */
export interface Slice {
  readonly slab: number;
  readonly offset: number;
  readonly size: number;
}

/** Where a slice of this size must start (spec, section 7.3). */
export function alignmentOf(size: number): number {
  return size >= LIMITS.pageAlignFromBytes ? LIMITS.pageBytes : LIMITS.sliceAlignBytes;
}

export function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}

export function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
