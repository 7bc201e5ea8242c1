import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { join as joinPool } from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines } from './command.js';

const ROWS = 64;
const COLUMNS = 600;
const values = Float64Array.from({ length: ROWS * COLUMNS }, (_, at) => at / 7);

/** An .npy file of columns of the array, in either order. */
function columnsOf(first: number, count: number, order: 'row' | 'column'): Buffer {
  const elements = new Float64Array(ROWS * count);
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < count; column++) {
      const at = order === 'row' ? row * count + column : column * ROWS + row;
      elements[at] = values[row * COLUMNS + first + column] as number;
    }
  }
  const shape = [ROWS, count];
  const header = npyHeader({ dtype: 'float64', shape, order, byteOrder: 'little' });
  return Buffer.concat([header, Buffer.from(elements.buffer)]);
}

for (const shm of [true, false]) {
  test(`processes put one array, a region each (${shm ? 'shared memory' : 'socket'})`, async (t) => {
    await using pool = await testPool({ shm });
    const directory = await filesOf(t);
    const around = { pool: pool.address, directory };
    // Of the first what fits a message, of the others what takes a slab.
    const cuts = [0, 10, 210, 400, 600];
    const files = cuts.slice(1).map((end, at) => ({ first: cuts[at] as number, end }));
    for (const { first, end } of files) {
      await writeFile(join(directory, `${first}.npy`), columnsOf(first, end - first, 'row'));
    }
    const whole = ['--of-shape', `${ROWS}x${COLUMNS}`];
    const put = async ({ first, end }: (typeof files)[number]) => {
      const region = `:,${first}:${end}`;
      return await attacca(['put', `all=${first}.npy`, '--region', region, ...whole], around);
    };
    for (const result of await Promise.all(files.slice(1).map(put))) {
      assert.deepEqual([result.code, result.out, result.err], [0, '', '']);
    }
    const [stat] = jsonLines((await attacca(['stat', 'all', '--json'], around)).out);
    assert.deepEqual([stat?.['state'], stat?.['parts'], stat?.['missing']], ['partial', 3, 640]);
    // Each part is measured by itself, in its turn.
    let shown = '';
    while (!/^ {2}values .* of 3 parts so far$/mu.test(shown)) {
      shown = (await attacca(['stat', 'all'], around)).out;
    }
    assert.match(shown, /^ {2}part {8}:,210:400 {2}-?[\d.]+ to [\d.]+, mean [-\d.]+ \(.+\)$/mu);
    const told = await attacca(['explain', 'all'], around);
    assert.match(told.out, /It has 3 parts, and lacks 640 elements: :,0:10\.$/mu);
    const getting = attacca(['get', 'all', '--timeout', '20s'], around);
    assert.equal((await put({ first: 0, end: 10 })).code, 0);
    const got = await getting;
    assert.ok(got.bytes.equals(Buffer.from(values.buffer)), got.err);
    const again = await put({ first: 0, end: 10 });
    assert.match(again.err, /\(part-overlap\)$/mu);
  });
}

test('what does not fit the others is refused, and theirs stays as it is', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(join(directory, 'left.npy'), columnsOf(0, 1, 'row'));
  await writeFile(join(directory, 'column.npy'), columnsOf(1, 2, 'column'));
  await writeFile(join(directory, 'raw'), Buffer.from(new Float32Array(2 * ROWS).buffer));
  const put = (region: string, ...words: string[]) =>
    attacca(['put', '--region', region, '--of-shape', `${ROWS}x3`, ...words], around);
  assert.equal((await put(':,0', 'a=left.npy', '-a', 'level=850')).code, 0);
  for (const [words, message] of [
    [['a=column.npy'], /order is row, not column/u],
    [['a=raw', '--dtype', 'float32'], /dtype is float64, not float32/u],
    [['a=raw'], /holds 512 bytes, the region ":,1:3" is 64 x 2 of uint8, 128 bytes/u],
    [['a=left.npy'], /an array of 64 x 1, the region ":,1:3" is 64 x 2 of float64, 1,024 bytes/u],
    [['a=raw', '--dtype', 'int64', '-a', 'level=500'], /\(size-mismatch\)/u],
  ] as const) {
    const { code, err } = await put(':,1:3', ...words);
    assert.deepEqual([code, message.test(err)], [1, true], err);
  }
  // A dimension of one index may be left out, and standard input has a region, too.
  const input = columnsOf(1, 1, 'row').subarray(-8 * ROWS);
  const words = ['put', '--name', 'a', '-', '--dtype', 'float64', '--region', ':,1'];
  const piped = await attacca([...words, '--of-shape', `${ROWS}x3`], { ...around, input });
  assert.deepEqual([piped.code, piped.err], [0, '']);
  const got = await attacca(['get', 'a', '--region', ':,1'], around);
  assert.ok(got.bytes.equals(input), got.err);
  const [stat] = jsonLines((await attacca(['stat', 'a', '--json'], around)).out);
  assert.deepEqual([stat?.['missing'], stat?.['attributes']], [ROWS, { level: 850 }]);
});

test('what is offered encoded is got decoded: all of it, a region, its space', async () => {
  for (const shm of [true, false]) {
    await using pool = await testPool({ shm });
    await using member = await joinPool({ address: pool.address, member: 'writer' });
    const space = { dtype: 'float64', shape: [ROWS, COLUMNS] } as const;
    for (const codec of ['gzip', 'zstd', 'lz4', 'blosc'] as const) {
      const encoding = [
        { kind: 'shuffle', itemSize: 8 },
        { kind: 'compress', codec },
      ] as const;
      await member.put(codec, values, { space, encoding });
      const all = await attacca(['get', codec], { pool: pool.address });
      assert.ok(all.bytes.equals(Buffer.from(values.buffer)), `${codec}: ${all.err}`);
      const cut = await attacca(['get', codec, '--region', '1:2,:'], { pool: pool.address });
      const row = values.slice(COLUMNS, 2 * COLUMNS);
      assert.ok(cut.bytes.equals(Buffer.from(row.buffer)), `${codec}: ${cut.err}`);
      const beyond = await attacca(['get', codec, '--region', '64,:'], { pool: pool.address });
      assert.match(beyond.err, /dimension 0 goes from 0 to 63.*\(bad-region\)$/mu);
      const told = await attacca(['get', codec, '--attributes'], { pool: pool.address });
      assert.deepEqual(jsonLines(told.out)[0]?.['shape'], [ROWS, COLUMNS]);
    }
  }
});

test('a region is written as numpy does: up to the end, from it, with fewer axes', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(
    join(directory, 'a.bin'),
    Uint8Array.from({ length: 24 }, (_, at) => at),
  );
  const put = (...words: string[]) => attacca(['put', 'x=a.bin', ...words], around);
  const whole = ['--of-shape', '8x6'];
  const crossed = await put('--region', '6:2,:', ...whole);
  assert.deepEqual([crossed.code, crossed.out], [1, '']);
  assert.match(crossed.err, /the end 2 lies before the start 6 \(bad-region\)$/mu);
  // Of one that is not there yet.
  const early = attacca(['get', 'x', '--region', '-1,-2:', '--timeout', '20s'], around);
  assert.equal((await put('--region', '4:', ...whole)).code, 0);
  assert.deepEqual([...(await early).bytes], [22, 23]);
  for (const [region, expected] of [
    ['6:', [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]],
    ['-4::2,::5', [0, 5, 12, 17]],
    ['...,-1', null],
    ['5', [6, 7, 8, 9, 10, 11]],
    ['-1,...,:2', [18, 19]],
    ['-3:-2,', [6, 7, 8, 9, 10, 11]],
    ['[-2,-1],0', [12, 18]],
  ] as const) {
    const got = await attacca(['get', 'x', '--region', region, '--timeout', '300ms'], around);
    assert.equal(got.code, expected === null ? 3 : 0, `${region}: ${got.err}`);
    if (expected !== null) assert.deepEqual([...got.bytes], expected, region);
  }
  for (const region of ['1:2:3:4', 'a', '::-1']) {
    const refused = await attacca(['get', 'x', '--region', region], around);
    assert.equal(refused.code, 2, region);
    assert.match(refused.err, /is no axis: write FIRST:END/u);
  }
});

test('put --region --durability fsync: the part is in the store when it returns', async (t) => {
  const directory = await filesOf(t);
  const [data, store] = ['data', 'store'].map((name) => join(directory, name));
  await using pool = await testPool({ data, store, name: 'run' });
  const around = { pool: pool.address, directory };
  await writeFile(join(directory, 'left.npy'), columnsOf(0, 200, 'row'));
  const put = await attacca(
    ['put', 'a=left.npy', '--region', ':,:200', '--of-shape', '64x600', '--durability', 'fsync'],
    around,
  );
  assert.deepEqual([put.code, put.err], [0, '']);
  const listed = await attacca(['ls', '--store', 'store', '--json'], around);
  const [part, ...others] = jsonLines(listed.out);
  assert.deepEqual(others, []);
  assert.deepEqual(part?.['attributes'], { '.of-shape': [64, 600], '.region': ':,0:200' });
  assert.deepEqual(part?.['shape'], [64, 200]);
  const file = ['get', '--store', 'store', String(part?.['name']), '-o', 'part.npy'];
  assert.equal((await attacca(file, around)).code, 0);
});
