import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Checksum } from '../../src/core/streams.js';
import type { Disk } from '../../src/journal/disk.js';
import { Journal, type JournalOptions } from '../../src/journal/journal.js';
import { type Recovered, type RecoverOptions, recover } from '../../src/journal/recover.js';
import { BEGIN } from '../../src/journal/segment.js';

export const checksum: Checksum = (bytes, before) => crc32(bytes, before);

export const STEP_VERSION = 3;
export const INFO = Uint8Array.from([1, 2, 3]);
/** Small, so that tests come to many of them. */
export const SEGMENT_BYTES = 64 * 1024;

/** Entries that tell themselves apart from others. */
export function entriesOf(number: number, size: number): Uint8Array {
  return new Uint8Array(size).map((_, index) => number * 7 + (index ^ (index >> 8)) * 13);
}

/** Operations of a simulated disk, which a test ends one by one in the order that it likes. */
export class Schedule {
  readonly waiting: (() => void)[] = [];
  readonly later = (run: () => void): void => void this.waiting.push(run);

  /** Ends one operation and lets follow what follows. */
  async end(index = 0): Promise<void> {
    this.waiting.splice(index, 1)[0]?.();
    await setImmediate();
  }

  /** Ends operations, also those that follow, until none is left. */
  async endAll(): Promise<void> {
    await setImmediate();
    while (this.waiting.length > 0) await this.end();
  }
}

/** A journal with what it has told. */
export interface Told {
  readonly journal: Journal;
  readonly durable: number[];
  readonly closed: number[];
  readonly room: boolean[];
  readonly failed: string[];
  ready: number;
}

export function openJournal(disk: Disk, options: Partial<JournalOptions> = {}): Told {
  const told = { durable: [], closed: [], room: [], failed: [], ready: 0 } as Omit<
    { -readonly [Key in keyof Told]: Told[Key] },
    'journal'
  >;
  const journal = new Journal({
    disk,
    checksum,
    stepVersion: STEP_VERSION,
    info: INFO,
    after: BEGIN,
    tail: null,
    segmentBytes: SEGMENT_BYTES,
    onDurable: (number) => void told.durable.push(number),
    onReady: () => void told.ready++,
    onRoom: (hasRoom) => void told.room.push(hasRoom),
    onFailed: ({ code }) => void told.failed.push(code),
    onClosed: (last) => void told.closed.push(last),
    ...options,
  });
  return Object.assign(told, { journal });
}

/** Appends records of these sizes, each when the one before is durable. */
export async function write(journal: Journal, sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    while (journal.reserve(size) !== 'ok') await setImmediate();
    const number = journal.last + 1;
    journal.append({ now: number / 2, check: number * 3, entries: entriesOf(number, size) });
    await journal.flush();
  }
}

/** What recovery gives of a directory, with its records. */
export async function recovered(
  disk: Disk,
  options: Partial<RecoverOptions> = {},
): Promise<Recovered & { numbers: number[]; sizes: number[] }> {
  const numbers: number[] = [];
  const sizes: number[] = [];
  const result = await recover(disk, {
    checksum,
    stepVersion: STEP_VERSION,
    repair: false,
    begin: () => {},
    apply: ({ number, entries }) => {
      numbers.push(number);
      sizes.push(entries.length);
    },
    ...options,
  });
  return { ...result, numbers, sizes };
}
