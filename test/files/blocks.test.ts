import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { DatasetFormat, Json } from '../../src/files/format.js';
import { HDF5 } from '../../src/files/hdf5.js';
import { ZARR } from '../../src/files/zarr.js';
import type { Dataset } from '../../src/formats/dataset.js';

const folder = mkdtempSync(join(tmpdir(), 'attacca-blocks-'));
after(() => rmSync(folder, { recursive: true }));

const [ROWS, COLUMNS] = [100_000, 90];
const BLOCK_BYTES = 8 * 1024 * 1024;
/** A chunk is a column: each row is in all of them. */
const CHUNK = [ROWS, 1];

const DATASET: Dataset = {
  dimensions: [
    { name: 'time', size: ROWS, unlimited: false },
    { name: 'site', size: COLUMNS, unlimited: false },
  ],
  attributes: [],
  variables: [
    { name: 'x', type: 'int16', byteOrder: 'little', dimensions: [0, 1], attributes: [] },
  ],
};

const FORMATS: readonly (readonly [DatasetFormat, Json])[] = [
  [
    HDF5,
    {
      unnamed: [],
      variables: [
        {
          ...{ byteOrder: 'little', charset: 'ascii', padding: 'null-terminated', isText: false },
          ...{ names: null, chunks: CHUNK, gzip: 1 },
        },
      ],
    },
  ],
  [
    ZARR,
    {
      attributes: {},
      arrays: {
        x: {
          ...{ chunk: CHUNK, codecs: [{ name: 'gzip', level: 1 }], fillValue: 0, attributes: {} },
          dimensionNames: ['time', 'site'],
        },
      },
    },
  ],
];

for (const [format, layout] of FORMATS) {
  test(`chunks of whole columns are read and written by blocks: ${format.title}`, async () => {
    const values = Int16Array.from({ length: ROWS * COLUMNS }, (_, at) => (at * 7) % 1_000);
    const bytes = new Uint8Array(values.buffer);
    const path = join(folder, `columns${format.extensions[0]}`);
    await using target = await format.create(path, DATASET, layout);
    assert.equal(target.rowsTogether(0), ROWS);
    await target.writeRows(0, 0, bytes);
    await target.close();
    await using source = await format.open(path);
    const into = new Uint8Array(bytes.length);
    const pieces: number[] = [];
    await source.readInto(0, into, (read) => pieces.push(read));
    assert.ok(Buffer.from(into.buffer).equals(bytes), 'all elements are in their places');
    // So many that none is larger than it must be, and so few that no chunk is read twice.
    assert.ok(pieces.every((each) => each <= BLOCK_BYTES && each % (ROWS * 2) === 0));
    assert.equal(pieces.length, Math.ceil(bytes.length / BLOCK_BYTES));
    const stop = new Error('no more');
    const stopped = source.readInto(0, into, () => {
      throw stop;
    });
    await assert.rejects(stopped, stop);
  });
}
