import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import type { Level, LevelKey } from '../../../src/levels/level.js';
import { checkStore, isDamage } from '../../../src/levels/store/fsck.js';
import { type DirectoryOptions, openStoreOn } from '../../../src/levels/store/index.js';
import { storeParts } from '../../../src/levels/store/open-store.js';
import { StoreReader } from '../../../src/levels/store/store-reader.js';
import { CrashDisk } from './crash-disk.js';

/** All of a test fits one pack. */
const WRITE: DirectoryOptions = { access: 'write', packBytesMax: 1 << 20, arrayBytesMin: 1 << 18 };

const keyOf = (version: number): LevelKey => ({ pool: 'p', name: 'x', version });

async function put(
  level: Level,
  version: number,
  size: number,
  durability: 'memory' | 'fsync' = 'memory',
): Promise<void> {
  const space = { dtype: 'uint8', shape: [size], order: 'row', byteOrder: 'little' } as const;
  const bytes = new Uint8Array(size).fill(version);
  await level.put({ ...keyOf(version), space, attributes: {} }, bytes, { durability });
}

async function versionsIn(level: Level): Promise<number[]> {
  const versions: number[] = [];
  for await (const { version } of level.list()) versions.push(version);
  return versions.sort((one, other) => one - other);
}

/** Without what is kept back for deletions. */
const bytesOn = (disk: CrashDisk): number =>
  disk.paths().reduce((sum, path) => sum + (path === 'room' ? 0 : disk.bytesOf(path).length), 0);

/** So many bytes are left. */
function leave(disk: CrashDisk, bytes: number): void {
  disk.bytesMax = bytesOn(disk) + disk.bytesOf('room').length + bytes;
}

test('who keeps the last few on a small disk never fills it', async () => {
  const disk = new CrashDisk();
  disk.bytesMax = 60_000;
  const level = await openStoreOn(disk, WRITE);
  for (let version = 1; version <= 300; version++) {
    await put(level, version, 2_000);
    if (version > 3) await level.delete(keyOf(version - 3));
  }
  assert.deepEqual(await versionsIn(level), [298, 299, 300]);
  await level.close();
  const again = await openStoreOn(disk, { ...WRITE, access: 'read' });
  assert.deepEqual(again.problems, []);
  assert.deepEqual(await versionsIn(again), [298, 299, 300]);
  assert.equal((await again.get(keyOf(299)))?.bytes[1_999], 299 % 256);
});

test('a few objects that come and go begin no pack after the other', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  const packs = (): string[] => disk.paths().filter((path) => path.endsWith('.pack'));
  // Of 1 MiB a 64th: before, a pack is not worth its move.
  for (let version = 1; bytesOn(disk) < 15_000; version++) {
    await put(level, version, 300);
    if (version > 1) await level.delete(keyOf(version - 1));
    await level.compact();
    assert.deepEqual(packs(), ['packs/00000001.pack'], `${bytesOn(disk)} bytes`);
  }
  for (let version = 1_000; packs().includes('packs/00000001.pack'); version++) {
    assert.ok(version < 1_020, 'then it is moved');
    await put(level, version, 300);
    await level.delete(keyOf(version));
    await level.compact();
  }
  await level.close();
});

test('what is written and not yet in the index is not taken for dead', async () => {
  class Slow extends CrashDisk {
    override async sync(path: string): Promise<void> {
      for (let turns = 20; turns > 0; turns--)
        await new Promise((resolve) => setImmediate(resolve));
      await super.sync(path);
    }
  }
  const disk = new Slow();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1 << 26 });
  await put(level, 1, 100);
  // In batches of 2 MiB: the first is in the index while the others are written.
  const deleted = level.delete(keyOf(1), { durability: 'fsync' });
  const puts = Array.from({ length: 60 }, (_, at) => put(level, at + 2, 100_000, 'fsync'));
  await Promise.all([deleted, ...puts]);
  await level.compact();
  assert.deepEqual(
    disk.paths().filter((path) => path.startsWith('packs/')),
    ['packs/00000001.pack'],
  );
  assert.equal((await versionsIn(level)).length, 60);
  await level.close();
});

test('a disk that is full gets room of what is dead, also where most counts', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  for (let version = 1; version <= 8; version++) await put(level, version, 1_000);
  for (const version of [1, 2, 3]) await level.delete(keyOf(version));
  leave(disk, 7_000);
  // Those that come together are all tried again.
  await Promise.all([put(level, 9, 8_000), level.delete(keyOf(4))]);
  assert.deepEqual(await versionsIn(level), [5, 6, 7, 8, 9]);
  const error = await put(level, 10, 8_000).catch((cause: unknown) => cause);
  assert.ok(error instanceof AttaccaError && error.code === 'disk-full', String(error));
  await level.close();
  const again = await openStoreOn(disk, { ...WRITE, access: 'read' });
  assert.deepEqual(again.problems, []);
  assert.deepEqual(await versionsIn(again), [5, 6, 7, 8, 9]);
});

test('without room for what counts nothing is moved, and nothing is lost', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  for (let version = 1; version <= 8; version++) await put(level, version, 1_000);
  await level.delete(keyOf(1));
  leave(disk, 2_000);
  const error = await put(level, 9, 8_000).catch((cause: unknown) => cause);
  assert.ok(error instanceof AttaccaError && error.code === 'disk-full', String(error));
  assert.deepEqual(await versionsIn(level), [2, 3, 4, 5, 6, 7, 8]);
  await put(level, 10, 500);
  await level.close();
});

/** A store of which nothing counts, on a disk that is full to the last byte. */
async function deadAndFull(disk: CrashDisk): Promise<Level> {
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 16_000 });
  for (let version = 1; version <= 12; version++) await put(level, version, 2_000, 'fsync');
  // While there is a list nothing is moved.
  for await (const { version } of level.list()) {
    if (version === 1) for (let each = 1; each <= 12; each++) await level.delete(keyOf(each));
  }
  await level.sync();
  assert.equal(disk.paths().filter((path) => path.endsWith('.pack')).length, 2);
  leave(disk, 0);
  return level;
}

test('of a disk without a single free byte packs of which nothing counts are given back', async () => {
  const disk = new CrashDisk();
  const level = await deadAndFull(disk);
  await put(level, 20, 3_000, 'fsync');
  assert.ok(bytesOn(disk) < 8_000, String(bytesOn(disk)));
  await level.close();
  assert.deepEqual(await disk.list('drafts'), []);
  const again = await openStoreOn(disk, { ...WRITE, access: 'read' });
  assert.deepEqual(again.problems, []);
  assert.deepEqual(await versionsIn(again), [20]);
});

test('a disk without a single free byte is given back when all of a pack is deleted', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 16_000 });
  for (let version = 1; version <= 4; version++) await put(level, version, 2_000, 'fsync');
  leave(disk, 0);
  const refused: number[] = [];
  for (let version = 1; version <= 4; version++) {
    await level.delete(keyOf(version)).catch((error: unknown) => {
      assert.ok(error instanceof AttaccaError && error.code === 'disk-full', String(error));
      refused.push(version);
    });
  }
  // Each finds no room to say so; with the last nothing of the pack counts.
  assert.deepEqual(refused, [1, 2, 3]);
  assert.deepEqual(await versionsIn(level), []);
  await put(level, 5, 2_000, 'fsync');
  await level.close();
  const again = await openStoreOn(disk, { ...WRITE, access: 'read' });
  assert.deepEqual(again.problems, []);
  assert.deepEqual(await versionsIn(again), [5]);
});

test('a crash while a full disk gets room takes nothing, and no pack is missed', async () => {
  let marks = 0;
  let crashes = 0;
  for (const isPower of [false, true]) {
    for (let crashIn = 1, isOver = false; !isOver; crashIn++) {
      const disk = new CrashDisk();
      const level = await deadAndFull(disk);
      disk.crashIn = crashIn;
      const isPut = await put(level, 20, 3_000, 'fsync').then(
        () => true,
        () => false,
      );
      isOver = !disk.isDown;
      if (disk.isDown) crashes++;
      await level.close().catch(() => {});
      const what = `${isPower ? 'power' : 'process'}, call ${crashIn}`;
      if (isPower) disk.losePower((sides) => (crashIn * 7) % sides);
      else disk.restart();
      marks += disk.paths().filter((path) => /^drafts\/\d{8}\.pack$/u.test(path)).length;
      for (const access of ['read', 'write', 'read'] as const) {
        const reader = new StoreReader(await storeParts(disk, ''));
        await reader.load();
        const { findings } = await checkStore(reader);
        assert.deepEqual(findings.filter(isDamage), [], `${what}, ${access}`);
        const again = await openStoreOn(disk, { ...WRITE, access });
        const versions = await versionsIn(again);
        assert.ok(!isPut || versions.includes(20), `${what}, ${access}: ${versions}`);
        assert.deepEqual(
          versions.filter((version) => version !== 20),
          [],
          what,
        );
        if (access === 'write') await put(again, 30, 10, 'fsync').catch(() => {});
        if (access === 'write') await again.delete(keyOf(30));
        await again.close();
      }
    }
  }
  assert.ok(crashes > 20 && marks > 0, `${crashes} crashes, ${marks} marks`);
});

/** So that whoever can go on does. */
async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}

/** Holds what looks for free space, and what removes a pack, until it is let go. */
class Held extends CrashDisk {
  isFull = false;
  readonly log: string[] = [];
  readonly #waiting = new Map<string, () => void>();
  readonly #seen = new Map<string, () => void>();

  /** Until somebody is held there. */
  seen(what: string): Promise<void> {
    if (this.#waiting.has(what)) return Promise.resolve();
    return new Promise((resolve) => this.#seen.set(what, resolve));
  }

  letGo(what: string): void {
    this.#waiting.get(what)?.();
  }

  async #hold(what: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.set(what, resolve);
      this.#seen.get(what)?.();
    });
  }

  override async free(): Promise<number | null> {
    if (this.isFull) await this.#hold('free');
    return 0;
  }

  override async remove(path: string): Promise<void> {
    if (path.startsWith('packs/')) await this.#hold('remove');
    await super.remove(path);
    if (path.startsWith('packs/')) this.log.push('removed');
  }
}

test('a list waits for what is compacted after two have found the disk full', async () => {
  const disk = new Held();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 16_000 });
  for (let version = 1; version <= 12; version++) await put(level, version, 2_000);
  for await (const { version } of level.list()) {
    if (version === 1) for (let each = 1; each <= 7; each++) await level.delete(keyOf(each));
  }
  leave(disk, 500);
  disk.isFull = true;
  const codeOf = (error: unknown) => (error instanceof AttaccaError ? error.code : String(error));
  const one = put(level, 20, 3_000).catch(codeOf);
  await disk.seen('free');
  const compacting = level.compact();
  const other = put(level, 21, 3_000).catch(codeOf);
  await turns(30);
  disk.bytesMax = Number.POSITIVE_INFINITY;
  disk.letGo('free');
  assert.deepEqual(await Promise.all([one, other]), ['disk-full', 'disk-full']);
  await disk.seen('remove');
  const listing = versionsIn(level).then((versions) => {
    disk.log.push('listed');
    return versions;
  });
  await turns(30);
  disk.letGo('remove');
  await compacting;
  assert.deepEqual(await listing, [8, 9, 10, 11, 12]);
  assert.deepEqual(disk.log, ['removed', 'listed']);
  await level.close();
});
