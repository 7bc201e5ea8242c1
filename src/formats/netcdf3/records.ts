/** Of a variable: bytes of a row, and of the file from one row to the next. */
interface RowLayout {
  readonly row: number;
  readonly step: number;
}

/** So much of a file is looked at together. */
export const BLOCK_BYTES = 1024 * 1024;
/** To pass over more than this between two rows costs more than to look at each by itself. */
const GAP_BYTES_MAX = 8 * 1024;

/** Rows that are read, or written, together: those of one block of the file. */
export function* blocksOfRows({
  row,
  step,
  rows,
}: RowLayout & { readonly rows: number }): Generator<{
  readonly at: number;
  readonly count: number;
}> {
  const isDense = step === row;
  const most = isDense ? rows : step - row > GAP_BYTES_MAX ? 1 : Math.floor(BLOCK_BYTES / step);
  const some = Math.max(1, most);
  for (let at = 0; at < rows; at += some) yield { at, count: Math.min(some, rows - at) };
}

/** Takes the rows out of a block, that begins with the first of them. */
export function gatherRows(block: Uint8Array, rows: Uint8Array, { row, step }: RowLayout): void {
  for (let to = 0, from = 0; to < rows.length; to += row, from += step) {
    copy(block, from, rows, to, row);
  }
}

/** Puts rows into a block, and behind each its padding. */
export function scatterRows(
  rows: Uint8Array,
  block: Uint8Array,
  padding: Uint8Array,
  { row, step }: RowLayout,
): void {
  for (let from = 0, to = 0; from < rows.length; from += row, to += step) {
    copy(rows, from, block, to, row);
    copy(padding, 0, block, to + row, padding.length);
  }
}

/** Of a few bytes a view would cost more than they do. */
const BYTES_FEW = 32;

function copy(
  source: Uint8Array,
  from: number,
  target: Uint8Array,
  to: number,
  size: number,
): void {
  if (size > BYTES_FEW) target.set(source.subarray(from, from + size), to);
  else for (let byte = 0; byte < size; byte += 1) target[to + byte] = source[from + byte] as number;
}
