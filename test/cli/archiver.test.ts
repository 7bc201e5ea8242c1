import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { join, type Pool, Timestamp } from '../../src/client/index.js';
import { openStore } from '../../src/levels/store/index.js';
import { testPool } from '../../src/testing/index.js';
import { tinyTmpfs } from '../levels/scratch.js';
import { KeptPool } from '../server/kept-pool.js';
import { attacca, filesOf, jsonLines, type Running, shell, startAttacca } from './command.js';

/** Resolves when standard error has said so. */
function toldOf({ process, ended }: Running, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    process.stderr?.on('data', (piece: string) => {
      text += piece;
      if (pattern.test(text)) resolve();
    });
    ended.then(({ err }) => reject(new Error(`it ended, and said: ${err}`)), reject);
  });
}

async function archive(t: TestContext, address: string, ...args: string[]): Promise<Running> {
  const running = startAttacca(['archiver', ...args], { pool: address });
  t.after(() => running.process.kill('SIGKILL'));
  await toldOf(running, /stores to/u);
  return running;
}

/** Offers objects, and withdraws each at once: each of another size. */
async function flow(pool: Pool, from: number, to: number, size = 1_000): Promise<void> {
  for (let step = from; step < to; step++) {
    const space = { dtype: 'float64', shape: [size + step] } as const;
    const field = pool.object(`t/${step}`, { attributes: { param: 't', step }, space });
    field.array.fill(step);
    await field.offer();
    await field.withdraw();
  }
}

/** All that is kept, each held against what was offered. */
async function mustBeStored(directory: string, count: number, size = 1_000): Promise<void> {
  await using store = await openStore(directory, { access: 'read' });
  const names: string[] = [];
  for await (const { pool, name, version, attributes } of store.list()) {
    names.push(name);
    const found = await store.get({ pool, name, version });
    const step = Number(attributes['step']);
    const wanted = new Uint8Array(new Float64Array(size + step).fill(step).buffer);
    assert.equal(Buffer.compare(found?.bytes ?? new Uint8Array(), wanted), 0, name);
    assert.equal(version, 1, name);
    const { 'archive.at': at, ...others } = attributes;
    assert.ok(at instanceof Timestamp);
    assert.deepEqual(others, { param: 't', step });
  }
  const steps = Array.from({ length: count }, (_, step) => `t/${step}`);
  assert.deepEqual(names.sort(), steps.sort());
}

test('what is withdrawn at once by a producer that leaves is stored; what stays is tagged', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'a/b');
  await using member = await join({ address: pool.address, member: 'm' });
  const promise = await member.promise('t/*');
  await member.put('t/0', new Float64Array(1_000), { attributes: { param: 't', step: 0 } });
  await member.put('other', new Float64Array(1));
  const line = ['param = "t"', '--to', store, '--complete', '--json'];
  const running = await archive(t, pool.address, ...line);
  const producer = await join({ address: pool.address, member: 'producer' });
  await flow(producer, 1, 20);
  await producer.leave();
  await promise.close();
  const { code, out } = await running.ended;
  assert.equal(code, 0);
  const told = jsonLines(out);
  assert.equal(told.filter(({ there }) => there === false).length, 20);
  assert.deepEqual([told.at(-1)?.['objects'], told.at(-1)?.['failed']], [20, 0]);
  await mustBeStored(store, 20);
  const tagged = `name = "t/0" and archive.path = ${JSON.stringify(store)} and archive.version = 1`;
  assert.equal(await member.count(tagged), 1);
  assert.equal((await attacca(['fsck', store])).code, 0);
});

test('killed at any moment: with a name everything is stored, and once', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using member = await join({ address: kept.address, member: 'm' });
  const store = joinPath(await filesOf(t), 'archive');
  await using promise = await member.promise('t/*');
  const line = ['param = "t"', '--to', store, '--as', 'a', '--complete', '--json'];
  const [kills, each] = [4, 30];
  for (let kill = 0; kill < kills; kill++) {
    const running = await archive(t, kept.address, ...line);
    const flowing = flow(member, kill * each, (kill + 1) * each);
    await running.said(new RegExp(`^(?:.*\n){${2 + kill * 5}}`, 'u'));
    running.process.kill('SIGKILL');
    if (kill === 1) await kept.restart();
    await running.ended;
    await flowing;
  }
  await promise.close();
  const last = await attacca(['archiver', ...line], { pool: kept.address });
  assert.equal(last.code, 0, last.err);
  const wasThere = Number(jsonLines(last.out).at(-1)?.['known']);
  t.diagnostic(`${wasThere} were stored when their archiver was killed`);
  await mustBeStored(store, kills * each);
  const listed = await attacca(['ls', '--store', store, '--json']);
  assert.equal(jsonLines(listed.out).length, kills * each);
  const checked = await attacca(['fsck', store, '--json']);
  assert.equal(checked.code, 0, checked.out);
  // The versions of a name begin anew: what is other bytes is the next version, the same is known.
  await member.put('t/1', new Float64Array(3), { attributes: { param: 't' } });
  const again = ['archiver', 'true', '--to', store, '--count', '1', '--json'];
  const next = await attacca(again, { pool: kept.address });
  assert.deepEqual(jsonLines(next.out)[0]?.['stored'], 2);
  const same = await attacca(again, { pool: kept.address });
  assert.deepEqual(
    [jsonLines(same.out)[0]?.['stored'], jsonLines(same.out)[0]?.['there']],
    [2, true],
  );
});

test('SIGTERM ends it behind what is written; a second archiver of the directory is refused', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const store = joinPath(await filesOf(t), 'archive');
  const line = ['param = "t"', '--to', store, '--durability', 'memory'];
  const running = await archive(t, pool.address, ...line);
  await flow(member, 0, 3);
  await running.said(/t\/2/u);
  const second = await attacca(['archiver', ...line, '--json'], { pool: pool.address });
  const [error] = jsonLines(second.err).map((each) => each['error'] as { [key: string]: unknown });
  assert.deepEqual([second.code, error?.['code']], [1, 'store-in-use']);
  running.process.kill('SIGTERM');
  const { signal, err, out } = await running.ended;
  assert.equal(signal, 'SIGTERM');
  assert.equal(out, 't/0\nt/1\nt/2\n');
  assert.match(err, /stored 3 objects, .* in \d/u);
  await mustBeStored(store, 3);
});

test('an object that is damaged in the store is written over; what is encoded is stored decoded', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const store = joinPath(await filesOf(t), 'archive');
  const encoding = [{ kind: 'shuffle', itemSize: 8 }] as const;
  await member.put('a', Float64Array.of(1, 2, 3), { attributes: { param: 'u' }, encoding });
  const line = ['archiver', 'true', '--to', store, '--count', '1', '--json'];
  const run = async () => jsonLines((await attacca(line, { pool: pool.address })).out)[0];
  assert.equal((await run())?.['there'], false);
  assert.equal((await run())?.['there'], true);
  const pack = joinPath(store, 'packs', '00000001.pack');
  const bytes = readFileSync(pack);
  const at = bytes.indexOf(Buffer.from(Float64Array.of(1, 2, 3).buffer));
  assert.ok(at > 0, 'it is stored as its elements lie');
  bytes[at + 1] = (bytes[at + 1] ?? 0) ^ 1;
  writeFileSync(pack, bytes);
  assert.deepEqual([(await run())?.['there'], (await run())?.['there']], [false, true]);
  await using level = await openStore(store, { access: 'read' });
  const found = await level.get({ pool: member.poolName, name: 'a', version: 1 });
  assert.deepEqual(found?.bytes, new Uint8Array(Float64Array.of(1, 2, 3).buffer));
  assert.deepEqual(Object.keys(found?.entry.attributes ?? {}).sort(), ['archive.at', 'param']);
});

/** Fills a disk to the last block with a file, which can be removed again. */
function fill(directory: string): string {
  const path = joinPath(directory, 'ballast');
  const fd = openSync(path, 'a');
  for (let bytes = 1 << 20; bytes >= 4_096; bytes >>= 1) {
    try {
      for (;;) writeSync(fd, new Uint8Array(bytes));
    } catch (error) {
      assert.ok(error instanceof Error && 'code' in error && error.code === 'ENOSPC');
    }
  }
  closeSync(fd);
  return path;
}

test('a full disk is told, stops nobody, and goes on when there is room', async (t) => {
  const disk = await tinyTmpfs(t, 8);
  if (disk === null) return;
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await using events = await member.subscribe({ kinds: 'archiver.failed' });
  const store = joinPath(disk, 'archive');
  mkdirSync(store);
  const line = ['param = "t"', '--to', store, '--complete', '--json'];
  await using promise = await member.promise('t/*');
  const running = await archive(t, pool.address, ...line);
  await flow(member, 0, 2);
  await running.said(/"t\/1"/u);
  const ballast = fill(disk);
  const size = 25_000;
  const leaving: Promise<void>[] = [];
  for (let step = 2; step < 20; step++) {
    const space = { dtype: 'float64', shape: [size] } as const;
    const field = member.object(`t/${step}`, { attributes: { param: 't', step }, space });
    field.array.fill(step);
    await field.offer();
    leaving.push(field.withdraw());
  }
  const told = await events.wait();
  assert.deepEqual(
    [told?.attributes['code'], told?.attributes['again'], told?.attributes['path']],
    ['disk-full', true, store],
  );
  rmSync(ballast);
  await Promise.all(leaving);
  await promise.close();
  const { code, out, err } = await running.ended;
  assert.equal(code, 0, out + err);
  assert.equal(jsonLines(out).at(-1)?.['objects'], 20);
  // As many as wait for room wait for its end, too: that is no leak.
  assert.doesNotMatch(err, /MaxListeners/u);
  fill(disk);
  const member2 = await join({ address: pool.address, member: 'later' });
  await member2.put('u/0', new Float64Array(size), { attributes: { param: 'u' } });
  const dropping = ['param = "u"', '--to', store, '--when-full', 'drop', '--count', '1', '--json'];
  const dropped = await attacca(['archiver', ...dropping], { pool: pool.address });
  assert.equal(dropped.code, 1);
  assert.equal(jsonLines(dropped.out)[0]?.['failed'], 'disk-full');
  const last = await events.wait();
  assert.deepEqual([last?.attributes['object'], last?.attributes['again']], ['u/0', false]);
  await member2.leave();
});

test('a directory that cannot be made, or is gone, ends it with the reason', async (t) => {
  await using pool = await testPool();
  const around = { pool: pool.address, directory: await filesOf(t) };
  for (const to of ['/proc/x', '/proc/x/y']) {
    const { code, err } = await attacca(['archiver', 'true', '--to', to, '--count', '1'], around);
    assert.equal(code, 1);
    assert.match(err, /Cannot make "\/proc\/x[^:]*": there is no such file or directory/u);
  }
  for (const to of ['a-file', 'a-file/x']) {
    writeFileSync(joinPath(around.directory, 'a-file'), 'x');
    const file = await attacca(['archiver', 'true', '--to', to, '--count', '1'], around);
    assert.match(file.err, /Cannot make ".*": a part of its path is not a directory/u);
  }
  const gone = 'mkdir gone && cd gone && rmdir ../gone && attacca archiver true --to x';
  const { code, err } = await shell(gone, around).ended;
  assert.equal(code, 1);
  assert.match(err, /Cannot tell the directory that this runs in: it was removed \(file-error\)/u);
  const served = await attacca(['serve', '--data', '/proc/xx']);
  assert.equal(served.code, 1);
  assert.match(served.err, /directory "\/proc\/xx": there is no such file or directory/u);
});

test('what cannot be asked for says why, and leaves no store behind', async (t) => {
  await using pool = await testPool();
  const around = { pool: pool.address, directory: await filesOf(t) };
  for (const [line, said] of [
    [['archiver', '--to', 'x'], /it takes one SELECTOR/u],
    [['archiver', 'true'], /it needs "--to DIR"/u],
    [['archiver', 'true', '--to', 'x', '--from', 'start'], /--from is snapshot or now/u],
    [['archiver', 'true', '--to', 'x', '--durability', 'no'], /--durability is fsync or memory/u],
    [['archiver', 'true', '--to', 'x', '--forget'], /--forget goes with --as/u],
    [['archiver', 't/1', '--to', 'x'], /Cannot read the selector[\s\S]*\^/u],
    [['checkpoint', '--to', 'x', '-w', 'x ='], /Cannot read the selector[\s\S]*\^/u],
  ] as const) {
    const result = await attacca([...line], around);
    assert.equal(result.code, 2, line.join(' '));
    assert.match(result.err, said);
  }
  assert.ok(!existsSync(joinPath(around.directory, 'x')));
});

test('a store that is moved away while it is open is told, and nothing counts as stored', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const directory = await filesOf(t);
  const [store, elsewhere] = [joinPath(directory, 'archive'), joinPath(directory, 'elsewhere')];
  const line = ['true', '--to', store, '--as', 'a'];
  for (const [round, size] of [10, 2 ** 21].entries()) {
    const running = await archive(t, pool.address, ...line);
    await member.put(`before/${round}`, new Uint8Array(size));
    await running.said(new RegExp(`before/${round}`, 'u'));
    renameSync(store, elsewhere);
    // Another one in its place is not the store.
    if (round === 1) mkdirSync(store);
    await member.put(`after/${round}`, new Uint8Array(size));
    const { code, out, err } = await running.ended;
    assert.equal(code, 1, err);
    assert.ok(!out.includes('after'));
    const last = err.trimEnd().split('\n').at(-1) ?? '';
    assert.match(last, /it was moved or removed while it was open \(file-error\)$/u);
    assert.equal(await member.count(`name = "after/${round}" and has archive.path`), 0);
    assert.deepEqual(existsSync(store) ? readdirSync(store) : [], []);
    rmSync(store, { recursive: true, force: true });
    renameSync(elsewhere, store);
    // What was written to it before that was seen is known there, and counts now.
    const next = await attacca(['archiver', ...line, '-n', '1', '--json'], { pool: pool.address });
    assert.deepEqual([next.code, jsonLines(next.out)[0]?.['name']], [0, `after/${round}`]);
  }
  assert.equal((await attacca(['fsck', store])).code, 0);
});
