import { throwIfAborted, unlessAborted } from '../client/waiting.js';
import type { TargetFile } from './format.js';

const PIECE_BYTES = 8 * 1024 * 1024;

/** How the elements of a variable are written. */
export interface WritingOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears of each piece that is written. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Writes all elements of a variable, in the order of the file, a few rows at a time. */
export async function writeElements(
  target: TargetFile,
  place: number,
  of: {
    readonly name: string;
    readonly shape: readonly number[];
    readonly bytes: Uint8Array;
    /** Of each piece, as the file has it. */
    readonly convert?: (piece: Uint8Array) => Uint8Array;
  },
  { signal, onBytes }: WritingOptions,
): Promise<void> {
  const { name, shape, bytes, convert } = of;
  const rows = (target.order === 'column' ? shape.at(-1) : shape[0]) ?? 1;
  const row = rows === 0 ? 0 : bytes.length / rows;
  const together = Math.max(1, target.rowsTogether(place));
  const some = together * Math.max(1, Math.floor(PIECE_BYTES / Math.max(1, row) / together));
  for (let from = 0; from < rows && row > 0; from += some) {
    const what = `export "${name}"`;
    throwIfAborted(what, signal);
    const piece = bytes.subarray(from * row, Math.min(rows, from + some) * row);
    await unlessAborted(target.writeRows(place, from, convert?.(piece) ?? piece), what, { signal });
    onBytes?.(piece.length);
  }
}
