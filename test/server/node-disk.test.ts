import assert from 'node:assert/strict';
import {
  chmodSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttaccaError } from '../../src/core/errors.js';
import { snapshotName } from '../../src/journal/segment.js';
import { writeSnapshot } from '../../src/journal/snapshot.js';
import { NodeDisk } from '../../src/server/node-disk.js';
import { testDisk } from '../journal/disk-conformance.js';
import {
  checksum,
  entriesOf,
  INFO,
  openJournal,
  recovered,
  STEP_VERSION,
  write,
} from '../journal/support.js';
import { scratch, tinyTmpfs } from '../levels/scratch.js';
import { Unsynced } from './unsynced.js';

testDisk('node', async (t) => new NodeDisk(await scratch(t, tmpdir())));

test('the blocks of a new file are allocated, and it is for its user alone', async (t) => {
  const directory = await scratch(t, tmpdir());
  const disk = new NodeDisk(directory);
  await disk.create('a', (1 << 20) + 4096);
  const { size, blocks, mode } = statSync(join(directory, 'a'));
  assert.equal(size, (1 << 20) + 4096);
  assert.ok(blocks * 512 >= size);
  assert.equal(mode & 0o777, 0o600);
  await disk.close();
});

test('a file that the disk cannot hold is refused at once, and leaves nothing', async (t) => {
  const directory = await scratch(t, tmpdir());
  const disk = new NodeDisk(directory);
  await assert.rejects(disk.create('a', 2 ** 52), (error: AttaccaError) => {
    assert.equal(error.code, 'disk-full');
    assert.equal(error.fields['path'], join(directory, 'a'));
    return true;
  });
  assert.deepEqual(readdirSync(directory), []);
  await disk.close();
});

test('links are not followed and folders are not listed', async (t) => {
  const directory = await scratch(t, tmpdir());
  const disk = new NodeDisk(directory);
  writeFileSync(join(directory, 'real'), 'real');
  symlinkSync(join(directory, 'real'), join(directory, 'link'));
  mkdirSync(join(directory, 'folder'));
  assert.deepEqual(await disk.list(), [{ name: 'real', size: 4 }]);
  await assert.rejects(disk.read('link', 0, new Uint8Array(4)), { code: 'file-error' });
  // What is made takes the place of the link, not of what it points to.
  await disk.create('link', 10);
  assert.equal(statSync(join(directory, 'real')).size, 4);
  await disk.close();
});

test('a file that may only be read is read', async (t) => {
  const directory = await scratch(t, tmpdir());
  const disk = new NodeDisk(directory);
  writeFileSync(join(directory, 'a'), 'text');
  chmodSync(join(directory, 'a'), 0o400);
  assert.equal(await disk.read('a', 0, new Uint8Array(10)), 4);
  await disk.close();
});

test('a directory that is missing is a file-error with the word of the system', async (t) => {
  const disk = new NodeDisk(join(await scratch(t, tmpdir()), 'missing'));
  const all = [() => disk.list(), () => disk.create('a', 10), () => disk.syncDirectory()];
  for (const operation of all) {
    await assert.rejects(operation, (error: AttaccaError) => {
      assert.equal(error.code, 'file-error');
      assert.equal(error.fields['system'], 'ENOENT');
      return true;
    });
  }
});

test('a disk that fills while a file is made: disk-full, and its room is free again', async (t) => {
  const directory = await tinyTmpfs(t, 1);
  if (directory === null) return;
  const disk = new NodeDisk(directory);
  const whole = new Uint8Array(2 << 20);
  await assert.rejects(
    disk.put('a', (sink) => sink(whole)),
    { code: 'disk-full' },
  );
  await assert.rejects(disk.create('b', 2 << 20), { code: 'disk-full' });
  assert.deepEqual(readdirSync(directory), []);
  await disk.create('a', 512 << 10);
  await disk.write('a', 0, whole.subarray(0, 512 << 10), true);
  await disk.close();
});

test('a journal in a directory goes on where another process has left it', async (t) => {
  const directory = await scratch(t, tmpdir());
  const sizes = [30_000, 30_000, 30_000, 1, 0, 20_000];
  let after = { number: 0, crc: 0 };
  for (let life = 0; life < 3; life++) {
    const disk = new NodeDisk(directory);
    const seen: number[] = [];
    const result = await recovered(disk, {
      begin: ({ info }) => assert.deepEqual(info, INFO),
      apply: ({ number, entries }) => {
        seen.push(number);
        assert.deepEqual(entries, entriesOf(number, sizes[(number - 1) % sizes.length] ?? 0));
      },
    });
    assert.deepEqual(result.after, after);
    assert.equal(seen.length, life * sizes.length);
    assert.equal(result.torn, null);
    const { journal, failed } = openJournal(disk, { after });
    await write(journal, sizes);
    await journal.close();
    assert.deepEqual(failed, []);
    await disk.close();
    const other = new NodeDisk(directory);
    ({ after } = await recovered(other));
    await other.close();
  }
  const disk = new NodeDisk(directory);
  const header = { stepVersion: STEP_VERSION, after, info: INFO };
  await writeSnapshot(disk, header, checksum, (sink) => sink(entriesOf(9, 3_000_000)));
  const { snapshot, records } = await recovered(disk, {
    begin: (_, body) => {
      const state = new Uint8Array(4_000_000);
      assert.deepEqual(state.subarray(0, body?.(state)), entriesOf(9, 3_000_000));
    },
  });
  assert.deepEqual([snapshot, records], [18, 0]);
  assert.ok(readdirSync(directory).includes(snapshotName(18)));
  await disk.close();
});

test('what a disk calls durable is synced, and before it has its name', async (t) => {
  const directory = await scratch(t, tmpdir());
  const path = (name: string): string => join(directory, name);
  const unsynced = await Unsynced.watch(t);
  const disk = new NodeDisk(directory);
  const bytes = new Uint8Array(5_000).fill(7);

  await disk.create('a', 1 << 20);
  assert.ok(unsynced.isSynced(path('a')), 'made of zeros');
  await disk.write('a', 0, bytes, true);
  assert.ok(unsynced.isSynced(path('a')), 'a write that syncs');
  await disk.write('a', 0, bytes, false);
  assert.ok(!unsynced.isSynced(path('a')), 'a write that does not sync');
  await disk.write('a', 8_192, bytes, true);
  assert.ok(unsynced.isSynced(path('a')), 'and what was written before it');
  await disk.write('a', 0, bytes, false);
  await disk.write('a', 0, new Uint8Array(0), true);
  assert.ok(unsynced.isSynced(path('a')), 'nothing is written, and synced');
  await disk.truncate('a', 4_096);
  assert.ok(unsynced.isSynced(path('a')), 'cut');
  await disk.put('b', (sink) => sink(bytes));
  assert.ok(unsynced.isSynced(path('b')), 'made of what is given');

  assert.ok(!unsynced.hasSyncedNames(directory), 'names are not synced by themselves');
  await disk.syncDirectory();
  assert.ok(unsynced.hasSyncedNames(directory));
  for (const change of [() => disk.rename('a', 'c'), () => disk.remove('b')]) {
    await change();
    assert.ok(!unsynced.hasSyncedNames(directory));
    await disk.syncDirectory();
    assert.ok(unsynced.hasSyncedNames(directory));
  }
  assert.deepEqual(unsynced.renamedUnsynced, []);
  await disk.close();
});

test('a journal has all in its files synced when it says that it is durable', async (t) => {
  const directory = await scratch(t, tmpdir());
  const unsynced = await Unsynced.watch(t);
  const disk = new NodeDisk(directory);
  const segments = (): string[] => readdirSync(directory).filter((name) => /^journal-/u.test(name));
  const { journal, failed } = openJournal(disk);
  for (let round = 0; round < 8; round++) {
    await write(journal, [30_000, 1, 0]);
    await journal.flush();
    for (const name of segments()) assert.ok(unsynced.isSynced(join(directory, name)), name);
  }
  assert.ok(segments().length > 1);
  await journal.close();
  // The spare of the last segment is one that a crash may take.
  await disk.syncDirectory();
  const header = { stepVersion: STEP_VERSION, after: journal.place, info: INFO };
  await writeSnapshot(disk, header, checksum, (sink) => sink(entriesOf(9, 3_000_000)));
  assert.ok(unsynced.hasSyncedNames(directory));
  assert.deepEqual([unsynced.renamedUnsynced, failed], [[], []]);
  await disk.close();
});

test('the system has the descriptor of synced writes as one that syncs', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells how a file is open');
  const directory = await scratch(t, tmpdir());
  const disk = new NodeDisk(directory);
  await disk.create('a', 1 << 20);
  await disk.write('a', 0, new Uint8Array(5_000), true);
  const flags: number[] = [];
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`) !== join(directory, 'a')) continue;
      const found = /^flags:\s+(\d+)$/mu.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'));
      flags.push(Number.parseInt(found?.[1] ?? '', 8));
    } catch {
      // That of the listing itself is gone.
    }
  }
  assert.equal(flags.filter((each) => (each & constants.O_DSYNC) !== 0).length, 1);
  await disk.close();
});
