import { randomBytes } from 'node:crypto';
import { unreachable } from '../../core/assert.js';
import { AttaccaError } from '../../core/errors.js';
import { makeDirectory } from '../make-directory.js';
import { tryLoadLibc } from '../shm/index.js';
import { groupJson } from '../zarr/metadata.js';
import { ARRAYS } from './array-files.js';
import { DirectoryLevel, type DirectoryOptions } from './directory-level.js';
import { type Hasher, loadHasher } from './hasher.js';
import { PID_FILE, type StoreLock } from './identity-lock.js';
import type { StoreParts } from './loading.js';
import { LOCK_FILE, lockStore } from './lock.js';
import { NodeStoreDisk, storeError } from './node-store-disk.js';
import { PACKS } from './pack.js';
import type { StoreDisk } from './store-disk.js';
import { packList, readStoreFile, STORE_DRAFT, STORE_FILE, writeStoreFile } from './store-file.js';

/**
 * Opens the store in a directory. To be written one is made where there is none, in an empty
 * directory only: `not-a-store` for any other. `store-in-use`, with its pid, while another process
 * writes; any number may read at the same time.
 *
 * ```ts
 * await using level = await openStore('/data/store', { access: 'write' });
 * ```
 */
export async function openStore(
  directory: string,
  options: DirectoryOptions,
): Promise<DirectoryLevel> {
  const lock = options.access === 'write' ? await claimStore(directory) : null;
  const disk = new NodeStoreDisk(directory, await tryLoadLibc());
  try {
    return await openStoreOn(disk, options, directory, async () => await lock?.release());
  } catch (error) {
    await disk.close();
    await lock?.release();
    throw error;
  }
}

/** Takes the lock of a store, and makes one where there is none: so {@link openStore} begins. */
export async function claimStore(directory: string): Promise<StoreLock> {
  const hash = await loadHasher();
  const disk = new NodeStoreDisk(directory);
  try {
    await makeDirectory(directory).catch((cause: unknown) => {
      throw storeError('make', directory, cause);
    });
    // Before the lock is made, which would be a file in anybody's directory.
    if ((await readStore(disk, hash, directory)) === null) await mustBeEmpty(disk, directory);
    const lock = await lockStore(directory);
    try {
      if ((await readStore(disk, hash, directory)) === null) await makeStore(disk, hash);
    } catch (error) {
      await lock.release();
      throw error;
    }
    return lock;
  } finally {
    await disk.close();
  }
}

/** Opens a store to be written by who has claimed it. */
export async function openClaimed(directory: string): Promise<DirectoryLevel> {
  const disk = new NodeStoreDisk(directory, await tryLoadLibc());
  try {
    return await openStoreOn(disk, { access: 'write' }, directory);
  } catch (error) {
    await disk.close();
    throw error;
  }
}

/** As {@link openStore}, on any disk, and without a lock: whoever calls sees to it. */
export async function openStoreOn(
  disk: StoreDisk,
  options: DirectoryOptions,
  directory = '',
  onClose?: () => Promise<void>,
): Promise<DirectoryLevel> {
  const hash = await loadHasher();
  let said = await readStore(disk, hash, directory);
  if (said === null) {
    if (options.access === 'read') throw notAStore(directory, await whyNone(disk));
    await mustBeEmpty(disk, directory);
    said = await makeStore(disk, hash);
  }
  return await DirectoryLevel.load(partsOf(disk, hash, said), options, onClose);
}

/**
 * What all who check a store need: `not-a-store` where there is none. Of one whose own file is
 * damaged a problem, with the seed that its packs have.
 */
export async function storeParts(disk: StoreDisk, directory: string): Promise<StoreParts> {
  const hash = await loadHasher();
  const found = await readStoreFile(disk, hash);
  if (found.kind === 'none') throw notAStore(directory, await whyNone(disk));
  if (found.kind === 'other') throw notAStore(directory, found.why);
  if (found.kind === 'right') return partsOf(disk, hash, found);
  const problem = { kind: 'bad-store-file', path: STORE_FILE, offset: 0, bytes: 0 } as const;
  const parts = partsOf(disk, hash, { seed: found.seed, packs: [] });
  return { ...parts, problems: [{ ...problem, why: found.why }] };
}

type Said = Parameters<typeof packList>[2];

function partsOf(disk: StoreDisk, hash: Hasher, said: Said): StoreParts {
  return { disk, hash, seed: said.seed, listed: packList(disk, hash, said) };
}

/** Why there is no store in a directory without the file of one. */
async function whyNone(disk: StoreDisk): Promise<string> {
  if ((await disk.size('')) === null) return 'there is no such directory';
  return `there is no ${STORE_FILE} in it`;
}

/** Null where there is no store. */
async function readStore(disk: StoreDisk, hash: Hasher, directory: string): Promise<Said | null> {
  const found = await readStoreFile(disk, hash);
  switch (found.kind) {
    case 'none':
      return null;
    case 'right':
      return found;
    case 'other':
      throw notAStore(directory, found.why);
    case 'damaged': {
      const text = `Cannot open the store "${directory}": ${found.why}; attacca fsck --repair mends it`;
      throw new AttaccaError('store-damaged', text, { path: STORE_FILE });
    }
    default:
      return unreachable(found);
  }
}

async function makeStore(disk: StoreDisk, hash: Hasher): Promise<Said> {
  const seed = randomBytes(8).readBigUInt64LE();
  await disk.makeFolder(PACKS);
  await disk.makeFolder(ARRAYS);
  await disk.write(`${ARRAYS}/zarr.json`, 0, [new TextEncoder().encode(groupJson({}))]);
  await disk.sync(`${ARRAYS}/zarr.json`);
  await disk.syncFolder(ARRAYS);
  // The last one: without it there is no store, and what was begun is begun again.
  const said = { seed, packs: [] };
  await writeStoreFile(disk, hash, said);
  return said;
}

const OWN: ReadonlySet<string> = new Set([LOCK_FILE, PACKS, ARRAYS, STORE_DRAFT]);

/** What one who has died before it had made a store may have left. */
function isOwn(name: string): boolean {
  return OWN.has(name) || name === PID_FILE || name.startsWith(`${PID_FILE}.`);
}

async function mustBeEmpty(disk: StoreDisk, directory: string): Promise<void> {
  const found = (await disk.list('')).filter(({ name }) => !isOwn(name));
  const [first] = found;
  if (first === undefined && (await disk.list(PACKS)).length === 0) return;
  const what = first?.name ?? PACKS;
  throw notAStore(directory, `"${what}" is in it, so no new one is made there`);
}

function notAStore(path: string, why: string): AttaccaError {
  return new AttaccaError('not-a-store', `Cannot open the store "${path}": ${why}`, { path });
}
