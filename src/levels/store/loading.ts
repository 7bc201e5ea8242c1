import { spaceBytes } from '../../core/space.js';
import { type Footer, readFooter } from './footer.js';
import { type Hasher, hashName } from './hasher.js';
import {
  decodePackHeader,
  isDeletion,
  PACK_HEADER_BYTES,
  PACKS,
  type Pack,
  PackEntries,
  type PackEntry,
  type PackHeader,
  packNumberOf,
  packPath,
} from './pack.js';
import { decodeHead, recordBytes, UNIT_BYTES } from './record.js';
import { type Scanned, scanPack } from './scan.js';
import type { StoreDisk } from './store-disk.js';
import { StoreIndex } from './store-index.js';

/** What all that reads or writes a store has in common. */
export interface StoreParts {
  readonly disk: StoreDisk;
  readonly hash: Hasher;
  /** Of the store, from its file. */
  readonly seed: bigint;
}

/** What is not as it should be in a pack that was read. */
export interface Problem {
  readonly kind:
    | 'bad-header'
    /** It was not closed, or its footer is damaged: its records were read instead. */
    | 'no-footer'
    /** Bytes between records that are none. */
    | 'gap'
    /** What comes behind the last record that is whole: a write that a crash has cut. */
    | 'torn-tail'
    | 'damaged-object';
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Of the object, where it is known. */
  readonly name?: string;
  readonly version?: number;
}

interface LoadedPack {
  readonly pack: Pack | null;
  readonly problems: readonly Problem[];
}

/** The numbers of all packs, in order. */
export async function listPacks(disk: StoreDisk): Promise<number[]> {
  const files = await disk.list(PACKS);
  const numbers = files.map(({ name }) => packNumberOf(name)).filter((number) => number !== null);
  return numbers.sort((one, other) => one - other);
}

/**
 * Reads what a pack holds: by its footer, or record by record where it has none. Null with a
 * problem for one whose header is damaged, and without one for a pack that is gone.
 */
export async function loadPack(parts: StoreParts, number: number): Promise<LoadedPack> {
  const path = packPath(number);
  const size = await parts.disk.size(path);
  if (size === null) return { pack: null, problems: [] };
  const bytes = new Uint8Array(PACK_HEADER_BYTES);
  await parts.disk.read(path, 0, bytes);
  const header = size < PACK_HEADER_BYTES ? null : decodePackHeader(bytes, parts.hash);
  if (header === null) {
    return { pack: null, problems: [{ kind: 'bad-header', path, offset: 0, bytes: size }] };
  }
  const footer = await readFooter(parts.disk, path, size, { ...parts, salt: header.salt });
  if (footer !== null) return { pack: closedPack(header, footer, size), problems: [] };
  return await loadByScan(parts, header, size);
}

function closedPack(header: PackHeader, footer: Footer, size: number): Pack {
  const { entries, end } = footer;
  const base = { header, entries, footer, heads: null, end, size, live: 0 };
  return { ...base, ...countsOf(entries) };
}

function countsOf(entries: PackEntries): Pick<Pack, 'sequenceMin' | 'deletions'> {
  let sequenceMin = Number.MAX_SAFE_INTEGER;
  let deletions = 0;
  for (const entry of entries) {
    sequenceMin = Math.min(sequenceMin, entry.sequence);
    if (isDeletion(entry)) deletions += entry.units * UNIT_BYTES;
  }
  return { sequenceMin, deletions };
}

/** What is kept of a record that was read: its head is a copy. */
interface Kept {
  readonly entry: PackEntry;
  readonly head: Uint8Array;
  readonly problem: Problem | null;
  readonly end: number;
}

async function loadByScan(
  parts: StoreParts,
  header: PackHeader,
  size: number,
): Promise<LoadedPack> {
  const path = packPath(header.number);
  const problems: Problem[] = [{ kind: 'no-footer', path, offset: size, bytes: 0 }];
  let kept: Kept[] = [];
  /** Found since the last record that is whole: perhaps a tail. */
  let doubtful: (Kept | Problem)[] = [];
  for await (const found of scanPack(parts, path, { salt: header.salt, end: size })) {
    if (found.kind === 'gap') {
      const { offset, end } = found;
      doubtful.push({ kind: 'gap', path, offset, bytes: end - offset });
      continue;
    }
    const record = keptOf(parts, path, found);
    doubtful.push(record);
    if (record.problem !== null) continue;
    for (const each of doubtful) {
      if ('kind' in each) problems.push(each);
      else {
        kept.push(each);
        if (each.problem !== null) problems.push(each.problem);
      }
    }
    doubtful = [];
  }
  const end = kept.at(-1)?.end ?? PACK_HEADER_BYTES;
  if (end < size) problems.push({ kind: 'torn-tail', path, offset: end, bytes: size - end });
  kept = kept.filter(({ entry }) => entry.version > 0);
  const entries = new PackEntries();
  for (const { entry } of kept) entries.add(entry);
  const heads = kept.map(({ head }) => head);
  const base = { header, entries, footer: null, heads, end, size, live: 0 };
  return { pack: { ...base, ...countsOf(entries) }, problems };
}

function keptOf(
  { hash, seed }: StoreParts,
  path: string,
  { start, offset, head, isDamaged }: Scanned & { kind: 'record' },
): Kept {
  const said = decodeHead(head);
  const bytes = recordBytes(start);
  const key = said?.key ?? { pool: '', name: '', version: 0 };
  const { name, version } = key;
  const damaged = { kind: 'damaged-object', path, offset, bytes, name, version } as const;
  return {
    entry: {
      ...{ hash: hashName(key, { hash, seed }), version },
      ...{ sequence: start.sequence, kind: start.kind },
      ...{ place: offset / UNIT_BYTES, units: bytes / UNIT_BYTES, headBytes: start.headBytes },
      arrayKiB: said?.array == null ? 0 : Math.ceil(spaceBytes(said.space) / 1024),
    },
    head: head.slice(),
    problem: isDamaged || said === null ? damaged : null,
    end: offset + bytes,
  };
}

/** Of all records of all packs those that count. */
export function indexOf(packs: Iterable<Pack>): { index: StoreIndex; sequenceNext: number } {
  const index = new StoreIndex();
  const all = [...packs];
  let sequenceNext = 1;
  for (const { header, entries } of all) {
    for (const entry of entries) {
      sequenceNext = Math.max(sequenceNext, entry.sequence + 1);
      if (isDeletion(entry)) continue;
      const before = index.find(entry.hash, entry.version);
      if (before !== null && before.sequence > entry.sequence) continue;
      index.put({ ...entry, pack: header.number });
    }
  }
  // A deletion may stand in a pack before what it ends, since packs are compacted.
  for (const { entries } of all) {
    for (const entry of entries) {
      if (!isDeletion(entry)) continue;
      const found = index.find(entry.hash, entry.version);
      if (found !== null && found.sequence < entry.sequence)
        index.remove(entry.hash, entry.version);
    }
  }
  for (const pack of all) pack.live = liveBytes(pack, index);
  return { index, sequenceNext };
}

/** Whether an entry of a pack is the one that counts. */
export function isLive(index: StoreIndex, pack: number, entry: PackEntry): boolean {
  if (isDeletion(entry)) return false;
  const found = index.find(entry.hash, entry.version);
  return found?.pack === pack && found.place === entry.place;
}

function liveBytes({ header, entries }: Pack, index: StoreIndex): number {
  let bytes = 0;
  for (const entry of entries) {
    if (isLive(index, header.number, entry)) bytes += entry.units * UNIT_BYTES;
  }
  return bytes;
}
