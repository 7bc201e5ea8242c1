import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStoreOn } from '../../../src/levels/store/index.js';
import { blobSpace, someBytes } from '../../../src/testing/level-cases.js';
import { random } from '../../pool/random.js';
import { CrashDisk } from './crash-disk.js';

const WRITE = { access: 'write', arrayBytesMin: 1_000 } as const;
const READ = { ...WRITE, access: 'read' } as const;
const KEY = { pool: 'p', name: 'x', version: 1 };
const BYTES = someBytes(2_000, 1);

/** A store whose writer has ended between a deletion, which is not synced, and its bytes. */
async function cutAtDeletion(): Promise<CrashDisk> {
  const disk = new CrashDisk();
  const level = await openStoreOn(disk, WRITE);
  const entry = { ...KEY, space: blobSpace(BYTES.length), attributes: {} };
  await level.put(entry, BYTES, { durability: 'fsync' });
  const { remove } = disk;
  disk.remove = async (path) => {
    disk.isDown = true;
    await remove.call(disk, path);
  };
  const { syncs } = disk;
  // Before a folder goes it syncs: here the process ends first.
  disk.sync = async () => {
    disk.isDown = true;
  };
  await level.delete(KEY);
  await level.close().catch(() => {});
  assert.ok(disk.isDown && disk.syncs === syncs);
  const { sync } = CrashDisk.prototype;
  Object.assign(disk, { remove, sync });
  disk.restart();
  return disk;
}

test('what a crash has left of an array goes when that it was deleted is safe', async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const disk = await cutAtDeletion();
    const isThere = (): boolean => disk.paths().some((path) => path.startsWith('arrays/x'));
    assert.ok(isThere(), 'its bytes are left');
    // The next writer removes them, and the host loses its power.
    await openStoreOn(disk, WRITE);
    assert.ok(!isThere());
    disk.losePower(random(seed));
    await using level = await openStoreOn(disk, READ);
    assert.equal(
      await level.get(KEY),
      null,
      `seed ${seed}: no object comes back without its bytes`,
    );
  }
});
