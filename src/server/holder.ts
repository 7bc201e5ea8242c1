import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { crc32 } from 'node:zlib';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import {
  defaultShmDirectory,
  findPools,
  type PoolOwner,
  poolDirectoryPath,
  readOwner,
} from '../levels/shm/index.js';
import type { PoolInfo } from '../loop/pool-info.js';
import { readInfo } from '../loop/read-info.js';
import { NodeDisk } from './node-disk.js';

/**
 * The refusal to serve a directory that a living manager has, with all that can be told of it: its
 * pool by the journal, its pid by the memory that it shares.
 */
export async function directoryInUse(
  path: string,
  shmDirectory: string | undefined,
): Promise<AttaccaError> {
  const name = (await infoOf(path))?.options.name ?? null;
  const pid = await pidOf(path, shmDirectory);
  const who = name === null ? 'a living pool' : `the pool "${name}"`;
  const where = pid === null ? '' : ` (pid ${pid})`;
  const help = name === null ? '' : `; to end it: attacca stop ${name}`;
  const text = `Cannot serve "${path}": ${who}${where} has it${help}`;
  return new AttaccaError('name-in-use', text, { path, name, pid });
}

/** What can be read of the pool that a directory keeps, if it does. */
async function infoOf(path: string): Promise<PoolInfo | null> {
  const disk = new NodeDisk(path);
  try {
    return await readInfo(disk, crc32);
  } catch {
    // What cannot be read is nothing that somebody could serve.
    return null;
  } finally {
    await disk.close();
  }
}

async function pidOf(path: string, shmDirectory: string | undefined): Promise<number | null> {
  const roots = [shmDirectory ?? (await defaultShmDirectory()), tmpdir()];
  return (await livingOwner(roots, (owner) => owner.data === path))?.pid ?? null;
}

/**
 * Refuses to serve a copy of the directory of a pool, whose original is served or is there to be:
 * the memory of the pool is one, and who is served on it makes it useless to the other. Known by
 * that memory; where there is none, nothing is known. A directory that was moved is fine.
 */
export async function refuseCopy(path: string, info: PoolInfo | null): Promise<void> {
  if (info === null || info.shmDirectory === '') return;
  const { id, name } = info.options;
  const isOther = ({ poolId, pid }: PoolOwner): boolean => poolId === id && pid !== process.pid;
  const owner = await livingOwner([info.shmDirectory], isOther);
  if (owner !== null) {
    const { pid, data } = owner;
    refuse(
      'name-in-use',
      `Cannot serve "${path}": its pool "${name}" is being served (pid ${pid}) from "${data}", of ` +
        `which this is a copy; end that first (attacca stop ${name}), or look into this one as it ` +
        'is (attacca log, attacca replay)',
      { path, name, pid, data },
    );
  }
  const found = await readOwner(poolDirectoryPath(info.shmDirectory, id));
  const original = found.kind === 'owner' ? found.owner.data : null;
  if (original === null || (await isSameFile(original, path))) return;
  if ((await infoOf(original))?.options.id !== id) return;
  refuse(
    'bad-argument',
    `Cannot serve "${path}": it is a copy of "${original}", to which the memory of the pool ` +
      `"${name}" belongs; rename or remove the other to go on with this one, or look into it as it ` +
      'is (attacca log, attacca replay)',
    { path, original },
  );
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const paths = [one, other].map((path) => stat(path).catch(() => null));
  const [first, second] = await Promise.all(paths);
  return first?.ino === second?.ino && first?.dev === second?.dev;
}

async function livingOwner(
  roots: readonly string[],
  isMeant: (owner: PoolOwner) => boolean,
): Promise<PoolOwner | null> {
  for (const root of new Set(roots)) {
    for (const { owner, state } of await findPools(root).catch(() => [])) {
      if (state === 'alive' && owner !== null && isMeant(owner)) return owner;
    }
  }
  return null;
}
