// What tells of a file, forged: it is refused in words, or gives a file that can be read again.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { AttaccaError } from '../../src/core/errors.js';
import { exportFile } from '../../src/files/export.js';
import { decodeHeader, mustBeHeader } from '../../src/files/header.js';
import { importFile } from '../../src/files/import.js';
import { NETCDF3 } from '../../src/files/netcdf3.js';
import type { Attribute } from '../../src/formats/dataset.js';
import { joinApart, servePool } from '../client/support/pools.js';
import { fc } from '../fast-check.js';
import { writeEra } from './era.js';

const EXTENSIONS = ['.nc', '.h5', '.zarr'] as const;
type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonMap = { [key: string]: Json };

/** Headers of one dataset as three formats keep them; their objects are in the pool. */
async function made(t: TestContext) {
  const pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = mkdtempSync(join(tmpdir(), 'attacca-forged-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  await writeEra(join(path, 'era.nc'));
  await importFile(pool, join(path, 'era.nc'), { name: 'from' });
  const headers: JsonMap[] = [];
  for (const extension of EXTENSIONS) {
    const [file, name] = [join(path, `from${extension}`), `of${extension.slice(1)}`];
    await exportFile(pool, ['from'], file);
    await importFile(pool, file, { name, original: false });
    await using whole = await pool.object(name).demand();
    headers.push(JSON.parse(Buffer.from(whole.bytes).toString()) as JsonMap);
    rmSync(file, { recursive: true });
  }
  return { pool, path, headers };
}

/** Every place within, as the keys that lead there. */
function placesIn(json: Json, at: readonly string[] = []): readonly (readonly string[])[] {
  if (json === null || typeof json !== 'object') return [at];
  return [at, ...Object.entries(json).flatMap(([key, each]) => placesIn(each, [...at, key]))];
}

function changedAt(json: Json, [key, ...rest]: readonly string[], value: Json): Json {
  if (key === undefined || json === null || typeof json !== 'object') return value;
  const inner = (json as JsonMap)[key] ?? null;
  const changed = changedAt(inner, rest, value);
  if (Array.isArray(json)) return json.with(Number(key), changed);
  return { ...json, [key]: changed };
}

const many = (count: number, each: Json): Json => Array.from({ length: count }, () => each);
const VALUES: readonly Json[] = [
  ...[null, true, 0, 1, 2, 3, 5, -1, 0.5, 17, 255, 2 ** 31, 2 ** 32 + 1, 1e15, 2 ** 53 - 1],
  ...['', 'x', 'lat', 't2m', 'a\0b', 'a\nb', '..', '.', '/', 'a//b', 'a/b', '\ud800', '__proto__'],
  ...['constructor', 'n'.repeat(5_000), 'é'.repeat(900), 'AA==', 'AAAAAAAAAAA='],
  ...['char', 'text', 'int8', 'float16', 'uint64', 'complex64', 'bool', 'string[3]'],
  ...['{x:float16@0;2}', '{x:int8@0,y:int8@1;2}', 'int7', 'little', 'big', 'grib', 'zarr', 'hdf5'],
  ...[[], {}, [0], [1], [0, 1], [1, 0], [0, 0], [[]], many(40, 1), many(17, 0)],
];

/** `bad-name`: of what the format does not allow, as Zarr names that begin with two underscores. */
const OK = ['written', 'bad-file-header', 'bad-space', 'bad-name'];

async function outcome(pool: Pool, header: Json, to: string): Promise<string> {
  const bytes = Buffer.from(JSON.stringify(header));
  await pool.put('forged', bytes, { attributes: { 'file.header': 1 } });
  try {
    await exportFile(pool, ['forged'], to, { timeoutMs: 1_000 });
    return 'written';
  } catch (error) {
    return error instanceof AttaccaError ? error.code : `${error}`;
  } finally {
    await pool.unkeep('forged');
  }
}

test('a forged header is refused, or gives a file that is read again', async (t) => {
  const { pool: joined, path, headers } = await made(t);
  await using pool = joined;
  const change = fc.record({ at: fc.nat(), value: fc.constantFrom(...VALUES) });
  const forged = fc
    .record({
      header: fc.constantFrom(...headers),
      changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    })
    .map(({ header, changes }) =>
      changes.reduce<Json>((json, { at, value }) => {
        const places = placesIn(json).filter(([first]) => first !== 'objects');
        return changedAt(json, places[at % places.length] ?? [], value);
      }, header),
    );
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(forged, fc.constantFrom(...EXTENSIONS), async (header, extension) => {
      turn += 1;
      const to = join(path, `to${turn}${extension}`);
      const code = await outcome(pool, header, to);
      assert.ok(OK.includes(code), code);
      if (code === 'written') {
        const back = importFile(pool, to, { name: 'back', replace: true });
        const { skipped } = await back.finally(() => rmSync(to, { recursive: true }));
        assert.deepEqual(skipped, []);
      }
      assert.deepEqual(readdirSync(path), ['era.nc']);
    }),
    { numRuns: Number(process.env['FORGED'] ?? 60) },
  );
});

type Dataset = { dimensions: JsonMap[]; variables: JsonMap[]; attributes: JsonMap[] };

const list = (count: number, each: (at: number) => JsonMap): JsonMap[] =>
  Array.from({ length: count }, (_, at) => each(at));
const first = (all: readonly JsonMap[]): JsonMap => all[0] as JsonMap;
const attribute = (name: string): JsonMap => {
  return { name, type: 'int8', byteOrder: 'little', bytes: '' };
};
const CHANGES: readonly (readonly [string, (dataset: Dataset) => void, RegExp])[] = [
  ...(['variables', 'dimensions'] as const).flatMap((what) => {
    const named = (name: string) => (dataset: Dataset) => {
      first(dataset[what])['name'] = name;
    };
    return [
      [what, named(what === 'variables' ? 't2m' : 'lat'), /it has two (?:variables|dimensions)/u],
      [what, named('a\0b'), /"a\\u0000b" is no text/u],
      [what, named('a\u001bb'), /"a\\u001bb" has control characters/u],
      [what, named('n'.repeat(100_000)), /"n{40}" has more than 4000 bytes/u],
      [what, named('a/../b'), /is no path/u],
      [what, named(''), /is empty/u],
    ] as const;
  }),
  ['within', ({ variables }) => (first(variables)['name'] = 't2m/x'), /"t2m" is a group, too/u],
  ['attribute', ({ attributes }) => attributes.push(attribute('a\0')), /is no text/u],
  [
    'attributes',
    ({ attributes }) => attributes.push(attribute('x'), attribute('x')),
    /two attributes of the file "x"/u,
  ],
  [
    'shape',
    ({ attributes }) =>
      attributes.push({ ...attribute('x'), shape: [0, ...list(32, () => ({})).map(() => 1)] }),
    /more than 32 dimensions/u,
  ],
  [
    'dimensions',
    ({ dimensions }) => {
      const more = list(300_000, (at) => ({ name: `d${at}`, size: 1, unlimited: false }));
      for (const each of more) dimensions.push(each);
    },
    /300002 dimensions, more than 65536/u,
  ],
  [
    'variables',
    ({ variables }) => {
      const one = first(variables);
      for (const each of list(70_000, (at) => ({ ...one, name: `v${at}` }))) variables.push(each);
    },
    /no header|70002 variables/u,
  ],
];

test('names and counts that no file has are told as such, in words', async (t) => {
  const { pool: joined, headers } = await made(t);
  await using _pool = joined;
  for (const [what, change, why] of CHANGES) {
    const header = structuredClone(first(headers));
    change(header['dataset'] as unknown as Dataset);
    assert.throws(
      () => decodeHeader(Buffer.from(JSON.stringify(header)), 'f'),
      (error: AttaccaError) => {
        assert.equal(error.code, 'bad-file-header', what);
        assert.match(error.message, why, what);
        assert.ok(error.message.length < 300);
        return true;
      },
    );
  }
});

test('sizes that NetCDF-3 cannot say, and codecs without an end, end in words', async (t) => {
  const { pool: joined, path, headers } = await made(t);
  await using pool = joined;
  const sizes: readonly (readonly [string, (header: JsonMap) => void, string])[] = [
    [
      '.nc',
      ({ dataset }) => setSizes(dataset, [{ name: 'large', size: 1e15, unlimited: false }]),
      'written',
    ],
    [
      '.nc',
      ({ dataset }) =>
        setSizes(dataset, [
          { name: 'one', size: 1, unlimited: true },
          { name: 'two', size: 2 ** 53 - 1, unlimited: true },
        ]),
      'written',
    ],
    [
      '.zarr',
      (header) => {
        const codecs = list(2_000, () => ({ name: 'gzip', level: 1 }));
        header['layout'] = { arrays: { lat: { codecs } } };
      },
      'bad-file-header',
    ],
  ];
  for (const [extension, change, expected] of sizes) {
    const header = structuredClone(headers[EXTENSIONS.indexOf(extension as '.nc')] as JsonMap);
    if (extension === '.nc') header['layout'] = null;
    change(header);
    assert.equal(await outcome(pool, header, join(path, `to${extension}`)), expected);
  }
});

function setSizes(dataset: Json | undefined, more: readonly JsonMap[]): void {
  (dataset as unknown as Dataset).dimensions.push(...more);
}

test('what would be refused when it is exported is not imported', async (t) => {
  const { pool: joined, path } = await made(t);
  await using pool = joined;
  const dataset = {
    dimensions: [{ name: 'a\nb', size: 2, unlimited: false }],
    attributes: [],
    variables: [],
  };
  await using file = await NETCDF3.create(join(path, 'odd.nc'), dataset, null);
  await file.close();
  await assert.rejects(importFile(pool, join(path, 'odd.nc')), (error: AttaccaError) => {
    assert.equal(error.code, 'bad-name');
    assert.match(error.message, /Cannot import ".*odd.nc": the name of a dimension "a\\nb"/u);
    return true;
  });
});

test('attributes that have no room in a header are told before one is made', () => {
  const bytes = new Uint8Array(60 * 1024 * 1024);
  const attributes = ['a', 'b'].map((name): Attribute => {
    return { name, type: 'uint8', byteOrder: 'little', bytes };
  });
  const dataset = { dimensions: [], attributes, variables: [] };
  const header = { kind: 'dataset', format: 'hdf5', dataset, objects: [], layout: null } as const;
  assert.throws(() => mustBeHeader(header, 'x.h5'), {
    code: 'too-large',
    message: 'Cannot import "x.h5": its names and attributes take 160.0 MiB',
  });
  const less = { ...dataset, attributes: attributes.slice(1) };
  mustBeHeader({ ...header, dataset: less }, 'x.h5');
});

test('a list of messages that is none is refused', async (t) => {
  const { pool: joined, path } = await made(t);
  await using pool = joined;
  await pool.put('m', Buffer.from('no message at all'));
  const grib = (more: JsonMap): JsonMap => ({ version: 1, format: 'grib', ...more });
  const to = join(path, 'to.grib');
  for (const [header, code] of [
    [grib({ kind: 'messages', messages: [{ object: 'm', padding: 2 ** 31 }] }), 'bad-file-header'],
    [grib({ kind: 'messages', messages: [{ object: 7, padding: 0 }] }), 'bad-file-header'],
    [grib({ kind: 'messages', messages: [{ object: 'a\0', padding: 0 }] }), 'bad-name'],
    [grib({ kind: 'messages', messages: [{ object: 'm', padding: 0 }] }), 'bad-space'],
    [grib({ kind: 'fields', coords: ['m'], fields: 'm' }), 'bad-file-header'],
    [grib({ kind: 'fields', coords: [], fields: [null] }), 'bad-file-header'],
    [grib({ kind: 'fields', coords: [], fields: ['m'], original: 7 }), 'bad-file-header'],
    [grib({ kind: 'fields', coords: [], fields: ['m'] }), 'bad-argument'],
    [grib({ kind: 'fields', coords: [], fields: ['m'], original: 'gone' }), 'bad-argument'],
  ] as const) {
    assert.equal(await outcome(pool, header, to), code, JSON.stringify(header));
  }
  assert.deepEqual(readdirSync(path), ['era.nc']);
});

test('bytes that are no header are refused as such', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        assert.throws(() => decodeHeader(bytes, 'f'), { code: 'bad-file-header' });
      },
    ),
  );
});
