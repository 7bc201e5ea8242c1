// Messages of GRIB whose values become objects, with places in degrees, and the file again.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { exportFile } from '../../src/files/export.js';
import { importFile } from '../../src/files/import.js';
import type { ImportOptions } from '../../src/files/offering.js';
import { codeOf, joinApart, servePool } from '../client/support/pools.js';
import { sharedData } from '../formats/shared-data.js';

const surface = sharedData('era5-2mt-2019-03-uk.grib');
const members = sharedData('era5-levels-members.grib');

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-fields-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const apart = async (t: TestContext) =>
  await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });

/** Decodes a file into the pool; false where there is no ecCodes, which is told. */
async function decoded(t: TestContext, pool: Pool, path: string, options: ImportOptions) {
  const code = await codeOf(importFile(pool, path, { ...options, values: true }));
  if (code === 'library-unavailable') t.skip('no ecCodes is installed');
  else assert.equal(code, 'none');
  return code === 'none';
}

test('decoded fields are part of their file, or of what one says', {
  skip: members.skip,
}, async (t) => {
  await using pool = await apart(t);
  await pool.put('run', new Uint8Array(0));
  const only = ['1', '2'];
  if (!(await decoded(t, pool, members.path, { only, name: 'plain' }))) return;
  const plain = await pool.wait('plain/001');
  assert.equal(plain.attributes['.part-of'], 'plain');
  assert.deepEqual([plain.attributes['message'], plain.space.dtype], [1, 'float32']);
  const attributes = { '.part-of': 'run' };
  const { header, original, objects } = await importFile(pool, members.path, {
    ...{ only, values: true, name: 'of-run', attributes },
  });
  assert.deepEqual([header, original], ['of-run', 'of-run/.original']);
  assert.deepEqual(
    objects.map(({ name }) => name),
    ['of-run/latitude', 'of-run/longitude', 'of-run/001', 'of-run/002'],
  );
  assert.equal((await pool.wait('of-run/001')).attributes['.part-of'], 'run');
});

test('fields on a regular grid are selected by degrees', { skip: surface.skip }, async (t) => {
  await using pool = await apart(t);
  const only = ['1', '2', '3'];
  if (!(await decoded(t, pool, surface.path, { only, nameOf: ({ time }) => `t2/${time}` }))) return;
  const { attributes } = await pool.wait('t2/100');
  const file = 'era5-2mt-2019-03-uk';
  assert.deepEqual(attributes['dims'], ['latitude', 'longitude']);
  const coords = { latitude: `${file}/latitude`, longitude: `${file}/longitude` };
  assert.deepEqual(attributes['coords'], coords);
  const { attributes: told } = await pool.wait(coords.latitude);
  assert.deepEqual([told['units'], told['standard_name']], ['degrees_north', 'latitude']);
  const cube = await pool.cube('t2', 'shortName = "2t"', ['time']);
  const pick = { time: 100, latitude: [55, 56], longitude: [0, 0.5] } as const;
  await using part = await cube.demand(pick);
  assert.deepEqual(part.coords['latitude'], [56, 55.75, 55.5, 55.25, 55]);
  assert.deepEqual(part.coords['longitude'], [0, 0.25, 0.5]);
  // The grid begins at 58 north, 10 west, in steps of a quarter of a degree.
  await using whole = await pool.object('t2/100').demand();
  const row = (whole.array as Float32Array).subarray(8 * 49 + 40, 8 * 49 + 43);
  assert.deepEqual([...(part.array as Float32Array)].slice(0, 3), [...row]);
});

test('what was decoded is exported as its messages, or with its places', {
  skip: surface.skip,
}, async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  if (!(await decoded(t, pool, surface.path, { name: 'uk' }))) return;
  const to = join(path, 'again.grib');
  const exported = await exportFile(pool, ['uk'], to);
  assert.deepEqual([exported.format, exported.objects.length], ['grib', 744]);
  assert.ok(readFileSync(surface.path).equals(readFileSync(to)));
  await exportFile(pool, ['uk'], join(path, 'uk.nc'));
  await importFile(pool, join(path, 'uk.nc'), { name: 'nc', only: ['latitude', '001'] });
  const { attributes } = await pool.wait('nc/001');
  assert.deepEqual(attributes['dims'], ['latitude', 'longitude']);
  assert.equal(attributes['coords'], undefined);
  await using latitude = await pool.object('nc/latitude').demand({ byteOrder: 'little' });
  assert.deepEqual([...(latitude.array as Float64Array)].slice(0, 2), [58, 57.75]);
});

test('messages are not what the objects have become, nor there where they are not kept', {
  skip: surface.skip,
}, async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  const only = ['1', '2'];
  if (!(await decoded(t, pool, surface.path, { name: 'kept', only }))) return;
  await importFile(pool, surface.path, { name: 'not', only, values: true, original: false });
  const to = join(path, 'to.grib');
  assert.equal(await codeOf(exportFile(pool, ['not'], to)), 'bad-argument');
  await exportFile(pool, ['kept'], to);
  const before = readFileSync(to);
  assert.ok(readFileSync(surface.path).subarray(0, before.length).equals(before));
  await using former = await pool.object('kept/001').demand();
  const changed = Float32Array.from(former.array as Float32Array).fill(1, 3, 4);
  await former.dispose();
  await pool.unkeep('kept/001');
  await pool.put('kept/001', changed, { space: { dtype: 'float32', shape: [33, 49] } });
  assert.equal(await codeOf(exportFile(pool, ['kept'], to)), 'bad-argument');
  assert.ok(readFileSync(to).equals(before));
  assert.deepEqual(readdirSync(path), ['to.grib']);
});
