import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandNames, findCommand } from '../../src/cli/catalog.js';
import { commandHelp } from '../../src/cli/help.js';
import { COMMON_OPTIONS, parseCommandLine } from '../../src/cli/options.js';
import { attacca, jsonLines, shell } from './command.js';

test('the overview names every command; without a command it is shown too', async () => {
  const [asked, alone, byName] = await Promise.all([
    attacca(['--help']),
    attacca([]),
    attacca(['help']),
  ]);
  for (const { code, out, err } of [asked, alone, byName]) {
    assert.equal(code, 0);
    assert.equal(err, '');
    for (const name of commandNames()) assert.match(out, new RegExp(`^ {2}${name} `, 'mu'));
  }
});

test('the help of every command tells usage, options and exit codes', async () => {
  const style = { dim: (text: string) => text, bold: (text: string) => text };
  for (const name of commandNames()) {
    const entry = findCommand(name);
    assert.ok(entry !== null);
    const { command } = await entry.load();
    const out = commandHelp(entry, command, style);
    for (const part of [`attacca ${name}`, 'Usage', 'Options', '--json', 'Exit codes', '130']) {
      assert.ok(out.includes(part), `${name}: ${part}`);
    }
    const long = out.split('\n').find((line) => line.length > 120);
    assert.equal(long, undefined, `a line of ${name} is longer than a terminal`);
    const waits = 'timeout' in command.options;
    assert.equal(/^ +3 /mu.test(out), waits, `${name}: 3 is for who waits`);
    const options = { ...command.options, ...COMMON_OPTIONS };
    assert.throws(() => parseCommandLine(['--jsno'], options, command.parsing), {
      message: 'there is no option "--jsno". Did you mean "--json"?',
    });
  }
  const [byOption, byCommand] = await Promise.all([
    attacca(['get', '--help']),
    attacca(['help', 'get']),
  ]);
  assert.deepEqual([byOption.code, byOption.err, byCommand.code], [0, '', 0]);
  assert.match(byOption.out, /^Usage\n {2}attacca get NAME/mu);
  assert.equal(byCommand.out, byOption.out);
});

test('a mistyped option is refused with one line that helps', async () => {
  const { code, out, err } = await attacca(['put', '--lifetme', '10m', 'x']);
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, /^attacca put: .*Did you mean "--lifetime"\? \(see attacca put --help\)\n$/u);
});

test('a mistyped command is refused, with the one that was probably meant', async () => {
  const { code, err } = await attacca(['withdrew', 'x']);
  assert.equal(code, 2);
  assert.equal(
    err,
    'attacca: there is no command "withdrew". Did you mean "withdraw"? (see attacca --help)\n',
  );
  assert.match((await attacca(['frobnicate'])).err, /no command "frobnicate"\. \(see/u);
});

test('what is wrong with the words is told in their own terms', async () => {
  const unknown = await attacca(['ls', '--quite-other']);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /there is no option "--quite-other" \(see/u);
  const risky = await attacca(['get', '--for', '5s', 'x']);
  assert.equal(risky.code, 2);
  assert.doesNotMatch(risky.err, /--forget/u);
  const near = await attacca(['get', '--forgt', 'x']);
  assert.match(near.err, /Did you mean "--forget"/u);
  const empty = await attacca(['put', '--group', 'step/26']);
  assert.equal(empty.code, 2);
  assert.match(empty.err, /a group needs its parts: FILEs or NAME=FILEs, or - for/u);
  const bare = await attacca(['put']);
  assert.equal(bare.code, 2);
  assert.match(bare.err, /it needs a FILE, or - for standard input/u);
});

test('the version is told by the command and by the option', async () => {
  const mistyped = await attacca(['--versoin']);
  assert.equal(mistyped.code, 2);
  assert.match(
    mistyped.err,
    /^attacca: there is no option "--versoin"\. Did you mean "--version"\?/u,
  );
  assert.match((await attacca(['-q', '--version'])).out, /^attacca \S+ \(node v/u);
  assert.match((await attacca(['version'])).out, /^attacca \S+ \(node v/u);
  assert.match((await attacca(['--version'])).out, /^attacca \S+ \(node v/u);
  assert.equal(jsonLines((await attacca(['version', '--json'])).out)[0]?.['node'], process.version);
});

/** Command lines that are refused. */
const WRONG: readonly (readonly string[])[] = [
  ['get'],
  ['get', 'a', 'b'],
  ['get', 'a', '--as', 'hdf5'],
  ['get', 'a', '-o', 'f', '-d', 'd'],
  ['get', 'a', '--timeout', 'soon'],
  ['put'],
  ['put', '--name', 'x', 'a', 'b'],
  ['put', 'x', '-a', 'level'],
  ['put', 'a/x', 'b/x'],
  ['put', '--lifetime', 'long', 'x'],
  ['put', '--name-by', '{a}', 'x', 'y'],
  ['put', '--name-by', '{a}', '--name', 'x', '-'],
  ['put', '--container', '', 'x'],
  ['put', '--region', ':', 'x'],
  ['put', '--of-shape', '4', 'x'],
  ['put', '--region', ':', '--of-shape', '4x', 'x'],
  ['put', '--region', ':', '--of-shape', '-4', 'x'],
  ['put', '--region', '1-2', '--of-shape', '4', 'x'],
  ['put', '--region', ':', '--of-shape', '4', 'x', 'y'],
  ['put', '--region', ':', '--of-shape', '4', '--replace', 'x'],
  ['put', '--container', 'x', '-a', '.container=x', 'y'],
  ['put', '--replace', '--lifetime', '0', 'x'],
  ['exec', '--replace', '--lifetime', '0s', '--out', 'f=x', '--', 'true'],
  ['wait'],
  ['stat'],
  ['rm'],
  ['withdraw'],
  ['ls', 'a', 'b'],
  ['ls', 'a', '-w', 'true'],
  ['stat', 'a', '-w', 'true'],
  ['get', '-w', 'true'],
  ['get', '-w', 'true', '-o', 'f'],
  ['rm', 'a', '-w', 'true'],
  ['rm', '-w', ''],
  ['withdraw', '-w', ' '],
  ['tag', 'a'],
  ['tag', '-s', 'a=1'],
  ['tag', 'a', '-s', 'b'],
  ['tag', 'a', '-s', 'b=1', '-s', 'b=2'],
  ['untag', 'a'],
  ['untag', '-k', 'a'],
  ['query'],
  ['query', 'has', 'a'],
  ['query', 'true', '--limit', '0'],
  ['query', 'true', '--show', 'a,,b'],
  ['query', 'true', '--sort', '-'],
  ['query', 'true', '--count', '--explain'],
  ['query', 'true', '--count', '-l'],
  ['query', 'true', '--explain', '--limit', '3'],
  ['query', 'true', '-0', '--json'],
  ['facets'],
  ['facets', 'a', 'b'],
  ['facets', 'a', '--limit', 'all'],
  ['explain', 'a', '--rings'],
  ['log'],
  ['log', 'd', 'e'],
  ['log', 'd', '--from', '0'],
  ['log', 'd', '--until', '1.5'],
  ['log', 'd', '--from', '3', '--until', '2'],
  ['replay'],
  ['replay', 'd', '--until', 'now'],
  ['replay', 'd', '-', '-'],
  ['exec'],
  ['exec', 'true'],
  ['exec', '--in', 'x', '--', 'true'],
  ['exec', '--in', 'x', '--in', 'x', '--', 'cat', '{x}'],
  ['exec', '--out', 'f=x', '--out', 'f=y', '--', 'true'],
  ['exec', '--out', 'f=x', '--out', 'g=x', '--', 'true'],
  ['run'],
  ['run', '-j', 'two', 'x'],
  ['run', '-j', '2'],
  ['run', '-j', '2', 'x', '-q', '--', 'y'],
  ['run', '--pool', 'x', 'true'],
  ['stop', 'a', 'b'],
  ['serve', 'x'],
  ['serve', '--memory', 'lots'],
  ['start', '--memory', '-4g'],
  ['members', 'x'],
  ['info', 'x'],
  ['clean', 'x'],
  ['schema'],
  ['schema', 'chekc', 'x'],
  ['schema', 'check'],
  ['schema', 'show', 'core', 'x'],
  ['schema', 'show', 'core', '-a', 'k=1'],
  ['schema', 'check', 'core', '-a', 'k'],
  ['schema', 'list', 'x'],
  ['schema', 'list', '-a', 'k=1'],
  ['schema', 'add'],
  ['schema', 'add', 'core', 'ecmwf-mars', '--name', 'x'],
  ['schema', 'add', 'core', '--in-pool'],
  ['schema', 'rm'],
  ['schema', 'rm', 'core', '--name', 'x'],
  ['schema', 'show', 'core', '--in-pool', '--namespace', '.x.'],
  ['container'],
  ['container', 'mk', 'x'],
  ['container', 'add'],
  ['container', 'add', ''],
  ['container', 'add', 'x', 'y'],
  ['container', 'add', 'x', '-a', 'k'],
  ['container', 'add', 'x', '--tag', 'k'],
  ['container', 'add', 'x', '--lifetime', '0'],
  ['container', 'add', 'x', '--yes'],
  ['container', 'ls', 'x'],
  ['container', 'ls', '-a', 'k=1'],
  ['container', 'show'],
  ['container', 'rm', 'x', 'y'],
  ['collection'],
  ['collection', 'add'],
  ['collection', 'add', 'x', '--where', ' '],
  ['collection', 'add', 'x', '--dry-run'],
  ['collection', 'ls', 'x'],
  ['collection', 'put'],
  ['collection', 'put', 'x'],
  ['collection', 'put', 'x', 'y', '-w', 'true'],
  ['collection', 'put', 'x', '--where', ''],
  ['collection', 'take', 'x', '--doc', 'y'],
  ['collection', 'rm', 'x', '-w', 'true'],
  ['cube'],
  ['cube', 'a', 'b'],
  ['cube', 'a', '--axes', 'k'],
  ['cube', 'a', '--of', 'true'],
  ['cube', 'a', '--of', ' ', '--axes', 'k'],
  ['cube', 'a', '--of', 'true', '--axes', 'k', '--label', 'k'],
  ['cube', 'a', '--of', 'true', '--axes', 'k', '--label', 'k=1,,2'],
  ['cube', 'a', '--newest'],
  ['cube', 'a', '--fill', '0'],
  ['cube', 'a', '-o', 'f.npy', '--fill', 'none'],
  ['cube', 'a', '-o', 'f.npy', '--holes', 'skip'],
  ['cube', 'a', '-r', 'step'],
  ['cube', 'a', '-r', 'step='],
  ['cube', 'a', '-r', 'step=0,step=6'],
  ['cube', 'a', '-r', 'step=..'],
  ['cube', 'a', '-r', 'step=a..b..c'],
  ['relate', 'x', 'part-of'],
  ['relate', 'x', 'part', 'y'],
  ['relate', 'x', 'part-of', 'y', 'z'],
  ['help', 'x', 'y'],
];

test('words that a command does not take are refused before a pool is asked', async () => {
  const environment = { ATTACCA_POOL: 'unix:/nowhere/socket' };
  const { signal } = new AbortController();
  for (const [name = '', ...args] of WRONG) {
    const entry = findCommand(name);
    assert.ok(entry !== null);
    const { command } = await entry.load();
    const options = { ...command.options, ...COMMON_OPTIONS };
    const mistake = async (): Promise<number> => {
      const line = parseCommandLine(args, options, command.parsing);
      return await command.run({ command: name, environment, signal }, line);
    };
    await assert.rejects(mistake, { name: 'UsageError' }, `${name} ${args.join(' ')}`);
  }
});

test('without a pool, or with one that is not there, the exit code is 4', async () => {
  const results = await Promise.all([
    attacca(['ls']),
    attacca(['get', 'x'], { pool: 'unix:/nowhere/socket' }),
    attacca(['put', '--name', 'x', '-'], { pool: 'no-pool-of-this-name' }),
    attacca(['wait', 'x', '--pool', 'tcp://127.0.0.1:1']),
    attacca(['exec', '--', 'true'], { pool: 'unix:/nowhere/socket' }),
    attacca(['stop', 'no-pool-of-this-name']),
  ]);
  for (const { code, out, err } of results) {
    assert.equal(code, 4, err);
    assert.equal(out, '');
    assert.match(err, /^attacca \w+: Cannot .* \(pool-unreachable\)\n$/u);
  }
});

test('an address or a name that can be none is refused', async () => {
  const bad = async (pool: string, code: string): Promise<void> => {
    const result = await attacca(['ls', '--pool', pool]);
    assert.equal(result.code, 1);
    assert.match(result.err, new RegExp(`\\(${code}\\)\n$`, 'u'));
  };
  await Promise.all([
    bad('unix:', 'bad-argument'),
    bad('tcp://host', 'bad-argument'),
    bad('tcp://host:99999', 'bad-argument'),
    bad('../../etc', 'bad-name'),
    bad('a\nb', 'bad-name'),
    bad(`unix:/${'x'.repeat(200)}`, 'bad-argument'),
  ]);
});

test('with --json errors are JSON too', async () => {
  const results = await Promise.all([
    attacca(['ls', '--json'], { pool: 'unix:/nowhere/socket' }),
    attacca(['get', '--json']),
    attacca(['frobnicate', '--json']),
  ]);
  const errors = results.map(({ err }) => jsonLines(err)[0]?.['error']);
  const codes = errors.map((error) => (error as { code?: string }).code);
  assert.deepEqual(codes, ['pool-unreachable', 'usage', 'usage']);
  assert.equal((errors[0] as { command?: string }).command, 'ls');
  assert.equal((errors[0] as { retryable?: boolean }).retryable, true);
});

test('options may stand before the command', async () => {
  const { code, err } = await attacca(['--pool', 'unix:/nowhere/socket', '-q', 'ls']);
  assert.equal(code, 4);
  assert.match(err, /nowhere/u);
});

test('arguments that are not UTF-8 are refused: they would name something else', async (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc/self/cmdline');
  const { code, err } = await shell(`attacca get '�' "$(printf 'a\\377\\001b')" c`).ended;
  assert.equal(code, 1);
  assert.equal(
    err,
    'attacca get: Cannot use argument 3, "a\\xff\\x01b": it is not well-formed UTF-8 (bad-name)\n',
  );
});
