// A file takes the place of another: names, rights, and a step of it that fails.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportFile } from '../../src/files/export.js';
import { NPY } from '../../src/files/npy.js';
import { placeFolder, whole } from '../../src/files/whole-file.js';
import { codeOf, joinApart, servePool } from '../client/support/pools.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-whole-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('who could read a file can read what it is replaced by, and nobody else', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  await pool.put('a', Uint8Array.of(1, 2, 3));
  const path = folder(t);
  for (const to of ['a.npy', 'a.nc', 'a.h5', 'a.zarr'].map((each) => join(path, each))) {
    await exportFile(pool, ['a'], to);
    // Not what new ones have, whatever that is.
    const mode = modeOf(to) ^ 0o004;
    chmodSync(to, mode);
    await exportFile(pool, ['a'], to);
    assert.equal(modeOf(to), mode, to);
  }
  assert.deepEqual(readdirSync(path).sort(), ['a.h5', 'a.nc', 'a.npy', 'a.zarr']);
});

test('a name may be as long as names are', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  await pool.put('a', Uint8Array.of(1, 2, 3));
  const path = folder(t);
  for (const extension of ['.npy', '.nc', '.h5', '.zarr']) {
    const to = join(path, `${'x'.repeat(255 - extension.length)}${extension}`);
    for (const _ of ['new', 'again']) await exportFile(pool, ['a'], to);
    assert.ok(existsSync(to));
  }
  assert.equal(readdirSync(path).length, 4);
});

test('what fails before the end leaves the former, and no draft', async (t) => {
  const path = folder(t);
  const to = join(path, 'a.npy');
  writeFileSync(to, 'former');
  const failing = whole(to, NPY, async (draft) => {
    writeFileSync(draft, 'half');
    throw new TypeError('no more');
  });
  await assert.rejects(failing);
  assert.equal(readFileSync(to, 'utf8'), 'former');
  assert.deepEqual(readdirSync(path), ['a.npy']);
  // Nothing was made, so there is nothing to be renamed.
  assert.equal(await codeOf(whole(to, NPY, async () => {})), 'file-error');
  assert.equal(readFileSync(to, 'utf8'), 'former');
});

test('a folder whose successor cannot be renamed is where it was', async (t) => {
  const path = folder(t);
  const [to, draft] = [join(path, 'a.zarr'), join(path, 'draft')];
  mkdirSync(to);
  writeFileSync(join(to, 'zarr.json'), 'former');
  mkdirSync(draft);
  writeFileSync(join(draft, 'zarr.json'), 'new');
  // It goes away between the two renames.
  const renamed = placeFolder(to, draft, async (from, name) => {
    if (from === draft) rmSync(draft, { recursive: true });
    renameSync(from, name);
  });
  await assert.rejects(renamed, { code: 'ENOENT' });
  assert.equal(readFileSync(join(to, 'zarr.json'), 'utf8'), 'former');
  assert.deepEqual(readdirSync(path), ['a.zarr']);
});

test('a folder that is in place is no failure, where the former cannot be removed', async (t) => {
  const path = folder(t);
  const [to, draft] = [join(path, 'a.zarr'), join(path, '.attacca-draft')];
  for (const each of [to, draft]) mkdirSync(each);
  writeFileSync(join(draft, 'zarr.json'), 'new');
  const mode = modeOf(to) ^ 0o004;
  chmodSync(to, mode);
  const modes: number[] = [];
  const move = async (from: string, name: string): Promise<void> => {
    if (from === draft) modes.push(modeOf(draft));
    renameSync(from, name);
  };
  await placeFolder(to, draft, move as Parameters<typeof placeFolder>[2], async () => {
    throw new Error('it is in use');
  });
  assert.equal(readFileSync(join(to, 'zarr.json'), 'utf8'), 'new');
  // Whoever may not read it cannot at any time.
  assert.deepEqual(modes, [mode]);
});
