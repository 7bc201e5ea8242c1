// Files that are made of other bytes when they are made anew: their own are kept, and given back
// for as long as they say what the objects say.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { exportFile } from '../../src/files/export.js';
import { importFile } from '../../src/files/import.js';
import { joinApart, servePool, TRANSPORTS } from '../client/support/pools.js';
import { sharedData } from '../formats/shared-data.js';

const mask = sharedData('basin_mask.nc');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-original-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const apart = async (t: TestContext) =>
  await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });

/** A file of HDF5 with two variables, and where another is to be. */
async function made(t: TestContext, pool: Pool): Promise<{ from: string; to: string }> {
  const path = folder(t);
  await pool.put('x/a', Int16Array.of(1, 2, 3), { attributes: { units: 'm' } });
  await pool.put('x/b', Float32Array.of(4, 5, 6, 7));
  const from = join(path, 'f.h5');
  await exportFile(pool, ['x/a', 'x/b'], from);
  return { from, to: join(path, 'to.h5') };
}

const read = (path: string): Buffer => readFileSync(path);

for (const transport of TRANSPORTS) {
  test(`a real file of NetCDF-4 comes out byte for byte, ${transport}`, {
    skip: mask.skip,
  }, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport });
    const to = join(folder(t), 'again.nc');
    const { original } = await importFile(pool, mask.path, { name: 'mask' });
    assert.equal(original, 'mask/.original');
    const heard: number[] = [];
    const onBytes = (bytes: number): void => {
      heard.push(bytes);
    };
    const { format, original: given } = await exportFile(pool, ['mask'], to, { onBytes });
    assert.deepEqual([format, given], ['hdf5', true]);
    assert.ok(read(mask.path).equals(read(to)));
    assert.ok(heard.some((bytes) => bytes > 1_000_000));
  });
}

test('what the objects have become is what the file has', async (t) => {
  await using pool = await apart(t);
  const { from, to } = await made(t, pool);
  await importFile(pool, from);
  await exportFile(pool, ['f'], to);
  assert.ok(read(from).equals(read(to)));
  await pool.unkeep('f/a');
  await pool.put('f/a', Int16Array.of(1, 2, 9));
  assert.equal((await exportFile(pool, ['f'], to)).original, false);
  assert.ok(!read(from).equals(read(to)));
  await importFile(pool, to, { name: 'back' });
  await using back = await pool.object('back/a').demand();
  assert.deepEqual([...(back.array as Int16Array)], [1, 2, 9]);
  assert.equal(back.attributes['units'], 'm');
  assert.deepEqual(readdirSync(join(from, '..')).sort(), ['f.h5', 'to.h5']);
});

test('bytes are kept where that is asked, and all of the file is imported', async (t) => {
  await using pool = await apart(t);
  const { from, to } = await made(t, pool);
  for (const [name, options] of [
    ['without', { original: false }],
    ['part', { only: ['a'] }],
  ] as const) {
    const { original, header } = await importFile(pool, from, { name, ...options });
    assert.deepEqual([original, header], [null, name]);
    assert.equal((await exportFile(pool, [name], to)).original, null);
  }
  const { original } = await importFile(pool, from, { name: 'gone' });
  assert.equal(original, 'gone/.original');
  const { attributes, space } = await pool.wait('gone/.original');
  assert.deepEqual(space.shape, [read(from).length]);
  assert.deepEqual([attributes['.part-of'], attributes['file']], ['gone', 'f.h5']);
  await pool.unkeep('gone/.original');
  assert.equal((await exportFile(pool, ['gone'], to)).original, false);
  await importFile(pool, to, { name: 'back' });
  await using back = await pool.object('back/b').demand();
  assert.deepEqual([...(back.array as Float32Array)], [4, 5, 6, 7]);
});

test('bytes for which there is no room beside the objects are left out', async (t) => {
  const MiB = 1024 * 1024;
  const server = await servePool(t, { memoryBytes: 32 * MiB });
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const from = join(folder(t), 'large.h5');
  await pool.put('large', new Uint8Array(20 * MiB).fill(7));
  await exportFile(pool, ['large'], from);
  await pool.unkeep('large');
  const { original, objects } = await importFile(pool, from, { timeoutMs: 20_000 });
  assert.deepEqual([original, objects.length], [null, 1]);
  const asked = importFile(pool, from, { name: 'asked', original: true });
  await assert.rejects(asked, { code: 'memory-full' });
});

test('what is kept as the bytes of a file and is none, or another, is not given', async (t) => {
  await using pool = await apart(t);
  const { from, to } = await made(t, pool);
  await pool.put('x/c', Int16Array.of(1, 2, 3), { attributes: { units: 'km' } });
  const other = join(from, '../other.h5');
  await exportFile(pool, ['x/c', 'x/b'], other);
  await importFile(pool, from);
  for (const bytes of [Buffer.from('no file'), read(other), read(from).subarray(0, 900)]) {
    await pool.unkeep('f/.original');
    await pool.put('f/.original', bytes);
    await exportFile(pool, ['f'], to);
    assert.ok(!read(to).equals(bytes));
    await importFile(pool, to, { name: 'back', replace: true });
    assert.equal((await pool.wait('back/a')).attributes['units'], 'm');
  }
});
