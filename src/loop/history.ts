import { assert } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { StateReader, StateWriter } from '../core/state-codec.js';
import type { Checksum, Sink, Source } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';
import { damageError, type Recovered, readJournal, recover } from '../journal/recover.js';
import { BEGIN, type Header, type HeaderFields, type Place } from '../journal/segment.js';
import { newestSnapshot, writeSnapshot } from '../journal/snapshot.js';
import { STEP_VERSION } from '../pool/step.js';
import { decodePoolInfo, type PoolInfo } from './pool-info.js';
import { PoolLoop } from './pool-loop.js';

/** A loop as its journal says it was, and how that was found. */
export interface Revived {
  /** Null: the directory holds no journal. */
  readonly loop: PoolLoop | null;
  /** Of the last manager. */
  readonly info: PoolInfo | null;
  readonly recovered: Recovered;
}

/** For a state whose file is summed up anyway: twice would cost as much again. */
const UNSUMMED: Checksum = () => 0;

/** Makes a loop of what a snapshot or the first segment begins with. */
function begin(header: Header, body: Source | null, size: number, checksum: Checksum): PoolLoop {
  if (body === null) return new PoolLoop(decodePoolInfo(header.info).options, checksum);
  return PoolLoop.restore(new StateReader(body, size, UNSUMMED), checksum);
}

/**
 * Brings a pool back: the newest snapshot, and all that was done since, done again. Errors:
 * `journal-damaged`, `journal-version`, `file-error`.
 */
export async function revive(
  disk: Disk,
  options: {
    readonly checksum: Checksum;
    readonly repair: boolean;
    /** Called behind each record that was done again, with its number. */
    readonly onRecord?: (number: number) => void;
  },
): Promise<Revived> {
  const { checksum, repair, onRecord } = options;
  let loop: PoolLoop | null = null;
  const recovered = await recover(disk, {
    checksum,
    repair,
    stepVersion: STEP_VERSION,
    begin: (header, body, size) => {
      loop = begin(header, body, size, checksum);
    },
    apply: (record) => {
      assert(loop !== null, 'a journal begins before it goes on');
      loop.replay(record);
      onRecord?.(record.number);
    },
  });
  const { header } = recovered;
  // Without a header all that was begun was damaged.
  if (header === null) return { loop: null, info: null, recovered };
  return { loop, info: decodePoolInfo(header.info), recovered };
}

/** What a loop's whole state is summed up to behind a record: that of {@link hashOf}. */
export interface StateHash {
  readonly number: number;
  readonly hash: number;
}

/** What a snapshot that was made says. */
export interface Made {
  /** Its last record. */
  readonly number: number;
  /** The first record that is still needed. */
  readonly firstNeeded: number;
  readonly hash: number;
  readonly bytes: number;
}

/**
 * Makes a snapshot that ends with the record `upTo`, the last of a segment: of the newest one, and
 * of all that was done since, which is compared with what it did when it was done first. Changes
 * nothing that recovery needs. Null: there is one that goes so far. `state` is that of who did it
 * first behind a record. `journal-damaged` when what was done since cannot be read, or gives
 * another outcome, or another state there.
 */
export async function makeSnapshot(
  disk: Disk,
  options: {
    readonly checksum: Checksum;
    readonly upTo: number;
    readonly info: Uint8Array;
    readonly state?: StateHash | null;
  },
): Promise<Made | null> {
  const { checksum, upTo, info, state = null } = options;
  const versions = { checksum, stepVersion: STEP_VERSION };
  let loop: PoolLoop | null = null;
  const files = await disk.list();
  const { snapshot, header } = await newestSnapshot(disk, files, versions, (found, body, size) => {
    if (found.after.number < upTo) loop = begin(found, body, size, checksum);
  });
  if (snapshot >= upTo) return null;
  // What was made of one that is damaged is nothing.
  if (header === null) loop = null;
  const walked = await readJournal(disk, {
    checksum,
    stepVersion: STEP_VERSION,
    after: header?.after ?? BEGIN,
    upTo,
    begin: (first) => {
      loop ??= begin(first, null, 0, checksum);
    },
    use: (record) => {
      assert(loop !== null, 'a journal begins before it goes on');
      loop.replay(record);
      if (record.number === state?.number) checkState(loop, state, checksum);
    },
  });
  if (walked.damage !== null) throw damageError(walked.damage);
  assert(loop !== null && walked.place.number === upTo, 'a segment ends with its last record');
  return await saveSnapshot(disk, loop, { checksum, after: walked.place, info });
}

/** Names no file: nobody can say which of the two is right. */
function checkState(loop: PoolLoop, { number, hash }: StateHash, checksum: Checksum): void {
  const again = hashOf(loop, checksum);
  if (again === hash) return;
  const text = `Cannot vouch for a snapshot: done again, record ${number} leaves another state`;
  throw new AttaccaError('journal-damaged', text, { number, hash, again });
}

/** The newest snapshot that is intact, as if it were the only one; null: there is none. */
export async function newestMade(disk: Disk, checksum: Checksum): Promise<Made | null> {
  const found = await newestSnapshot(disk, await disk.list(), {
    checksum,
    stepVersion: STEP_VERSION,
  });
  const { snapshot, header } = found;
  return header === null
    ? null
    : { number: snapshot, firstNeeded: snapshot + 1, hash: 0, bytes: 0 };
}

/**
 * Writes a loop as the snapshot that ends at a place. A loop that goes on says where it stands in
 * the very moment in which it is written, and it has its name when all up to there is `durable`.
 */
export async function saveSnapshot(
  disk: Disk,
  loop: PoolLoop,
  options: {
    readonly checksum: Checksum;
    readonly info: Uint8Array;
    readonly after: Place | (() => Place);
    readonly durable?: () => Promise<void>;
  },
): Promise<Made> {
  const { checksum, info } = options;
  const where = options.after;
  let number = 0;
  const header = (): HeaderFields => {
    const after = typeof where === 'function' ? where() : where;
    number = after.number;
    return { stepVersion: STEP_VERSION, after, info };
  };
  let hash = 0;
  let bytes = 0;
  const save = (sink: Sink, sum: () => number): void => {
    bytes = saveTo(loop, sink, UNSUMMED).bytesWritten;
    hash = sum();
  };
  const firstNeeded = await writeSnapshot(disk, header, checksum, save, options.durable);
  return { number, firstNeeded, hash, bytes };
}

/** The hash of a loop's whole state: that of what a snapshot of it would hold. */
export function hashOf(loop: PoolLoop, checksum: Checksum): number {
  return saveTo(loop, () => {}, checksum).checksum;
}

class TooLarge extends Error {}

/** As {@link hashOf}, or null when the state has more bytes: to give up takes no longer, either. */
export function hashWithin(loop: PoolLoop, checksum: Checksum, bytesMax: number): number | null {
  let bytes = 0;
  const count: Sink = (piece) => {
    bytes += piece.length;
    if (bytes > bytesMax) throw new TooLarge();
  };
  try {
    return saveTo(loop, count, checksum).checksum;
  } catch (error) {
    if (error instanceof TooLarge) return null;
    throw error;
  }
}

function saveTo(loop: PoolLoop, sink: Sink, checksum: Checksum): StateWriter {
  const writer = new StateWriter(sink, checksum);
  loop.save(writer);
  writer.end();
  return writer;
}
