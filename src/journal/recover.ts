import { AttaccaError } from '../core/errors.js';
import type { Checksum, Source } from '../core/streams.js';
import type { Disk } from './disk.js';
import type { JournalRecord } from './record.js';
import {
  BEGIN,
  DRAFT,
  HEADER_BYTES,
  type Header,
  type Place,
  SPARE,
  snapshotName,
  type Tail,
} from './segment.js';
import { newestSnapshot, snapshotsAmong } from './snapshot.js';
import { type Damage, readWhole, segmentsAmong, type Torn, type Walk, walk } from './walk.js';

/** What repair cuts, and snapshots that are damaged, are kept under such a name. */
const ASIDE = 'lost-';
/** Written again at a time. */
const PIECE_BYTES = 1024 * 1024;

type File = Awaited<ReturnType<Disk['list']>>[number];

export interface RecoverOptions {
  readonly checksum: Checksum;
  readonly stepVersion: number;
  /** Cut where acknowledged records are damaged, instead of refusing. */
  readonly repair: boolean;
  /**
   * Called before any record, unless the directory is empty: the header of the snapshot with its
   * body, or that of the first segment and null. A snapshot may turn out to be damaged once all of
   * it is read: what was made of it, or thrown for it, is nothing. Called again for what there is
   * instead; when there is nothing, the result has no header.
   */
  readonly begin: (header: Header, body: Source | null, size: number) => void;
  /** The records behind, in order; a record is used again, its entries are borrowed. */
  readonly apply: (record: JournalRecord) => void;
}

export interface Recovered {
  /** Where the journal goes on. */
  readonly after: Place;
  /** The segment that ends there, if it may be gone on in; cut once there is another. */
  readonly tail: Tail | null;
  /** The newest header; null for a directory without a journal. */
  readonly header: Header | null;
  /** Number of the snapshot that was used, 0 for none. */
  readonly snapshot: number;
  /** Records applied. */
  readonly records: number;
  /** What was cut at the end: nobody was told that it is kept. */
  readonly torn: Torn | null;
  /** Files that are damaged without a loss: snapshots, and what a snapshot covers. */
  readonly spoiled: readonly string[];
  /** What repair has cut. */
  readonly damage: Damage | null;
}

/** The error that says which records are lost. */
export function damageError({ file, offset, first, last, why }: Damage): AttaccaError {
  return new AttaccaError(
    'journal-damaged',
    `Cannot read "${file}" from byte ${offset} on: ${why}; records ${first} to ${last} are lost`,
    { file, offset, first, last },
  );
}

/**
 * Reads a journal: the newest snapshot that is intact, and the records behind it. Then removes what
 * a crash has left and clears what was never acknowledged. Refuses with `journal-damaged` when
 * acknowledged records cannot be read, with `journal-version` what another version wrote; the
 * directory is then as it was.
 */
export async function recover(disk: Disk, options: RecoverOptions): Promise<Recovered> {
  const { checksum, stepVersion, repair, begin, apply } = options;
  const files = await disk.list();
  const { snapshot, header, spoiled } = await newestSnapshot(disk, files, options, begin);
  const [newest = 0] = snapshotsAmong(files);
  const walked = await walk(files, {
    disk,
    checksum,
    stepVersion,
    after: header?.after ?? BEGIN,
    durable: newest,
    begin: (first) => {
      if (header === null) begin(first, null, 0);
    },
    use: apply,
  });
  const { damage, torn } = walked;
  if (damage !== null && !repair) throw damageError(damage);
  for (const number of snapshotsAmong(files)) {
    const name = snapshotName(number);
    if (number > walked.place.number || spoiled.includes(name)) await setAside(disk, name);
  }
  let tail: Tail | null = null;
  if (damage !== null) await cut(disk, files, walked, damage);
  else tail = await tidy(disk, files, walked, stepVersion);
  for (const name of [SPARE, DRAFT]) {
    if (files.some((file) => file.name === name)) await disk.remove(name);
  }
  await disk.syncDirectory();
  return {
    after: walked.place,
    tail,
    header: walked.header ?? header,
    snapshot,
    records: walked.records,
    torn,
    spoiled: walked.spoiled === null ? spoiled : [...spoiled, walked.spoiled],
    damage,
  };
}

/** How to read a journal that nobody is to change. */
interface ReadOptions {
  readonly checksum: Checksum;
  /** Null takes records of any version. */
  readonly stepVersion: number | null;
  /** Records behind this place; null: all that there are. */
  readonly after: Place | null;
  /** Reads closed segments only, up to this record, which ends one. */
  readonly upTo?: number;
  readonly begin?: (header: Header) => void;
  readonly use: (record: JournalRecord) => void;
}

/**
 * Gives out the records that are there, without snapshots, and tells how they end: the damage is
 * in the result, not thrown. Changes nothing.
 */
export async function readJournal(disk: Disk, options: ReadOptions): Promise<Walk> {
  const { upTo } = options;
  const files = await disk.list();
  const closed = new Set(segmentsAmong(files).map(({ name }) => name));
  if (upTo !== undefined) {
    for (const { name, first } of segmentsAmong(files)) if (first > upTo) closed.delete(name);
  }
  const [newest = 0] = snapshotsAmong(files);
  const read = files.filter(({ name }) => closed.has(name));
  return walk(read, { ...options, disk, durable: upTo ?? newest });
}

/**
 * Clears the last segment behind its last record. It is not cut: on a disk that is full its rest is
 * all that there is for what frees things. Returns it; null when it may not be gone on in.
 */
async function tidy(
  disk: Disk,
  files: readonly File[],
  walked: Walk,
  stepVersion: number,
): Promise<Tail | null> {
  const { end, torn, spoiled, header } = walked;
  if (end === null || spoiled !== null) return null;
  if (walked.records > 0) await writeAgain(disk, end.file, end.offset);
  if (torn !== null) await clear(disk, torn);
  const size = files.find(({ name }) => name === end.file)?.size ?? 0;
  // A segment that others follow was judged up to its last record only.
  const isLast = segmentsAmong(files).at(-1)?.name === end.file;
  if (!isLast || header?.stepVersion !== stepVersion) return null;
  return { file: end.file, offset: end.offset, size };
}

/** Writes zeros where no record is, durably: nothing of it may be taken for what comes there. */
async function clear(disk: Disk, { file, offset, bytes }: Torn): Promise<void> {
  const zeros = new Uint8Array(Math.min(PIECE_BYTES, bytes));
  const end = offset + bytes;
  for (let at = offset; at < end; at += zeros.length) {
    const piece = zeros.subarray(0, Math.min(zeros.length, end - at));
    await disk.write(file, at, piece, at + piece.length === end);
  }
}

/**
 * Cuts behind the last record that can be reached, and keeps aside all that follows. From the end
 * on: a crash in between leaves what can be cut again.
 */
async function cut(
  disk: Disk,
  files: readonly File[],
  { place, end }: Walk,
  damage: Damage,
): Promise<void> {
  for (const { name, first, size } of segmentsAmong(files).reverse()) {
    const isBehind = first > place.number && name !== end?.file;
    if (isBehind || (name === damage.file && damage.offset === 0)) {
      await setAside(disk, name);
    } else if (name === end?.file) {
      await writeAgain(disk, name, end.offset);
      if (size > end.offset) await copyAside(disk, name, end.offset, size);
      await disk.truncate(name, end.offset);
    }
  }
}

/**
 * Makes durable what was read, as others will rely on it now. It may never have been synced; or
 * that has failed, and then an operating system may go on to show bytes that the disk does not
 * have, and call them clean. Only writing them again helps.
 */
async function writeAgain(disk: Disk, name: string, end: number): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES);
  for (let at = HEADER_BYTES; at < end; at += piece.length) {
    const size = Math.min(piece.length, end - at);
    const bytes = await readWhole(disk, name, at, piece.subarray(0, size));
    await disk.write(name, at, bytes, at + size === end);
  }
}

async function setAside(disk: Disk, name: string): Promise<void> {
  await disk.rename(name, await asideName(disk, name));
  await disk.syncDirectory();
}

/** Keeps what a segment has from an offset on. */
async function copyAside(disk: Disk, name: string, offset: number, size: number): Promise<void> {
  const bytes = await readWhole(disk, name, offset, new Uint8Array(size - offset));
  // Where nothing was written yet nothing is lost.
  if (bytes.every((byte) => byte === 0)) return;
  await disk.put(await asideName(disk, name), (sink) => sink(bytes));
  await disk.syncDirectory();
}

/** A name that is free, as the same numbers may be lost twice. */
async function asideName(disk: Disk, name: string): Promise<string> {
  const taken = new Set((await disk.list()).map((file) => file.name));
  for (let copy = 1; ; copy++) {
    const aside = copy === 1 ? `${ASIDE}${name}` : `${ASIDE}${name}-${copy}`;
    if (!taken.has(aside)) return aside;
  }
}
