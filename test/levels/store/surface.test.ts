import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as store from '../../../src/levels/store/public.js';
import { runPage } from '../../client/support/page.js';

test('the names that attacca/store exports', () => {
  assert.deepEqual(Object.keys(store).sort(), ['AttaccaError', 'openStore']);
});

test('the examples of docs/storage.md do what they say', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'attacca-page-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const directory = join(folder, 'archive');
  assert.equal(await runPage('storage.md', { store, directory }), 5);
});
