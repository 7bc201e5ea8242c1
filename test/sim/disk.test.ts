import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AttaccaError } from '../../src/core/errors.js';
import { SECTOR_BYTES, SimDisk } from '../../src/sim/disk.js';
import { testDisk } from '../journal/disk-conformance.js';
import { random } from '../pool/random.js';

testDisk('sim', async () => new SimDisk());

test('a crash keeps what was synced, and any part of what was not', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimDisk();
    await disk.create('a', 4 * SECTOR_BYTES);
    await disk.syncDirectory();
    await disk.write('a', 0, new Uint8Array(SECTOR_BYTES).fill(1), true);
    await disk.write('a', SECTOR_BYTES, new Uint8Array(2 * SECTOR_BYTES).fill(2), false);
    disk.crash(random(seed));
    const bytes = disk.bytesOf('a');
    const sectors = [0, 1, 2, 3].map((sector) => {
      const values = new Set(bytes.subarray(sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES));
      assert.equal(values.size, 1, 'a sector is whole');
      return [...values][0];
    });
    assert.equal(sectors[0], 1);
    assert.equal(sectors[3], 0);
    seen.add(sectors.join());
  }
  assert.deepEqual([...seen].sort(), ['1,0,0,0', '1,0,2,0', '1,2,0,0', '1,2,2,0']);
});

test('garbage harms only bytes that were to change', async () => {
  let garbage = 0;
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimDisk();
    await disk.create('a', SECTOR_BYTES);
    await disk.syncDirectory();
    await disk.write('a', 0, new Uint8Array(100).fill(1), true);
    await disk.write('a', 100, new Uint8Array(100).fill(2), false);
    disk.crash(random(seed), { garbage: true });
    const bytes = disk.bytesOf('a');
    assert.ok(bytes.subarray(0, 100).every((byte) => byte === 1));
    assert.ok(bytes.subarray(200).every((byte) => byte === 0));
    if (new Set(bytes.subarray(100, 200)).size > 1) garbage++;
  }
  assert.ok(garbage > 20, `${garbage}`);
});

test('names are lost one by one until the directory is synced; a rename is whole', async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimDisk();
    await disk.create('old', 10);
    await disk.create('gone', 10);
    await disk.syncDirectory();
    await disk.rename('old', 'new');
    await disk.remove('gone');
    await disk.put('put', (sink) => sink(new Uint8Array(3).fill(7)));
    disk.crash(random(seed));
    const names = (await disk.list()).map(({ name }) => name).sort();
    assert.equal(names.filter((name) => name === 'old' || name === 'new').length, 1);
    if (names.includes('put')) assert.deepEqual([...disk.bytesOf('put')], [7, 7, 7]);
    seen.add(names.join());
  }
  assert.equal(seen.size, 8);
});

test('an operation that was under way at a crash is never answered, and may have begun', async () => {
  const begun: (() => void)[] = [];
  const disk = new SimDisk({ later: (run) => begun.push(run) });
  const finish = () => {
    for (const run of begun.splice(0)) run();
  };
  const created = disk.create('a', SECTOR_BYTES);
  finish();
  const synced = disk.syncDirectory();
  finish();
  await Promise.all([created, synced]);
  let isAnswered = false;
  void disk.write('a', 0, new Uint8Array(SECTOR_BYTES).fill(1), true).then(() => {
    isAnswered = true;
  });
  // The dice say that everything is kept.
  disk.crash(() => 1);
  finish();
  await Promise.resolve();
  assert.equal(isAnswered, false);
  assert.equal(disk.bytesOf('a')[0], 1);
});

test('a full disk takes no new file; one that fails takes nothing; a bit flips for good', async () => {
  const disk = new SimDisk({ capacityBytes: 1000 });
  const codeOf = (promise: Promise<unknown>) => promise.catch((error: AttaccaError) => error.code);
  await disk.create('a', 600);
  await disk.syncDirectory();
  assert.equal(await codeOf(disk.create('b', 500)), 'disk-full');
  assert.equal(await codeOf(disk.put('b', (sink) => sink(new Uint8Array(500)))), 'disk-full');
  await disk.write('a', 0, new Uint8Array(600).fill(1), true);
  disk.flip('a', 5, 3);
  disk.crash(() => 0);
  assert.equal(disk.bytesOf('a')[5], 9);
  disk.isFailing = true;
  assert.equal(await codeOf(disk.write('a', 0, new Uint8Array(1), false)), 'file-error');
  assert.equal(await codeOf(disk.syncDirectory()), 'file-error');
});

test('after a sync that failed once nothing of its file is durable before another manager reads it', async () => {
  const disk = new SimDisk();
  const write = (byte: number): Promise<void> =>
    disk.write('a', 0, new Uint8Array(10).fill(byte), true);
  await disk.create('a', 10);
  await disk.syncDirectory();
  await write(1);
  disk.failsOnce = true;
  await assert.rejects(write(2), /the disk fails/);
  assert.equal(disk.failures, 1);
  await write(3);
  assert.equal(disk.bytesOf('a')[0], 3, 'it can be read');
  disk.crash(() => 1);
  assert.equal(disk.bytesOf('a')[0], 1, 'and is lost');
  disk.failsOnce = true;
  await assert.rejects(write(4), /the disk fails/);
  disk.abandon();
  assert.equal(disk.bytesOf('a')[0], 4);
  await write(5);
  disk.crash(() => 0);
  assert.equal(disk.bytesOf('a')[0], 5, 'the next manager writes to it as to any');
});

test('bytes that change while they are written are found out', async () => {
  const disk = new SimDisk();
  await disk.create('a', 10);
  const bytes = new Uint8Array(10);
  const written = disk.write('a', 0, bytes, true);
  bytes[3] = 1;
  await assert.rejects(written, /do not change/);
});
