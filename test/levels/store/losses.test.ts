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
const SIZES = [100, 6_000, 900, 1_800, 700, 20_000, 300, 1_200, 50];
const FILE = 'attacca-store.json';
const keyOf = (at: number) => ({ pool: 'p', name: `n/${at}`, version: 1 });

async function filled(options: { packBytesMax?: number } = {}): Promise<CrashDisk> {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, { ...WRITE, ...options });
  for (const [at, size] of SIZES.entries()) {
    const attributes = { at, wide: 5n, far: 2n ** 60n, when: Number.NaN };
    await level.put({ ...keyOf(at), space: blobSpace(size), attributes }, someBytes(size, at));
  }
  await level.close();
  return disk;
}

async function findings(disk: CrashDisk) {
  const reader = new StoreReader(await storeParts(disk, ''));
  await reader.load();
  return (await checkStore(reader)).findings;
}

const kindsOf = async (disk: CrashDisk) =>
  (await findings(disk)).filter(isDamage).map(({ kind, path }) => [kind, path]);

async function codeOf(doing: Promise<unknown>): Promise<string> {
  try {
    await doing;
    return 'none';
  } catch (error) {
    assert.ok(error instanceof AttaccaError, String(error));
    return error.code;
  }
}

/** The names of what can be read, each held against what was put. */
async function readable(disk: CrashDisk): Promise<number[]> {
  const level = await openStoreOn(disk, { ...WRITE, access: 'read' });
  const found: number[] = [];
  for (const [at, size] of SIZES.entries()) {
    const got = await level.get(keyOf(at));
    if (got === null) continue;
    assert.equal(Buffer.compare(got.bytes, someBytes(size, at)), 0, `n/${at}`);
    found.push(at);
  }
  return found;
}

const ALL = SIZES.map((_, at) => at);

test('whatever byte of the file of a store is wrong: told, and made anew from the packs', async () => {
  const whole = await filled();
  const bytes = whole.bytesOf(FILE);
  const cases = [...bytes.keys()].slice(0, -1).map((at) => {
    const aged = bytes.slice();
    aged[at] = aged[at] === 0x30 ? 0x31 : 0x30;
    return aged;
  });
  for (const aged of [...cases, new Uint8Array(0), bytes.slice(0, 40), null]) {
    const disk = whole.copy();
    if (aged === null) await disk.remove(FILE);
    else if (Buffer.compare(aged, bytes) === 0) continue;
    else disk.damage(FILE, aged);
    const what = aged === null ? 'gone' : Buffer.from(aged).toString();
    for (const access of ['read', 'write'] as const) {
      const code = await codeOf(openStoreOn(disk, { ...WRITE, access }));
      assert.equal(code, 'store-damaged', what);
    }
    assert.deepEqual(await kindsOf(disk), [['bad-store-file', FILE]], what);
    await repairStore(await storeParts(disk, ''));
    assert.deepEqual(await findings(disk), [], what);
    assert.deepEqual(await readable(disk), ALL, what);
    const isAside = disk.paths().includes(`quarantine/${FILE}`);
    assert.equal(isAside, aged !== null, what);
  }
});

test('the file of an older store has no sum: its seed is held against that of the packs', async () => {
  const disk = await filled();
  const said = JSON.parse(Buffer.from(disk.bytesOf(FILE)).toString()) as Record<string, string>;
  const { attacca, version, seed = '' } = said;
  const write = (each: object) => disk.damage(FILE, Buffer.from(JSON.stringify(each)));
  write({ attacca, version, seed });
  assert.deepEqual(await findings(disk), []);
  assert.deepEqual(await readable(disk), ALL);
  write({ attacca, version, seed: seed.replace(/^./u, (digit) => (digit === '0' ? '1' : '0')) });
  assert.deepEqual(await kindsOf(disk), [['bad-store-file', FILE]]);
  // Without packs nothing says that it is a store of ours.
  const empty = new CrashDisk();
  empty.damage(FILE, Buffer.from('{}'));
  assert.equal(await codeOf(storeParts(empty, '')), 'not-a-store');
});

const PACK = 'packs/00000001.pack';

test('a pack that is gone or was cut is told; its arrays are found again', async () => {
  const whole = await filled({ packBytesMax: 1_000_000 });
  const { length } = whole.bytesOf(PACK);
  for (const size of [null, 0, 40, 64, 200, 1_000, length >> 1]) {
    const disk = whole.copy();
    if (size === null) await disk.remove(PACK);
    else disk.damage(PACK, disk.bytesOf(PACK).slice(0, size));
    const told = [[size === null ? 'lost-pack' : 'cut-pack', PACK]];
    assert.deepEqual(await kindsOf(disk), told, String(size));
    // A writer does not hide it: what it puts goes to another pack.
    const level = await openStoreOn(disk, { ...WRITE, packBytesMax: 1_000_000 });
    await level.put({ ...keyOf(99), space: blobSpace(20_00), attributes: {} }, someBytes(2_000));
    await level.close();
    assert.deepEqual(await kindsOf(disk), told, String(size));
    const before = await readable(disk);
    await repairStore(await storeParts(disk, ''));
    const after = await readable(disk);
    assert.deepEqual(await findings(disk), [], String(size));
    assert.deepEqual(after, [...new Set([...before, 1, 5])].sort(), String(size));
    const again = await openStoreOn(disk, { ...WRITE, access: 'read' });
    assert.equal((await again.get(keyOf(99)))?.entry.size, 2_000);
  }
});

test('a pack of which something is lost is not moved away before it is repaired', async () => {
  const roomy = { ...WRITE, packBytesMax: 1_000_000 };
  const whole = new CrashDisk();
  const first = await openStoreOn(whole, roomy);
  const ends = [64];
  for (let at = 0; at < 10; at++) {
    const entry = { ...keyOf(at), space: blobSpace(2_000), attributes: {} };
    await first.put(entry, someBytes(2_000, at), { durability: 'fsync' });
    ends.push(whole.bytesOf(PACK).length);
  }
  // Another writer goes on with it and is killed: then it has no footer.
  await first.close();
  await openStoreOn(whole, roomy);
  for (const [lost, kind] of [
    [9, 'cut-pack'],
    [8, 'gap'],
  ] as const) {
    for (const isFull of [false, true]) {
      const what = `${kind}, ${isFull ? 'full' : 'room'}`;
      const disk = whole.copy();
      const bytes = disk.bytesOf(PACK).slice(0, ends[10]);
      bytes.fill(0, ends[lost], (ends[lost] as number) + 64);
      disk.damage(PACK, bytes);
      assert.deepEqual(await kindsOf(disk), [[kind, PACK]], what);
      const level = await openStoreOn(disk, { ...roomy, packBytesMax: 6_400 });
      for (let at = 0; at < 7; at++) await level.delete(keyOf(at));
      if (isFull) {
        disk.bytesMax = 0;
        for (const path of disk.paths()) disk.bytesMax += disk.bytesOf(path).length;
        const entry = { ...keyOf(20), space: blobSpace(4_000), attributes: {} };
        assert.equal(await codeOf(level.put(entry, someBytes(4_000))), 'disk-full', what);
        disk.bytesMax = Number.POSITIVE_INFINITY;
      }
      await level.compact();
      await level.close();
      assert.deepEqual(disk.bytesOf(PACK), bytes, what);
      assert.deepEqual(await kindsOf(disk), [[kind, PACK]], what);
      await repairStore(await storeParts(disk, ''));
      assert.deepEqual(await findings(disk), [], what);
      const aside = disk.bytesOf(`quarantine/00000001.pack.${ends[lost]}`);
      assert.deepEqual(aside, bytes.slice(ends[lost], ends[lost + 1]), what);
      const again = await openStoreOn(disk, { ...roomy, access: 'read' });
      for (let at = 0; at < 10; at++) {
        const found = (await again.get(keyOf(at)))?.bytes ?? null;
        const isThere = at >= 7 && at !== lost;
        assert.deepEqual(found, isThere ? someBytes(2_000, at) : null, `${what} n/${at}`);
      }
    }
  }
});

test('of many packs each that is gone is told, and none that was compacted', async () => {
  const whole = await filled();
  const packs = whole.paths().filter((path) => path.endsWith('.pack'));
  assert.ok(packs.length > 1, String(packs));
  for (const pack of packs) {
    const disk = whole.copy();
    await disk.remove(pack);
    assert.deepEqual(await kindsOf(disk), [['lost-pack', pack]]);
    await repairStore(await storeParts(disk, ''));
    assert.deepEqual(await findings(disk), []);
    const found = await readable(disk);
    assert.ok(
      [1, 5].every((at) => found.includes(at)),
      `${pack}: ${found}`,
    );
  }
  const level = await openStoreOn(whole, WRITE);
  for (const at of ALL) if (at !== 3) await level.delete(keyOf(at));
  await level.compact();
  await level.close();
  assert.ok(whole.paths().filter((path) => path.endsWith('.pack')).length < packs.length + 1);
  assert.ok(packs.some((pack) => !whole.paths().includes(pack)));
  assert.deepEqual(await kindsOf(whole), []);
  assert.deepEqual(await readable(whole), [3]);
});

test('metadata of an array that say something else are told, and written anew', async () => {
  const whole = await filled();
  const files = whole.paths().filter((path) => /^arrays\/.+\/zarr\.json$/u.test(path));
  assert.equal(files.length, 4, String(files));
  for (const file of files) {
    const text = Buffer.from(whole.bytesOf(file)).toString();
    const cases = [
      null,
      '',
      text.slice(0, 30),
      text.replace('uint8', 'int8'),
      text.replace('"at": ', '"at": 1'),
      text.replace('"node_type"', '"node_typo"'),
      text.replace(/"record": "..../u, '"record": "AAAA'),
    ].filter((each) => each !== text);
    assert.ok(cases.length >= 5);
    for (const aged of cases) {
      const disk = whole.copy();
      if (aged === null) await disk.remove(file);
      else disk.damage(file, Buffer.from(aged));
      assert.deepEqual(await kindsOf(disk), [['damaged-metadata', file]], String(aged));
      assert.deepEqual(await readable(disk), ALL);
      await repairStore(await storeParts(disk, ''));
      assert.deepEqual(await findings(disk), []);
      assert.equal(Buffer.from(disk.bytesOf(file)).toString(), text);
      const aside = disk.paths().filter((path) => path.startsWith('quarantine/'));
      assert.equal(aside.length, aged === null ? 0 : 1);
    }
    // The same in another way, and as older stores have it.
    whole.damage(file, Buffer.from(JSON.stringify(JSON.parse(text)).replace(':5,', ':"5",')));
    assert.deepEqual(await kindsOf(whole), []);
  }
});
