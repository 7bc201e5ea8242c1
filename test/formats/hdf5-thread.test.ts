import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Hdf5Library } from '../../src/formats/hdf5/library.js';
import { Hdf5File } from '../../src/formats/hdf5/reader.js';
import { Hdf5FileWriter, Hdf5Reader } from '../../src/formats/hdf5/remote.js';
import { plainLayout } from '../../src/formats/hdf5/writer.js';

const GROUPS = fileURLToPath(new URL('../../../test/formats/hdf5/groups.nc', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'attacca-hdf5-thread-'));
after(() => rmSync(folder, { recursive: true }));

test('a thread reads and writes what is read and written without one', async () => {
  using file = new Hdf5File(await Hdf5Library.load(), GROUPS);
  await using reader = await Hdf5Reader.open(GROUPS);
  assert.deepEqual(reader.dataset, file.dataset);
  assert.deepEqual(reader.skipped, file.skipped);
  const path = join(folder, 'copy.nc');
  await using writer = await Hdf5FileWriter.create(path, reader.dataset, reader.dataset.layout);
  const { dimensions, variables } = reader.dataset;
  for (const [place, variable] of variables.entries()) {
    assert.equal(reader.rowBytes(place), file.rowBytes(place));
    const rows = dimensions[variable.dimensions[0] ?? -1]?.size ?? 1;
    const own = new Uint8Array(rows * file.rowBytes(place));
    file.readRows(place, 0, own);
    const together = Math.max(1, reader.rowsTogether(place), writer.rowsTogether(place));
    for (let from = 0; from < rows; from += together) {
      const bytes = await reader.readRows(place, from, Math.min(together, rows - from));
      const at = from * file.rowBytes(place);
      assert.deepEqual(bytes, own.subarray(at, at + bytes.length), variable.name);
      await writer.writeRows(place, from, bytes);
      assert.ok(bytes.length > 0, 'the bytes stay the caller’s');
    }
  }
  await writer.close();
  await using copy = await Hdf5Reader.open(path);
  assert.deepEqual(copy.dataset.dimensions, dimensions);
});

test('errors of a thread are those of the file, and what comes behind its end fails', async () => {
  const missing = join(folder, 'missing.nc');
  await assert.rejects(Hdf5Reader.open(missing), { code: 'file-error' });
  await assert.rejects(Hdf5Reader.open(import.meta.filename), { code: 'not-a-netcdf-file' });
  const variable = { name: 'h', type: 'float16', byteOrder: 'little', dimensions: [] } as const;
  const half = { dimensions: [], attributes: [], variables: [{ ...variable, attributes: [] }] };
  const refused = Hdf5FileWriter.create(missing, half, plainLayout(half));
  await assert.rejects(refused, { code: 'bad-space' });
  assert.equal(existsSync(missing), false);
  const reader = await Hdf5Reader.open(GROUPS);
  const pending = reader.readRows(0, 0, 1);
  await reader[Symbol.asyncDispose]();
  await assert.rejects(Promise.all([pending, reader.readRows(0, 0, 1)]), /groups\.nc/u);
});
