import assert from 'node:assert/strict';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scratches } from '../../src/server/scratches.js';
import { scratch } from './pool-fixture.js';

test('files beside the slabs go when their session has ended, all others stay', async (t) => {
  const [directory, elsewhere] = [await scratch(t), await scratch(t)];
  await writeFile(join(elsewhere, 'precious'), '');
  for (const name of ['scratch-1.abc', 'scratch-12.abc', 'scratch-x', 'adopt-1']) {
    await mkdir(join(directory, name, '0'), { recursive: true });
    await writeFile(join(directory, name, '0', 'file'), 'bytes');
  }
  await symlink(elsewhere, join(directory, 'scratch-1.abc', '1'));
  await symlink(elsewhere, join(directory, 'scratch-3.link'));
  for (const name of ['adopt-1.a-b', 'adopt-12.a-b', 'slab-1', 'owner.json']) {
    await writeFile(join(directory, name), 'bytes');
  }
  const open = new Set([1, 12]);
  const scratches = new Scratches({ directory, isOpen: (session) => open.has(session) });
  open.delete(1);
  scratches.look();
  await scratches.close();
  assert.deepEqual((await readdir(directory)).sort(), [
    ...['adopt-1', 'adopt-12.a-b', 'owner.json', 'scratch-12.abc', 'scratch-x', 'slab-1'],
  ]);
  assert.deepEqual(await readdir(elsewhere), ['precious']);
});
