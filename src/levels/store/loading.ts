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
import type { PackList } from './pack-list.js';
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
  /** Which packs it should have. */
  readonly listed: PackList;
  /** What is not as it should be in that file. */
  readonly problems?: readonly Problem[];
}

/** What is not as it should be in a pack that was read. */
export interface Problem {
  readonly kind: /** The file that makes the directory a store. */
    | 'bad-store-file'
    | 'bad-header'
    /** It was longer when it was written: what was in the rest of it is gone. */
    | 'cut-pack'
    /** It was not closed, or its footer is damaged: its records were read instead. */
    | 'no-footer'
    /** Bytes between records that are none. */
    | 'gap'
    /** A write that a crash has cut: nobody was told that it is safe. */
    | 'torn'
    /** The same, behind the last record that is whole. */
    | 'torn-tail'
    | 'damaged-object';
  readonly path: string;
  readonly offset: number;
  readonly bytes: number;
  /** Of the object, where it is known. */
  readonly name?: string;
  readonly version?: number;
  readonly why?: string;
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
  const footer = await readFooter(parts.disk, path, size, parts.hash);
  const isBad = header === null || header.number !== number;
  if (footer !== null) {
    const problems: Problem[] = isBad ? [{ kind: 'bad-header', path, offset: 0, bytes: 64 }] : [];
    problems.push(...cutOf(parts, number, footer.end));
    // As if it were the first of all: then what says that something was deleted stays.
    const said = header ?? { number, salt: footer.salt, seed: parts.seed, born: 0 };
    return { pack: closedPack({ ...said, number }, footer, size), problems };
  }
  if (!isBad) return await loadByScan(parts, header, size);
  // Nothing can be in one that has no whole header: it was cut when it was begun.
  const cut = size < PACK_HEADER_BYTES ? cutOf(parts, number, 0) : [];
  if (cut.length > 0) return { pack: null, problems: cut };
  const kind = size < PACK_HEADER_BYTES ? 'torn-tail' : 'bad-header';
  return { pack: null, problems: [{ kind, path, offset: 0, bytes: size }] };
}

/** What is not there of a pack whose records end so. */
function cutOf({ listed }: StoreParts, number: number, end: number): Problem[] {
  const before = listed.endOf(number);
  if (end >= before) return [];
  return [{ kind: 'cut-pack', path: packPath(number), offset: end, bytes: before - end }];
}

function closedPack(header: PackHeader, footer: Footer, size: number): Pack {
  const { entries, end } = footer;
  const base = { header, entries, footer, heads: null, end, size, live: 0 };
  return { ...base, deletions: deletionsOf(entries) };
}

function deletionsOf(entries: PackEntries): number {
  let bytes = 0;
  for (const entry of entries) if (isDeletion(entry)) bytes += entry.units * UNIT_BYTES;
  return bytes;
}

/** What is kept of a record that was read: its head is a copy. */
interface Kept {
  readonly entry: PackEntry;
  readonly head: Uint8Array;
  readonly problem: Problem | null;
  readonly end: number;
}

/**
 * What of a pack is right. What is not, and was on the disk once, was damaged since: it stays and
 * is told. All else a crash has cut, before anybody was told that it is safe: it is as if it never
 * was.
 */
async function loadByScan(
  parts: StoreParts,
  header: PackHeader,
  size: number,
): Promise<LoadedPack> {
  const path = packPath(header.number);
  const found: (Kept | Problem)[] = [];
  let end = PACK_HEADER_BYTES;
  let synced = parts.listed.endOf(header.number);
  for await (const each of scanPack(parts, path, { salt: header.salt, end: size })) {
    if (each.kind === 'gap') {
      found.push({ kind: 'gap', path, offset: each.offset, bytes: each.end - each.offset });
      continue;
    }
    const record = keptOf(parts, path, each);
    found.push(record);
    // A damaged one that was safe once keeps its place.
    if (record.problem !== null && record.problem.offset >= synced) continue;
    end = record.end;
    synced = Math.max(synced, each.start.synced * UNIT_BYTES);
  }
  const problems: Problem[] = [{ kind: 'no-footer', path, offset: size, bytes: 0 }];
  const entries = new PackEntries();
  const heads: Uint8Array[] = [];
  for (const each of found) {
    const problem = 'kind' in each ? each : each.problem;
    // Behind its last record nothing is known of what was there: see cutOf.
    const isBehind = 'kind' in each && each.offset >= end;
    if (problem !== null && (isBehind || problem.offset >= synced)) {
      const { offset, bytes } = problem;
      if (offset < end) problems.push({ kind: 'torn', path, offset, bytes });
      continue;
    }
    if (problem !== null) problems.push(problem);
    if ('kind' in each || each.entry.version === 0) continue;
    entries.add(each.entry);
    heads.push(each.head);
  }
  const cut = cutOf(parts, header.number, end);
  problems.push(...cut);
  if (end < size && cut.length === 0)
    problems.push({ kind: 'torn-tail', path, offset: end, bytes: size - end });
  const base = { header, entries, footer: null, heads, end, size, live: 0 };
  return { pack: { ...base, deletions: deletionsOf(entries) }, problems };
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
