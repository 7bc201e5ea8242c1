import { isDiskFull } from './failures.js';
import type { StoreDisk } from './store-disk.js';

const FILE = 'room';
/** Enough for deletions, and for a pack that is begun for them and listed. */
const BYTES = 64 * 1024;

/**
 * Keeps room back, by a file of nothing: a full disk can be left, as there is room to write what is
 * deleted. Where the disk is full already there is none.
 */
export async function keepRoom(disk: StoreDisk): Promise<void> {
  if ((await disk.size(FILE)) === BYTES) return;
  try {
    await disk.write(FILE, 0, [new Uint8Array(BYTES)]);
    await disk.sync(FILE);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    await giveRoom(disk);
  }
}

export async function giveRoom(disk: StoreDisk): Promise<void> {
  await disk.remove(FILE);
}
