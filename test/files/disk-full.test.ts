// A disk that fills while a file is made.
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AttaccaError } from '../../src/core/errors.js';
import { exportFile } from '../../src/files/export.js';
import { joinApart, servePool } from '../client/support/pools.js';
import { tinyTmpfs } from '../levels/scratch.js';

const MiB = 1024 * 1024;

test('a full disk is told as one, by the path that was given, and nothing stays', async (t) => {
  const disk = await tinyTmpfs(t, 1);
  if (disk === null) return;
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  // Nothing packs them.
  const noise = new Uint32Array((6 * MiB) / 4).map(
    (_, at) => Math.imul(at + 1, 0x9e37_79b1) ^ (at * at * 31),
  );
  const large = new Uint8Array(noise.buffer);
  await pool.put('large', large);
  await pool.put('small', large.subarray(0, 64 * 1024));
  const message = Buffer.concat([Buffer.from('GRIB'), large]);
  await pool.put('message', message);
  for (const [name, file] of [
    ['large', 'a.nc'],
    ['large', 'a.h5'],
    ['large', 'a.zarr'],
    ['large', 'a.npy'],
    ['message', 'a.grib'],
  ] as const) {
    const path = join(disk, file);
    await assert.rejects(exportFile(pool, [name], path), (error: AttaccaError) => {
      assert.equal(error.code, 'disk-full', `${file}: ${error.message}`);
      assert.equal(error.fields['path'], path);
      assert.equal(error.message, `Cannot write "${path}": no space is left on the device`);
      return true;
    });
    assert.deepEqual(readdirSync(disk), [], file);
  }
  // Where there is no room for the head of a file, either.
  writeFileSync(join(disk, 'ballast'), large.subarray(0, MiB - 4096));
  for (const file of ['b.nc', 'b.h5', 'b.zarr', 'b.npy']) {
    await assert.rejects(
      exportFile(pool, ['small'], join(disk, file)),
      { code: 'disk-full' },
      file,
    );
    assert.deepEqual(readdirSync(disk), ['ballast'], file);
  }
});
