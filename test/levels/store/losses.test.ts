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
