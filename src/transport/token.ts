import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AttaccaError } from '../core/errors.js';
import { type Address, formatAddress } from './address.js';

/** The name of the token file, in the directory of a pool's socket. */
export const TOKEN_FILE = 'token';

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function read(address: Address, path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttaccaError(
      'file-error',
      `Cannot read the token of "${formatAddress(address)}": ${why}`,
      { path, system: codeOf(cause) },
      { cause },
    );
  }
}

/**
 * The token that opens the pool at an address: what the address says, else the file it names, else
 * for a Unix socket the file `token` beside it; empty when there is none. Error: `file-error`.
 */
export async function tokenOf(address: Address): Promise<string> {
  if (address.token !== null) return address.token;
  if (address.tokenFile !== null) return await read(address, address.tokenFile);
  if (address.kind === 'tcp') return '';
  try {
    return await read(address, join(dirname(address.path), TOKEN_FILE));
  } catch (error) {
    const { system } = error instanceof AttaccaError ? error.fields : {};
    if (system === 'ENOENT') return '';
    throw error;
  }
}
