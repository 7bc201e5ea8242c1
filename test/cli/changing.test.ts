import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { connect, join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, jsonLines, shell } from './command.js';
import { noTerminal, typed } from './terminal.js';

async function withSteps(member: Pool, count: number): Promise<void> {
  const items = Array.from({ length: count }, (_, step) => ({
    name: `t/${step}`,
    attributes: { step },
  }));
  await member.offerMany(items, { keep: true });
}

test('tag and untag change by name, and what is not there is told', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 3);
  const around = { pool: pool.address };
  const words = ['t/0', 'none', '-', '--set', 'quality=good', '-s', 'rank:float=2'];
  const tagged = await attacca(['tag', ...words, '--json'], { ...around, input: 't/2\n' });
  assert.equal(tagged.code, 1);
  assert.deepEqual(
    jsonLines(tagged.out).map(({ name, tagged: is }) => [name, is]),
    [
      ['t/0', true],
      ['t/2', true],
    ],
  );
  assert.match(tagged.err, /"code":"unknown-object"/u);
  const found = await attacca(['query', 'quality = "good" and rank = 2', '--sort', 'name'], around);
  assert.equal(found.out, 't/0\nt/2\n');
  const untagged = await attacca(['untag', 't/0', 't/1', '-k', 'quality', '--key', 'rank'], around);
  assert.deepEqual([untagged.code, untagged.out, untagged.err], [0, '', '']);
  assert.deepEqual((await member.stat('t/0'))['tags'], {});
});

test('with --where all that is selected is changed, and a script is not asked', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 20_000);
  const around = { pool: pool.address };
  const run = (...args: readonly string[]) => attacca(args, around);
  const tagged = await run('tag', '-w', 'step < 17000', '-s', 'early=true');
  assert.deepEqual([tagged.code, tagged.out, tagged.err], [0, '', 'tagged 17,000 objects\n']);
  assert.equal(await member.count('early = true'), 17_000);
  const untagged = await run('untag', '-w', 'has early and step >= 10', '--key', 'early', '--json');
  assert.deepEqual(jsonLines(untagged.out), [{ selected: 16_990, changed: 16_990 }]);
  assert.equal(await member.count('has early'), 10);
  const quiet = await run('withdraw', '-qw', 'early = true');
  assert.deepEqual([quiet.code, quiet.out, quiet.err], [0, '', '']);
  assert.equal((await run('rm', '-w', 'true')).err, 'deleted 19,990 objects\n');
  assert.equal(await member.count(''), 0);
  assert.equal((await run('rm', '-w', 'true')).err, 'deleted 0 objects\n');
});

test('what may not be changed is told, and the rest is changed', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 4);
  await using own = member.object('own', { attributes: { step: 0 } });
  await own.offer();
  await using needed = member.object('t/1');
  await needed.require();
  const around = { pool: pool.address };
  const withdrawn = await attacca(['withdraw', '--where', 'step in [0, 3]'], around);
  assert.equal(withdrawn.code, 1);
  assert.match(
    withdrawn.err,
    /^attacca withdraw: Cannot withdraw "own": .* \(wrong-state\)\nwithdrew 2 objects\n$/u,
  );
  const deleted = await attacca(['rm', '-w', 'step in [1, 2]', '--json'], around);
  assert.equal(deleted.code, 1);
  assert.deepEqual(jsonLines(deleted.out), [{ selected: 2, changed: 1 }]);
  assert.match(deleted.err, /"code":"object-required"/u);
  const forced = await attacca(['rm', '--force', '-w', 'name = "t/1"'], around);
  assert.deepEqual([forced.code, forced.err], [0, 'deleted 1 object\n']);
});

test('of many that are refused the first are told, and how many there are', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  const own = Array.from({ length: 130 }, (_, at) => ({ name: `own/${at}` }));
  await member.offerMany(own);
  await withSteps(member, 3);
  const around = { pool: pool.address };
  const planned = await attacca(['withdraw', '-n', '-w', 'true'], around);
  const lines = planned.out.trimEnd().split('\n');
  assert.deepEqual(
    [lines[0], lines.at(-1)],
    ['would withdraw 3 objects', 'would not withdraw 30 others'],
  );
  assert.equal(lines.length, 102);
  const { code, err } = await attacca(['withdraw', '-w', 'true'], around);
  assert.equal(code, 1);
  assert.equal(err.match(/\(wrong-state\)\n/gu)?.length, 20);
  assert.match(err, /\nattacca withdraw: \.\.\. and 110 more\nwithdrew 3 objects\n$/u);
});

test('--dry-run counts and names, and changes nothing', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 1_200);
  await using needed = member.object('t/2');
  await needed.require();
  const around = { pool: pool.address };
  const run = (...args: readonly string[]) => attacca([...args, '-n'], around);
  const [all, some, none, json, tag, untag, named] = await Promise.all([
    run('rm', '-w', 'step >= 0'),
    run('rm', '-w', 'step < 3'),
    run('withdraw', '-w', 'step > 5000'),
    run('rm', '-w', 'step = 2', '--json'),
    run('tag', '-w', 'step = 7', '-s', 'a=1'),
    run('untag', 't/1', 't/none', '-k', 'a'),
    run('withdraw', 't/1', '--json'),
  ]);
  assert.match(
    all.out,
    /^would delete 1,199 objects: "t\/\d+", .*, \.\.\.\nwould not delete "t\/2": /u,
  );
  assert.equal(
    some.out,
    'would delete 2 objects: "t/0", "t/1"\nwould not delete "t/2": test requires it\n',
  );
  assert.deepEqual([some.code, some.err], [0, '']);
  assert.equal(none.out, 'would withdraw 0 objects\n');
  const [planned] = jsonLines(json.out);
  assert.deepEqual([planned?.['selected'], planned?.['changed'], planned?.['names']], [1, 0, []]);
  assert.equal(planned?.['moreNames'], 0);
  // Five are named, and how many more there are is told.
  const [many] = jsonLines((await run('rm', '-w', 'step >= 0', '--json')).out);
  assert.ok(Array.isArray(many?.['names']) && many['names'].length === 5);
  assert.deepEqual([many['changed'], many['moreNames']], [1_199, 1_194]);
  assert.equal(tag.out, 'would tag 1 object: "t/7"\n');
  assert.deepEqual([untag.code, untag.out], [1, 'would not untag "t/1": it is so already\n']);
  assert.match(untag.err, /"t\/none": .*\(unknown-object\)\n$/u);
  assert.deepEqual(jsonLines(named.out), [{ name: 't/1', changed: true, refused: false }]);
  const set = await run('tag', 't/1', '-s', 'a=1');
  assert.equal(set.out, 'would tag "t/1"\n');
  assert.equal(await member.count('not has a'), 1_200);
  await member.tag('t/1', { a: 1 });
  const again = await Promise.all([
    run('tag', 't/1', '-s', 'a=1'),
    run('tag', 't/1', '-s', 'a=1', '--json'),
    run('untag', 't/1', '-k', 'a'),
  ]);
  assert.equal(again[0].out, 'would not tag "t/1": it is so already\n');
  assert.deepEqual(jsonLines(again[1].out), [{ name: 't/1', changed: false, refused: false }]);
  assert.equal(again[2].out, 'would untag "t/1"\n');
});

test('an empty selector, as of a variable that is not set, changes nothing', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 2);
  const script = `attacca rm -w "$NOT_SET"; attacca withdraw -w ' '; attacca tag -s a=1 -w ''`;
  const { out, err } = await shell(script, { pool: pool.address }).ended;
  assert.equal(out, '');
  assert.equal(err.match(/"--where" is empty, which selects everything; say true/gu)?.length, 3);
  assert.equal(await member.count('not has a'), 2);
});

test('on a terminal it counts and asks first', { skip: noTerminal }, async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  await using member = await join({ address: pool.address, member: 'test' });
  await withSteps(member, 1_200);
  const { address } = pool;
  for (const answer of ['n\n', '\n', 'yess\n', '\u0004', '\u0003']) {
    const { code, out } = await typed(['withdraw', '-w', 'step < 1100'], address, answer);
    assert.match(out, /^withdraw 1,100 objects\? \[y\/N\] /u);
    assert.equal(code, answer === '\u0003' ? 130 : 1);
    if (code === 1) assert.match(out, /nothing was changed\n$/u);
    assert.equal(await view.count(''), 1_200);
  }
  const none = await typed(['rm', '-w', 'step > 5000'], address, '');
  assert.deepEqual([none.code, none.out, none.isAsked], [0, 'nothing is selected\n', false]);
  const yes = await typed(['withdraw', '-w', 'step < 1100'], address, 'y\n');
  assert.equal(yes.code, 0);
  assert.match(yes.out, /\nwithdrew 1,100 objects\n$/u);
  const unasked = await typed(['rm', '-y', '-w', 'step >= 0'], address, '');
  assert.deepEqual([unasked.out, unasked.isAsked], ['deleted 100 objects\n', false]);
});

/** A change of many parts that Ctrl-C ends behind the second; or that fails there by itself. */
const PROGRAM = `
  const [changing, how] = process.argv.slice(1);
  const { change } = await import(changing);
  const stop = new AbortController();
  const all = async (_, { progress }) => {
    progress(16_384);
    progress(32_768);
    if (how === 'interrupted') stop.abort(new Error('ended by SIGINT'));
    throw new Error('the pool is gone');
  };
  const connection = { awayMs: 0, lost: () => new Promise(() => {}), back: () => null, isUp: true };
  const session = { client: { connection }, view: {} };
  const context = { command: 'rm', environment: {}, signal: stop.signal };
  const options = { where: 'true', 'dry-run': false, yes: true, json: false, quiet: true };
  const chosen = { kind: 'selector', selector: 'true' };
  const deleting = { verb: 'delete', past: 'deleted', all };
  await change(context, session, options, { chosen, how: deleting }).catch((error) => {
    process.stderr.write('threw: ' + error.message + '\\n');
  });
`;

test('what is cut short says how far it came', () => {
  const module = new URL('../../src/cli/changing.js', import.meta.url).href;
  const said = (how: string): string => {
    const words = ['--input-type=module', '-e', PROGRAM, module, how];
    const { stderr, status } = spawnSync(process.execPath, words, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return stderr;
  };
  assert.equal(
    said('interrupted'),
    'attacca rm: Cannot delete all: it ended after 32,768 objects (ended by SIGINT); ' +
      'some of the next may be done as well (aborted)\nthrew: the pool is gone\n',
  );
  assert.match(
    said('failed'),
    /^threw: Cannot delete all: .* 32,768 objects \(the pool is gone\);/u,
  );
});
