// What an export asks of a pool, and what it leaves when it fails.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { exportFile } from '../../src/files/export.js';
import { importFile } from '../../src/files/import.js';
import { codeOf, joinApart, servePool, TRANSPORTS } from '../client/support/pools.js';
import { writeEra } from './era.js';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'attacca-export-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** The same pool, which tells whose elements are demanded. */
function told(pool: Pool, demanded: string[]): Pool {
  return new Proxy(pool, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== 'function') return value;
      return (...given: readonly unknown[]): unknown => {
        if (key === 'object') demanded.push(String(given[0]));
        return value.apply(target, given);
      };
    },
  });
}

for (const transport of TRANSPORTS) {
  test(`elements are demanded once, and given back, ${transport}`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport });
    const path = folder(t);
    await writeEra(join(path, 'era.nc'));
    await importFile(pool, join(path, 'era.nc'));
    const space = { dtype: 'int16', shape: [2, 3], order: 'column' } as const;
    await pool.put('f', new Int16Array(6), { space });
    const both = ['era/lat', 'era/t2m'];
    for (const [names, to, expected] of [
      [['era'], 'a.nc', ['era', ...both]],
      // Big-endian ones are turned on the way.
      [['era'], 'a.zarr', ['era', ...both]],
      [both, 'b.nc', both],
      [both, 'b.h5', both],
      [['f'], 'f.zarr', ['f']],
      [['f'], 'f.npy', ['f']],
    ] as const) {
      const demanded: string[] = [];
      await exportFile(told(pool, demanded), names, join(path, to));
      assert.deepEqual(demanded, expected, to);
    }
    for (const name of ['era', 'f', ...both]) {
      assert.equal((await pool.stat(name))['readers'], 0, name);
    }
  });
}

test('what is kept encoded is written as it was offered', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = folder(t);
  const values = Float32Array.of(1, 2, 3, 4, 5, 6);
  const space = { dtype: 'float32', shape: [2, 3] } as const;
  const encoding = [{ kind: 'compress', codec: 'gzip' }] as const;
  await pool.put('e', values, { space, encoding, attributes: { units: 'K' } });
  await exportFile(pool, ['e'], join(path, 'e.nc'));
  await importFile(pool, join(path, 'e.nc'), { name: 'back' });
  await using back = await pool.object('back/e').demand({ byteOrder: 'little' });
  assert.deepEqual([...(back.array as Float32Array)], [...values]);
  assert.deepEqual(back.space.shape, [2, 3]);
  assert.equal(back.attributes['units'], 'K');
  assert.equal(back.attributes['attacca.encoding'], undefined);
});

test('many objects of one last part have the whole of their names', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = folder(t);
  for (const name of ['a/t', 'b/t', 'b/u']) await pool.put(name, Uint8Array.of(1));
  await exportFile(pool, ['a/t', 'b/t', 'b/u'], join(path, 'x.nc'));
  const { objects } = await importFile(pool, join(path, 'x.nc'), { name: 'x' });
  assert.deepEqual(
    objects.map(({ name }) => name),
    ['x/a_t', 'x/b_t', 'x/u'],
  );
});

for (const extension of ['.nc', '.h5', '.zarr'] as const) {
  test(`an export that fails when it has begun leaves nothing, ${extension}`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
    const path = folder(t);
    await writeEra(join(path, 'era.nc'));
    await importFile(pool, join(path, 'era.nc'));
    await pool.unkeep('era/t2m');
    await pool.put('era/t2m', new Int16Array(7));
    const to = join(path, `to${extension}`);
    assert.equal(await codeOf(exportFile(pool, ['era'], to)), 'bad-space');
    assert.deepEqual(readdirSync(path), ['era.nc']);
    // What was there before is there still.
    await exportFile(pool, ['era/lat'], to);
    const before = readdirSync(path, { recursive: true });
    assert.equal(await codeOf(exportFile(pool, ['era'], to)), 'bad-space');
    assert.deepEqual(readdirSync(path, { recursive: true }), before);
  });
}

test('coordinates come along: of the file, or those that an object names', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = folder(t);
  await writeEra(join(path, 'era.nc'));
  await importFile(pool, join(path, 'era.nc'));
  await pool.put('rows', Float64Array.of(7, 8));
  const attributes = { dims: ['row', 'lat'], coords: { row: 'rows', lat: 'era/lat' } };
  const space = { dtype: 'int8', shape: [2, 3] } as const;
  await pool.put('own', new Int8Array(6), { space, attributes });
  const exported = async (names: readonly string[], to: string, more = {}) =>
    (await exportFile(pool, names, join(path, to), more)).objects;
  assert.deepEqual(await exported(['era/t2m'], 'a.nc'), ['era/t2m', 'era/lat']);
  assert.deepEqual(await exported(['own', 'era/t2m'], 'b.h5'), [
    ...['own', 'era/t2m'],
    ...['rows', 'era/lat'],
  ]);
  // Those that are named are there once, and one array has no room for others.
  assert.deepEqual(await exported(['era/lat', 'own'], 'c.nc'), ['era/lat', 'own', 'rows']);
  assert.deepEqual(await exported(['era/t2m'], 'd.npy'), ['era/t2m']);
  assert.deepEqual(await exported(['era/t2m'], 'e.nc', { coords: false }), ['era/t2m']);
  await importFile(pool, join(path, 'b.h5'), { name: 'b' });
  const { attributes: told, space: found } = await pool.wait('b/row');
  assert.deepEqual([told['dims'], found.dtype, found.shape], [['row'], 'float64', [2]]);
  assert.equal((await pool.wait('b/lat')).attributes['units'], 'degrees_north');
});

test('objects along one dimension have the same coordinates, or are no one file', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = folder(t);
  for (const [name, last] of [
    ['a', 3],
    ['b', 3],
    ['c', 4],
  ] as const) {
    await pool.put(`${name}/x`, Int32Array.of(1, 2, last));
    const attributes = { dims: ['x'], '.part-of': name };
    await pool.put(name, new Uint8Array(0));
    await pool.put(`${name}/t${name}`, new Int8Array(3), { attributes });
  }
  const to = join(path, 'to.nc');
  const { objects } = await exportFile(pool, ['a/ta', 'b/tb'], to);
  assert.deepEqual(objects, ['a/ta', 'b/tb', 'a/x']);
  const failed = exportFile(pool, ['a/ta', 'c/tc'], join(path, 'no.nc'));
  await assert.rejects(failed, {
    code: 'bad-space',
    message: 'Cannot export into one file: along "x" the coordinates "a/x" and "c/x" differ',
  });
  await exportFile(pool, ['a/ta', 'c/tc'], to, { coords: false });
  assert.deepEqual(readdirSync(path), ['to.nc']);
});

for (const extension of ['.nc', '.h5', '.zarr'] as const) {
  test(`it is told how much is written, of how much, ${extension}`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
    const to = join(folder(t), `a${extension}`);
    const [large, small] = [new Uint8Array(20 * 1024 * 1024), new Float64Array(3)];
    await pool.put('large', large);
    await pool.put('small', small);
    const heard: [number, number][] = [];
    const onBytes = (bytes: number, expected: number): void => {
      heard.push([bytes, expected]);
    };
    await exportFile(pool, ['large', 'small'], to, { onBytes });
    const all = large.byteLength + small.byteLength;
    assert.deepEqual(heard[0], [0, all]);
    assert.ok(heard.length > 3 && heard.every(([, expected]) => expected === all));
    assert.equal(
      heard.reduce((sum, [bytes]) => sum + bytes, 0),
      all,
    );
  });
}

for (const extension of ['.h5', '.zarr', '.npy'] as const) {
  test(`an export that is ended within a write leaves no draft, ${extension}`, async (t) => {
    await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
    const path = folder(t);
    // One piece: behind it there is nothing more to be asked whether to go on.
    await pool.put('a', new Uint8Array(7 * 1024 * 1024).fill(1));
    const ending = new AbortController();
    let waited = false;
    const onBytes = (bytes: number): void => {
      // The elements are demanded next, and then written.
      if (bytes === 0) waited = true;
    };
    const onWaiting = (name: string | null): void => {
      if (waited && name === null) setImmediate(() => ending.abort());
    };
    const { signal } = ending;
    const ended = exportFile(pool, ['a'], join(path, `a${extension}`), {
      signal,
      onBytes,
      onWaiting,
    });
    assert.equal(await codeOf(ended), 'aborted');
    assert.deepEqual(readdirSync(path), []);
  });
}

test('messages of which one is none leave nothing', async (t) => {
  await using pool = await joinApart(await servePool(t), 'files', { transport: 'shared-memory' });
  const path = folder(t);
  await pool.put('m', Buffer.from('GRIB no message 7777'));
  await pool.put('n', Uint8Array.of(1, 2, 3, 4));
  const to = join(path, 'to.grib');
  assert.equal(await codeOf(exportFile(pool, ['m', 'n'], to)), 'bad-space');
  assert.deepEqual(readdirSync(path), []);
  await exportFile(pool, ['m'], to);
  assert.equal(readFileSync(to).length, 20);
});
