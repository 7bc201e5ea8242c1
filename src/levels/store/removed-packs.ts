import { DRAFTS } from './array-files.js';
import type { StoreParts } from './loading.js';
import { PACKS, packNumberOf, packPath } from './pack.js';
import type { StoreDisk } from './store-disk.js';
import type { StoreReader } from './store-reader.js';

/**
 * An empty file, for which a full disk has room as well: of a pack that goes before the list of
 * packs could be written without it. Nothing of it counts, so nobody is to miss it.
 */
function removalMark(number: number): string {
  return DRAFTS + packPath(number).slice(PACKS.length);
}

/**
 * Removes a pack of which nothing counts any more. It goes from the list first, where there is room
 * to write that; else it makes this room.
 */
export async function removePack({ parts, packs }: StoreReader, number: number): Promise<void> {
  const { disk, listed } = parts;
  const end = listed.endOf(number);
  const mark = removalMark(number);
  listed.forget(number);
  let isListed = false;
  try {
    isListed = await listed.saveIfRoom();
    if (!isListed) {
      await disk.write(mark, 0, []);
      await disk.syncFolder(DRAFTS);
    }
  } catch (error) {
    listed.note(number, end);
    throw error;
  }
  packs.delete(number);
  await disk.remove(packPath(number));
  await disk.syncFolder(PACKS);
  if (!isListed && (await listed.saveIfRoom())) await disk.remove(mark);
}

/** What another writer has removed and could not take from the list. */
export async function forgetRemoved({ disk, listed }: StoreParts): Promise<void> {
  for (const { name } of await disk.list(DRAFTS)) {
    const number = packNumberOf(name);
    if (number !== null && (await disk.size(packPath(number))) === null) listed.forget(number);
  }
}

/** Removes what a writer has left half made, and the marks of packs that no list has any more. */
export async function removeDrafts({ disk, listed }: StoreParts): Promise<void> {
  const drafts = await disk.list(DRAFTS);
  for (const { name } of drafts) {
    const number = packNumberOf(name);
    const isNeeded = number !== null && listed.isChanged && listed.endOf(number) === 0;
    if (!isNeeded) await disk.remove(`${DRAFTS}/${name}`);
  }
  await disk.makeFolder(DRAFTS);
  // Another pack may have the same number one day.
  if (drafts.length > 0) await disk.syncFolder(DRAFTS);
}

/** Whether a pack that is not there was removed because nothing of it counts. */
export async function isRemoved(disk: StoreDisk, number: number): Promise<boolean> {
  return (await disk.size(removalMark(number))) !== null;
}
