import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { AttaccaError } from '../core/errors.js';

const TOKEN_BYTES_MAX = 4_096;

/** A token that nobody guesses: 32 random bytes as text. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url');
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares tokens in a time that tells nothing of them, neither content nor length. */
export function tokensEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

/** Writes a token for its user alone, whole or not at all. */
export async function writeTokenFile(path: string, token: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
  const handle = await open(draft, flags, 0o600);
  try {
    await handle.writeFile(`${token}\n`);
  } finally {
    await handle.close();
  }
  await rename(draft, path);
}

/** Reads the token that a user wants the pool to have. */
export async function readTokenFile(path: string): Promise<string> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AttaccaError(
      'file-error',
      `Cannot read the token file "${path}": ${why}`,
      { path },
      {
        cause,
      },
    );
  }
  if (text === '' || text.length > TOKEN_BYTES_MAX) {
    throw new AttaccaError('file-error', `Cannot use the token file "${path}": no token in it`, {
      path,
    });
  }
  return text;
}

/**
 * Secrets of sessions: what a client shows to take its session up again. Derived from a key of the
 * pool's life and the number of the session, so that nothing needs to be stored.
 */
export class SessionSecrets {
  readonly key: Uint8Array;

  constructor(key: Uint8Array = randomBytes(32)) {
    this.key = key;
  }

  of(session: number): Uint8Array {
    return createHmac('sha256', this.key).update(`attacca session ${session}`).digest();
  }

  check(session: number, secret: Uint8Array): boolean {
    const expected = this.of(session);
    return secret.length === expected.length && timingSafeEqual(expected, secret);
  }
}
