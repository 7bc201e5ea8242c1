import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect, join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, jsonLines, shell, startAttacca, untilDemanded } from './command.js';

const F32 = { dtype: 'float32', shape: [2, 3] } as const;

async function withFields(member: Pool, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const attributes = { param: name.split('/')[0] ?? '', level: 850 };
    await member.put(name, new Float32Array(6), { space: F32, attributes });
  }
}

test('ls lists by name what a glob matches; -l and --json tell more', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withFields(member, 'u/2', 't/10', 't/1', 't/2');
  const around = { pool: pool.address };
  const [all, some, long, json, nothing, bad] = await Promise.all([
    attacca(['ls'], around),
    attacca(['ls', 't/?'], around),
    attacca(['ls', '-lA', 't/1'], around),
    attacca(['ls', '--json', 'u/*'], around),
    attacca(['ls', 'v/*'], around),
    attacca(['ls', 't/[1'], around),
  ]);
  assert.equal(all.out, 't/1\nt/10\nt/2\nu/2\n');
  assert.equal(some.out, 't/1\nt/2\n');
  assert.deepEqual([nothing.code, nothing.out], [0, '']);
  const [head = '', row = ''] = long.out.split('\n');
  assert.match(head, /^NAME +STATE +VERSION +BYTES +DTYPE +SHAPE +SCOPE +PROVIDER +ATTRIBUTES/u);
  assert.match(
    row,
    /^t\/1 +offered +1 +24 B +float32 +2 x 3 +pool +model\[3\] +param=t level=850$/u,
  );
  const [known] = jsonLines(json.out);
  assert.deepEqual(
    [known?.['name'], known?.['shape'], known?.['provider']],
    ['u/2', [2, 3], 'model[3]'],
  );
  assert.equal(bad.code, 1);
  assert.match(bad.err, /Cannot use the glob .*\(bad-argument\)\n$/u);
  const endless = await attacca(['ls', 'g'.repeat(5_000)], around);
  assert.match(
    endless.err,
    /^attacca ls: Cannot use the glob "g{400}\.\.\.": it is longer than 1000/u,
  );
});

test('stat tells what is known, in the order asked, and names what is not', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withFields(member, 'b', 'a');
  await member.tag('a', { quality: 'good' });
  const text = await attacca(['stat', 'a'], { pool: pool.address });
  assert.match(text.out, /^a\n/u);
  assert.match(text.out, /space +float32, 2 x 3\n/u);
  assert.match(text.out, /provider +model\[3\] \(kept by the pool\)\n/u);
  assert.match(text.out, /tags +quality=good\n/u);
  const some = await attacca(['stat', 'b', 'nope', 'a', '--json'], { pool: pool.address });
  assert.equal(some.code, 1);
  assert.deepEqual(
    jsonLines(some.out).map(({ name }) => name),
    ['b', 'a'],
  );
  assert.match(some.err, /"code":"unknown-object"/u);
  assert.equal(jsonLines(some.err).length, 1);
});

test('members and info tell who is there and what it holds', async () => {
  await using pool = await testPool({ name: 'weather' });
  await using member = await join({ address: pool.address, member: 'model[3]' });
  await withFields(member, 'a');
  const around = { pool: pool.address };
  const [table, json, info, infoJson] = await Promise.all([
    attacca(['members'], around),
    attacca(['members', '--json'], around),
    attacca(['info'], around),
    attacca(['info', '--json'], around),
  ]);
  assert.match(table.out, /^MEMBER +HOST +PID/u);
  assert.match(table.out, new RegExp(`^model\\[3\\] +\\S+ +${process.pid} `, 'mu'));
  assert.deepEqual(
    jsonLines(json.out).map(({ name, pid }) => [name, pid]),
    [['model[3]', process.pid]],
  );
  assert.match(info.out, /^pool +weather \(/u);
  assert.match(info.out, /\nobjects +1 object/u);
  assert.match(
    info.out,
    /\ncatalog +\S+ \S+ of tables, \S+ \S+ of index, \S+ \S+ of names, attributes and tags\n/u,
  );
  const [parsed] = jsonLines(infoJson.out);
  assert.match(infoJson.out, /"counts":\{[^}]*"objects":1[,}]/u);
  assert.ok(infoJson.out.includes(`"address":"${pool.address}"`));
  assert.ok(parsed !== undefined);
});

test('explain says who waits, since when, who has promised it, what would end it', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  await using member = await join({ address: pool.address, member: 'model[3]' });
  const around = { pool: pool.address };
  const idle = await attacca(['explain'], around);
  assert.equal(idle.out, 'Nobody waits.\n');
  await member.promise('t/*');
  const waits = startAttacca(['wait', 't/1', '--member', 'plot[0]'], around);
  await untilDemanded(view, 't/1');
  const [one, all, json] = await Promise.all([
    attacca(['explain', 't/1'], around),
    attacca(['explain'], around),
    attacca(['explain', 't/1', '--json'], around),
  ]);
  assert.match(
    one.out,
    /^"t\/1" is not offered\.\n {2}plot\[0\] waits for [^,]+, (?:10 m|9 m 5\d s) left\n/u,
  );
  assert.match(one.out, /because it is not offered; model\[3\] promised it\n/u);
  assert.match(one.out, /ends with an offer, a closed promise, its deadline\n/u);
  assert.match(one.out, /model\[3\] promised "t\/\*" .* ago \(open\)\n/u);
  assert.match(all.out, /^plot\[0\] waits for "t\/1" for /u);
  assert.equal(jsonLines(json.out)[0]?.['offered'], null);
  await member.put('t/1', new Uint8Array(5));
  assert.equal((await waits.ended).code, 0);
  const offered = await attacca(['explain', 't/1'], around);
  assert.match(
    offered.out,
    /^"t\/1" is offered: version 1, 5 B, by model\[3\], and the pool keeps/u,
  );
  assert.match(offered.out, /\nNobody waits for it\.\n/u);
  const unknown = await attacca(['explain', 'nope'], around);
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /Cannot explain "nope": nobody has declared.*\(unknown-object\)\n$/u);
});

test('explain --rings names members that wait for one another', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  await using one = await join({ address: pool.address, member: 'one' });
  await using two = await one.member('two');
  assert.equal(
    (await attacca(['explain', '--rings'], { pool: pool.address })).out,
    'Nobody waits in a ring.\n',
  );
  await one.promise({ name: 'a' });
  await two.promise({ name: 'b' });
  const stop = new AbortController();
  const waits = [
    one.object('b').demand({ signal: stop.signal }),
    two.object('a').demand({ signal: stop.signal }),
  ];
  const ended = Promise.allSettled(waits);
  await untilDemanded(view, 'a');
  await untilDemanded(view, 'b');
  const { out } = await attacca(['explain', '--rings'], { pool: pool.address });
  stop.abort();
  await ended;
  assert.match(out, /^1\. (?:one waits for "b" of two|two waits for "a" of one) waits for /u);
});

test('rm deletes; what is required only by force; --dry-run only tells', async () => {
  await using pool = await testPool();
  await using view = await connect({ address: pool.address });
  await using member = await join({ address: pool.address, member: 'test' });
  await withFields(member, 'a', 'b');
  const around = { pool: pool.address };
  const needed = member.object('b');
  await needed.require();
  const [plan, forced] = await Promise.all([
    attacca(['rm', 'a', 'b', '--dry-run'], around),
    attacca(['rm', 'b', '--dry-run', '--force', '--json'], around),
  ]);
  assert.equal(
    plan.out,
    'would delete "a" (24 B)\nwould not delete "b": it has 1 open require; --force fails them\n',
  );
  assert.equal(jsonLines(forced.out)[0]?.['refused'], false);
  const some = await attacca(['rm', 'a', 'b'], around);
  assert.equal(some.code, 1);
  assert.match(some.err, /\(object-required\)\n$/u);
  assert.equal((await attacca(['ls'], around)).out, 'b\n');
  assert.equal((await attacca(['rm', '-f', 'b'], around)).code, 0);
  await assert.rejects(needed.demand());
  await assert.rejects(view.stat('a'), { code: 'unknown-object' });
});

test('withdraw ends what the pool keeps, not what a member offers', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'test' });
  await withFields(member, 'kept');
  await using own = member.object('own', { space: { dtype: 'uint8', shape: [0] } });
  await own.offer();
  const result = await attacca(['withdraw', 'kept', 'own', 'nope'], { pool: pool.address });
  assert.equal(result.code, 1);
  const lines = result.err.trimEnd().split('\n').sort();
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /"nope".*\(unknown-object\)$/u);
  assert.match(lines[1] ?? '', /"own": it belongs to the member that offers it \(wrong-state\)$/u);
  assert.equal((await attacca(['ls'], { pool: pool.address })).out, 'own\n');
});

test('300,000 names go through a pipe', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'many' });
  const empty = new Uint8Array(0);
  for (let first = 0; first < 300_000; first += 20_000) {
    const puts = Array.from({ length: 20_000 }, (_, at) => member.put(`x/${first + at}`, empty));
    await Promise.all(puts);
  }
  const { code, err } = await shell('attacca ls | attacca rm -', {
    pool: pool.address,
  }).ended;
  assert.deepEqual([code, err], [0, '']);
  assert.equal((await attacca(['ls'], { pool: pool.address })).out, '');
});

test('stat tells what elements are like, with a histogram; selectors find by it', async () => {
  await using pool = await testPool({ name: 'measured' });
  await using member = await join({ address: pool.address, member: 'm' });
  const values = Float32Array.from({ length: 50 }, (_, at) => at);
  values[7] = Number.NaN;
  await member.put('x', values, { attributes: { _FillValue: 9 } });
  const around = { pool: pool.address };
  const text = await attacca(['stat', 'x'], around);
  const page = readFileSync(new URL('../../../docs/statistics.md', import.meta.url), 'utf8');
  // What the page shows between what it leaves out.
  const [, shown = ''] = page.split('  ...\n');
  assert.ok(shown.includes('mean') && text.out.includes(shown), text.out);
  const json = await attacca(['stat', 'x', '--json'], around);
  const [{ statistics } = { statistics: null }] = jsonLines(json.out);
  const { counts, ...numbers } = (statistics as { histogram: { counts: number[] } }).histogram;
  assert.deepEqual(numbers, { begin: 0, width: 1 });
  assert.deepEqual([counts.length, counts[6], counts[7]], [50, 1, 0]);
  const found = await attacca(['query', 'stats.max > 48 and stats.fill = 1'], around);
  assert.match(found.out, /^x$/mu);
});
