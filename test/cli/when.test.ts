import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, join, type Pool } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { KeptPool } from '../server/kept-pool.js';
import { attacca, filesOf, jsonLines, type Surroundings, startAttacca } from './command.js';

/** Where commands note that they have run: a line each. */
async function notes(t: TestContext, address: string) {
  const directory = await filesOf(t);
  const file = joinPath(directory, 'notes');
  const lines = async (): Promise<string[]> => {
    const text = await readFile(file, 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  };
  const around: Surroundings = { pool: address, directory };
  return { around, lines };
}

const states = (text: string): unknown[] =>
  jsonLines(text)
    .filter((line) => ['done', 'failed', 'cut'].includes(String(line['state'])))
    .map((line) => [line['name'], line['state'], line['attempts']]);

async function putAll(pool: Pool, from: number, to: number): Promise<void> {
  for (let step = from; step < to; step++) {
    await pool.put(`t/${step}`, Float64Array.of(step), { attributes: { param: 't', step } });
  }
}

test('a command runs for what is there and what comes, and hears of what', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const { around, lines } = await notes(t, pool.address);
  const promise = await member.promise('t/*');
  await putAll(member, 0, 2);
  await member.put('other', new Float64Array(1), { attributes: { param: 'u' } });
  const script = 'echo "$1 $2 $ATTACCA_ATTEMPT {x}" $(cat | grep -c \'"param":"t"\') >> notes';
  const words = ['sh', '-c', script, 'sh', '{name}', '{version}-{attributes.step}'];
  const line = ['when', 'param = "t"', '--complete', '--json', '--', ...words];
  const running = startAttacca(line, around);
  await running.said(/"state":"done"/u);
  await putAll(member, 2, 4);
  await promise.close();
  const ended = await running.ended;
  assert.deepEqual([ended.code, ended.err], [0, '']);
  assert.deepEqual(
    await lines(),
    [0, 1, 2, 3].map((step) => `t/${step} 1-${step} 1 {x} 1`),
  );
  assert.deepEqual(jsonLines(ended.out).at(-1), { done: 4, failed: 0, cut: 0, missed: 0 });
  const again = await attacca([...line.slice(0, -words.length), ...words], around);
  assert.deepEqual(jsonLines(again.out), [{ done: 0, failed: 0, cut: 0, missed: 0 }]);
  assert.equal((await lines()).length, 4, 'what is recorded as done is not run again');
});

test('what fails is tried again, then given up and told; others go on', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await using events = await member.subscribe({ kinds: ['when.done', 'when.failed'] });
  const { around, lines } = await notes(t, pool.address);
  await putAll(member, 0, 3);
  const script = 'echo $1 $ATTACCA_RUN_ID >> notes; test $1 != t/0 && test "$ATTACCA_ATTEMPT" = 2';
  const how = ['--retries', '2', '--backoff', '1ms', '--count', '3', '--as', 'tried', '--json'];
  const ended = await attacca(
    ['when', 'param = "t"', ...how, '--', 'sh', '-c', script, 'sh', '{name}'],
    around,
  );
  assert.equal(ended.code, 1);
  assert.deepEqual(new Set(states(ended.out).map((row) => JSON.stringify(row))).size, 3);
  const byName = Object.fromEntries(
    (states(ended.out) as [string, string, number][]).map(([name, ...rest]) => [name, rest]),
  );
  assert.deepEqual(byName, { 't/0': ['failed', 3], 't/1': ['done', 2], 't/2': ['done', 2] });
  const again = jsonLines(ended.out).filter(({ state }) => state === 'again');
  assert.deepEqual(again.map(({ name, attempt, seconds }) => [name, attempt, seconds]).sort(), [
    ['t/0', 1, 0.001],
    ['t/0', 2, 0.002],
    ['t/1', 1, 0.001],
    ['t/2', 1, 0.001],
  ]);
  assert.equal((await lines()).length, 7);
  assert.equal(new Set(await lines()).size, 3, 'attempts of one run have one id');
  const told = [await events.wait(), await events.wait(), await events.wait()];
  assert.deepEqual(told.map((event) => [event?.kind, event?.attributes['object']]).sort(), [
    ['when.done', 't/1'],
    ['when.done', 't/2'],
    ['when.failed', 't/0'],
  ]);
  const failed = told.find((event) => event?.kind === 'when.failed');
  assert.equal(failed?.attributes['why'], '"sh" ended with exit 1');
});

test('what takes too long is ended with all that it has started; so many run at a time', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const { around } = await notes(t, pool.address);
  await putAll(member, 0, 3);
  const how = ['-j', '3', '--count', '3', '--run-timeout', '200ms', '--json'];
  const line = ['when', 'true', ...how, '--', 'sh', '-c', 'sleep 600 & sleep 600'];
  const startedMs = performance.now();
  const ended = await attacca(line, around);
  assert.equal(ended.code, 1);
  assert.ok(performance.now() - startedMs < 60_000, 'nothing holds our output open');
  for (const run of jsonLines(ended.out).filter(({ state }) => state === 'failed')) {
    assert.equal(run['why'], 'it took more than 200 ms');
  }
  assert.equal(jsonLines(ended.out).at(-1)?.['failed'], 3);
});

test('killed at any moment: each run happens, and none that is done happens again', async (t) => {
  const kept = await KeptPool.make(t);
  await kept.start();
  await using member = await join({ address: kept.address, member: 'm' });
  const { around, lines } = await notes(t, kept.address);
  const count = 60;
  await using promise = await member.promise('t/*');
  await putAll(member, 0, count);
  await promise.close();
  const how = ['-j', '3', '--as', 'killed', '--complete', '--json'];
  const line = ['when', 'param = "t"', ...how, '--', 'sh', '-c', 'echo $ATTACCA_RUN_ID >> notes'];
  /** Of each run that is told to be done: how often it had happened by then. */
  const done = new Map<string, number>();
  const ids = new Set<string>();
  const note = async (out: string): Promise<void> => {
    const happened = await lines();
    // The last line may have been cut with its program.
    const whole = out.slice(0, out.lastIndexOf('\n') + 1);
    for (const { run, state } of jsonLines(whole)) {
      if (typeof run !== 'string') continue;
      ids.add(run);
      if (state === 'done') done.set(run, happened.filter((id) => id === run).length);
    }
  };
  const kills = 10;
  for (let kill = 1; kill <= kills; kill++) {
    const running = startAttacca(line, around);
    // Behind another number of lines each time; the pool is killed, too, every third time.
    await running.said(new RegExp(`^(?:.*\n){${1 + ((kill * 7) % 5)}}`, 'u')).catch(() => '');
    if (kill % 3 === 0) await kept.restart();
    running.process.kill('SIGKILL');
    await note((await running.ended).out);
  }
  assert.ok(done.size < count, 'the last one has something to do');
  const last = await attacca(line, around);
  assert.equal(last.code, 0);
  await note(last.out);
  assert.equal(ids.size, count, 'a run has the same id each time');
  const happened = await lines();
  for (const [run, times] of done) {
    assert.ok(times >= 1, `${run} was done`);
    assert.equal(happened.filter((id) => id === run).length, times, `${run} happened again`);
  }
});

test('triggers of one name share the work: each is run by one of them', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const { around, lines } = await notes(t, pool.address);
  const promise = await member.promise('t/*');
  const line = ['when', 'param = "t"', '--as', 'shared', '--complete', '--json', '--'];
  const words = [...line, 'sh', '-c', 'echo $ATTACCA_RUN_ID >> notes'];
  const both = [startAttacca(words, around), startAttacca(words, around)];
  await putAll(member, 0, 20);
  await promise.close();
  const ended = await Promise.all(both.map((running) => running.ended));
  for (const { code, err } of ended) assert.deepEqual([code, err], [0, '']);
  const done = ended.map(({ out }) => Number(jsonLines(out).at(-1)?.['done']));
  assert.equal((done[0] ?? 0) + (done[1] ?? 0), 20);
  assert.equal(new Set(await lines()).size, 20);
  assert.equal((await lines()).length, 20);
});

test('SIGTERM lets a run come to its end; twice ends it, and it runs again the next time', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const { around, lines } = await notes(t, pool.address);
  await putAll(member, 0, 2);
  await using view = await connect({ address: pool.address });
  // It runs until an object is there.
  const script = 'echo $1 >> notes; "$2" "$3" wait go-$1 -q';
  const { execPath } = process;
  const { attaccaPath } = await import('./command.js');
  const line = ['when', 'param = "t"', '--as', 'stopped', '--json', '--', 'sh', '-c', script];
  const words = [...line, 'sh', '{name}', execPath, attaccaPath];
  const first = startAttacca(words, around);
  await first.said(/started/u);
  first.process.kill('SIGTERM');
  await member.put('go-t/0', new Uint8Array(1));
  const once = await first.ended;
  assert.equal(once.signal, 'SIGTERM');
  assert.deepEqual(states(once.out), [['t/0', 'done', 1]]);
  const second = startAttacca(words, around);
  // It has begun when it has noted its name.
  while (!(await lines()).includes('t/1'));
  second.process.kill('SIGTERM');
  for (let said = ''; !/once more/u.test(said); ) {
    said = await new Promise((resolve) => second.process.stderr?.once('data', resolve));
  }
  second.process.kill('SIGTERM');
  const twice = await second.ended;
  assert.deepEqual(states(twice.out), [['t/1', 'cut', 1]]);
  await member.put('go-t/1', new Uint8Array(1));
  const third = await attacca([...words.slice(0, 2), '--count', '1', ...words.slice(2)], around);
  assert.deepEqual(states(third.out), [['t/1', 'done', 1]]);
  assert.deepEqual(await lines(), ['t/0', 't/1', 't/1']);
  assert.equal(await view.count('true'), 4);
});

test('words that are too long for the system fail one run, in words; others are run', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await member.put('long', new Uint8Array(1), { attributes: { text: 'x'.repeat(50_000) } });
  await member.put('short', new Uint8Array(1), { attributes: { text: 'x' } });
  const { around } = await notes(t, pool.address);
  const line = ['when', 'true', '-n', '2', '--', 'echo', '{attributes.text}'.repeat(4)];
  const { code, out, err } = await attacca(line, around);
  assert.deepEqual([code, out], [1, 'xxxx\n']);
  const why = 'Cannot run "echo": its arguments and its environment are too long for the system';
  assert.ok(err.includes(`"long" version 1: failed: ${why}\n`), err);
});

test('what cannot be run, or asked for, says why', async (t) => {
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  await putAll(member, 0, 1);
  const { around } = await notes(t, pool.address);
  for (const [line, code, said] of [
    [['when', 'true', '--as', 'a', '--', './no-such-program'], 127, /there is no such command/u],
    [['when', 'true'], 2, /it needs "-- COMMAND"/u],
    [['when', '--', 'true'], 2, /it takes one SELECTOR/u],
    [['when', 'true', '-j', '0', '--', 'true'], 2, /"--jobs" needs a whole number/u],
    [['when', 'true', '--retries', '-', '--', 'true'], 2, /--retries is a whole number/u],
    [['when', 'true', '--retries', '1000000', '--', 'true'], 2, /a whole number from 0 to 999999/u],
    [['when', 'true', '--from', 'then', '--', 'true'], 2, /--from is snapshot, now or start/u],
    [['when', 'step =', '--', 'true'], 2, /bad-selector/u],
    [['when', 'true', '-n', '1', '--', 'echo', '{attributes.no}'], 1, /has no attribute "no"/u],
  ] as const) {
    const result = await attacca([...line], around);
    assert.equal(result.code, code, line.join(' '));
    assert.match(result.err, said);
  }
  const told = async () => JSON.stringify((await member.info())['subscriptions']);
  assert.match(await told(), /"name":"a"/u);
  const forgetting = ['when', 'true', '--as', 'a', '--forget', '--', './no-such-program'];
  assert.equal((await attacca(forgetting, around)).code, 127);
  assert.doesNotMatch(await told(), /"name":"a"/u);
  const named = await attacca(['when', 'true', '-n', '1', '--', 'true'], around);
  assert.match(named.err, /its name is when\/[0-9a-f]{12}\n/u);
  // Started again it says why nothing is run that was.
  await member.put('more', Uint8Array.of(1));
  const again = await attacca(['when', 'true', '-n', '1', '--', 'true'], around);
  assert.match(again.err, /its name is when\/[0-9a-f]{12}; it goes on where it stopped: what is/u);
  const called = ['when', 'name = "more"', '-n', '1', '--as', 'called', '--', 'true'];
  assert.doesNotMatch((await attacca(called, around)).err, /goes on/u);
});
