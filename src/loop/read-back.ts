import { assert } from '../core/assert.js';
import { AttaccaError } from '../core/errors.js';
import { StateReader } from '../core/state-codec.js';
import type { Checksum } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';
import type { JournalRecord } from '../journal/record.js';
import { damageError } from '../journal/recover.js';
import { BEGIN, type Header, refuseVersion, snapshotName } from '../journal/segment.js';
import { snapshotsAmong, verifySnapshot } from '../journal/snapshot.js';
import { segmentsAmong, type Walk, walk } from '../journal/walk.js';
import { STEP_VERSION } from '../pool/step.js';
import { decodePoolInfo } from './pool-info.js';
import { PoolLoop } from './pool-loop.js';

/** How often a file may go between its listing and its opening. */
const ATTEMPTS_MAX = 10;
const NOTHING = new Uint8Array(0);

type Files = Awaited<ReturnType<Disk['list']>>;

interface ReadBackOptions {
  readonly checksum: Checksum;
  /** The pool is needed as it was behind this record; null: from as early as it can be had. */
  readonly behind: number | null;
  /** The last record that is needed; Infinity: all. */
  readonly until: number;
  /** Must have the loop replay the record; both are borrowed. */
  readonly use: (record: JournalRecord, loop: PoolLoop) => void;
}

interface ReadBack {
  readonly loop: PoolLoop;
  /** The last record that was used, or that of the snapshot when there was none behind it. */
  readonly last: number;
  /** Bytes behind it that no acknowledged record needs; 0 when `until` came before the end. */
  readonly tornBytes: number;
}

/** Where a replay can begin: a snapshot that is intact, or the begin of the first segment. */
interface Base {
  readonly number: number;
  readonly header: Header | null;
  /** What the snapshot holds. */
  readonly loop: PoolLoop | null;
}

/**
 * Does again what a journal says, up to a record, and changes nothing: its manager may live, and go
 * on meanwhile; what comes after the call is not looked at. Null: the directory holds no journal.
 * Errors: `journal-damaged` when all before the damage was used, `journal-version`, `bad-argument`
 * with the field `lowest` when `behind` is not kept any more, `file-error`.
 */
export async function readBack(disk: Disk, options: ReadBackOptions): Promise<ReadBack | null> {
  const { checksum, behind, until } = options;
  const files = await openAll(disk);
  const segments = segmentsAmong(files);
  if (segments.length === 0 && snapshotsAmong(files).length === 0) return null;
  const base = await findBase(disk, files, checksum, behind);
  let last = base.number;
  let { loop } = base;
  const [durable = 0] = snapshotsAmong(files);
  const needed = new Set(segments.filter(({ first }) => first <= until).map(({ name }) => name));
  const walked = await walkTwice(base.header?.after ?? BEGIN, (after) =>
    walk(
      files.filter(({ name }) => needed.has(name)),
      {
        disk,
        checksum,
        stepVersion: STEP_VERSION,
        after,
        durable,
        begin: ({ info }) => {
          loop ??= new PoolLoop(decodePoolInfo(info).options, checksum);
        },
        use: (record) => {
          if (record.number > until) return;
          assert(loop !== null, 'a journal begins before it goes on');
          options.use(record, loop);
          last = record.number;
        },
      },
    ),
  );
  const { damage, torn } = walked;
  if (damage !== null && damage.first <= until) throw damageError(damage);
  if (loop === null) return null;
  return { loop, last, tornBytes: walked.place.number <= until ? (torn?.bytes ?? 0) : 0 };
}

/**
 * Walks again behind what was read when something seems to be damaged. In a journal that is written
 * to, a record may come to stand where nothing stood yet when that was read, and one behind it
 * before that was: the second look finds both. What stays where it was is damaged.
 */
async function walkTwice(
  start: { readonly number: number; readonly crc: number },
  look: (after: typeof start) => Promise<Walk>,
): Promise<Walk> {
  let walked = await look(start);
  for (let seen = -1; walked.damage !== null && walked.place.number !== seen; ) {
    seen = walked.place.number;
    walked = await look(walked.place);
  }
  return walked;
}

/**
 * The files as they are now, each opened, so that it can be read to its end although its manager
 * removes it meanwhile.
 */
async function openAll(disk: Disk): Promise<Files> {
  for (let attempt = 1; ; attempt++) {
    const files = await disk.list();
    try {
      for (const { name } of [...segmentsAmong(files)]) await disk.read(name, 0, NOTHING);
      for (const number of snapshotsAmong(files)) {
        await disk.read(snapshotName(number), 0, NOTHING);
      }
      return files;
    } catch (error) {
      // A snapshot was made since the listing, and what it covers removed.
      const mayBeGone = error instanceof AttaccaError && error.code === 'file-error';
      if (!mayBeGone || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function findBase(
  disk: Disk,
  files: Files,
  checksum: Checksum,
  behind: number | null,
): Promise<Base> {
  const begun = (segmentsAmong(files)[0]?.first ?? 1) - 1;
  const numbers = snapshotsAmong(files).filter((number) => number >= begun);
  if (begun === 0) numbers.push(0);
  const wanted = behind === null ? [...numbers].reverse() : numbers.filter((one) => one <= behind);
  const base = await firstIntact(disk, wanted, checksum);
  if (base !== null) return base;
  const lowest = behind === null ? null : await firstIntact(disk, numbers.reverse(), checksum);
  if (lowest === null) {
    const why = 'the journal does not reach back to its begin, and no snapshot is intact';
    throw new AttaccaError('journal-damaged', `Cannot replay: ${why}`);
  }
  const { number } = lowest;
  throw new AttaccaError(
    'bad-argument',
    `Cannot go back so far: records are kept from ${number + 1} on, the pool itself as it was ` +
      `after record ${number} and later`,
    { lowest: number },
  );
}

async function firstIntact(
  disk: Disk,
  numbers: readonly number[],
  checksum: Checksum,
): Promise<Base | null> {
  for (const number of numbers) {
    if (number === 0) return { number, header: null, loop: null };
    let loop: PoolLoop | null = null;
    const header = await verifySnapshot(disk, number, checksum, ({ stepVersion }, body, size) => {
      if (stepVersion > STEP_VERSION) {
        refuseVersion(snapshotName(number), 'step', stepVersion, STEP_VERSION);
      }
      loop = PoolLoop.restore(new StateReader(body, size, checksum), checksum);
    });
    if (header !== null) return { number, header, loop };
  }
  return null;
}
