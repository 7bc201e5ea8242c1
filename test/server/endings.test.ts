import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stopPool } from '../../src/cli/pool/stop.js';
import { Reader } from '../../src/core/bytes.js';
import { AttaccaError } from '../../src/core/errors.js';
import type { ValueMap } from '../../src/core/value.js';
import {
  MESSAGE,
  readNotice,
  writeDeclare,
  writeEnd,
  writeJoin,
  writeRequire,
} from '../../src/protocol/index.js';
import { findPool, startDetached } from '../../src/server/index.js';
import { writePing } from '../protocol/other-side.js';
import { Child } from './child.js';
import { poolOf, scratch } from './pool-fixture.js';
import { RawClient } from './raw-client.js';

const SMALL = { memoryBytes: 16 * 1024 * 1024 };

/** As `attacca stop` does it. */
async function stop(pool: string, force = false): Promise<readonly ValueMap[] | null> {
  const { signal } = new AbortController();
  const { required } = await stopPool(
    { command: 'stop', environment: {}, signal },
    { pool, force },
  );
  return required;
}

async function notice(client: RawClient): Promise<string> {
  const answer = await client.until(() =>
    client.answers.find(({ code }) => code === MESSAGE.notice),
  );
  return readNotice(new Reader(answer.body)).code;
}

test('SIGTERM: sessions are told, nobody comes in, and the server goes when they have left', async (t) => {
  const directory = await scratch(t);
  const address = `unix:${directory}/pool/socket`;
  const options = JSON.stringify({ address, graceMs: 600_000, ...SMALL });
  const child = new Child(t, './serve-child.js', [options], 'ready');
  await child.line('{"kind":"ready"');
  const client = await RawClient.open(address);
  const slabs = String(client.accept.pool['slabs']);
  child.process.kill('SIGTERM');
  assert.equal(await notice(client), 'pool-stopping');
  await assert.rejects(RawClient.open(address), /pool-stopping/);
  // What it has still to do is done, also after its connection was lost.
  client.link.destroy();
  await client.untilClosed();
  const { session, secret } = client.accept;
  const again = await RawClient.open(address, { session, secret, received: client.received });
  again.sent = client.sent;
  await again.ok(again.send(writePing));
  await again.ok(again.send(writeEnd));
  assert.equal(await child.exit(), 0);
  assert.deepEqual(await readdir(directory), []);
  await assert.rejects(stat(slabs));
});

test('a second signal stops a server at once', async (t) => {
  const directory = await scratch(t);
  const address = `unix:${directory}/pool/socket`;
  const options = JSON.stringify({ address, graceMs: 600_000, ...SMALL });
  const child = new Child(t, './serve-child.js', [options], 'ready');
  await child.line('{"kind":"ready"');
  const client = await RawClient.open(address);
  child.process.kill('SIGINT');
  assert.equal(await notice(client), 'pool-stopping');
  child.process.kill('SIGTERM');
  assert.equal((await client.refused()).code, 'pool-stopping');
  assert.equal(await child.exit(), 0);
  assert.deepEqual(await readdir(directory), []);
});

test('the grace of a drain ends', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await server.drain(1);
  assert.equal((await client.refused()).code, 'pool-stopping');
  assert.deepEqual(await server.closed, { kind: 'drained' });
  await server.drain();
  await server.close();
});

test('STOP is refused while something is required, unless forced', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  await client.answer(client.send((w) => writeJoin(w, 1, 'consumer', {})));
  client.send((w) => writeDeclare(w, 1, 1, 'wanted', null, []));
  await client.ok(client.send((w) => writeRequire(w, 1, 1)));

  const required = await stop(server.address);
  assert.deepEqual(
    required?.map(({ name }) => name),
    ['wanted'],
  );
  assert.equal(server.sessionCount, 1);
  await client.ok(client.send(writePing));

  assert.equal(await stop(server.address, true), null);
  assert.equal((await client.refused()).code, 'pool-stopping');
  assert.deepEqual(await server.closed, { kind: 'stopped' });
  await assert.rejects(
    stop(server.address),
    (error) => error instanceof AttaccaError && error.code === 'pool-unreachable',
  );
});

test('several who stop a pool at once all hear that it has stopped', async (t) => {
  const server = await poolOf(t);
  const stops = Array.from({ length: 8 }, () => stop(server.address));
  for (const required of await Promise.all(stops)) assert.equal(required, null);
});

test('one who stops a pool that is stopping waits for its end', async (t) => {
  const server = await poolOf(t);
  const client = await RawClient.open(server.address);
  const drained = server.drain(600_000);
  assert.equal(await notice(client), 'pool-stopping');
  const stopping = stop(server.address);
  const refused = await RawClient.connect(server.address);
  refused.writeHello({ token: server.token });
  assert.equal((await refused.refused()).code, 'pool-stopping');
  await client.ok(client.send(writeEnd));
  assert.equal(await stopping, null);
  await drained;
});

test('a pool whose token has gone is not stopped, and the reason is said', async (t) => {
  const server = await poolOf(t);
  await rm(join(server.directory, 'token'));
  await assert.rejects(
    stop(server.address),
    (error) =>
      error instanceof AttaccaError &&
      error.code === 'wrong-token' &&
      error.message.includes(`its token file "${server.directory}/token" is not there`),
  );
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const SERVE_CHILD = fileURLToPath(new URL('./serve-child.js', import.meta.url));

test('a detached server answers when its start returns, and is stopped by its address', async (t) => {
  const runtime = await scratch(t);
  const former = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = runtime;
  t.after(() => {
    if (former === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = former;
  });
  const command = [process.execPath, SERVE_CHILD, JSON.stringify({ name: 'there', ...SMALL })];
  const [program = '', ...args] = command;
  const options = { name: 'there', command: [program, ...args] as const };
  const server = await startDetached(options);
  t.after(() => {
    if (isRunning(server.pid)) process.kill(server.pid, 'SIGKILL');
  });
  const client = await RawClient.open(server.address);
  assert.equal(client.accept.pool['pid'], server.pid);
  assert.match(await readFile(server.log, 'utf8'), /^memory /u);
  assert.equal((await findPool('there')).isAlive, true);
  await client.ok(client.send(writeEnd));

  await assert.rejects(
    startDetached(options),
    (error) => error instanceof AttaccaError && error.code === 'name-in-use',
  );
  assert.equal(await stop(server.address), null);
  assert.equal((await findPool('there')).isAlive, false);
});

test('a detached start that fails says why', async (t) => {
  const runtime = await scratch(t);
  const former = process.env['XDG_RUNTIME_DIR'];
  process.env['XDG_RUNTIME_DIR'] = runtime;
  t.after(() => {
    if (former === undefined) delete process.env['XDG_RUNTIME_DIR'];
    else process.env['XDG_RUNTIME_DIR'] = former;
  });
  const start = (...args: string[]) =>
    startDetached({ name: 'not', command: [process.execPath, ...args], startMsMax: 20_000 });
  const bad = JSON.stringify({ name: 'not', listen: 'unix:/x' });
  await assert.rejects(start(SERVE_CHILD, bad), /is not tcp:\/\/host:port/u);
  await assert.rejects(
    start('-e', 'console.error("no luck"); process.exit(3)'),
    /exit 3.*no luck/su,
  );
  await assert.rejects(
    startDetached({ name: 'not', command: ['/no/such/program'] }),
    /cannot be started/u,
  );
  await assert.rejects(
    startDetached({
      name: 'not',
      command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
      startMsMax: 1,
    }),
    /did not answer within 1 ms/u,
  );
  assert.deepEqual(await readdir(join(runtime, `attacca-${process.geteuid?.()}`, 'not')), ['log']);
});
