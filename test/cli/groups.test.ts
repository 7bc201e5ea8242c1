import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines } from './command.js';

test('shells meet at a barrier, and hear who has come when it is too late', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const one = attacca(['barrier', 'start', '-n', '3', '-q'], around);
  const two = attacca(['barrier', 'start', '-n', '3', '-q', '--member', 'shell'], around);
  for (let told = ''; !/2 of 3 have come: /u.test(told); ) {
    told = (await attacca(['info'], around)).out;
  }
  await member.barrier('start', { members: 3 });
  for (const { code, out, err } of await Promise.all([one, two])) {
    assert.deepEqual([code, out, err], [0, '', '']);
  }
  const late = await attacca(['barrier', 'start', '-n', '3', '--timeout', '1s'], around);
  assert.equal(late.code, 3);
  assert.match(late.err, /2 of 3 did not come within 1000 ms; barrier\[0\] did/u);
  for (const [line, said] of [
    [['barrier'], /it takes one NAME/u],
    [['barrier', 'start'], /say how many meet: -n COUNT/u],
    [['barrier', 'start', '-n', '0'], /-n is a number from 1 to 65536, not "0"/u],
  ] as const) {
    const result = await attacca([...line], around);
    assert.equal(result.code, 2, line.join(' '));
    assert.match(result.err, said);
  }
});

test('wait --ready waits for what an object depends on, too, and explain says what is missing', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  await member.put('plot', new Uint8Array(1), { attributes: { '.depends-on': 't' } });
  assert.equal((await attacca(['wait', 'plot'], around)).code, 0);
  const late = await attacca(['wait', '--ready', 'plot', '--timeout', '1s'], around);
  assert.equal(late.code, 3);
  assert.match(late.err, /"t" is missing: it is not offered; nobody has promised it/u);
  const told = await attacca(['explain', 'plot'], around);
  assert.match(
    told.out,
    /It is not ready: "t" is missing: it is not offered; nobody has promised it\./u,
  );
  const waiting = attacca(['wait', '--ready', 'plot'], around);
  await member.put('t', new Uint8Array(1));
  assert.equal((await waiting).code, 0);
});

test('files are put as one group, and got as one', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'view' });
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await writeFile(joinPath(directory, 't.bin'), 'warm');
  await writeFile(joinPath(directory, 'u.bin'), Buffer.alloc(200_000, 7));
  const getting = attacca(['get', '--group', 'step/24', '-d', 'out', '--json'], around);
  const put = await attacca(
    ['put', '--group', 'step/24', 't=t.bin', 'u=u.bin', '-a', 'step=24'],
    around,
  );
  assert.deepEqual([put.code, put.out, put.err], [0, '', '']);
  const got = await getting;
  assert.deepEqual([got.code, got.err], [0, '']);
  assert.deepEqual(
    jsonLines(got.out).map((line) => [line['name'], line['bytes'], line['attributes']]),
    [
      ['t', 4, { step: 24 }],
      ['u', 200_000, { step: 24 }],
    ],
  );
  assert.equal(await readFile(joinPath(directory, 'out/t'), 'utf8'), 'warm');
  assert.equal((await readFile(joinPath(directory, 'out/u'))).length, 200_000);
  // One of them is there already: nothing of the second is offered.
  const again = await attacca(['put', '--group', 'other', 'v=t.bin', 'u=u.bin'], around);
  assert.equal(again.code, 1);
  assert.match(again.err, /Cannot offer "u": version 1 is offered/u);
  assert.equal((await member.stat('t'))['state'], 'offered');
  assert.equal((await attacca(['stat', 'v'], around)).code, 1);
  assert.equal((await attacca(['withdraw', 'step/24'], around)).code, 0);
  assert.equal((await attacca(['stat', 'u'], around)).code, 1);
  for (const line of [
    ['put', '--group', 'g', '--name', 'x', 't.bin'],
    ['get', '--group', 'g'],
    ['get', '--group', 'g', 'x', '-d', 'out'],
  ]) {
    assert.equal((await attacca(line, around)).code, 2, line.join(' '));
  }
});

test('put --group --durability fsync: all of it is in the store when it returns', async (t) => {
  const directory = await filesOf(t);
  const [data, store] = ['data', 'store'].map((name) => joinPath(directory, name));
  await using pool = await testPool({ data, store, name: 'run' });
  const around = { pool: pool.address, directory };
  for (const name of ['t', 'u']) {
    await writeFile(joinPath(directory, `${name}.bin`), Buffer.alloc(200_000, name));
  }
  const line = ['put', '--group', 'step/24', 't=t.bin', 'u=u.bin', '--durability', 'fsync'];
  const put = await attacca(line, around);
  assert.deepEqual([put.code, put.out, put.err], [0, '', '']);
  const listed = await attacca(['ls', '--store', 'store'], around);
  assert.deepEqual([listed.code, listed.out], [0, 't\nu\n']);
  for (const name of ['t', 'step/24']) {
    const stat = jsonLines((await attacca(['stat', name, '--json'], around)).out);
    assert.equal(stat[0]?.['durability'], 'fsync', name);
  }
  await using plain = await testPool();
  const refused = await attacca(line, { pool: plain.address, directory });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /Cannot offer "\S+" that durably: this pool has no journal/u);
});
