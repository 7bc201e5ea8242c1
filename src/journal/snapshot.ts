import type { Checksum, Sink, Source } from '../core/streams.js';
import type { Disk } from './disk.js';
import {
  DRAFT,
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  type Header,
  numberIn,
  refuseVersion,
  snapshotName,
} from './segment.js';

const CRC_BYTES = 4;
/** Read at a time to sum up. */
const PIECE_BYTES = 1024 * 1024;
/** A snapshot that is damaged is no loss while there is one before it. */
const SNAPSHOTS_KEPT = 2;

/** Numbers of the snapshots among these files, the newest first. */
export function snapshotsAmong(files: readonly { readonly name: string }[]): number[] {
  return files
    .map(({ name }) => numberIn('snapshot', name) ?? 0)
    .filter((number) => number > 0)
    .sort((a, b) => b - a);
}

/**
 * Writes the snapshot that ends with the record `header.after`: aside, synced, renamed, the
 * directory synced; removes those before the last two. All its records must be durable: its name is
 * taken as proof. Returns the number of the first record that is still needed.
 */
export async function writeSnapshot(
  disk: Disk,
  header: Header,
  checksum: Checksum,
  save: (sink: Sink) => void,
): Promise<number> {
  await disk.put(DRAFT, (sink) => {
    let crc = 0;
    const summed: Sink = (bytes) => {
      crc = checksum(bytes, crc);
      sink(bytes);
    };
    summed(encodeHeader('snapshot', header, checksum));
    save(summed);
    const end = new Uint8Array(CRC_BYTES);
    new DataView(end.buffer).setUint32(0, crc, true);
    sink(end);
  });
  await disk.rename(DRAFT, snapshotName(header.after.number));
  await disk.syncDirectory();
  const numbers = snapshotsAmong(await disk.list());
  for (const number of numbers.splice(SNAPSHOTS_KEPT)) await disk.remove(snapshotName(number));
  // With one snapshot alone, all records are needed should it be damaged.
  return numbers.length < SNAPSHOTS_KEPT ? 1 : (numbers.at(-1) ?? 0) + 1;
}

/**
 * The header of a snapshot that is intact to its last byte; null when it is damaged. Refuses
 * another format with `journal-version`.
 */
function verifySnapshot(disk: Disk, number: number, checksum: Checksum): Promise<Header | null> {
  const name = snapshotName(number);
  return disk.get(name, (source, size) => {
    const page = new Uint8Array(HEADER_BYTES);
    if (size < HEADER_BYTES + CRC_BYTES || source(page) < HEADER_BYTES) return null;
    const header = decodeHeader('snapshot', page, checksum, name);
    if (header === null || header.after.number !== number) return null;
    let crc = checksum(page, 0);
    const piece = new Uint8Array(Math.min(PIECE_BYTES, size));
    for (let left = size - HEADER_BYTES - CRC_BYTES; left > 0; ) {
      const part = piece.subarray(0, Math.min(left, piece.length));
      if (source(part) < part.length) return null;
      crc = checksum(part, crc);
      left -= part.length;
    }
    const end = new Uint8Array(CRC_BYTES);
    if (source(end) < CRC_BYTES) return null;
    return new DataView(end.buffer).getUint32(0, true) === crc ? header : null;
  });
}

/** Reads the body of a snapshot that {@link verifySnapshot} found intact. */
export function readSnapshot<T>(
  disk: Disk,
  number: number,
  use: (body: Source, size: number) => T,
): Promise<T> {
  return disk.get(snapshotName(number), (source, size) => {
    source(new Uint8Array(HEADER_BYTES));
    const bodyBytes = size - HEADER_BYTES - CRC_BYTES;
    let left = bodyBytes;
    const body: Source = (target) => {
      const bytes = source(target.subarray(0, Math.min(left, target.length)));
      left -= bytes;
      return bytes;
    };
    return use(body, bodyBytes);
  });
}

/** The newest snapshot that is intact, and the names of those newer. */
export async function newestSnapshot(
  disk: Disk,
  files: readonly { readonly name: string }[],
  { checksum, stepVersion }: { readonly checksum: Checksum; readonly stepVersion: number },
): Promise<{ snapshot: number; header: Header | null; spoiled: string[] }> {
  const spoiled: string[] = [];
  for (const snapshot of snapshotsAmong(files)) {
    const name = snapshotName(snapshot);
    const header = await verifySnapshot(disk, snapshot, checksum);
    if (header === null) {
      spoiled.push(name);
      continue;
    }
    if (header.stepVersion > stepVersion) {
      refuseVersion(name, 'step', header.stepVersion, stepVersion);
    }
    return { snapshot, header, spoiled };
  }
  return { snapshot: 0, header: null, spoiled };
}
