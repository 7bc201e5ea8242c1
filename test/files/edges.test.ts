// What files hold and objects cannot, ends in the middle, and places where no file belongs.
import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LIMITS } from '../../src/core/limits.js';
import { exportFile } from '../../src/files/export.js';
import { importFile } from '../../src/files/import.js';
import { NETCDF3 } from '../../src/files/netcdf3.js';
import type { Attribute } from '../../src/formats/dataset.js';
import { codeOf, joinApart, servePool } from '../client/support/pools.js';
import { writeEra } from './era.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-edges-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const apart = async (t: TestContext) =>
  await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });

/** A file with one variable of so many bytes. */
async function writeBytes(
  path: string,
  size: number,
  attributes: readonly Attribute[],
  ofFile: readonly Attribute[] = [],
): Promise<void> {
  const variable = { name: 'v', type: 'int8', byteOrder: 'big', dimensions: [0] } as const;
  const dataset = {
    dimensions: [{ name: 'x', size, unlimited: false }],
    attributes: ofFile,
    variables: [{ ...variable, attributes }],
  };
  await using file = await NETCDF3.create(path, dataset, null);
  await file.writeRows(0, 0, new Uint8Array(size));
  await file.close();
}

const text = (name: string, size: number): Attribute => {
  return { name, type: 'char', byteOrder: 'big', bytes: Buffer.from('x'.repeat(size)) };
};

test('attributes that no object can have, or has room for, stay in the file', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  const many = Array.from({ length: LIMITS.attributesMax + 1 }, (_, at) => text(`k${at}`, 1));
  const large = Array.from({ length: 30 }, (_, at) => text(`t${at}`, 4_000));
  const odd = [text('stats.max', 3), text('.state', 3), text('x'.repeat(256), 3), text('ok', 3)];
  for (const [name, attributes, least] of [
    ['many', many, 500],
    ['large', large, 8],
    ['odd', odd, 1],
  ] as const) {
    const [from, to] = [join(path, `${name}.nc`), join(path, `${name}-again.nc`)];
    await writeBytes(from, 4, attributes);
    await importFile(pool, from);
    const found = await pool.wait(`${name}/v`);
    const own = attributes.filter((each) => found.attributes[each.name] !== undefined);
    assert.ok(own.length >= least && own.length < attributes.length, `${name}: ${own.length}`);
    await exportFile(pool, [name], to);
    assert.ok(readFileSync(from).equals(readFileSync(to)));
  }
  assert.equal((await pool.wait('odd/v')).attributes['ok'], 'xxx');
});

test('what a file calls as an import does stays in the file, and comes out again', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  const own = ['dims', 'variable', 'file', 'file.header', 'file.format', 'units'];
  const [from, to] = [join(path, 'own.nc'), join(path, 'again.nc')];
  const attributes = own.map((each) => text(each, 3));
  await writeBytes(from, 4, attributes, attributes);
  await importFile(pool, from);
  const { attributes: found } = await pool.wait('own/v');
  assert.deepEqual(
    own.map((each) => found[each]),
    [['x'], 'v', 'own.nc', undefined, undefined, 'xxx'],
  );
  const { attributes: ofFile } = await pool.wait('own');
  assert.deepEqual(
    own.map((each) => ofFile[each]),
    [undefined, undefined, 'own.nc', 1, 'netcdf3', 'xxx'],
  );
  await exportFile(pool, ['own'], to);
  assert.ok(readFileSync(from).equals(readFileSync(to)));
  await exportFile(pool, ['own/v'], join(path, 'alone.nc'));
});

test('an import that is ended within a variable leaves nothing', async (t) => {
  await using pool = await apart(t);
  const path = join(folder(t), 'large.nc');
  await writeBytes(path, 40 * 1024 * 1024, []);
  const ending = new AbortController();
  let pieces = 0;
  const onBytes = (bytes: number): void => {
    if (bytes > 0) pieces += 1;
    if (pieces === 2) ending.abort();
  };
  const { signal } = ending;
  assert.equal(await codeOf(importFile(pool, path, { signal, onBytes })), 'aborted');
  assert.equal(pieces, 2);
  for await (const name of pool.list('*')) assert.fail(name);
});

test('an export that is ended leaves no draft, and says what it waits for', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  await writeEra(join(path, 'era.nc'));
  await importFile(pool, join(path, 'era.nc'));
  await pool.unkeep('era/t2m');
  const ending = new AbortController();
  const waited: (string | null)[] = [];
  const onWaiting = (name: string | null): void => {
    waited.push(name);
    if (name === 'era/t2m') ending.abort();
  };
  const { signal } = ending;
  const ended = exportFile(pool, ['era'], join(path, 'to.nc'), { signal, onWaiting });
  assert.equal(await codeOf(ended), 'aborted');
  assert.deepEqual(waited, ['era', null, 'era/lat', null, 'era/t2m']);
  assert.deepEqual(readdirSync(path), ['era.nc']);
});

test('what tells of a file is no variable of another one', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  await writeEra(join(path, 'era.nc'));
  await importFile(pool, join(path, 'era.nc'));
  const to = join(path, 'to.nc');
  for (const names of [
    ['era', 'era/lat'],
    ['era/lat', 'era'],
  ]) {
    assert.equal(await codeOf(exportFile(pool, names, to)), 'bad-argument');
  }
  assert.ok(!existsSync(to));
});

test('a link leads to the file that is replaced; a device is left alone', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  const [file, link] = [join(path, 'file.npy'), join(path, 'link.npy')];
  writeFileSync(file, 'former');
  symlinkSync('file.npy', link);
  await pool.put('a', Uint8Array.of(1, 2, 3));
  await exportFile(pool, ['a'], link);
  assert.equal(readlinkSync(link), 'file.npy');
  assert.deepEqual([...readFileSync(file).subarray(-3)], [1, 2, 3]);
  const device = exportFile(pool, ['a'], '/dev/null', { format: 'npy' });
  assert.equal(await codeOf(device), 'bad-argument');
  assert.equal(readFileSync('/dev/null').length, 0);
  writeFileSync(join(path, 'file.zarr'), 'no folder');
  assert.equal(await codeOf(exportFile(pool, ['a'], join(path, 'file.zarr'))), 'bad-argument');
  assert.deepEqual(readdirSync(path).sort(), ['file.npy', 'file.zarr', 'link.npy']);
});

for (const [format, extension] of [
  ['netcdf3', '.nc'],
  ['zarr', '.zarr'],
  ['hdf5', '.h5'],
] as const) {
  test(`what tells of a file of ${format} is refused, or gives a file that is one`, async (t) => {
    await using pool = await apart(t);
    const path = folder(t);
    await writeEra(join(path, 'era.nc'));
    await importFile(pool, join(path, 'era.nc'), { name: 'from' });
    await exportFile(pool, ['from'], join(path, `era${extension}`));
    await importFile(pool, join(path, `era${extension}`));
    const whole = await pool.object('era').demand();
    const header: Record<string, unknown> = JSON.parse(Buffer.from(whole.bytes).toString());
    await whole.dispose();
    const attributes = { 'file.header': 1 };
    let written = 0;
    for (const [at, layout] of LAYOUTS[format].entries()) {
      const bytes = Buffer.from(JSON.stringify({ ...header, layout }));
      await pool.put(`h${at}`, bytes, { attributes });
      const to = join(path, `to${at}${extension}`);
      const code = await exportFile(pool, [`h${at}`], to).then(
        () => 'written',
        (error: unknown) => (error as { code?: string }).code ?? String(error),
      );
      assert.match(code, REFUSED, JSON.stringify(layout));
      if (code !== 'written') continue;
      written += 1;
      const { objects } = await importFile(pool, to, { name: `back${at}` });
      assert.equal(objects.length, 2);
    }
    assert.ok(written > 0);
  });
}

test('zeros between messages take no memory, however many they are', async (t) => {
  await using pool = await apart(t);
  const to = join(folder(t), 'to.grib');
  const message = Buffer.from('GRIB no message 7777');
  await pool.put('m', message);
  const put = async (name: string, padding: number): Promise<void> => {
    const messages = [0, 1].map(() => ({ object: 'm', padding }));
    const header = { version: 1, kind: 'messages', format: 'grib', messages };
    await pool.put(name, Buffer.from(JSON.stringify(header)), {
      attributes: { 'file.header': 1 },
    });
  };
  await put('few', 3);
  await exportFile(pool, ['few'], to);
  const one = Buffer.concat([message, Buffer.alloc(3)]);
  assert.ok(Buffer.concat([one, one]).equals(readFileSync(to)));
  await put('many', Number.MAX_SAFE_INTEGER);
  const many = exportFile(pool, ['many'], to);
  assert.match(await codeOf(many), /^(?:file-error|bad-file-header)$/u);
});

const REFUSED = /^(?:written|bad-file-header|bad-space)$/u;

/** What of a format's own may stand in such an object, whoever has offered it. */
const LAYOUTS: Record<'netcdf3' | 'zarr' | 'hdf5', readonly unknown[]> = {
  netcdf3: [
    ...[null, 1, 'x', [], {}, { version: 9 }, { version: 1, begins: [], header: 7 }],
    ...[{ version: 2, begins: [1e15, -4], header: 'Q0RG' }, { begins: ['x', null] }],
  ],
  zarr: [
    ...[null, 'x', { attributes: [], arrays: { t2m: 7, lat: null } }],
    { attributes: { title: { a: [1] } }, arrays: { t2m: { chunk: [0, 1] } } },
    { arrays: { t2m: { chunk: [1] }, lat: { codecs: 'gzip' } } },
    { arrays: { t2m: { codecs: [{ name: 'gzip', level: 99 }] } } },
    { arrays: { t2m: { codecs: [7] } } },
    { arrays: { t2m: { chunk: [1e15, 1e15] } } },
    { arrays: { t2m: { fillValue: {}, dimensionNames: [1, 2] } } },
  ],
  hdf5: [
    ...[null, { unnamed: [], variables: [7, null] }, { unnamed: [99, -1], variables: [{}, {}] }],
    {
      unnamed: [0],
      variables: [
        { chunks: [0], gzip: 77 },
        { chunks: 'x', names: 5 },
      ],
    },
    { unnamed: [], variables: [{ byteOrder: 'odd', charset: 1, padding: 2 }, {}] },
  ],
};

test('what is no part of a store is not removed with it; a file keeps who may read it', async (t) => {
  await using pool = await apart(t);
  const path = folder(t);
  await pool.put('a', Float32Array.of(1, 2), {});
  const store = join(path, 's.zarr');
  await exportFile(pool, ['a'], store);
  await exportFile(pool, ['a'], store);
  writeFileSync(join(store, 'notes.txt'), 'kept');
  assert.equal(await codeOf(exportFile(pool, ['a'], store)), 'bad-argument');
  assert.equal(readFileSync(join(store, 'notes.txt'), 'utf8'), 'kept');
  rmSync(join(store, 'notes.txt'));
  writeFileSync(join(store, 'a', 'notes.txt'), 'kept');
  assert.equal(await codeOf(exportFile(pool, ['a'], store)), 'bad-argument');
  const file = join(path, 'a.nc');
  await exportFile(pool, ['a'], file);
  chmodSync(file, 0o600);
  await exportFile(pool, ['a'], file);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const long = join(path, `${'n'.repeat(250)}.nc`);
  await exportFile(pool, ['a'], long);
  assert.deepEqual(
    readdirSync(path).filter((name) => name.startsWith('.attacca')),
    [],
  );
});
