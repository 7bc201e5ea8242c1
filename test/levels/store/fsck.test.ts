import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { checkStore, isDamage } from '../../../src/levels/store/fsck.js';
import { openStoreOn } from '../../../src/levels/store/index.js';
import { storeParts } from '../../../src/levels/store/open-store.js';
import { repairStore } from '../../../src/levels/store/repair.js';
import { StoreReader } from '../../../src/levels/store/store-reader.js';
import { blobSpace, someBytes } from '../../../src/testing/level-cases.js';
import { CrashDisk } from './crash-disk.js';

const WRITE = { access: 'write', packBytesMax: 3_000, arrayBytesMin: 5_000 } as const;
const SIZES = [100, 0, 900, 1_800, 6_000, 700, 20_000, 300, 1_200, 50];
const nameOf = (at: number): string => `n/${at}`;
const keyOf = (at: number) => ({ pool: 'p', name: nameOf(at), version: 1 });

async function filled(): Promise<CrashDisk> {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  for (const [at, size] of SIZES.entries()) {
    await level.put(
      { ...keyOf(at), space: blobSpace(size), attributes: { at } },
      someBytes(size, at),
    );
  }
  await level.close();
  return disk;
}

async function check(disk: CrashDisk) {
  const reader = new StoreReader(await storeParts(disk, ''));
  await reader.load();
  return await checkStore(reader);
}

/** What each object is now: right, none, or the code of its error. */
async function outcomes(disk: CrashDisk): Promise<string[]> {
  const level = await openStoreOn(disk, { ...WRITE, access: 'read' });
  return await Promise.all(
    SIZES.map(async (size, at) => {
      try {
        const found = await level.get(keyOf(at));
        if (found === null) return 'none';
        return Buffer.compare(found.bytes, someBytes(size, at)) === 0 ? 'right' : 'wrong';
      } catch (error) {
        assert.ok(error instanceof AttaccaError, String(error));
        return error.code;
      }
    }),
  );
}

test('a store that is whole is told so', async () => {
  const { findings, objects, bytes } = await check(await filled());
  assert.deepEqual(findings, []);
  assert.equal(objects, SIZES.length);
  assert.equal(
    bytes,
    SIZES.reduce((sum, size) => sum + size, 0),
  );
});

test('whatever bit is wrong is found, costs one object at most, and is put right', async () => {
  const whole = await filled();
  let found = 0;
  for (const path of whole.paths()) {
    const bytes = whole.bytesOf(path);
    const isOurs = path.endsWith('.pack') || /\/c\/\d+$/u.test(path);
    if (!isOurs) continue;
    // Each byte of what tells of records, now and then one of payloads.
    for (let at = 0; at < bytes.length; at += at % 997 < 90 ? 3 : 41) {
      const disk = whole.copy();
      const aged = bytes.slice();
      aged[at] = (aged[at] as number) ^ 0x10;
      disk.damage(path, aged);
      const before = await check(disk);
      const damaged = (await outcomes(disk)).filter((each) => each !== 'right');
      assert.ok(damaged.length <= 1 && !damaged.includes('wrong'), `${path} ${at}: ${damaged}`);
      const named = before.findings.filter(({ name }) => name !== undefined && name !== '');
      assert.equal(named.length, damaged.length, `${path} ${at}: ${JSON.stringify(before)}`);
      if (before.findings.length > 0) found++;
      const told = await repairStore(await storeParts(disk, ''));
      assert.deepEqual(told.findings, before.findings);
      const after = await outcomes(disk);
      const isRepaired = after.every((each) => each === 'right' || each === 'none');
      assert.ok(isRepaired, `${path} ${at}: ${after}`);
      // An array says itself what it is: its record is made again.
      const isArray = named.some(({ folder }) => folder !== undefined);
      const lost = after.filter((each) => each === 'none').length;
      assert.equal(lost, isArray ? 0 : damaged.length, `${path} ${at}`);
      assert.deepEqual((await check(disk)).findings, [], `${path} ${at}`);
      const aside = disk.paths().filter((each) => each.startsWith('quarantine/'));
      assert.equal(aside.length > 0, damaged.length > 0, `${path} ${at}: ${aside}`);
    }
  }
  assert.ok(found > 300, String(found));
});

test('of a pack that is lost its arrays are found again', async () => {
  const disk = await filled();
  const first = disk.paths().find((path) => path.endsWith('00000002.pack')) ?? '';
  disk.damage(first, new Uint8Array(2_000).fill(7));
  const { findings } = await check(disk);
  assert.deepEqual(
    findings.filter(isDamage).map(({ kind, path }) => [kind, path]),
    [['bad-header', first]],
  );
  const before = await outcomes(disk);
  await repairStore(await storeParts(disk, ''));
  const after = await outcomes(disk);
  assert.ok(disk.paths().includes('quarantine/00000002.pack'));
  assert.deepEqual(after.filter((each) => each === 'right').length, 6, `${before} ${after}`);
  for (const [at, size] of SIZES.entries()) if (size >= 5_000) assert.equal(after[at], 'right');
  assert.deepEqual((await check(disk)).findings, []);
});

test('what a crash leaves is told, does no harm, and goes', async () => {
  const disk = await filled();
  await disk.makeFolder('drafts/abc/data');
  await disk.write('drafts/abc/zarr.json', 0, [someBytes(10)]);
  await disk.write('arrays/stray/zarr.json', 0, [someBytes(10)]);
  const last =
    disk
      .paths()
      .filter((path) => path.endsWith('.pack'))
      .sort()
      .at(-1) ?? '';
  disk.damage(last, disk.bytesOf(last).slice(0, -100));
  const { findings } = await check(disk);
  const kinds = findings.map(({ kind }) => kind).sort();
  assert.deepEqual(kinds, ['draft', 'no-footer', 'torn-tail', 'unlisted-array']);
  assert.deepEqual(findings.filter(isDamage), []);
  await repairStore(await storeParts(disk, ''));
  assert.deepEqual((await check(disk)).findings, []);
  assert.ok(disk.paths().includes('quarantine/stray/zarr.json'));
  assert.ok((await outcomes(disk)).every((each) => each === 'right'));
});

test('arrays that belong to no object go with the next writer, and with no reader', async () => {
  const disk = await filled();
  const arrays = (): string[] => [
    ...new Set(disk.paths().flatMap((path) => /^arrays\/([^/]+)\//u.exec(path)?.[1] ?? [])),
  ];
  const before = arrays();
  await disk.write('arrays/stray.v1.zz/zarr.json', 0, [someBytes(10)]);
  // One that was deleted by who was killed before its folder went.
  const [kept = ''] = before;
  const folder = new Map(
    disk
      .paths()
      .filter((path) => path.startsWith(`arrays/${kept}/`))
      .map((path) => [path, disk.bytesOf(path).slice()]),
  );
  const writer = await openStoreOn(disk, WRITE);
  const at = SIZES.findIndex((size) => size >= 5_000);
  assert.ok(await writer.delete(keyOf(at)));
  await writer.close();
  assert.ok(!arrays().includes('stray.v1.zz') && !arrays().includes(kept));
  for (const [path, bytes] of folder) await disk.write(path, 0, [bytes]);
  const reader = await openStoreOn(disk, { ...WRITE, access: 'read' });
  await reader.close();
  assert.ok(arrays().includes(kept));
  await (await openStoreOn(disk, WRITE)).close();
  assert.deepEqual(arrays(), before.slice(1));
  const after = await outcomes(disk);
  assert.deepEqual(
    after.map((each, place) => (place === at ? each === 'none' : each === 'right')),
    after.map(() => true),
  );
  assert.deepEqual((await check(disk)).findings, []);
});

test('an array goes with the next writer once it is safe that it was deleted', async () => {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1_000_000 });
  const entry = { ...keyOf(4), space: blobSpace(6_000), attributes: {} };
  await level.put(entry, someBytes(6_000), { durability: 'fsync' });
  await level.put({ ...entry, ...keyOf(6) }, someBytes(6_000), { durability: 'fsync' });
  await level.delete(keyOf(4));
  // Its process ends before the folder has gone, and its deletion is in the page cache alone.
  disk.isDown = true;
  await level.close().catch(() => {});
  disk.restart();
  assert.equal((await disk.list('arrays')).filter(({ isFolder }) => isFolder).length, 2);
  const next = await openStoreOn(disk, { ...WRITE, packBytesMax: 1_000_000 });
  assert.equal((await disk.list('arrays')).filter(({ isFolder }) => isFolder).length, 1);
  disk.isDown = true;
  await next.close().catch(() => {});
  // The names of the folders are as they were last, contents as when they were synced.
  let isOfContents = false;
  disk.losePower((sides) => {
    isOfContents ||= sides === 3;
    return isOfContents ? 1 % sides : 0;
  });
  const { findings, objects } = await check(disk);
  assert.deepEqual([findings.filter(isDamage), objects], [[], 1]);
});

test('where a pack is lost a writer leaves its arrays, and they are found again', async () => {
  for (const isDropped of [false, true]) {
    const disk = await filled();
    const first = disk.paths().find((path) => path.endsWith('00000002.pack')) ?? '';
    if (isDropped) disk.drop(first);
    else disk.damage(first, new Uint8Array(2_000).fill(7));
    await (await openStoreOn(disk, WRITE)).close();
    await repairStore(await storeParts(disk, ''));
    const after = await outcomes(disk);
    for (const [at, size] of SIZES.entries()) if (size >= 5_000) assert.equal(after[at], 'right');
  }
});
