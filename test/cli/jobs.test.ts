import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { infoOf } from '../../src/cli/exec/spec.js';
import { parseJobs } from '../../src/cli/jobs/parse.js';
import { inOrderOfNeeds } from '../../src/cli/jobs/ring.js';
import { connect, type Lineage } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import {
  attacca,
  attaccaPath,
  filesOf,
  jsonLines,
  startAttacca,
  untilDemanded,
} from './command.js';

test('lines of jobs are read with their numbers', () => {
  const jobs = parseJobs([
    '# a comment',
    '',
    'echo a b',
    'echo a > b',
    '--in x --out y=z -- \\',
    '  cp {x} y',
    "--in 'a b' --npy -- cat '{a b}'",
  ]);
  assert.deepEqual(
    jobs.map(({ line, spec }) => [line, spec.program]),
    [
      [3, { kind: 'words', words: ['echo', 'a', 'b'] }],
      [4, { kind: 'shell', text: 'echo a > b' }],
      [5, { kind: 'words', words: ['cp', '{x}', 'y'] }],
      [7, { kind: 'words', words: ['cat', '{a b}'] }],
    ],
  );
  assert.deepEqual(jobs[2]?.spec.inputs, [{ name: 'x', path: null }]);
  assert.deepEqual(jobs[2]?.spec.outputs, [{ name: 'z', path: 'y' }]);
  assert.equal(jobs[3]?.spec.npy, true);
});

test('a line that makes no sense is refused by its number', () => {
  const says = (pattern: RegExp, ...lines: string[]): void => {
    assert.throws(() => parseJobs(lines), { name: 'UsageError', message: pattern });
  };
  says(/^line 2 of the jobs: .*no -- before its command/u, 'true', '--in x=f true');
  says(/^line 1 of the jobs: .*no command behind --/u, '--in x=f --');
  says(/^line 1 of the jobs: there is no option "--ni"/u, '--ni x=f -- true');
  says(/^line 1 of the jobs: .*quote at 6 is not closed/u, "--in 'x=f -- true");
  says(/^line 1 of the jobs: --in "x" is no NAME=FILE/u, '--in x -- true');
  says(/^line 2 of the jobs: line 1 makes "x" too/u, '--out f=x -- a', '--out g=x -- b');
});

test('jobs that need each other are refused at the start, with the ring they form', () => {
  const job = (needs: readonly string[], makes: string): string =>
    `${needs.map((name) => `--in ${name}=f.${name}`).join(' ')} --out g=${makes} -- true`;
  const says = (message: string, ...lines: string[]): void => {
    assert.throws(() => parseJobs(lines), { name: 'UsageError', message });
  };
  says(
    'line 1 of the jobs: it needs "y", which line 2 makes, which needs "x" of line 1: ' +
      'none of them can start',
    job(['y'], 'x'),
    job(['x'], 'y'),
  );
  says('line 1 of the jobs: it needs "x", which it makes itself: it cannot start', job(['x'], 'x'));
  says(
    'line 2 of the jobs: it needs "c", which line 3 makes, which needs "d", ' +
      'which line 4 makes, which needs "b" of line 2: none of them can start',
    job(['b'], 'a'),
    job(['x', 'c'], 'b'),
    job(['d'], 'c'),
    job(['y', 'b', 'a'], 'd'),
  );
  // Needs that meet again are no ring.
  const diamond = [job(['b', 'c'], 'd'), job(['a'], 'b'), job(['a'], 'c'), job(['z'], 'a')];
  assert.equal(parseJobs(diamond).length, 4);
});

test('a ring of 100,000 jobs is found, and a chain of as many is none', () => {
  const count = 100_000;
  const chain = Array.from({ length: count }, (_, at) => `--in o${at}=f --out g=o${at + 1} -- a`);
  assert.equal(parseJobs(chain.toReversed()).length, count);
  const ring = [...chain, `--in o${count}=f --out g=o0 -- a`];
  assert.throws(() => parseJobs(ring), {
    message:
      /^line 1 of the jobs: it needs "o0", which line 100001 makes, .* \(99,992 lines more\), which line 2 makes, which needs "o1" of line 1: none/u,
  });
});

test('jobs start when their inputs are there, whatever the order of lines', async (t) => {
  const directory = await filesOf(t);
  const jobs = [
    '--in b --in c --out d -- cat {b} {c} > {d}',
    '--in a --out b -- sed s/a/b/ {a} > {b}',
    '--in a --out c -- sed s/a/c/ {a} > {c}',
    '--in d -- cp {d} result',
    '--out a -- echo a > {a}',
  ];
  await writeFile(join(directory, 'jobs'), jobs.join('\n'));
  for (const limit of ['1', '0']) {
    const { code, out, err } = await attacca(['run', '-j', limit, '--memory', '16m', 'jobs'], {
      directory,
    });
    assert.equal(code, 0, err);
    assert.equal(out, '');
    assert.match(err, /^(?:attacca run: WARNING.*\n)*attacca run: 5 jobs done in .*\n$/u);
    assert.equal(await readFile(join(directory, 'result'), 'utf8'), 'b\nc\n');
  }
});

test('what a job makes was made of its own inputs, whatever else the list does', async (t) => {
  await using pool = await testPool();
  const around = { pool: pool.address, directory: await filesOf(t) };
  const input = [
    '--out x1 -- echo 1 > {x1}',
    '--out x2 -- echo 2 > {x2}',
    '--in x1 --out y1 -- cat {x1} > {y1}',
    '--in x2 --out y2 -- cp {x2} {y2}',
  ].join('\n');
  const { code, err } = await attacca(['run', '-j', '1', '-q', '-'], { ...around, input });
  assert.deepEqual([code, err], [0, '']);
  const lineages = await Promise.all(
    ['y1', 'y2'].map((name) => attacca(['lineage', name, '--up', '--json'], around)),
  );
  const told = lineages.map(({ out }) => {
    const [lineage] = jsonLines(out) as unknown as Lineage[];
    assert.ok(lineage !== undefined);
    const { nodes, edges, activities } = lineage;
    return {
      made: nodes.map(({ name, activity }) => [name, activities[activity ?? -1]?.command]),
      derived: edges.flatMap((edge) => (edge.kind === 'derived' ? [[edge.from, edge.to]] : [])),
      used: edges.flatMap((edge) => (edge.kind === 'used' ? [edge.to] : [])),
      stays: activities.map(({ member, stay }) => [member.replace(/\d+/u, 'N'), stay]),
    };
  });
  const alike = {
    derived: [[0, 1]],
    used: [1],
    stays: [
      ['exec[N]', 'left'],
      ['exec[N]', 'left'],
    ],
  };
  assert.deepEqual(told, [
    {
      made: [
        ['y1', 'cat {x1} > {y1}'],
        ['x1', 'echo 1 > {x1}'],
      ],
      ...alike,
    },
    {
      made: [
        ['y2', 'cp {x2} {y2}'],
        ['x2', 'echo 2 > {x2}'],
      ],
      ...alike,
    },
  ]);
});

test('jobs with objects are members by their commands while they wait, and not behind', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  const input = "--in x -- cat {x} 'a b' -\n--out y -- false {y}\ntrue\n--in y -- cat {y}\n";
  const running = startAttacca(['run', '-j', '2', '-q', '--json', '-'], {
    pool: pool.address,
    input,
  });
  // The first to end is the job that fails; then the one that it feeds.
  await running.said(/"line":4.*"skipped"/u);
  await untilDemanded(view, 'x');
  // Nobody waits for a job to have left.
  let members = await view.members();
  while (members.length > 2) members = await view.members();
  assert.deepEqual(
    members.map(({ name, requires }) => [name, requires]),
    [
      ['run[0]', 0],
      ['exec[0]', 1],
    ],
  );
  assert.equal(members[1]?.['command'], "cat {x} 'a b' -");
  assert.match(String(members[0]?.['command']), / run -j 2 -q --json -$/u);
  running.process.kill('SIGINT');
  await running.ended;
  assert.deepEqual(await view.members(), []);
});

test('a program is told as one would type it, each word as it is', () => {
  const told = (...words: [string, ...string[]]) => infoOf({ kind: 'words', words }).command;
  assert.equal(told('sort', '{t/850.npy}', '-o', '{a}'), 'sort {t/850.npy} -o {a}');
  assert.equal(told('sh', '-c', 'cat "$1"', "it's", ''), `sh -c 'cat "$1"' 'it'\\''s' ''`);
  // Braces that a shell would expand, or read as a list of commands.
  assert.equal(told('echo', '{a,b}', '{1..3}', '{', '}'), "echo '{a,b}' '{1..3}' '{' '}'");
  assert.equal(infoOf({ kind: 'shell', text: 'a > b' }).command, 'a > b');
  assert.equal(told('x'.repeat(70_000)).length, 1_000);
});

test('an order of needs has each job behind those that make what it needs', () => {
  const lines = ['--in b --in c -- cat {b} {c}', '--in a --out b -- cp {a} {b}'];
  const jobs = parseJobs([...lines, '--out c -- date > {c}', 'true', '--out a -- date > {a}']);
  assert.deepEqual(
    inOrderOfNeeds(jobs).map(({ line }) => line),
    [5, 2, 3, 1, 4],
  );
});

test('failures are named; what needs them is skipped, all else is done', async (t) => {
  const directory = await filesOf(t);
  const jobs = [
    '--out a -- false {a}',
    '--in a --out b -- cp {a} {b}',
    '--in b -- cat {b}',
    'exit 3',
    'echo done > done',
    'no-such-command',
  ];
  const around = { directory, input: jobs.join('\n') };
  const { code, err } = await attacca(['run', '-j', '2', '--memory', '16m', '-'], around);
  assert.equal(code, 1);
  assert.match(err, /line 1 failed: exit 1: --out a/u);
  assert.match(err, /line 2 skipped: "a" is not made: line 1 has not been done/u);
  assert.match(err, /line 3 skipped: "b" is not made: line 2 has not been done/u);
  assert.match(err, /line 4 failed: exit 3: exit 3/u);
  assert.match(err, /line 6 failed: exit 127: no-such-command/u);
  assert.match(err, /attacca run: 1 job done, 3 failed, 2 skipped in /u);
  assert.deepEqual(await readdir(directory), ['done']);
  const json = await attacca(['run', '-j', '2', '--memory', '16m', '--json', '-'], around);
  const records = jsonLines(json.out);
  const { seconds, ...sum } = records.pop() ?? {};
  assert.deepEqual(sum, { jobs: 6, done: 1, there: 0, failed: 3, skipped: 2 });
  assert.equal(typeof seconds, 'number');
  const states = records.map(({ line, state }) => [line, state]);
  assert.deepEqual(
    states.sort(([one], [other]) => Number(one) - Number(other)),
    [
      [1, 'failed'],
      [2, 'skipped'],
      [3, 'skipped'],
      [4, 'failed'],
      [5, 'done'],
      [6, 'failed'],
    ],
  );
});

test('what the pool has already is told before a job has worked for nothing', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { directory, pool: pool.address, input: '--out a -- echo x > {a}\n' };
  const first = await attacca(['run', '-j', '2', '-'], around);
  assert.equal(first.code, 0, first.err);
  const again = await attacca(['run', '-j', '2', '-'], {
    ...around,
    input: '--out a -- touch ran {a}',
  });
  assert.equal(again.code, 0);
  assert.match(again.err, /^attacca run: 0 jobs done, 1 not run as what they make is there al/u);
  assert.deepEqual((await readdir(directory)).includes('ran'), false);
  const replaced = await attacca(['run', '-j', '2', '--replace', '-'], {
    ...around,
    input: '--out a -- echo new > {a}',
  });
  assert.equal(replaced.code, 0, replaced.err);
});

test('a list that is run again goes on where it was: what is there is not made again', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const list = [
    '--out a --out b -- cp seed {a}; cp seed {b}',
    '--in a --out c -- sh -c "cat {a} {a} > {c}; echo >> ran"',
    '--in b --in never --out d -- cat {b} {never} > {d}',
    '--in c -- cp {c} result',
  ];
  const around = { directory, pool: pool.address, input: list.join('\n') };
  const put = (name: string) =>
    attacca(['put', '--name', name, '-'], { pool: pool.address, input: name });
  for (const name of ['a', 'b', 'd']) assert.equal((await put(name)).code, 0);
  // The input of line 3 is nowhere: nobody waits for it.
  const { code, err } = await attacca(['run', '-j', '2', '-'], around);
  assert.equal(code, 0, err);
  assert.match(err, /^attacca run: 2 jobs done, 2 not run as what they make is there already in /u);
  assert.equal(await readFile(join(directory, 'result'), 'utf8'), 'aa');
  const json = await attacca(['run', '-j', '2', '--json', '-'], around);
  const records = jsonLines(json.out);
  const { seconds: _, ...sum } = records.pop() ?? {};
  assert.deepEqual(sum, { jobs: 4, done: 1, there: 3, failed: 0, skipped: 0 });
  assert.equal(records.filter(({ state }) => state === 'there').length, 3);
  assert.equal(await readFile(join(directory, 'ran'), 'utf8'), '\n', 'once');
});

test('a job of whose outputs some are there is refused: nobody knows whose they are', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  await attacca(['put', '--name', 'a', '-'], { pool: pool.address, input: 'of others' });
  const around = { directory, pool: pool.address, input: '--out a --out b -- cp {a} {b}' };
  const { code, err } = await attacca(['run', '-j', '2', '-'], around);
  assert.equal(code, 1);
  assert.match(err, /line 1 skipped: Cannot make "a": it is offered already; the comm/u);
});

test('in a pool of their own an input that no job makes is told', async () => {
  const input = '--out abc -- echo x > {abc}\n--in abd -- cat {abd}\n';
  const words = ['run', '-j', '2', '--memory', '16m', '--timeout', '200ms', '-'];
  const { code, err } = await attacca(words, { input });
  assert.equal(code, 1);
  assert.match(err, /WARNING: no job makes "abd", which is waited for\. Did you mean "abc"\?\n/u);
});

test('an input that no job makes is waited for as long as was said', async () => {
  await using pool = await testPool();
  const input = '--in x --out y -- cp {x} {y}\n--in y -- cat {y}\n';
  const late = await attacca(['run', '-j', '2', '--timeout', '50ms', '-'], {
    pool: pool.address,
    input,
  });
  assert.equal(late.code, 1);
  assert.match(late.err, /line 1 skipped: Cannot demand "x": .*\(deadline-passed\)/u);
  await using view = await connect({ address: pool.address });
  const running = startAttacca(['run', '-j', '2', '-'], { pool: pool.address, input });
  await untilDemanded(view, 'x');
  await attacca(['put', '--name', 'x', '-'], { pool: pool.address, input: 'here' });
  const { code, out, err } = await running.ended;
  assert.equal(code, 0, err);
  assert.equal(out, 'here');
});

test('many jobs in one process, as many at a time as were asked for', async (t) => {
  const directory = await filesOf(t);
  const lines = Array.from(
    { length: 300 },
    (_, index) => `--out o/${index} -- cp seed {o/${index}}`,
  );
  const inputs = lines.map((_, index) => `--in o/${index}`).join(' ');
  const names = lines.map((_, index) => `{o/${index}}`).join(' ');
  await writeFile(join(directory, 'seed'), 'x');
  const { code, err } = await attacca(['run', '-j', '4', '--memory', '16m', '-q', '-'], {
    directory,
    input: `${inputs} -- cat ${names} > all\n${lines.join('\n')}\n`,
  });
  assert.equal(code, 0, err);
  assert.equal(await readFile(join(directory, 'all'), 'utf8'), 'x'.repeat(300));
});

test('Ctrl-C ends all jobs and those that wait; no process and no memory stays', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  const input =
    'echo one; exec sleep 1000\nsleep 1000 & echo two; exec sleep 1000\n--in x -- cat {x}\n';
  const running = startAttacca(['run', '-j', '3', '-'], { pool: pool.address, input });
  await untilDemanded(view, 'x');
  await running.said(/one\s+two|two\s+one/u);
  running.process.kill('SIGINT');
  const { signal, err } = await running.ended;
  assert.equal(signal, 'SIGINT');
  assert.match(err, /0 jobs done/u);
  assert.deepEqual(await view.members(), []);
});

test('run makes any script a workflow, and its exit code is ours', async (t) => {
  const directory = await filesOf(t);
  const command = `attacca() { '${process.execPath}' '${attaccaPath}' "$@"; }`;
  const script = `
    echo hello | attacca put --name greeting -
    attacca get late > got &
    attacca exec --in greeting --out late -- sh -c 'tr a-z A-Z < {greeting} > {late}'
    wait
    cat got
    exit 5
  `;
  await writeFile(join(directory, 'workflow.sh'), `${command}\n${script}`);
  const words = ['run', '--memory', '16m', '--', 'sh', 'workflow.sh'];
  const { code, out, err } = await attacca(words, { directory });
  assert.equal(code, 5, err);
  assert.equal(out, 'HELLO\n');
});

test('run passes signals on, and takes its pool down', async () => {
  const script = 'trap "exit 9" TERM; echo "$ATTACCA_POOL"; sleep 1000 & wait';
  const running = startAttacca(['run', '--memory', '16m', '--', 'sh', '-c', script]);
  const address = (await running.said(/\n/u)).trim();
  running.process.kill('SIGTERM');
  assert.equal((await running.ended).code, 9);
  assert.equal((await attacca(['ls'], { pool: address })).code, 4);

  // `exec`: a shell between fork and exec loses the signal for its child.
  const killed = startAttacca(['run', '--memory', '16m', 'sh', '-c', 'echo here; exec sleep 1000']);
  await killed.said(/here/u);
  killed.process.kill('SIGINT');
  assert.equal((await killed.ended).signal, 'SIGINT');
});

test('run of a command that is not there, and of a list of jobs without -j', async (t) => {
  const directory = await filesOf(t);
  const { code, err } = await attacca(['run', '--memory', '16m', 'no-such-command']);
  assert.equal(code, 127);
  assert.match(
    err,
    /^attacca run: Cannot run "no-such-command": there is no such command \(ENOENT/u,
  );
  await writeFile(join(directory, 'jobs.txt'), 'true\n');
  for (const [file, exit] of [
    ['jobs.txt', 127],
    ['./jobs.txt', 126],
  ] as const) {
    const list = await attacca(['run', '--memory', '16m', file], { directory });
    assert.equal(list.code, exit);
    assert.match(list.err, /; if it is a list of jobs, say -j N (?:\.\/)?jobs\.txt \(E/u);
  }
});

test('with -j options may stand behind JOBS; a second word is named', async (t) => {
  const directory = await filesOf(t);
  await writeFile(join(directory, 'jobs'), 'echo done\n');
  const behind = await attacca(['run', '-j', '1', 'jobs', '-q', '--memory', '16m'], { directory });
  assert.deepEqual([behind.code, behind.out, behind.err], [0, 'done\n', '']);
  const { code, err } = await attacca(['run', '-j', '1', 'jobs', 'more', '-q'], { directory });
  assert.equal(code, 2);
  assert.match(
    err,
    /-j takes one file of JOBS, or - for standard input; "more" is a word too many \(see/u,
  );
  const passed = await attacca(['run', '--memory', '16m', 'echo', '-j', '2', '-q']);
  assert.equal(passed.out, '-j 2 -q\n');
});

test('with --json standard output holds records alone; what jobs print is on the other', async () => {
  const around = { input: 'echo from a program\necho from a shell; true\n' };
  const { code, out, err } = await attacca(
    ['run', '-j', '1', '--memory', '16m', '--json', '-'],
    around,
  );
  assert.equal(code, 0, err);
  assert.deepEqual(
    jsonLines(out).map(({ state, jobs }) => state ?? jobs),
    ['done', 'done', 2],
  );
  assert.deepEqual(err.trim().split('\n').sort(), ['from a program', 'from a shell']);
});
