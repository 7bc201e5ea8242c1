import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { writeEra } from '../files/era.js';
import { attacca, filesOf, jsonLines, shell, startAttacca } from './command.js';

const skip = process.platform === 'linux' ? false : 'needs inotify of Linux';

async function place(t: TestContext, address: string) {
  const directory = await filesOf(t);
  await mkdir(joinPath(directory, 'out'));
  return { pool: address, directory };
}

test('a program that writes files joins unchanged, and its consumers are told its end', {
  skip,
}, async (t) => {
  await using pool = await testPool();
  const around = await place(t, pool.address);
  const watching = startAttacca(['watch', 'out', '--promise', 'step*', '--json'], around);
  const [said] = await once(watching.process.stderr ?? watching.process, 'data');
  assert.equal(String(said), 'attacca watch: watches out\n');
  const getting = attacca(['get', 'step2', '--timeout', '1m'], around);
  const never = attacca(['get', 'step9', '--timeout', '1m', '-o', 'x'], around);
  const script = 'for i in 1 2; do echo $i > out/t.tmp; mv out/t.tmp out/step$i; done';
  assert.equal((await shell(script, around).ended).code, 0);
  assert.equal((await getting).out, '2\n');
  await using member = await join({ address: pool.address, member: 'm' });
  while (JSON.stringify(await member.explain()).includes('step9') === false) {
    await member.info();
  }
  watching.process.kill('SIGTERM');
  const ended = await watching.ended;
  assert.equal(ended.signal, 'SIGTERM');
  // Several are read at a time: which is offered first is not said.
  const told = jsonLines(ended.out).map(({ path, bytes, state }) => `${path} ${bytes} ${state}`);
  assert.deepEqual(told.sort(), ['step1 2 offered', 'step2 2 offered']);
  const failed = await never;
  assert.equal(failed.code, 3);
  assert.match(failed.err, /nobody-will-offer/u);
});

test('files are imported, of those that a glob says, and again when they are written again', {
  skip,
}, async (t) => {
  await using pool = await testPool();
  const around = await place(t, pool.address);
  const era = joinPath(around.directory, 'out/era.nc');
  await writeEra(era);
  await cp(era, joinPath(around.directory, 'out/era.txt'));
  const line = ['watch', 'out', '--import', '-g', '*.nc', '--from', 'start', '--count', '1', '-q'];
  const first = await attacca([...line, '--name', 'run/{stem}'], around);
  assert.deepEqual([first.code, first.err], [0, '']);
  const names = first.out.trim().split('\n');
  assert.ok(names.length > 1 && names.every((name) => name.startsWith('run/era')));
  const found = await attacca(['query', 'file.size > 0', '--count'], around);
  assert.ok(Number(found.out) >= names.length);
  for (const [wrong, said] of [
    [['watch'], /it takes one DIR/u],
    [['watch', 'out', '--from', 'then'], /--from is now or start/u],
    [['watch', 'out', '-n', '0'], /"--count" needs a whole number/u],
  ] as const) {
    const { code, err } = await attacca([...wrong], around);
    assert.equal(code, 2);
    assert.match(err, said);
  }
  const wrong = await attacca(['watch', 'out', '--name', 'x/{steem}'], around);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /there is no \{steem\}; did you mean \{stem\}\?/u);
  const none = await attacca(['watch', 'none'], around);
  assert.equal(none.code, 1);
  assert.match(none.err, /it is no directory/u);
});

test('killed and started again: every file is there, and none is offered twice', {
  skip,
}, async (t) => {
  await using pool = await testPool();
  const around = await place(t, pool.address);
  const count = 120;
  const line = ['watch', 'out', '--from', 'start', '--json', '-q'];
  for (let index = 0; index < count; index++) {
    await writeFile(joinPath(around.directory, `out/f${index}`), String(index));
  }
  for (const lines of [5, 20]) {
    const killed = startAttacca(line, around);
    await killed.said(new RegExp(`^(?:.*\\n){${lines}}`, 'u'));
    killed.process.kill('SIGKILL');
    await killed.ended;
  }
  const last = startAttacca(line, around);
  await last.said(new RegExp(`^(?:.*\\n){${count}}`, 'u'));
  last.process.kill('SIGTERM');
  const states = jsonLines((await last.ended).out).map(({ state }) => state);
  assert.equal(states.length, count);
  assert.ok(!states.includes('failed') && states.includes('unchanged'));
  await using member = await join({ address: pool.address, member: 'm' });
  let seen = 0;
  for await (const found of member.list('f*', { detail: true })) {
    assert.equal(found['version'], 1, String(found['name']));
    seen++;
  }
  assert.equal(seen, count);
});

test('a file whose name is no UTF-8 is told, live and from the start, and fails the command', {
  skip,
}, async (t) => {
  await using pool = await testPool();
  const around = await place(t, pool.address);
  const out = Buffer.from(joinPath(around.directory, 'out/bad'));
  const bad = Buffer.concat([out, Buffer.from([0xff, 0xfe])]);
  const good = joinPath(around.directory, 'out/good');
  const live = startAttacca(['watch', 'out', '--json', '-n', '1'], around);
  await once(live.process.stderr ?? live.process, 'data');
  await writeFile(bad, 'x');
  await writeFile(good, 'x');
  const start = ['watch', 'out', '--json', '--from', 'start', '-n', '1'];
  const ended = await live.ended;
  await writeFile(good, 'xy');
  for (const { code, out: told, err } of [ended, await attacca(start, around)]) {
    assert.equal(code, 1);
    const states = jsonLines(told).map(({ path, state }) => [path, state]);
    assert.deepEqual(states.sort(), [
      ['bad\ufffd\ufffd', 'failed'],
      ['good', 'offered'],
    ]);
    assert.match(err, /its name is no UTF-8/u);
  }
});
