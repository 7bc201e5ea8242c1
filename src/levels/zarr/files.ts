import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { fileError } from '../../core/file-error.js';
import { systemCode } from '../../core/system-errors.js';

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
    for (const each of foldersMade(folder, first)) syncFolder(each);
  } catch (cause) {
    rmSync(made, { force: true });
    throw fileError('write', path, cause);
  }
}

/** As {@link replaceFile}, for what is large: others have their turns while it is written. */
export async function replaceLargeFile(
  path: string,
  bytes: Uint8Array,
  sync: boolean,
): Promise<void> {
  const folder = dirname(path);
  const made = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const first = await mkdir(folder, { recursive: true });
    await writeFile(made, bytes, { flag: 'wx', flush: sync });
    await rename(made, path);
    if (!sync) return;
    for (const each of foldersMade(folder, first)) await syncLargeFolder(each);
  } catch (cause) {
    await rm(made, { force: true });
    throw fileError('write', path, cause);
  }
}

async function syncLargeFolder(path: string): Promise<void> {
  await using file = await open(path, 'r');
  await file.sync();
}

/** A folder, and above those that were made the ones that have their names. */
function foldersMade(folder: string, first: string | undefined): readonly string[] {
  const found = [folder];
  if (first === undefined) return found;
  for (let each = folder; each.length >= first.length; each = dirname(each)) {
    found.push(dirname(each));
  }
  return found;
}

/** A whole file; null where there is none. Refused above `bytesMax`, before it is read. */
export function readWhole(path: string, bytesMax: number): Uint8Array | null {
  try {
    mustBeReadable(path, statSync(path), bytesMax);
    return readFileSync(path);
  } catch (cause) {
    return noneOf(path, cause);
  }
}

/** As {@link readWhole}, for what is large: others have their turns while it is read. */
export async function readLarge(path: string, bytesMax: number): Promise<Uint8Array | null> {
  try {
    mustBeReadable(path, await stat(path), bytesMax);
    return await readFile(path);
  } catch (cause) {
    return noneOf(path, cause);
  }
}

function mustBeReadable(path: string, found: Stats, bytesMax: number): void {
  const cannot = (code: 'file-error' | 'too-large', why: string): AttaccaError =>
    new AttaccaError(code, `Cannot read "${path}": ${why}`, { path });
  // To read a pipe waits for who writes to it.
  if (!found.isFile()) throw cannot('file-error', 'it is no plain file');
  if (found.size <= bytesMax) return;
  const why = `it has ${found.size} bytes, more than the ${bytesMax} that can be right`;
  throw cannot('too-large', why);
}

function noneOf(path: string, cause: unknown): null {
  if (systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR') return null;
  throw cause instanceof AttaccaError ? cause : fileError('read', path, cause);
}
