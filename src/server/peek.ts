import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { refuse } from '../core/assert.js';
import { decodeHeader, HEADER_BYTES, numberIn } from '../journal/segment.js';
import { poolDirectoryPath, readOwner } from '../levels/shm/index.js';
import { decodePoolInfo, type PoolInfo } from '../loop/pool-info.js';

/**
 * Refuses to serve a copy of a directory while the original is there: the memory of the pool is
 * one, and who is served on it makes it useless to the other. A directory that was moved is fine.
 */
export async function mustBeOriginal(path: string, info: PoolInfo | null): Promise<void> {
  if (info === null || info.shmDirectory === '') return;
  const { id, name } = info.options;
  const found = await readOwner(poolDirectoryPath(info.shmDirectory, id));
  const original = found.kind === 'owner' ? found.owner.data : null;
  if (original === null || (await isSameFile(original, path))) return;
  if ((await peekInfo(original))?.options.id !== id) return;
  refuse(
    'bad-argument',
    `Cannot serve "${path}": it is a copy of "${original}", to which the memory of the pool ` +
      `"${name}" belongs. To look at it: attacca replay; to go on with it: rename or remove the other`,
    { path, original },
  );
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const [first, second] = await Promise.all(
    [one, other].map((path) => stat(path).catch(() => null)),
  );
  return first?.ino === second?.ino && first?.dev === second?.dev;
}

/** What the newest file of a journal says of its pool, changing nothing; null: nothing. */
export async function peekInfo(directory: string): Promise<PoolInfo | null> {
  const names = await readdir(directory).catch(() => []);
  for (const kind of ['journal', 'snapshot'] as const) {
    const newest = names
      .filter((name) => numberIn(kind, name) !== null)
      .sort()
      .at(-1);
    if (newest === undefined) continue;
    const info = await infoIn(join(directory, newest), kind).catch(() => null);
    if (info !== null) return info;
  }
  return null;
}

async function infoIn(path: string, kind: 'journal' | 'snapshot'): Promise<PoolInfo | null> {
  const page = new Uint8Array(HEADER_BYTES);
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    await handle.read(page, 0, HEADER_BYTES, 0);
  } finally {
    await handle.close();
  }
  const header = decodeHeader(kind, page, crc32, path);
  return header === null ? null : decodePoolInfo(header.info);
}
