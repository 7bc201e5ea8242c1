import { closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { systemCode } from '../../core/system-errors.js';
import { ownIdentity, type ProcessIdentity, processAlive } from '../process-identity.js';
import { tryLoadLibc } from '../shm/index.js';
import { storeError } from './node-store-disk.js';

export const LOCK_FILE = 'writer.lock';
/** Where the file system, or this platform, has no lock that the kernel drops. */
const PID_FILE = 'writer.pid';
const ATTEMPTS_MAX = 16;

export interface StoreLock {
  release(): Promise<void>;
}

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

/** By a file that is there as long as the process with the identity in it runs. */
async function lockByIdentity(directory: string): Promise<StoreLock> {
  const path = join(directory, PID_FILE);
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    try {
      await writeFile(path, JSON.stringify(ownIdentity()), { flag: 'wx' });
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    const holder = readIdentity(path);
    if (holder === null || processAlive(holder) !== 'dead') throw inUse(directory, holder);
    const aside = `${path}.${process.pid}`;
    try {
      // Of several that find it dead one renames it.
      renameSync(path, aside);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
    await rm(aside, { force: true });
  }
  throw inUse(directory, readIdentity(path));
}

/** Null while it is being written, or when it is nothing of ours. */
function readIdentity(path: string): ProcessIdentity | null {
  try {
    const found = JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
    return typeof found.pid === 'number' ? found : null;
  } catch {
    return null;
  }
}

function inUse(directory: string, holder: ProcessIdentity | null): AttaccaError {
  const who = holder === null ? 'another process' : `process ${holder.pid} on ${holder.hostname}`;
  const text = `Cannot write to the store "${directory}": ${who} writes to it`;
  const fields = holder === null ? {} : { pid: holder.pid, host: holder.hostname };
  return new AttaccaError('store-in-use', text, { path: directory, ...fields });
}
