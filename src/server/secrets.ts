import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, rename, rm, unlink } from 'node:fs/promises';
import { AttaccaError } from '../core/errors.js';
import { readTokenFile } from '../transport/index.js';
import { ownUid } from './place.js';

const TOKEN_TEXT = /^[A-Za-z0-9_-]{43}$/u;
export const SECRET_FILE_MODE = 0o600;

/** A token that nobody guesses: 32 random bytes as text. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url');
}

/** Whether a text is of the form that {@link makeToken} gives. */
export function isTokenText(text: string): boolean {
  return TOKEN_TEXT.test(text);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Compares tokens in a time that tells nothing of them, neither content nor length. */
export function tokensEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

/** Where a secret is written until it has its name. */
export function draftOf(path: string): string {
  return `${path}.new`;
}

/**
 * Writes a secret for its user alone, whole or not at all; returns what the file is known by. What
 * it holds is synced before its name is: a loss of power leaves no empty file of that name. That a
 * draft has one name leaves the next who writes to replace what a crash has left.
 */
export async function writeSecretFile(path: string, secret: string | Uint8Array): Promise<Stats> {
  const draft = draftOf(path);
  const flags = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;
  await rm(draft, { force: true });
  const handle = await open(draft, flags, SECRET_FILE_MODE);
  try {
    await handle.writeFile(secret);
    await handle.sync();
    await rename(draft, path);
    return await handle.stat();
  } catch (error) {
    await unlink(draft).catch(() => {});
    throw error;
  } finally {
    await handle.close();
  }
}

/** A token as its file holds it. */
export function tokenLine(token: string): string {
  return `${token}\n`;
}

/**
 * Reads the token that a user wants the pool to have. As ssh does with keys: what others may read
 * is no secret, and what others may write is theirs; who else may read a file that is not ours is
 * for its owner to say.
 */
export function readSecretToken(path: string): string {
  const { token, stats } = readTokenFile(path);
  const forbidden = stats.uid === ownUid() ? 0o077 : 0o022;
  if ((stats.mode & forbidden) === 0) return token;
  const mode = (stats.mode & 0o777).toString(8);
  const text = `others may read or write it (mode ${mode}); chmod 600 it`;
  throw new AttaccaError('file-error', `Cannot use the token file "${path}": ${text}`, { path });
}

export function makeSessionKey(): Uint8Array {
  return randomBytes(32);
}

/** Tells keys apart, and nothing of them: 48 bits. */
export function sessionKeyId(key: Uint8Array): number {
  return createHmac('sha256', key).update('attacca session key').digest().readUIntLE(0, 6);
}

/**
 * Secrets of sessions: what a client shows to take its session up again. Derived from a key of the
 * pool's life and the number of the session, so that nothing needs to be stored.
 */
export class SessionSecrets {
  readonly key: Uint8Array;

  constructor(key: Uint8Array = makeSessionKey()) {
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
