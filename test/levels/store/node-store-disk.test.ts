import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AttaccaError } from '../../../src/core/errors.js';
import { openStore } from '../../../src/levels/store/index.js';
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
