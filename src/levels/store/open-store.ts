import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { AttaccaError } from '../../core/errors.js';
import { tryLoadLibc } from '../shm/index.js';
import { isJsonMap } from '../zarr/json.js';
import { groupJson } from '../zarr/metadata.js';
import { ARRAYS } from './array-files.js';
import { DirectoryLevel, type DirectoryOptions } from './directory-level.js';
import { loadHasher } from './hasher.js';
import type { StoreParts } from './loading.js';
import { LOCK_FILE, lockStore, type StoreLock } from './lock.js';
import { NodeStoreDisk, storeError } from './node-store-disk.js';
import { PACKS } from './pack.js';
import type { StoreDisk } from './store-disk.js';

/** What makes a directory a store. */
const STORE_FILE = 'attacca-store.json';
const VERSION = 1;
const FILE_BYTES_MAX = 64 * 1024;

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
  const disk = new NodeStoreDisk(directory);
  try {
    await makeDirectory(directory);
    // Before the lock is made, which would be a file in anybody's directory.
    if ((await readSeed(disk, directory)) === null) await mustBeEmpty(disk, directory);
    const lock = await lockStore(directory);
    try {
      if ((await readSeed(disk, directory)) === null) await makeStore(disk);
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

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    throw storeError('make', directory, cause);
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
  let seed = await readSeed(disk, directory);
  if (seed === null) {
    if (options.access === 'read') throw notAStore(directory, `there is no ${STORE_FILE} in it`);
    await mustBeEmpty(disk, directory);
    seed = await makeStore(disk);
  }
  return await DirectoryLevel.load({ disk, hash, seed }, options, onClose);
}

/** What all who read a store need. `not-a-store` where there is none. */
export async function storeParts(disk: StoreDisk, directory: string): Promise<StoreParts> {
  const seed = await readSeed(disk, directory);
  if (seed === null) throw notAStore(directory, `there is no ${STORE_FILE} in it`);
  return { disk, seed, hash: await loadHasher() };
}

async function readSeed(disk: StoreDisk, directory: string): Promise<bigint | null> {
  const size = await disk.size(STORE_FILE);
  if (size === null) return null;
  const bytes = new Uint8Array(Math.min(size, FILE_BYTES_MAX));
  const got = await disk.read(STORE_FILE, 0, bytes);
  let said: unknown;
  try {
    said = JSON.parse(
      new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, got ?? 0)),
    );
  } catch {
    throw notAStore(directory, `its ${STORE_FILE} is no JSON`);
  }
  const seed = isJsonMap(said) && said['attacca'] === 'store' ? said['seed'] : null;
  if (!isJsonMap(said) || typeof seed !== 'string' || !/^[0-9a-f]{16}$/u.test(seed)) {
    throw notAStore(directory, `its ${STORE_FILE} is none that Attacca has written`);
  }
  if (said['version'] !== VERSION) {
    throw notAStore(directory, `it is of version ${String(said['version'])}, known is ${VERSION}`);
  }
  return BigInt(`0x${seed}`);
}

async function makeStore(disk: StoreDisk): Promise<bigint> {
  const seed = randomBytes(8);
  const said = { attacca: 'store', version: VERSION, seed: seed.toString('hex') };
  const text = (value: string): Uint8Array[] => [new TextEncoder().encode(value)];
  await disk.makeFolder(PACKS);
  await disk.makeFolder(ARRAYS);
  await disk.write(`${ARRAYS}/zarr.json`, 0, text(groupJson({})));
  await disk.sync(`${ARRAYS}/zarr.json`);
  await disk.syncFolder(ARRAYS);
  // The last one: without it there is no store, and what was begun is begun again.
  const draft = `${STORE_FILE}.tmp`;
  await disk.write(draft, 0, text(`${JSON.stringify(said)}\n`));
  await disk.sync(draft);
  await disk.rename(draft, STORE_FILE);
  await disk.syncFolder('');
  return BigInt(`0x${said.seed}`);
}

const OWN: ReadonlySet<string> = new Set([LOCK_FILE, PACKS, ARRAYS, `${STORE_FILE}.tmp`]);

async function mustBeEmpty(disk: StoreDisk, directory: string): Promise<void> {
  const found = (await disk.list('')).filter(({ name }) => !OWN.has(name));
  const [first] = found;
  if (first === undefined && (await disk.list(PACKS)).length === 0) return;
  const what = first?.name ?? PACKS;
  throw notAStore(directory, `"${what}" is in it, so no new one is made there`);
}

function notAStore(path: string, why: string): AttaccaError {
  return new AttaccaError('not-a-store', `Cannot open the store "${path}": ${why}`, { path });
}
