/** A box of an array: where it begins along each axis, and how many elements it has there. */
export interface Block {
  readonly offset: readonly number[];
  readonly count: readonly number[];
}

/** A chunk that is made has about so many bytes. */
const CHUNK_BYTES = 1024 * 1024;

export function product(sizes: readonly number[]): number {
  return sizes.reduce((all, each) => all * each, 1);
}

/** Chunks of about a MiB: whole rows of the last dimensions, as many as fit. */
export function chunksFor(shape: readonly number[], itemSize: number): readonly number[] {
  return grown(
    shape,
    shape.map(() => 1),
    CHUNK_BYTES / itemSize,
  );
}

/**
 * Blocks that have every element of an array once, in row order of their places. Each is of whole
 * chunks and of at most `elementsMax` elements, or of one chunk that has more: so each chunk is
 * touched once, and no more than a block is in memory. `chunks`: null where there are none.
 */
export function* blocksOf(
  shape: readonly number[],
  chunks: readonly number[] | null,
  elementsMax: number,
): Generator<Block> {
  if (shape.includes(0)) return;
  const size = grown(shape, chunks ?? shape.map(() => 1), elementsMax);
  const offset = shape.map(() => 0);
  for (let axis = 0; axis >= 0; ) {
    const count = shape.map((each, at) =>
      Math.min(size[at] as number, each - (offset[at] as number)),
    );
    yield { offset: [...offset], count };
    // On to the next place, the last axis first.
    for (axis = shape.length - 1; axis >= 0; axis -= 1) {
      offset[axis] = (offset[axis] as number) + (size[axis] as number);
      if ((offset[axis] as number) < (shape[axis] as number)) break;
      offset[axis] = 0;
    }
  }
}

/**
 * A block in pieces of at most so many elements, in row order: put one behind another they are the
 * block. `from`: how many elements are in front of a piece.
 */
export function* piecesOf(
  { offset, count }: Block,
  elementsMax: number,
  from = 0,
): Generator<Block & { readonly from: number }> {
  const axis = count.findIndex((each) => each > 1);
  if (axis < 0 || product(count) <= elementsMax) {
    yield { offset, count, from };
    return;
  }
  const along = count[axis] as number;
  const one = product(count) / along;
  const some = Math.max(1, Math.floor(elementsMax / one));
  for (let at = 0; at < along; at += some) {
    const piece = {
      offset: offset.with(axis, (offset[axis] as number) + at),
      count: count.with(axis, Math.min(some, along - at)),
    };
    yield* piecesOf(piece, elementsMax, from + at * one);
  }
}

/** A box of whole units: as many along the last axis as there is room for, then along others. */
function grown(
  shape: readonly number[],
  unit: readonly number[],
  elementsMax: number,
): readonly number[] {
  const size = shape.map((each, axis) => Math.max(1, Math.min(each, unit[axis] as number)));
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    const along = Math.max(1, shape[axis] as number);
    const others = product(size) / (size[axis] as number);
    const one = Math.max(1, unit[axis] as number);
    const units = Math.floor(elementsMax / others / one);
    if (units > 1) size[axis] = Math.min(along, units * one);
    if ((size[axis] as number) < along) break;
  }
  return size;
}
