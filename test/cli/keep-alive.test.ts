import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, jsonLines, startAttacca } from './command.js';

test('keep-alive keeps an object whose provider has gone, until the other is there', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  const provider = await join({ address: pool.address, member: 'provider' });
  const field = provider.object('old', { space: { dtype: 'uint8', shape: [3] } });
  field.array.set([104, 105, 10]);
  await field.offer();
  const line = ['keep-alive', 'old', '--until', 'new', '--json', '--timeout', '1m'];
  const keeping = startAttacca(line, around);
  await keeping.said(/"held":true/u);
  await provider.leave();
  await using other = await join({ address: pool.address, member: 'other' });
  assert.equal((await other.stat('old'))['requires'], 1);
  await other.put('new', new Uint8Array(1));
  const ended = await keeping.ended;
  assert.deepEqual([ended.code, ended.err], [0, '']);
  assert.deepEqual(jsonLines(ended.out), [
    { name: 'old', version: 1, held: true },
    { name: 'new', version: 1, until: true },
  ]);
});

test('keep-alive says what is not there, and that it never came', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  await using model = await join({ address: pool.address, member: 'model' });
  await model.promise('next');
  await model.put('old', new Uint8Array(1));
  const keeping = startAttacca(['keep-alive', 'old', 'odl', '--until', 'next'], around);
  await keeping.complained(/keeps "old"/u);
  // It requires it, and waits for it: explain and stop tell that once.
  const explained = await attacca(['explain', 'odl'], around);
  assert.deepEqual(explained.out.match(/keep-alive\[0\] \w+/gu), ['keep-alive[0] waits']);
  const stop = await attacca(['stop'], around);
  assert.equal(stop.err.match(/"odl" is required/gu)?.length, 1);
  assert.match(stop.err, /3 objects are still required/u);
  await model.put('next', new Uint8Array(1));
  const { code, err } = await keeping.ended;
  assert.equal(code, 0);
  assert.deepEqual(err.split('\n'), [
    'attacca keep-alive: "odl" is kept when it comes: nobody has offered or promised it',
    'attacca keep-alive: waits for "next": model promised it, and has not offered it',
    'attacca keep-alive: keeps "old" version 1',
    'attacca keep-alive: "odl" never came: it was not kept',
    '',
  ]);
  const json = await attacca(['keep-alive', 'odl', '--until', 'old', '--json'], around);
  assert.deepEqual(jsonLines(json.out), [
    { name: 'odl', held: false },
    { name: 'old', version: 1, until: true },
  ]);
});

test('keep-alive says who did not offer what would end it, and ends by Ctrl-C', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  await using model = await join({ address: pool.address, member: 'model' });
  await model.put('old', new Uint8Array(1));
  await (await model.promise('new')).close();
  const told = await attacca(['keep-alive', 'old', '--until', 'new'], around);
  assert.equal(told.code, 3);
  assert.match(told.err, /"new".*model.*\(nobody-will-offer\)/u);
  const line = ['keep-alive', 'old', '--until', 'new', '--when-nobody', 'wait', '--json'];
  const waiting = startAttacca(line, around);
  await waiting.said(/held/u);
  waiting.process.kill('SIGINT');
  const ended = await waiting.ended;
  assert.equal(ended.signal ?? ended.code, 'SIGINT');
  assert.equal((await model.stat('old'))['requires'], 0);
  for (const [wrong, said] of [
    [['keep-alive'], /it needs the NAME/u],
    [['keep-alive', 'old'], /it needs "--until NAME"/u],
    [['keep-alive', 'old', '--until', 'new', '--when-nobody', 'x'], /is fail or wait/u],
  ] as const) {
    const { code, err } = await attacca([...wrong], around);
    assert.equal(code, 2);
    assert.match(err, said);
  }
});
