// attacca import and export as a shell has them.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Region } from '../../src/core/regions/region.js';
import { ZarrStore } from '../../src/levels/zarr/store.js';
import { testPool } from '../../src/testing/index.js';
import { writeEra } from '../files/era.js';
import { attacca, filesOf, jsonLines } from './command.js';

test('a file goes in, and comes out the same; what it prints is for programs, too', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await writeEra(join(directory, 'era.nc'));
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  const imported = await run('import', 'era.nc', '--json');
  assert.deepEqual([imported.code, imported.err], [0, '']);
  assert.deepEqual(
    jsonLines(imported.out).map(({ name, header, objects }) => name ?? [header, objects]),
    ['era/lat', 'era/t2m', ['era', 2]],
  );
  const exported = await run('export', 'era', '--to', 'again.nc', '--json');
  assert.deepEqual(jsonLines(exported.out), [
    {
      ...{ file: 'again.nc', format: 'netcdf3', objects: ['era/lat', 'era/t2m'] },
      ...{ asImported: true, original: null },
    },
  ]);
  const read = (name: string) => readFileSync(join(directory, name));
  assert.ok(read('era.nc').equals(read('again.nc')));
  // Nothing is left beside it.
  assert.deepEqual(readdirSync(directory).sort(), ['again.nc', 'era.nc']);
  const selected = await run('export', '--where', 'variable = "t2m"', '--to', 't.npy', '-q');
  assert.deepEqual([selected.code, selected.out, selected.err], [0, '', '']);
});

test('mistakes are told before anything is changed', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await writeEra(join(directory, 'era.nc'));
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  const [none, two, format, variable, to, both, absent] = await Promise.all([
    run('import'),
    run('import', '--name', 'x', 'era.nc', 'era.nc'),
    run('import', '--format', 'what', 'era.nc'),
    run('import', '--only', 't3m', 'era.nc'),
    run('export', 'era'),
    run('export', 'era', '--where', 'a = 1', '--to', 'x.nc'),
    run('import', 'nothing.nc'),
  ]);
  assert.deepEqual([none.code, two.code, to.code, both.code], [2, 2, 2, 2]);
  assert.deepEqual([format.code, variable.code, absent.code], [1, 1, 1]);
  assert.match(format.err, /there is no format "what"; known are netcdf3, hdf5, npy, zarr, grib/u);
  assert.match(variable.err, /has no variable "t3m", but lat, t2m \(bad-argument\)/u);
  assert.match(absent.err, /Cannot read "nothing.nc": there is no such file/u);
  const values = await run('import', 'era.nc', '--values');
  assert.match(values.err, /"values" decodes messages of GRIB, and NetCDF-3 has none/u);
  mkdirSync(join(directory, 'old.zarr'));
  writeFileSync(join(directory, 'old.zarr', '.zgroup'), '{"zarr_format":2}');
  const old = await run('import', 'old.zarr');
  assert.match(old.err, /"old\.zarr" is Zarr 2, and Zarr 3 alone is read \(unknown-format\)/u);
  assert.deepEqual([values.code, old.code], [1, 1]);
  const listed = await run('ls');
  assert.equal(listed.out, '');
  await run('import', 'era.nc');
  const mistyped = await run('export', '--where', 'variabel = "t2m"', '--to', 't.npy');
  assert.match(mistyped.err, /no object has "variabel"; did you mean "variable"\?\n.*is selected/u);
});

test('of several files the good ones come, and the code is that of the first failure', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await writeEra(join(directory, 'era.nc'));
  const cut = readFileSync(join(directory, 'era.nc')).subarray(0, -5);
  writeFileSync(join(directory, 'cut.nc'), cut);
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  const result = await run('import', 'cut.nc', 'era.nc');
  assert.equal(result.code, 1);
  assert.equal(result.out, 'era/lat\nera/t2m\n');
  assert.match(result.err, /Cannot read "cut.nc": .*"t2m" ends at byte \d+ \(not-a-netcdf-file\)/u);
});

test('an export that fails leaves what was there', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await writeEra(join(directory, 'era.nc'));
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  await run('import', 'era.nc');
  writeFileSync(join(directory, 'kept.nc'), 'as it was');
  await run('put', 'era.nc', '--name', 'complex', '--dtype', 'complex64');
  const late = await run('export', 'era/t2m', 'nothing', '--to', 'kept.nc', '--timeout', '0.1');
  assert.equal(late.code, 3);
  const folder = await run('export', 'era', '--to', '.', '--format', 'netcdf3');
  assert.equal(folder.code, 1);
  assert.match(folder.err, /there is a folder of that name/u);
  assert.equal(readFileSync(join(directory, 'kept.nc'), 'utf8'), 'as it was');
  assert.deepEqual(readdirSync(directory).sort(), ['era.nc', 'kept.nc']);
});

test('the command has the codecs that Zarr stores of others are packed with', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const store = ZarrStore.create(join(directory, 's.zarr'), {});
  const values = new Uint8Array(Float32Array.from({ length: 600 }, (_, at) => at).buffer);
  const blosc = { cname: 'lz4', clevel: 5, shuffle: 'shuffle', typesize: 4, blocksize: 0 } as const;
  for (const [name, codec] of [
    ['z', { name: 'zstd', level: 3, checksum: false }],
    ['b', { name: 'blosc', ...blosc }],
  ] as const) {
    const array = store.createArray(name, {
      ...{ dtype: 'float32', shape: [600], chunk: [200], byteOrder: 'little', fillValue: 0 },
      ...{ codecs: [codec], separator: '.', dimensionNames: ['x'], attributes: {} },
    });
    await array.writeRegion(Region.whole([600]), values);
  }
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  const imported = await run('import', 's.zarr', '-q');
  assert.deepEqual([imported.code, imported.out, imported.err], [0, 's/b\ns/z\n', '']);
  for (const name of ['s/b', 's/z']) {
    assert.equal((await run('get', name, '-o', 'out', '--as', 'raw')).code, 0);
    assert.ok(readFileSync(join(directory, 'out')).equals(values));
  }
});

test('a file of HDF5 comes out byte for byte, or it is told that it does not', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const run = (...args: string[]) => attacca(args, { pool: pool.address, directory });
  const read = (name: string) => readFileSync(join(directory, name));
  await writeEra(join(directory, 'era.nc'));
  await run('import', 'era.nc', '-q');
  await run('export', 'era', '--to', 'era.h5', '-q');
  const imported = await run('import', 'era.h5', '--name', 'h');
  assert.match(imported.err, /"h" tells what the file was, "h\/.original" has its bytes\n$/u);
  const same = await run('export', 'h', '--to', 'same.h5');
  assert.equal(same.err, 'attacca export: wrote 2 objects into "same.h5" (hdf5)\n');
  assert.ok(read('era.h5').equals(read('same.h5')));
  await run('withdraw', 'h/lat');
  await run('put', 'era.nc', '--name', 'h/lat', '--dtype', 'uint8');
  const other = await run('export', 'h', '--to', 'same.h5', '--timeout', '5');
  assert.match(other.err, /bad-space/u);
  assert.ok(read('era.h5').equals(read('same.h5')));
  await run('import', 'era.h5', '--name', 'g', '-q');
  await run('withdraw', 'g/.original');
  const anew = await run('export', 'g', '--to', 'anew.h5');
  assert.match(anew.err, /"anew.h5" \(hdf5\), made anew: its own bytes are gone/u);
  const both = await run('import', 'era.h5', '--original', '--no-original');
  assert.equal(both.code, 2);
  const without = await run('import', 'era.h5', '--name', 'w', '--no-original', '--json');
  assert.equal(jsonLines(without.out).at(-1)?.['original'], null);
});
