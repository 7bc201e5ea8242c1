import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { importFile } from '../../src/files/index.js';
import { runPage } from '../client/support/page.js';
import { joinApart, servePool } from '../client/support/pools.js';
import { writeEra } from './era.js';

test('the examples of docs/formats.md do what they say', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'reader');
  const folder = mkdtempSync(join(tmpdir(), 'attacca-page-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await writeEra(join(folder, 'era.nc'));
  await importFile(pool, join(folder, 'era.nc'));
  assert.equal(await runPage('formats.md', { pool }), 1);
});
