// Names that are odd, or that no object can have, through files of each format and back.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AttaccaError } from '../../src/core/errors.js';
import { exportFile } from '../../src/files/export.js';
import { importFile } from '../../src/files/import.js';
import { joinApart, servePool } from '../client/support/pools.js';

const FIXTURES = fileURLToPath(new URL('../../../test/formats/hdf5/', import.meta.url));

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-names-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a variable whose name no object can have is told, and costs no other', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files');
  const { objects, skipped } = await importFile(pool, join(FIXTURES, 'odd-names.h5'));
  assert.deepEqual(objects.map(({ name }) => name).toSorted(), [
    'odd-names/plain',
    'odd-names/שלום',
    'odd-names/\u202eabc',
  ]);
  assert.deepEqual(skipped.map(({ name, why }) => `${name.slice(0, 12)}: ${why}`).toSorted(), [
    '..: its name is a dot, or two',
    'group\r: its name has control characters',
    'line\nbreak: its name has control characters',
    'plain@yyyyyy: its name is empty, or has more than 4000 bytes',
    "xxxxxxxxxxxx: its object's name has more than 1000 characters",
    "xxxxxxxxxxxx: its object's name has more than 1000 characters",
    'yyyyyyyyyyyy: its name has more than 4000 bytes',
  ]);
  // Its dimension had a name that is none.
  const { attributes } = await pool.wait('odd-names/plain');
  assert.deepEqual([attributes['dims'], attributes['line\nbreak']], [['phony_dim_0'], 1n]);
  // With a shorter one all that it is too long for fit.
  const again = await importFile(pool, join(FIXTURES, 'odd-names.h5'), { nameOf: nameIn });
  assert.equal(again.skipped.filter(({ name }) => name.startsWith('x')).length, 0);
});

const nameIn = (attributes: { readonly [key: string]: unknown }): string =>
  `n${String(attributes['variable']).slice(0, 20)}${String(attributes['variable']).length}`;

const NAMES = {
  'a newline': 'a\nb',
  'other control characters': 'a\u0001\u007f\u0085b',
  'characters that lead': '../../a',
  'a thousand characters': 'x'.repeat(1_000),
  'a thousand of four bytes': '\u{1f30a}'.repeat(1_000),
  'text from the right': 'שלום \u202eabc',
  'a blank at the end': 'a ',
  'quotes and backslashes': '"a\\b\'',
} as const;

for (const extension of ['nc', 'h5', 'npy', 'zarr']) {
  for (const [what, name] of Object.entries(NAMES)) {
    test(`${what} in a name, into .${extension} and back`, async (t) => {
      await using pool = await joinApart(await servePool(t), 'files');
      const values = Float32Array.of(1, 2, 3);
      await pool.put(name, values);
      const path = join(folder(t), `to.${extension}`);
      try {
        await exportFile(pool, [name], path);
      } catch (error) {
        assert.ok(error instanceof AttaccaError, String(error));
        console.log(extension, what, error.code, error.message.slice(0, 200));
        return;
      }
      const { objects, skipped } = await importFile(pool, path, { name: 'f' });
      assert.deepEqual(skipped, []);
      console.log(extension, what, JSON.stringify(objects[0]?.name.slice(0, 50)));
      await using got = await pool.object(objects[0]?.name ?? '').demand({ timeoutMs: 5_000 });
      assert.deepEqual(got.array(), values);
    });
  }
}
