import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { AttaccaError } from '../../src/core/errors.js';
import type { Disk } from '../../src/journal/disk.js';
import { Journal } from '../../src/journal/journal.js';
import { RecordCursor, recordBytes } from '../../src/journal/record.js';
import { type Recovered, readJournal, recover } from '../../src/journal/recover.js';
import {
  BEGIN,
  HEADER_BYTES,
  numberIn,
  type Place,
  scanRecords,
  segmentName,
} from '../../src/journal/segment.js';
import { snapshotsAmong, writeSnapshot } from '../../src/journal/snapshot.js';
import { type Dice, SimDisk } from '../../src/sim/disk.js';
import { checksum, INFO, Schedule, SEGMENT_BYTES, STEP_VERSION } from './support.js';

/** What the records up to a place come to: what a snapshot holds. */
interface State {
  readonly place: Place;
  readonly hash: number;
}

const START: State = { place: BEGIN, hash: 0 };
/** What may happen in a life, with how often it did. */
export const NOTHING_SEEN = {
  records: 0,
  segments: 0,
  snapshots: 0,
  torn: 0,
  damage: 0,
  spoiled: 0,
  full: 0,
  failed: 0,
  failedOnce: 0,
};

const DAMAGED = 'damaged' as const;
/** Thrown out of what was under way when the power went. */
class PowerLoss extends Error {}

/**
 * The life of one directory through many crashes, with a model of what was appended and of what was
 * reported durable: what is recovered must be all of the latter and nothing but the former.
 */
export class CrashLife {
  readonly disk: SimDisk;
  readonly #port: Disk;
  readonly #schedule = new Schedule();
  readonly #dice: Dice;
  /** Hash of all records up to each number. */
  readonly #hashes: number[] = [0];
  /** Must be there after the process has ended. */
  #acknowledged = 0;
  /** Must be there after a loss of power, too: less, without sync. */
  #synced = 0;
  #isFlipped = false;
  /** Failures of the disk before the manager at hand. */
  #failuresBefore = 0;
  /** How often each thing has happened, to see that a run came by it. */
  readonly seen = { ...NOTHING_SEEN };

  /** `wrap` gives the machines another disk than the one that crashes. */
  constructor(dice: Dice, wrap: (disk: Disk) => Disk = (disk) => disk) {
    this.disk = new SimDisk({ later: this.#schedule.later });
    this.#dice = dice;
    this.#port = wrap(this.disk);
  }

  /** A manager that recovers, works and loses its power at some moment. */
  async generation(options: { readonly flips: boolean }): Promise<void> {
    if (options.flips && this.#dice(2) === 0) await this.#flip();
    const recovered = await (this.#isFlipped ? this.#recoverFlipped() : this.#recover(false));
    if (recovered === null) return;
    await this.#work(recovered);
    this.#crash();
  }

  /** The power goes, or the process alone. */
  #crash(): void {
    if (this.#dice(3) === 0) this.disk.abandon();
    else {
      this.disk.crash(this.#dice, { garbage: this.#dice(3) === 0 });
      this.#acknowledged = Math.min(this.#acknowledged, this.#synced);
    }
    this.disk.isFailing = false;
    this.disk.failsOnce = false;
    this.#failuresBefore = this.disk.failures;
    this.#schedule.waiting.length = 0;
  }

  /** Ends operations in any order until `promise` is settled, or the power goes. */
  async #drive<T>(promise: Promise<T>, operationsMax: number): Promise<T> {
    let isOver = false;
    const ending = promise.finally(() => {
      isOver = true;
    });
    ending.catch(() => {});
    await setImmediate();
    for (let operation = 0; !isOver; operation++) {
      if (operation >= operationsMax) throw new PowerLoss();
      assert.ok(this.#schedule.waiting.length > 0, 'what waits for nothing has ended');
      await this.#schedule.end(this.#dice(this.#schedule.waiting.length));
    }
    return promise;
  }

  /** Recovers; null when the power went meanwhile. */
  async #recover(repair: boolean): Promise<(Recovered & { hash: number }) | null> {
    let state = START;
    let begins = 0;
    const check = (what: string): void =>
      assert.equal(state.hash, this.#hashes[state.place.number], what);
    const recovering = recover(this.#port, {
      checksum,
      stepVersion: STEP_VERSION,
      repair,
      begin: (header, body) => {
        begins++;
        assert.deepEqual(header.info, INFO);
        state = body === null ? START : stateOf(header.after, body);
      },
      apply: ({ number, entries, crc, now }) => {
        check('the snapshot is what was');
        assert.equal(number, state.place.number + 1, 'records are in order');
        assert.equal(now, number / 4);
        state = { place: { number, crc }, hash: checksum(entries, state.hash) };
        check('a record is what was appended');
      },
    });
    try {
      const operationsMax = this.#dice(4) === 0 ? this.#dice(20) : Infinity;
      const result = await this.#drive(recovering, operationsMax);
      // What was begun of a snapshot that is damaged is nothing.
      if (result.header === null) state = START;
      assert.deepEqual(result.after, state.place);
      check('what was recovered is what was');
      assert.ok(begins <= 1 + result.spoiled.length, 'it begins again for what is damaged');
      if (result.torn !== null) this.seen.torn++;
      return { ...result, hash: state.hash };
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
      this.#crash();
      return null;
    }
  }

  #check(after: Place): void {
    assert.ok(after.number >= this.#acknowledged, `${this.#acknowledged} was lost`);
    assert.ok(after.number < this.#hashes.length, 'no more than was appended');
  }

  /** Appends, writes snapshots, removes what they cover, until the power goes. */
  async #work(recovered: Recovered & { hash: number }): Promise<void> {
    const { after, tail, hash } = recovered;
    this.#check(after);
    this.#hashes.length = after.number + 1;
    // From now on others rely on what was found.
    this.#acknowledged = after.number;
    this.#synced = after.number;
    const sync = this.#dice(4) !== 0;
    const worker = new Worker(this.#port, { place: after, hash: recovered.hash }, this.seen);
    const journal = new Journal({
      disk: this.#port,
      checksum,
      stepVersion: STEP_VERSION,
      info: INFO,
      after,
      tail,
      segmentBytes: SEGMENT_BYTES,
      sync,
      onDurable: (number) => {
        this.#acknowledged = number;
        if (sync) this.#synced = number;
      },
      onReady: () => {},
      onRoom: () => void this.seen.full++,
      onFailed: () => {
        this.seen.failed++;
        if (!this.disk.isFailing) this.seen.failedOnce++;
        assert.ok(this.#hasFailed);
      },
      onClosed: (last) => {
        this.seen.segments++;
        this.#synced = Math.max(this.#synced, last);
        worker.closed(last, (first) => journal.removeCovered(first));
      },
    });
    if (this.#dice(4) === 0) {
      const opened = journal.begin().then((isOwn) => {
        if (isOwn) worker.closed(after.number, (first) => journal.removeCovered(first));
      });
      opened.catch(() => {});
    }
    let running = hash;
    for (let turns = this.#dice(200); turns > 0; turns--) {
      // Now and then nothing more can be made.
      if (this.#dice(30) === 0) this.disk.capacityBytes = this.#dice(2) === 0 ? 0 : 1 << 30;
      if (this.#dice(100) === 0) this.disk.isFailing = true;
      if (this.#dice(100) === 0) this.disk.failsOnce = true;
      if (this.#dice(5) === 0) journal.retryRoom();
      if (this.#dice(2) === 0) running = this.#append(journal, running);
      else if (this.#schedule.waiting.length > 0) {
        await this.#schedule.end(this.#dice(this.#schedule.waiting.length));
      } else await setImmediate();
    }
    this.disk.capacityBytes = 1 << 30;
    this.disk.failsOnce = false;
    if (this.#dice(4) === 0 && !this.disk.isFailing && !this.#hasFailed) {
      await this.#drive(journal.close(), Infinity);
      this.#synced = journal.durable;
    }
    if (worker.failure !== null) throw worker.failure;
  }

  get #hasFailed(): boolean {
    return this.disk.failures > this.#failuresBefore;
  }

  #append(journal: Journal, hash: number): number {
    const size = this.#dice(10) === 0 ? this.#dice(20_000) : this.#dice(2_000);
    if (journal.reserve(size, this.#dice(2) === 0) !== 'ok') return hash;
    const dice = this.#dice(256);
    const entries = new Uint8Array(size).map((_, index) => index * dice + (index >> 8));
    const next = checksum(entries, hash);
    const number = journal.append({ now: (journal.last + 1) / 4, check: dice, entries });
    // Borrowed until it returned.
    entries.fill(0xee);
    this.#hashes[number] = next;
    this.seen.records++;
    return next;
  }

  /**
   * Flips a bit at rest. What could be proved to be there without it must be found, or missed
   * aloud; what a flip in the very last records takes is as if it had been torn.
   */
  async #flip(): Promise<void> {
    const names = (await this.#journalNames()).filter((name) => this.disk.bytesOf(name).length > 0);
    const name = names[this.#dice(names.length)];
    if (name === undefined) return;
    const offset = this.#dice(this.disk.bytesOf(name).length);
    this.#acknowledged = Math.min(this.#acknowledged, await this.#provedWithout(name, offset));
    this.#synced = Math.min(this.#synced, this.#acknowledged);
    this.disk.flip(name, offset, this.#dice(8));
    this.#isFlipped = true;
  }

  /** Recovers what may have been flipped, now or long ago: by repair when there is no other way. */
  async #recoverFlipped(): Promise<(Recovered & { hash: number }) | null> {
    const repair = this.#dice(2) === 0;
    const tried = await this.#recover(repair).catch((error: unknown) => {
      if (error instanceof AttaccaError && error.code === 'journal-damaged') return DAMAGED;
      throw error;
    });
    const result = tried === DAMAGED ? await this.#recover(true) : tried;
    if (result === null) {
      // A repair that was cut short may have set aside what proves the loss.
      if (repair || tried === DAMAGED) this.#acknowledged = 0;
      return null;
    }
    if (tried === DAMAGED) assert.ok(result.damage !== null);
    if (result.spoiled.length > 0) this.seen.spoiled++;
    if (result.damage !== null) {
      this.seen.damage++;
      this.#acknowledged = Math.min(this.#acknowledged, result.after.number);
    }
    return result;
  }

  async #journalNames(): Promise<string[]> {
    const files = await this.#drive(this.disk.list(), Infinity);
    return files
      .map(({ name }) => name)
      .filter((name) => /^(?:journal|snapshot)-/u.test(name))
      .sort();
  }

  /** Up to where records are provably durable by anything but the byte at `offset` of a file. */
  async #provedWithout(file: string, offset: number): Promise<number> {
    const files = await this.#drive(this.disk.list(), Infinity);
    const firsts = files.map(({ name }) => numberIn('journal', name) ?? 0);
    const first = Math.max(...firsts);
    let proved = Math.max(snapshotsAmong(files)[0] ?? 0, first - 1, 0);
    if (first === 0) return proved;
    const name = segmentName(first);
    const cursor = new RecordCursor(checksum);
    const bytes = this.disk.bytesOf(name);
    cursor.open(bytes);
    const page = new DataView(bytes.buffer);
    const crc = bytes.length < HEADER_BYTES ? 0 : page.getUint32(24, true);
    let at = HEADER_BYTES;
    scanRecords(cursor, { number: first - 1, crc }, ({ durable, entries }) => {
      const next = at + recordBytes(entries.length);
      const isHit = name === file && offset >= at && offset < next;
      if (!isHit) proved = Math.max(proved, durable);
      at = next;
    });
    return proved;
  }
}

function stateOf(place: Place, body: (target: Uint8Array) => number): State {
  const bytes = new Uint8Array(3000);
  assert.equal(body(bytes), 2504);
  return { place, hash: new DataView(bytes.buffer).getUint32(2500, true) };
}

/** Makes snapshots of closed segments by replay, one after another. */
class Worker {
  readonly #disk: Disk;
  /** What went wrong first. */
  failure: unknown = null;
  readonly #seen: { snapshots: number };
  #state: State;
  #work: Promise<void> = Promise.resolve();

  constructor(disk: Disk, state: State, seen: { snapshots: number }) {
    this.#disk = disk;
    this.#state = state;
    this.#seen = seen;
  }

  closed(last: number, removeCovered: (first: number) => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (last === 0) return;
      try {
        await removeCovered(await this.#snapshot(last));
        this.#seen.snapshots++;
      } catch (error) {
        const isOfDisk =
          error instanceof AttaccaError && /^disk-full$|^file-error$/u.test(error.code);
        if (!isOfDisk) this.failure ??= error;
      }
    });
  }

  async #snapshot(last: number): Promise<number> {
    let state = this.#state;
    const { damage } = await readJournal(this.#disk, {
      checksum,
      stepVersion: STEP_VERSION,
      after: state.place,
      upTo: last,
      use: ({ number, crc, entries }) => {
        state = { place: { number, crc }, hash: checksum(entries, state.hash) };
      },
    });
    assert.equal(damage, null);
    assert.equal(state.place.number, last);
    const header = { stepVersion: STEP_VERSION, after: state.place, info: INFO };
    const body = new Uint8Array(2504);
    new DataView(body.buffer).setUint32(2500, state.hash, true);
    const first = await writeSnapshot(this.#disk, header, checksum, (sink) => sink(body));
    this.#state = state;
    return first;
  }
}
