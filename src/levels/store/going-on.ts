import { LIMITS } from '../../core/limits.js';
import { PACKS, type Pack, packPath } from './pack.js';
import { type PackWriter, writeFooter } from './pack-writer.js';
import type { StoreReader } from './store-reader.js';

/** Ends what another writer has left without a footer, and goes on with the last pack. */
export async function goOn(
  { parts, packs, problems, unrepaired }: StoreReader,
  writer: PackWriter,
  packBytesMax: number,
): Promise<void> {
  const numbers = [...packs.keys()].sort((one, other) => one - other);
  const last = numbers.at(-1);
  for (const { kind, path, offset } of problems) {
    if (kind === 'torn-tail' && offset === 0) await parts.disk.remove(path);
  }
  for (const number of numbers) {
    const pack = packs.get(number);
    if (pack === undefined) continue;
    const isSmall =
      pack.end < packBytesMax / 2 && pack.entries.count < LIMITS.storePackRecordsMax / 2;
    if (unrepaired.has(number)) continue;
    if (number === last && isSmall && (await writer.goOnWith(pack))) continue;
    if (pack.footer === null) {
      if (pack.size > pack.end) await parts.disk.truncate(pathOf(pack), pack.end);
      await writeFooter(parts, pack);
    }
    parts.listed.note(number, pack.end);
  }
  if (!parts.listed.isChanged) return;
  await parts.disk.syncFolder(PACKS);
  await parts.listed.saveIfRoom();
}

function pathOf({ header }: Pack): string {
  return packPath(header.number);
}
