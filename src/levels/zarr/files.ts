import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { systemCode, whyFailed } from '../../core/system-errors.js';

function fileError(action: string, path: string, cause: unknown): AttaccaError {
  const system = systemCode(cause);
  const isFull = system === 'ENOSPC' || system === 'EDQUOT';
  const message = `Cannot ${action} "${path}": ${whyFailed(cause)}`;
  return new AttaccaError(
    isFull ? 'disk-full' : 'file-error',
    message,
    { path, system },
    { cause },
  );
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Puts a file in place by renaming: whoever looks sees the one before or this one, whole, however
 * the writer ends. With `sync` it is on the disk when this returns, its name too.
 */
export function replaceFile(path: string, bytes: Uint8Array | string, sync: boolean): void {
  const folder = dirname(path);
  const made = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const first = mkdirSync(folder, { recursive: true });
    writeFileSync(made, bytes, { flag: 'wx', flush: sync });
    renameSync(made, path);
    if (!sync) return;
    syncFolder(folder);
    // The folders that were made have their names in the ones above them.
    if (first === undefined) return;
    for (let each = folder; each.length >= first.length; each = dirname(each)) {
      syncFolder(dirname(each));
    }
  } catch (cause) {
    rmSync(made, { force: true });
    throw fileError('write', path, cause);
  }
}

/** A whole file; null where there is none. Refused above `bytesMax`, before it is read. */
export function readWhole(path: string, bytesMax: number): Uint8Array | null {
  try {
    const stat = statSync(path);
    const { size } = stat;
    // To read a pipe waits for who writes to it.
    if (!stat.isFile()) {
      throw new AttaccaError('file-error', `Cannot read "${path}": it is no plain file`, { path });
    }
    if (size <= bytesMax) return readFileSync(path);
    throw new AttaccaError(
      'too-large',
      `Cannot read "${path}": it has ${size} bytes, more than the ${bytesMax} that can be right`,
      { path },
    );
  } catch (cause) {
    if (cause instanceof AttaccaError) throw cause;
    if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR') return null;
    throw fileError('read', path, cause);
  }
}
