import assert from 'node:assert/strict';
import { readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createSlab,
  decideMemory,
  loadLibc,
  openSlab,
  readMemoryFacts,
  removeSlab,
  slabPath,
} from '../../src/levels/shm/index.js';
import { roomyScratch, scratch, startChild, tinyTmpfs } from './scratch.js';

const MiB = 1024 * 1024;

test('a slab is private, has its full size at once, and no holes', async (t) => {
  const directory = await scratch(t);
  const progress: number[] = [];
  await using slab = await createSlab(directory, 12, 3 * MiB, {
    onProgress: (done) => progress.push(done),
  });
  const stats = await stat(join(directory, 'slab-12'));
  assert.equal(stats.mode & 0o777, 0o600);
  assert.equal(stats.size, 3 * MiB);
  assert.ok(stats.blocks * 512 >= 3 * MiB);
  assert.equal(slab.size, 3 * MiB);
  assert.deepEqual(progress, [3 * MiB]);
});

test('an id that exists is refused and keeps its bytes; so does a planted link', async (t) => {
  const directory = await scratch(t);
  await writeFile(slabPath(directory, 1), 'precious');
  const victim = join(directory, 'victim');
  await symlink(victim, slabPath(directory, 2));
  for (const id of [1, 2]) {
    await assert.rejects(createSlab(directory, id, 4_096), {
      code: 'file-error',
      fields: { path: slabPath(directory, id), system: 'EEXIST' },
    });
  }
  await assert.rejects(openSlab(directory, 2, 'read'), { code: 'file-error' });
  assert.deepEqual(await readdir(directory), ['slab-1', 'slab-2']);
});

test('sizes and ids that no slab has are refused before anything is made', async (t) => {
  const directory = await scratch(t);
  for (const size of [0, 1, 4_097, -4_096, 2 ** 31 + 4_096, Number.NaN]) {
    await assert.rejects(createSlab(directory, 1, size), RangeError, String(size));
  }
  for (const id of [-1, 0.5, 2 ** 32, Number.NaN]) {
    await assert.rejects(createSlab(directory, id, 4_096), RangeError, String(id));
  }
  assert.deepEqual(await readdir(directory), []);
  await assert.rejects(createSlab(join(directory, 'missing'), 1, 4_096), { code: 'file-error' });
});

test('reads and writes stay inside, whole, and as allowed', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, 8_192);
  await slab.pwriteFrom(new Uint8Array([1, 2]), 8_190);
  await assert.rejects(slab.pwriteFrom(new Uint8Array(3), 8_190), RangeError);
  await assert.rejects(slab.preadInto(new Uint8Array(1), -1), RangeError);
  await slab.preadInto(new Uint8Array(0), 8_192);
  await using reader = await openSlab(directory, 1, 'read');
  const bytes = new Uint8Array(2);
  await reader.preadInto(bytes, 8_190);
  assert.deepEqual([...bytes], [1, 2]);
  await assert.rejects(reader.pwriteFrom(bytes, 0), { code: 'not-allowed' });
  await assert.rejects(slab.preadInto(bytes, 0, { signal: AbortSignal.abort() }), {
    code: 'aborted',
  });
  await reader.close();
  await reader.close();
  await assert.rejects(reader.preadInto(bytes, 0), { code: 'wrong-state' });
  assert.equal((await stat(slab.path)).size, 8_192);
});

test('aborted in the middle: the file is gone', async (t) => {
  const directory = await roomyScratch(t, 320 * MiB);
  for (const libc of [await loadLibc(), null]) {
    const controller = new AbortController();
    const creating = createSlab(directory, 1, 320 * MiB, {
      libc,
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await assert.rejects(creating, { code: 'aborted' });
    assert.deepEqual(await readdir(directory), []);
  }
});

test('an interrupted allocation is tried again, an impossible one is written', async (t) => {
  const directory = await scratch(t);
  const real = await loadLibc();
  const EINTR = 4;
  const answers = [EINTR, EINTR];
  let calls = 0;
  const interrupted = {
    ...real,
    allocate: async (fd: number, offset: number, size: number): Promise<number> => {
      calls++;
      return answers.pop() ?? (await real.allocate?.(fd, offset, size)) ?? 95;
    },
  };
  await (await createSlab(directory, 1, MiB, { libc: interrupted })).close();
  assert.equal(calls, 3);
  const unsupported = { ...real, allocate: () => Promise.resolve(95) };
  await (await createSlab(directory, 2, 5 * MiB, { libc: unsupported })).close();
  assert.ok((await stat(slabPath(directory, 2))).blocks * 512 >= 5 * MiB);
});

for (const koffi of [true, false]) {
  test(`a full tmpfs while a slab is made (koffi: ${koffi}): shm-full and no trace`, async (t) => {
    const directory = await tinyTmpfs(t, 64);
    if (directory === null) return;
    const libc = koffi ? await loadLibc() : null;
    await using first = await createSlab(directory, 0, 40 * MiB, { libc });
    await assert.rejects(createSlab(directory, 1, 40 * MiB, { libc }), {
      code: 'shm-full',
      retryable: true,
    });
    assert.deepEqual(await readdir(directory), ['slab-0']);
    // The room it had taken meanwhile is free again.
    await using second = await createSlab(directory, 2, 20 * MiB, { libc });
    const filler = writeFile(join(directory, 'filler'), new Uint8Array(8 * MiB));
    await assert.rejects(filler, { code: 'ENOSPC' });
    // What is allocated takes every byte although the file system is full: no SIGBUS.
    for (const slab of [first, second]) {
      const bytes = new Uint8Array((await slab.map()).buffer);
      bytes.fill(1);
      assert.equal(bytes.at(-1), 1);
    }
  });
}

test("a container's 64 MiB /dev/shm: loudly small, slabs elsewhere or as asked", async (t) => {
  const directory = await tinyTmpfs(t, 64);
  if (directory === null) return;
  const roomy = await roomyScratch(t, 512 * MiB);
  const facts = await readMemoryFacts(directory, { fallbackDirectory: roomy });
  assert.equal(facts.preferred.medium, 'memory');
  assert.equal(facts.preferred.totalBytes, 64 * MiB);
  const elsewhere = decideMemory(facts);
  assert.ok(elsewhere.kind === 'slabs' && elsewhere.directory === roomy);
  assert.match(elsewhere.warnings[0]?.message ?? '', /--shm-dir.*docker run --shm-size/);
  const named = decideMemory(await readMemoryFacts(directory, { named: true }));
  assert.ok(named.kind === 'slabs' && named.directory === directory);
  assert.equal(named.bytes, 32 * MiB);
  assert.deepEqual(
    named.warnings.map((warning) => warning.kind),
    ['shm-tiny'],
  );
});

test('a removed slab stays readable where it is mapped', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 5, MiB);
  await slab.pwriteFrom(new Uint8Array([77]), 0);
  const child = await startChild(t, 'hold-open', directory, '5');
  assert.equal(child.line, '77');
  const mapping = await slab.map();
  assert.equal(await removeSlab(directory, 5), 'removed');
  assert.equal(await removeSlab(directory, 5), 'missing');
  assert.equal(new Uint8Array(mapping.buffer)[0], 77);
});
