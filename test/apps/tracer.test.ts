import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type TraceFormat, tracer } from '../../src/apps/index.js';
import { PerfettoSink } from '../../src/apps/tracer/perfetto.js';
import { join, Timestamp } from '../../src/client/index.js';
import { testPool } from '../../src/testing/index.js';
import { eventOf, problemsOf, type TraceRecord, tracedRun } from './traced-run.js';

const STEPS = 5;

/** Traces a run, and returns what the file says. */
async function traced(t: TestContext, format: TraceFormat, to?: string): Promise<string> {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-trace-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = joinPath(directory, 'trace');
  await using pool = await testPool();
  await using watcher = await join({ address: pool.address, member: 'tracer' });
  const tracing = tracer(watcher, { format, to: to ?? file, until: 'complete' });
  let isOver = false;
  tracing.catch(() => {
    isOver = true;
  });
  // It has subscribed when it is seen.
  for (let seen = 0; seen === 0 && !isOver; ) {
    const events = (await watcher.info())['events'] as { readonly subscriptions: number };
    seen = events.subscriptions;
  }
  await tracedRun(pool.address, STEPS);
  const { events, missed } = await tracing;
  assert.ok(events > 6 * STEPS && missed === 0);
  return to === undefined ? await readFile(file, 'utf8') : '';
}

test('when it is told to end, what has come is written', async (t) => {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-trace-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = joinPath(directory, 'trace');
  await using pool = await testPool();
  await using watcher = await join({ address: pool.address, member: 'tracer' });
  const end = new AbortController();
  const options = { kinds: 'steer', from: 'start', signal: end.signal } as const;
  const tracing = tracer(watcher, { format: 'jsonl', to: file, ...options });
  for (let isThere = false; !isThere; ) {
    const { subscriptions } = (await watcher.info())['events'] as { subscriptions: number };
    isThere = subscriptions === 1;
  }
  const count = 500;
  const emits = Array.from({ length: count }, (_, n) => watcher.emit('steer', { n }));
  // Its answer comes with the events, and behind them.
  await watcher.info();
  end.abort();
  assert.deepEqual(await tracing, { events: count, missed: 0, undelivered: 0, overflowed: 0 });
  assert.equal((await readFile(file, 'utf8')).trim().split('\n').length, count);
  await Promise.all(emits);
});

test('a trace for Perfetto: slices in pairs, arrows between them, time that goes on', async (t) => {
  const records = JSON.parse(await traced(t, 'perfetto')) as TraceRecord[];
  assert.deepEqual(problemsOf(records), []);
  const processes = records.filter(({ name }) => name === 'process_name');
  const names = new Map(processes.map(({ pid, args }) => [pid, args?.['name']]));
  assert.deepEqual(
    new Set(names.values()),
    new Set(['model[0]', 'product', 'viewer', 'tracer'].filter((name) => name !== 'tracer')),
  );
  const slices = records.filter(({ ph }) => ph === 'B');
  const count = (cat: string): number => slices.filter((slice) => slice.cat === cat).length;
  assert.deepEqual(
    [count('object'), count('need'), count('use')],
    [2 * STEPS, 2 * STEPS + 1, 2 * STEPS],
  );
  const arrows = records.filter(({ ph }) => ph === 'f');
  assert.equal(arrows.length, 2 * STEPS, 'each hand-over is an arrow');
  const step = slices.find(({ name, cat }) => name === 't/3' && cat === 'object');
  assert.equal(step?.args?.['attributes.step'], 3);
  assert.equal(names.get(step?.pid ?? 0), 'model[0]');
});

test('an arrow also goes from an object to who requires it later, and none from one unseen', async () => {
  const records: TraceRecord[] = [];
  const output = {
    write: (text: string) => {
      const json = text.replace(/^[,[\]]?\n/u, '').trim();
      if (json.startsWith('{')) records.push(JSON.parse(json) as TraceRecord);
    },
    flush: async () => {},
    close: async () => {},
  };
  const sink = new PerfettoSink(output, async () => []);
  let seq = 0;
  const happens = (kind: string, member: string, name: string): void =>
    sink.take(eventOf(++seq, kind, member, name));
  happens('offer', 'producer', 'x');
  for (const member of ['early', 'late']) happens('require', member, 'x');
  happens('require', 'early', 'unseen');
  for (const member of ['early', 'late']) happens('demand', member, 'x');
  happens('demand', 'early', 'unseen');
  await sink.close();
  const rowOf = (record: TraceRecord | undefined): unknown => [record?.pid, record?.tid];
  const begun = (cat: string, name: string): TraceRecord[] =>
    records.filter((each) => each.ph === 'B' && each.cat === cat && each.name === name);
  const [object] = begun('object', 'x');
  const uses = begun('use', 'x');
  const from = records.filter(({ ph }) => ph === 's');
  const to = records.filter(({ ph }) => ph === 'f');
  assert.deepEqual(from.map(rowOf), [rowOf(object), rowOf(object)]);
  assert.deepEqual(to.map(rowOf), uses.map(rowOf));
  assert.deepEqual(
    to.map(({ id }) => id),
    from.map(({ id }) => id),
  );
  assert.deepEqual(problemsOf(records), []);
});

test('values of attributes are as people write them', async (t) => {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-trace-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const to = joinPath(directory, 'trace');
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const attributes = { at: new Timestamp(0n), step: 6, param: 't', levels: [1, 2], real: true };
  await member.put('x', new Float64Array(1), { attributes });
  await tracer(member, { format: 'perfetto', to, forMs: 0 });
  const records = JSON.parse(await readFile(to, 'utf8')) as TraceRecord[];
  const args = records.find(({ name }) => name === 'x')?.args ?? {};
  assert.deepEqual(
    ['at', 'step', 'param', 'levels', 'real'].map((key) => args[`attributes.${key}`]),
    ['1970-01-01T00:00:00Z', 6, 't', '[1,2]', 'true'],
  );
});

test('calls are read when the tracer ends, and those of one time have a row each', async (t) => {
  const directory = await mkdtemp(joinPath(tmpdir(), 'attacca-trace-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const [to, calls] = [joinPath(directory, 'trace'), joinPath(directory, 'calls')];
  await using pool = await testPool();
  await using member = await join({ address: pool.address, member: 'm' });
  const end = new AbortController();
  const run = () =>
    tracer(member, { format: 'perfetto', to, calls: [calls], signal: end.signal, from: 'start' });
  const tracing = run();
  await member.put('x', new Float64Array(1));
  const call = (startUs: number, durationUs: number, outcome = 'ok') =>
    JSON.stringify({ member: 'm', call: 'put', object: 'x', startUs, durationUs, outcome });
  await writeFile(calls, [call(30, 5), call(10, 9, 'vetoed'), call(15, 9)].join('\n'));
  end.abort();
  await tracing;
  const records = JSON.parse(await readFile(to, 'utf8')) as TraceRecord[];
  assert.deepEqual(problemsOf(records), []);
  const drawn = records.filter(({ ph, cat }) => ph === 'X' && cat === 'call');
  assert.deepEqual(
    drawn.map(({ name, ts }) => [name, ts]),
    [
      ['vetoed: put x', 10],
      ['put x', 15],
      ['put x', 30],
    ],
  );
  const [first = 0, second = 0, third = 0] = drawn.map(({ tid }) => tid);
  assert.ok(first === third && second === first + 1, 'a row that is free is used again');
  await rm(calls);
  await assert.rejects(run(), { code: 'file-error' });
  const whole = JSON.parse(await readFile(to, 'utf8')) as TraceRecord[];
  assert.deepEqual(problemsOf(whole), [], 'and the trace is whole');
});

test('rows of a member are sorted: its events, calls, waits, in hand, offered', async (t) => {
  const records = JSON.parse(await traced(t, 'perfetto')) as TraceRecord[];
  const product = records.find(({ args }) => args?.['name'] === 'product')?.pid;
  const rows = records
    .filter(({ name, pid }) => name === 'thread_name' && pid === product)
    .sort((one, other) => one.tid - other.tid)
    .map(({ args }) => String(args?.['name']));
  assert.deepEqual([...new Set(rows)], ['events', 'waits', 'in hand', 'offered']);
});

test('the checks of a trace find what is wrong with one', () => {
  const base = { pid: 1, tid: 1 };
  const wrong: readonly [TraceRecord[], RegExp][] = [
    [[{ ph: 'E', ts: 1, ...base }], /has not begun/u],
    [[{ ph: 'B', ts: 1, ...base }], /does not end/u],
    [
      [
        { ph: 'B', ts: 2, ...base },
        { ph: 'E', ts: 2, ...base },
      ],
      /goes back/u,
    ],
    [[{ ph: 'f', ts: 1, id: 1, ...base }], /hangs loose/u],
    [
      [
        { ph: 'B', ts: 1, pid: 1, tid: 2 },
        { ph: 'B', ts: 2, ...base },
        { ph: 's', ts: 3, id: 1, ...base },
        { ph: 'f', ts: 4, id: 1, pid: 1, tid: 2 },
      ],
      /goes to what began before/u,
    ],
  ];
  for (const [records, said] of wrong) assert.match(problemsOf(records).join('; '), said);
});

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly attributes: readonly { readonly key: string }[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: object }[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

test('spans of OpenTelemetry come to a collector: one trace a version, linked', async (t) => {
  const requests: OtlpRequest[] = [];
  let asked = 0;
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      assert.equal(request.url, '/v1/traces');
      assert.equal(request.headers['content-type'], 'application/json');
      // The first time it is too busy.
      const isBusy = asked++ === 0;
      if (!isBusy) requests.push(JSON.parse(Buffer.concat(chunks).toString()));
      response.writeHead(isBusy ? 503 : 200, { 'content-type': 'application/json' }).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await traced(t, 'otlp', `http://127.0.0.1:${port}`);
  const resources = requests.flatMap(({ resourceSpans }) => resourceSpans);
  const spans = resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const services = resources.map(({ resource }) =>
    JSON.stringify(resource.attributes.find(({ key }) => key === 'service.name')?.value),
  );
  assert.deepEqual(
    new Set(services),
    new Set(['model', 'product', 'viewer'].map((name) => `{"stringValue":"${name}"}`)),
  );
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  assert.equal(byId.size, spans.length, 'ids are unique');
  const count = (name: string): number => spans.filter((span) => span.name === name).length;
  for (const name of ['offer', 'require', 'demand']) assert.equal(count(name), 2 * STEPS);
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === undefined);
  assert.equal(new Set(roots.map(({ traceId }) => traceId)).size, 2 * STEPS);
  for (const span of spans) {
    assert.match(`${span.traceId} ${span.spanId}`, /^[0-9a-f]{32} [0-9a-f]{16}$/u);
    assert.ok(BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano));
    if (span.parentSpanId === undefined) continue;
    assert.equal(byId.get(span.parentSpanId)?.traceId, span.traceId);
  }
  for (const demand of spans.filter(({ name }) => name === 'demand')) {
    const [link] = demand.links ?? [];
    assert.equal(byId.get(link?.spanId ?? '')?.name, 'offer');
    assert.equal(link?.traceId, demand.traceId);
  }
  const products = spans.filter(({ name, links }) => name === 'offer' && links !== undefined);
  assert.equal(products.length, STEPS, 'a product links to the field that it was made of');
  for (const { links = [] } of products) {
    for (const { spanId } of links) assert.equal(byId.get(spanId)?.name, 'demand');
  }
});

test('a collector that refuses, a port where nobody is, and a directory are told', async (t) => {
  const server = createServer((_, response) => response.writeHead(400).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  await assert.rejects(traced(t, 'otlp', `http://127.0.0.1:${port}`), /it answers 400/u);
  await assert.rejects(traced(t, 'jsonl', tmpdir()), { code: 'file-error' });
  await assert.rejects(traced(t, 'syslog', 'tcp://127.0.0.1:1'), { code: 'file-error' });
  await assert.rejects(traced(t, 'syslog', '/dev/log'), { code: 'bad-argument' });
});

const SYSLOG =
  /^<13[24]>1 \d{4}-\d\d-\d\dT[\d:.]+Z \S+ attacca \d+ \S+ \[attacca@32473 seq="\d+" [^\n]*\] \ufeff\S/u;

test('messages of syslog arrive by datagram, and over a connection with their lengths', async (t) => {
  const datagrams: string[] = [];
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  socket.on('message', (message) => datagrams.push(message.toString()));
  const offered = new Promise<void>((resolve) => {
    socket.on('message', (message) => {
      if (message.includes(`offer "p/${STEPS - 1}" by product`)) resolve();
    });
  });
  await traced(t, 'syslog', `udp://127.0.0.1:${socket.address().port}`);
  await offered;
  for (const message of datagrams) assert.match(message, SYSLOG);
  let stream = Buffer.alloc(0);
  const ended = new Promise<void>((resolve) => {
    const server = createTcpServer((connection) => {
      connection.on('data', (chunk) => {
        stream = Buffer.concat([stream, chunk]);
      });
      connection.on('close', () => resolve(void server.close()));
    });
    server.listen(0, '127.0.0.1', async () => {
      const { port } = server.address() as AddressInfo;
      await traced(t, 'syslog', `tcp://127.0.0.1:${port}`);
    });
  });
  await ended;
  let count = 0;
  for (; stream.length > 0; count++) {
    const space = stream.indexOf(' ');
    const length = Number(stream.subarray(0, space).toString());
    assert.match(stream.subarray(space + 1, space + 1 + length).toString(), SYSLOG);
    stream = stream.subarray(space + 1 + length);
  }
  assert.ok(count > 6 * STEPS);
});
