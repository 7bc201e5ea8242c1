import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import type { Level, LevelKey } from '../../../src/levels/level.js';
import { type DirectoryOptions, openStoreOn } from '../../../src/levels/store/index.js';
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

const bytesOn = (disk: CrashDisk): number =>
  disk.paths().reduce((sum, path) => sum + disk.bytesOf(path).length, 0);

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
  disk.bytesMax = bytesOn(disk) + 7_000;
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
  disk.bytesMax = bytesOn(disk) + 2_000;
  const error = await put(level, 9, 8_000).catch((cause: unknown) => cause);
  assert.ok(error instanceof AttaccaError && error.code === 'disk-full', String(error));
  assert.deepEqual(await versionsIn(level), [2, 3, 4, 5, 6, 7, 8]);
  await put(level, 10, 500);
  await level.close();
});
