import type { Checksum, Sink, Source } from '../core/streams.js';
import type { Disk } from './disk.js';
import {
  DRAFT,
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  type Header,
  type HeaderFields,
  numberIn,
  refuseVersion,
  snapshotName,
} from './segment.js';

const CRC_BYTES = 4;
/** Read at a time where nobody else reads. */
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
 * taken as proof. `sum` says what the checksum is of all that was given to the sink. Returns the
 * number of the first record that is still needed. A header that is a function is asked for in the
 * moment in which `save` is called; `durable` is waited for before there is a name.
 */
export async function writeSnapshot(
  disk: Disk,
  header: HeaderFields | (() => HeaderFields),
  checksum: Checksum,
  save: (sink: Sink, sum: () => number) => void,
  durable: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  let last = 0;
  await disk.put(DRAFT, (sink) => {
    const own = typeof header === 'function' ? header() : header;
    last = own.after.number;
    const page = encodeHeader('snapshot', own, checksum);
    sink(page);
    let crc = 0;
    const summed: Sink = (bytes) => {
      crc = checksum(bytes, crc);
      sink(bytes);
    };
    save(summed, () => crc);
    const end = new Uint8Array(CRC_BYTES);
    new DataView(end.buffer).setUint32(0, checksum(page, crc), true);
    sink(end);
  });
  await durable();
  await disk.rename(DRAFT, snapshotName(last));
  await disk.syncDirectory();
  const numbers = snapshotsAmong(await disk.list());
  for (const number of numbers.splice(SNAPSHOTS_KEPT)) await disk.remove(snapshotName(number));
  // With one snapshot alone, all records are needed should it be damaged.
  return numbers.length < SNAPSHOTS_KEPT ? 1 : (numbers.at(-1) ?? 0) + 1;
}

/** The body of a snapshot, summed up as it is read. */
class Body {
  readonly size: number;
  readonly #source: Source;
  readonly #checksum: Checksum;
  #left: number;
  #crc = 0;

  /** The source stands behind the header. */
  constructor(source: Source, fileSize: number, checksum: Checksum) {
    this.size = fileSize - HEADER_BYTES - CRC_BYTES;
    this.#source = source;
    this.#checksum = checksum;
    this.#left = this.size;
  }

  readonly read: Source = (target) => {
    const wanted = target.subarray(0, Math.min(this.#left, target.length));
    const bytes = this.#source(wanted);
    this.#crc = this.#checksum(
      bytes < wanted.length ? wanted.subarray(0, bytes) : wanted,
      this.#crc,
    );
    this.#left -= bytes;
    return bytes;
  };

  /** Reads what nobody has read; whether all is as it was written behind this header. */
  isIntact(page: Uint8Array): boolean {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, this.#left));
    while (this.#left > 0) if (this.read(piece) === 0) return false;
    const end = new Uint8Array(CRC_BYTES);
    if (this.#source(end) < CRC_BYTES) return false;
    return new DataView(end.buffer).getUint32(0, true) === this.#checksum(page, this.#crc);
  }
}

type Use = (header: Header, body: Source, size: number) => void;

/**
 * The header of a snapshot that is intact to its last byte; null when it is damaged. Refuses
 * another format with `journal-version`. `use` gets the body while it is summed up: what it made of
 * one that is damaged, or threw for it, is nothing.
 */
export function verifySnapshot(
  disk: Disk,
  number: number,
  checksum: Checksum,
  use: Use = () => {},
): Promise<Header | null> {
  const name = snapshotName(number);
  return disk.get(name, (source, size) => {
    const page = new Uint8Array(HEADER_BYTES);
    if (size < HEADER_BYTES + CRC_BYTES || source(page) < HEADER_BYTES) return null;
    const header = decodeHeader('snapshot', page, checksum, name);
    if (header === null || header.after.number !== number) return null;
    const body = new Body(source, size, checksum);
    let failure: { readonly error: unknown } | null = null;
    try {
      use(header, body.read, body.size);
    } catch (error) {
      failure = { error };
    }
    if (!body.isIntact(page)) return null;
    if (failure !== null) throw failure.error;
    return header;
  });
}

/**
 * The newest snapshot that is intact, and the names of those newer. `use` gets its body in the one
 * pass that sums it up, as a state may have gigabytes. So it may first get one that turns out to be
 * damaged: what it made of that, or threw for it, is nothing.
 */
export async function newestSnapshot(
  disk: Disk,
  files: readonly { readonly name: string }[],
  { checksum, stepVersion }: { readonly checksum: Checksum; readonly stepVersion: number },
  use: Use = () => {},
): Promise<{ snapshot: number; header: Header | null; spoiled: string[] }> {
  const spoiled: string[] = [];
  for (const snapshot of snapshotsAmong(files)) {
    const name = snapshotName(snapshot);
    const header = await verifySnapshot(disk, snapshot, checksum, (found, body, size) => {
      if (found.stepVersion > stepVersion) {
        refuseVersion(name, 'step', found.stepVersion, stepVersion);
      }
      use(found, body, size);
    });
    if (header !== null) return { snapshot, header, spoiled };
    spoiled.push(name);
  }
  return { snapshot: 0, header: null, spoiled };
}
