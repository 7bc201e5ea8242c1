import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeStrings, encodeStrings, fieldsOf, structOf } from '../../src/client/index.js';
import { runPage } from './support/page.js';
import { codeOf, joinApart, servePool } from './support/pools.js';

test('the examples of docs/types.md do what they say', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'reader');
  const given = { pool, codeOf, decodeStrings, encodeStrings, fieldsOf, structOf };
  const checks = await runPage('types.md', given);
  assert.ok(checks >= 12, `${checks}`);
});
