import { strict as assert } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { AttaccaError } from '../../src/core/errors.js';
import { plainLayout } from '../../src/formats/hdf5/layout.js';
import { Hdf5Library } from '../../src/formats/hdf5/library.js';
import { Hdf5File } from '../../src/formats/hdf5/reader.js';
import { Hdf5FileWriter, Hdf5Reader } from '../../src/formats/hdf5/remote.js';
import { fc } from '../fast-check.js';
import { rowsOf } from './rows.js';

const GROUPS = fileURLToPath(new URL('../../../test/formats/hdf5/groups.nc', import.meta.url));
/** A small file is read in some ms. */
const FILE_MS_MAX = 5_000;
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
    const own = file.readBlock(place, rowsOf(file.dataset, place));
    const bytes = new Uint8Array(own.length);
    let heard = 0;
    await reader.readInto(place, bytes, (count) => {
      heard += count;
    });
    assert.equal(heard, own.length);
    assert.deepEqual(bytes, own, variable.name);
    await writer.writeRows(place, 0, bytes);
    assert.ok(bytes.length > 0, 'the bytes stay the caller’s');
  }
  await writer.close();
  await using copy = await Hdf5Reader.open(path);
  assert.deepEqual(copy.dataset.dimensions, dimensions);
});

test('errors of a thread are those of the file, and what comes behind its end fails', async () => {
  const missing = join(folder, 'missing.nc');
  await assert.rejects(Hdf5Reader.open(missing), { code: 'file-error' });
  await assert.rejects(Hdf5Reader.open(import.meta.filename), { code: 'not-a-netcdf-file' });
  const empty = { dimensions: [], attributes: [], variables: [] };
  const nowhere = Hdf5FileWriter.create(join(missing, 'new.nc'), empty, plainLayout(empty));
  await assert.rejects(nowhere, { code: 'file-error' });
  const reader = await Hdf5Reader.open(GROUPS);
  const pending = reader.readBlock(0, { offset: [0], count: [1] });
  await reader[Symbol.asyncDispose]();
  await assert.rejects(
    Promise.all([pending, reader.readBlock(0, { offset: [0], count: [1] })]),
    /groups\.nc/u,
  );
});

test('a file with which HDF5 comes to no end is refused when its time is over', async () => {
  const path = join(folder, 'endless.nc');
  const bytes = readFileSync(GROUPS);
  // In a table of names: HDF5 looks for the scale of an axis, and goes round in circles.
  bytes[5_672] = (bytes[5_672] as number) ^ 6;
  writeFileSync(path, bytes);
  await assert.rejects(Hdf5Reader.open(path, 3_000), (error: AttaccaError) => {
    assert.deepEqual([error.code, error.fields['system']], ['file-error', 'ETIMEDOUT']);
    assert.match(error.message, /endless\.nc": HDF5 came to no end with it within 3 s/u);
    return true;
  });
});

test('a write that takes too long is no damaged file, and ends the file', async () => {
  const path = join(folder, 'slow.nc');
  const empty = { dimensions: [], attributes: [], variables: [] };
  // The library alone takes longer than this to be loaded.
  const slow = { code: 'file-error', fields: { path, system: 'ETIMEDOUT' } };
  await assert.rejects(Hdf5FileWriter.create(path, empty, plainLayout(empty), 1), slow);
});

/** What became of files that are groups.nc with another byte at a place. */
async function outcomesOf(changes: readonly (readonly [at: number, change: number])[]) {
  const outcomes: string[] = [];
  while (outcomes.length < changes.length) {
    const begin = outcomes.length;
    const worker = new Worker(new URL('./hdf5-damage.js', import.meta.url), {
      workerData: { path: GROUPS, folder, changes: changes.slice(begin) },
    });
    await new Promise<void>((resolve, reject) => {
      let timer = setTimeout(resolve, FILE_MS_MAX);
      worker.on('message', (outcome: string) => {
        outcomes.push(outcome);
        clearTimeout(timer);
        timer = setTimeout(resolve, FILE_MS_MAX);
      });
      worker.on('error', reject);
      worker.on('exit', () => {
        clearTimeout(timer);
        resolve();
      });
    });
    await worker.terminate();
    if (outcomes.length < changes.length) outcomes.push('endless');
  }
  return outcomes;
}

test('a file that has other bytes is read or refused, or its time is over', async () => {
  const { length } = readFileSync(GROUPS);
  const change = fc.tuple(fc.nat(length - 1), fc.integer({ min: 1, max: 255 }));
  const changes = fc.sample(change, { numRuns: 300, seed: fc.readConfigureGlobal().seed ?? 0 });
  const outcomes = await outcomesOf(changes);
  assert.equal(outcomes.length, changes.length);
  const known = new Set(['read', 'not-a-netcdf-file', 'endless']);
  assert.deepEqual(
    outcomes.filter((outcome) => !known.has(outcome)),
    [],
  );
  assert.ok(outcomes.includes('read') && outcomes.includes('not-a-netcdf-file'));
});
