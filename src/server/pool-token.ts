import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuse } from '../core/assert.js';
import { TOKEN_FILE } from '../transport/index.js';
import { unlinkOwn } from './claim.js';
import type { Cleanup } from './cleanup.js';
import { checkOldToken } from './leftovers.js';
import { SERVER_LIMITS } from './limits.js';
import type { ServeOptions } from './options.js';
import { draftOf, makeToken, readSecretToken, tokenLine, writeSecretFile } from './secrets.js';

/** The token that a user wants, or one of ours. Refuses what others know, or may guess. */
export function tokenFor({ token, tokenFile, listen: tcp }: ServeOptions): string {
  const given = tokenFile === undefined ? token : readSecretToken(tokenFile);
  const least = tcp === undefined ? 1 : SERVER_LIMITS.tokenCharactersMin;
  if (given === undefined || given.length >= least) return given ?? makeToken();
  const where = tcp === undefined ? 'serve' : `listen on "${tcp}"`;
  const why = `it has ${given.length} characters, and ${least} are the least`;
  return refuse(
    'bad-argument',
    `Cannot ${where} with this token: ${why}; without one a new is made`,
  );
}

async function isSameFile(path: string, other: string): Promise<boolean> {
  const [one, two] = await Promise.all([path, other].map((each) => stat(each).catch(() => null)));
  return one?.ino !== undefined && one.ino === two?.ino && one.dev === two.dev;
}

/**
 * Puts the token beside the socket, until the pool ends; one that is kept there stays: by the user,
 * or for the next manager, when the socket lies in the directory of `data`.
 */
export async function placeToken(
  path: string,
  token: string,
  options: ServeOptions,
  cleanup: Cleanup,
): Promise<void> {
  const { tokenFile, data } = options;
  for (const kept of [tokenFile, data === undefined ? undefined : join(data, TOKEN_FILE)]) {
    if (kept !== undefined && (await isSameFile(kept, path))) return;
  }
  await checkOldToken(path, { token, isDraft: false });
  await checkOldToken(draftOf(path), { token, isDraft: true });
  const file = await writeSecretFile(path, tokenLine(token));
  cleanup.push(() => unlinkOwn(path, file));
}
