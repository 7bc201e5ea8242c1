import type { Stats } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import { AttaccaError } from '../core/errors.js';
import { systemCode } from '../core/system-errors.js';
import { LINK_LIMITS } from '../transport/index.js';
import { ownUid } from './place.js';
import { isTokenText, SECRET_FILE_MODE, tokenLine } from './secrets.js';

// What dead servers leave in their directory is replaced by the next one. The directory may be one
// that the user has named, and hold files of theirs: those are not ours to touch.

async function statsOf(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function notOurs(path: string, why: string): AttaccaError {
  return new AttaccaError(
    'file-error',
    `Cannot replace "${path}": ${why}, so it may be a file of yours; ` +
      'move it away, or serve in another directory',
    { path },
  );
}

/** Whether a socket is at a path; refuses what is there and is none: a link to one, too. */
export async function isSocketThere(path: string): Promise<boolean> {
  const stats = await statsOf(path);
  if (stats === null) return false;
  if (!stats.isSocket())
    throw notOurs(path, 'a socket of the pool goes there, and it is not a socket');
  return true;
}

/**
 * Refuses to replace a token file that no server of ours has made for certain. One that we made is
 * a plain file, its user's alone, and holds a token of our making, or the one that comes now. A
 * draft of one may be empty, too: what a server leaves that was killed before it wrote.
 */
export async function checkOldToken(
  path: string,
  { token, isDraft }: { readonly token: string; readonly isDraft: boolean },
): Promise<void> {
  const stats = await statsOf(path);
  if (stats === null) return;
  const isPlain = stats.isFile() && stats.nlink === 1 && stats.uid === ownUid();
  if (!isPlain || (stats.mode & 0o777) !== SECRET_FILE_MODE) {
    throw notOurs(path, 'it is not as a server makes its token file');
  }
  if (isDraft && stats.size === 0) return;
  const old = stats.size <= LINK_LIMITS.tokenBytesMax ? await readFile(path, 'utf8') : '';
  if (old === tokenLine(token) || (old.endsWith('\n') && isTokenText(old.slice(0, -1)))) return;
  throw notOurs(path, 'what it holds is not a token that a server makes');
}
