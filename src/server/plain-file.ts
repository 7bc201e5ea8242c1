import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';

/** Opening a FIFO would wait for its writer; a link is somebody's who may not have named it. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** Where the system's own word would mislead. */
const NO_FILES: { readonly [code: string]: string } = {
  ELOOP: 'it is a symbolic link',
  // A socket cannot be opened at all.
  ENXIO: 'it is no plain file',
};

/**
 * Reads a small file of our own that a stranger may have put something else in the place of: never
 * waits, and never reads more than it should have. Null: there is none. Error: `file-error`.
 */
export function readPlainFile(path: string, bytesMax: number): Uint8Array | null {
  let fd: number | null = null;
  try {
    fd = openSync(path, FLAGS);
    if (!fstatSync(fd).isFile()) throw unreadable(path, 'it is no plain file');
    const bytes = readUpTo(fd, bytesMax + 1);
    if (bytes.length > bytesMax) throw unreadable(path, 'it is larger than any of ours');
    return bytes;
  } catch (cause) {
    if (cause instanceof AttaccaError) throw cause;
    const system = systemCode(cause);
    if (system === 'ENOENT') return null;
    throw unreadable(path, NO_FILES[system] ?? whyFailed(cause), cause);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** One call may read less than it was asked for. */
function readUpTo(fd: number, bytesMax: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(fstatSync(fd).size + 1, bytesMax));
  let size = 0;
  for (let got = 1; size < bytes.length && got > 0; size += got) {
    got = readSync(fd, bytes, size, bytes.length - size, size);
  }
  return bytes.subarray(0, size);
}

function unreadable(path: string, why: string, cause?: unknown): AttaccaError {
  const fields = { path, system: systemCode(cause) };
  return new AttaccaError('file-error', `Cannot read "${path}": ${why}`, fields, { cause });
}
