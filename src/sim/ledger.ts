import { assert } from '../core/assert.js';
import { StateReader } from '../core/state-codec.js';
import type { Checksum } from '../core/streams.js';
import type { Disk } from '../journal/disk.js';
import { readJournal } from '../journal/recover.js';
import { BEGIN } from '../journal/segment.js';
import { newestSnapshot, snapshotsAmong } from '../journal/snapshot.js';
import { hashOf } from '../loop/history.js';
import { decodePoolInfo } from '../loop/pool-info.js';
import { PoolLoop } from '../loop/pool-loop.js';
import { STEP_VERSION } from '../pool/step.js';
import type { Counts } from './history.js';
import type { Batch } from './manager.js';
import type { MeasuredTold } from './measured.js';
import { must } from './violation.js';

/** A batch with what the pool counted after it. */
export interface Lived {
  readonly batch: Batch;
  readonly counts: Counts;
  /** What is told of offered versions, when something was measured. */
  readonly measured: readonly MeasuredTold[];
}

/**
 * The batches of a pool that nobody has heard of yet, and how far those go that somebody has: what
 * every recovery is held against.
 */
export class Ledger {
  /** Number of the last batch that was released, or found by a recovery. */
  released = 0;
  /** Number of the last one that no loss of power may take, also with `--sync never`. */
  synced = 0;
  readonly #held = new Map<number, Lived>();
  /** The whole state after some of the batches. */
  readonly #hashes = new Map<number, number>();

  step(lived: Lived, hash: number | null): void {
    const { number } = lived.batch;
    const words = (): string => `batch ${number} is stepped behind ${this.released}`;
    must(number === this.released + this.#held.size + 1, 'batches are in order', words);
    this.#held.set(number, lived);
    if (hash !== null) this.#hashes.set(number, hash);
  }

  release(number: number): Lived {
    const lived = this.#held.get(number);
    assert(lived !== undefined && number === this.released + 1, 'batches are released in order');
    this.#held.delete(number);
    this.released = number;
    return lived;
  }

  /** A recovery ends with this batch: those that nobody had heard of are kept, or never were. */
  recovered(number: number): Lived[] {
    this.mustReach(number, this.released);
    const kept: Lived[] = [];
    const unknown = (): string => `batch ${number} was never stepped`;
    while (this.released < number) {
      must(this.#held.has(this.released + 1), 'what is found was stepped', unknown);
      kept.push(this.release(this.released + 1));
    }
    this.#held.clear();
    this.sync(number);
    for (const known of this.#hashes.keys()) if (known > number) this.#hashes.delete(known);
    return kept;
  }

  /** A recovery that ends here has what must be there. */
  mustReach(number: number, least: number): void {
    const lost = (): string => `batches to ${least} must be there, the journal ends at ${number}`;
    must(number >= least, 'released is found', lost);
  }

  sync(number: number): void {
    this.synced = Math.max(this.synced, number);
  }

  /** Holds a loop against what the live one was after the same batch, where that is known. */
  check(number: number, loop: PoolLoop, checksum: Checksum): boolean {
    const hash = this.#hashes.get(number);
    if (hash === undefined) return false;
    const words = (): string => `batch ${number}: the state is another than when it was stepped`;
    must(hashOf(loop, checksum) === hash, 'replay is the same', words);
    return true;
  }

  /** Replays all that a disk still has, from its oldest record or snapshot on. */
  async audit(disk: Disk, checksum: Checksum): Promise<number> {
    const files = await disk.list();
    const oldest = snapshotsAmong(files).at(-1);
    const isWhole = files.some(({ name }) => name === FIRST_SEGMENT);
    const only = files.filter(({ name }) => name.endsWith(hexOf(oldest ?? 0)));
    const from = { checksum, stepVersion: STEP_VERSION };
    let loop: PoolLoop | null = null;
    const { snapshot, header } = isWhole
      ? { snapshot: 0, header: null }
      : await newestSnapshot(disk, only, from, (_header, body, size) => {
          loop = PoolLoop.restore(new StateReader(body, size, checksum), checksum);
        });
    if (header === null) loop = null;
    if (loop !== null) this.check(snapshot, loop, checksum);
    let checked = 0;
    await readJournal(disk, {
      ...from,
      after: header?.after ?? BEGIN,
      begin: ({ info }) => {
        loop ??= new PoolLoop(decodePoolInfo(info).options, checksum);
      },
      use: (record) => {
        assert(loop !== null, 'a journal begins before it goes on');
        loop.replay(record);
        if (this.check(record.number, loop, checksum)) checked++;
      },
    });
    return checked;
  }
}

const hexOf = (number: number): string => number.toString(16).padStart(16, '0');
const FIRST_SEGMENT = `journal-${hexOf(1)}`;
