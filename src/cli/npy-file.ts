import type { FileHandle } from 'node:fs/promises';
import { AttaccaError } from '../core/errors.js';
import { spaceBytes } from '../core/space.js';
import { looksLikeNpy, type NpyHeader, npyDataOffset, parseNpyHeader } from './npy.js';

const START_BYTES = 4_096;

/**
 * Reads the header of an open .npy file and checks that the file holds exactly the array it speaks
 * of. `not-a-npy-file` says what is wrong.
 */
export async function readNpyFile(
  handle: FileHandle,
  file: string,
  size: number,
): Promise<NpyHeader> {
  let start = await readStart(handle, START_BYTES);
  const offset = npyDataOffset(start, file);
  if (offset > start.length) start = await readStart(handle, offset);
  const header = parseNpyHeader(start, file);
  checkNpySize(header, file, size);
  return header;
}

/** Whether an open file begins as a .npy file does. */
export async function isNpyFile(handle: FileHandle): Promise<boolean> {
  return looksLikeNpy(await readStart(handle, 8));
}

/** A file that is shorter or longer than its array is damaged, or holds several. */
export function checkNpySize(header: NpyHeader, file: string, size: number): void {
  const expected = header.dataOffset + spaceBytes(header.space);
  if (size === expected) return;
  const why =
    size < expected
      ? `it is cut off: it has ${size} bytes, its array needs ${expected}`
      : `it has ${size - expected} bytes behind its array; put arrays one by one`;
  throw new AttaccaError('not-a-npy-file', `Cannot read "${file}": ${why}`, {
    file,
    bytes: size,
    expected,
  });
}

async function readStart(handle: FileHandle, length: number): Promise<Uint8Array> {
  const buffer = Buffer.alloc(length);
  let at = 0;
  while (at < length) {
    const { bytesRead } = await handle.read(buffer, at, length - at, at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return buffer.subarray(0, at);
}
