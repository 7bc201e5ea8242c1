import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AttaccaError } from '../../src/core/errors.js';
import { formatAddress, parseAddress, tokenOf } from '../../src/transport/index.js';

const NONE = { token: null, tokenFile: null };

test('addresses are parsed, and written as they were', () => {
  const cases: [string, unknown][] = [
    ['unix:/run/a/socket', { kind: 'unix', path: '/run/a/socket', ...NONE }],
    ['unix:./socket', { kind: 'unix', path: './socket', ...NONE }],
    ['unix:/with space/%41', { kind: 'unix', path: '/with space/%41', ...NONE }],
    ['tcp://host:1', { kind: 'tcp', host: 'host', port: 1, ...NONE }],
    ['tcp://127.0.0.1:0', { kind: 'tcp', host: '127.0.0.1', port: 0, ...NONE }],
    ['tcp://[::1]:65535', { kind: 'tcp', host: '::1', port: 65_535, ...NONE }],
  ];
  for (const [text, address] of cases) {
    assert.deepEqual(parseAddress(text), address);
    assert.equal(formatAddress(parseAddress(text)), text);
  }
});

test('the query names a token or its file', () => {
  const file = parseAddress('unix:/a/socket?token-file=/b%20c/token');
  assert.deepEqual([file.token, file.tokenFile], [null, '/b c/token']);
  const both = parseAddress('tcp://h:7?token=a%2Bb+c&token-file=/t');
  assert.deepEqual([both.token, both.tokenFile], ['a+b+c', '/t']);
  assert.equal(formatAddress(both), 'tcp://h:7');
});

test('what is no address is refused, without telling its token', () => {
  for (const text of [
    '',
    '/run/socket',
    'unix:',
    'unix:a\0b',
    'tcp://host',
    'tcp://host:',
    'tcp://host:65536',
    'tcp://host:1/path',
    'tcp://user@host:1',
    'tcp://::1:1',
    'http://host:1',
    'unix:/a?token=',
    'unix:/a?key=x',
    'unix:/a?token=%ff',
    'tcp://ho st:1?token=sesame',
  ]) {
    assert.throws(
      () => parseAddress(text),
      (error) =>
        error instanceof AttaccaError &&
        error.code === 'bad-argument' &&
        !error.message.includes('sesame'),
      text,
    );
  }
});

test('the token: of the address, of its file, of the file beside the socket, none', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const socket = `unix:${directory}/socket`;
  await assert.rejects(tokenOf(parseAddress(socket)), (error) => {
    assert.ok(error instanceof AttaccaError && error.code === 'wrong-token');
    assert.match(error.message, /its token file "\/\S+\/token" is not there/u);
    return true;
  });
  await writeFile(join(directory, 'token'), '  beside\n');
  assert.equal(await tokenOf(parseAddress(socket)), 'beside');
  await writeFile(join(directory, 'other'), 'named\n');
  assert.equal(await tokenOf(parseAddress(`${socket}?token-file=${directory}/other`)), 'named');
  assert.equal(await tokenOf(parseAddress(`${socket}?token=said`)), 'said');
  assert.equal(await tokenOf(parseAddress('tcp://h:1')), '');
  await assert.rejects(
    tokenOf(parseAddress(`tcp://h:1?token-file=${directory}/none`)),
    (error) => error instanceof AttaccaError && error.code === 'file-error',
  );
});

test('a token file that is none says why, and nobody waits for a FIFO', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'attacca-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'token');
  const refused = async (why: RegExp): Promise<void> => {
    await assert.rejects(tokenOf(parseAddress(`unix:${directory}/socket`)), (error) => {
      assert.ok(error instanceof AttaccaError && error.code === 'file-error');
      assert.ok(error.message.startsWith(`Cannot read the token file "${path}": `));
      assert.match(error.message, why);
      return true;
    });
    await rm(path, { recursive: true });
  };
  execFileSync('mkfifo', [path]);
  await refused(/it is not a regular file$/u);
  await mkdir(path);
  await refused(/it is not a regular file$/u);
  await writeFile(path, 'x'.repeat(4_097));
  await refused(/it is too large: a token has at most 4096 bytes$/u);
  await writeFile(path, ' \n');
  await refused(/there is no token in it$/u);
  await symlink(path, path);
  await refused(/too many symbolic links$/u);
});
