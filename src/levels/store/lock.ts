import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { ownIdentity, type ProcessIdentity } from '../process-identity.js';
import { tryLoadLibc } from '../shm/index.js';
import { identityIn, inUse, lockByIdentity, type StoreLock } from './identity-lock.js';
import { storeError } from './node-store-disk.js';

export const LOCK_FILE = 'writer.lock';

/**
 * Makes this process the only one that writes to a store. `store-in-use`, with the other one's pid,
 * while that lives. The kernel drops the lock with the process, however it ends.
 */
export async function lockStore(directory: string): Promise<StoreLock> {
  const path = join(directory, LOCK_FILE);
  try {
    const libc = await tryLoadLibc();
    const descriptor = openSync(path, 'a+', 0o644);
    const found = libc?.lock(descriptor) ?? 'refused';
    if (found === 'taken') {
      ftruncateSync(descriptor);
      writeSync(descriptor, JSON.stringify(ownIdentity()));
      return { release: async () => closeSync(descriptor) };
    }
    closeSync(descriptor);
    if (found === 'held') throw inUse(directory, readIdentity(path));
    return await lockByIdentity(directory);
  } catch (cause) {
    throw storeError('lock', path, cause);
  }
}

/** Who has written it, as far as it has. */
function readIdentity(path: string): ProcessIdentity | 'foreign' {
  try {
    return identityIn(readFileSync(path, 'utf8')) ?? 'foreign';
  } catch {
    return 'foreign';
  }
}
