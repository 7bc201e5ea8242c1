import { tmpdir } from 'node:os';
import { crc32 } from 'node:zlib';
import { refuse } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { defaultShmDirectory, findPools, type PoolOwner } from '../levels/shm/index.js';
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
  const name = await nameOf(path);
  const pid = await pidOf(path, shmDirectory);
  const who = name === null ? 'a living pool' : `the pool "${name}"`;
  const where = pid === null ? '' : ` (pid ${pid})`;
  const help = name === null ? '' : `; to end it: attacca stop ${name}`;
  const text = `Cannot serve "${path}": ${who}${where} has it${help}`;
  return new AttaccaError('name-in-use', text, { path, name, pid });
}

async function nameOf(path: string): Promise<string | null> {
  const disk = new NodeDisk(path);
  try {
    return (await readInfo(disk, crc32))?.options.name ?? null;
  } catch {
    // It is in use all the same.
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
 * Refuses to serve a copy of the directory of a pool that is being served: both would be the same
 * pool. Known by the memory that the other shares; where it shares none, nothing is known.
 */
export async function refuseCopy(path: string, info: PoolInfo | null): Promise<void> {
  if (info === null || info.shmDirectory === '') return;
  const { id, name } = info.options;
  const isOther = ({ poolId, pid }: PoolOwner): boolean => poolId === id && pid !== process.pid;
  const owner = await livingOwner([info.shmDirectory], isOther);
  if (owner === null) return;
  const { pid, data } = owner;
  refuse(
    'name-in-use',
    `Cannot serve "${path}": its pool "${name}" is being served (pid ${pid}) from "${data}", of ` +
      `which this is a copy; end that first (attacca stop ${name}), or look into this one as it ` +
      'is (attacca log, attacca replay)',
    { path, name, pid, data },
  );
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
