import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Transforms } from '../../src/client/index.js';
import { ADD_ONE, moduleOf } from '../transforms/modules.js';
import { runPage } from './support/page.js';
import { codeOf, joinApart, servePool } from './support/pools.js';

test('the examples of docs/transforms.md do what they say', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'reader');
  await pool.put('bytes', Uint8Array.of(1, 2, 3));
  const module = moduleOf({ transform: ADD_ONE });
  const checks = await runPage('transforms.md', { pool, module, codeOf, Transforms });
  assert.ok(checks >= 11, `${checks}`);
});
