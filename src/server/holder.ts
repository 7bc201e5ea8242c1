import { tmpdir } from 'node:os';
import { crc32 } from 'node:zlib';
import { AttaccaError } from '../core/errors.js';
import { defaultShmDirectory, findPools } from '../levels/shm/index.js';
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
  const roots = new Set([shmDirectory ?? (await defaultShmDirectory()), tmpdir()]);
  for (const root of roots) {
    const pools = await findPools(root).catch(() => []);
    const found = pools.find(({ owner, state }) => state === 'alive' && owner?.data === path);
    if (found !== undefined) return found.owner?.pid ?? null;
  }
  return null;
}
