import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, rename, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { npyHeader } from '../../formats/npy/header.js';
import { fileError } from '../file-errors.js';
import { quoted } from '../format.js';
import { writeBytes } from '../output.js';
import { uniquePart } from '../unique.js';
import type { Located } from './located.js';

/** What is written: bytes, and what they are. */
export type Writable = Pick<Located, 'space' | 'chunks'>;

export type OutputFormat = 'npy' | 'raw';

export interface WriteOptions {
  readonly format: OutputFormat;
  readonly signal: AbortSignal;
  /** Hears how many more bytes of the payload are written. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Writes an object to a descriptor: its bytes, behind a header if it is to be an npy file. */
export async function writeObject(
  fd: number,
  object: Writable,
  { format, signal, onBytes }: WriteOptions,
): Promise<void> {
  if (format === 'npy') await writeBytes(fd, npyHeader(object.space));
  for await (const chunk of object.chunks(signal)) {
    await writeBytes(fd, chunk);
    onBytes?.(chunk.length);
  }
}

/**
 * Writes an object to a file: whole or not at all, under a draft's name until it is complete. What
 * is no regular file (a device, a pipe) is written to as it stands.
 */
export async function writeFileOf(
  path: string,
  object: Writable,
  options: WriteOptions,
): Promise<void> {
  const known = await lstat(path).catch(() => null);
  if (known !== null && !known.isFile()) {
    await writeInPlace(path, object, options);
    return;
  }
  const draft = join(dirname(path), `.attacca-${uniquePart()}`);
  try {
    await using handle = await open(draft, 'wx');
    await writeObject(handle.fd, object, options);
  } catch (cause) {
    await unlink(draft).catch(() => {});
    throw fileError('write', path, cause);
  }
  try {
    await rename(draft, path);
  } catch (cause) {
    await unlink(draft).catch(() => {});
    throw fileError('write', path, cause);
  }
}

async function writeInPlace(path: string, object: Writable, options: WriteOptions): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_WRONLY | constants.O_TRUNC);
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  try {
    await writeObject(handle.fd, object, options);
  } catch (cause) {
    throw fileError('write', path, cause);
  } finally {
    await handle.close();
  }
}

/**
 * The file for an object in a directory: `/` in a name makes directories. A name that would lead
 * out of the directory is refused.
 */
export function pathInDirectory(directory: string, name: string, suffix: string): string {
  const parts = name.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new AttaccaError(
      'bad-name',
      `Cannot make a file of ${quoted(name)} in "${directory}": its name is no path; use -o FILE`,
      { name, directory },
    );
  }
  return join(directory, ...parts) + suffix;
}

export async function makeDirectoryOf(path: string): Promise<void> {
  try {
    await makeDirectory(dirname(path));
  } catch (cause) {
    throw fileError('make the directory of', path, cause);
  }
}

/**
 * Makes a directory and those above it. Not `mkdir(path, { recursive: true })`: where nothing can
 * be made though the directory above exists (/proc), that one tries again for ever.
 */
async function makeDirectory(path: string): Promise<void> {
  const known = await stat(path).catch(() => null);
  if (known?.isDirectory() === true) return;
  const above = dirname(path);
  if (above !== path) await makeDirectory(above);
  await mkdir(path).catch((cause: NodeJS.ErrnoException) => {
    // Somebody else made it in the meantime; a file of that name is told by what comes next.
    if (cause.code !== 'EEXIST') throw cause;
  });
}
