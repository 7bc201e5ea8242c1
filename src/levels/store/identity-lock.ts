import { createHash, randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttaccaError } from '../../core/errors.js';
import { systemCode } from '../../core/system-errors.js';
import {
  type Liveness,
  ownIdentity,
  type ProcessIdentity,
  processAlive,
} from '../process-identity.js';

/**
 * Where the file system, or this platform, has no lock that the kernel drops. All that a lock by
 * identity makes in a directory begins with it.
 */
export const PID_FILE = 'writer.pid';
const ATTEMPTS_MAX = 16;
/** Of those who died while they took over from one who had died while it did that, and so on. */
const DEPTH_MAX = 16;
/** Of file systems without hard links. */
const NO_LINKS: ReadonlySet<string | null> = new Set([
  ...['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EINVAL'],
]);

export interface StoreLock {
  release(): Promise<void>;
}

/** Whether the process with an identity runs. Exists so that tests can do something meanwhile. */
type Asked = (holder: ProcessIdentity) => Liveness | Promise<Liveness>;

/**
 * Takes the lock of a store by a file that is there as long as the process runs whose identity is
 * in it. The file of one that is dead is never away: another one is put over it, by whoever has the
 * file that is named after the dead one, which is taken in the same way. So of several that find
 * it dead one goes on at a time, and sees whether it still is the dead one's.
 */
export async function lockByIdentity(
  directory: string,
  isAlive: Asked = processAlive,
): Promise<StoreLock> {
  const draft = join(directory, `${PID_FILE}.${process.pid}.${randomBytes(8).toString('hex')}`);
  const path = join(directory, PID_FILE);
  try {
    await take({ directory, draft, isAlive }, path, 0);
  } finally {
    await rm(draft, { force: true });
  }
  return { release: () => rm(path, { force: true }) };
}

interface Taker {
  readonly directory: string;
  /** Of its own: what is written whole before it has its name. */
  readonly draft: string;
  readonly isAlive: Asked;
}

async function take(taker: Taker, path: string, depth: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    if (await isMade(taker, path)) return;
    const found = await read(path);
    // It was given back in between.
    if (found === 'gone') continue;
    const isDead = found !== 'foreign' && (await taker.isAlive(found)) === 'dead';
    if (!isDead || depth === DEPTH_MAX) throw inUse(taker.directory, found);
    if (await isTakenFrom(taker, { path, found, depth })) return;
  }
  throw inUse(taker.directory, await read(path));
}

/** Whether a file was made, with the identity of this process in it: it was not there. */
async function isMade({ draft }: Taker, path: string): Promise<boolean> {
  const said = JSON.stringify(ownIdentity());
  await writeFile(draft, said);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    if (!NO_LINKS.has(systemCode(error))) throw error;
  }
  try {
    await writeFile(path, said, { flag: 'wx' });
    return true;
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

/** Puts one's own over the file of a dead one, if it still is that. */
async function isTakenFrom(
  taker: Taker,
  from: { readonly path: string; readonly found: ProcessIdentity; readonly depth: number },
): Promise<boolean> {
  const { path, found, depth } = from;
  const key = keyOf(found);
  const turn = join(taker.directory, `${PID_FILE}.${key}`);
  await take(taker, turn, depth + 1);
  try {
    const now = await read(path);
    if (now === 'gone' || now === 'foreign' || keyOf(now) !== key) return false;
    await writeFile(taker.draft, JSON.stringify(ownIdentity()));
    await rename(taker.draft, path);
    return true;
  } finally {
    await rm(turn, { force: true });
  }
}

/** Another one for each process that ever ran. */
export function keyOf({ pid, startTime, bootId, pidNamespace, hostname }: ProcessIdentity): string {
  const said = JSON.stringify([pid, startTime, bootId, pidNamespace, hostname]);
  return createHash('sha256').update(said).digest('hex').slice(0, 32);
}

/** Who is in a file; `foreign` while it is being written, or when it is nothing of ours. */
async function read(path: string): Promise<ProcessIdentity | 'gone' | 'foreign'> {
  try {
    return identityIn(await readFile(path, 'utf8')) ?? 'foreign';
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'gone';
    throw error;
  }
}

/** Null: a text is none of ours. */
export function identityIn(text: string): ProcessIdentity | null {
  try {
    const found = JSON.parse(text) as ProcessIdentity;
    return typeof found.pid === 'number' ? found : null;
  } catch {
    return null;
  }
}

export function inUse(
  directory: string,
  holder: ProcessIdentity | 'gone' | 'foreign',
): AttaccaError {
  const isKnown = typeof holder !== 'string';
  const who = isKnown ? `process ${holder.pid} on ${holder.hostname}` : 'another process';
  const text = `Cannot write to the store "${directory}": ${who} writes to it`;
  const fields = isKnown ? { pid: holder.pid, host: holder.hostname } : {};
  return new AttaccaError('store-in-use', text, { path: directory, ...fields });
}
