import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join as joinPath, resolve } from 'node:path';
import { test } from 'node:test';
import { join } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { problemsOf, type TraceRecord, tracedRun } from '../apps/traced-run.js';
import { attacca, filesOf, jsonLines, startAttacca, startProgram } from './command.js';

const ROOT = resolve(import.meta.dirname, '../../..');

test('tracer writes events as lines, and a trace, until it is interrupted', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await tracedRun(pool.address, 2);
  const kinds = ['offer', '-w', 'kind = "mean"', '--from', 'start', '--complete'];
  const lines = await attacca(['tracer', ...kinds], around);
  assert.deepEqual([lines.code, lines.err], [0, '']);
  assert.deepEqual(
    jsonLines(lines.out).map(({ kind, name }) => [kind, name]),
    [
      ['offer', 'p/0'],
      ['offer', 'p/1'],
    ],
  );
  await using member = await join({ address: pool.address, member: 'late' });
  await using events = await member.subscribe({ kinds: 'join' });
  const tracing = startAttacca(['tracer', '-f', 'perfetto', '-o', 'trace.json'], around);
  assert.equal((await events.wait())?.name, 'tracer[0]');
  for (let seen = 0; seen < 2; ) {
    const info = (await member.info())['events'] as { readonly subscriptions: number };
    seen = info.subscriptions;
  }
  await member.put('x', new Float64Array(1));
  const file = joinPath(directory, 'trace.json');
  // What it has heard is in the file when nothing more waits.
  while (!(await readFile(file, 'utf8')).includes('"name":"x","cat":"object"'));
  tracing.process.kill('SIGINT');
  assert.equal((await tracing.ended).signal, 'SIGINT');
  const records = JSON.parse(await readFile(file, 'utf8')) as TraceRecord[];
  assert.deepEqual(problemsOf(records), []);
});

test('an unchanged program tells of its calls, which come into the trace', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const environment = { ATTACCA_TRACE: 'calls.jsonl' };
  const program = joinPath(ROOT, 'dist/examples/keep-alive/main.js');
  const run = startProgram(process.execPath, [program], { directory, environment });
  assert.equal((await run.ended).code, 0);
  const calls = jsonLines(await readFile(joinPath(directory, 'calls.jsonl'), 'utf8'));
  const told = calls.map(({ member, call, object, outcome }) =>
    [member, call, object, outcome].join(' '),
  );
  assert.ok(told.includes('model offer restart/2 ok'), told.join('\n'));
  assert.ok(told.includes('keeper wait restart/3 nobody-will-offer'));
  for (const { durationUs, startUs } of calls) {
    assert.ok(Number(durationUs) >= 0 && Number(startUs) > 1e15);
  }
  await writeFile(
    joinPath(directory, 'cut.jsonl'),
    'none\n{"process":1,"call":"put","startUs":1}\n{}\n{"pro',
  );
  const around = { pool: pool.address, directory };
  await using member = await join({ address: pool.address, member: 'm' });
  await (await member.promise('nothing')).close();
  const line = ['tracer', '-f', 'perfetto', '-o', 't.json', '--complete', '--json'];
  const files = ['--calls', 'calls.jsonl', '--calls', 'cut.jsonl'];
  const written = await attacca([...line, ...files], around);
  const skipped = 'attacca tracer: left out line 1 of cut.jsonl, which is no call, and 1 other\n';
  assert.deepEqual([written.code, written.err], [0, skipped]);
  const records = JSON.parse(await readFile(joinPath(directory, 't.json'), 'utf8'));
  const begun = (records as TraceRecord[]).filter(({ ph, cat }) => ph === 'X' && cat === 'call');
  assert.equal(begun.length, calls.length + 1);
  const failed = begun.find(({ args }) => args?.['outcome'] === 'nobody-will-offer');
  assert.equal(failed?.name, 'nobody-will-offer: wait restart/3');
  for (const [wrong, said] of [
    [['tracer', '-f', 'xml'], /--format is jsonl, perfetto/u],
    [['tracer', '-f', 'syslog'], /syslog needs "--to udp/u],
    [['tracer', '-f', 'otlp', '--calls', 'x'], /--calls goes with/u],
    [['tracer', '--from', 'then'], /--from is now, start/u],
  ] as const) {
    const { code, err } = await attacca([...wrong], around);
    assert.equal(code, 2);
    assert.match(err, said);
  }
  await writeFile(joinPath(directory, 'none.jsonl'), 'x\ny\n');
  const none = await attacca([...line, '--calls', 'none.jsonl'], around);
  assert.equal(none.code, 1);
  assert.match(none.err, /line 1 is no call, nor is another one"/u);
});

test('what could not be delivered is counted and said, at Ctrl-C and at the end', async (t) => {
  await using pool = await testPool();
  const directory = await filesOf(t);
  const around = { pool: pool.address, directory };
  await using member = await join({ address: pool.address, member: 'm' });
  await member.put('x', new Float64Array(1));
  // A port at which nobody is: it was somebody's a moment ago.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const taken: Socket[] = [];
  server.on('connection', (socket) => taken.push(socket.on('error', () => {})));
  const to = `127.0.0.1:${port}`;
  const syslog = ['tracer', 'steer', '-f', 'syslog', '-o', `tcp://${to}`, '--json'];
  const tracing = startAttacca(syslog, around);
  for (let seen = 0; seen < 1; ) {
    const info = (await member.info())['events'] as { readonly subscriptions: number };
    seen = info.subscriptions;
  }
  assert.equal(taken.length, 1);
  const closed = new Promise((resolve) => server.close(resolve));
  for (const socket of taken) socket.resetAndDestroy();
  await closed;
  for (let n = 0; n < 3; n++) await member.emit('steer', { n });
  await tracing.complained(/tries again/u);
  tracing.process.kill('SIGINT');
  const ended = await tracing.ended;
  assert.equal(ended.signal, 'SIGINT');
  assert.match(ended.err, /could not deliver 3 messages of 3 events to tcp:/u);
  assert.deepEqual(jsonLines(ended.out), [
    { events: 3, missed: 0, undelivered: 3, to: `tcp://${to}` },
  ]);
  const otlp = ['tracer', '-f', 'otlp', '-o', `http://${to}`, '--for', '0s'];
  const inVain = await attacca(otlp, around);
  assert.equal(inVain.code, 1);
  assert.match(inVain.err, /ECONNREFUSED[^\n]*; tries again\n.*it has not got 2 spans/u);
  const interrupted = startAttacca(['tracer', '-f', 'otlp', '-o', `http://${to}`], around);
  await interrupted.complained(/tries again/u);
  interrupted.process.kill('SIGTERM');
  const { signal, err } = await interrupted.ended;
  assert.equal(signal, 'SIGTERM');
  assert.match(err, /could not deliver \d spans? of \d events? to http:/u);
});
