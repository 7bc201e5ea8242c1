import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { Writer } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import { numberIn, segmentName } from '../../src/journal/segment.js';
import { Batches } from '../../src/loop/batches.js';
import { hashOf, revive } from '../../src/loop/history.js';
import { encodePoolInfo } from '../../src/loop/pool-info.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { beginMessages, endFrame, FRAME_HEADER_SIZE, writeJoin } from '../../src/protocol/index.js';
import { DataDirectory } from '../../src/server/data-directory.js';
import { JournalKeeper } from '../../src/server/journal-keeper.js';
import { SERVER_LIMITS } from '../../src/server/limits.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { Snapshots } from '../../src/server/snapshots.js';
import { OPTIONS } from '../pool/harness.js';
import { scratch } from './pool-fixture.js';

const INFO = encodePoolInfo({ options: OPTIONS, bootId: 'boot', shmDirectory: '/nowhere' });
const SEGMENT_BYTES = 64 * 1024;
/** Of what one member says of itself. */
const MEMBER_BYTES = 2_000;
const BOUNDED = { timeout: 60_000 };

/** A pool in which members come and go, with the keeper of its journal, as a server has them. */
class Kept {
  readonly directory: DataDirectory;
  readonly loop: PoolLoop;
  readonly keeper: JournalKeeper;
  readonly faults: unknown[] = [];
  readonly said: string[] = [];
  readonly #batches: Batches;
  #now = 0;
  #wake: (() => void)[] = [];

  private constructor(
    directory: DataDirectory,
    { loop, recovered }: Awaited<ReturnType<typeof revive>>,
    segments: number,
  ) {
    this.directory = directory;
    this.loop = loop ?? new PoolLoop({ ...OPTIONS }, crc32);
    this.#now = this.loop.pool.now;
    this.keeper = new JournalKeeper({
      ...{ directory, loop: this.loop, found: recovered, segments, info: INFO, sync: true },
      ...{ segmentBytes: SEGMENT_BYTES, onReady: () => {}, settle: () => {} },
      log: (line) => this.#log(line),
      onDurable: (number) => this.#batches.durable(number),
      crashed: (error) => void this.faults.push(error),
    });
    const perform = (): void => {};
    this.#batches = new Batches({ loop: this.loop, journal: this.keeper, perform });
  }

  static async open(t: TestContext, path: string, segments?: number): Promise<Kept> {
    const directory = await DataDirectory.open(path, () => {});
    t.after(() => directory.close());
    const revived = await revive(directory.disk, { checksum: crc32, repair: false });
    return new Kept(directory, revived, segments ?? (await numbersIn(path, 'journal')).length);
  }

  /** One batch: a process comes, joins, and is dead. */
  async live(): Promise<void> {
    const session = this.loop.openSession({ pid: 7 });
    const w = new Writer();
    const start = beginMessages(w, 1, 0);
    writeJoin(w, 1, 'm', { text: 'x'.repeat(MEMBER_BYTES) });
    endFrame(w, start);
    const body = w.written().slice(FRAME_HEADER_SIZE);
    this.loop.receive(session, body, 0, body.length);
    this.loop.input({ kind: 'session-gone', session, why: 'test' });
    while (!this.#batches.step(this.#now)) await setImmediate();
    this.#now++;
    await this.keeper.flush();
  }

  hasSaid(text: string): boolean {
    return this.said.some((line) => line.startsWith(text));
  }

  async untilSaid(text: string): Promise<void> {
    while (!this.hasSaid(text)) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  #log(line: string): void {
    this.said.push(line);
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** Goes on until something is so. */
  async liveUntil(isSo: () => Promise<boolean> | boolean): Promise<void> {
    while (!(await isSo())) await this.live();
  }

  async abandon(): Promise<void> {
    await this.keeper.abandon();
    await this.directory.close();
  }
}

async function numbersIn(path: string, kind: 'journal' | 'snapshot'): Promise<number[]> {
  const numbers = (await readdir(path)).map((name) => numberIn(kind, name) ?? 0);
  return numbers.filter((number) => number > 0).sort((a, b) => a - b);
}

async function place(t: TestContext): Promise<string> {
  return join(await scratch(t), 'kept');
}

const isDamage = (error: unknown): boolean =>
  error instanceof AttaccaError && error.code === 'journal-damaged';

test('the end is refused when the pool does not say what its snapshot says', BOUNDED, async (t) => {
  const path = await place(t);
  const kept = await Kept.open(t, path);
  await kept.keeper.begin();
  await kept.live();
  // What no record says: a replay cannot have it.
  kept.loop.pool.now += 1_000;
  await assert.rejects(kept.keeper.close(), isDamage);
});

test('a pool that is as its records say ends with a snapshot', BOUNDED, async (t) => {
  const path = await place(t);
  const kept = await Kept.open(t, path);
  await kept.keeper.begin();
  for (let batches = 0; batches < 5; batches++) await kept.live();
  await kept.keeper.close();
  assert.deepEqual(await numbersIn(path, 'snapshot'), [5]);
  const { loop } = await revive(kept.directory.disk, { checksum: crc32, repair: false });
  assert.ok(loop !== null);
  assert.equal(hashOf(loop, crc32), hashOf(kept.loop, crc32));
});

test('a state that no replay has is found while the pool is served', BOUNDED, async (t) => {
  const path = await place(t);
  const kept = await Kept.open(t, path);
  await kept.keeper.begin();
  await kept.liveUntil(async () => (await numbersIn(path, 'snapshot')).length > 0);
  assert.deepEqual(kept.faults, []);
  // It changes nothing that is answered here, or counted: so no check of a batch tells.
  Object.assign(kept.loop.pool.options, { promiseGraceMs: 1 });
  await kept.liveUntil(() => kept.faults.length > 0);
  assert.ok(isDamage(kept.faults[0]), String(kept.faults[0]));
  assert.match(String(kept.faults[0]), /leaves another state/u);
  await kept.abandon();
});

test(
  'a manager that finds more segments than it should has a snapshot made',
  BOUNDED,
  async (t) => {
    const path = await place(t);
    const closed = t.mock.method(Snapshots.prototype, 'closed');
    const { segmentsReadMax } = SERVER_LIMITS;
    for (let life = 0; life <= segmentsReadMax; life++) {
      const kept = await Kept.open(t, path);
      await kept.keeper.begin();
      await kept.live();
      await kept.abandon();
    }
    assert.equal((await numbersIn(path, 'journal')).length, segmentsReadMax + 1);
    assert.equal(closed.mock.callCount(), 0);
    const kept = await Kept.open(t, path);
    await kept.keeper.begin();
    while ((await numbersIn(path, 'snapshot')).length === 0) await setImmediate();
    assert.deepEqual(await numbersIn(path, 'snapshot'), [segmentsReadMax + 1]);
    await kept.abandon();
  },
);

test('what the newest snapshot covers makes room on a full disk', BOUNDED, async (t) => {
  const path = await place(t);
  const kept = await Kept.open(t, path);
  await kept.keeper.begin();
  // Full as long as the first segment is there, of which a snapshot is made.
  const { create } = NodeDisk.prototype;
  t.mock.method(NodeDisk.prototype, 'create', async function (this: NodeDisk, name, size) {
    const names = await readdir(path);
    if (names.includes(segmentName(1)) && (await numbersIn(path, 'journal')).length > 1) {
      throw new AttaccaError('disk-full', 'a planted lack of room');
    }
    await create.call(this, name, size);
  } as typeof create);
  await kept.liveUntil(() => kept.hasSaid('NO ROOM'));
  await kept.untilSaid('there is room again');
  assert.ok(!(await readdir(path)).includes(segmentName(1)));
  await kept.live();
  await kept.abandon();
  assert.deepEqual(kept.faults, []);
});
