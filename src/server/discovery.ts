import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../core/system-errors.js';
import { formatAddress } from '../transport/index.js';
import { isSocketAlive } from './claim.js';
import { SOCKET_FILE, socketPathOf } from './place.js';

export interface PoolPlace {
  readonly name: string;
  readonly address: string;
  /** The directory of its socket, token, log and crash reports. */
  readonly directory: string;
  readonly isAlive: boolean;
}

/** The address of the pool of that name, whether it runs or not. Error: `bad-name`. */
export function addressOf(name: string): string {
  return formatAddress({ kind: 'unix', path: socketPathOf(name) });
}

/** The pool of that name of this user in this environment, and whether it answers. */
export async function findPool(name: string): Promise<PoolPlace> {
  const path = socketPathOf(name);
  return {
    name,
    address: formatAddress({ kind: 'unix', path }),
    directory: dirname(path),
    isAlive: await isSocketAlive(path),
  };
}

/**
 * All pools of this user at the usual place, by name; dead ones may have left a log or a report.
 */
export async function listPools(): Promise<PoolPlace[]> {
  const root = dirname(dirname(socketPathOf('x')));
  const names = await readdir(root).catch(() => []);
  const places: PoolPlace[] = [];
  for (const name of names.sort()) {
    const path = join(root, name, SOCKET_FILE);
    const address = formatAddress({ kind: 'unix', path });
    const isAlive = await isSocketAlive(path);
    places.push({ name, address, directory: join(root, name), isAlive });
  }
  return places;
}

/**
 * Removes what a dead pool left at its place: socket, token, log, reports. False if it lives, or
 * somebody else removes it. It is renamed first, which one of several can do; what is left of that
 * when we are killed is listed, and removed, as any dead place.
 */
export async function removePlace(place: PoolPlace): Promise<boolean> {
  const { directory } = place;
  if (await isSocketAlive(join(directory, SOCKET_FILE))) return false;
  const doomed = join(dirname(directory), `.${randomBytes(4).toString('hex')}`);
  try {
    await rename(directory, doomed);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
  // Without a socket it is new to whoever lists it now, and let alone.
  await rm(join(doomed, SOCKET_FILE), { force: true });
  await rm(doomed, { recursive: true, force: true });
  return true;
}
