import { AttaccaError } from '../core/errors.js';
import { copyCommon } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { itemSizeOf, type Space } from '../core/space.js';
import { encoded, piecesOf } from './pieces.js';
import type { Threads } from './threads.js';

/** Elements of a region, in memory of this process. */
export interface Held {
  readonly region: Region;
  readonly bytes: Uint8Array;
}

/** `gather`: from where they lie in a larger array to one stretch; `scatter`: back. */
type Direction = 'gather' | 'scatter';

/**
 * Copies the elements of a region between one stretch of memory that has just them and an array
 * that has them among others, both of one layout. Null: it is done; what is large is done by
 * threads, and until that resolves none of the memory may be changed or read.
 */
export function copyHeld(
  threads: Threads,
  direction: Direction,
  { dtype, order }: Pick<Space, 'dtype' | 'order'>,
  stretch: Held,
  array: Held,
): Promise<void> | null {
  const itemSize = itemSizeOf(dtype);
  const { bytes } = stretch;
  const isSame = stretch.region === array.region;
  if (threads.areFewBytes(bytes.length) || !isOrdinary(bytes) || !isOrdinary(array.bytes)) {
    const [from, to] = direction === 'gather' ? [array, stretch] : [stretch, array];
    if (isSame) to.bytes.set(from.bytes);
    else copyCommon({ ...from, order }, { ...to, order }, itemSize);
    return null;
  }
  if (!isSame) return copyInThreads(threads, direction, { dtype, order }, stretch, array);
  // Side by side on both sides: the bytes of a list.
  const region = Region.whole([bytes.length]);
  const how = { dtype: 'uint8', order: 'row' } as const;
  const whole = { region, bytes: array.bytes };
  return copyInThreads(threads, direction, how, { region, bytes }, whole);
}

async function copyInThreads(
  threads: Threads,
  direction: Direction,
  { dtype, order }: Pick<Space, 'dtype' | 'order'>,
  stretch: Held,
  array: Held,
): Promise<void> {
  const itemSize = itemSizeOf(dtype);
  const { region, bytes } = stretch;
  const shape = region.shape as readonly number[];
  const space: Space = { dtype, shape, order, byteOrder: 'little' };
  const pieces = piecesOf(region, order, threads.piecesFor(bytes.length));
  const done = await Promise.allSettled(
    pieces.map((piece) =>
      threads.run(bytes.length, (memoryOf) => {
        const { start, count } = piece;
        const part = bytes.subarray(start * itemSize, (start + count) * itemSize);
        const some = { region: encoded(piece.region), order, memory: memoryOf(part) };
        const all = { region: encoded(array.region), order, memory: memoryOf(array.bytes) };
        const [source, target] = direction === 'gather' ? [all, some] : [some, all];
        return { kind: 'gather', shape, space, count, specs: [], sources: [source], target };
      }),
    ),
  );
  // All have ended: nobody looks at the memory any more, whatever becomes of it.
  let copied = 0;
  for (const result of done) {
    if (result.status === 'rejected') throw result.reason;
    copied += result.value as number;
  }
  if (copied !== region.count) throw new AttaccaError('internal', 'Cannot copy: elements are left');
}

/** Puts an element over and over into memory: large memory in pieces, by threads. */
export async function fillMemory(
  threads: Threads,
  bytes: Uint8Array,
  element: Uint8Array,
): Promise<void> {
  const count = bytes.length / element.length;
  const pieces = threads.piecesFor(bytes.length);
  const each = Math.ceil(count / pieces) * element.length;
  const starts = Array.from({ length: Math.ceil(bytes.length / each) }, (_, at) => at * each);
  const done = await Promise.allSettled(
    starts.map((start) =>
      threads.run(bytes.length, (memoryOf) => {
        return { kind: 'fill', element, target: memoryOf(bytes.subarray(start, start + each)) };
      }),
    ),
  );
  for (const result of done) if (result.status === 'rejected') throw result.reason;
}

/** Memory that threads see by its address. */
function isOrdinary({ buffer }: Uint8Array): boolean {
  return buffer instanceof ArrayBuffer;
}
