import { AttaccaError } from '../core/errors.js';
import { spaceBytes } from '../core/space.js';
import { type NpyHeader, npyDataOffset, parseNpyHeader } from '../formats/npy/header.js';
import { fileChunks } from './file-chunks.js';

const START_BYTES = 4_096;

/**
 * Reads the header of a .npy file and checks that the file holds exactly the array it speaks of.
 * `not-a-npy-file` says what is wrong, `file-error` why it cannot be read.
 */
export function readNpyFile(path: string, size: number): NpyHeader {
  let start = readStart(path, START_BYTES);
  const offset = npyDataOffset(start, path);
  if (offset > start.length) start = readStart(path, offset);
  const header = parseNpyHeader(start, path);
  checkNpySize(header, path, size);
  return header;
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

function readStart(path: string, length: number): Uint8Array {
  const buffer = Buffer.alloc(length);
  let at = 0;
  for (const chunk of fileChunks({ path, offset: 0, size: length }, 'to its end')) {
    buffer.set(chunk, at);
    at += chunk.length;
  }
  return buffer.subarray(0, at);
}
