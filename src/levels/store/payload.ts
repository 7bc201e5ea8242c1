import { AttaccaError } from '../../core/errors.js';
import type { LevelBytes } from '../level.js';
import { piecesOf } from './array-files.js';
import { sizeMismatch } from './failures.js';

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new AttaccaError(
    'aborted',
    'Cannot go on: the signal says to stop',
    {},
    {
      cause: signal.reason,
    },
  );
}

/** A small payload in one piece. */
export async function gather(
  name: string,
  size: number,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const all = new Uint8Array(size);
  let at = 0;
  for await (const piece of aborting(bytes, signal)) {
    if (at + piece.length > size) throw sizeMismatch(name, size, at + piece.length);
    all.set(piece, at);
    at += piece.length;
  }
  if (at < size) throw sizeMismatch(name, size, at);
  return all;
}

/** The same pieces, until the signal. */
export async function* aborting(
  bytes: LevelBytes,
  signal: AbortSignal | undefined,
): AsyncIterable<Uint8Array> {
  for await (const piece of piecesOf(bytes)) {
    throwIfAborted(signal);
    yield piece;
  }
}
