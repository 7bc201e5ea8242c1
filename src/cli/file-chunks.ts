import { closeSync, openSync, readSync } from 'node:fs';
import { AttaccaError } from '../core/errors.js';
import { fileError } from './file-errors.js';

/** Bytes of a file. */
export interface FilePart {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
}

/** Read and written at a time: it stays in cache in between (4.7 GB/s, copying files 2 GB/s). */
const CHUNK_BYTES = 1024 * 1024;

/**
 * Bytes of a file in chunks, each valid until the next is asked for. Read at once, not by a thread:
 * that costs a short command 2 ms, and a chunk takes 0.2 ms. A file that ends before its part does
 * is an error, unless it is to be read `to its end`.
 */
export function* fileChunks(
  part: FilePart,
  until: 'whole' | 'to its end' = 'whole',
): Generator<Uint8Array, void, undefined> {
  const { path, offset, size } = part;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  try {
    // No Buffer: slice() of one gives the same memory again.
    const buffer = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(size, 1)));
    for (let at = 0; at < size; ) {
      const count = readOnce(fd, path, buffer, Math.min(buffer.length, size - at), offset + at);
      if (count === 0 && until === 'to its end') return;
      if (count === 0) throw tooShort(path, offset + at);
      at += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

/** All that a file gives, whatever its size is said to be. */
export function allOf(path: string): Uint8Array {
  const chunks: Uint8Array[] = [];
  const part = { path, offset: 0, size: Number.MAX_SAFE_INTEGER };
  for (const chunk of fileChunks(part, 'to its end')) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

function readOnce(fd: number, path: string, buffer: Uint8Array, size: number, at: number): number {
  try {
    return readSync(fd, buffer, 0, size, at);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

function tooShort(path: string, end: number): AttaccaError {
  return new AttaccaError(
    'file-error',
    `Cannot put "${path}": it ends at ${end} bytes, shorter than it was`,
    { path },
  );
}
