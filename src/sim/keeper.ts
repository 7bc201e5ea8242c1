import { AttaccaError } from '../core/errors.js';
import type { Disk } from '../journal/disk.js';
import { Journal } from '../journal/journal.js';
import type { Place, Tail } from '../journal/segment.js';
import { hashOf } from '../loop/history.js';
import type { PoolLoop } from '../loop/pool-loop.js';
import { STEP_VERSION } from '../pool/step.js';
import type { Machines } from './machines.js';
import { must } from './violation.js';

/** As the server tries it. */
const ROOM_RETRY_MS = 1_000;

interface KeeperParts {
  readonly machines: Machines;
  readonly loop: PoolLoop;
  readonly disk: Disk;
  readonly after: Place;
  readonly tail: Tail | null;
  readonly info: Uint8Array;
  readonly segmentBytes: number;
  readonly sync: boolean;
  readonly onDurable: (number: number) => void;
  readonly onReady: () => void;
  readonly onFailed: () => void;
  /** A replay was not the same, or what is to be replayed is damaged. */
  readonly onDamaged: (error: AttaccaError) => void;
  /** All up to this batch is synced, also with `--sync never`. */
  readonly onClosed: (last: number) => void;
  readonly onSnapshot: () => void;
  /** Plans something that happens only if this manager still lives. */
  readonly later: (kind: 'retry' | 'snapshot', ms: number, action: () => void) => void;
  /** Runs what a promise calls: an error is the world's. */
  readonly guard: (action: () => void) => void;
}

/** The journal of a manager and its snapshots, as the server's keeper has them. */
export class Keeper {
  readonly journal: Journal;
  readonly #parts: KeeperParts;
  #wanted = 0;
  #isMaking = false;
  /** The snapshot that is under way: one at a time, also at the end. */
  #making: Promise<void> = Promise.resolve();
  #isRetrying = false;
  #isClosed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    const { machines, disk, after, tail, info, segmentBytes, sync, guard } = parts;
    this.journal = new Journal({
      disk,
      checksum: machines.checksum,
      stepVersion: STEP_VERSION,
      info,
      after,
      tail,
      segmentBytes,
      sync,
      onDurable: (number) => guard(() => parts.onDurable(number)),
      onReady: () => guard(() => parts.onReady()),
      onRoom: (hasRoom) => guard(() => this.#room(hasRoom)),
      onFailed: () => guard(() => parts.onFailed()),
      onClosed: (last) => guard(() => this.#closed(last)),
    });
  }

  /**
   * All is durable, and a snapshot of the end is there that says what the loop says; false: there
   * is none, as the disk has no room or fails.
   */
  async close(): Promise<boolean> {
    this.#isClosed = true;
    const { machines, loop, disk, info } = this.#parts;
    await this.journal.flush();
    await this.journal.close();
    await this.#making;
    const { last } = this.journal;
    if (last === 0) return true;
    const { checksum } = machines;
    try {
      const made = await machines.makeSnapshot(disk, { checksum, upTo: last, info });
      if (made === null) return true;
      const words = (): string => `the snapshot of the end, ${last}, is not what the pool is`;
      must(made.hash === hashOf(loop, checksum), 'a clean stop says what is', words);
      await this.journal.removeCovered(made.firstNeeded);
      return true;
    } catch (error) {
      if (!(error instanceof AttaccaError) || error.code === 'journal-damaged') throw error;
      return false;
    }
  }

  #room(hasRoom: boolean): void {
    this.#parts.loop.hasRoom = hasRoom;
    if (hasRoom) this.#parts.onReady();
    else this.#retry();
  }

  #retry(): void {
    if (this.#isRetrying) return;
    this.#isRetrying = true;
    this.#parts.later('retry', ROOM_RETRY_MS, () => {
      this.#isRetrying = false;
      if (this.#isClosed || this.#parts.loop.hasRoom) return;
      this.journal.retryRoom();
      this.#retry();
    });
  }

  #closed(last: number): void {
    this.#parts.onClosed(last);
    this.#wanted = last;
    this.#plan();
  }

  #plan(): void {
    if (this.#isMaking || this.#isClosed) return;
    this.#isMaking = true;
    this.#parts.later('snapshot', 0, () => {
      if (!this.#isClosed) this.#making = this.#make(this.#wanted);
    });
  }

  async #make(upTo: number): Promise<void> {
    const { machines, disk, info, guard, onDamaged, onSnapshot } = this.#parts;
    try {
      const { checksum } = machines;
      const made = await machines.makeSnapshot(disk, { checksum, upTo, info });
      if (made !== null && !this.#isClosed) {
        guard(onSnapshot);
        await this.journal.removeCovered(made.firstNeeded);
      }
    } catch (error) {
      guard(() => {
        if (!(error instanceof AttaccaError)) throw error;
        // A disk that is full or fails: another is tried later.
        if (error.code === 'journal-damaged') onDamaged(error);
      });
    }
    this.#isMaking = false;
    if (this.#wanted > upTo) this.#plan();
  }
}
