import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { attacca, filesOf, jsonLines, startAttacca } from './command.js';

const kinds = (text: string): unknown[] =>
  jsonLines(text).map((line) => [line['kind'], line['name']]);

test('--complete without a promise says that it waits for one', async (t) => {
  await using pool = await testPool();
  await using model = await join({ address: pool.address, member: 'model' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const all = [
    ['events', 'offer'],
    ['tracer', '-o', 'trace'],
    ['archiver', 'true', '--to', 'store'],
    ['checkpoint', '--to', 'steps'],
    ['when', 'true', '--', 'true'],
    ['get', '--all', 'true', '--follow', '-d', 'got'],
  ].map(([name = '', ...line]) => startAttacca([name, '--complete', ...line], around));
  const said = /: no promise is open: it waits for one \(--complete\)\n/u;
  await Promise.all(all.map((each) => each.complained(said)));
  await (await model.promise('x')).close();
  for (const { ended } of all) assert.equal((await ended).code, 0);
});

test('events are printed as they come, until so many have, or all that was promised', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const promise = await member.promise('x*');
  const watching = attacca(['events', 'offer', '--complete', '--json', '--from', 'start'], around);
  const counting = attacca(['events', 'tick', '-n', '2', '--from', 'start', '--json'], around);
  for (let index = 0; index < 3; index++) await member.put(`x${index}`, new Float64Array(2));
  for (let index = 0; index < 3; index++) await member.emit('tick', { index });
  await promise.close();
  const offers = await watching;
  assert.deepEqual([offers.code, offers.err], [0, '']);
  assert.deepEqual(
    kinds(offers.out),
    [0, 1, 2].map((index) => ['offer', `x${index}`]),
  );
  const [first] = jsonLines(offers.out);
  assert.deepEqual(
    { n: first?.['n'], member: first?.['member'], shape: first?.['shape'] },
    { n: 1, member: 'm', shape: [2] },
  );
  const ticks = jsonLines((await counting).out).map((line) => line['attributes']);
  assert.deepEqual(ticks, [{ index: 0 }, { index: 1 }]);
});

test('a durable subscription misses nothing between two commands', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const around = { pool: pool.address, directory: await filesOf(t) };
  const once = ['events', 'offer', '--as', 'archive', '--json', '--for', '0s'];
  assert.equal((await attacca(once, around)).out, '');
  await member.put('x', new Float64Array(1));
  assert.deepEqual(kinds((await attacca(once, around)).out), [['offer', 'x']]);
  assert.equal((await attacca(once, around)).out, '');
  const forgotten = await attacca([...once, '--forget'], around);
  assert.deepEqual([forgotten.code, forgotten.out, forgotten.err], [0, '', '']);
  await member.put('y', new Float64Array(1));
  assert.equal((await attacca(once, around)).out, '');
});

test('all that has happened is printed, however much, and no more is waited for', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const items = Array.from({ length: 1_000 }, (_, step) => ({ name: `t/${step}` }));
  await member.offerMany(items, { keep: true });
  const around = { pool: pool.address };
  for (const from of ['start', 'snapshot']) {
    const line = ['events', 'offer', '--from', from, '--for', '0s', '--json'];
    assert.equal(kinds((await attacca(line, around)).out).length, 1_000, from);
  }
  const line = ['tracer', 'offer', '--from', 'start', '--for', '0s'];
  assert.equal((await attacca(line, around)).out.trim().split('\n').length, 1_000);
});

test('what is no command line, kind or selector says what would be', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  for (const [line, code, said] of [
    [['events', '--from', 'then'], 2, /--from is now, start, snapshot or the number/u],
    [['events', '--count', '-1'], 2, /--count is a whole number/u],
    [['events', '--forget'], 2, /--forget needs --as NAME/u],
    [['events', 'gap'], 1, /it is no kind/u],
    [['events', '-w', '.level = "memory"'], 2, /an event tells \.event/u],
    [['events', '-w', '.evnt = "offer"'], 2, /"\.evnt": did you mean "\.event"\?[\s\S]*\n {2}\^/u],
    [['events', '-w', 'stats.nn > 0'], 2, /did you mean "stats\.nan"/u],
    [['events', '-w', 'step ='], 2, /\n {8}\^/u],
    [['step', 'crash'], 1, /told after it happens, only/u],
    [['tracer', '-f', 'otlp', '-o', 'localhost:4318'], 2, /a collector is http:/u],
    [
      ['get', '--all', 'true', '--follow', '--share', 'none', '--forget'],
      1,
      /nobody has subscribed/u,
    ],
    [['emit'], 2, /it takes one KIND/u],
    [['emit', 'offer'], 1, /events of that kind are the pool's/u],
  ] as const) {
    const result = await attacca([...line], around);
    assert.equal(result.code, code, line.join(' '));
    assert.match(result.err, said);
  }
});

test('a kind that is nearly one of the pool is told; any other is what members emit', async () => {
  await using pool = await testPool();
  const around = { pool: pool.address };
  for (const [command, kind, said] of [
    ['events', 'offr', /"offr" is what members emit; did you mean "offer"/u],
    ['tracer', 'Withdraw', /did you mean "withdraw"/u],
    ['events', 'steer', null],
    ['events', 'offer', null],
  ] as const) {
    const { err, code } = await attacca([command, kind, '--for', '0s'], around);
    assert.equal(code, 0);
    if (said === null) assert.doesNotMatch(err, /did you mean/u);
    else assert.match(err, said);
  }
  for (const [line, said] of [
    [['events', '-n', '0'], /--count is a whole number from 1 on/u],
    [['top', 'foo'], /it takes no words/u],
    [['tracer', '-f', 'syslog', '-o', 'udp://'], /syslog needs/u],
    [['tracer', '-o', 'http://localhost:9'], /jsonl goes to a file/u],
  ] as const) {
    const { err, code } = await attacca(line, around);
    assert.deepEqual([code, said.test(err)], [2, true], err);
  }
});

test('durable subscriptions are listed, and forgotten by their names, whatever they ask for', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const around = { pool: pool.address };
  const asked = ['events', 'tag', '-w', 'a = 1', '--as', 'mine', '--for', '0s'];
  assert.equal((await attacca(asked, around)).code, 0);
  await member.put('x', Uint8Array.of(1));
  const listed = await attacca(['events', '--list'], around);
  assert.match(listed.out, /^"mine" {2}tag {2}a = 1 {2}idle {2}\d+ behind$/mu);
  const [row] = jsonLines((await attacca(['events', '--list', '--json'], around)).out);
  assert.deepEqual([row?.['name'], row?.['selector']], ['mine', 'a = 1']);
  // Of what members emit: which.
  for (const [kinds, told] of [
    [['steer', 'offer'], 'offer steer'],
    ['emit', 'emit'],
    ['st\u001b[2Jeer', 'st\\u001b[2Jeer'],
  ] as const) {
    await using _events = await member.subscribe({ kinds });
    const { out } = await attacca(['events', '--list'], around);
    assert.ok(
      out.split('\n').some((line) => line.includes(`  ${told}  `)),
      out,
    );
  }
  assert.equal((await attacca(['events', '--as', 'mine', '--forget'], around)).code, 0);
  assert.equal((await attacca(['events', '--list'], around)).out, '');
  const gone = await attacca(['events', '--as', 'mine', '--forget', '--for', '0s'], around);
  assert.deepEqual([gone.code, /unknown-subscription/u.test(gone.err)], [1, true], gone.err);
});

test('a group says what it keeps; who is held, of what, and for how long at most', async () => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await using worker = await join({ address: pool.address, member: 'worker' });
  const around = { pool: pool.address };
  await using fields = await worker.requireAll('true', { group: 'work', ahead: 4 });
  await member.put('x', new Uint8Array(3));
  await member.put('y', new Uint8Array(4));
  const listed = await attacca(['events', '--list'], around);
  assert.match(listed.out, /^"work" .* of worker .*keeps 2 objects, 7 B$/mu);
  await fields.close({ forget: true });

  const asked = { kinds: ['offer', 'steer'], when: 'before', acknowledge: true } as const;
  await using guard = await worker.subscribe(asked);
  const offered = member.put('z', new Uint8Array(1));
  const emitted = member.emit('steer', {});
  await guard.wait();
  await guard.wait();
  const all = await attacca(['explain'], around);
  assert.match(
    all.out,
    /^m has an operation held on "z" for .*, at most (?:9 m \d+ s|10 m) left$/mu,
  );
  assert.match(all.out, /^m has an operation held for .*, at most (?:9 m \d+ s|10 m) left$/mu);
  const one = await attacca(['explain', 'z'], around);
  assert.match(one.out, /^ {2}m has an operation held for .*, at most/mu);
  await guard.close();
  await Promise.all([offered, emitted]);
});
