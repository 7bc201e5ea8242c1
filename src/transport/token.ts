import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import { systemCode, whyFailed } from '../core/system-errors.js';
import { type Address, formatAddress } from './address.js';
import { LINK_LIMITS } from './limits.js';

/** The name of the token file, in the directory of a pool's socket. */
export const TOKEN_FILE = 'token';

interface TokenFile {
  readonly token: string;
  /** Of the file that was read: who else may read or write it. */
  readonly stats: Stats;
}

function unusable(path: string, why: string, cause?: unknown): AttaccaError {
  const text = `Cannot read the token file "${path}": ${why}`;
  return new AttaccaError('file-error', text, { path, system: systemCode(cause) }, { cause });
}

/**
 * Reads a token file, which is a small regular one: from anything else we would wait, or read for
 * ever. At once, not by a thread: that would cost a short command 1 ms. Error: `file-error`.
 */
export function readTokenFile(path: string): TokenFile {
  let fd: number | null = null;
  try {
    // Opening a FIFO would wait for its writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unusable(path, 'it is not a regular file');
    return { token: tokenIn(path, fd), stats };
  } catch (cause) {
    throw cause instanceof AttaccaError ? cause : unusable(path, whyFailed(cause), cause);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

function tokenIn(path: string, fd: number): string {
  const { tokenBytesMax } = LINK_LIMITS;
  const bytes = Buffer.alloc(tokenBytesMax + 1);
  const size = readSync(fd, bytes, 0, bytes.length, 0);
  if (size > tokenBytesMax) {
    throw unusable(path, `it is too large: a token has at most ${tokenBytesMax} bytes`);
  }
  const token = bytes.toString('utf8', 0, size).trim();
  if (token === '') throw unusable(path, 'there is no token in it');
  return token;
}

/** Where the token of a pool lies, if its address does not say otherwise. */
export function tokenPathOf(address: { readonly path: string }): string {
  return join(dirname(address.path), TOKEN_FILE);
}

/**
 * The token that opens the pool at an address: what the address says, else the file it names, else
 * for a Unix socket the file `token` beside it; empty for a TCP address that says nothing. Errors:
 * `file-error`; `wrong-token` when none lies beside the socket.
 */
export async function tokenOf(address: Address): Promise<string> {
  if (address.token !== null) return address.token;
  if (address.tokenFile !== null) return readTokenFile(address.tokenFile).token;
  if (address.kind === 'tcp') return '';
  const path = tokenPathOf(address);
  try {
    return readTokenFile(path).token;
  } catch (error) {
    const { system } = error instanceof AttaccaError ? error.fields : {};
    throw system === 'ENOENT' ? noToken(address, path, error) : error;
  }
}

function noToken(address: Address, path: string, cause: unknown): AttaccaError {
  return new AttaccaError(
    'wrong-token',
    `Cannot open the pool at "${formatAddress(address)}": its token file "${path}" is not there; ` +
      'say where the token is with ?token-file=PATH behind the address',
    { path },
    { cause },
  );
}
