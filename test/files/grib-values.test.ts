// Messages of GRIB whose values become objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importFile } from '../../src/files/import.js';
import { codeOf, joinApart, servePool } from '../client/support/pools.js';
import { sharedData } from '../formats/shared-data.js';

const members = sharedData('era5-levels-members.grib');

test('decoded fields are part of no file, but of what one says', {
  skip: members.skip,
}, async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  await pool.put('run', new Uint8Array(0));
  const only = ['1', '2'];
  const options = { only, values: true, name: 'plain' };
  const code = await codeOf(importFile(pool, members.path, options));
  if (code === 'library-unavailable') return t.skip('no ecCodes is installed');
  assert.equal(code, 'none');
  const plain = await pool.wait('plain/001');
  assert.equal(plain.attributes['.part-of'], undefined);
  assert.deepEqual([plain.attributes['message'], plain.space.dtype], [1, 'float32']);
  const attributes = { '.part-of': 'run' };
  const { header, objects } = await importFile(pool, members.path, {
    ...{ ...options, name: 'of-run', attributes },
  });
  assert.deepEqual([header, objects.length], [null, 2]);
  assert.equal((await pool.wait('of-run/001')).attributes['.part-of'], 'run');
  // Messages are part of their file.
  await importFile(pool, members.path, { only, name: 'messages' });
  assert.equal((await pool.wait('messages/001')).attributes['.part-of'], 'messages');
});
