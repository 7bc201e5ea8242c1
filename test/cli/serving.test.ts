import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, join as joinPool } from '../../src/client/index.js';
import { attacca, attaccaPath, jsonLines, shell, startAttacca, untilDemanded } from './command.js';

/** Sockets and shared memory of a test's own, so that nobody else's pools are seen or cleaned. */
async function home(t: TestContext): Promise<{ environment: NodeJS.ProcessEnv; shm: string }> {
  const runtime = await mkdtemp(join(tmpdir(), 'at-'));
  const shm = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'attacca-test-'));
  t.after(async () => {
    await rm(runtime, { recursive: true, force: true });
    await rm(shm, { recursive: true, force: true });
  });
  return { environment: { XDG_RUNTIME_DIR: runtime }, shm };
}

test('a job script starts a pool, uses it, and stops it', async (t) => {
  const { environment, shm } = await home(t);
  const script = `
    set -e
    eval "$(attacca start --name job42 --memory 16m --shm-dir '${shm}')"
    echo "$ATTACCA_POOL"
    echo hello | attacca put --name greeting -
    attacca get greeting
    attacca ls --pool job42
    attacca stop
    attacca ls || echo "exit $?"
  `;
  const { code, out, err } = await shell(script, { environment }).ended;
  const address = `unix:${environment['XDG_RUNTIME_DIR']}`;
  assert.equal(code, 0, err);
  assert.match(out, /^unix:\S+\/job42\/socket\nhello\ngreeting\nexit 4\n$/u);
  assert.ok(out.startsWith(address));
  assert.match(err, /^stopped unix:\S+\nattacca ls: Cannot reach the pool/u);
  assert.deepEqual(await readdir(shm), []);
});

test('a name that is in use is refused, a dead server of that name is not in the way', async (t) => {
  const { environment, shm } = await home(t);
  const start = () =>
    attacca(['start', '--name', 'x', '--memory', '16m', '--shm-dir', shm, '--json'], {
      environment,
    });
  const first = await start();
  assert.equal(first.code, 0, first.err);
  const [{ pid, ATTACCA_POOL: pool } = {}] = jsonLines(first.out);
  const second = await start();
  assert.equal(second.code, 1);
  assert.match(second.err, /"code":"name-in-use"/u);
  const help = `to use it: export ATTACCA_POOL=${pool}; to end it: attacca stop x`;
  assert.ok(second.err.includes(help), second.err);
  process.kill(Number(pid), 'SIGKILL');
  // Its socket is there until somebody looks; it answers nobody.
  let dead = await attacca(['ls'], { pool: String(pool) });
  while (dead.code === 0) dead = await attacca(['ls'], { pool: String(pool) });
  assert.equal(dead.code, 4);
  assert.match(dead.err, /^attacca ls: .*\((?:pool-unreachable|connection-lost)\)\n$/u);
  const third = await start();
  assert.equal(third.code, 0, third.err);
  assert.equal((await attacca(['stop', 'x'], { environment })).code, 0);
  assert.deepEqual(await readdir(shm), [], 'the memory of the dead one was removed at start');
});

test('stop names what is still required, and stops by force', async (t) => {
  const { environment, shm } = await home(t);
  const words = ['start', '--name', 'x', '--memory', '16m', '--shm-dir', shm, '--json'];
  const started = await attacca(words, { environment });
  const pool = String(jsonLines(started.out)[0]?.['ATTACCA_POOL']);
  await using view = await connect({ address: pool });
  const waiting = startAttacca(['get', 'field', '--member', 'plot[0]'], { pool });
  await untilDemanded(view, 'field');
  const refused = await attacca(['stop'], { pool });
  assert.equal(refused.code, 1);
  assert.match(refused.err, /1 object is still required; --force/u);
  assert.match(refused.err, /"field" is required by plot\[0\]\n$/u);
  const told = await attacca(['stop', '--json'], { pool });
  assert.deepEqual([told.code, jsonLines(told.out)[0]?.['stopped']], [1, false]);
  assert.equal((await attacca(['stop', '--force', '-q'], { pool })).code, 0);
  const { code, err } = await waiting.ended;
  assert.equal(code, 4);
  assert.match(err, /^attacca get: .*\(pool-stopping\)\n$/u);
});

test('serve says how to reach it, drains on SIGTERM, ends at once on the second', async (t) => {
  const { environment, shm } = await home(t);
  const words = ['serve', '--name', 'x', '--memory', '16m', '--shm-dir', shm];
  const server = startAttacca([...words, '--listen', 'tcp://127.0.0.1:0'], { environment });
  const line = (await server.said(/\n/u)).trimEnd();
  assert.match(line, /^ATTACCA_POOL=unix:\/\S+\/x\/socket$/u);
  const address = line.slice('ATTACCA_POOL='.length);
  const info = (await attacca(['info'], { pool: address })).out;
  const member = await joinPool({ address, member: 'stays' });
  t.after(() => member.close().catch(() => {}));
  server.process.kill('SIGTERM');
  // It tells its members, and waits for them; the second signal does not.
  await assert.rejects(member.object('x').demand(), { code: 'pool-stopping' });
  server.process.kill('SIGTERM');
  const { code, err } = await server.ended;
  assert.equal(code, 0);
  assert.match(info, /\naddress +unix:\S+\nand +tcp:\/\/127\.0\.0\.1:\d+\n/u);
  assert.match(err, /answers at unix:\S+ and tcp:\/\/127\.0\.0\.1:\d+\n/u);
  assert.match(err, /SIGTERM: waiting until its session has left, 10 s at most; another/u);
  assert.deepEqual(await readdir(shm), []);
});

test('a server that cannot start says why, to who starts it too', async (t) => {
  const { environment } = await home(t);
  const tries = [
    ['serve', '--shm-dir', '/no/such/directory'],
    ['start', '--shm-dir', '/no/such/directory'],
    ['run', '--shm-dir', '/no/such/directory', 'true'],
  ];
  for (const words of tries) {
    const { code, out, err } = await attacca(words, { environment });
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /no\/such\/directory.*\(file-error\)\n$/u);
  }
  const port = ['start', '--name', 'x', '--listen', 'tcp://no.such.host.invalid:7070'];
  const badHost = await attacca(port, { environment });
  assert.equal(badHost.code, 1);
  assert.match(badHost.err, /Cannot listen on "tcp:\/\/no.*:7070": .* \(file-error\)\n$/u);
  const places = join(environment['XDG_RUNTIME_DIR'] ?? '', `attacca-${process.geteuid?.()}`);
  assert.deepEqual(await readdir(places), []);
  const tiny = await attacca(['start', '--memory', '1k'], { environment });
  assert.equal(tiny.code, 2);
  const badName = await attacca(['start', '--name', '../x'], { environment });
  assert.equal(badName.code, 1);
  assert.match(badName.err, /\(bad-name\)\n$/u);
});

test('a wait whose pool was killed meanwhile ends as one that cannot reach it', async (t) => {
  const { environment, shm } = await home(t);
  const words = ['start', '--name', 'x', '--memory', '16m', '--shm-dir', shm, '--json'];
  const [{ pid, ATTACCA_POOL } = {}] = jsonLines((await attacca(words, { environment })).out);
  const pool = String(ATTACCA_POOL);
  await using view = await connect({ address: pool });
  const waiting = startAttacca(['get', 'never', '--timeout', '1s'], { pool });
  await untilDemanded(view, 'never');
  process.kill(Number(pid), 'SIGKILL');
  const { code, err } = await waiting.ended;
  assert.equal(code, 4, err);
  assert.match(
    err,
    /within 1 s: it could not be reached for .* s, and still cannot \(connection-lost\)\n$/u,
  );
});

test('a command that may wait for its pool outlives a time without one, and says so', async (t) => {
  const { environment, shm } = await home(t);
  const waiting = startAttacca(['put', '--name', 'x', '-', '--pool', 'late'], {
    environment: { ...environment, ATTACCA_CONNECT_MS: '60000' },
    input: 'hello',
  });
  await once(waiting.process.stderr ?? assert.fail(), 'data');
  const words = ['start', '--name', 'late', '--memory', '16m', '--shm-dir', shm];
  assert.equal((await attacca(words, { environment })).code, 0);
  const { code, err } = await waiting.ended;
  assert.equal(code, 0, err);
  const said =
    /^the pool cannot be reached: waiting until it is served again\nthe pool is back after /u;
  assert.match(err, said);
  assert.equal((await attacca(['stop', 'late', '-q'], { environment })).code, 0);
  const impatient = { ...environment, ATTACCA_CONNECT_MS: '20' };
  const tried = await attacca(['ls', '-q', '--pool', 'late'], { environment: impatient });
  assert.equal(tried.code, 4);
  assert.match(tried.err, /^attacca ls: .*; tried for \d+ ms \(pool-unreachable\)\n$/u);
  const wrong = { ...environment, ATTACCA_CONNECT_MS: '5s' };
  const refused = await attacca(['ls', '--pool', 'late'], { environment: wrong });
  assert.match(refused.err, /Cannot use ATTACCA_CONNECT_MS "5s".*\(bad-argument\)\n$/u);
  const patient = { ...environment, ATTACCA_CONNECT_MS: '60000' };
  const ended = startAttacca(['ls', '--pool', 'late'], { environment: patient });
  await once(ended.process.stderr ?? assert.fail(), 'data');
  ended.process.kill('SIGINT');
  assert.equal((await ended.ended).signal, 'SIGINT');
});

test('more memory than there is: a warning, to who starts it too', async (t) => {
  const { environment, shm } = await home(t);
  const much = ['--memory', '4000t', '--shm-dir', shm];
  const less = /WARNING: .*, less than the 4096000\.0 GiB asked for/u;
  const tries: readonly (readonly [words: readonly string[], said: RegExp])[] = [
    [['run', ...much, 'true'], less],
    [['start', '--name', 'much', ...much], less],
    [['start', '--name', 'sockets', '--no-shm', ...much], /WARNING: .* asked for are more than/u],
  ];
  for (const [words, said] of tries) {
    const { code, err } = await attacca(words, { environment });
    assert.equal(code, 0, err);
    assert.match(err, said);
    assert.ok(err.startsWith(`attacca ${words[0]}: WARNING: `), err);
  }
  const stop = async (name: string) => (await attacca(['stop', name, '-q'], { environment })).code;
  assert.deepEqual([await stop('much'), await stop('sockets')], [0, 0]);
});

test('a server that may open too few files says so', async (t) => {
  if (!attaccaPath.endsWith('.cjs')) return t.skip('not bundled, Node cannot even load it');
  const { environment } = await home(t);
  const words = 'serve --quiet --name x --memory 16m';
  // Too few for the socket, the token, the thread: which of them differs with Node.
  let told = 0;
  for (const most of [20, 22, 24]) {
    const script = `ulimit -n ${most}; attacca ${words} --shm-dir ${tmpdir()}`;
    const { code, out, err } = await shell(script, { environment }).ended;
    assert.deepEqual([code, out], [1, ''], err);
    // Not even Node could read the command.
    if (err.includes('\nNode.js v')) continue;
    const why = /Cannot .*: this process has too many files open \(ulimit -n\) \(file-error\)\n$/u;
    assert.match(err, why);
    told++;
  }
  assert.ok(told > 0);
});

test('a pool that is kept is not begun with too few files for its journal', async (t) => {
  if (!attaccaPath.endsWith('.cjs')) return t.skip('not bundled, Node cannot even load it');
  const { environment, shm } = await home(t);
  const words = `serve --quiet --name x --memory 16m --shm-dir ${tmpdir()}`;
  const script = `ulimit -n 60; attacca ${words} --data ${shm}/kept`;
  const { code, out, err } = await shell(script, { environment }).ended;
  assert.deepEqual([code, out], [1, ''], err);
  assert.match(
    err,
    /: this process may have 60 files open \(ulimit -n\), and needs \d+ \(file-error\)\n$/u,
  );
});

test('clean removes what dead pools left, and nothing else', async (t) => {
  const { environment, shm } = await home(t);
  const start = async (name: string): Promise<number> => {
    const words = ['start', '--name', name, '--memory', '16m', '--shm-dir', shm, '--json'];
    const { out } = await attacca(words, { environment });
    return Number(jsonLines(out)[0]?.['pid']);
  };
  const dead = await start('dead');
  await start('alive');
  process.kill(dead, 'SIGKILL');
  const plan = async () => await attacca(['clean', '--dry-run', '--shm-dir', shm], { environment });
  let planned = await plan();
  while (!planned.out.includes('would remove')) planned = await plan();
  assert.match(planned.out, /^would remove \S+ \(.*; its manager has ended \(pid \d+\)\)\n$/u);
  assert.equal((await readdir(shm)).length, 2);
  const cleaned = await attacca(['clean', '--shm-dir', shm, '--json'], { environment });
  assert.equal(cleaned.code, 0, cleaned.err);
  assert.equal(jsonLines(cleaned.out)[0]?.['removed'], true);
  assert.equal((await readdir(shm)).length, 1);
  assert.equal((await attacca(['ls', '--pool', 'alive'], { environment })).code, 0);
  assert.equal((await attacca(['stop', 'alive'], { environment })).code, 0);
});
