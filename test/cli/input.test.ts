/** What commands read, and how long they wait for a pool. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { chunksOf } from '../../src/cli/input.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, shell } from './command.js';

const random = (size: number): Buffer => randomFillSync(Buffer.alloc(size));

test('standard input of any size comes back byte for byte, from a pipe and from a file', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  for (const size of [0, 1, 65_536, 65_537, 200_000, 5_000_001]) {
    const bytes = random(size);
    await writeFile(join(directory, 'in'), bytes);
    const piped = await attacca(['put', '--name', `pipe-${size}`, '-'], {
      ...around,
      input: bytes,
    });
    assert.equal(piped.code, 0, piped.err);
    const redirected = await shell(`attacca put --name file-${size} - < in`, around).ended;
    assert.equal(redirected.code, 0, redirected.err);
    for (const name of [`pipe-${size}`, `file-${size}`]) {
      const got = await attacca(['get', name], around);
      assert.ok(got.bytes.equals(bytes), `${name}: ${got.bytes.length} bytes ${got.err}`);
    }
  }
});

test('standard input that no object can hold is refused while it is read', async (t) => {
  await using pool = await testPool({ memoryBytes: 32 * 1024 * 1024 });
  const directory = await filesOf(t);
  const endless = 'yes | attacca put --name endless -; attacca ls; attacca put --name d - < .';
  const { err, out } = await shell(endless, { pool: pool.address, directory }).ended;
  assert.match(err, /^attacca put: Cannot put standard input: .* 28\.0 MiB.*\(too-large\)\n/u);
  assert.match(err, /\nattacca put: .*standard input: it is a directory \(file-error\)\n$/u);
  assert.equal(out, '');
});

test('--timeout counts from the start: a pool that does not answer is no reason to wait', async () => {
  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const address = `tcp://127.0.0.1:${port}?token=x`;
  for (const words of [
    ['get', 'x'],
    ['wait', 'x'],
    ['exec', '--out', 'x=y', '--', 'true'],
  ]) {
    const [command = '', ...rest] = words;
    const args = [command, '--pool', address, '--timeout', '300ms', ...rest];
    const { code, err } = await attacca(args);
    assert.equal(code, 3, err);
    assert.match(err, /: Cannot open a session: no answer from the pool within 300 ms \(dead/u);
  }
  silent.close();
});

test('an abort ends the wait for input that may never come', async (t) => {
  const path = join(await filesOf(t), 'fifo');
  execFileSync('mkfifo', [path]);
  await using fifo = await open(path, 'r+');
  const abort = new AbortController();
  const next = chunksOf(fifo.fd, abort.signal).next();
  abort.abort(new Error('enough'));
  await assert.rejects(next, /^Error: enough$/u);
  // The read itself goes on until it is given something.
  await fifo.write('x');
});

test('a list that is no text is refused', async () => {
  await using pool = await testPool();
  const bad = await attacca(['get', '-', '-d', '.'], {
    pool: pool.address,
    input: Buffer.from([0x61, 0xff, 0x0a]),
  });
  assert.equal(bad.code, 1);
  assert.match(bad.err, /line 1 of the input: it is not well-formed UTF-8 \(bad-name\)/u);
  const long = await attacca(['wait', '-'], { pool: pool.address, input: 'x'.repeat(100_000) });
  assert.equal(long.code, 2);
});
