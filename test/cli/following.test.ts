import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join, type Pool } from '../../src/client/index.js';
import { Float, type Value } from '../../src/core/value.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, startAttacca } from './command.js';

/** Offers what only who has required it can have. */
async function pass(pool: Pool, name: string, value: number): Promise<void> {
  const space = { dtype: 'uint8', shape: [3] } as const;
  const object = pool.object(name, { attributes: { step: value }, space });
  object.array.fill(value);
  await object.offer();
  await object.withdraw();
}

async function pinned(pool: Pool): Promise<number> {
  const { events } = await pool.info();
  return (events as { readonly pinned: number }).pinned;
}

const ALL = ['get', '--all', 'has step', '--follow', '-d', 'out'];

test('all that comes is written, until all that was promised has come', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const promise = await model.promise('f/*');
  await model.put('f/0', Uint8Array.of(0, 0, 0), { attributes: { step: 0 } });
  await model.put('other', Uint8Array.of(9));
  const command = startAttacca([...ALL, '--complete', '--json'], around);
  await command.said(/"f\/0"/u);
  for (let step = 1; step < 9; step++) await pass(model, `f/${step}`, step);
  await pass(model, 'f/3', 33);
  await promise.close();
  const { code, out, err } = await command.ended;
  assert.deepEqual([code, err], [0, '']);
  const names = jsonLines(out).map((line) => line['name']);
  assert.deepEqual(names, [...Array.from({ length: 9 }, (_, step) => `f/${step}`), 'f/3']);
  const directory = joinPath(around.directory, 'out/f');
  assert.deepEqual((await readdir(directory)).sort(), [...'012345678']);
  assert.deepEqual([...(await readFile(joinPath(directory, '3')))], [33, 33, 33]);
});

test('a group goes on where a command was killed or interrupted, until it is ended', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const asked = [...ALL, '--share', 'archive', '--json'];
  const killed = startAttacca(asked, around);
  await model.put('f/0', Uint8Array.of(0), { attributes: { step: 0 } });
  await killed.said(/"f\/0"/u);
  killed.process.kill('SIGKILL');
  await killed.ended;
  await pass(model, 'f/1', 1);
  const interrupted = startAttacca(asked, around);
  await interrupted.said(/"f\/1"/u);
  interrupted.process.kill('SIGINT');
  assert.equal((await interrupted.ended).signal, 'SIGINT');
  await pass(model, 'f/2', 2);
  const last = await attacca([...asked, '-n', '1'], around);
  assert.deepEqual(
    jsonLines(last.out).map((line) => line['name']),
    ['f/2'],
  );
  await pass(model, 'f/3', 3);
  assert.equal(await pinned(model), 1);
  const forgotten = await attacca([...asked, '--forget'], around);
  assert.deepEqual([forgotten.code, forgotten.out, forgotten.err], [0, '', '']);
  assert.equal(await pinned(model), 0);
});

test('what can be no file is told once, and the others are written; a restart has none of it', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const asked = [...ALL, '--share', 'archive'];
  // The first one ends behind its snapshot: the group is there.
  const first = startAttacca([...asked, '--json', '-n', '1'], around);
  await model.put('f', Uint8Array.of(0), { attributes: { step: 0 } });
  assert.equal((await first.ended).code, 0);
  const names = ['n'.repeat(300), 'f/below', '../out', 'g'];
  for (const [step, name] of names.entries()) await pass(model, name, step);
  const { code, err } = await attacca([...asked, '-n', '1', '-q'], around);
  assert.equal(code, 1);
  const told = err.trimEnd().split('\n');
  assert.equal(told.length, 3, err);
  assert.match(told[0] ?? '', /its name is too long \(file-error\)$/u);
  assert.match(told[1] ?? '', /f\/below.*not a directory \(file-error\)$/u);
  assert.match(told[2] ?? '', /its name is no path.*\(bad-name\)$/u);
  assert.deepEqual((await readdir(joinPath(around.directory, 'out'))).sort(), ['f', 'g']);
  assert.equal(await pinned(model), 0);
  // Where the directory is none nothing is given up.
  await pass(model, 'h', 8);
  const nowhere = ['get', '--all', 'has step', '--follow', '-d', 'out/f', '--share', 'archive'];
  const refused = await attacca([...nowhere, '-n', '1'], around);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /\(file-error\)$/mu);
  assert.equal(await pinned(model), 1);
});

test('what is deleted by force before it was written is told, and the rest is written', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  await using group = await model.requireAll('has step', { group: 'archive', ahead: 1 });
  await group.close();
  await using other = await join({ address: pool.address, member: 'other' });
  await other.put('f/4', Uint8Array.of(4), { attributes: { step: 4 } });
  await other.delete('f/4', { force: true });
  await other.put('f/5', Uint8Array.of(5), { attributes: { step: 5 } });
  const result = await attacca([...ALL, '--share', 'archive', '-n', '1'], around);
  // What is there is said by its file, for who goes on with it.
  assert.deepEqual([result.code, result.out], [1, 'out/f/5\n']);
  assert.match(result.err, /Cannot demand "f\/4": it was deleted/u);
  assert.deepEqual(await readdir(joinPath(around.directory, 'out/f')), ['5']);
});

test('queues are defined, listed and forgotten; explain and info say who keeps what', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const define = ['queue', 'f', '-w', 'has step', '--keep', '2', '--max-ahead', '3'];
  assert.equal((await attacca(define, around)).code, 0);
  assert.equal((await attacca(define, around)).code, 0);
  assert.match(
    (await attacca(['queue', 'f', '-w', 'true', '--keep', '9'], around)).err,
    /it is there/u,
  );
  assert.equal(
    (await attacca(['queue'], around)).out,
    '"f"  by step  keep 2  max-ahead 3  no steps\n',
  );
  await using _all = await model.member('reader').then((reader) => reader.requireAll('has step'));
  await pass(model, 'f/1', 1);
  const [queue] = jsonLines((await attacca(['queue', '--json'], around)).out);
  assert.deepEqual([queue?.['name'], queue?.['keep'], queue?.['steps']], ['f', 2, 0]);
  const explained = await attacca(['explain', 'f/1'], around);
  assert.match(explained.out, /Required with all that matches, by reader\./u);
  assert.match(explained.out, /kept for 0 requires and 0 readers, and 1 standing require\./u);
  assert.match((await attacca(['info'], around)).out, /1 object kept for them/u);
  assert.match((await attacca(['queue', 'f'], around)).out, /^"f" {2}by step/u);
  for (const line of [
    ['queue', 'g'],
    ['queue', 'g', '--forget'],
  ]) {
    const none = await attacca(line, around);
    assert.deepEqual([none.code, none.out], [1, '']);
    assert.match(none.err, /queue "g": there is none/u);
  }
  assert.equal((await attacca(['queue', 'f', '--forget'], around)).code, 0);
  assert.equal((await attacca(['queue'], around)).out, '');
  await model.put('p', Uint8Array.of(1), { attributes: { step: 1 } });
  const by = async (key: string, where = 'true'): Promise<readonly [number | null, string]> => {
    const line = ['queue', `by-${key}`, '-w', where, '--by', key, '--keep', '9'];
    const { code, err } = await attacca(line, around);
    return [code, err];
  };
  assert.deepEqual(await by('s'), [0, 'attacca queue: no object has "s"\n']);
  const none = (key: string) => `no object has "${key}"; did you mean "step"?\n`;
  assert.deepEqual(await by('stpe'), [0, `attacca queue: ${none('stpe')}`]);
  assert.deepEqual(await by('step', 'stpe > 1'), [0, none('stpe')]);
  assert.match(
    (await attacca(['queue', 'by-s'], around)).out,
    /^"by-s" {2}by s {2}keep 9 {2}no steps {2}1 of no/u,
  );
});

test('what a queue selects and is of no step is counted, and said of each', async () => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address };
  await model.stepQueue('all', { select: 'has kind', keep: 2 });
  await model.stepQueue('others', { select: 'kind = "other"' });
  const explained = async (name: string): Promise<string> =>
    (await attacca(['explain', name], around)).out;
  const put = async (name: string, step: Value | undefined): Promise<void> => {
    const attributes = { kind: 'field', ...(step === undefined ? {} : { step }) };
    await model.put(name, Uint8Array.of(1), { attributes });
  };
  await put('int', 1);
  await put('float', new Float(2));
  const line = (await attacca(['queue', 'all'], around)).out;
  assert.equal(line, '"all"  by step  keep 2  steps 1..2 (2)\n');
  assert.doesNotMatch(await explained('float'), /no step/u);
  await put('half', 2.5);
  await put('text', '2');
  await put('none', undefined);
  await model.put('unselected', Uint8Array.of(1));
  const queues = jsonLines((await attacca(['queue', '--json'], around)).out);
  assert.deepEqual(
    queues.map(({ name, steps, stepless }) => [name, steps, stepless]),
    [
      ['all', 2, 3],
      ['others', 0, 0],
    ],
  );
  assert.match((await attacca(['queue', 'all'], around)).out, / {2}3 of no step\n$/u);
  const of = 'Of no step of the queue "all", as';
  for (const [name, why] of [
    ['half', `${of} "step" is 2.5, no whole number: nothing bounds it.`],
    ['text', `${of} "step" is "2", no whole number: nothing bounds it.`],
    ['none', `${of} it has no "step": nothing bounds it.`],
  ] as const) {
    const told = await explained(name);
    assert.ok(told.includes(`${why}\n`), told);
    assert.doesNotMatch(told, /"others"/u);
  }
  for (const name of ['unselected', 'int']) assert.doesNotMatch(await explained(name), /no step/u);
});

test('what is no command line says what would be', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  for (const [line, said] of [
    [['get', 'x', '--follow', '-d', 'out'], /--follow needs --all SELECTOR/u],
    [['get', 'x', '--complete'], /are for --follow/u],
    [['get', '--all', 'a = 1', '--follow'], /needs -d DIR/u],
    [['get', '--all', 'a = 1', '--follow', '-d', 'o', '--ahead', '0'], /--ahead is a number/u],
    [['get', '--all', 'a = 1', '--follow', '-d', 'o', '--forget'], /--forget needs --share/u],
    [['get', '--all', 'a = ', '--follow', '-d', 'o'], /selector/u],
    [['get', '--all', 'a = 1', '--follow', '-d', 'o', '--latest'], /--latest needs --queue/u],
    [['queue', 'a', 'b'], /one NAME/u],
    [['queue', 'a', '--keep', '0'], /1 or more/u],
    [['queue', 'a', '--keep', '1'], /say -w SELECTOR/u],
    [['queue', 'a', '-w', 'true', '--by', ''], /name of an attribute/u],
    [['queue', 'a', '-w', 'true', '--by', 's'], /would bound nothing: say --keep N/u],
    [['events', '--list', '-w', 'a = 1'], /--where does not go with it/u],
    [['events', '--list', 'offer'], /takes no KIND/u],
    [['events', '--list', '--complete'], /--complete does not go with it/u],
    [['watch', '.', '--name', '{pth}'], /there is no \{pth\}; did you mean \{path\}/u],
    [['when', 'true', '--', 'echo', '{nam}'], /there is no \{nam\}; did you mean \{name\}/u],
    [['when', 'true', '--', 'echo', 'x{attribute.a}'], /did you mean \{attributes\.a\}/u],
    [['queue', 'a', '-w', 'true', '--forget'], /--forget goes with a NAME alone/u],
    [['queue', '--keep', '1'], /needs a NAME/u],
  ] as const) {
    const result = await attacca([...line], around);
    assert.equal(result.code, 2, line.join(' '));
    assert.match(result.err, said);
  }
});
