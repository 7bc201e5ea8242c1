// Files into a pool and out of it again: real ones byte for byte, and whatever a dataset can be.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { exportFile } from '../../src/files/export.js';
import type { DatasetFormat } from '../../src/files/format.js';
import { formatNamed } from '../../src/files/formats.js';
import { importFile } from '../../src/files/import.js';
import type { Attribute, Dataset, Variable } from '../../src/formats/dataset.js';
import { elementSize } from '../../src/formats/element-size.js';
import { codeOf, joinApart, servePool, TRANSPORTS } from '../client/support/pools.js';
import { fc } from '../fast-check.js';
import { sharedData } from '../formats/shared-data.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-files-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function datasetFormat(name: string): DatasetFormat {
  const format = formatNamed(name);
  assert.equal(format.kind, 'dataset');
  return format as DatasetFormat;
}

interface Content {
  readonly dataset: Dataset;
  readonly elements: readonly Uint8Array[];
}

const sizesOf = ({ dimensions }: Dataset, variable: Variable): number[] =>
  variable.dimensions.map((at) => dimensions[at]?.size ?? 0);

async function write(path: string, name: string, { dataset, elements }: Content): Promise<void> {
  const format = datasetFormat(name);
  await using target = await format.create(path, format.fit(dataset), null);
  for (const [place, bytes] of elements.entries()) {
    if (bytes.length > 0) await target.writeRows(place, 0, bytes);
  }
  await target.close();
}

async function read(path: string, name: string): Promise<Content> {
  await using source = await datasetFormat(name).open(path);
  const elements: Uint8Array[] = [];
  for (const [place, variable] of source.dataset.variables.entries()) {
    const count = sizesOf(source.dataset, variable).reduce((all, each) => all * each, 1);
    const bytes = new Uint8Array(count * elementSize(variable.type));
    let heard = 0;
    await source.readInto(place, bytes, (read) => {
      heard += read;
    });
    assert.equal(heard, bytes.length);
    elements.push(bytes);
  }
  const { dimensions, attributes, variables } = source.dataset;
  return { dataset: { dimensions, attributes, variables }, elements };
}

/** As it is compared: in the order of names, which stores of folders have. */
function sorted({ dataset, elements }: Content): unknown {
  const all = dataset.variables.map((variable, at) => ({
    ...{ name: variable.name, type: variable.type, byteOrder: variable.byteOrder },
    attributes: variable.attributes.map(plain),
    dims: variable.dimensions.map((each) => dataset.dimensions[each]),
    bytes: Buffer.from(elements[at] ?? []).toString('hex'),
  }));
  all.sort((one, other) => (one.name < other.name ? -1 : 1));
  return { attributes: dataset.attributes.map(plain), all };
}

function plain({ bytes, ...rest }: Attribute): unknown {
  return { ...rest, bytes: Buffer.from(bytes).toString('hex') };
}

const TYPES = ['int8', 'int16', 'int32', 'float32', 'float64'] as const;

const attributes = fc
  .uniqueArray(
    fc.record({
      name: fc.constantFrom('units', 'scale_factor', '_FillValue', 'history', 'valid range'),
      type: fc.constantFrom(...TYPES, 'char' as const),
      values: fc.uint8Array({ minLength: 1, maxLength: 6 }),
    }),
    { selector: ({ name }) => name, maxLength: 4 },
  )
  .map((all) =>
    all.map(({ name, type, values }): Attribute => {
      const bytes = Uint8Array.from(
        { length: values.length * elementSize(type) },
        (_, at) => (values[at % values.length] ?? 0) % 127,
      );
      return { name, type, byteOrder: 'big', bytes };
    }),
  );

/** As NetCDF-3 has it, which is what all of them can have. */
const contents: fc.Arbitrary<Content> = fc
  .record({
    sizes: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
    records: fc.option(fc.integer({ min: 0, max: 3 })),
    global: attributes,
    variables: fc.array(
      fc.record({
        type: fc.constantFrom(...TYPES, 'char' as const),
        axes: fc.subarray([0, 1, 2]),
        own: attributes,
        seed: fc.nat(),
      }),
      { maxLength: 4 },
    ),
  })
  .map(({ sizes, records, global, variables }) => {
    const dimensions = sizes.map((size, at) => ({ name: `d${at}`, size, unlimited: false }));
    if (records !== null) dimensions[0] = { name: 'time', size: records, unlimited: true };
    const made = variables.map(({ type, axes, own }, at): Variable => {
      const places = axes.filter((axis) => axis < dimensions.length);
      return {
        ...{ name: `v ${at}`, type, dimensions: places, attributes: own },
        byteOrder: 'big',
      };
    });
    const dataset = { dimensions, attributes: global, variables: made };
    const elements = made.map((variable, at) => {
      const count = sizesOf(dataset, variable).reduce((all, each) => all * each, 1);
      const seed = variables[at]?.seed ?? 0;
      return Uint8Array.from(
        { length: count * elementSize(variable.type) },
        (_, index) => Math.imul(seed + index, 0x9e37_79b1) >>> 24,
      );
    });
    return { dataset, elements };
  });

for (const [name, extension] of [
  ['netcdf3', '.nc'],
  ['hdf5', '.nc4'],
  ['zarr', '.zarr'],
] as const) {
  test(`what a file of ${name} holds comes out of the pool as it went in`, async (t) => {
    const server = await servePool(t);
    await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
    const path = folder(t);
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(contents, async (content) => {
        turn += 1;
        const [from, to] = [join(path, `a${turn}${extension}`), join(path, `b${turn}${extension}`)];
        await write(from, name, content);
        const { header, objects } = await importFile(pool, from);
        assert.equal(header, `a${turn}`);
        assert.equal(objects.length, content.dataset.variables.length);
        const told = await exportFile(pool, [`a${turn}`], to);
        assert.deepEqual([told.format, told.asImported], [name, true]);
        assert.deepEqual(sorted(await read(to, name)), sorted(await read(from, name)));
        if (name === 'netcdf3') assert.ok(readFileSync(from).equals(readFileSync(to)));
      }),
      { numRuns: name === 'hdf5' ? 12 : 40 },
    );
  });
}

test('a file becomes one of another format, and of that the first again', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = folder(t);
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(contents, fc.constantFrom('hdf5', 'zarr'), async (content, other) => {
      turn += 1;
      const at = (name: string): string => join(path, `${name}${turn}`);
      await write(at('a'), 'netcdf3', content);
      await importFile(pool, at('a'), { name: `a${turn}` });
      await exportFile(pool, [`a${turn}`], at('b'), { format: other });
      await importFile(pool, at('b'), { name: `b${turn}` });
      await exportFile(pool, [`b${turn}`], at('c'), { format: 'netcdf3' });
      const elementsOf = (all: Content): unknown =>
        all.dataset.variables
          .map((variable, each) => [
            variable.name,
            sizesOf(all.dataset, variable),
            all.elements[each],
          ])
          .sort(([one], [two]) => (String(one) < String(two) ? -1 : 1));
      assert.deepEqual(
        elementsOf(await read(at('c'), 'netcdf3')),
        elementsOf(await read(at('a'), 'netcdf3')),
      );
    }),
    { numRuns: 10 },
  );
});

for (const transport of TRANSPORTS) {
  for (const name of ['eraint_uvz.nc', 'era5-2mt-2019-03-uk.grib', 'era5-levels-members.grib']) {
    const { path, skip } = sharedData(name);
    test(`${name} is the same file when it comes out, ${transport}`, { skip }, async (t) => {
      const server = await servePool(t);
      await using pool = await joinApart(server, 'files', { transport });
      const to = join(folder(t), name);
      const { header, skipped } = await importFile(pool, path);
      assert.deepEqual(skipped, []);
      await exportFile(pool, [String(header)], to);
      assert.ok(readFileSync(path).equals(readFileSync(to)));
    });
  }
}

const mask = sharedData('basin_mask.nc');
test('a real file of NetCDF-4 that is made anew has the same variables', {
  skip: mask.skip,
}, async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const to = join(folder(t), 'again.nc');
  await importFile(pool, mask.path, { name: 'mask', original: false });
  assert.equal((await exportFile(pool, ['mask'], to)).format, 'hdf5');
  assert.deepEqual(sorted(await read(to, 'hdf5')), sorted(await read(mask.path, 'hdf5')));
});

const damaged = sharedData('era5-levels-corrupted.grib');
test('a damaged GRIB file comes back byte for byte, and says what is damaged', {
  skip: damaged.skip,
}, async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const { objects, skipped } = await importFile(pool, damaged.path, { name: 'bad' });
  // The first is the one that is damaged.
  assert.deepEqual(
    objects.map(({ name }) => name),
    ['bad/1', 'bad/2'],
  );
  await using first = await pool.object('bad/1').demand();
  assert.match(String(first.attributes['damaged']), /it says 1588 bytes/u);
  assert.equal(first.attributes['step'], undefined);
  assert.deepEqual(
    skipped.map(({ name }) => name),
    ['message 1'],
  );
  assert.match(String(skipped[0]?.why), /at byte 0: it says 1588 bytes/u);
  const to = join(folder(t), 'again.grib');
  await exportFile(pool, ['bad'], to);
  assert.ok(readFileSync(damaged.path).equals(readFileSync(to)));
});

async function twoOf(t: TestContext): Promise<{ pool: Pool; path: string; content: Content }> {
  const server = await servePool(t);
  const pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = join(folder(t), 'two.nc');
  const variable = (name: string): Variable => {
    return { name, type: 'int16', byteOrder: 'big', dimensions: [0], attributes: [] };
  };
  const content = {
    dataset: {
      dimensions: [{ name: 'x', size: 3, unlimited: false }],
      attributes: [],
      variables: [variable('u'), variable('v')],
    },
    elements: [Uint8Array.of(0, 1, 0, 2, 0, 3), Uint8Array.of(1, 0, 2, 0, 3, 0)],
  };
  await write(path, 'netcdf3', content);
  return { pool, path, content };
}

test('an import that fails leaves nothing of it, and what it has is replaced when that is said', async (t) => {
  const { pool: made, path } = await twoOf(t);
  await using pool = made;
  await pool.put('two/v', Uint8Array.of(1));
  assert.equal(await codeOf(importFile(pool, path)), 'already-offered');
  const names: string[] = [];
  for await (const name of pool.list('*')) names.push(name);
  assert.deepEqual(names, ['two/v']);
  const tried = await importFile(pool, path, { replace: true, dryRun: true });
  assert.deepEqual(tried.objects.map(({ name }) => name).sort(), ['two/u', 'two/v']);
  assert.equal(await codeOf(importFile(pool, path)), 'already-offered');
  await importFile(pool, path, { replace: true });
  await importFile(pool, path, { replace: true });
  const got = await pool.object('two/v').demand();
  assert.deepEqual([...got.bytes], [1, 0, 2, 0, 3, 0]);
  assert.deepEqual([got.attributes['dims'], got.attributes['variable']], [['x'], 'v']);
  await got.dispose();
});

test('an import that replaces and fails leaves what was there, all of it', async (t) => {
  const { pool: made, path, content } = await twoOf(t);
  await using pool = made;
  // One that is large, and one that is small.
  const dimensions = [{ name: 'x', size: 100_000, unlimited: false }];
  const large = content.elements.map((bytes) => {
    return Uint8Array.from({ length: 200_000 }, (_, at) => bytes[at % bytes.length] ?? 0);
  });
  const wide = { dataset: { ...content.dataset, dimensions }, elements: large };
  rmSync(path);
  await write(path, 'netcdf3', wide);
  await importFile(pool, path);
  const before = await pool.stat('two/v');
  const abort = new AbortController();
  let bytes = 0;
  const options = { replace: true, signal: abort.signal };
  const failing = importFile(pool, path, {
    ...options,
    onBytes(some) {
      bytes += some;
      if (bytes >= 200_000) abort.abort();
    },
  });
  assert.equal(await codeOf(failing), 'aborted');
  assert.deepEqual((await pool.stat('two/v'))['version'], before['version']);
  const to = join(folder(t), 'again.nc');
  await exportFile(pool, ['two'], to, { timeoutMs: 5_000 });
  assert.ok(readFileSync(path).equals(readFileSync(to)));
  await importFile(pool, path, { replace: true });
  await exportFile(pool, ['two'], to, { timeoutMs: 5_000 });
  assert.ok(readFileSync(path).equals(readFileSync(to)));
});

test('some variables alone, under names made of what they are', async (t) => {
  const { pool: made, path } = await twoOf(t);
  await using pool = made;
  const nameOf = (all: Readonly<Record<string, unknown>>): string => `by-name/${all['variable']}`;
  const { objects } = await importFile(pool, path, { only: ['v'], nameOf, attributes: { run: 7 } });
  assert.deepEqual(
    objects.map(({ name }) => name),
    ['by-name/v'],
  );
  const to = join(folder(t), 'v.nc');
  await exportFile(pool, ['two'], to);
  const { dataset } = await read(to, 'netcdf3');
  assert.deepEqual(
    dataset.variables.map(({ name }) => name),
    ['v'],
  );
  assert.equal(await codeOf(importFile(pool, path, { only: ['w'], name: 'w' })), 'bad-argument');
  const same = importFile(pool, path, { nameOf: () => 'one', name: 'n' });
  assert.equal(await codeOf(same), 'bad-name');
});

test('objects that were in no file become variables; what a format has not is refused', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = folder(t);
  const attributes = { dims: ['lat', 'lon'], units: 'K', level: 850, ok: true, '.container': '' };
  const { '.container': _, ...told } = attributes;
  const space = { dtype: 'float32', shape: [2, 3] } as const;
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  await pool.put('t/850', values, { space, attributes: told });
  await pool.put('u/850', values, { space: { ...space, order: 'column' }, attributes: told });
  await pool.put('z', new Float32Array(2), { space: { dtype: 'complex64', shape: [1] } });
  const to = join(path, 'both.nc');
  await exportFile(pool, ['t/850', 'u/850'], to);
  const { dataset, elements } = await read(to, 'netcdf3');
  assert.deepEqual(
    dataset.dimensions.map(({ name, size }) => [name, size]),
    [
      ['lat', 2],
      ['lon', 3],
    ],
  );
  assert.deepEqual(
    dataset.variables.map(({ name }) => name),
    ['t_850', 'u_850'],
  );
  const numbers = (bytes: Uint8Array | undefined): number[] => {
    const view = new DataView((bytes as Uint8Array).slice().buffer);
    return Array.from({ length: 6 }, (__, at) => view.getFloat32(4 * at));
  };
  assert.deepEqual(numbers(elements[0]), [1, 2, 3, 4, 5, 6]);
  // Column order: the first index goes fastest.
  assert.deepEqual(numbers(elements[1]), [1, 3, 5, 2, 4, 6]);
  const named = dataset.variables[0]?.attributes.map(({ name, type }) => `${name}:${type}`);
  assert.deepEqual(named?.sort(), ['level:int32', 'ok:int8', 'units:char']);
  assert.equal(await codeOf(exportFile(pool, ['z'], join(path, 'z.nc'))), 'bad-space');
  assert.equal(await codeOf(exportFile(pool, ['z'], join(path, 'z.grib'))), 'bad-space');
  assert.equal(await codeOf(exportFile(pool, ['z'], join(path, 'z.what'))), 'unknown-format');
  assert.equal(await codeOf(exportFile(pool, ['z', 't/850'], join(path, 'z.npy'))), 'bad-argument');
  await exportFile(pool, ['z'], join(path, 'z.h5'));
  const late = exportFile(pool, ['nothing'], join(path, 'n.nc'), { timeoutMs: 1 });
  assert.equal(await codeOf(late), 'deadline-passed');
});

test('npy files in both orders come out as they were', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = folder(t);
  const values = new Int16Array([1, 2, 3, 4, 5, 6]);
  for (const order of ['row', 'column'] as const) {
    await pool.put(order, values, { space: { dtype: 'int16', shape: [2, 3], order } });
    const [first, again] = [join(path, `${order}1.npy`), join(path, `${order}2.npy`)];
    await exportFile(pool, [order], first);
    const { objects, header } = await importFile(pool, first, { name: `${order}/back` });
    assert.deepEqual([objects[0]?.space.order, header], [order, null]);
    await exportFile(pool, [`${order}/back`], again);
    assert.ok(readFileSync(first).equals(readFileSync(again)));
  }
});

test('what tells of a file may be anything: it is refused, and so is a file that is none', async (t) => {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'files', { transport: 'shared-memory' });
  const path = folder(t);
  const attributes = { 'file.header': 1 };
  for (const [at, text] of ['', '{', '{"version":1,"kind":"dataset"}', '[1]'].entries()) {
    await pool.put(`h${at}`, Buffer.from(text), { attributes });
    assert.equal(await codeOf(exportFile(pool, [`h${at}`], join(path, 'x.nc'))), 'bad-file-header');
  }
  // Of a file without a whole message nothing is left.
  writeFileSync(join(path, 'cut.grib'), 'GRIB');
  const cut = await importFile(pool, join(path, 'cut.grib'));
  assert.deepEqual([cut.objects, cut.header, cut.skipped.length], [[], null, 1]);
  assert.equal(await codeOf(pool.stat('cut')), 'unknown-object');
  writeFileSync(join(path, 'text'), 'no file of ours');
  assert.equal(await codeOf(importFile(pool, join(path, 'text'))), 'unknown-format');
  assert.equal(await codeOf(importFile(pool, join(path, 'none.nc'))), 'file-error');
  // A pipe that nobody writes to: refused at once.
  execFileSync('mkfifo', [join(path, 'pipe.nc')]);
  assert.equal(await codeOf(importFile(pool, join(path, 'pipe.nc'))), 'file-error');
  mkdirSync(join(path, 'pipe.zarr'));
  execFileSync('mkfifo', [join(path, 'pipe.zarr', 'zarr.json')]);
  assert.equal(await codeOf(importFile(pool, join(path, 'pipe.zarr'))), 'file-error');
  writeFileSync(join(path, 'cut.nc'), 'CDF');
  assert.equal(await codeOf(importFile(pool, join(path, 'cut.nc'))), 'not-a-netcdf-file');
  assert.equal(await codeOf(exportFile(pool, ['h1'], path, { format: 'zarr' })), 'bad-file-header');
});
