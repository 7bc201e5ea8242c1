// Names that are odd, or that no object can have, through files of each format and back.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
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
  assert.deepEqual([attributes['dims'], attributes['line\nbreak']], [['phony_dim_0'], 1]);
  // With a shorter one all that it is too long for fit.
  const again = await importFile(pool, join(FIXTURES, 'odd-names.h5'), {
    ...{ name: 'again', nameOf: nameIn },
  });
  assert.equal(again.skipped.filter(({ name }) => name.startsWith('x')).length, 0);
});

const nameIn = (attributes: { readonly [key: string]: unknown }): string =>
  `n${String(attributes['variable']).slice(0, 20)}${String(attributes['variable']).length}`;

const NAMES = [
  ...['a\nb', 'a\u0001\u007f\u0085b', '../a', 'a ', '"a\\b\'', 'שלום \u202eabc'],
  ...['x'.repeat(1_000), '\u{1f30a}'.repeat(1_000)],
];

/** What exporting says of those that a format cannot have. */
function refused(extension: string, name: string): RegExp | null {
  if (extension === 'npy') return null;
  if (/\p{Cc}/u.test(name)) return /the name of a variable "a.*b" has control characters/u;
  if (extension === 'zarr' && name.length > 255) return /has more than 255 bytes/u;
  return null;
}

for (const extension of ['nc', 'h5', 'npy', 'zarr']) {
  test(`odd names, into .${extension} and back`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files');
    const values = Float32Array.of(1, 2, 3);
    for (const name of NAMES) {
      await pool.put(name, values);
      const path = join(folder(t), `to.${extension}`);
      const exported = exportFile(pool, [name], path);
      const why = refused(extension, name);
      if (why !== null) {
        await assert.rejects(exported, { code: 'bad-name', message: why });
        assert.equal(existsSync(path), false);
        continue;
      }
      await exported;
      // By another name: that of a thousand characters is too long behind that of a file.
      const named = { name: 'file', nameOf: () => 'back', replace: true };
      const { objects, skipped } = await importFile(pool, path, named);
      assert.deepEqual([objects.length, skipped], [1, []]);
      const { variable } = (await pool.wait('back')).attributes;
      assert.equal(variable, extension === 'npy' ? undefined : name.replace('../', ''));
      await using got = await pool.object('back').demand({ byteOrder: 'little' });
      assert.deepEqual(got.array, values, name.slice(0, 20));
    }
  });
}
