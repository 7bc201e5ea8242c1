import assert from 'node:assert/strict';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { join, type Pool, type SubscribeOptions } from '../../src/client/index.js';
import { openStore } from '../../src/levels/store/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, type Running, startAttacca } from './command.js';

/** Forbids what it is told of before, until it is disposed. */
async function forbid(
  address: string,
  kinds: SubscribeOptions['kinds'],
  select: string,
): Promise<AsyncDisposable> {
  const guard = await join({ address, member: 'guard[*]' });
  const events = await guard.subscribe({ kinds, select, when: 'before', acknowledge: true });
  const forbidding = (async () => {
    for await (const event of events) await events.veto(event, 'not today');
  })();
  return {
    async [Symbol.asyncDispose]() {
      await events.close();
      await forbidding;
      await guard.leave();
    },
  };
}

/** Starts a command that stands when it has said so. */
async function begin(t: TestContext, address: string, ...line: string[]): Promise<Running> {
  const running = startAttacca(line, { pool: address });
  t.after(() => running.process.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    running.process.stderr?.on('data', (text: string) => {
      if (/: (?:stores to|looks into) /u.test(text)) resolve();
    });
    running.ended.then(({ err }) => reject(new Error(`it ended, and said: ${err}`)), reject);
  });
  return running;
}

async function fill(store: string, ...names: string[]): Promise<void> {
  await using level = await openStore(store, { access: 'write' });
  const space = { dtype: 'uint8', shape: [1], order: 'row', byteOrder: 'little' } as const;
  for (const name of names) {
    const entry = { pool: 'p', name, version: 1, space, attributes: {} };
    await level.put(entry, Uint8Array.of(names.indexOf(name)));
  }
}

async function firstOf(pool: Pool, name: string): Promise<number | undefined> {
  await using found = await pool.object(name).demand({ timeoutMs: 60_000 });
  return found.array[0] as number;
}

test('a forbidden demand fails one object, and the archiver stores the others', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await using member = await join({ address: pool.address, member: 'm' });
  await using _guard1 = await forbid(pool.address, 'demand', 'name ~ "bad/*"');
  const running = await begin(t, pool.address, 'archiver', 'true', '--to', store, '--as', 'a');
  await member.put('bad/1', new Uint8Array(1));
  await member.put('good', new Uint8Array(1));
  await running.said(/good/u);
  running.process.kill('SIGTERM');
  const { err } = await running.ended;
  assert.match(err, /"bad\/1" is not stored: .*guard.*not today/u);
  assert.match(err, /stored 1 object, .*; 1 failed/u);
  // It was given up: the next one of that name does not stumble over it.
  await member.put('after', new Uint8Array(1));
  const line = ['archiver', 'true', '--to', store, '--as', 'a', '--count', '1', '-q', '--forget'];
  const next = await attacca(line, { pool: pool.address });
  assert.deepEqual([next.code, next.out, next.err], [0, 'after\n', '']);
});

test('a forbidden withdraw or offer fails one object, and the librarian goes on', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(store, 'stays', 'barred', 'free', 'hinted');
  await using _guard2 = await forbid(pool.address, 'withdraw', 'name = "stays" or name = "hinted"');
  await using member = await join({ address: pool.address, member: 'm' });
  const line = ['--from', store, '--keep', '1ms', '--prefetch-keep', '1ms', '--json'];
  const kept = await begin(t, pool.address, 'librarian', ...line);
  assert.equal(await firstOf(member, 'stays'), 0);
  await kept.said(/"name":"stays","failed":"vetoed","of":"withdraw"/u);
  await member.emit('prefetch', { names: ['hinted'] });
  await kept.said(/"name":"hinted","failed":"vetoed","of":"withdraw"/u);
  assert.equal(await firstOf(member, 'free'), 2);
  kept.process.kill('SIGTERM');
  const told = jsonLines((await kept.ended).out);
  assert.deepEqual([told.at(-1)?.['objects'], told.at(-1)?.['failed']], [3, 2]);
  // Handed over: what is held is forbidden when all thought that it is offered.
  const handing = await begin(t, pool.address, 'librarian', '--from', store, '--json');
  await using guard = await join({ address: pool.address, member: 'g' });
  const asked = { kinds: 'offer', select: 'name = "barred"' } as const;
  await using held = await guard.subscribe({ ...asked, when: 'before', acknowledge: true });
  const waiting = member.object('barred').demand({ timeoutMs: 60_000 });
  waiting.catch(() => {});
  const offer = await held.wait();
  assert.ok(offer !== null);
  await handing.said(/"name":"barred"/u);
  await held.veto(offer, 'no');
  await handing.said(/"name":"barred","failed":"vetoed","of":"offer"/u);
  assert.equal(await firstOf(member, 'free'), 2);
  handing.process.kill('SIGTERM');
  assert.equal((await handing.ended).signal, 'SIGTERM');
});

test('what a librarian may not withdraw stays offered, and it says that', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(store, 'stays');
  await using _guard = await forbid(pool.address, 'withdraw', 'name = "stays"');
  await using member = await join({ address: pool.address, member: 'm' });
  const kept = await begin(t, pool.address, 'librarian', '--from', store, '--keep', '1ms');
  assert.equal(await firstOf(member, 'stays'), 0);
  await kept.complained(/librarian: "stays" stays offered: .*guard\[0\].*not today/u);
  kept.process.kill('SIGTERM');
  assert.match((await kept.ended).err, /offered 1 object, 1 B; 1 failed\n/u);
});

test('a checkpoint goes on when a demand or a withdraw of one object is forbidden', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'restart');
  await using member = await join({ address: pool.address, member: 'm' });
  await using _guard3 = await forbid(
    pool.address,
    'demand',
    'name = "bad" and .member ~ "checkpoint*"',
  );
  await using _guard4 = await forbid(
    pool.address,
    'withdraw',
    'name = "x" and .member ~ "checkpoint*"',
  );
  const running = await begin(t, pool.address, 'checkpoint', '--to', store, '--json');
  const attributes = { checkpoint: 1, 'checkpoint.of': 1 };
  await member.put('bad', Uint8Array.of(1), { attributes });
  await running.said(/"name":"bad","failed":"vetoed"/u);
  await member.put('x', Uint8Array.of(7), { attributes });
  await running.said(/"step":1/u);
  await member.unkeep('x');
  assert.equal(await firstOf(member, 'x'), 7);
  await running.said(/"name":"x","failed":"vetoed"/u);
  await member.put('y', Uint8Array.of(8), { attributes: { checkpoint: 2, 'checkpoint.of': 1 } });
  await running.said(/"step":2/u);
  running.process.kill('SIGTERM');
  assert.equal((await running.ended).signal, 'SIGTERM');
});

test('a promise that may not be closed is told, and ends with its member', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(store, 'a');
  await using member = await join({ address: pool.address, member: 'm' });
  await using _guard = await forbid(pool.address, 'close', '.member ~ "librarian*"');
  const line = ['librarian', '--from', store, '--promise', 'a*', '--json'];
  const running = await begin(t, pool.address, ...line);
  assert.equal(await firstOf(member, 'a'), 0);
  running.process.kill('SIGTERM');
  const { out, signal } = await running.ended;
  assert.equal(signal, 'SIGTERM');
  const told = jsonLines(out);
  assert.deepEqual([told.at(-2)?.['name'], told.at(-2)?.['failed']], ['a*', 'vetoed']);
  assert.deepEqual([told.at(-1)?.['objects'], told.at(-1)?.['failed']], [1, 1]);
  const { counts } = await member.info();
  assert.equal((counts as { readonly promises: number }).promises, 0);
});

test('a forbidden leave does not hide why a command has failed', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await using _writer = await openStore(store, { access: 'write' });
  await using _guard5 = await forbid(pool.address, 'leave', '.member ~ "archiver*"');
  const line = ['archiver', 'true', '--to', store];
  const { code, err } = await attacca(line, { pool: pool.address });
  const [first = '', second = '', ...more] = err.trimEnd().split('\n');
  assert.equal(code, 1);
  assert.match(first, /^attacca archiver: .*writes to it \(store-in-use\)$/u);
  assert.match(second, /^attacca archiver: .*guard\[0\] has vetoed.*not today \(vetoed\)$/u);
  assert.deepEqual(more, []);
  const asJson = await attacca([...line, '--json'], { pool: pool.address });
  const codes = jsonLines(asJson.err).map(({ error }) => (error as { code: string }).code);
  assert.deepEqual(codes, ['store-in-use', 'vetoed']);
});
