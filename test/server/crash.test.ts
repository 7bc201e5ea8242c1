import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AssertionFailed } from '../../src/core/assert.js';
import { PoolLoop } from '../../src/loop/pool-loop.js';
import { serve } from '../../src/server/index.js';
import { writePing } from '../protocol/other-side.js';
import { scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

test('a fault of our own stops the pool after one report, and takes nothing else along', async (t) => {
  const directory = await scratch(t);
  const server = await serve({
    address: `unix:${directory}/pool/socket`,
    memoryBytes: 16 * 1024 * 1024,
  });
  const clients = await Promise.all([1, 2].map(() => RawClient.open(server.address)));
  const slabs = server.memory.directory?.path ?? '';
  await stat(slabs);

  const said: string[] = [];
  t.mock.method(process.stderr, 'write', (text: string) => said.push(text) > 0);
  const planted = new AssertionFailed('assertion failed: a planted bug');
  t.mock.method(PoolLoop.prototype, 'step', () => {
    throw planted;
  });
  for (const client of clients) client.send(writePing);
  const end = await server.closed;
  t.mock.restoreAll();

  assert.equal(end.kind, 'crashed');
  assert.equal(end.kind === 'crashed' ? end.error : null, planted);
  for (const client of clients) await client.untilClosed();
  const [report = '', ...others] = await readdir(join(directory, 'pool'));
  assert.deepEqual(others, []);
  const text = await readFile(join(directory, 'pool', report), 'utf8');
  assert.match(text, /a planted bug/u);
  assert.match(text, new RegExp(`pool ${server.id}`, 'u'));
  assert.equal(said.filter((each) => each.includes('a planted bug')).length, 1);
  await assert.rejects(stat(slabs));
  await server.close();
});
