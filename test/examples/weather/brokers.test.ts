import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { problemsOf, type TraceRecord } from '../../apps/traced-run.js';
import { DemoProcess, isAlive } from './demo-process.js';
import { sharedFile, whyWithout } from './shared-data.js';

const TINY = ['--members', '2', '--steps', '2', '--grid', '32x64'] as const;
const FIELDS = 2 * 2 * 9;
const PNG = '89504e470d0a1a0a';
const ATTACCA = fileURLToPath(new URL('../../../bin/attacca', import.meta.url));
const GRIB = 'era5-levels-members.grib';

/** The main program that `start` means. */
type Example = 'weather' | 'weather/brokers';

const demos: DemoProcess[] = [];
after(() => {
  for (const demo of demos) demo.remove();
});

function startExample(example: Example, ...args: readonly string[]): DemoProcess {
  const demo = new DemoProcess(example, args);
  demos.push(demo);
  return demo;
}

function start(...args: readonly string[]): DemoProcess {
  return startExample('weather/brokers', ...args);
}

/** Only the directory that the user's pools share may stay. */
function assertNothingLeft(demo: DemoProcess, ...kept: readonly string[]): void {
  const left = demo.leftovers(...kept).filter((path) => !/^(out|attacca-\d+)$/.test(path));
  assert.deepEqual(left, []);
}

/** All was there, whoever died: what the run says of itself. */
async function figuresOf(demo: DemoProcess, promised: number) {
  const { code, output, errors } = await demo.ended;
  assert.equal(code, 0, output + errors);
  assert.match(output, /producer\[0\]: fc\/number=0\/.* was vetoed by contract\[0\]: .*; mended/);
  assert.match(output, /late\[0\] joins when \d+ of \d+ fields/);
  assert.match(output, /Nothing is missing/);
  const figures = JSON.parse(readFileSync(join(demo.directory, 'figures.json'), 'utf8'));
  assert.equal(figures.promised, promised);
  assert.equal(figures.checked, promised);
  assert.equal(figures.late_told, promised);
  assert.equal(figures.late_products, promised);
  assert.equal(figures.late_missing, 0);
  assert.deepEqual([figures.vetoed, figures.vetoes_heard], [1, 1]);
  const { late_told_before: before, behind_middle: behind } = figures;
  assert.ok(before >= Math.floor(promised / 3), `${before} were offered before somebody joined`);
  assert.ok(behind > 0 && before <= promised - behind, `${before} of ${promised}, ${behind} after`);
  return figures;
}

/** What archiver, librarian and tracer have done, and what is found of it. */
async function conductedOf(demo: DemoProcess, promised: number, at = demo.directory) {
  const figures = await figuresOf(demo, promised);
  const { archived, listed, damage, lent, traced, not_traced: missed } = figures.conducted;
  assert.deepEqual([archived, listed, damage, missed], [promised, promised, '', 0]);
  assert.equal(figures.late_fetched, figures.late_told_before);
  assert.ok(lent >= figures.late_fetched && traced > 0, `${lent} lent, ${traced} traced`);
  const store = join(at, 'out/brokers/stored');
  const attacca = async (...args: readonly string[]) => {
    const { stdout, stderr } = await promisify(execFile)(ATTACCA, args);
    return stdout + stderr;
  };
  const names = (await attacca('ls', '--store', store, '-w', 'ecmwf.number = 1')).trim();
  assert.equal(names.split('\n').length, promised / 2);
  const sound = new RegExp(`^${promised} objects, .*: nothing is damaged\n$`);
  assert.match(await attacca('fsck', store), sound);
  const trace = readFileSync(join(at, 'out/brokers/trace.json'), 'utf8');
  assert.deepEqual(problemsOf(JSON.parse(trace) as TraceRecord[]), []);
  for (const member of ['archiver[0]', 'librarian[0]', 'late[0]']) {
    assert.ok(trace.includes(`"${member}"`), member);
  }
  return figures;
}

test('a worker is killed and one joins late: nothing is lost, and it ends by itself', async () => {
  // What the librarian lends is offered, too.
  const own = '"has ecmwf.param and not has archive.path"';
  const told = `attacca events offer -w ${own} --from start --complete --json > told.jsonl`;
  const joined = 'attacca events join --from start --for 0s -q > joined.txt';
  const way = ['--kill-worker', '--beside', told, '--beside', joined];
  const demo = start(...TINY, ...way, '--json', 'figures.json');
  await conductedOf(demo, FIELDS);
  const { output } = await demo.ended;
  assert.match(output, /worker\[\d\] is killed after 2 products/);
  const map = readFileSync(join(demo.directory, 'out/brokers/spread-500hPa.png'));
  assert.equal(map.subarray(0, 8).toString('hex'), PNG);
  const lines = readFileSync(join(demo.directory, 'told.jsonl'), 'utf8').trim().split('\n');
  assert.equal(lines.length, FIELDS, 'a command beside them is told of all, too');
  readFileSync(join(demo.directory, 'joined.txt'));
  assertNothingLeft(demo, 'out/brokers', 'figures.json', 'told.jsonl', 'joined.txt');
});

test('a run takes the place of the run before, and of nothing else', async () => {
  const way = ['--members', '2', '--steps', '1', '--grid', '32x64', '--json', 'figures.json'];
  const first = start(...way);
  await conductedOf(first, FIELDS / 2);
  const again = start(...way, '--seed', '2', '--out', join(first.directory, 'out/brokers'));
  await conductedOf(again, FIELDS / 2, first.directory);
  assertNothingLeft(again, 'figures.json');
  const args = [...way, '--out', '.'];
  const other = new DemoProcess('weather/brokers', args, { stored: Buffer.from('mine') });
  demos.push(other);
  const { code, errors } = await other.ended;
  assert.equal(errors, 'Cannot take "--out .": its directory "stored" is no store\n');
  assert.equal(code, 2);
  assert.equal(readFileSync(join(other.directory, 'stored'), 'utf8'), 'mine');
});

test('a tracer beside them is asked to end: each field is handed over three times', async () => {
  const tracer = 'attacca tracer --from start -f perfetto -o trace.json -q';
  const way = ['--members', '2', '--steps', '1', '--grid', '32x64', '--json', 'figures.json'];
  const demo = start(...way, '--without-conductors', '--beside', tracer);
  const { conducted } = await figuresOf(demo, FIELDS / 2);
  assert.equal(conducted, undefined);
  const out = readdirSync(join(demo.directory, 'out/brokers'));
  assert.deepEqual(out, ['spread-500hPa.png']);
  const text = readFileSync(join(demo.directory, 'trace.json'), 'utf8');
  const records = JSON.parse(text) as TraceRecord[];
  assert.deepEqual(problemsOf(records), []);
  const names = new Map(
    records.flatMap(({ name, pid, args }) =>
      name === 'process_name' ? [[pid, String(args?.['name']).replace(/\[\d+\]/, '')]] : [],
    ),
  );
  const offered = new Map<number, string>();
  const ways: { [way: string]: number } = {};
  for (const { ph, id = 0, pid } of records) {
    if (ph === 's') offered.set(id, names.get(pid) ?? '');
    if (ph !== 'f') continue;
    const taken = `${offered.get(id)} -> ${names.get(pid)}`;
    ways[taken] = (ways[taken] ?? 0) + 1;
  }
  const count = FIELDS / 2;
  assert.equal(ways['producer -> broker'], count);
  assert.equal(ways['broker -> worker'], count);
  // Those of which it draws the spread it takes again.
  assert.equal(ways['worker -> late'], count + 2);
});

test('a command beside them that fails is told, and fails the run', async () => {
  const demo = start(...TINY, '--beside', 'exit 3');
  const { code, errors } = await demo.ended;
  assert.equal(code, 1);
  assert.match(errors, /^Cannot finish: exit 3 ended with 3\n$/);
});

test('messages of a GRIB file flow with their keys', { skip: whyWithout(GRIB) }, async () => {
  const way = ['--input', sharedFile(GRIB), '--members', '2', '--steps', '3'];
  const demo = start(...way, '--json', 'figures.json');
  // Two parameters on two levels.
  const { bytes } = await conductedOf(demo, 2 * 3 * 2 * 2);
  assert.equal(bytes, 24 * 14_752);
  assertNothingLeft(demo, 'out/brokers', 'figures.json');
});

test('a broker that dies ends the run, which says who it was', async () => {
  const demo = start('--members', '2', '--steps', '40', '--grid', '32x64');
  await demo.said(/(was vetoed)/);
  const [broker = 0] = demo.programs('brokers/broker.js');
  process.kill(broker, 'SIGKILL');
  const { code, errors } = await demo.ended;
  assert.equal(code, 1);
  assert.match(errors, /^Cannot finish: broker\[\d\] was ended by SIGKILL/);
  assert.ok(!isAlive(broker));
  assertNothingLeft(demo, 'out/brokers');
});

test('archiver, librarian and tracer that are killed are started again', async () => {
  const size = ['--members', '2', '--steps', '40', '--grid', '32x64'];
  const demo = start(...size, '--json', 'figures.json');
  await demo.said(/(was vetoed)/);
  for (const role of ['archiver', 'tracer', 'librarian']) {
    const [pid = 0] = demo.programs(`brokers/${role}.js`);
    assert.ok(pid > 0, role);
    process.kill(pid, 'SIGKILL');
    await demo.said(new RegExp(`(${role}).0. was ended by SIGKILL: it is started again`));
  }
  const promised = 2 * 40 * 9;
  const {
    conducted,
    late_fetched: fetched,
    late_told_before: before,
  } = await figuresOf(demo, promised);
  const { listed, damage, restarts, not_archived, not_traced } = conducted;
  assert.deepEqual([listed, damage, restarts, not_archived, not_traced], [promised, '', 3, 0, 0]);
  assert.equal(fetched, before);
  const trace = readFileSync(join(demo.directory, 'out/brokers/trace.json'), 'utf8');
  assert.deepEqual(problemsOf(JSON.parse(trace) as TraceRecord[]), []);
  assertNothingLeft(demo, 'out/brokers', 'figures.json');
});

test('Ctrl-C ends it at any time: before the pool is there, and in the middle', async () => {
  const moments = [/(producers and their brokers)/, /(an ordinary pool)/, /(was vetoed)/];
  for (const moment of moments) {
    const demo = start('--members', '2', '--steps', '40', '--grid', '32x64');
    await demo.said(moment);
    demo.signal('SIGINT');
    const { code, output, errors } = await demo.ended;
    assert.deepEqual([code, errors], [130, ''], `${moment}`);
    assert.doesNotMatch(output, /It has ended by itself/);
    assertNothingLeft(demo, 'out/brokers');
  }
});

test('what cannot be is refused in words', async () => {
  const refusals: readonly (readonly [string, ...string[]])[] = [
    ['--kill-worker', '--workers', '1'],
    ['--grid', '33x64'],
    ['--input', 'nothing.grib'],
    ['--input', '/proc/self/exe'],
  ];
  for (const args of refusals) {
    const { code, errors } = await start(...args).ended;
    assert.ok(code === 1 || code === 2, `${code}`);
    assert.match(errors, /^Cannot (take|read|import) "/, args.join(' '));
    assert.equal(errors.split('\n').length, 2, errors);
  }
});

test('consumers that are told of fields take just what those take who know their names', async () => {
  const size = ['--size', 'ecmwf', '--members', '2', '--steps', '1', '--grid', '32x64'];
  const made: unknown[] = [];
  for (const via of ['pool', 'brokers']) {
    const demo = startExample('weather', ...size, '--via', via, '--json', 'figures.json');
    const { code, output, errors } = await demo.ended;
    assert.equal(code, 0, output + errors);
    const { vias } = JSON.parse(readFileSync(join(demo.directory, 'figures.json'), 'utf8'));
    const { fields, products, products_sha256 } = vias[via];
    assert.deepEqual([fields, products], [2 * 176, 2 * 176], via);
    made.push(products_sha256);
  }
  assert.equal(made[0], made[1]);
  const { code, errors } = await startExample('weather', '--via', 'brokers').ended;
  assert.equal(code, 2);
  assert.match(errors, /^Cannot take "--via brokers" without --size ecmwf/);
});
