import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  createSlab,
  loadLibc,
  mapFile,
  openSlab,
  tryLoadLibc,
  warm,
} from '../../src/levels/shm/index.js';
import { runChild, scratch } from './scratch.js';

const MiB = 1024 * 1024;

test('what one process writes through its mapping, the other reads through its own', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, MiB);
  const mapping = await slab.map();
  const bytes = new Uint8Array(mapping.buffer);
  assert.equal(bytes.length, MiB);
  assert.equal(bytes[4_097], 0);
  const child = await runChild('write-mapped', slab.path, String(MiB), '4097', '42');
  assert.equal(child.code, 0);
  assert.equal(bytes[4_097], 42);
  // And what goes through the descriptor is the same memory.
  await slab.pwriteFrom(new Uint8Array([1, 2, 3]), MiB - 3);
  assert.deepEqual([...bytes.subarray(MiB - 3)], [1, 2, 3]);
});

test('a store into a read-only mapping ends the process that stored, and changes no byte', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, MiB);
  await slab.pwriteFrom(new Uint8Array([9]), 0);
  const child = await runChild('write-read-only', slab.path, String(MiB));
  assert.equal(child.out, 'mapped\n');
  assert.ok(child.signal === 'SIGSEGV' || child.signal === 'SIGBUS', `signal ${child.signal}`);
  const first = new Uint8Array(1);
  await slab.preadInto(first, 0);
  assert.equal(first[0], 9);
});

test('a file shorter than the mapping is refused: its first touch would be a SIGBUS', async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'slab-0');
  await writeFile(path, new Uint8Array(4_096));
  await assert.rejects(mapFile(path, { access: 'read', size: 4_097 }), {
    code: 'file-error',
    message: `Cannot map "${path}": it has 4096 bytes, not 4097`,
  });
  const slab = await openSlab(directory, 0, 'read');
  await truncate(path, 100);
  await assert.rejects(slab.map(), { code: 'file-error' });
  await assert.rejects(slab.preadInto(new Uint8Array(200), 0), { code: 'file-error' });
  await slab.close();
});

test('links, directories, missing files and sizes that no slab has are refused', async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'real');
  await writeFile(path, new Uint8Array(4_096));
  await symlink(path, join(directory, 'link'));
  await mkdir(join(directory, 'folder'));
  const read = { access: 'read', size: 4_096 } as const;
  for (const name of ['link', 'folder', 'missing']) {
    await assert.rejects(mapFile(join(directory, name), read), { code: 'file-error' }, name);
  }
  for (const size of [0, -1, 1.5, Number.NaN, 2 ** 31 + 1]) {
    await assert.rejects(mapFile(path, { access: 'read', size }), RangeError, String(size));
  }
  // A pipe must not block the one who opens it.
  const pipe = join(directory, 'pipe');
  assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
  await assert.rejects(mapFile(pipe, read), { code: 'file-error' });
});

test('without koffi: a typed refusal, and slabs still work through the descriptor', async (t) => {
  const broken = (): Promise<never> => Promise.reject(new Error('no prebuilt binary'));
  await assert.rejects(loadLibc(broken), (error: Error & { code: string }) => {
    assert.equal(error.code, 'mapping-unavailable');
    assert.match(error.message, /^Cannot map memory on ".*": no prebuilt binary$/);
    assert.ok(error.cause instanceof Error);
    return true;
  });
  const libc = await tryLoadLibc(broken);
  assert.equal(libc, null);
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 3, 5 * MiB, { libc });
  const bytes = new Uint8Array(3);
  await slab.pwriteFrom(new Uint8Array([1, 2, 3]), MiB);
  await slab.preadInto(bytes, MiB);
  assert.deepEqual([...bytes], [1, 2, 3]);
});

test('close ends the use of a mapping, not the memory under a view', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, MiB);
  const mapping = await slab.map();
  const view = new Uint8Array(mapping.buffer, 100, 4);
  view.set([1, 2, 3, 4]);
  mapping.close();
  mapping.close();
  assert.equal(mapping.closed, true);
  assert.throws(() => mapping.buffer, { code: 'wrong-state' });
  await assert.rejects(mapping.populate(0, 1, 'read'), { code: 'wrong-state' });
  assert.deepEqual([...view], [1, 2, 3, 4]);
});

test('what is closed is unmapped when no view is left; what is held, or moved on, stays', async (t) => {
  if (process.platform !== 'linux') return t.skip('only Linux tells what a process maps');
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, MiB);
  await slab.pwriteFrom(new Uint8Array([8, 9]), MiB - 2);
  const child = await runChild('close-mapped', slab.path, String(MiB));
  assert.deepEqual([child.code, child.out], [0, '2 8,9 9 9 2\n']);
});

test('what was closed can be unmapped at once, and is not unmapped again', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, MiB);
  const libc = await loadLibc();
  let unmapped = 0;
  const counting = {
    ...libc,
    unmap: (address: bigint, size: number) => {
      unmapped++;
      libc.unmap(address, size);
    },
  };
  const mapping = await mapFile(slab.path, { access: 'read', size: MiB, libc: counting });
  mapping.close();
  await Promise.all([mapping.unsafeUnmap(), mapping.unsafeUnmap()]);
  mapping.close();
  assert.equal(unmapped, 1);
});

test('unsafeUnmap waits for populating under way; newer Nodes leave empty views', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, 16 * MiB);
  const mapping = await slab.map();
  const view = new Uint8Array(mapping.buffer);
  const populating = mapping.populate(0, 16 * MiB, 'write');
  await mapping.unsafeUnmap();
  await mapping.unsafeUnmap();
  await populating;
  assert.throws(() => mapping.buffer, { code: 'wrong-state' });
  if ('transfer' in ArrayBuffer.prototype) assert.equal(view.length, 0);
});

test('populate changes no byte, with the kernel that can and with one that cannot', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, 9 * MiB);
  await slab.pwriteFrom(new Uint8Array([5, 6, 7]), 70_001);
  const modern = await loadLibc();
  let copied = 0;
  const old = {
    ...modern,
    knowsAdvice: () => false,
    copyOut: (target: Uint8Array, address: bigint, size: number) => {
      copied += size;
      return modern.copyOut(target, address, size);
    },
  };
  const broken = {
    ...modern,
    advise: () => Promise.reject(new Error('planted')),
    copyOut: () => Promise.reject(new Error('planted')),
  };
  for (const libc of [modern, old, broken]) {
    for (const access of ['read', 'read-write'] as const) {
      const mapping = await mapFile(slab.path, { access, size: slab.size, libc });
      await mapping.populate(70_001, 9 * MiB - 70_001, 'write');
      await mapping.populate(0, 0, 'read');
      const bytes = new Uint8Array(mapping.buffer);
      assert.deepEqual([...bytes.subarray(70_000, 70_005)], [0, 5, 6, 7, 0]);
      await assert.rejects(mapping.populate(1, 9 * MiB, 'read'), RangeError);
      await assert.rejects(mapping.populate(-1, 1, 'read'), RangeError);
      await mapping.unsafeUnmap();
    }
  }
  assert.equal(copied, 2 * (9 * MiB - 65_536));
});

test('warm goes chunk by chunk, reports, and stops when aborted', async (t) => {
  const directory = await scratch(t);
  await using slab = await createSlab(directory, 1, 8 * MiB);
  const mapping = await slab.map();
  const seen: number[] = [];
  await warm(mapping, { chunkBytes: 3 * MiB, onProgress: (done) => seen.push(done) });
  assert.deepEqual(seen, [3 * MiB, 6 * MiB, 8 * MiB]);
  const controller = new AbortController();
  const chunks: number[] = [];
  const aborted = warm(mapping, {
    offset: MiB,
    chunkBytes: MiB,
    signal: controller.signal,
    onProgress: (done) => {
      chunks.push(done);
      if (done === 2 * MiB) controller.abort(new Error('enough'));
    },
  });
  await assert.rejects(aborted, { code: 'aborted' });
  assert.deepEqual(chunks, [MiB, 2 * MiB]);
});

test('koffi is loaded only when something is mapped or allocated', async (t) => {
  const directory = await scratch(t);
  await (await createSlab(directory, 1, MiB)).close();
  const index = new URL('../../src/levels/shm/index.js', import.meta.url).href;
  const program =
    `const { openSlab } = await import(${JSON.stringify(index)});` +
    `const slab = await openSlab(${JSON.stringify(directory)}, 1, 'read-write');` +
    `await slab.pwriteFrom(new Uint8Array(10), 0); await slab.close();` +
    `const loaded = process.report.getReport().sharedObjects.some((o) => o.includes('koffi'));` +
    `process.exit(loaded ? 1 : 0);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', program]);
  assert.equal(child.status, 0, String(child.stderr));
});
