import assert from 'node:assert/strict';
import { randomFillSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, join as joinPool } from '../../src/client/index.js';
import { npyHeader } from '../../src/formats/npy/header.js';
import { type ServeOptions, type TestPool, testPool } from '../../src/testing/index.js';
import {
  attacca,
  attaccaPath,
  filesOf,
  jsonLines,
  type Result,
  startAttacca,
  untilDemanded,
} from './command.js';

const random = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

interface Place {
  readonly pool: TestPool;
  readonly directory: string;
  /** The directory of the pool's slabs, if it has any. */
  readonly slabs: string | null;
  /** Scratch files that were left there. */
  readonly left: () => Promise<string[]>;
  readonly run: (...words: readonly string[]) => Promise<Result>;
}

async function place(t: TestContext, options: Omit<ServeOptions, 'address'> = {}): Promise<Place> {
  const pool = await testPool(options);
  t.after(() => pool.close());
  const directory = await filesOf(t);
  const view = await connect({ address: pool.address });
  const slabs = view.slabsDirectory;
  await view.close();
  return {
    pool,
    directory,
    slabs,
    left: async () => {
      const names = slabs === null ? [] : await readdir(slabs);
      return names.filter((name) => name.startsWith('scratch-') || name.startsWith('adopt-'));
    },
    run: (...words) => attacca(words, { pool: pool.address, directory }),
  };
}

test('files of its own: inputs appear, outputs are offered, inputs go', async (t) => {
  const { pool, directory, run, left } = await place(t);
  await using member = await joinPool({ address: pool.address, member: 'test' });
  await member.put('small', Buffer.from('small\n'));
  await member.put('t/850/step=6', random(300_000));
  const result = await run(
    ...['exec', '--in', 'small=a.txt', '--in', 't/850/step=6=b.bin', '--out', 'c.bin=sum=1', '--'],
    ...['sh', '-c', 'cat a.txt b.bin > c.bin'],
  );
  assert.deepEqual([result.code, result.out, result.err], [0, '', '']);
  assert.deepEqual(await readdir(directory), ['c.bin'], 'a file of another file system stays');
  await using sum = await member.object('sum=1').demand();
  assert.ok((await readFile(join(directory, 'c.bin'))).equals(sum.unsafeBytes()));
  assert.equal(sum.unsafeBytes().length, 300_006);
  assert.deepEqual(await left(), []);
});

test('{NAME} stands for a file beside the slabs: what is made there is not copied', async (t) => {
  const { run, left, pool } = await place(t);
  const made = await run(
    'exec',
    '--out',
    'big',
    '--',
    'sh',
    '-c',
    'head -c 3000000 /dev/zero > {big}',
  );
  assert.equal(made.code, 0, made.err);
  const seen = await run('exec', '--in', 'big', '--', 'readlink', '{big}');
  assert.equal(seen.code, 0, seen.err);
  await using view = await connect({ address: pool.address });
  if (view.slabsDirectory !== null) {
    assert.match(seen.out, /\/slab-\d+\n$/u, 'the input is the slab itself');
  }
  const copied = await run('exec', '--in', 'big', '--out', 'copy', '--', 'cp', '{big}', '{copy}');
  assert.equal(copied.code, 0, copied.err);
  const got = await run('get', 'copy');
  assert.ok(got.bytes.equals(Buffer.alloc(3_000_000)));
  assert.deepEqual(await left(), []);
});

test('a file in the file system of the slabs is moved into the pool', async (t) => {
  const { pool, slabs } = await place(t);
  if (slabs === null) return t.skip('there is no shared memory here');
  const directory = await mkdtemp(join(slabs, '../attacca-test-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const bytes = random(1_000_000);
  await writeFile(join(directory, 'source'), bytes);
  const around = { pool: pool.address, directory };
  const made = await attacca(['exec', '--out', 'out=x', '--', 'cp', 'source', 'out'], around);
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(await readdir(directory), ['source']);
  const got = await attacca(['get', 'x'], around);
  assert.ok(got.bytes.equals(bytes));
  // What is offered already is told before the command has worked for nothing.
  const again = await attacca(['exec', '--out', 'out=x', '--', 'cp', 'source', 'out'], around);
  assert.equal(again.code, 1);
  assert.match(again.err, /not run .*\(already-offered\)\n$/u);
  assert.deepEqual(await readdir(directory), ['source']);
  // When it cannot be offered afterwards the file is there again.
  const other = `cp source out; ${process.execPath} ${attaccaPath} put y=source`;
  const late = await attacca(['exec', '--out', 'out=y', '--', 'sh', '-c', other], around);
  assert.equal(late.code, 1);
  assert.match(late.err, /\(already-offered\)\n$/u);
  assert.ok((await readFile(join(directory, 'out'))).equals(bytes));
  const replaced = await attacca(
    ['exec', '--replace', '--out', 'out=x', '--', 'sh', '-c', 'echo new > out'],
    around,
  );
  assert.equal(replaced.code, 0, replaced.err);
  assert.equal((await attacca(['get', 'x'], around)).out, 'new\n');
});

test('the same without shared memory', async (t) => {
  const { run, directory } = await place(t, { shm: false });
  await writeFile(join(directory, 'in'), random(500_000));
  await run('put', 'in');
  const result = await run('exec', '--in', 'in=data', '--out', 'out', '--', 'cp', 'data', '{out}');
  assert.equal(result.code, 0, result.err);
  const got = await run('get', 'out');
  assert.ok(got.bytes.equals(await readFile(join(directory, 'in'))));
  assert.deepEqual(await readdir(directory), ['in']);
});

test('with --npy files have headers on both sides', async (t) => {
  const { run, directory } = await place(t);
  const space = { dtype: 'float64', shape: [100, 500], order: 'row', byteOrder: 'little' } as const;
  const file = Buffer.concat([npyHeader(space), random(400_000)]);
  await writeFile(join(directory, 'source.npy'), file);
  const made = await run('exec', '--npy', '--out', 'a', '--', 'cp', 'source.npy', '{a}');
  assert.equal(made.code, 0, made.err);
  const again = await run('exec', '--npy', '--in', 'a', '--out', 'b', '--', 'cp', '{a}', '{b}');
  assert.equal(again.code, 0, again.err);
  assert.ok((await run('get', 'b', '--as', 'npy')).bytes.equals(file));
  assert.ok((await run('get', 'b')).bytes.equals(file.subarray(128)));
  const raw = await run('exec', '--in', 'a=raw', '--', 'cat', 'raw');
  assert.ok(raw.bytes.equals(file.subarray(128)));
  const bad = await run('exec', '--npy', '--out', 'c', '--', 'sh', '-c', 'echo text > {c}');
  assert.equal(bad.code, 1);
  assert.match(bad.err, /\(not-a-npy-file\)\n$/u);
});

test('files that end in .npy have headers, others beside them have none', async (t) => {
  const { run, directory } = await place(t);
  const space = { dtype: 'int16', shape: [3, 2], order: 'row', byteOrder: 'little' } as const;
  const file = Buffer.concat([npyHeader(space), random(12)]);
  await writeFile(join(directory, 'field.npy'), file);
  assert.equal((await run('put', 'field.npy')).code, 0);
  const words = ['--in', 'field=f.npy', '--in', 'field=f.dat', '--out', 'g.npy=g', '--out', 's=s'];
  const script = 'cp f.npy g.npy; wc -c < f.dat > s';
  const made = await run('exec', ...words, '--json', '--', 'sh', '-c', `echo said; ${script}`);
  assert.equal(made.code, 0, made.err);
  assert.deepEqual(
    jsonLines(made.out).map(({ name, offered }) => [name, offered]),
    [
      ['g', true],
      ['s', true],
    ],
  );
  assert.equal(made.err, 'said\n');
  const [g, s] = [await run('get', 'g', '--as', 'npy'), await run('get', 's')];
  assert.ok(g.bytes.equals(file));
  assert.equal(s.out.trim(), '12');
  const told = await run('get', 'g', '-o', 'copy.npy', '--json');
  const [record] = jsonLines(told.out);
  assert.deepEqual([record?.['name'], record?.['shape']], ['g', [3, 2]]);
});

test('one {NAME} for an input and an output is refused with what helps', async (t) => {
  const { run } = await place(t);
  const { code, err } = await run('exec', '--in', 'y', '--out', 'y', '--', 'cp', '{y}', '{y}');
  assert.equal(code, 2);
  assert.match(err, /\{y\} cannot stand for both --in "y" and --out "y": give one of them a FILE/u);
});

test('a program that fails offers nothing, and its exit code is ours', async (t) => {
  const { run, left, directory } = await place(t);
  const failed = await run('exec', '--out', 'x', '--', 'sh', '-c', 'echo half > {x}; exit 7');
  assert.equal(failed.code, 7);
  assert.match(failed.err, /nothing is offered: sh ended with exit 7\n$/u);
  const killed = await run('exec', '--out', 'f=x', '--', 'sh', '-c', 'echo half > f; kill -9 $$');
  assert.equal(killed.code, 128 + 9);
  assert.match(killed.err, /nothing is offered: sh was ended by SIGKILL\n$/u);
  const absent = await run('exec', '--', 'no-such-command');
  assert.equal(absent.code, 127);
  assert.match(
    absent.err,
    /^attacca exec: Cannot run "no-such-command": there is no such command \(ENOENT\)\n$/u,
  );
  assert.equal((await run('exec', '--', directory)).code, 126);
  assert.equal((await run('ls')).out, '');
  assert.deepEqual(await left(), []);
});

test('words that are too long for the system are told so', async (t) => {
  await using pool = await testPool();
  await using member = await joinPool({ address: pool.address, member: 'm' });
  await member.put('a', new Uint8Array(1));
  const around = { pool: pool.address, directory: await filesOf(t) };
  const line = ['exec', '--in', 'a', '--', 'echo', '{a}'.repeat(20_000)];
  const { code, out, err } = await attacca(line, around);
  assert.deepEqual([code, out], [126, '']);
  assert.match(err, /Cannot run "echo": its arguments .* too long for the system \(E2BIG\)\n$/u);
});

test('an output that was not made, or was there before, is no output', async (t) => {
  const { run, directory } = await place(t);
  await writeFile(join(directory, 'old'), 'of yesterday');
  const missing = await run('exec', '--out', 'f=x', '--out', 'g=y', '--', 'sh', '-c', 'echo > g');
  assert.equal(missing.code, 1);
  assert.match(missing.err, /Cannot offer "x" from "f": the command has not made it/u);
  const stale = await run('exec', '--out', 'old=x', '--', 'true');
  assert.equal(stale.code, 1);
  assert.match(stale.err, /it was there before, and the command has not written to it/u);
  const folder = await run('exec', '--out', 'd=x', '--', 'mkdir', 'd');
  assert.match(folder.err, /it is not a regular file/u);
  assert.equal((await run('ls')).out, '', 'y is not offered either');
});

test('a file that is there is never overwritten by an input', async (t) => {
  const { run, directory } = await place(t);
  await writeFile(join(directory, 'mine'), 'precious');
  await run('put', '--name', 'x', 'mine');
  const { code, err } = await run('exec', '--in', 'x=mine', '--', 'rm', 'mine');
  assert.equal(code, 1);
  assert.match(err, /Cannot make the file "mine": it exists already \(file-error\)\n$/u);
  assert.equal(await readFile(join(directory, 'mine'), 'utf8'), 'precious');
});

test('a link that a killed command has left is no obstacle, one of somebody else is', async (t) => {
  const { run, directory } = await place(t);
  await writeFile(join(directory, 'in'), 'content');
  await run('put', 'in');
  await symlink('/dev/shm/attacca-0-x/scratch-7.abc/0/in', join(directory, 'ours'));
  await symlink('/nowhere/at/all', join(directory, 'theirs'));
  const made = await run('exec', '--in', 'in=ours', '--', 'cat', 'ours');
  assert.deepEqual([made.code, made.out], [0, 'content']);
  const refused = await run('exec', '--in', 'in=theirs', '--', 'cat', 'theirs');
  assert.equal(refused.code, 1);
  assert.match(refused.err, /Cannot make the file "theirs": it exists already/u);
});

test('who waits for an output hears at once when the program fails', async (t) => {
  const { pool, directory, run } = await place(t);
  await using view = await connect({ address: pool.address });
  const around = { pool: pool.address, directory };
  const producer = startAttacca(
    ['exec', '--in', 'go=go', '--out', 'x', '--', 'false', '{x}'],
    around,
  );
  await untilDemanded(view, 'go');
  const consumer = startAttacca(['get', 'x'], around);
  await untilDemanded(view, 'x');
  await run('put', '--name', 'go', '-');
  assert.equal((await producer.ended).code, 1);
  const { code, err } = await consumer.ended;
  assert.equal(code, 3);
  assert.match(err, /promised and closed by exec\[0\] \(nobody-will-offer\)\n$/u);
});

test('Ctrl-C ends the wait for inputs, and the program that runs with all that it started', async (t) => {
  const { pool, directory, left } = await place(t);
  await using view = await connect({ address: pool.address });
  const around = { pool: pool.address, directory };
  const waiting = startAttacca(['exec', '--in', 'x=f', '--', 'true'], around);
  await untilDemanded(view, 'x');
  waiting.process.kill('SIGINT');
  assert.equal((await waiting.ended).signal, 'SIGINT');

  const script = 'echo started > {x}; sleep 1000 & echo $$; exec sleep 1000';
  const running = startAttacca(['exec', '--out', 'x', '--', 'sh', '-c', script], around);
  await running.said(/\n/u);
  running.process.kill('SIGINT');
  // `ended` waits until the last of its processes has closed our pipe.
  const { signal, out } = await running.ended;
  assert.equal(signal, 'SIGINT');
  assert.match(out, /^\d+\n$/u);
  assert.deepEqual(await left(), []);
  assert.deepEqual(await view.members(), []);
});

test('a program that does not end upon Ctrl-C: the third kills it, the second says so', async (t) => {
  const { pool, directory } = await place(t);
  const around = { pool: pool.address, directory };
  const script = 'trap "" INT; echo started; while :; do sleep 0.1; done';
  const running = startAttacca(['exec', '--out', 'x=y', '--', 'sh', '-c', script], around);
  await running.said(/started\n/u);
  // Signals that come at the same time are one.
  for (const { process } = running; process.exitCode === null && process.signalCode === null; ) {
    process.kill('SIGINT');
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { err } = await running.ended;
  assert.match(err, /attacca: what runs has not ended upon SIGINT; once more kills it\n/u);
});

test('a program whose pool was stopped meanwhile: its failure says so', async (t) => {
  const { pool, directory } = await place(t);
  const around = { pool: pool.address, directory };
  const script = 'echo started; while [ ! -e go ]; do sleep 0.05; done; echo x > {x}';
  const running = startAttacca(['exec', '--out', 'x', '--', 'sh', '-c', script], around);
  await running.said(/started\n/u);
  await pool.close();
  await writeFile(join(directory, 'go'), '');
  // Its directory went with the pool; what the shell says of that is its own.
  const { code, err } = await running.ended;
  assert.notEqual(code, 0);
  assert.match(err, /nothing is offered: sh .*; its files went with the pool: .*stopped/u);
});

test('what a killed command leaves beside the slabs goes, what others use stays', async (t) => {
  const { pool, directory, slabs, left } = await place(t);
  if (slabs === null) return t.skip('there is no shared memory here');
  const around = { pool: pool.address, directory };
  const script = 'head -c 100000 /dev/zero > {x}; echo {x} $$; exec sleep 1000';
  const start = () => startAttacca(['exec', '--out', 'x', '--', 'sh', '-c', script], around);
  const [killed, lives] = [start(), start()];
  const said = [await killed.said(/\n/u), await lives.said(/\n/u)];
  const [gone = '', pid] = said[0]?.trim().split(' ') ?? [];
  const [kept = ''] = said[1]?.split(' ') ?? [];
  t.after(() => lives.process.kill('SIGINT'));
  assert.equal((await left()).length, 2);
  killed.process.kill('SIGKILL');
  while (existsSync(gone)) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(existsSync(kept));
  // Its program has a group of its own, and goes on.
  process.kill(Number(pid), 'SIGKILL');
  while ((await left()).length !== 1) await new Promise((resolve) => setImmediate(resolve));
  lives.process.kill('SIGINT');
  assert.equal((await lives.ended).signal, 'SIGINT');
  assert.deepEqual(await left(), []);
});

test('the pool is known to the program, standard input goes to it', async (t) => {
  const { pool, directory } = await place(t);
  const { out } = await attacca(['exec', '--', 'sh', '-c', 'cat; echo "$ATTACCA_POOL"'], {
    pool: pool.address,
    directory,
    input: 'line\n',
  });
  assert.equal(out, `line\n${pool.address}\n`);
});
