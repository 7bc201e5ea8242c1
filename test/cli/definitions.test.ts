import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines } from './command.js';
import { noTerminal, typed } from './terminal.js';

/** `r/0` to `r/2` in the container `run`. */
async function withRun(member: Pool): Promise<void> {
  await member.catalog.defineContainer('run');
  const items = [0, 1, 2].map((step) => ({
    name: `r/${step}`,
    attributes: { '.container': 'run', step },
  }));
  await member.offerMany(items, { keep: true });
}

test('a container gives its objects what they do not say, and is told whole', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  const around = { pool: pool.address };
  const run = (...args: readonly string[]) => attacca(['container', ...args], around);
  const words = ['-a', 'class=od', '-a', 'level:float=2', '--tag', 'owner=me', '--lifetime', '36h'];
  const added = await run('add', 'run', ...words, '--doc', 'a run');
  assert.deepEqual([added.code, added.out, added.err], [0, '', '']);
  await attacca(['put', '--name', 'x', '-', '--container', 'run', '-a', 'class=rd'], around);
  assert.equal(await member.count('.container = "run" and class = "rd" and level = 2'), 1);
  const [listed, shown, json, none] = await Promise.all([
    run('ls'),
    run('show', 'run'),
    run('show', 'run', '--json'),
    run('show', 'other'),
  ]);
  const row = 'run         1  class=od level=2  -        36 h\n';
  assert.equal(listed.out, `NAME  OBJECTS  ATTRIBUTES        SCHEMAS  LIFETIME\n${row}`);
  assert.match(shown.out, /^run\n {2}objects +1\n.*\n {2}lifetime +36 h\n {2}tags +owner=me\n/u);
  assert.match(shown.out, /\n {2}meaning +a run\n$/u);
  assert.deepEqual(jsonLines(json.out), [
    {
      ...{ name: 'run', objects: 1, attributes: { class: 'od', level: 2 }, schemas: [] },
      ...{ lifetimeMs: 129_600_000, tags: { owner: 'me' }, documentation: 'a run' },
    },
  ]);
  assert.deepEqual([none.code, none.out], [1, '']);
  assert.match(none.err, /^attacca container: .*"other".* \(unknown-definition\)\n$/u);
  // Anew: what is not said is not kept of what was there.
  assert.deepEqual(jsonLines((await run('add', 'run', '--json')).out), [
    { name: 'run', defined: true },
  ]);
  const [anew] = await member.catalog.containers('run');
  assert.deepEqual(anew, { name: 'run', definition: {}, objects: 1 });
  const strange = await run('add', 'other', '--schema', 'nothing');
  assert.deepEqual([strange.code, (await member.catalog.containers()).length], [1, 1]);
});

test('rm deletes what is in a container, and the container only with all of it', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withRun(member);
  await using needed = member.object('r/1');
  await needed.require();
  const around = { pool: pool.address };
  const run = (...args: readonly string[]) => attacca(['container', 'rm', ...args], around);
  const dry = await run('run', '--dry-run');
  assert.equal(
    dry.out,
    'would delete 2 objects: "r/0", "r/2"\nwould not delete "r/1": test requires it\n',
  );
  assert.equal(await member.count('.container = "run"'), 3);
  const some = await run('run');
  assert.deepEqual([some.code, some.out], [1, '']);
  assert.match(
    some.err,
    /^attacca container: Cannot delete "r\/1": .* \(object-required\)\ndeleted 2 objects\nthe container "run" stays, with what is left in it\n$/u,
  );
  assert.equal((await member.catalog.containers('run'))[0]?.objects, 1);
  const forced = await run('run', '--force', '--json');
  assert.deepEqual([forced.code, jsonLines(forced.out)], [0, [{ selected: 1, changed: 1 }]]);
  const again = await run('run');
  assert.equal(again.code, 1);
  assert.match(again.err, /\(unknown-definition\)\n$/u);
});

test('on a terminal rm asks, unless the container is empty', { skip: noTerminal }, async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withRun(member);
  await member.catalog.defineContainer('empty');
  const { address } = pool;
  const no = await typed(['container', 'rm', 'run'], address, 'n\n');
  assert.match(no.out, /^delete 3 objects\? \[y\/N\] n\nnothing was changed\n$/u);
  assert.deepEqual([no.code, (await member.catalog.containers()).length], [1, 2]);
  const empty = await typed(['container', 'rm', 'empty'], address, '');
  assert.deepEqual([empty.code, empty.isAsked], [0, false]);
  const yes = await typed(['container', 'rm', 'run'], address, 'y\n');
  assert.deepEqual([yes.code, yes.isAsked], [0, true]);
  assert.deepEqual(await member.catalog.containers(), []);
});

test('collections: what a selector selects, and lists that are put into and taken from', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withRun(member);
  const around = { pool: pool.address, input: 'r/0\nr/none\n' };
  const run = (...args: readonly string[]) => attacca(['collection', ...args], around);
  const names = async (collection: string): Promise<string> =>
    (await attacca(['query', `.collection = "${collection}"`, '--sort', 'name'], around)).out;
  await run('add', 'late', '--where', 'step > 0', '--doc', 'behind the first');
  await run('add', 'train', '--tag', 'year=2026');
  const dry = await run('put', 'train', '--where', 'true', '-n');
  const dryNames = await run('put', 'train', 'r/1', '-n');
  assert.equal(
    dry.out + dryNames.out,
    'would put 3 objects into "train"\nwould put "r/1" into "train"\n',
  );
  assert.equal(await names('train'), '');
  const put = await run('put', 'train', '-w', 'step >= 1');
  assert.deepEqual([put.code, put.out, put.err], [0, '', 'put 2 objects into "train"\n']);
  const more = await run('put', 'train', '-', '--json');
  assert.deepEqual([more.code, jsonLines(more.out)], [1, [{ name: 'r/0', put: true }]]);
  assert.match(more.err, /"code":"unknown-object"/u);
  assert.equal(await names('train'), 'r/0\nr/1\nr/2\n');
  assert.equal(await names('late'), 'r/1\nr/2\n');
  const [listed, json, shown, train] = await Promise.all([
    run('ls'),
    run('ls', '--json'),
    run('show', 'late'),
    run('show', 'train', '--json'),
  ]);
  assert.equal(
    listed.out,
    'NAME   OBJECTS  SELECTOR\nlate         -  step > 0\ntrain        3  -\n',
  );
  assert.equal(jsonLines(json.out)[0]?.['selector'], 'step > 0');
  assert.match(
    shown.out,
    /^late\n {2}objects +2\n {2}selector +step > 0\n {2}meaning +behind the/u,
  );
  assert.deepEqual(jsonLines(train.out), [
    { name: 'train', objects: 3, selector: null, tags: { year: 2026 }, documentation: '' },
  ]);
  const taken = await run('take', 'train', 'r/0', '--json');
  assert.deepEqual(jsonLines(taken.out), [{ name: 'r/0', taken: true }]);
  const took = await run('take', 'train', '-w', 'step = 1', '--json');
  assert.deepEqual(jsonLines(took.out), [{ selected: 1, changed: 1 }]);
  assert.equal(await names('train'), 'r/2\n');
  const gone = await run('rm', 'train', '--json');
  assert.deepEqual(jsonLines(gone.out), [{ name: 'train', removed: true }]);
  assert.equal(await member.count('has step and not has .collections'), 3);
});

test('collections that are none, or cannot be listed in, are refused', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withRun(member);
  const around = { pool: pool.address };
  const run = (...args: readonly string[]) => attacca(['collection', ...args], around);
  await member.catalog.defineCollection('late', { selector: 'step > 0' });
  const [unknown, bySelector, malformed, untyped] = await Promise.all([
    run('put', 'train', 'r/0'),
    run('take', 'late', '-w', 'true'),
    run('add', 'x', '-w', 'step > > 0'),
    run('put', 'late', '-w', 'step >'),
  ]);
  assert.match(unknown.err, /^attacca collection: .*"train".* \(unknown-definition\)\n$/u);
  assert.match(bySelector.err, /^attacca collection: .*"late".* \(bad-argument\)\n$/u);
  for (const { code, err } of [malformed, untyped]) {
    assert.equal(code, 2);
    assert.match(err, /^attacca collection: .* \(bad-selector\)\n {2}step >.*\n +\^\n$/u);
  }
  // What parses may still be none by the schemas: before it is defined, and after that.
  const schema = {
    ...{ 'schema-name': 's', 'schema-version': 1, 'schema-namespace': '' },
    attributes: [{ key: 'step', type: 'day()' }],
  };
  await member.catalog.defineSchema(schema);
  const typedBad = await run('add', 'y', '-w', 'step = 5');
  assert.equal(typedBad.code, 2);
  assert.match(typedBad.err, /"step" is day\(\).*\n {2}step = 5\n {7}\^\n$/u);
  assert.equal((await member.catalog.collections()).length, 1);
  const stale = await run('show', 'late');
  assert.deepEqual([stale.code, stale.out], [2, 'late\n  selector    step > 0\n']);
});

test('relations are said and taken back', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withRun(member);
  const around = { pool: pool.address };
  const relate = (...args: readonly string[]) => attacca(['relate', ...args], around);
  const said = await relate('r/1', 'depends-on', 'r/0');
  assert.deepEqual([said.code, said.out, said.err], [0, '', '']);
  const kept = await attacca(['rm', 'r/0'], around);
  assert.equal(kept.code, 1);
  assert.match(kept.err, /\(object-depended-on\)\n$/u);
  const back = await relate('r/1', 'depends-on', 'r/0', '--remove', '--json');
  assert.deepEqual(jsonLines(back.out), [
    { name: 'r/1', relation: 'depends-on', other: 'r/0', removed: true },
  ]);
  assert.equal((await attacca(['rm', 'r/0'], around)).code, 0);
  const none = await relate('none', 'part-of', 'r/1');
  assert.match(none.err, /^attacca relate: .*"none".* \(unknown-object\)\n$/u);
  const mistyped = await relate('r/1', 'derived_from', 'r/0');
  assert.equal(mistyped.code, 2);
  assert.match(mistyped.err, /Did you mean "derived-from"\?/u);
});

const FIELDS = `schema-name: fields
schema-version: 3
naming: "{class}/{date:%Y%m%d}/{step:03}"
attributes:
  - key: class
    type: enum('od', 'rd')
    required: true
  - key: date
    type: day()
  - key: step
    type: int(min=0, max=999)
    default: 0
`;

const DAYS = `schema-name: days
schema-version: 1
attributes:
  - key: day
    type: str()
`;

test('schemas of a pool: added, listed, shown, checked by, and taken away', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await writeFile(joinPath(directory, 'fields.yaml'), FIELDS);
  await writeFile(joinPath(directory, 'bad.yaml'), 'schema-name: [');
  const run = (...args: readonly string[]) =>
    attacca(['schema', ...args], { pool: pool.address, directory });
  // All files are read before any is sent.
  assert.equal((await run('add', 'fields.yaml', 'bad.yaml')).code, 1);
  assert.equal((await run('list', '--in-pool')).out, 'NAME  VERSION  KEYS  MEANING\n');
  const added = await run('add', 'fields.yaml', 'core', '--json');
  assert.deepEqual(
    jsonLines(added.out).map(({ name }) => name),
    ['fields', 'core'],
  );
  const [local, listed, shown, checked, wrong] = await Promise.all([
    run('list'),
    attacca(['schema', 'list', '--pool', pool.address, '--json']),
    run('show', 'fields', '--in-pool'),
    run('check', 'fields', '--in-pool', '-a', 'class=od', '-a', 'date=20260131'),
    run('check', 'fields', '--in-pool', '-a', 'class=xx'),
  ]);
  assert.match(local.out, /^core .*\necmwf-mars /mu);
  assert.deepEqual(
    jsonLines(listed.out).map(({ name, version }) => [name, version]),
    [
      ['fields', 3],
      ['core', 1],
    ],
  );
  assert.match(shown.out, /^fields 3, 3 keys\nnames: \{class\}/u);
  assert.match(checked.out, /\nname: od\/20260131\/000\n$/u);
  assert.match(wrong.err, /\(schema-mismatch\)\n$/u);
  const other = ['--name', 'mine', '--namespace', '.mine.'];
  assert.equal((await run('add', 'fields.yaml', ...other)).code, 0);
  const removed = await run('rm', 'mine', 'nothing', 'core', '--json');
  assert.deepEqual(
    [removed.code, jsonLines(removed.out).map(({ name }) => name)],
    [1, ['mine', 'core']],
  );
  assert.match(removed.err, /"code":"unknown-definition"/u);
  const gone = await run('show', 'mine', '--in-pool');
  assert.match(gone.err, /\(unknown-definition\)\n$/u);
});

test('--name-by makes the name of what the object will have in the pool', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  const directory = await filesOf(t);
  await writeFile(joinPath(directory, 'fields.yaml'), FIELDS);
  await writeFile(joinPath(directory, 'file'), 'bytes');
  const around = { pool: pool.address, directory };
  const put = (by: string, ...args: readonly string[]) =>
    attacca(['put', 'file', '--name-by', by, ...args], around);
  // Without schemas a value is what was written.
  const free = await put(
    '{user}/{n}/{n2:03}/{t:%Y%m%d}',
    ...'-a user=me -a n=5'.split(' '),
    ...[...['-a', 'n2=7', '-a', 't=20260131', '--json']],
  );
  assert.equal(jsonLines(free.out)[0]?.['name'], 'me/5/007/20260131');
  await attacca(['schema', 'add', 'fields.yaml'], around);
  await attacca(['container', 'add', 'run', '-a', 'class=rd', '--schema', 'fields'], around);
  const by = await put('fields', '-a', 'class=od', '-a', 'date=2026-01-31', '-a', 'step:str=012');
  assert.deepEqual([by.code, by.out, by.err], [0, 'od/20260131/012\n', '']);
  const held = await put('fields', '--container', 'run', '-a', 'date=20260131');
  assert.equal(held.out, 'rd/20260131/000\n');
  const own = await put('{.container}/{step}', '--container', 'run', '-a', 'step=6.0');
  assert.equal(own.out, 'run/6\n');
  const stdin = await attacca(['put', '-', '--name-by', '{class}', '-a', 'class=od'], {
    ...around,
    input: 'more',
  });
  assert.equal(stdin.out, 'od\n');
  assert.equal(await member.count('class = "rd" and .container = "run"'), 2);
  // A day, where the schema has a text, is that day as it was written.
  await writeFile(joinPath(directory, 'days.yaml'), DAYS);
  await attacca(['schema', 'add', 'days.yaml'], around);
  const day = await put('{day}', '-a', 'class=od', '-a', 'day=2026-11-27');
  assert.equal(day.out, '2026-11-27\n');
  assert.equal(await member.count('day = "2026-11-27"'), 1);
  const several = await attacca(
    ['put', 'file', '-a', 'class=xx', '-a', 'step=1000', '-a', 'date=soon'],
    around,
  );
  assert.equal(several.code, 1);
  assert.deepEqual(
    several.err.match(/^attacca put: Cannot .*: "\w+" is .* \(schema-mismatch\)$/gmu),
    [...several.err.trimEnd().split('\n')],
  );
  assert.deepEqual(several.err.match(/: "\w+"/gu), [': "class"', ': "step"', ': "date"']);
  const refusals = await Promise.all([
    put('fields', '-a', 'date=20260131'),
    put('{nothing}', '-a', 'class=od'),
    put('fields', '-a', 'class=xx'),
    put('{class}{step}', '-a', 'class=od'),
    put('nothing', '-a', 'class=od'),
    put('{class}', '--container', 'nothing'),
    put('{class}/', '-a', 'class='),
  ]);
  const codes = refusals.map(({ err }) => /^attacca put: .*\(([\w-]+)\)\n$/u.exec(err)?.[1]);
  assert.deepEqual(codes, [
    ...['schema-mismatch', 'schema-mismatch', 'schema-mismatch', 'bad-schema'],
    ...['unknown-definition', 'unknown-definition', 'schema-mismatch'],
  ]);
  assert.ok(refusals.every(({ code, out }) => code === 1 && out === ''));
  assert.equal(await member.count(''), 6);
});
