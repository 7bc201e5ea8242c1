import type { Order } from '../../core/space.js';
import type { Numbers } from '../numbers.js';

/** How far elements lie apart along each axis of a dense array: in row order the last fastest. */
function stridesOf(shape: readonly number[], order: Order): number[] {
  if (order === 'column') return stridesOf(shape.toReversed(), 'row').reverse();
  const strides = new Array<number>(shape.length).fill(1);
  for (let at = shape.length - 2; at >= 0; at--) {
    strides[at] = (strides[at + 1] as number) * (shape[at + 1] as number);
  }
  return strides;
}

/** Where an element lies that has an index. */
function placeOf(index: readonly number[], strides: readonly number[]): number {
  let place = 0;
  for (let axis = 0; axis < index.length; axis++) {
    place += (index[axis] as number) * (strides[axis] as number);
  }
  return place;
}

/** Calls with each index of a shape, the last axis fastest; the list is the same each time. */
function forEachIndex(shape: readonly number[], visit: (index: readonly number[]) => void): void {
  if (shape.includes(0)) return;
  const index = new Array<number>(shape.length).fill(0);
  for (;;) {
    visit(index);
    let axis = shape.length - 1;
    while (axis >= 0 && (index[axis] as number) === (shape[axis] as number) - 1) index[axis--] = 0;
    if (axis < 0) return;
    index[axis] = (index[axis] as number) + 1;
  }
}

/** Every n-th element along each axis, from the first on. Shapes are in the order of memory. */
export function decimate(
  from: Uint8Array,
  to: Uint8Array,
  shape: readonly number[],
  every: readonly number[],
  itemSize: number,
): void {
  const strides = stridesOf(shape, 'row');
  let at = 0;
  forEachIndex(reduced(shape, every), (index) => {
    let place = 0;
    for (const [axis, each] of index.entries()) {
      place += each * (every[axis] as number) * (strides[axis] as number);
    }
    const start = place * itemSize;
    for (let byte = 0; byte < itemSize; byte++) to[at + byte] = from[start + byte] as number;
    at += itemSize;
  });
}

/**
 * The mean of each block; blocks at the end of an axis may be smaller. `skipNaN`: of those that are
 * numbers, NaN where none is. Added up in float64, in row order however elements lie: so the sum is
 * the same to the last bit.
 */
export function average(
  from: Numbers,
  to: Numbers,
  { shape, order }: { readonly shape: readonly number[]; readonly order: Order },
  block: readonly number[],
  skipNaN: boolean,
): void {
  const strides = stridesOf(shape, order);
  const small = reduced(shape, block);
  const isTurned = order === 'column';
  let at = 0;
  // Blocks are visited as they lie: neighbours share what is in the cache.
  forEachIndex(isTurned ? small.toReversed() : small, (visited) => {
    const index = isTurned ? visited.toReversed() : visited;
    const first = index.map((each, axis) => each * (block[axis] as number));
    const sizes = first.map((start, axis) =>
      Math.min(block[axis] as number, (shape[axis] as number) - start),
    );
    const place = placeOf(first, strides);
    let sum = 0;
    let count = 0;
    forEachIndex(sizes, (inner) => {
      const value = from[place + placeOf(inner, strides)] as number;
      if (skipNaN && Number.isNaN(value)) return;
      sum += value;
      count++;
    });
    to[at++] = sum / count;
  });
}

/** A shape of which each so many indices have become one. */
export function reduced(shape: readonly number[], by: readonly number[]): number[] {
  return shape.map((size, axis) => Math.ceil(size / (by[axis] as number)));
}
