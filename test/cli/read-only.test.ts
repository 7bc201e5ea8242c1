// Files are written where nothing may be written.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { join as joinPool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attaccaPath, filesOf, startProgram } from './command.js';

const MOUNT = 'mount -t tmpfs -o ro none "$0"';
const mounts = spawnSync('unshare', ['-rm', 'sh', '-c', MOUNT, '/tmp']);
const skip = mounts.status !== 0 && `nobody can mount here: ${mounts.stderr ?? mounts.error}`;

for (const extension of ['zarr', 'nc', 'h5', 'npy']) {
  test(`a file system that is read-only is told, .${extension}`, { skip }, async (t) => {
    await using pool = await testPool();
    await using member = await joinPool({ address: pool.address, member: 'source' });
    await member.put('t', Float32Array.of(1, 2));
    const directory = await filesOf(t);
    const folder = join(directory, 'ro');
    mkdirSync(folder);
    const script = `${MOUNT} && exec "$1" "$2" export t --to "$0/t.${extension}"`;
    const args = ['-rm', 'sh', '-c', script, folder, process.execPath, attaccaPath];
    const { code, err } = await startProgram('unshare', args, { pool: pool.address }).ended;
    assert.equal(code, 1);
    const file = `${folder}/t.${extension}`;
    assert.equal(
      err,
      `attacca export: Cannot write "${file}": the file system is read-only (file-error)\n`,
    );
  });
}
