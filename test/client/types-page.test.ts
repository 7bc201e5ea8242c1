import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runPage } from './support/page.js';
import { joinApart, servePool } from './support/pools.js';

test('the examples of docs/types.md do what they say', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'reader');
  const checks = await runPage('types.md', { pool });
  assert.ok(checks >= 12, `${checks}`);
});
