import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Dataset } from '../../src/formats/dataset.js';
import { plainLayout } from '../../src/formats/hdf5/layout.js';
import { Hdf5Library } from '../../src/formats/hdf5/library.js';
import { Hdf5Writer } from '../../src/formats/hdf5/writer.js';
import { rowsOf } from './rows.js';

/** Others that read what we write, and how they are installed. */
const INSTALL = 'pip install h5py netCDF4 h5netcdf xarray';
const MS_MAX = 60_000;

function python(program: string): { status: number | null; told: string } {
  const options = { encoding: 'utf8', timeout: MS_MAX } as const;
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], options);
  return { status, told: `${stdout ?? ''}${stderr ?? ''}` };
}

const isThere = python('import h5py, netCDF4, h5netcdf, xarray').status === 0;
const skip = isThere ? false : `python3 has not all that reads NetCDF-4: ${INSTALL}`;

const folder = mkdtempSync(join(tmpdir(), 'attacca-hdf5-python-'));
after(() => rmSync(folder, { recursive: true }));

const text = (name: string, value: string) =>
  ({ name, type: 'char', byteOrder: 'little', bytes: Buffer.from(value) }) as const;

/** As it comes from NetCDF-3 or from objects: big-endian, packed, with a record dimension. */
const DATASET: Dataset = {
  dimensions: [
    { name: 'time', size: 2, unlimited: true },
    { name: 'x', size: 3, unlimited: false },
    { name: 'bare', size: 2, unlimited: false },
  ],
  attributes: [text('Conventions', 'CF-1.8'), text('title', 'Grüße')],
  variables: [
    {
      ...{ name: 'time', type: 'float64', byteOrder: 'big', dimensions: [0] },
      attributes: [text('units', 'hours since 2024-01-01')],
    },
    {
      ...{ name: 't', type: 'int16', byteOrder: 'big', dimensions: [0, 1] },
      attributes: [
        {
          ...{ name: 'scale_factor', type: 'float64', byteOrder: 'big' },
          bytes: Buffer.from('3fe0000000000000', 'hex'),
        },
      ],
    },
    {
      ...{ name: 'flag', type: 'bool', byteOrder: 'little', dimensions: [2] },
      attributes: [],
    },
    {
      ...{ name: 'ocean/z', type: 'complex64', byteOrder: 'little', dimensions: [2] },
      attributes: [],
    },
  ],
};

const BYTES = [
  Buffer.from('00000000000000004018000000000000', 'hex'),
  Buffer.from('000100020003000400050006', 'hex'),
  Buffer.from('0100', 'hex'),
  Buffer.from(Float32Array.of(1, 2, 3, 4).buffer),
];

test('xarray, netCDF4 and h5py read what we write', { skip }, async () => {
  const path = join(folder, 'ours.nc');
  const library = await Hdf5Library.load();
  using writer = new Hdf5Writer(library, path, DATASET, plainLayout(DATASET, 4));
  for (const [place, bytes] of BYTES.entries()) {
    writer.writeBlock(place, rowsOf(DATASET, place), bytes);
  }
  writer.close();
  const { status, told } = python(`
import h5py, netCDF4, numpy, xarray
path = ${JSON.stringify(path)}
for engine in ("netcdf4", "h5netcdf"):
    with xarray.open_dataset(path, engine=engine) as d:
        print(dict(d.sizes), d.title, d.encoding.get("unlimited_dims"))
        print(d.t.dims, d.t.values.tolist(), d.flag.dtype, d.flag.values.tolist())
        print(d.time.values.astype("datetime64[h]").tolist()[1].isoformat())
with netCDF4.Dataset(path) as d:
    print(list(d.dimensions), d["t"].filters()["complevel"], list(d.groups))
with h5py.File(path) as f:
    print(f["ocean/z"].dtype, f["ocean/z"][()].tolist(), f["t"].dims[1][0].name)
`);
  assert.equal(status, 0, told);
  const opened = [
    "{'time': 2, 'x': 3, 'bare': 2} Grüße {'time'}",
    "('time', 'x') [[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]] bool [True, False]",
    '2024-01-01T06:00:00',
  ];
  assert.deepEqual(told.trim().split('\n'), [
    ...opened,
    ...opened,
    "['time', 'x', 'bare'] 4 ['ocean']",
    'complex64 [(1+2j), (3+4j)] /x',
  ]);
});
