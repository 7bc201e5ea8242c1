import assert from 'node:assert/strict';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { mapFile } from '../../../src/levels/shm/map.js';
import { loadLibc } from '../../../src/levels/shm/native.js';
import { openStore } from '../../../src/levels/store/index.js';
import { NodeStoreDisk } from '../../../src/levels/store/node-store-disk.js';
import { blobSpace, someBytes } from '../../../src/testing/level-cases.js';

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-disk-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Below and above the size of an array, which has folders of its own. */
for (const size of [100, 1_100_000]) {
  test(`${size} bytes go nowhere after the directory of a store has moved`, async (t) => {
    const home = await scratch(t);
    const [directory, moved] = [join(home, 'store'), join(home, 'moved')];
    const level = await openStore(directory, { access: 'write' });
    const putting = (version: number): Promise<unknown> => {
      const entry = { pool: 'p', name: 'x', version, space: blobSpace(size), attributes: {} };
      return level.put(entry, someBytes(size), { durability: 'fsync' }).catch((error) => error);
    };
    assert.equal(await putting(1), undefined);
    await rename(directory, moved);
    const isRefused = async (version: number): Promise<string> => {
      const error = await putting(version);
      assert.ok(error instanceof AttaccaError, String(error));
      assert.equal(error.code, 'file-error');
      return error.message;
    };
    assert.match(await isRefused(2), /moved or removed while it was open/u);
    assert.ok(!existsSync(directory), 'nobody makes another');
    // Another directory of that name is not the store.
    await mkdir(directory);
    await isRefused(3);
    assert.ok(!existsSync(join(directory, 'drafts')));
    await level.close().catch(() => {});
    await using again = await openStore(moved, { access: 'read' });
    const found = await again.get({ pool: 'p', name: 'x', version: 1 });
    assert.deepEqual(found?.bytes, someBytes(size));
  });
}

const TMPFS = 0x01021994;
const KiB = 1024;

/** A mapped file with something in it: memory that begins with a page, as that of slabs does. */
async function mappedBytes(t: TestContext, size: number): Promise<Uint8Array> {
  const path = join(await scratch(t), 'slab');
  await writeFile(path, '');
  await truncate(path, size);
  const mapping = await mapFile(path, { access: 'read-write', size });
  t.after(() => mapping.close());
  const bytes = new Uint8Array(mapping.buffer);
  bytes.set(someBytes(size));
  return bytes;
}

test('large pieces are written as they are, wherever they lie and go', async (t) => {
  const bytes = await mappedBytes(t, 2048 * KiB);
  const directory = await scratch(t);
  const disk = new NodeStoreDisk(directory, await loadLibc());
  t.after(() => disk.close());
  // Where each begins in memory, its size, and where it goes: aligned, or not.
  const places = [
    ...[0, 4096, 1, 100, 512].flatMap((from) =>
      [1024 * KiB, 1024 * KiB + 1, 300 * KiB - 4].map((size) => [from, size, 0] as const),
    ),
    ...[[0, 1024 * KiB, 4096] as const, [0, 1024 * KiB, 10] as const],
  ];
  for (const [at, [from, size, offset]] of places.entries()) {
    const piece = bytes.subarray(from, from + size);
    const end = Uint8Array.of(1, 2, 3);
    const before = new Uint8Array(offset).fill(9);
    await disk.write(`f${at}`, 0, [before]);
    await disk.write(`f${at}`, offset, [piece, new Uint8Array(0), end]);
    await disk.sync(`f${at}`);
    const written = readFileSync(join(directory, `f${at}`));
    assert.ok(written.equals(Buffer.concat([before, piece, end])), `${from} ${size} ${offset}`);
  }
});

test('what begins with a page goes past the page cache', async (t) => {
  const directory = await scratch(t);
  if (statfsSync(directory).type === TMPFS) {
    t.skip('the temporary directory is memory: set TMPDIR to a directory on a disk');
    return;
  }
  const libc = await loadLibc();
  if (libc.readCached === null) {
    t.skip('this system cannot say what its page cache has');
    return;
  }
  const bytes = await mappedBytes(t, 1024 * KiB);
  const disk = new NodeStoreDisk(directory, libc);
  t.after(() => disk.close());
  await disk.write('past', 0, [bytes]);
  assert.equal(disk.readNow('past', 0, 4096), null);
  await disk.write('through', 0, [bytes.subarray(1)]);
  assert.deepEqual(disk.readNow('through', 0, 4096), bytes.slice(1, 4097));
});
