import { AxisSet } from '../core/regions/axis-set.js';
import { copyCommon } from '../core/regions/copy.js';
import { Region } from '../core/regions/region.js';
import { type Block, blocksOf, product } from './chunking.js';

/** What is read or written at once, if a chunk has no more. */
const BLOCK_BYTES = 8 * 1024 * 1024;

/** An array that lies in chunks, or in one piece. */
interface Chunked {
  readonly shape: readonly number[];
  readonly chunks: readonly number[] | null;
  readonly itemSize: number;
}

export function regionOf(shape: readonly number[], { offset, count }: Block): Region {
  const box = shape.map((_, axis) => {
    const from = offset[axis] as number;
    return AxisSet.range(from, from + (count[axis] as number));
  });
  return Region.box(shape, box);
}

/**
 * Fills `into`, in row order, with all elements of an array, a block after the other: each chunk is
 * unpacked once, and besides `into` no more than a block is in memory. `read` gives the elements of
 * a block; `done` hears how many bytes each has, and what it throws ends the reading.
 */
export async function readInBlocks(
  { shape, chunks, itemSize }: Chunked,
  into: Uint8Array,
  read: (block: Block) => Promise<Uint8Array>,
  done: (bytes: number) => void,
): Promise<void> {
  const whole = Region.whole(shape);
  for (const block of blocksOf(shape, chunks, BLOCK_BYTES / itemSize)) {
    const bytes = await read(block);
    const source = { region: regionOf(shape, block), bytes, order: 'row' } as const;
    copyCommon(source, { region: whole, bytes: into, order: 'row' }, itemSize);
    done(bytes.length);
  }
}

/** Writes whole rows of an array, the first of them `from`, a block after the other. */
export async function writeRowsInBlocks(
  { shape, chunks, itemSize }: Chunked,
  from: number,
  rows: Uint8Array,
  write: (block: Block, bytes: Uint8Array<ArrayBuffer>) => Promise<void>,
): Promise<void> {
  if (rows.length === 0) return;
  const others = shape.slice(1);
  const part = shape.length === 0 ? [] : [rows.length / itemSize / product(others), ...others];
  const source = { region: Region.whole(part), bytes: rows, order: 'row' } as const;
  for (const block of blocksOf(part, chunks, BLOCK_BYTES / itemSize)) {
    const bytes = new Uint8Array(product(block.count) * itemSize);
    copyCommon(source, { region: regionOf(part, block), bytes, order: 'row' }, itemSize);
    const offset = block.offset.map((at, axis) => (axis === 0 ? from + at : at));
    await write({ offset, count: block.count }, bytes);
  }
}
