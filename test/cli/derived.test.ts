import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { join as joinPool } from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, attaccaPath, filesOf, jsonLines, startProgram } from './command.js';
import { noTerminal } from './terminal.js';

test('get computes with several objects, and writes what comes of it', async (t) => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'm' });
  const space = { dtype: 'float64', shape: [3, 2] } as const;
  await member.put('a', Float64Array.of(1, 2, 3, 4, 5, 6), { space });
  await member.put('x/y=1', Float64Array.of(0, 2, 0, 2, 0, 2), { space });
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  const get = (...words: string[]) => attacca(['get', '--expr', 'a / b', ...words], around);
  const both = ['a', 'b=x/y=1'];
  const got = await get(...both);
  assert.deepEqual([got.code, got.err], [0, '']);
  const expected = Float64Array.of(1 / 0, 1, 1 / 0, 2, 1 / 0, 3);
  assert.ok(got.bytes.equals(Buffer.from(expected.buffer)), 'as IEEE 754 has it');
  const told = await get(...both, '-o', 'out.npy', '--json', '--region', '1:3,:');
  const shape = [2, 2];
  const form = { dtype: 'float64', shape, order: 'row', byteOrder: 'little' } as const;
  assert.deepEqual(jsonLines(told.out), [{ expression: 'a / b', bytes: 32, ...form }]);
  const bytes = await readFile(join(directory, 'out.npy'));
  const values = new Uint8Array(expected.buffer, 16);
  assert.ok(bytes.equals(Buffer.concat([npyHeader(form), values])));
  for (const [words, code, message] of [
    [['a'], 1, /\(bad-expression\)/u],
    [['x/y=1', 'a'], 2, /"x\/y=1" is no variable/u],
    [['a', 'a=b'], 2, /"a" is two objects/u],
    [['a', 'b=a', '-d', '.'], 2, /without --where, -d and --attributes/u],
    [['a', 'b=nothing', '--timeout', '50ms'], 3, /\(deadline-passed\)/u],
  ] as const) {
    const failed = await get(...words);
    assert.equal(failed.code, code, failed.err);
    assert.match(failed.err, message);
  }
});

test('get computes with values of packed numbers, unless it is told not to', async (t) => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'm' });
  const space = { dtype: 'int16', shape: [3] } as const;
  const packing = { scale_factor: 0.5, add_offset: 10, _FillValue: -1 };
  const attributes = { ...packing, units: 'm s-1' };
  await member.put('u', Int16Array.of(2, -1, 4), { space, attributes });
  const swapped = Int16Array.of(2, -1, 4);
  Buffer.from(swapped.buffer).swap16();
  const other = { ...space, byteOrder: 'big' } as const;
  await member.put('v', swapped, { space: other, attributes });
  const directory = await filesOf(t);
  const get = async (...words: string[]): Promise<number[]> => {
    const got = await attacca(['get', ...words], { pool: pool.address, directory });
    assert.deepEqual([got.code, got.err], [0, '']);
    return [...new Float32Array(new Uint8Array(got.bytes).buffer)];
  };
  assert.deepEqual(await get('--expr', 'u + v', 'u', 'v'), [22, Number.NaN, 24]);
  assert.deepEqual(await get('--expr', 'u + v', 'u', 'v', '--packed'), [4, -2, 8]);
  assert.deepEqual(await get('v', '--unpack'), [11, Number.NaN, 12]);
  assert.deepEqual(await get('v', '--unpack', '--region', '1:'), [Number.NaN, 12]);
  const said = await attacca(['get', 'u', '--unpack', '--attributes'], { pool: pool.address });
  assert.deepEqual(jsonLines(said.out)[0]?.['attributes'], { units: 'm s-1' });
  const got = await member.object('v').demand({ unpack: true });
  assert.deepEqual([got.space.dtype, got.space.byteOrder], ['float32', 'little']);
  assert.deepEqual([...(got.array as Float32Array)], [11, Number.NaN, 12]);
  assert.deepEqual({ ...got.attributes }, { units: 'm s-1' });
  await got.dispose();
  const sum = await member.derive({ u: 'u' }, 'u', { unpack: true });
  assert.deepEqual([...(sum.array as Float32Array)], [11, Number.NaN, 12]);
  await member.put('n', BigInt64Array.of(1n), {});
  const exact = member.derive({ n: 'n' }, 'n', { unpack: true });
  await assert.rejects(exact, { code: 'lossy-conversion' });
  for (const words of [
    ['u', '--packed'],
    ['--expr', 'u', 'u', '--packed', '--unpack'],
  ]) {
    const refused = await attacca(['get', ...words], { pool: pool.address });
    assert.equal(refused.code, 2, refused.err);
  }
});

test('on a terminal it is told what is waited for', { skip: noTerminal }, async (t) => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'm' });
  await member.put('a', Float64Array.of(1));
  const directory = await filesOf(t);
  const words = [process.execPath, attaccaPath, 'get', '--expr', 'a + b', 'a', 'b', '-o', 'out'];
  const command = words.map((word) => `'${word}'`).join(' ');
  const around = { pool: pool.address, directory, input: null };
  const running = startProgram('script', ['-qec', command, '/dev/null'], around);
  await running.said(/waiting [^\r]*"b"/u);
  await member.put('b', Float64Array.of(2));
  const { code, out } = await running.ended;
  assert.equal(code, 0, out);
  const bytes = await readFile(join(directory, 'out'));
  assert.deepEqual([...new Float64Array(new Uint8Array(bytes).buffer)], [3]);
});
