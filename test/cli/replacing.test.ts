// Imports of one name by several processes: one replaces all of it, the others change nothing.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Pool } from '../../src/client/pool.js';
import { NETCDF3 } from '../../src/files/netcdf3.js';
import { ZARR } from '../../src/files/zarr.js';
import type { Dataset } from '../../src/formats/dataset.js';
import { joinApart, servePool } from '../client/support/pools.js';
import { attacca, filesOf, startAttacca } from './command.js';

const MiB = 1024 * 1024;
const NAMES = ['a', 'large', 'z'] as const;

/** Writes a file all of whose bytes are `value`. */
async function write(path: string, value: number, large = MiB): Promise<void> {
  const sizes = [8, large, 8];
  const dataset: Dataset = {
    dimensions: sizes.map((size, at) => ({ name: `d${at}`, size, unlimited: false })),
    attributes: [],
    variables: NAMES.map((name, at) => {
      return { name, type: 'int8', byteOrder: 'big', dimensions: [at], attributes: [] };
    }),
  };
  const format = path.endsWith('.nc') ? NETCDF3 : ZARR;
  await using file = await format.create(path, format.fit(dataset), null);
  for (const [at, size] of sizes.entries()) {
    await file.writeRows(at, 0, new Uint8Array(size).fill(value));
  }
  await file.close();
}

/** The value that all of the objects have. */
async function valueIn(pool: Pool): Promise<number> {
  assert.equal((await pool.stat('store'))['state'], 'offered');
  const values = new Set<number>();
  for (const name of NAMES) {
    await using got = await pool.object(`store/${name}`).demand({ timeoutMs: 5_000 });
    for (const each of got.bytes) values.add(each);
  }
  assert.equal(values.size, 1, [...values].join());
  return [...values][0] ?? 0;
}

async function isThere(pool: Pool, name: string): Promise<boolean> {
  for await (const _ of pool.list(name)) return true;
  return false;
}

async function rounds(t: TestContext, extension: string, how: string): Promise<void> {
  const server = await servePool(t);
  await using pool = await joinApart(server, 'looker', { transport: 'socket' });
  const directory = await filesOf(t);
  const files = [1, 2].map((value) => ({ value, file: `${value}.${extension}` }));
  for (const { value, file } of files) await write(join(directory, file), value);
  for (let round = 0; round < 15; round++) {
    const before = round === 0 ? null : await valueIn(pool);
    const results = await Promise.all(
      files.map(({ file }) =>
        attacca(['import', file, '-n', 'store', how], { pool: server.address, directory }),
      ),
    );
    for (const { code, err } of results.filter((each) => each.code !== 0)) {
      assert.equal(code, 1);
      assert.match(err, /"store" is being imported by import\[\d\] \(already-offered\)/u);
    }
    const won = files.filter((_, at) => results[at]?.code === 0).map(({ value }) => value);
    assert.ok(won.length > 0, `round ${round}, ${before} before: nobody won`);
    assert.ok(won.includes(await valueIn(pool)), `round ${round}: ${won}`);
  }
}

for (const extension of ['zarr', 'nc']) {
  for (const how of ['--replace', '--replace-first']) {
    test(`two imports at once, .${extension}, ${how}: one wins all`, async (t) => {
      await rounds(t, extension, how);
    });
  }
}

test('an import that is killed holds nothing', async (t) => {
  const server = await servePool(t, { memoryBytes: 32 * MiB });
  await using pool = await joinApart(server, 'looker', { transport: 'socket' });
  const directory = await filesOf(t);
  for (const value of [1, 2]) await write(join(directory, `${value}.nc`), value, value * 8 * MiB);
  const around = { pool: server.address, directory };
  assert.equal((await attacca(['import', '1.nc', '-n', 'store'], around)).code, 0);
  await pool.put('block', new Uint8Array(12 * MiB));
  // It waits for memory.
  const killed = startAttacca(['import', '2.nc', '-n', 'store', '--replace'], around);
  await pool.wait('store/.importing', { timeoutMs: 30_000 });
  const refused = await attacca(['import', '1.nc', '-n', 'store', '--replace'], around);
  assert.match(refused.err, /"store" is being imported by import\[0\]/u);
  killed.process.kill('SIGKILL');
  await killed.ended;
  while (await isThere(pool, 'store/.importing')) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(await valueIn(pool), 1);
  await pool.unkeep('block');
  const again = await attacca(['import', '2.nc', '-n', 'store', '--replace'], around);
  assert.equal(again.code, 0, again.err);
  assert.equal(await valueIn(pool), 2);
});
