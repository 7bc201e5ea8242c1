import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { join as joinPool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf } from './command.js';

test('-o - is standard output, and no file of that name', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await using member = await joinPool({ address: pool.address, member: 'test' });
  await member.put('a', Buffer.from('text'));
  const store = ['archiver', 'true', '--to', 'store', '-n', '1', '-q'];
  assert.equal((await attacca(store, around)).code, 0);
  const plain = ['get', 'a', '-o', '-'];
  for (const line of [plain, [...plain, '--json'], [...plain, '--store', 'store']]) {
    const { code, out, err } = await attacca(line, around);
    assert.deepEqual([code, out, err], [0, 'text', ''], line.join(' '));
  }
  const npy = await attacca([...plain, '--as', 'npy'], around);
  assert.equal(npy.bytes.subarray(1, 6).toString(), 'NUMPY');
  for (const [more, said] of [
    [['-d', 'x'], /-o FILE is for one NAME, without -d/u],
    [['--attributes'], /-o - and --attributes are both for standard output/u],
    [['b'], /several NAMEs need -d DIR/u],
  ] as const) {
    const { code, err } = await attacca([...plain, ...more], around);
    assert.equal(code, 2);
    assert.match(err, said);
  }
  assert.deepEqual(await readdir(directory), ['store']);
  assert.equal((await attacca(['get', 'a', '-o', './-'], around)).code, 0);
  assert.equal(await readFile(join(directory, '-'), 'utf8'), 'text');
});
