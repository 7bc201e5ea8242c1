import type { AttaccaError } from '../../core/errors.js';
import { LIMITS } from '../../core/limits.js';
import { isUnreadable } from './array-files.js';
import { readHeads } from './footer.js';
import { isLive } from './loading.js';
import { bytesOfUnits, isDeletion, PACK_HEADER_BYTES, type Pack, packPath } from './pack.js';
import type { PackWriter } from './pack-writer.js';
import { removePack } from './removed-packs.js';
import type { StoreReader } from './store-reader.js';

/** A pack of which less counts is written anew: then at most half of a store is dead. */
const LIVE_SHARE_MIN = 0.5;

/** Whether something in a pack does not count: an object that was replaced or deleted. */
function hasDead({ end, live, deletions }: Pack): boolean {
  return live + deletions < end - PACK_HEADER_BYTES;
}

/**
 * Since when nothing that was deleted is in any pack but this one. What is dead is never moved: a
 * pack that was begun after a deletion has nothing of what that has ended.
 */
function deletionsNeededFrom(packs: Iterable<Pack>, but: Pack): number {
  let least = Number.MAX_SAFE_INTEGER;
  for (const pack of packs) {
    if (pack !== but && hasDead(pack)) least = Math.min(least, pack.header.born);
  }
  return least;
}

/**
 * The packs that are mostly dead, the first one first. The one that is written to only when it has
 * so many bytes: else a store of few objects that come and go would begin packs all the time.
 */
export function deadPacks(
  { packs, unrepaired }: StoreReader,
  writer: PackWriter,
  activeBytesMin: number,
): Pack[] {
  return [...packs.values()]
    .filter((pack) => {
      const { header, end, deletions } = pack;
      const isActive = header.number === writer.activeNumber;
      const live = pack.live + (isActive ? writer.unsettledBytes : 0);
      const bytes = end - PACK_HEADER_BYTES;
      if (!isKnown(pack) || unrepaired.has(header.number)) return false;
      if (live >= bytes * LIVE_SHARE_MIN) return false;
      if (isActive && end < activeBytesMin) return false;
      // What is deleted may be in an older pack: then what says so has to stay.
      const isNeeded = deletions > 0 && deletionsNeededFrom(packs.values(), pack) < header.born;
      return live + (isNeeded ? deletions : 0) < bytes * LIVE_SHARE_MIN;
    })
    .sort((one, other) => one.header.number - other.header.number);
}

/** The packs of which anything is dead, those first of which least has to be moved. */
export function packsWithDead({ packs, unrepaired }: StoreReader): Pack[] {
  const all = [...packs.values()].filter(
    (pack) => isKnown(pack) && !unrepaired.has(pack.header.number) && hasDead(pack),
  );
  const kept = new Map(all.map((pack) => [pack, bytesKept(packs.values(), pack)]));
  return all.sort((one, other) => (kept.get(one) ?? 0) - (kept.get(other) ?? 0));
}

/** What of a pack is moved: what is dead, and deletions of what is nowhere any more, are not. */
export function bytesKept(packs: Iterable<Pack>, pack: Pack): number {
  const neededFrom = deletionsNeededFrom(packs, pack);
  let bytes = pack.live;
  if (neededFrom === Number.MAX_SAFE_INTEGER) return bytes;
  for (const entry of pack.entries) {
    if (isDeletion(entry) && neededFrom <= entry.sequence) bytes += bytesOfUnits(entry.units);
  }
  return bytes;
}

/** Whether it is known what a pack has. */
function isKnown({ footer, heads }: Pack): boolean {
  return footer !== null || heads !== null;
}

/** So much of what may wait to be written is of a pack that is moved, and what came last. */
const MOVED_SHARE_MAX = 0.25;

/**
 * Moves what counts of a pack behind the last record of the store, with the same numbers in its
 * history, and removes the pack when that is safe. What says that something was deleted goes along
 * as long as another pack could have what it ends. One that has a damaged record stays: false.
 */
export async function compactPack(
  reader: StoreReader,
  writer: PackWriter,
  pack: Pack,
): Promise<boolean> {
  const { parts, packs, index } = reader;
  const { number } = pack.header;
  const path = packPath(number);
  const neededFrom = deletionsNeededFrom(packs.values(), pack);
  const { footer } = pack;
  const heads = pack.heads ?? (footer && (await readHeads(parts.disk, path, footer, parts.hash)));
  if (heads === null) return false;
  let moved: Promise<unknown>[] = [];
  let bytes = 0;
  const append = (record: Parameters<PackWriter['append']>[0]): void => {
    const done = writer.append(record);
    // It may fail while the next one is read: who waits for all of them hears of it.
    done.catch(() => undefined);
    moved.push(done);
  };
  try {
    for (let at = 0; at < pack.entries.count; at++) {
      const entry = pack.entries.at(at);
      const { hash, version, kind, sequence, arrayKiB } = entry;
      const base = { hash, version, kind, sequence, arrayKiB, isSynced: false };
      const head = heads[at] as Uint8Array;
      if (isDeletion(entry)) {
        if (neededFrom > sequence) continue;
        const payload = new Uint8Array(0);
        append({ ...base, head, payload, payloadSum: parts.hash.sum(payload) });
      } else if (isLive(index, number, entry)) {
        const { payload, start } = await reader.readSlot({ ...entry, pack: number }, true);
        append({ ...base, head, payload, payloadSum: start.payloadSum });
        bytes += head.length + payload.length;
      }
      // What is appended waits in memory for what is written before it.
      if (bytes < LIMITS.storeQueueBytesMax * MOVED_SHARE_MAX) continue;
      await allOf(moved);
      moved = [];
      bytes = 0;
    }
    await allOf(moved);
  } catch (error) {
    await Promise.allSettled(moved);
    if (isUnreadable(error)) return false;
    throw error;
  }
  await writer.sync();
  await removePack(reader, number);
  return true;
}

/** Until all are done; then fails as the first that has failed. */
async function allOf(moved: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(moved)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason as AttaccaError;
}
