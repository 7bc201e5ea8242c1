import { isNumeric, itemSizeOf, type Space } from '../../core/space.js';
import type { ZarrType } from '../zarr/data-type.js';
import type { ZarrArrayInfo } from '../zarr/metadata.js';

/** Chunks have as many bytes, or some more where a row has. */
const CHUNK_BYTES = 4 * 1024 * 1024;
/** As memory and files are aligned for disks that write past the page cache. */
const ALIGNED_BYTES = 4096;
export const CRC_BYTES = 4;
/** Chunks are files of one folder: a folder more is a sync more. */
const SEPARATOR = '.';

/**
 * How an array is cut into chunks, so that each is a run of the payload as it lies: along the axes
 * that are slower in memory than `axis` one place, along `axis` some rows, along all others
 * everything. So chunks are written and read without copying. The last one along `axis` may have
 * fewer rows; its file has zeros behind them, as Zarr wants whole chunks.
 */
interface ChunkLayout {
  readonly axis: number;
  readonly rows: number;
}

/** One chunk of an array. */
export interface Chunk {
  /** Of its file, in the folder of the array. */
  readonly path: string;
  /** Where it is in the payload. */
  readonly offset: number;
  readonly size: number;
  /** Bytes of a whole chunk, as its file has them before the checksum. */
  readonly full: number;
}

/** What Zarr can say of a space; else its bytes are stored as such. */
export function storedSpace(space: Space, size: number): Space {
  const isKnown = isNumeric(space.dtype) || space.dtype.startsWith('string[');
  if (isKnown && space.shape.length > 0) return space;
  return { dtype: 'uint8', shape: [size], order: 'row', byteOrder: space.byteOrder };
}

/** Axes from the slowest in memory to the fastest. */
function axesOf({ shape, order }: Space): number[] {
  const axes = shape.map((_, axis) => axis);
  return order === 'row' ? axes : axes.reverse();
}

export function layoutFor(space: Space): ChunkLayout {
  const axes = axesOf(space);
  let inner = itemSizeOf(space.dtype);
  for (const axis of axes.toReversed()) {
    const size = space.shape[axis] as number;
    if (inner * size > CHUNK_BYTES || axis === axes[0]) {
      return { axis, rows: Math.max(1, Math.min(size, alignedRows(inner))) };
    }
    inner *= size;
  }
  return { axis: 0, rows: 1 };
}

/** So many that a chunk begins aligned as the payload does, where that takes not too many. */
function alignedRows(rowBytes: number): number {
  const rows = Math.ceil(CHUNK_BYTES / rowBytes);
  let together = ALIGNED_BYTES;
  while (together > 1 && (rowBytes * together) % (2 * ALIGNED_BYTES) === 0) together /= 2;
  const aligned = Math.ceil(rows / together) * together;
  return aligned * rowBytes <= 2 * CHUNK_BYTES ? aligned : rows;
}

function chunkShape(space: Space, { axis, rows }: ChunkLayout): number[] {
  const axes = axesOf(space);
  const place = axes.indexOf(axis);
  return space.shape.map((size, each) => {
    const at = axes.indexOf(each);
    if (at < place) return 1;
    return at === place ? rows : size;
  });
}

/** The chunks of an array in the order of its bytes. */
export function* chunksOf(space: Space, layout: ChunkLayout): Iterable<Chunk> {
  const axes = axesOf(space);
  const place = axes.indexOf(layout.axis);
  const sizeOf = (axis: number): number => space.shape[axis] as number;
  const outer = axes.slice(0, place);
  const row = axes
    .slice(place + 1)
    .reduce((bytes, axis) => bytes * sizeOf(axis), itemSizeOf(space.dtype));
  const rows = sizeOf(layout.axis);
  const index = space.shape.map(() => 0);
  let offset = 0;
  for (let more = true; more; ) {
    for (let first = 0, at = 0; first < rows; first += layout.rows, at++) {
      index[layout.axis] = at;
      const size = Math.min(layout.rows, rows - first) * row;
      yield { path: ['c', ...index].join(SEPARATOR), offset, size, full: layout.rows * row };
      offset += size;
    }
    more = next(index, outer, sizeOf);
  }
}

/** Counts on along the axes, the last one of them first; false at the end. */
function next(index: number[], axes: readonly number[], sizeOf: (axis: number) => number): boolean {
  for (const axis of axes.toReversed()) {
    const at = (index[axis] as number) + 1;
    index[axis] = at < sizeOf(axis) ? at : 0;
    if (index[axis] !== 0) return true;
  }
  return false;
}

/** What the array's zarr.json says. */
export function arrayInfo(
  space: Space,
  layout: ChunkLayout,
  more: Pick<ZarrArrayInfo, 'attributes' | 'dimensionNames'>,
): ZarrArrayInfo {
  const dtype = space.dtype as ZarrType;
  const order = space.shape.map((_, axis) => axis).reverse();
  const isColumn = space.order === 'column' && space.shape.length > 1;
  return {
    ...{ dtype, shape: space.shape, chunk: chunkShape(space, layout) },
    separator: SEPARATOR,
    byteOrder: space.byteOrder,
    codecs: [...(isColumn ? [{ name: 'transpose', order } as const] : []), { name: 'crc32c' }],
    fillValue: fillFor(dtype),
    ...more,
  };
}

function fillFor(dtype: ZarrType): ZarrArrayInfo['fillValue'] {
  if (dtype.startsWith('string[')) return '';
  if (dtype === 'bool') return false;
  return dtype.startsWith('complex') ? [0, 0] : 0;
}
