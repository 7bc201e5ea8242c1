import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Libc, loadLibc } from '../../src/levels/shm/index.js';
import { SlabStore } from '../../src/server/slab-store.js';
import { scratch } from '../levels/scratch.js';

const PAGE = 4_096;

/** A libc that counts what is mapped; `room` is how often it maps before it has no more memory. */
async function counting(
  room = Number.POSITIVE_INFINITY,
): Promise<{ libc: Libc; maps: () => number }> {
  const real = await loadLibc();
  let mapped = 0;
  let asked = 0;
  const libc: Libc = {
    ...real,
    map(fd, size, writable) {
      if (asked++ >= room) return { failed: 12 };
      mapped++;
      return real.map(fd, size, writable);
    },
    unmap(address, size) {
      mapped--;
      real.unmap(address, size);
    },
  };
  return { libc, maps: () => mapped };
}

test('an adopted file is mapped once, for reads that come at the same time', async (t) => {
  const directory = await scratch(t);
  const { libc, maps } = await counting();
  const store = new SlabStore(directory, libc);
  await writeFile(join(directory, 'file'), new Uint8Array(PAGE).fill(7), { mode: 0o600 });
  await store.adopt(1, 'file', PAGE);
  const range = { slab: 1, offset: 10, size: 20 };
  const pinned = await Promise.all([store.pin(range, 'read'), store.pin(range, 'read')]);
  assert.equal(maps(), 1);
  for (const each of pinned) assert.deepEqual([...(each?.bytes ?? [])], Array(20).fill(7));
  const removed = store.remove(1);
  assert.equal(maps(), 1);
  for (const each of pinned) each?.release();
  await removed;
  assert.equal(maps(), 0);
});

test('a write to an adopted file is refused, and poison leaves it as it is', async (t) => {
  const directory = await scratch(t);
  const { libc } = await counting();
  const store = new SlabStore(directory, libc);
  await writeFile(join(directory, 'file'), new Uint8Array(PAGE), { mode: 0o600 });
  await store.adopt(1, 'file', PAGE);
  const range = { slab: 1, offset: 0, size: 1 };
  await assert.rejects(store.pin(range, 'read-write'), { code: 'not-allowed' });
  const read = await store.pin(range, 'read');
  store.poison(1, 0, PAGE);
  assert.equal(read?.bytes[0], 0);
  read?.release();
  await store.remove(1);
});

test('a slab that cannot be mapped leaves no file', async (t) => {
  const directory = await scratch(t);
  const { libc } = await counting(0);
  const store = new SlabStore(directory, libc);
  await assert.rejects(store.create(1, PAGE), { code: 'memory-full' });
  assert.deepEqual(await readdir(directory), []);
});

test('what could not be mapped for one read is mapped for a later one', async (t) => {
  const directory = await scratch(t);
  const real = await loadLibc();
  let refusals = 2;
  const libc: Libc = {
    ...real,
    map: (...args) => (refusals-- > 0 ? { failed: 12 } : real.map(...args)),
  };
  const store = new SlabStore(directory, libc);
  await writeFile(join(directory, 'file'), new Uint8Array(PAGE), { mode: 0o600 });
  await store.adopt(1, 'file', PAGE);
  const range = { slab: 1, offset: 0, size: 1 };
  const refused = await Promise.allSettled([store.pin(range, 'read'), store.pin(range, 'read')]);
  assert.deepEqual(
    refused.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  refusals = 0;
  (await store.pin(range, 'read'))?.release();
  await store.remove(1);
});
