import { lstat, mkdir, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { whyFailed } from '../core/system-errors.js';
import { checkSocketPath, socketPathFits } from '../transport/index.js';

export const SOCKET_FILE = 'socket';
export const DATA_SOCKET_FILE = 'data';
export const LOG_FILE = 'log';

/** One path component without surprises: no separators, no hidden files, nothing to quote. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/u;

/** Refuses a name that cannot be a directory's. */
export function checkPoolName(name: string): void {
  if (NAME.test(name)) return;
  refuse(
    'bad-name',
    `Cannot name a pool "${name.slice(0, 100)}": 1 to 64 of A-Z a-z 0-9 _ . -, ` +
      'and neither . nor - first',
  );
}

export function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

/**
 * Where the socket of a pool of that name is: `<runtime directory>/attacca-<uid>/<name>/socket`.
 * The runtime directory is $XDG_RUNTIME_DIR, else the system's temporary directory; /tmp where a
 * socket's path would be too long there. Servers and clients of one environment agree on it.
 */
export function socketPathOf(name: string, environment: NodeJS.ProcessEnv = process.env): string {
  checkPoolName(name);
  const { XDG_RUNTIME_DIR: runtime } = environment;
  const roots = runtime !== undefined && isAbsolute(runtime) ? [runtime] : [];
  const paths = [...roots, tmpdir(), '/tmp'].map((root) =>
    join(root, `attacca-${ownUid()}`, name, SOCKET_FILE),
  );
  const fitting = paths.find(socketPathFits);
  if (fitting !== undefined) return fitting;
  checkSocketPath(paths[0] ?? '');
  return refuse('bad-argument', `Cannot find a place for the socket of "${name}"`);
}

function untrusted(path: string, why: string): AttaccaError {
  return new AttaccaError('file-error', `Cannot use the directory "${path}": ${why}`, { path });
}

/**
 * Makes a directory that only its user may enter, or checks that it is one. Says whether it is new.
 */
export async function makePrivateDirectory(path: string): Promise<'made' | 'found'> {
  let outcome: 'made' | 'found' = 'made';
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (code !== 'EEXIST') {
      throw new AttaccaError(
        'file-error',
        `Cannot make the directory "${path}": ${whyFailed(cause)}`,
        { path, system: code },
        { cause },
      );
    }
    outcome = 'found';
  }
  // Another user may have made it first, in a /tmp that all share: then it is a trap.
  const stats = await lstat(path);
  if (stats.isSymbolicLink()) {
    // Not followed: in a directory that others may write to they turn it as they like.
    const real = await realpath(path).catch(() => null);
    const advice = real === null ? '' : `; give the real path, "${real}"`;
    throw untrusted(path, `it is a symbolic link${advice}`);
  }
  if (!stats.isDirectory()) throw untrusted(path, 'it is not a directory');
  if (stats.uid !== ownUid()) throw untrusted(path, `it belongs to user ${stats.uid}`);
  if ((stats.mode & 0o077) !== 0) {
    const mode = (stats.mode & 0o777).toString(8);
    throw untrusted(path, `others may enter it (mode ${mode}); chmod 700 it`);
  }
  return outcome;
}
