import assert from 'node:assert/strict';
import {
  chmod,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { adopt, loadLibc, slabPath } from '../../src/levels/shm/index.js';
import { scratch, tinyTmpfs } from './scratch.js';

const MiB = 1024 * 1024;

test('a sparse file becomes a whole slab of the same bytes, without koffi too', async (t) => {
  const directory = await scratch(t);
  for (const libc of [await loadLibc(), null]) {
    const id = libc === null ? 1 : 0;
    const path = join(directory, `adopt-${id}`);
    const file = await open(path, 'w');
    await file.write(new Uint8Array([1, 2, 3]), 0, 3, 5 * MiB);
    await file.truncate(9 * MiB + 17);
    await file.close();
    assert.ok((await stat(path)).blocks * 512 < MiB);
    const before = await readFile(path);
    await using slab = await adopt(path, directory, id, { libc });
    const stats = await stat(slabPath(directory, id));
    assert.equal(slab.size, 9 * MiB + 17);
    assert.ok(stats.blocks * 512 >= 9 * MiB + 17);
    assert.equal(stats.mode & 0o777, 0o400);
    const bytes = new Uint8Array((await slab.map()).buffer);
    assert.ok(before.equals(bytes));
    await assert.rejects(stat(path), { code: 'ENOENT' });
    await assert.rejects(slab.pwriteFrom(new Uint8Array(1), 0), { code: 'not-allowed' });
  }
});

test('a file left read-only by an adoption that was cut short is adopted the next time', async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'adopt-x');
  await writeFile(path, 'bytes');
  await chmod(path, 0o400);
  await using slab = await adopt(path, directory, 4);
  assert.equal(slab.size, 5);
});

test('what must not become a slab keeps its name and its bytes', async (t) => {
  const directory = await scratch(t);
  const path = (name: string): string => join(directory, name);
  await writeFile(path('file'), 'bytes');
  await symlink(path('file'), path('adopt-link'));
  await mkdir(path('adopt-folder'));
  await writeFile(path('adopt-empty'), '');
  await writeFile(path('adopt-two'), 'bytes');
  await link(path('adopt-two'), path('second-name'));
  await writeFile(path('adopt-large'), '');
  await truncate(path('adopt-large'), 2 ** 31 + 1);
  const cases: readonly (readonly [string, string])[] = [
    ['adopt-link', 'file-error'],
    ['adopt-folder', 'file-error'],
    ['adopt-missing', 'file-error'],
    ['adopt-two', 'file-error'],
    ['adopt-empty', 'bad-argument'],
    ['adopt-large', 'too-large'],
  ];
  for (const [name, code] of cases) {
    await assert.rejects(adopt(path(name), directory, 1), { code }, name);
  }
  // An id in use is not overwritten.
  await writeFile(slabPath(directory, 9), 'precious');
  await assert.rejects(adopt(path('file'), directory, 9), { code: 'file-error' });
  assert.equal(await readFile(slabPath(directory, 9), 'utf8'), 'precious');
  assert.equal(await readFile(path('file'), 'utf8'), 'bytes');
  assert.ok(!(await readdir(directory)).includes('slab-1'));
});

test('a file that some program still has open for writing is refused', {
  skip: process.platform !== 'linux' && 'only Linux tells who writes',
}, async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'adopt-busy');
  const writer = await open(path, 'w');
  await writer.write('half of it');
  await writer.chmod(0o640);
  await assert.rejects(adopt(path, directory, 1), {
    message: `Cannot adopt "${path}": a program still has it open for writing`,
  });
  assert.equal((await writer.stat()).mode & 0o777, 0o640, 'it stays as it was');
  await writer.close();
  await using slab = await adopt(path, directory, 1);
  assert.equal(slab.size, 10);
});

test('another file system is told by name: the caller copies', async (t) => {
  const directory = await tinyTmpfs(t, 16);
  if (directory === null) return;
  const elsewhere = await scratch(t);
  const path = join(elsewhere, 'adopt-far');
  await writeFile(path, 'bytes');
  await assert.rejects(adopt(path, directory, 1), {
    code: 'file-error',
    fields: { path, system: 'EXDEV' },
  });
});

test('no room for the holes: shm-full, and the file keeps its name', async (t) => {
  const directory = await tinyTmpfs(t, 16);
  if (directory === null) return;
  const path = join(directory, 'adopt-sparse');
  await writeFile(path, 'bytes');
  await truncate(path, 32 * MiB);
  for (const libc of [await loadLibc(), null]) {
    await assert.rejects(adopt(path, directory, 1, { libc }), { code: 'shm-full' });
  }
  assert.deepEqual(await readdir(directory), ['adopt-sparse']);
});
