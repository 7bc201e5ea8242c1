import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { test } from 'node:test';
import { ExitWith } from '../../src/cli/exit.js';
import { Table } from '../../src/cli/format.js';
import { planText } from '../../src/cli/looking/plan-text.js';
import { ShownKeys } from '../../src/cli/looking/shown-keys.js';
import { forEachAtOnce } from '../../src/cli/names.js';
import { placeLines } from '../../src/cli/report.js';
import { checkedSelector } from '../../src/cli/where.js';
import { join, type Pool } from '../../src/client/index.js';
import { isToldKey } from '../../src/pool/own-keys.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, shell } from './command.js';

const F32 = { dtype: 'float32', shape: [2, 3] } as const;

/** `t/0` to `t/11`, as `param` and `step` say; `u` has steps too, and a tag. */
async function withSteps(member: Pool): Promise<void> {
  for (const param of ['u', 't']) {
    for (let step = 0; step < 12; step++) {
      const attributes = { param, step };
      await member.put(`${param}/${step}`, new Float32Array(6), { space: F32, attributes });
    }
  }
  await member.tag('u/3', { quality: 'good', step: 300 });
}

const plain = { dim: (text: string) => text, bold: (text: string) => text };

test('query prints names that a selector selects, sorted and limited as asked', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  const around = { pool: pool.address };
  const query = (...args: readonly string[]) => attacca(['query', ...args], around);
  const [some, sorted, byName, first, nulls, none, all, counted, json] = await Promise.all([
    query('param = "t" and step in 9..'),
    query('step < 2', '--sort', '-step'),
    query('true', '--sort', 'name', '--limit', '4'),
    query('', '--limit', '3'),
    query('step = 300', '-0'),
    query('step = "0"'),
    query(''),
    query('param = "u"', '--count'),
    query('param = "u"', '--count', '--json'),
  ]);
  assert.deepEqual(some.out.trim().split('\n').sort(), ['t/10', 't/11', 't/9']);
  assert.equal(sorted.out, 't/1\nu/1\nt/0\nu/0\n');
  assert.equal(byName.out, 't/0\nt/1\nt/10\nt/11\n');
  assert.equal(first.out.trim().split('\n').length, 3);
  assert.equal(nulls.out, 'u/3\0');
  assert.deepEqual([none.code, none.out, none.err], [0, '', '']);
  assert.equal(all.out.trim().split('\n').length, 24);
  assert.equal(counted.out, '12\n');
  assert.deepEqual(jsonLines(json.out), [{ count: 12 }]);
});

test('a day that put, tag and a selector are given in the same characters is one day', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory, input: 'bytes' };
  await attacca(['put', '-', '--name', 'd', '-a', 'date=2026-11-27'], around);
  await attacca(['put', '-', '--name', 'text', '-a', 'date:str=2026-11-27'], around);
  await attacca(['tag', 'text', '--set', 'checked=2026-11-28'], around);
  const query = async (selector: string) => (await attacca(['query', selector], around)).out;
  assert.equal(await query('date = 2026-11-27'), 'd\n');
  assert.equal(await query('date = "2026-11-27"'), 'text\n');
  assert.equal(await query('checked in 2026-11-27..2026-11-29'), 'text\n');
});

test('where nothing is found, keys that no object has are told, on standard error', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  await member.catalog.defineCollection('train');
  const around = { pool: pool.address };
  const prm = 'no object has "prm"; did you mean "param"?\n';
  const stpe = 'no object has "stpe"; did you mean "step"?\n';
  const head = 'COUNT  VALUE\n';
  const runs = [
    [['query', 'prm = "t"'], '', prm],
    [['query', 'prm = "t" and stpe < 5', '-l'], '', prm + stpe],
    [['query', 'prm = "t"', '--count'], '0\n', prm],
    [['query', '.bytez > 3'], '', 'no object has ".bytez"; did you mean ".bytes"?\n'],
    [['query', 'hastings = 3'], '', 'no object has "hastings"\n'],
    [['query', 'prm = "t"', '--quiet'], '', ''],
    [['query', 'prm = "t" or step = 3', '--limit', '1', '--sort', 'name'], 't/3\n', ''],
    [['query', 'step = 77'], '', ''],
    [['ls', '-w', 'prm = "t"'], '', prm],
    [['ls', 'nothing*'], '', ''],
    [['stat', '-w', 'prm = "t"'], '', prm],
    [['get', '-w', 'prm = "t"', '-d', 'none'], '', `nothing is selected\n${prm}`],
    [['rm', '-w', 'stpe = 1'], '', `${stpe}deleted 0 objects\n`],
    [['rm', '-w', 'stpe = 1', '-n'], 'would delete 0 objects\n', stpe],
    [['tag', '-w', 'stpe = 1', '-s', 'a=1'], '', `${stpe}tagged 0 objects\n`],
    [['facets', 'prm'], head, prm],
    [['facets', 'prm', '--histogram', '-q'], '', ''],
    [['facets', 'step', '-w', 'prm = "t"'], head, prm],
    [['facets', 'the key', '-w', 'prm = "t"'], head, `no object has "the key"\n${prm}`],
    [['facets', 'step', '-w', 'step > 400'], head, ''],
    [['collection', 'put', 'train', '-w', 'prm = "t"'], '', `${prm}put 0 objects into "train"\n`],
  ] as const;
  await forEachAtOnce(runs, 4, async ([args, out, err]) => {
    const ran = await attacca(args, around);
    assert.deepEqual([args, ran.code, ran.out, ran.err], [args, 0, out, err]);
  });
  const json = await attacca(['query', 'prm = "t"', '--json'], around);
  assert.deepEqual([json.code, json.out], [0, '']);
  assert.deepEqual(jsonLines(json.err), [{ unknownKeys: [{ key: 'prm', meant: 'param' }] }]);
});

test('query shows attributes, tags over them, and what the pool knows', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  const around = { pool: pool.address };
  const query = (...args: readonly string[]) => attacca(['query', ...args], around);
  const of = 'name in ["t/3", "u/3"]';
  const [long, table, json, flat] = await Promise.all([
    query(of, '-l', '--sort', 'name'),
    query(of, '--show', 'step,quality', '--show', '.bytes,.component', '--sort', 'name'),
    query('name = "u/3"', '--json'),
    query('name = "u/3"', '--json', '--show', 'step,.shape,.ndim,nothing'),
  ]);
  assert.match(long.out, /^NAME +ATTRIBUTES\nt\/3 +param=t step=3\nu\/3 +/u);
  assert.equal(
    table.out,
    'NAME  step  quality  .bytes  .component\n' +
      't/3      3  -            24  model\n' +
      'u/3    300  good         24  model\n',
  );
  assert.deepEqual(jsonLines(json.out), [
    { name: 'u/3', attributes: { param: 'u', step: 300, quality: 'good' } },
  ]);
  assert.equal(flat.out, '{"name":"u/3","step":300,".shape":[2,3],".ndim":2,"nothing":null}\n');
});

test('query --explain says how it is answered, part by part', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  const selector = 'param = "t" and .bytes > 0';
  const around = { pool: pool.address };
  const [text, json] = await Promise.all([
    attacca(['query', selector, '--explain'], around),
    attacca(['query', selector, '--explain', '--json'], around),
  ]);
  const [head = '', ...parts] = text.out.trimEnd().split('\n');
  assert.match(head, /, 12 candidates$/u);
  assert.match(parts[0] ?? '', /^\|- param = "t": .+, 12 candidates$/u);
  assert.match(parts[1] ?? '', /^`- \.bytes > 0: .+, 24 candidates$/u);
  const [plan] = jsonLines(json.out);
  assert.equal(plan?.['candidates'], 12);
  assert.ok(Array.isArray(plan['parts']) && plan['parts'].length === 2);
});

test('more than a page is found, and a reader that has enough ends it', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'many' });
  const items = Array.from({ length: 20_000 }, (_, at) => ({
    name: `x/${at}`,
    attributes: { at, half: at % 2 },
  }));
  await member.offerMany(items, { keep: true });
  const { out, code } = await shell(
    `attacca query 'half = 1' | wc -l
    attacca query 'half = 1' --json --show at | wc -l
    attacca query 'has at' --sort -at | head -n 2`,
    { pool: pool.address },
  ).ended;
  assert.equal(code, 0);
  assert.deepEqual(out.trim().split(/\s+/u), ['10000', '10000', 'x/19999', 'x/19998']);
});

test('what is no selector is refused with its place, before a pool is asked', async () => {
  const around = { pool: 'unix:/nowhere/socket' };
  const commands = [
    ['query', 'step = = 5'],
    ['ls', '-w', 'step = = 5'],
    ['stat', '--where', 'step = = 5'],
    ['get', '-d', 'x', '-w', 'step = = 5'],
    ['facets', 'step', '-w', 'step = = 5'],
    ['rm', '-w', 'step = = 5'],
    ['tag', '-s', 'a=1', '-w', 'step = = 5'],
  ];
  await Promise.all(
    commands.map(async (args) => {
      const { code, out, err } = await attacca(args, around);
      assert.deepEqual([code, out], [2, '']);
      const [line = '', ...place] = err.split('\n');
      assert.match(line, /^attacca \w+: Cannot read the selector: .* \(bad-selector\)$/u);
      assert.deepEqual(place, ['  step = = 5', '         ^', '']);
    }),
  );
  const json = await attacca(['query', 'step = = 5', '--json'], around);
  const error = (jsonLines(json.err)[0]?.['error'] ?? {}) as { code?: string; fields?: object };
  const fields = { selector: 'step = = 5', position: 7 };
  assert.deepEqual([error.code, error.fields], ['bad-selector', fields]);
});

test('the place in a selector fits a narrow terminal', async () => {
  const long = `${'step = 1 or '.repeat(100)}step = = 5`;
  const error = await checkedSelector(long).catch((refused: unknown) => refused);
  const [window = '', mark = ''] = placeLines(error, 20);
  assert.ok(window.length <= 20 && window.startsWith('...'), window);
  assert.equal(window[mark.indexOf('^')], '=');
  assert.deepEqual(placeLines(new ExitWith(1), 20), []);
});

test('ls and stat take a selector in place of names', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  const around = { pool: pool.address };
  const [names, table, stats, none] = await Promise.all([
    attacca(['ls', '-w', 'step >= 10'], around),
    attacca(['ls', '-lw', 'has quality'], around),
    attacca(['stat', '-w', 'step >= 10', '--json'], around),
    attacca(['stat', '-w', 'step > 1000'], around),
  ]);
  assert.equal(names.out, 't/10\nt/11\nu/10\nu/11\nu/3\n');
  assert.match(table.out, /^NAME +STATE .*\nu\/3 +offered +1 +24 B +float32 +2 x 3/u);
  assert.equal(jsonLines(stats.out).length, 5);
  assert.deepEqual([none.code, none.out], [0, '']);
});

test('get fetches what is selected and offered, and waits for nothing else', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  await using asked = member.object('t/99');
  await asked.require();
  const directory = joinPath(await filesOf(t), 'out');
  await mkdir(directory);
  const around = { pool: pool.address, directory };
  const got = await attacca(['get', '-w', 'name ~ "t/?*"', '-d', '.', '--timeout', '20s'], around);
  assert.deepEqual([got.code, got.err], [0, '']);
  assert.equal((await readdir(joinPath(directory, 't'))).length, 12);
  assert.equal((await readFile(joinPath(directory, 't/7'))).length, 24);
  const none = await attacca(['get', '-w', 'step > 1000', '-d', '.'], around);
  assert.deepEqual([none.code, none.err], [0, 'nothing is selected\n']);
  const told = await attacca(['get', '-w', 'quality = "good"', '--attributes'], around);
  assert.equal(jsonLines(told.out)[0]?.['name'], 'u/3');
});

test('columns grow with later rows, and what is written stands', () => {
  const table = new Table([{ head: 'NAME' }, { head: 'N', right: true }, { head: 'X' }], plain);
  assert.equal(table.lines([['a', '1', 'x']]), 'NAME  N  X\na     1  x');
  assert.equal(table.lines([['longer', '100', 'y']]), 'longer  100  y');
  assert.equal(table.lines([['b', '2', 'z']]), 'b         2  z');
  assert.equal(table.lines([]), '');
});

test('keys that are shown: each once, tags over attributes, STAT only when it is needed', () => {
  const keys = new ShownKeys(['step, name,step', '.bytes']);
  assert.equal(keys.detail, 'all');
  const row = { name: 'a', attributes: { step: 1 }, tags: { step: 'two' }, bytes: 5 };
  assert.deepEqual(keys.cells(row), ['a', 'two', '5']);
  assert.deepEqual(keys.columns([row]), [
    { head: 'NAME' },
    { head: 'step', right: false },
    { head: '.bytes', right: true },
  ]);
  const own = new ShownKeys(['.maestro.core.cdo.x,constructor']);
  assert.equal(own.detail, 'attributes');
  assert.deepEqual(own.cells({ name: 'a', attributes: {} }), ['a', '-', '-']);
  assert.throws(() => new ShownKeys(['a,,b']), { name: 'UsageError' });
  assert.throws(() => new ShownKeys(['']), { name: 'UsageError' });
});

const PAGE = readFileSync(new URL('../../../docs/selectors.md', import.meta.url), 'utf8');

test('the keys of the page on selectors are those that the pool tells, and are shown', () => {
  const [, table = ''] = /\n## Keys\n([\s\S]*?)\n## /u.exec(PAGE) ?? [];
  const rows = table.split('\n').filter((line) => line.startsWith('| `'));
  const keys = rows.flatMap((row) => row.match(/(?<=`)(?:stats)?\.\w+(?=`)/gu) ?? []);
  assert.equal(keys.length, 25);
  for (const key of keys) {
    assert.ok(isToldKey(key), key);
    assert.equal(new ShownKeys([key]).detail, 'all', key);
  }
  const row = { name: 'x', statistics: { state: 'known', max: 2.5 } };
  const shown = new ShownKeys(['stats.max', '.stats', 'stats.min']);
  assert.deepEqual(shown.json(row), {
    name: 'x',
    'stats.max': 2.5,
    '.stats': 'known',
    'stats.min': null,
  });
});

test('the commands of the page on selectors do what they say', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withSteps(member);
  const [, commands = ''] = /\n```sh\n([\s\S]*?)```/u.exec(PAGE) ?? [];
  const directory = await filesOf(t);
  const script = `set -e\n${commands}`;
  const { code, out, err } = await shell(script, { pool: pool.address, directory }).ended;
  assert.deepEqual([code, err], [0, 'tagged 11 objects\n']);
  assert.match(out, /^t\/0\n/mu);
  assert.match(out, /^NAME +step +\.bytes\nu\/3 +300 +24\n/mu);
  assert.match(out, /^12\n/mu);
  assert.match(out, /^COUNT +FROM +TO\n/mu);
  assert.match(out, /^would delete 11 objects: "/mu);
  assert.equal((await readFile(joinPath(directory, 'fields/t/6'))).length, 24);
});

test('a plan is a tree, whatever stands in it', () => {
  const leaf = (selector: string, candidates: number) => ({
    selector,
    how: 'the index of step',
    candidates,
  });
  const plan = {
    selector: '',
    how: 'the rarest part first',
    candidates: 1_234,
    parts: [
      { ...leaf('b or c', 2), parts: [leaf('b', 1), leaf('c\u001b[31m', 1)] },
      leaf('a', 5_000),
    ],
  };
  assert.equal(
    planText(plan),
    [
      'the rarest part first, 1,234 candidates',
      '|- b or c: the index of step, 2 candidates',
      '|  |- b: the index of step, 1 candidate',
      '|  `- c\\u001b[31m: the index of step, 1 candidate',
      '`- a: the index of step, 5,000 candidates',
    ].join('\n'),
  );
  assert.equal(planText({}), ', 0 candidates');
});
