import { AttaccaError } from '../../core/errors.js';
import { ARRAYS, isUnreadable } from './array-files.js';
import { readHeads } from './footer.js';
import { isDamage, lostPacks } from './fsck.js';
import { isLive } from './loading.js';
import { PACKS, type Pack, packPath } from './pack.js';
import { decodeHead, RECORD_KIND } from './record.js';
import type { StoreReader } from './store-reader.js';

/**
 * Removes the folders of arrays that belong to no object: of one that a crash has cut before it had
 * its record, and of one that was deleted or replaced before its folder went. For who alone writes.
 * Where something is damaged or lost they all stay, as what told of them may be in that: `fsck`
 * tells of them, and its repair makes objects of them.
 */
export async function removeOrphans(reader: StoreReader): Promise<void> {
  const { disk } = reader.parts;
  if (reader.problems.some(isDamage)) return;
  const found = (await disk.list(ARRAYS)).filter(({ isFolder }) => isFolder);
  let arrays = 0;
  for (const { kind } of reader.index.slots()) if (kind === RECORD_KIND.array) arrays++;
  // As nearly always, and then no head of all these need be read.
  if (found.length <= arrays) return;
  if ((await lostPacks(reader)).length > 0) return;
  try {
    const named = await foldersOf(reader);
    if (named === null) return;
    const orphans = found.filter(({ name }) => !named.has(name));
    if (orphans.length === 0) return;
    // A loss of power must not bring back a record without its bytes.
    for (const number of reader.packs.keys()) await disk.sync(packPath(number));
    await disk.syncFolder(PACKS);
    for (const { name } of orphans) await disk.remove(`${ARRAYS}/${name}`);
  } catch (error) {
    // They stay: nobody waits for their end.
    if (!(error instanceof AttaccaError)) throw error;
  }
}

/** The folders of all arrays that count; null when one does not say which is its own. */
async function foldersOf(reader: StoreReader): Promise<ReadonlySet<string> | null> {
  const folders = new Set<string>();
  for (const pack of reader.packs.values()) {
    const heads = await headsOf(reader, pack);
    const { number } = pack.header;
    for (let at = 0; at < pack.entries.count; at++) {
      const entry = pack.entries.at(at);
      if (entry.kind !== RECORD_KIND.array || !isLive(reader.index, number, entry)) continue;
      const head = heads === null ? null : decodeHead(heads[at] as Uint8Array);
      const found = head ?? (await headAt(reader, { ...entry, pack: number }));
      if (found === null || found.array === null) return null;
      folders.add(found.array.folder);
    }
  }
  return folders;
}

async function headsOf({ parts }: StoreReader, { heads, footer, header }: Pack) {
  if (heads !== null || footer === null) return heads;
  return await readHeads(parts.disk, packPath(header.number), footer, parts.hash);
}

async function headAt(reader: StoreReader, slot: Parameters<StoreReader['readSlot']>[0]) {
  try {
    return (await reader.readSlot(slot, false)).head;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return null;
  }
}
