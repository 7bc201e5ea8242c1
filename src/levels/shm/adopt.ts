import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';
import { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { fileError, refusedFile } from './file-errors.js';
import { tryLoadLibc } from './native.js';
import {
  allocate,
  type LibcChoice,
  MODE_BITS,
  nameExists,
  openSlab,
  type SlabFile,
  type SlowWork,
  slabPath,
} from './slabs.js';

/**
 * Makes an ordinary file, written by a program that knows nothing of Attacca, a slab of its own
 * without copying: holes filled (same bytes, never sparse), mode 0400, renamed to `slab-<id>`.
 * Returns it opened for reading.
 *
 * The file must be regular, not a symbolic link, of this user, with one name, in the file system of
 * `directory`, of 1 to `slabBytesMax` bytes, and on Linux open for writing nowhere (a writer could
 * truncate it under its readers, which ends them with SIGBUS). Errors: `too-large`, `bad-argument`
 * (empty: an object of length 0 needs no slab), `shm-full` (no room for its holes), `aborted`,
 * `file-error` for the rest; field `system` is EXDEV when the bytes must be copied instead. After
 * an error the file still has its name, its bytes and its mode.
 */
export async function adopt(
  path: string,
  directory: string,
  id: number,
  options: SlowWork & LibcChoice = {},
): Promise<SlabFile> {
  const target = slabPath(directory, id);
  const libc = options.libc === undefined ? await tryLoadLibc() : options.libc;
  const reading = await openToAdopt(path, constants.O_RDONLY);
  let modeBefore: number | null = null;
  try {
    const stats = await reading.stat();
    mustBeAdoptable(path, stats);
    const home = await lstat(directory);
    if (home.dev !== stats.dev) {
      throw new AttaccaError(
        'file-error',
        `Cannot adopt "${path}": "${directory}" is another file system`,
        { path, system: 'EXDEV' },
      );
    }
    if (await nameExists(target)) throw refusedFile('adopt', path, `"${target}" exists`);
    modeBefore = stats.mode & MODE_BITS;
    await reading.chmod(0o600);
    const writing = await openToAdopt(path, constants.O_RDWR);
    try {
      mustBeSame(path, stats, await writing.stat());
      await allocate(writing, path, stats.size, { ...options, libc });
    } finally {
      await writing.close();
    }
    await reading.chmod(0o400);
    if (libc?.hasWriters(reading.fd) === true) {
      throw refusedFile('adopt', path, 'a program still has it open for writing');
    }
    await rename(path, target);
    mustBeSame(target, stats, await lstat(target));
  } catch (error) {
    // It stays its owner's, as it was.
    if (modeBefore !== null) await reading.chmod(modeBefore).catch(() => {});
    throw fileError('adopt', path, error);
  } finally {
    await reading.close();
  }
  return openSlab(directory, id, 'read');
}

async function openToAdopt(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError('adopt', path, cause);
  }
}

function mustBeAdoptable(path: string, stats: Stats): void {
  if (!stats.isFile()) throw refusedFile('adopt', path, 'it is not a regular file');
  if (stats.uid !== process.geteuid?.()) {
    throw refusedFile('adopt', path, `it belongs to user ${stats.uid}`);
  }
  if (stats.nlink !== 1) throw refusedFile('adopt', path, `it has ${stats.nlink} names`);
  if (stats.size === 0) {
    throw new AttaccaError('bad-argument', `Cannot adopt "${path}": it is empty`, { path });
  }
  if (stats.size > LIMITS.slabBytesMax) {
    throw new AttaccaError(
      'too-large',
      `Cannot adopt "${path}": ${stats.size} bytes, a slab has at most ${LIMITS.slabBytesMax}`,
      { path, size: stats.size, sizeMax: LIMITS.slabBytesMax },
    );
  }
}

function mustBeSame(path: string, before: Stats, now: Stats): void {
  if (now.isFile() && before.dev === now.dev && before.ino === now.ino && before.size === now.size)
    return;
  throw refusedFile('adopt', path, 'it was replaced or grew while it was adopted');
}
