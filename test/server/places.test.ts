import assert from 'node:assert/strict';
import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { removePlace } from '../../src/server/discovery.js';
import { checkPoolName, serve, socketPathOf } from '../../src/server/index.js';
import { writePing } from '../protocol/other-side.js';
import { Child } from './child.js';
import { poolOf, scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

const SMALL = { memoryBytes: 16 * 1024 * 1024 };

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AttaccaError && error.code === code;
}

test('a socket is for its user alone, its token too; both go with the pool', async (t) => {
  const parent = await scratch(t);
  const directory = join(parent, 'pool');
  const server = await serve({ address: `unix:${directory}/socket`, ...SMALL });
  t.after(() => server.close());
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal((await stat(join(directory, 'token'))).mode & 0o777, 0o600);
  assert.equal((await readFile(join(directory, 'token'), 'utf8')).trim(), server.token);
  assert.equal(Buffer.from(server.token, 'base64url').length, 32);
  await server.close();
  assert.deepEqual(await readdir(parent), []);
  assert.deepEqual(await server.closed, { kind: 'closed' });
});

test('a living pool keeps its address: a second server is refused and harms nothing', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await assert.rejects(serve({ address: server.address, ...SMALL }), hasCode('name-in-use'));
  await client.ok(client.send(writePing));
  const later = await RawClient.open(server.address);
  await later.ok(later.send(writePing));
});

test('a directory that is a symbolic link is not followed: the error says so, and the way', async (t) => {
  const parent = await scratch(t);
  await mkdir(join(parent, 'real'), { mode: 0o700 });
  await symlink('real', join(parent, 'link'));
  await symlink('missing', join(parent, 'dangling'));
  const from = (data: string) => serve({ address: `unix:${parent}/pool/socket`, data, ...SMALL });
  const why = (text: string) => (error: unknown) =>
    hasCode('file-error')(error) && (error as AttaccaError).message.endsWith(`: ${text}`);
  const real = `it is a symbolic link; give the real path, "${parent}/real"`;
  await assert.rejects(from(join(parent, 'link')), why(real));
  await assert.rejects(from(join(parent, 'dangling')), why('it is a symbolic link'));
  await writeFile(join(parent, 'file'), '');
  await assert.rejects(from(join(parent, 'file')), why('it is not a directory'));
  assert.deepEqual(await readdir(join(parent, 'real')), []);
});

test('of servers that start at once under one name, one serves', async (t) => {
  const directory = await scratch(t);
  const address = `unix:${directory}/socket`;
  const starts = await Promise.allSettled(
    Array.from({ length: 6 }, () => serve({ address, ...SMALL })),
  );
  const servers = starts.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  for (const server of servers) t.after(() => server.close());
  const refusals = starts.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  assert.ok(refusals.every(hasCode('name-in-use')), String(refusals));
  assert.equal(servers.length, 1);
  const client = await RawClient.open(address);
  assert.equal(client.accept.poolId, servers[0]?.id);
});

test('what a killed server left is replaced', async (t) => {
  const directory = await scratch(t);
  const address = `unix:${directory}/socket`;
  // Any server that starts removes what dead ones left in its directory: this one is ours alone.
  const shmDirectory = await scratch(t);
  const options = JSON.stringify({ address, name: 'first', shmDirectory, ...SMALL });
  const child = new Child(t, './serve-child.js', [options], 'ready');
  await child.line('{"kind":"ready"');
  const before = await RawClient.open(address);
  const slabs = String(before.accept.pool['slabs']);
  child.process.kill('SIGKILL');
  await child.exit();
  assert.deepEqual((await readdir(directory)).sort(), ['.lock', 'data', 'socket', 'token']);

  const said: string[] = [];
  const log = (line: string) => said.push(line);
  const server = await serve({ address, shmDirectory, ...SMALL, log });
  t.after(() => server.close());
  const client = await RawClient.open(address);
  assert.equal(client.accept.poolId, server.id);
  // Its memory is found and removed, and that is said.
  await assert.rejects(stat(slabs));
  assert.ok(said.some((line) => line.includes(slabs)));
});

test('the socket of a program that is gone is replaced, that of one that lives is not', async (t) => {
  const directory = await scratch(t);
  const path = join(directory, 'socket');
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(join(directory, 'draft'), resolve));
  await rename(join(directory, 'draft'), path);
  await assert.rejects(serve({ address: `unix:${path}`, ...SMALL }), hasCode('name-in-use'));
  assert.deepEqual(await readdir(directory), ['socket']);
  await new Promise<void>((resolve) => other.close(() => resolve()));
  const second = await serve({ address: `unix:${path}`, ...SMALL });
  t.after(() => second.close());
  await RawClient.open(second.address);
});

test('sockets of servers that were killed while they started go, no other file does', async (t) => {
  const directory = await scratch(t);
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(join(directory, 'draft'), resolve));
  await rename(join(directory, 'draft'), join(directory, '.8s7n6'));
  await new Promise<void>((resolve) => dead.close(() => resolve()));
  const starting = createServer();
  t.after(() => starting.close());
  await new Promise<void>((resolve) => starting.listen(join(directory, '.aaaaa'), resolve));
  await writeFile(join(directory, '.bbbbb'), 'precious');
  const server = await serve({ address: `unix:${directory}/socket`, ...SMALL });
  t.after(() => server.close());
  const hidden = (await readdir(directory)).filter((name) => name.startsWith('.'));
  assert.deepEqual(hidden.sort(), ['.aaaaa', '.bbbbb', '.lock']);
});

/** Ways in which a name that a server would take can be a file of the user. */
const USER_FILES: readonly (readonly [string, (path: string) => Promise<void>])[] = [
  ...['socket', '.lock', 'data', 'token'].flatMap((name) => [
    [name, (path: string) => writeFile(path, 'precious', { mode: 0o600 })] as const,
    [name, (path: string) => writeFile(path, '', { mode: 0o600 })] as const,
    [name, (path: string) => symlink('elsewhere', path)] as const,
    [name, (path: string) => mkdir(path)] as const,
  ]),
  ['token', (path) => writeFile(path, `${'k'.repeat(43)}\n`, { mode: 0o640 })],
  ['token', (path) => writeFile(path, `${'k'.repeat(43)}\nand more\n`, { mode: 0o600 })],
  ['token.new', (path) => writeFile(path, 'precious', { mode: 0o600 })],
  ['token.new', (path) => writeFile(path, '', { mode: 0o640 })],
  ['token.new', (path) => symlink('elsewhere', path)],
];

test('files of the user are never taken for what a dead server left', async (t) => {
  for (const [name, make] of USER_FILES) {
    const directory = await scratch(t);
    const path = join(directory, name);
    await make(path);
    const before = await lstat(path);
    await assert.rejects(serve({ address: `unix:${directory}/socket`, ...SMALL }), (error) => {
      assert.ok(hasCode('file-error')(error), String(error));
      assert.ok(String(error).includes(`Cannot replace "${path}": `), String(error));
      assert.match(String(error), /move it away/u);
      return true;
    });
    assert.deepEqual(await readdir(directory), [name]);
    const after = await lstat(path);
    assert.deepEqual([after.ino, after.size], [before.ino, before.size]);
  }
});

test('a draft of the token that a killed server left is replaced, and goes with the pool', async (t) => {
  for (const left of ['', `${'k'.repeat(43)}\n`]) {
    const directory = await scratch(t);
    await writeFile(join(directory, 'token.new'), left, { mode: 0o600 });
    const server = await serve({ address: `unix:${directory}/socket`, ...SMALL });
    assert.ok(!(await readdir(directory)).includes('token.new'));
    await RawClient.open(server.address);
    await server.close();
    assert.deepEqual(await readdir(directory), []);
  }
});

test('a log of the user stays, also when the start fails', async (t) => {
  const directory = await scratch(t);
  await writeFile(join(directory, 'log'), 'of mine');
  const address = `unix:${directory}/socket`;
  await assert.rejects(serve({ address, shmDirectory: '/no/such', ...SMALL }));
  assert.deepEqual(await readdir(directory), ['log']);
  const server = await serve({ address, ...SMALL });
  await server.close();
  assert.deepEqual(await readdir(directory), ['log']);
});

test('of several who remove a dead place at once one has done it', async (t) => {
  const root = await scratch(t);
  const directory = join(root, 'dead');
  await mkdir(directory);
  await writeFile(join(directory, 'log'), 'its last words');
  const place = { name: 'dead', address: `unix:${directory}/socket`, directory, isAlive: false };
  const removals = await Promise.all(Array.from({ length: 8 }, () => removePlace(place)));
  assert.equal(removals.filter((removed) => removed).length, 1);
  assert.deepEqual(await readdir(root), []);
});

test('a directory that others may enter, or a name that is no directory, is refused', async (t) => {
  const directory = await scratch(t);
  const open = join(directory, 'open');
  await mkdir(open);
  await chmod(open, 0o755);
  await assert.rejects(serve({ address: `unix:${open}/socket`, ...SMALL }), hasCode('file-error'));
  assert.deepEqual(await readdir(open), []);
  await writeFile(join(directory, 'file'), '');
  const inFile = `unix:${directory}/file/socket`;
  await assert.rejects(serve({ address: inFile, ...SMALL }), hasCode('file-error'));
});

test('a path that is too long for a socket is refused in words', async (t) => {
  const directory = await scratch(t);
  const long = join(directory, 'x'.repeat(120));
  await assert.rejects(
    serve({ address: `unix:${long}/socket`, ...SMALL }),
    (error) => hasCode('bad-argument')(error) && /bytes, the system allows/u.test(String(error)),
  );
  // The usual place then is a shorter one.
  const path = socketPathOf('a-pool', { XDG_RUNTIME_DIR: `/${'y'.repeat(120)}` });
  assert.match(path, /^\/[^y]+\/attacca-\d+\/a-pool\/socket$/u);
  const usual = socketPathOf('a-pool', { XDG_RUNTIME_DIR: '/run/user/7' });
  assert.match(usual, /^\/run\/user\/7\/attacca-\d+\/a-pool\/socket$/u);
});

test('names that could leave their directory, or hide in it, are refused', () => {
  for (const name of ['', '.', '..', '.x', '-x', 'a/b', 'a\0b', 'a b', 'x'.repeat(65)]) {
    assert.throws(() => checkPoolName(name), hasCode('bad-name'), name);
  }
  checkPoolName('Weather_2024.v1-a');
});

test('a pool that listens on TCP opens to those who have the token', async (t) => {
  const server = await poolOf(t, { listen: 'tcp://127.0.0.1:0' });
  const [, tcp = ''] = server.addresses;
  assert.match(tcp, /^tcp:\/\/127\.0\.0\.1:[1-9]/u);
  await assert.rejects(RawClient.open(tcp), /wrong-token/);
  const client = await RawClient.open(`${tcp}?token=${server.token}`);
  await client.ok(client.send(writePing));
  const { data } = client.accept.pool;
  assert.match(Array.isArray(data) ? String(data[0]) : '', /^tcp:\/\/127\.0\.0\.1:[1-9]/u);
});

test('the token may be given, in a file too', async (t) => {
  const directory = await scratch(t);
  const file = join(directory, 'secret');
  await writeFile(file, 'open sesame\n', { mode: 0o600 });
  const server = await poolOf(t, { tokenFile: file });
  assert.equal(server.token, 'open sesame');
  await RawClient.open(`${server.address}?token-file=${file}`);
  await writeFile(file, '\n');
  await assert.rejects(
    serve({ address: `unix:${directory}/p/socket`, tokenFile: file, ...SMALL }),
    hasCode('file-error'),
  );
  assert.deepEqual(await readdir(directory), ['secret']);
});

test('a token that the user keeps beside the socket stays', async (t) => {
  const directory = await scratch(t);
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, 'open sesame\n', { mode: 0o600 });
  const server = await serve({ address: `unix:${directory}/socket`, tokenFile, ...SMALL });
  await RawClient.open(server.address);
  await server.close();
  assert.equal(await readFile(tokenFile, 'utf8'), 'open sesame\n');
});

test('a socket in the directory that keeps the pool: its token is there for the next manager', async (t) => {
  const data = await scratch(t);
  const options = { address: `unix:${data}/socket`, data, ...SMALL };
  const first = await serve(options);
  await first.close();
  const second = await serve(options);
  t.after(() => second.close());
  assert.equal(second.token, first.token);
  await RawClient.open(second.address);
});

test('a token that others may read, write or guess is refused', async (t) => {
  const directory = await scratch(t);
  const tokenFile = join(directory, 'secret');
  const address = `unix:${directory}/p/socket`;
  const refusedAs = async (code: string, words: RegExp, listen: string | undefined) => {
    const start = serve({ address, tokenFile, listen, ...SMALL });
    await assert.rejects(start, (error) => hasCode(code)(error) && words.test(String(error)));
  };
  await writeFile(tokenFile, 'x'.repeat(16));
  for (const mode of [0o666, 0o644, 0o640, 0o602]) {
    await chmod(tokenFile, mode);
    await refusedAs(
      'file-error',
      /others may read or write it \(mode 6..\); chmod 600/u,
      undefined,
    );
  }
  await chmod(tokenFile, 0o600);
  const listen = 'tcp://127.0.0.1:0';
  await (await serve({ address, tokenFile, listen, ...SMALL })).close();
  await writeFile(tokenFile, 'x'.repeat(15));
  await refusedAs('bad-argument', /it has 15 characters, and 16 are the least/u, listen);
  assert.deepEqual(await readdir(directory), ['secret']);
});
