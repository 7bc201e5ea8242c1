import type { Checksum } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';
import { decodeHeader, HEADER_BYTES, snapshotName } from '../journal/segment.js';
import { snapshotsAmong } from '../journal/snapshot.js';
import { segmentsAmong } from '../journal/walk.js';
import { decodePoolInfo, type PoolInfo } from './pool-info.js';

/**
 * Which pool a journal is of, as the newest header that is whole says: nothing else is read. Null:
 * there is none. Its manager may live. Errors: `journal-version`, `file-error`.
 */
export async function readInfo(disk: Disk, checksum: Checksum): Promise<PoolInfo | null> {
  const files = await disk.list();
  const heads = [
    ...segmentsAmong(files)
      .reverse()
      .map(({ name }) => ({ kind: 'journal', name }) as const),
    ...snapshotsAmong(files).map(
      (number) => ({ kind: 'snapshot', name: snapshotName(number) }) as const,
    ),
  ];
  for (const { kind, name } of heads) {
    const page = new Uint8Array(HEADER_BYTES);
    const size = await disk.read(name, 0, page);
    const header = decodeHeader(kind, page.subarray(0, size), checksum, name);
    if (header !== null) return decodePoolInfo(header.info);
  }
  return null;
}
