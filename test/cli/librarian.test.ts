import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type AttaccaError, join, type Pool } from '../../src/client/index.js';
import { LIMITS } from '../../src/core/limits.js';
import { openStore } from '../../src/levels/store/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, type Running, startAttacca } from './command.js';

async function lend(t: TestContext, address: string, ...args: string[]): Promise<Running> {
  const running = startAttacca(['librarian', ...args], { pool: address });
  t.after(() => running.process.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    let text = '';
    running.process.stderr?.on('data', (piece: string) => {
      text += piece;
      if (/looks into/u.test(text)) resolve();
    });
    running.ended.then(({ err }) => reject(new Error(`it ended, and said: ${err}`)), reject);
  });
  return running;
}

const SPACE = { dtype: 'float64', shape: [2, 3] } as const;

/** A store of some fields, one of them in two versions, put into it by the archiver. */
async function fill(address: string, directory: string): Promise<void> {
  await using member = await join({ address, member: 'm' });
  for (let step = 0; step < 4; step++) {
    const attributes = { param: 't', step };
    await member.put(`t/${step}`, new Float64Array(6).fill(step), { attributes, space: SPACE });
  }
  const encoding = [{ kind: 'shuffle', itemSize: 8 }] as const;
  await member.put('encoded', Float64Array.of(1, 2, 3), { attributes: { param: 'u' }, encoding });
  const line = ['archiver', 'true', '--to', directory, '--count', '5', '-q'];
  assert.equal((await attacca(line, { pool: address })).code, 0);
  for (const name of ['t/0', 't/1', 't/2', 't/3', 'encoded']) await member.unkeep(name);
}

async function objectsOf(pool: Pool): Promise<number> {
  const { counts } = await pool.info();
  return (counts as { readonly versions: number }).versions;
}

test('what is required comes out of the store, in another pool too, and goes again', async (t) => {
  const store = joinPath(await filesOf(t), 'archive');
  {
    await using first = await testPool();
    await fill(first.address, store);
  }
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const early = member.object('t/1').demand();
  const running = await lend(t, pool.address, '--from', store, '--keep', '0s', '--json');
  await using field = await early;
  assert.deepEqual([...field.array], new Array(6).fill(1));
  assert.deepEqual(field.space.shape, [2, 3]);
  const { 'archive.at': at, ...attributes } = field.attributes;
  assert.deepEqual(attributes, {
    ...{ param: 't', step: 1, 'archive.path': store, 'archive.version': 1 },
  });
  assert.ok(at !== undefined);
  await using encoded = await member.object('encoded').demand();
  assert.deepEqual([...encoded.array], [1, 2, 3]);
  await encoded.dispose();
  await field.dispose();
  for (let again = 0; again < 3; again++) {
    await using once = await member.object('t/2').demand();
    assert.equal(once.array[5], 2);
  }
  while ((await objectsOf(member)) > 0) await member.info();
  const nobody = member.object('none').demand({ timeoutMs: 300 });
  await assert.rejects(nobody, (error: AttaccaError) => error.code === 'deadline-passed');
  running.process.kill('SIGTERM');
  const { signal, out } = await running.ended;
  assert.equal(signal, 'SIGTERM');
  const told = jsonLines(out);
  assert.deepEqual([told.at(-1)?.['objects'], told.at(-1)?.['failed']], [told.length - 1, 0]);
  const names = new Set(told.slice(0, -1).map(({ name }) => name));
  assert.deepEqual([...names].sort(), ['encoded', 't/1', 't/2']);
  const slowest = Math.max(...told.slice(0, -1).map(({ seconds }) => Number(seconds)));
  t.diagnostic(`from require to offer at most ${Math.round(slowest * 1_000)} ms`);
});

test('hints are fetched before, two librarians do no harm, what comes later is found', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(pool.address, store);
  await using member = await join({ address: pool.address, member: 'm' });
  await using offers = await member.subscribe({ kinds: 'offer' });
  const line = ['--from', store, '--json'];
  const one = await lend(t, pool.address, ...line);
  const other = await lend(t, pool.address, ...line);
  await member.emit('prefetch', { names: ['t/3'], select: 'step in 0..1' });
  const names = [await offers.wait(), await offers.wait(), await offers.wait()];
  assert.deepEqual(names.map((event) => event?.name).sort(), ['t/0', 't/1', 't/3']);
  await using field = await member.object('t/3').demand();
  assert.equal(field.array[0], 3);
  await field.dispose();
  await using found = await member.object('t/2').demand();
  assert.equal(found.array[0], 2);
  await found.dispose();
  await member.put('late', Float64Array.of(7));
  const late = ['archiver', 'name = "late"', '--to', store, '--count', '1'];
  assert.equal((await attacca(late, { pool: pool.address })).code, 0);
  await member.unkeep('late');
  await using kept = await member.object('late').demand();
  assert.equal(kept.array[0], 7);
  await kept.dispose();
  const lent: string[] = [];
  for (const each of [one, other]) {
    each.process.kill('SIGTERM');
    const { signal, out, err } = await each.ended;
    assert.equal(signal, 'SIGTERM', err);
    lent.push(...jsonLines(out).flatMap(({ name }) => (typeof name === 'string' ? [name] : [])));
  }
  // Both may offer the same in one moment: then the second one serves nobody.
  assert.deepEqual([...new Set(lent)].sort(), ['late', 't/0', 't/1', 't/2', 't/3']);
});

test('a hint of no use is told once, and is no failure', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(pool.address, store);
  await using member = await join({ address: pool.address, member: 'm' });
  const asJson = await lend(t, pool.address, '--from', store, '--json', '--member', 'one');
  const asText = await lend(t, pool.address, '--from', store);
  await member.emit('prefetch', { names: ['none', 'none'] });
  await member.emit('prefetch', { select: 'step = 77' });
  await member.emit('prefetch', {});
  // In any order: one looks into the store before.
  for (const said of [/"names", no/u, /"none"/u, /selects nothing/u]) await asText.complained(said);
  for (const said of [/names.*, no/u, /"none"/u, /selects nothing/u]) await asJson.said(said);
  for (const each of [asJson, asText]) each.process.kill('SIGTERM');
  const { out } = await asJson.ended;
  const lines = out.trimEnd().split('\n');
  assert.deepEqual(jsonLines([...lines.slice(0, -1).sort(), lines.at(-1)].join('\n')), [
    { name: '', missed: true, by: 'm', why: 'it selects nothing' },
    { name: '', missed: true, by: 'm', why: 'no "names", no "select"' },
    { name: 'none', missed: true, by: 'm', why: 'it is not in the store' },
    { objects: 0, bytes: 0, failed: 0, missed: 3 },
  ]);
  const { err } = await asText.ended;
  assert.match(err, /a hint of m at "none" is of no use: it is not in the store\n/u);
  assert.match(err, /offered 0 objects, 0 B; 3 hints of no use\n/u);
});

test('what is damaged is told, and nobody has it; the others are served', async (t) => {
  await using pool = await testPool();
  const store = joinPath(await filesOf(t), 'archive');
  await fill(pool.address, store);
  const pack = joinPath(store, 'packs', '00000001.pack');
  const bytes = readFileSync(pack);
  const payload = Buffer.from(new Float64Array(6).fill(2).buffer);
  const at = bytes.indexOf(payload);
  bytes[at + 9] = (bytes[at + 9] ?? 0) ^ 1;
  writeFileSync(pack, bytes);
  await using member = await join({ address: pool.address, member: 'm' });
  await using events = await member.subscribe({ kinds: 'librarian.failed' });
  const running = await lend(t, pool.address, '--from', store, '--json');
  const damaged = member.object('t/2').demand({ timeoutMs: 2_000 });
  const told = await events.wait();
  assert.deepEqual(
    [told?.attributes['object'], told?.attributes['code']],
    ['t/2', 'store-damaged'],
  );
  await using field = await member.object('t/3').demand();
  assert.equal(field.array[0], 3);
  await assert.rejects(damaged, (error: AttaccaError) => error.code === 'deadline-passed');
  await field.dispose();
  running.process.kill('SIGTERM');
  const { out } = await running.ended;
  assert.equal(jsonLines(out).find(({ failed }) => typeof failed === 'string')?.['name'], 't/2');
});

test('more was required before it began than one answer tells: all of it comes', async (t) => {
  const store = joinPath(await filesOf(t), 'archive');
  const names = Array.from({ length: LIMITS.explainRowsMax + 200 }, (_, at) => `n/${at}`);
  await using level = await openStore(store, { access: 'write' });
  const space = { dtype: 'uint8', shape: [1], order: 'row', byteOrder: 'little' } as const;
  const put = (name: string): Promise<void> =>
    level.put({ pool: 'p', name, version: 1, space, attributes: {} }, new Uint8Array(1));
  await Promise.all(names.map(put));
  await level.close();
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const waiting = names.map(async (name) => {
    const found = await member.object(name).demand({ timeoutMs: 60_000 });
    await found.dispose();
  });
  const { counts } = await member.info();
  assert.equal((counts as { readonly requires: number }).requires, names.length);
  await lend(t, pool.address, '--from', store);
  await Promise.all(waiting);
});

test('what cannot be asked for says why', async (t) => {
  const directory = await filesOf(t);
  await using pool = await testPool();
  for (const [line, code, said] of [
    [['librarian'], 2, /it needs "--from DIR"/u],
    [['librarian', 'x', '--from', 'x'], 2, /it takes no words/u],
    [['librarian', '--from', directory], 1, /not-a-store/u],
  ] as const) {
    const result = await attacca([...line], { pool: pool.address, directory });
    assert.equal(result.code, code, line.join(' '));
    assert.match(result.err, said);
  }
});
